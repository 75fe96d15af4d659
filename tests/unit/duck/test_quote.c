/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Names and values in SQL text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "duck/quote.h"

static sd_buf sql;

static int begin(void **state)
{
  (void)state;
  sd_buf_init(&sql, 4096);
  return 0;
}

static int end(void **state)
{
  (void)state;
  sd_buf_release(&sql);
  return 0;
}

static void names_stand_in_double_quotes(void **state)
{
  (void)state;
  sd_duck_quote_table(&sql, "db-1", "my schema", "t\"; DROP TABLE x; --");
  assert_string_equal(sd_buf_text(&sql), "\"db-1\".\"my schema\".\"t\"\"; DROP TABLE x; --\"");
}

static void an_empty_or_broken_name_is_refused(void **state)
{
  (void)state;
  assert_int_equal(sd_duck_quote_identifier(&sql, ""), SD_INVALID);
  assert_int_equal(sd_buf_status(&sql), SD_INVALID);
  sd_buf_clear(&sql);
  assert_int_equal(sd_duck_quote_identifier(&sql, "a\xff"), SD_INVALID);
  assert_int_equal(sql.len, 0);
}

static void values_stand_in_single_quotes(void **state)
{
  (void)state;
  sd_duck_quote_text(&sql, "it's 'x'");
  assert_string_equal(sd_buf_text(&sql), "'it''s ''x'''");
  sd_buf_clear(&sql);
  sd_duck_quote_text(&sql, "");
  assert_string_equal(sd_buf_text(&sql), "''");
  sd_buf_clear(&sql);
  sd_duck_quote_text(&sql, NULL);
  assert_string_equal(sd_buf_text(&sql), "NULL");
}

static void a_value_that_sql_text_cannot_hold_is_refused(void **state)
{
  (void)state;
  assert_int_equal(sd_duck_quote_literal(&sql, sd_bytes_make("a\0b", 3)), SD_INVALID);
  sd_buf_clear(&sql);
  assert_int_equal(sd_duck_quote_literal(&sql, sd_bytes_make("\xfe\xff", 2)), SD_INVALID);
  assert_int_equal(sql.len, 0);
}

static void times_are_utc_and_an_impossible_one_is_null(void **state)
{
  (void)state;
  sd_duck_quote_time(&sql, 1700000000123456);
  assert_string_equal(sd_buf_text(&sql), "TIMESTAMPTZ '2023-11-14T22:13:20.123456Z'");
  sd_buf_clear(&sql);
  sd_duck_quote_time(&sql, INT64_MIN);
  assert_string_equal(sd_buf_text(&sql), "NULL::TIMESTAMPTZ");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(names_stand_in_double_quotes, begin, end),
      cmocka_unit_test_setup_teardown(an_empty_or_broken_name_is_refused, begin, end),
      cmocka_unit_test_setup_teardown(values_stand_in_single_quotes, begin, end),
      cmocka_unit_test_setup_teardown(a_value_that_sql_text_cannot_hold_is_refused, begin, end),
      cmocka_unit_test_setup_teardown(times_are_utc_and_an_impossible_one_is_null, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
