/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Messages from templates. What is expected was taken from Python's str.format and Logfire's SDK 5.4.0. */
#include "export/message.h"
#include "make_record.h"
#include "trace/otlp_fields.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static made_record made;

static int set_up(void **state)
{
  (void)state;
  sd_any list[] = {sd_any_int(1), sd_any_string("a'b"), sd_any_double(2), sd_any_null(), sd_any_bool(true)};
  sd_attribute inner[] = {sd_attribute_int("deep", 7),
                          sd_attribute_make("bytes", sd_any_bytes("a\x00\xff", 3))};
  sd_attribute map[] = {sd_attribute_string("k", "v\n"), sd_attribute_make("in", sd_any_map(inner, 2))};
  make_span(&made, 1, 0, "n", 0, 1);
  add_attribute(&made, "i", sd_any_int(-42));
  add_attribute(&made, "f", sd_any_double(3.14159));
  add_attribute(&made, "s", sd_any_string("h\xc3\xa4llo"));
  add_attribute(&made, "t", sd_any_bool(true));
  add_attribute(&made, "none", sd_any_null());
  add_attribute(&made, "list", sd_any_array(list, 5));
  add_attribute(&made, "map", sd_any_map(map, 2));
  add_attribute(&made, "big", sd_any_int(1234567));
  add_attribute(&made, "nan", sd_any_double(NAN));
  add_attribute(&made, "messaging.system", sd_any_string("eventhubs"));
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  release_record(&made);
  return 0;
}

static void assert_filled(const char *text, const char *expected)
{
  sd_buf out;
  sd_buf_init(&out, SD_MESSAGE_MAX);
  assert_int_equal(
      sd_message_fill(sd_bytes_of(text), sd_buf_bytes(&made.otlp), SD_OTLP_SPAN_ATTRIBUTES, &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), expected);
  sd_buf_release(&out);
}

static void fields_are_replaced_by_values(void **state)
{
  (void)state;
  assert_filled("", "");
  assert_filled("plain", "plain");
  assert_filled("{i} and {s}!", "-42 and h\xc3\xa4llo!");
  assert_filled("{t} {none} {f} {nan}", "True None 3.14159 nan");
  assert_filled("{list}", "[1, \"a'b\", 2.0, None, True]");
  assert_filled("{map}", "{'k': 'v\\n', 'in': {'deep': 7, 'bytes': b'a\\x00\\xff'}}");
  assert_filled("{{{i}}}", "{-42}");
  assert_filled("{i=} {s!r} {s!s}", "i=-42 'h\xc3\xa4llo' h\xc3\xa4llo");
  assert_filled("{map[k]} {map[in][deep]} {map.in.deep} {list[1]}", "v\n 7 7 a'b");
  assert_filled("{messaging.system}", "eventhubs");
}

static void specifications_apply(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"{f:.2f}", "3.14"},
      {"{f:8.2f}|", "    3.14|"},
      {"{f:<8.1f}|", "3.1     |"},
      {"{f:+.1e}", "+3.1e+00"},
      {"{f:.1%}", "314.2%"},
      {"{f:g}", "3.14159"},
      {"{f:10}|", "   3.14159|"},
      {"{i:>6}|", "   -42|"},
      {"{i:06d}", "-00042"},
      {"{i:x}", "-2a"},
      {"{i:#b}", "-0b101010"},
      {"{i:.1f}", "-42.0"},
      {"{big:,}", "1,234,567"},
      {"{big:_d}", "1_234_567"},
      {"{big:#X}", "0X12D687"},
      {"{s:*^9}|", "**h\xc3\xa4llo**|"},
      {"{s:.2}", "h\xc3\xa4"},
      {"{s:>7.3s}|", "    h\xc3\xa4l|"},
      {"{t:>6}|", "     1|"},
      {"{t:d}", "1"},
      {"{i!r:>5}|", "  -42|"},
      {"{i:+}", "-42"},
      {"{big: d}", " 1234567"},
      {"{big:\xc3\xa4>9}", "\xc3\xa4\xc3\xa4"
                           "1234567"},
      {"{nan:5.1f}|", "  nan|"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_filled(cases[i][0], cases[i][1]);
}

