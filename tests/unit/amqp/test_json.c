/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON: every type. */
#include "hex.h"

#include "amqp/value.h"
#include "base/alloc.h"

static sd_status to_json(const char *hex, sd_buf *out)
{
  uint8_t bytes[4096];
  size_t n = hex_bytes(hex, bytes, sizeof bytes);
  sd_amqp_cursor c = {bytes, bytes + n};
  sd_amqp_value v;
  assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
  return sd_amqp_value_to_json(&v, out);
}

static void expect_json(const char *hex, const char *json)
{
  sd_buf out;
  sd_buf_init(&out, 4096);
  assert_int_equal(to_json(hex, &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), json);
  sd_buf_release(&out);
}

static void scalars_become_json(void **state)
{
  (void)state;
  expect_json("40", "null");
  expect_json("41", "true");
  expect_json("42", "false");
  expect_json("50ff", "255");
  expect_json("60ffff", "65535");
  expect_json("70ffffffff", "4294967295");
  expect_json("80ffffffffffffffff", "18446744073709551615");
  expect_json("51ff", "-1");
  expect_json("61ff00", "-256");
  expect_json("5480", "-128");
  expect_json("818000000000000000", "-9223372036854775808");
  expect_json("7400000001", "\"0x00000001\"");
  expect_json("84000000000000000f", "\"0x000000000000000f\"");
  expect_json("94000000000000000f000000000000000f", "\"0x000000000000000f000000000000000f\"");
  expect_json("9800112233445566778899aabbccddeeff", "\"00112233-4455-6677-8899-aabbccddeeff\"");
}

static void reals_take_the_fewest_digits(void **state)
{
  (void)state;
  expect_json("723dcccccd", "0.1");
  expect_json("823fb999999999999a", "0.1");
  expect_json("823ff0000000000000", "1.0");
  expect_json("824341c37937e08000", "1e+16");
  expect_json("823fd5555555555555", "0.3333333333333333");
  expect_json("827fefffffffffffff", "1.7976931348623157e+308");
  expect_json("828000000000000000", "-0.0");
  expect_json("727f7fffff", "3.4028235e+38");
  expect_json("727fc00000", "null");
  expect_json("727f800000", "null");
  expect_json("82fff0000000000000", "null");
}

static void text_is_escaped(void **state)
{
  (void)state;
  expect_json("a100", "\"\"");
  expect_json("a1<\"a\" 22 5c 0a0d09 00 1f 7f 2f>", "\"a\\\"\\\\\\n\\r\\t\\u0000\\u001f\x7f/\"");
  expect_json("a102c3a9", "\"\xc3\xa9\"");
  expect_json("a303\"sym\"", "\"sym\"");
  /* Not UTF-8: base64. */
  expect_json("a102c328", "\"wyg=\"");
  expect_json("7300000041", "\"A\"");
  expect_json("7300000022", "\"\\\"\"");
  expect_json("73000000e9", "\"\xc3\xa9\"");
  expect_json("73000020ac", "\"\xe2\x82\xac\"");
  expect_json("730001f600", "\"\xf0\x9f\x98\x80\"");
  expect_json("730000d800", "\"\xef\xbf\xbd\"");
  expect_json("7300110000", "\"\xef\xbf\xbd\"");
}

static void binary_is_base64(void **state)
{
  (void)state;
  expect_json("a000", "\"\"");
  expect_json("a001\"f\"", "\"Zg==\"");
  expect_json("a002\"fo\"", "\"Zm8=\"");
  expect_json("a003\"foo\"", "\"Zm9v\"");
  expect_json("a004fffefdfc", "\"//79/A==\"");
}

static void timestamps_are_iso_8601(void **state)
{
  (void)state;
  expect_json("830000000000000000", "\"1970-01-01T00:00:00Z\"");
  expect_json("83000001a1ffd57670", "\"2026-11-21T20:39:02Z\"");
  /* C#'s DateTime.MinValue, and what lies outside of the calendar. */
  expect_json("83ffffc77cedd32800", "\"0001-01-01T00:00:00Z\"");
  expect_json("83ffffc77cedd327ff", "-62135596800001");
  expect_json("837fffffffffffffff", "9223372036854775807");
  expect_json("838000000000000000", "-9223372036854775808");
}

