/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Base64 and percent encoding: the vectors of RFC 4648 §10, malformed input, round trips. */
#include "base/alloc.h"
#include "base/coding.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_encodes(const char *plain, const char *text)
{
  sd_buf buf;
  sd_buf_init(&buf, 256);
  assert_int_equal(sd_base64_encode(sd_bytes_of(plain), &buf), SD_OK);
  assert_string_equal(sd_buf_text(&buf), text);
  sd_buf_clear(&buf);
  assert_int_equal(sd_base64_decode(sd_bytes_of(text), &buf), SD_OK);
  assert_string_equal(sd_buf_text(&buf), plain);
  sd_buf_release(&buf);
}

static void base64_fits_the_vectors_of_rfc_4648(void **state)
{
  (void)state;
  assert_encodes("", "");
  assert_encodes("f", "Zg==");
  assert_encodes("fo", "Zm8=");
  assert_encodes("foo", "Zm9v");
  assert_encodes("foob", "Zm9vYg==");
  assert_encodes("fooba", "Zm9vYmE=");
  assert_encodes("foobar", "Zm9vYmFy");
}

static void base64_decodes_the_url_alphabet_and_missing_padding(void **state)
{
  (void)state;
  static const uint8_t expected[] = {0xfb, 0xff, 0xbf, 0xfe};
  static const char *const spellings[] = {"+/+//g==", "-_-__g==", "-_-__g"};
  for (size_t i = 0; i < 3; i++) {
    sd_buf buf;
    sd_buf_init(&buf, 64);
    assert_int_equal(sd_base64_decode(sd_bytes_of(spellings[i]), &buf), SD_OK);
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    sd_buf_release(&buf);
  }
}

static void malformed_base64_is_refused_and_nothing_is_appended(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "A", "AB=", "A===", "====", "AB!=", "A B=", "Zm9vZ", "Zh==", "Zm9=", "=AAA"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sd_buf buf;
    sd_buf_init(&buf, 64);
    assert_int_equal(sd_base64_decode(sd_bytes_of(bad[i]), &buf), SD_INVALID);
    assert_int_equal(buf.len, 0);
    sd_buf_release(&buf);
  }
}

static void every_byte_survives_both_codings(void **state)
{
  (void)state;
  uint8_t all[256];
  for (int i = 0; i < 256; i++)
    all[i] = (uint8_t)i;
  sd_buf text;
  sd_buf back;
  sd_buf_init(&text, 1024);
  sd_buf_init(&back, 1024);
  for (size_t len = 0; len <= sizeof all; len++) {
    sd_buf_clear(&text);
    sd_buf_clear(&back);
    assert_int_equal(sd_base64_encode(sd_bytes_make(all, len), &text), SD_OK);
    assert_int_equal(sd_base64_decode(sd_buf_bytes(&text), &back), SD_OK);
    assert_int_equal(back.len, len);
    if (len > 0)
      assert_memory_equal(back.data, all, len);
  }
  sd_buf_clear(&text);
  sd_buf_clear(&back);
  assert_int_equal(sd_percent_encode(sd_bytes_make(all, sizeof all), &text), SD_OK);
  assert_int_equal(sd_percent_decode(sd_buf_bytes(&text), &back), SD_OK);
  assert_int_equal(back.len, sizeof all);
  assert_memory_equal(back.data, all, sizeof all);
  sd_buf_release(&text);
  sd_buf_release(&back);
}

static void percent_encoding_keeps_only_unreserved_characters(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 256);
  assert_int_equal(sd_percent_encode(sd_bytes_of("Az09-._~ sb://h:1/$x+\xc3\xa9"), &buf), SD_OK);
  assert_string_equal(sd_buf_text(&buf), "Az09-._~%20sb%3A%2F%2Fh%3A1%2F%24x%2B%C3%A9");
  sd_buf_clear(&buf);
  assert_int_equal(sd_percent_decode(sd_bytes_of("a%2fb%2Fc+d"), &buf), SD_OK);
  assert_string_equal(sd_buf_text(&buf), "a/b/c+d");
  sd_buf_release(&buf);
}

static void malformed_percent_escapes_are_refused(void **state)
{
  (void)state;
  static const char *const bad[] = {"%", "%4", "a%", "%g0", "%0g", "%%41"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sd_buf buf;
    sd_buf_init(&buf, 64);
    assert_int_equal(sd_percent_decode(sd_bytes_of(bad[i]), &buf), SD_INVALID);
    assert_int_equal(buf.len, 0);
    sd_buf_release(&buf);
  }
}

static void a_full_buffer_and_short_memory_are_reported(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 4);
  assert_int_equal(sd_base64_encode(sd_bytes_of("four"), &buf), SD_LIMIT);
  assert_int_equal(buf.len, 0);
  sd_buf_release(&buf);
  sd_buf_init(&buf, 64);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_base64_encode(sd_bytes_of("four"), &buf), SD_NOMEM);
  sd_alloc_fail_nth(0);
  sd_buf_release(&buf);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(base64_fits_the_vectors_of_rfc_4648),
      cmocka_unit_test(base64_decodes_the_url_alphabet_and_missing_padding),
      cmocka_unit_test(malformed_base64_is_refused_and_nothing_is_appended),
      cmocka_unit_test(every_byte_survives_both_codings),
      cmocka_unit_test(percent_encoding_keeps_only_unreserved_characters),
      cmocka_unit_test(malformed_percent_escapes_are_refused),
      cmocka_unit_test(a_full_buffer_and_short_memory_are_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
