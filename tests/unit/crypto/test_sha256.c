/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 piece by piece gives what it gives at once. */
#include "crypto/sha256.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint8_t text[5000];

static void pieces_of_any_size_give_the_digest_of_the_whole(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (uint8_t)(i * 31 + i / 251);
  static const size_t pieces[] = {1, 3, 64, 1023, 1024, 1025, 2500, 5000};
  static const size_t sizes[] = {0, 1, 63, 64, 1023, 1024, 1025, 2048, 2049, 5000};
  sd_sha256_stream stream;
  sd_sha256_init(&stream);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    uint8_t whole[SD_SHA256_SIZE];
    assert_int_equal(sd_sha256(sd_bytes_make(text, sizes[s]), whole), SD_OK);
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
      uint8_t digest[SD_SHA256_SIZE];
      sd_sha256_begin(&stream);
      for (size_t at = 0; at < sizes[s]; at += pieces[p])
        sd_sha256_update(&stream, text + at, sizes[s] - at < pieces[p] ? sizes[s] - at : pieces[p]);
      assert_int_equal(sd_sha256_end(&stream, digest), SD_OK);
      assert_memory_equal(digest, whole, sizeof whole);
    }
  }
  sd_sha256_release(&stream);
}

static void an_unfinished_text_is_forgotten(void **state)
{
  (void)state;
  uint8_t whole[SD_SHA256_SIZE];
  uint8_t digest[SD_SHA256_SIZE];
  sd_sha256_stream stream;
  sd_sha256_init(&stream);
  sd_sha256_update(&stream, text, sizeof text);
  sd_sha256_begin(&stream);
  sd_sha256_update(&stream, "abc", 3);
  assert_int_equal(sd_sha256_end(&stream, digest), SD_OK);
  assert_int_equal(sd_sha256(sd_bytes_of("abc"), whole), SD_OK);
  assert_memory_equal(digest, whole, sizeof whole);
  sd_sha256_release(&stream);
}

static void a_short_text_can_be_looked_at(void **state)
{
  (void)state;
  sd_bytes seen;
  sd_sha256_stream stream;
  sd_sha256_init(&stream);
  sd_sha256_update(&stream, "abc", 3);
  assert_true(sd_sha256_text(&stream, &seen));
  assert_true(sd_bytes_equal_text(seen, "abc"));
  sd_sha256_update(&stream, text, SD_SHA256_BUFFER);
  assert_false(sd_sha256_text(&stream, &seen));
  sd_sha256_release(&stream);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_of_any_size_give_the_digest_of_the_whole),
      cmocka_unit_test(an_unfinished_text_is_forgotten),
      cmocka_unit_test(a_short_text_can_be_looked_at),
  };
  return cmocka_run_group_tests_name("crypto/sha256", tests, NULL, NULL);
}