static void bad_templates_stay_as_they_are(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "{unknown} {i}", "{",        "}",         "{i",    "{}",      "{i!x}",        "{i:s}",     "{s:d}",
      "{list:>9}",     "{s:+}",    "{i:.2d}",   "{f:x}", "{i:{f}}", "{map[x]}",     "{list[9]}", "{i.real}",
      "{map[}",        "{i:9999}", "{i:.200f}", "{i!r",  "{0}",     "{\"json\": 1}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_filled(bad[i], bad[i]);
}

static void long_values_lose_their_middle(void **state)
{
  (void)state;
  char fits[3 * 128 + 1];
  char expected[512];
  made_record long_record;
  sd_buf out;
  sd_buf_init(&out, SD_MESSAGE_MAX);
  for (size_t i = 0; i < 128; i++)
    memcpy(fits + 2 * i, "\xc3\xa4", 2);
  fits[256] = '\0';
  make_span(&long_record, 1, 0, "n", 0, 1);
  add_attribute(&long_record, "fits", sd_any_string(fits));
  memcpy(fits + 256, "x", 2);
  add_attribute(&long_record, "cut", sd_any_string(fits));
  assert_int_equal(
      sd_message_fill(sd_bytes_of("{fits}"), sd_buf_bytes(&long_record.otlp), SD_OTLP_SPAN_ATTRIBUTES, &out),
      SD_OK);
  assert_int_equal(out.len, 256);
  sd_buf_clear(&out);
  assert_int_equal(
      sd_message_fill(sd_bytes_of("<{cut}>"), sd_buf_bytes(&long_record.otlp), SD_OTLP_SPAN_ATTRIBUTES, &out),
      SD_OK);
  snprintf(expected, sizeof expected, "<%.124s...%.122sx>", fits, fits);
  assert_string_equal(sd_buf_text(&out), expected);
  sd_buf_release(&out);
  release_record(&long_record);
}

static void numbers_look_as_in_python(void **state)
{
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {
      {0, "0.0"},
      {-0.0, "-0.0"},
      {1, "1.0"},
      {100, "100.0"},
      {0.1, "0.1"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {1.5e16, "1.5e+16"},
      {123456789012345680, "1.2345678901234568e+17"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {1.25e-7, "1.25e-07"},
      {1e100, "1e+100"},
      {-2.5, "-2.5"},
      {INFINITY, "inf"},
      {-INFINITY, "-inf"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    made_record one;
    sd_buf out;
    sd_buf_init(&out, 1024);
    make_span(&one, 1, 0, "n", 0, 1);
    add_attribute(&one, "v", sd_any_double(cases[i].value));
    assert_int_equal(
        sd_message_fill(sd_bytes_of("{v}"), sd_buf_bytes(&one.otlp), SD_OTLP_SPAN_ATTRIBUTES, &out), SD_OK);
    assert_string_equal(sd_buf_text(&out), cases[i].text);
    sd_buf_release(&out);
    release_record(&one);
  }
}

static void the_locale_does_not_matter(void **state)
{
  (void)state;
  if (!setlocale(LC_NUMERIC, "de_DE.UTF-8"))
    skip();
  assert_filled("{f:.2f} {f}", "3.14 3.14159");
  setlocale(LC_NUMERIC, "C");
}

static void shown_attributes_are_known(void **state)
{
  (void)state;
  assert_true(sd_message_shows(sd_bytes_of("a {b} {c=:>3}"), sd_bytes_of("b")));
  assert_true(sd_message_shows(sd_bytes_of("a {b} {c=:>3}"), sd_bytes_of("c")));
  assert_false(sd_message_shows(sd_bytes_of("a {{b}} {c"), sd_bytes_of("b")));
  assert_false(sd_message_shows(sd_bytes_of("a {b}"), sd_bytes_of("a")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_replaced_by_values),  cmocka_unit_test(specifications_apply),
      cmocka_unit_test(bad_templates_stay_as_they_are), cmocka_unit_test(long_values_lose_their_middle),
      cmocka_unit_test(numbers_look_as_in_python),      cmocka_unit_test(the_locale_does_not_matter),
      cmocka_unit_test(shown_attributes_are_known),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