static void compounds_become_arrays_and_objects(void **state)
{
  (void)state;
  expect_json("45", "[]");
  expect_json("c0<03 43 a10161 45>", "[0,\"a\",[]]");
  expect_json("e0<02 a1 0161 0162>", "[\"a\",\"b\"]");
  expect_json("e0<02 00 5305 52 0102>", "[1,2]");
  expect_json("c1<00>", "{}");
  expect_json("c1<04 a30161 5201 a10162 c1<02 a10163 41>>", "{\"a\":1,\"b\":{\"c\":true}}");
  expect_json("00 5305 a10161", "\"a\"");
}

static void keys_that_are_no_text_are_the_text_of_their_json(void **state)
{
  (void)state;
  expect_json("c1<02 5207 43>", "{\"7\":0}");
  expect_json("c1<02 40 43>", "{\"null\":0}");
  expect_json("c1<02 41 43>", "{\"true\":0}");
  expect_json("c1<02 a00161 43>", "{\"YQ==\":0}");
  expect_json("c1<02 830000000000000000 43>", "{\"1970-01-01T00:00:00Z\":0}");
  expect_json("c1<02 c0<01 a10161> 43>", "{\"[\\\"a\\\"]\":0}");
  expect_json("c1<02 7300000041 43>", "{\"A\":0}");
}

static void a_failure_leaves_the_output_as_it_was(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 64);
  sd_buf_append_text(&out, "before");
  assert_int_equal(to_json("c0<02 a10161 a1>", &out), SD_PROTOCOL);
  assert_string_equal(sd_buf_text(&out), "before");
  assert_int_equal(to_json("c1<02 a10161 a109>", &out), SD_PROTOCOL);
  assert_int_equal(to_json("c0<01 43 43>", &out), SD_PROTOCOL);
  assert_int_equal(out.len, 6);
  assert_int_equal(to_json("a1<\"0123456789012345678901234567890123456789012345678901234567890123\">", &out),
                   SD_LIMIT);
  assert_int_equal(out.len, 6);
  sd_buf_release(&out);
}

static void nesting_has_a_depth(void **state)
{
  (void)state;
  for (size_t depth = 1; depth <= 40; depth++) {
    /* [[[…]]] */
    uint8_t bytes[256];
    size_t n = 0;
    for (size_t i = depth; i-- > 1;) {
      bytes[n++] = 0xc0;
      bytes[n++] = (uint8_t)(3 * i - 1);
      bytes[n++] = 1;
    }
    bytes[n++] = 0x45;
    sd_amqp_cursor c = {bytes, bytes + n};
    sd_amqp_value v;
    sd_buf out;
    sd_buf_init(&out, 4096);
    assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
    assert_int_equal(sd_amqp_value_to_json(&v, &out), depth <= SD_AMQP_DEPTH_MAX ? SD_OK : SD_PROTOCOL);
    assert_int_equal(out.len, depth <= SD_AMQP_DEPTH_MAX ? 2 * depth : 0);
    sd_buf_release(&out);
  }
}

static void short_memory_is_told(void **state)
{
  (void)state;
  for (uint64_t nth = 1; nth <= 2; nth++) {
    sd_buf out;
    sd_buf_init(&out, 4096);
    sd_alloc_fail_nth(nth);
    sd_status status = to_json("c1<02 c0<01 a10161> 43>", &out);
    sd_alloc_fail_nth(0);
    assert_int_equal(status, SD_NOMEM);
    assert_int_equal(out.len, 0);
    sd_buf_release(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_become_json),
      cmocka_unit_test(reals_take_the_fewest_digits),
      cmocka_unit_test(text_is_escaped),
      cmocka_unit_test(binary_is_base64),
      cmocka_unit_test(timestamps_are_iso_8601),
      cmocka_unit_test(compounds_become_arrays_and_objects),
      cmocka_unit_test(keys_that_are_no_text_are_the_text_of_their_json),
      cmocka_unit_test(a_failure_leaves_the_output_as_it_was),
      cmocka_unit_test(nesting_has_a_depth),
      cmocka_unit_test(short_memory_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
