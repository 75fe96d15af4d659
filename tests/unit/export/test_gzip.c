/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Compressed requests, read back by zlib. */
#include "export/gzip.h"

#include "base/alloc.h"
#include "base/random.h"

#include <zlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_round_trip(const uint8_t *data, size_t len)
{
  sd_buf packed;
  sd_buf_init(&packed, 2 * len + 1024);
  assert_int_equal(sd_gzip(sd_bytes_make(data, len), &packed), SD_OK);
  assert_true(packed.len > 18 && packed.data[0] == 0x1f && packed.data[1] == 0x8b);
  uint8_t *back = sd_alloc(len + 1);
  z_stream stream = {
      .next_in = packed.data, .avail_in = (uInt)packed.len, .next_out = back, .avail_out = (uInt)(len + 1)};
  assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
  assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
  assert_int_equal(stream.total_out, len);
  assert_int_equal(stream.avail_in, 0);
  inflateEnd(&stream);
  if (len)
    assert_memory_equal(back, data, len);
  sd_free(back);
  sd_buf_release(&packed);
}

static void what_is_packed_can_be_unpacked(void **state)
{
  (void)state;
  static uint8_t data[300000];
  assert_round_trip(data, 0);
  assert_round_trip((const uint8_t *)"x", 1);
  assert_round_trip(data, sizeof data);
  sd_random_bytes(data, sizeof data); /* cannot be made smaller */
  assert_round_trip(data, sizeof data);
}

static void a_failure_leaves_the_buffer_alone(void **state)
{
  (void)state;
  static uint8_t data[100000];
  sd_buf out;
  sd_buf_init(&out, 100);
  sd_buf_append_text(&out, "before");
  assert_int_equal(sd_gzip(sd_bytes_make(data, sizeof data), &out), SD_LIMIT);
  assert_int_equal(out.len, 6);
  sd_buf_release(&out);
  sd_buf_init(&out, 1 << 20);
  int failures = 0;
  for (uint64_t nth = 1;; nth++) {
    sd_alloc_fail_nth(nth);
    sd_status status = sd_gzip(sd_bytes_make(data, sizeof data), &out);
    sd_alloc_fail_nth(0);
    if (status == SD_OK)
      break;
    assert_int_equal(status, SD_NOMEM);
    assert_int_equal(out.len, 0);
    failures++;
  }
  assert_true(failures > 1);
  sd_buf_release(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_packed_can_be_unpacked),
      cmocka_unit_test(a_failure_leaves_the_buffer_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
