/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Tables for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/demo_table.h"
#include "duck/library.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 8192 };

static sd_duck_instance *instance;
static sd_duck_connection *connection;

static int open_database(void **state)
{
  (void)state;
  const sd_duck_instance_options options = {0};
  const sd_duck_connection_options none = {0};
  sd_error error;
  return sd_duck_instance_acquire(&options, &instance, &error) == SD_OK &&
                 sd_duck_connection_new(instance, &none, &connection, &error) == SD_OK &&
                 sd_duck_connection_enter(connection, NULL, &error) == SD_OK
             ? 0
             : -1;
}

static int close_database(void **state)
{
  (void)state;
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_instance_release(instance);
  return 0;
}

static void check(const char *select, const char *expected)
{
  static char text[TEXT_MAX];
  sd_error error;
  FILE *out = fmemopen(text, sizeof text, "w");
  assert_non_null(out);
  sd_status status = sd_demo_table_print(connection, select, out, &error);
  fclose(out);
  if (status != SD_OK)
    fail_msg("%s", error.message);
  assert_string_equal(text, expected);
}

static void numbers_stand_right_and_texts_left(void **state)
{
  (void)state;
  check("SELECT * FROM (VALUES ('ORD', 1234, 1.5), ('A', 7, NULL)) AS t(airport, n, x)",
        "  airport     n    x\n"
        "  ORD      1234  1.5\n"
        "  A           7     \n");
}

static void width_counts_characters_not_bytes(void **state)
{
  (void)state;
  check("SELECT 'Zürich' AS a, 'x' AS b UNION ALL SELECT 'Basel', 'y' ORDER BY b", "  a       b\n"
                                                                                   "  Zürich  x\n"
                                                                                   "  Basel   y\n");
}

static void a_semicolon_and_a_comment_at_the_end_do_no_harm(void **state)
{
  (void)state;
  check("SELECT 1 AS a ; \n", "  a\n  1\n");
  check("SELECT 1 AS a -- one", "  a\n  1\n");
}

static void no_rows_leave_the_heading(void **state)
{
  (void)state;
  check("SELECT 1 AS a WHERE false", "  a\n");
}

static void rows_beyond_the_maximum_are_counted(void **state)
{
  (void)state;
  static char text[TEXT_MAX];
  sd_error error;
  FILE *out = fmemopen(text, sizeof text, "w");
  assert_non_null(out);
  assert_int_equal(sd_demo_table_print(connection, "SELECT i FROM range(60) AS t(i)", out, &error), SD_OK);
  fclose(out);
  assert_non_null(strstr(text, "… and 10 more rows\n"));
}

static void a_wrong_statement_is_an_error(void **state)
{
  (void)state;
  sd_error error;
  assert_int_not_equal(sd_demo_table_print(connection, "SELECT nothing FROM nowhere", stdout, &error), SD_OK);
  assert_non_null(strstr(error.message, "nowhere"));
}

int main(void)
{
  const sd_duck_api *api;
  sd_error error;
  if (sd_duck_library_load(NULL, &api, &error) != SD_OK) {
    printf("1..0 # SKIP %s\n", error.message);
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_stand_right_and_texts_left),
      cmocka_unit_test(width_counts_characters_not_bytes),
      cmocka_unit_test(a_semicolon_and_a_comment_at_the_end_do_no_harm),
      cmocka_unit_test(no_rows_leave_the_heading),
      cmocka_unit_test(rows_beyond_the_maximum_are_counted),
      cmocka_unit_test(a_wrong_statement_is_an_error),
  };
  return cmocka_run_group_tests(tests, open_database, close_database);
}
