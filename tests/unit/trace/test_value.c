/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values: encoded, read back, as JSON, repaired, cut, nested too deep, malformed. */
#include "trace/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ENCODED_MAX = 4096 };

static uint8_t encoded[ENCODED_MAX];

/* Into `encoded`; the size that was announced is the size that was written. */
static sd_bytes encode(const sd_any *any, uint32_t value_length)
{
  size_t size = sd_any_size(any, value_length);
  assert_in_range(size, 0, ENCODED_MAX);
  memset(encoded, 0xEE, sizeof encoded);
  assert_ptr_equal(sd_any_encode(any, value_length, encoded), encoded + size);
  return sd_bytes_make(encoded, size);
}

static sd_any_view read_back(const sd_any *any, uint32_t value_length)
{
  sd_any_view view;
  assert_true(sd_any_read(encode(any, value_length), &view));
  assert_int_equal(view.type, any->type);
  return view;
}

static void assert_json(sd_any any, const char *expected)
{
  sd_any_view view;
  assert_true(sd_any_read(encode(&any, 0), &view));
  sd_buf out;
  sd_buf_init(&out, 1 << 16);
  assert_int_equal(sd_any_to_json(&view, &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), expected);
  sd_buf_release(&out);
}

static void plain_values_are_the_bytes_of_the_specification(void **state)
{
  (void)state;
  static const struct {
    sd_any any;
    const char *bytes;
    size_t len;
  } cases[] = {
      {{.type = SD_ANY_STRING, .len = 2, .as.string = "ab"},
       "\x0a\x02"
       "ab",
       4},
      {{.type = SD_ANY_STRING, .len = 0, .as.string = ""}, "\x0a\0", 2},
      {{.type = SD_ANY_BOOL, .as.boolean = true}, "\x10\x01", 2},
      {{.type = SD_ANY_BOOL, .as.boolean = false}, "\x10\0", 2},
      {{.type = SD_ANY_INT, .as.integer = 0}, "\x18\0", 2},
      {{.type = SD_ANY_INT, .as.integer = 300}, "\x18\xac\x02", 3},
      {{.type = SD_ANY_INT, .as.integer = -1}, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
      {{.type = SD_ANY_DOUBLE, .as.number = 1.0}, "\x21\0\0\0\0\0\0\xf0\x3f", 9},
      {{.type = SD_ANY_BYTES, .len = 1, .as.bytes = "\xff"}, "\x3a\x01\xff", 3},
      {{.type = SD_ANY_ARRAY, .len = 0}, "\x2a\0", 2},
      {{.type = SD_ANY_MAP, .len = 0}, "\x32\0", 2},
      {{.type = SD_ANY_NULL}, "", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_bytes bytes = encode(&cases[i].any, 0);
    assert_int_equal(bytes.len, cases[i].len);
    assert_memory_equal(bytes.data, cases[i].bytes, cases[i].len);
  }
}

static void every_type_is_read_back(void **state)
{
  (void)state;
  sd_any any = sd_any_int(INT64_MIN);
  assert_true(read_back(&any, 0).integer == INT64_MIN);
  any = sd_any_double(-1e300);
  assert_true(read_back(&any, 0).number == -1e300);
  any = sd_any_bool(true);
  assert_int_equal(read_back(&any, 0).integer, 1);
  any = sd_any_null();
  read_back(&any, 0);
  sd_any members[] = {sd_any_int(1), sd_any_string("x")};
  any = sd_any_array(members, 2);
  sd_bytes rest = read_back(&any, 0).bytes;
  sd_any_view view;
  assert_true(sd_any_next(&rest, &view) && view.type == SD_ANY_INT);
  assert_true(sd_any_next(&rest, &view) && view.type == SD_ANY_STRING);
  assert_false(sd_any_next(&rest, &view));
}

static void text_is_repaired_character_by_character(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    const char *expected;
  } cases[] = {
      {"good \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "good \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xff", "\xef\xbf\xbd"},
      {"a\x80z", "a\xef\xbf\xbdz"},
      {"\xc3", "\xef\xbf\xbd"},
      {"\xe2\x82", "\xef\xbf\xbd"}, /* one part cut short */
      {"\xe2\x82(", "\xef\xbf\xbd("},
      {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* a surrogate */
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* past U+10FFFF */
      {"\xf0\x80\x80\x41", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                           "A"},
      {"\xf1\x80\x80\xe1\x80\xc2", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* Unicode, table 3-8 */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_any any = sd_any_string(cases[i].text);
    sd_bytes got = read_back(&any, 0).bytes;
    assert_int_equal(got.len, strlen(cases[i].expected));
    assert_memory_equal(got.data, cases[i].expected, got.len);
    assert_true(sd_utf8_valid(got.data, got.len));
  }
}

static void a_length_limit_counts_characters_of_text_and_bytes_of_bytes(void **state)
{
  (void)state;
  sd_any any = sd_any_string("\xc3\xa9\xc3\xa9\xc3\xa9x");
  assert_int_equal(read_back(&any, 2).bytes.len, 4);
  assert_int_equal(read_back(&any, 4).bytes.len, 7);
  assert_int_equal(read_back(&any, 100).bytes.len, 7);
  any = sd_any_string("\xff\xff\xff");
  assert_int_equal(read_back(&any, 2).bytes.len, 6);
  any = sd_any_bytes("12345", 5);
  assert_int_equal(read_back(&any, 2).bytes.len, 2);
  sd_any members[] = {sd_any_string("abcdef"), sd_any_int(1)};
  sd_attribute pair = sd_attribute_make("long key", sd_any_array(members, 2));
  any = sd_any_map(&pair, 1);
  sd_attribute_view read;
  sd_bytes map = read_back(&any, 3).bytes;
  assert_true(sd_attribute_next(&map, &read));
  assert_int_equal(read.key.len, 8);
  sd_any_view member;
  assert_true(sd_any_next(&read.value.bytes, &member));
  assert_int_equal(member.bytes.len, 3);
}

static void what_is_nested_too_deep_becomes_null(void **state)
{
  (void)state;
  sd_any levels[SD_VALUE_DEPTH_MAX + 3];
  size_t last = SD_VALUE_DEPTH_MAX + 2;
  levels[last] = sd_any_int(5);
  for (size_t i = last; i > 0; i--)
    levels[i - 1] = sd_any_array(&levels[i], 1);
  assert_json(levels[0], "[[[[[[[[null]]]]]]]]");
  assert_json(levels[2], "[[[[[[[[5]]]]]]]]");
}

static void json_is_compact_and_exact(void **state)
{
  (void)state;
  assert_json(sd_any_null(), "null");
  assert_json(sd_any_bool(true), "true");
  assert_json(sd_any_int(INT64_MIN), "-9223372036854775808");
  assert_json(sd_any_double(2.0), "2.0");
  assert_json(sd_any_double(0.1), "0.1");
  assert_json(sd_any_double(-0.0), "-0.0");
  assert_json(sd_any_double(1e300), "1e+300");
  assert_json(sd_any_double(NAN), "\"nan\"");
  assert_json(sd_any_double(INFINITY), "\"inf\"");
  assert_json(sd_any_double(-INFINITY), "\"-inf\"");
  assert_json(sd_any_bytes("\0\xff", 2), "\"AP8=\"");
  assert_json(sd_any_text("a\"b\\c\n\t\r\b\f\x01\x1f\x7f\xc3\xa9\0", 16),
              "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f\x7f\xc3\xa9\\u0000\"");
  sd_any members[] = {sd_any_int(1), sd_any_double(2.5), sd_any_null()};
  sd_attribute pairs[] = {sd_attribute_int("a", 1), sd_attribute_make("b\"", sd_any_array(members, 3))};
  assert_json(sd_any_map(pairs, 2), "{\"a\":1,\"b\\\"\":[1,2.5,null]}");
  assert_json(sd_any_array(NULL, 0), "[]");
}

static void json_that_finds_no_room_appends_nothing(void **state)
{
  (void)state;
  sd_any any = sd_any_string("a long text");
  sd_any_view view;
  assert_true(sd_any_read(encode(&any, 0), &view));
  sd_buf out;
  sd_buf_init(&out, 8);
  assert_int_equal(sd_buf_append_text(&out, "ab"), SD_OK);
  assert_int_equal(sd_any_to_json(&view, &out), SD_LIMIT);
  assert_string_equal(sd_buf_text(&out), "ab");
  sd_buf_release(&out);
}

static void malformed_values_are_refused(void **state)
{
  (void)state;
  static const struct {
    const char *bytes;
    size_t len;
  } cases[] = {
      {"\x0a", 1}, /* no length */
      {"\x0a\x05"
       "ab",
       4},             /* longer than what is there */
      {"\x08\x01", 2}, /* a string that is a varint */
      {"\x1a\x00", 2}, /* an int that is bytes */
      {"\x20\x01", 2}, /* a double that is a varint */
      {"\x18\xff", 2}, /* a varint without end */
      {"\x00\x00", 2}, /* field 0 */
      {"\x0c", 1},     /* an end of a group */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_any_view view;
    assert_false(sd_any_read(sd_bytes_make(cases[i].bytes, cases[i].len), &view));
  }
  sd_attribute_view attribute;
  assert_false(sd_attribute_read(sd_bytes_make("\x0a\x01k\x12\x02\x0a\x05", 7), &attribute));
  /* unknown fields are skipped */
  sd_any_view view;
  assert_true(sd_any_read(sd_bytes_make("\x48\x01\x18\x07", 4), &view));
  assert_int_equal(view.integer, 7);
}

static void attributes_are_read_out_of_a_message(void **state)
{
  (void)state;
  uint8_t message[64];
  sd_attribute attribute = sd_attribute_int("k", 5);
  uint8_t *at = sd_pb_put_bytes(message, 5, "name", 4);
  size_t size = sd_attribute_size(&attribute, 0);
  at = sd_pb_put_tag(at, 9, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  at = sd_attribute_encode(&attribute, 0, at);
  at = sd_pb_put_bytes(at, 10, "x", 1);
  sd_bytes rest = sd_bytes_make(message, (size_t)(at - message));
  sd_attribute_view view;
  assert_true(sd_attribute_next_field(&rest, 9, &view));
  assert_true(sd_bytes_equal_text(view.key, "k"));
  assert_int_equal(view.value.integer, 5);
  assert_false(sd_attribute_next_field(&rest, 9, &view));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_values_are_the_bytes_of_the_specification),
      cmocka_unit_test(every_type_is_read_back),
      cmocka_unit_test(text_is_repaired_character_by_character),
      cmocka_unit_test(a_length_limit_counts_characters_of_text_and_bytes_of_bytes),
      cmocka_unit_test(what_is_nested_too_deep_becomes_null),
      cmocka_unit_test(json_is_compact_and_exact),
      cmocka_unit_test(json_that_finds_no_room_appends_nothing),
      cmocka_unit_test(malformed_values_are_refused),
      cmocka_unit_test(attributes_are_read_out_of_a_message),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
