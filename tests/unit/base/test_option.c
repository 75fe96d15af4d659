/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Option rows: values and names. */
#include "base/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const sd_option text_row = {.variable = "A_TEXT", .type = SD_OPTION_TEXT, .text = "x"};
static const sd_option secret_row = {.variable = "A_SECRET", .type = SD_OPTION_SECRET, .text = "x"};
static const sd_option integer_row = {
    .variable = "AN_INTEGER", .type = SD_OPTION_INTEGER, .min = 1, .max = 10, .text = "x"};
static const sd_option size_row = {
    .variable = "A_SIZE", .type = SD_OPTION_SIZE, .min = 1000, .max = 48 * 1024 * 1024, .text = "x"};
static const sd_option duration_row = {
    .variable = "A_TIME", .type = SD_OPTION_DURATION, .min = 10, .max = 3600000, .text = "x"};
static const sd_option boolean_row = {.variable = "A_FLAG", .type = SD_OPTION_BOOLEAN, .text = "x"};
static const sd_option choice_row = {
    .variable = "A_CHOICE", .type = SD_OPTION_CHOICE, .choices = "text|blob|other", .text = "x"};
static const sd_option position_row = {.variable = "A_PLACE", .type = SD_OPTION_POSITION, .text = "x"};
static const sd_option numbered_row = {.variable = "HUB_{N}_NAME", .type = SD_OPTION_TEXT, .text = "x"};

static void values_have_their_type(void **state)
{
  (void)state;
  static const struct {
    const sd_option *row;
    const char *text;
    int64_t number;
  } cases[] = {
      {&integer_row, "1", 1},         {&integer_row, "10", 10},        {&size_row, "24MB", 24000000},
      {&size_row, "24MiB", 25165824}, {&size_row, "24 mib", 25165824}, {&size_row, "1.5kB", 1500},
      {&size_row, "100_000", 100000}, {&size_row, "48MiB", 50331648},  {&duration_row, "1", 1000},
      {&duration_row, "0.5", 500},    {&duration_row, "250ms", 250},   {&duration_row, "2m", 120000},
      {&duration_row, "1h", 3600000}, {&boolean_row, "true", 1},       {&boolean_row, "No", 0},
      {&boolean_row, "1", 1},         {&boolean_row, "OFF", 0},        {&choice_row, "text", 0},
      {&choice_row, "BLOB", 1},       {&choice_row, "other", 2},       {&position_row, "earliest", 0},
      {&position_row, "@latest", 1},  {&position_row, "-1", 0},        {&position_row, "offset:123-4", 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_option_value value;
    sd_error error;
    if (sd_option_parse(cases[i].row, "X", cases[i].text, &value, &error) != SD_OK)
      fail_msg("%s: %s", cases[i].text, error.message);
    if (value.number != cases[i].number)
      fail_msg("%s gives %lld", cases[i].text, (long long)value.number);
  }
}

static void positions_have_their_time_or_offset(void **state)
{
  (void)state;
  sd_option_value value;
  assert_int_equal(sd_option_parse(&position_row, "X", "@1970-01-01T00:00:01Z", &value, NULL), SD_OK);
  assert_int_equal(value.number, SD_OPTION_POSITION_TIME);
  assert_int_equal(value.time_us, 1000000);
  assert_int_equal(sd_option_parse(&position_row, "X", "offset:a b", &value, NULL), SD_OK);
  assert_string_equal(value.text, "a b");
}

static void wrong_values_are_refused_with_what_is_allowed(void **state)
{
  (void)state;
  static const struct {
    const sd_option *row;
    const char *text;
    const char *message;
  } cases[] = {
      {&integer_row, "0", "X is \"0\": it must be a whole number from 1 to 10"},
      {&integer_row, "11", "from 1 to 10"},
      {&integer_row, "-1", "from 1 to 10"},
      {&integer_row, "1.5", "whole number"},
      {&integer_row, "ten", "whole number"},
      {&integer_row, "99999999999999999999", "whole number"},
      {&integer_row, "1_", "whole number"},
      {&size_row, "49MiB", "a size as 24MB or 24MiB from 1kB to 48MiB"},
      {&size_row, "24XB", "a size"},
      {&size_row, "MB", "a size"},
      {&size_row, "9223372036854775807GB", "a size"},
      {&size_row, "1.", "a size"},
      {&duration_row, "0", "from 10ms to 1h"},
      {&duration_row, "5 parsecs", "seconds"},
      {&boolean_row, "maybe", "true or false"},
      {&choice_row, "tex", "text, blob or other"},
      {&choice_row, "text|blob", "text, blob or other"},
      {&position_row, "yesterday", "earliest, latest, @TIME"},
      {&position_row, "@2026-13-01T00:00:00Z", "earliest, latest, @TIME"},
      {&position_row, "offset:", "earliest, latest, @TIME"},
      {&text_row, "", "X is empty: give it a value or remove it"},
      {&text_row, "\xff\xfe", "X is not valid UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_option_value value = {.number = 77};
    sd_error error;
    assert_int_equal(sd_option_parse(cases[i].row, "X", cases[i].text, &value, &error), SD_CONFIG);
    if (!strstr(error.message, cases[i].message))
      fail_msg("\"%s\" lacks \"%s\"", error.message, cases[i].message);
    assert_int_equal(value.number, 77);
  }
}

static void a_value_beyond_the_limit_is_refused_without_being_quoted(void **state)
{
  (void)state;
  static char longest[SD_OPTION_TEXT_MAX + 2];
  sd_option_value value;
  sd_error error;
  memset(longest, 'q', sizeof longest - 1);
  assert_int_equal(sd_option_parse(&secret_row, "X", longest, &value, &error), SD_CONFIG);
  assert_null(strstr(error.message, "qqq"));
  longest[SD_OPTION_TEXT_MAX] = '\0';
  assert_int_equal(sd_option_parse(&secret_row, "X", longest, &value, &error), SD_OK);
}

static sd_status refuse_all(const char *text, sd_error *error)
{
  (void)text;
  return sd_error_set(error, SD_CONFIG, "must be something else");
}

static void a_check_gets_the_name_in_front_of_its_message(void **state)
{
  (void)state;
  sd_option row = text_row;
  sd_option_value value;
  sd_error error;
  row.check = refuse_all;
  assert_int_equal(sd_option_parse(&row, "X", "abc", &value, &error), SD_CONFIG);
  assert_string_equal(error.message, "X must be something else");
}

static void numbers_are_written_as_an_option_takes_them(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 1000);
  sd_option_format_size(24000000, &out);
  sd_buf_append_byte(&out, ' ');
  sd_option_format_size(48 * 1024 * 1024, &out);
  sd_buf_append_byte(&out, ' ');
  sd_option_format_size(1234, &out);
  sd_buf_append_byte(&out, ' ');
  sd_option_format_duration(1000, &out);
  sd_buf_append_byte(&out, ' ');
  sd_option_format_duration(60000, &out);
  sd_buf_append_byte(&out, ' ');
  sd_option_format_duration(1500, &out);
  assert_string_equal(sd_buf_text(&out), "24MB 48MiB 1234B 1s 1m 1500ms");
  sd_buf_release(&out);
}

static void names_with_a_number_match(void **state)
{
  (void)state;
  int number = -1;
  char name[SD_OPTION_NAME_MAX];
  assert_true(sd_option_match(&numbered_row, "HUB_12_NAME", &number));
  assert_int_equal(number, 12);
  assert_true(sd_option_match(&numbered_row, "HUB_0_NAME", &number));
  assert_int_equal(number, 0);
  static const char *const others[] = {"HUB__NAME",       "HUB_01_NAME", "HUB_1_NAMES", "HUB_1", "hub_1_NAME",
                                       "HUB_100000_NAME", "HUB_-1_NAME", "HUB_x_NAME",  ""};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_false(sd_option_match(&numbered_row, others[i], &number));
  assert_true(sd_option_match(&text_row, "A_TEXT", &number));
  assert_false(sd_option_match(&text_row, "A_TEXT_1", &number));
  assert_true(sd_option_name(&numbered_row, 7, name, sizeof name));
  assert_string_equal(name, "HUB_7_NAME");
  assert_false(sd_option_name(&numbered_row, 7, name, 5));
}

static void distance_counts_slips_of_the_pen(void **state)
{
  (void)state;
  assert_int_equal(sd_option_distance("", ""), 0);
  assert_int_equal(sd_option_distance("", "abc"), 3);
  assert_int_equal(sd_option_distance("Same", "sAME"), 0);
  assert_int_equal(sd_option_distance("DATABSE", "DATABASE"), 1);
  assert_int_equal(sd_option_distance("DATABAES", "DATABASE"), 1);
  assert_int_equal(sd_option_distance("TABLE", "TEBLES"), 2);
  assert_int_equal(sd_option_distance("kitten", "sitting"), 3);
  static char longer[4 * SD_OPTION_NAME_MAX];
  memset(longer, 'a', sizeof longer - 1);
  assert_int_equal(sd_option_distance(longer, ""), SD_OPTION_NAME_MAX - 1);
  assert_true(sd_option_is_near(1, "run"));
  assert_false(sd_option_is_near(2, "run"));
  assert_true(sd_option_is_near(5, "MOTHERDUCK_1_BATCH_BYTES"));
  assert_false(sd_option_is_near(6, "MOTHERDUCK_1_BATCH_BYTES"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_have_their_type),
      cmocka_unit_test(positions_have_their_time_or_offset),
      cmocka_unit_test(wrong_values_are_refused_with_what_is_allowed),
      cmocka_unit_test(a_value_beyond_the_limit_is_refused_without_being_quoted),
      cmocka_unit_test(a_check_gets_the_name_in_front_of_its_message),
      cmocka_unit_test(numbers_are_written_as_an_option_takes_them),
      cmocka_unit_test(names_with_a_number_match),
      cmocka_unit_test(distance_counts_slips_of_the_pen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
