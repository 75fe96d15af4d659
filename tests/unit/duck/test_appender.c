/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What DuckDB's appender does to the careless, and how ours behaves in each case. */
#include "duck_test.h"

static sd_duck_instance *instance;
static sd_duck_database *database;
static sd_duck_connection *connection;
static sd_error error;

static const sd_duck_column two_columns[] = {{"s", DUCKDB_TYPE_VARCHAR}, {"n", DUCKDB_TYPE_BIGINT}};

static int begin(void **state)
{
  if (make_scratch(state) != 0)
    return -1;
  instance = acquire_local();
  connection = connect_to(instance);
  if (sd_duck_database_attach(instance, scratch_path("a.duckdb"), false, &database, &error) != SD_OK ||
      sd_duck_connection_enter(connection, database, &error) != SD_OK)
    return -1;
  char use[300];
  snprintf(use, sizeof use, "USE %s", sd_duck_database_alias(database));
  run(connection, use);
  run(connection, "CREATE TABLE t (s VARCHAR, n BIGINT)");
  return 0;
}

static int end(void **state)
{
  run(connection, "USE memory");
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_database_detach(database);
  sd_duck_instance_release(instance);
  return remove_scratch(state);
}

static sd_duck_appender *open_appender(const char *table)
{
  sd_duck_appender *appender = NULL;
  check_ok(sd_duck_appender_new(connection, sd_duck_database_alias(database), "main", table, two_columns, 2,
                                &appender, &error),
           &error, "appender");
  return appender;
}

static void put(sd_duck_appender *appender, uint32_t row, const char *text, int64_t value)
{
  sd_duck_appender_strings(appender, 0)[row] = sd_duck_string(text, strlen(text));
  sd_duck_appender_int64s(appender, 1)[row] = value;
}

static void strings_of_every_length_arrive_by_pointer(void **state)
{
  (void)state;
  sd_duck_appender *appender = open_appender("t");
  char text[64];
  memset(text, 'x', sizeof text);
  for (uint32_t len = 0; len < 40; len++) {
    sd_duck_appender_strings(appender, 0)[len] = sd_duck_string(text, len);
    sd_duck_appender_int64s(appender, 1)[len] = len;
  }
  check_ok(sd_duck_appender_push(appender, 40, &error), &error, "push");
  memset(text, 'y', sizeof text); /* DuckDB has copied them */
  check_ok(sd_duck_appender_flush(appender, &error), &error, "flush");
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM t WHERE s = repeat('x', n::INT)"), 40);
}

static void nulls_do_not_stay_in_the_next_chunk(void **state)
{
  (void)state;
  sd_duck_appender *appender = open_appender("t");
  for (int chunk = 0; chunk < 2; chunk++) {
    for (uint32_t i = 0; i < SD_DUCK_CHUNK_ROWS; i++) {
      put(appender, i, "a text of some length", i);
      if (chunk == 0)
        sd_duck_appender_set_null(appender, 0, i);
    }
    check_ok(sd_duck_appender_push(appender, SD_DUCK_CHUNK_ROWS, &error), &error, "push");
  }
  check_ok(sd_duck_appender_flush(appender, &error), &error, "flush");
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM t WHERE s IS NULL"), SD_DUCK_CHUNK_ROWS);
  assert_int_equal(number(connection, "SELECT count(s) FROM t"), SD_DUCK_CHUNK_ROWS);
}

static void appending_belongs_to_the_connections_transaction(void **state)
{
  (void)state;
  run(connection, "BEGIN");
  sd_duck_appender *appender = open_appender("t");
  put(appender, 0, "a", 1);
  check_ok(sd_duck_appender_push(appender, 1, &error), &error, "push");
  check_ok(sd_duck_appender_flush(appender, &error), &error, "flush");
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 1);
  run(connection, "ROLLBACK");
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 0);
}

static void freeing_throws_away_what_was_not_flushed(void **state)
{
  (void)state;
  sd_duck_appender *appender = open_appender("t");
  put(appender, 0, "a", 1);
  check_ok(sd_duck_appender_push(appender, 1, &error), &error, "push");
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 0);
}

/* Why the sink rolls back itself: COMMIT after a failed flush says that all is well. */
static void commit_after_a_failed_flush_reports_success_and_lands_nothing(void **state)
{
  (void)state;
  run(connection, "CREATE TABLE c (s VARCHAR CHECK (s <> 'bad'), n BIGINT)");
  run(connection, "BEGIN");
  run(connection, "INSERT INTO t VALUES ('before', 1)");
  sd_duck_appender *appender = open_appender("c");
  put(appender, 0, "good", 1);
  put(appender, 1, "bad", 2);
  check_ok(sd_duck_appender_push(appender, 2, &error), &error, "push");
  assert_int_not_equal(sd_duck_appender_flush(appender, &error), SD_OK);
  assert_int_equal(error.source_code, DUCKDB_ERROR_CONSTRAINT);
  assert_true(sd_duck_error_is_data(&error));
  sd_duck_appender_free(appender);
  assert_int_not_equal(sd_duck_execute(connection, "SELECT 1", NULL, &error), SD_OK);
  assert_int_equal(sd_duck_execute(connection, "COMMIT", NULL, &error), SD_OK);
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 0);
  assert_int_equal(number(connection, "SELECT count(*) FROM c"), 0);
}

/* DuckDB's string setter stores NULL for these bytes in silence; by pointer the flush fails, which is seen.
 */
static void text_that_is_not_utf8_fails_the_flush_and_is_not_stored_as_null(void **state)
{
  (void)state;
  sd_duck_appender *appender = open_appender("t");
  put(appender, 0, "good", 1);
  sd_duck_appender_strings(appender, 0)[1] = sd_duck_string("\xff\xfe and more than twelve", 24);
  sd_duck_appender_int64s(appender, 1)[1] = 2;
  sd_status status = sd_duck_appender_push(appender, 2, &error);
  if (status == SD_OK)
    status = sd_duck_appender_flush(appender, &error);
  assert_int_not_equal(status, SD_OK);
  assert_true(sd_duck_error_is_data(&error));
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 0);
}

static void json_is_not_checked_by_the_plain_appender_but_by_the_statement(void **state)
{
  (void)state;
  run(connection, "CREATE TABLE j (s JSON, n BIGINT)");
  sd_duck_appender *appender = open_appender("j");
  put(appender, 0, "{bad", 1);
  check_ok(sd_duck_appender_push(appender, 1, &error), &error, "push");
  check_ok(sd_duck_appender_flush(appender, &error), &error, "flush");
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM j"), 1);
  check_ok(sd_duck_appender_new_query(connection, "INSERT INTO j SELECT s, n FROM batch", two_columns, 2,
                                      &appender, &error),
           &error, "query appender");
  put(appender, 0, "{bad", 2);
  check_ok(sd_duck_appender_push(appender, 1, &error), &error, "push");
  assert_int_not_equal(sd_duck_appender_flush(appender, &error), SD_OK);
  assert_int_equal(error.source_code, DUCKDB_ERROR_CONVERSION);
  assert_null(strstr(error.message, "{bad"));
  sd_duck_appender_free(appender);
}

static void more_than_the_auto_flush_stays_one_transaction(void **state)
{
  (void)state;
  run(connection, "BEGIN");
  sd_duck_appender *appender = open_appender("t");
  for (int chunk = 0; chunk < 120; chunk++) { /* 245,760 rows; DuckDB flushes by itself at 204,800 */
    for (uint32_t i = 0; i < SD_DUCK_CHUNK_ROWS; i++)
      put(appender, i, "x", i);
    check_ok(sd_duck_appender_push(appender, SD_DUCK_CHUNK_ROWS, &error), &error, "push");
  }
  check_ok(sd_duck_appender_flush(appender, &error), &error, "flush");
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 245760);
  run(connection, "ROLLBACK");
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 0);
}

static void a_table_that_was_altered_meanwhile_refuses_the_commit(void **state)
{
  (void)state;
  sd_duck_connection *other = connect_to(instance);
  check_ok(sd_duck_connection_enter(other, database, &error), &error, "enter");
  char alter[400];
  snprintf(alter, sizeof alter, "ALTER TABLE %s.main.t ADD COLUMN x INTEGER",
           sd_duck_database_alias(database));
  run(connection, "BEGIN");
  sd_duck_appender *appender = open_appender("t");
  put(appender, 0, "a", 1);
  check_ok(sd_duck_appender_push(appender, 1, &error), &error, "push");
  check_ok(sd_duck_appender_flush(appender, &error), &error, "flush");
  run(other, alter);
  sd_duck_appender_free(appender);
  assert_int_equal(sd_duck_execute(connection, "COMMIT", NULL, &error), SD_CONFLICT);
  assert_true(sd_duck_error_is_conflict(&error));
  /* The same rows go through an appender that was opened after it. */
  appender = open_appender("t");
  put(appender, 0, "a", 1);
  check_ok(sd_duck_appender_push(appender, 1, &error), &error, "push");
  check_ok(sd_duck_appender_flush(appender, &error), &error, "flush");
  sd_duck_appender_free(appender);
  assert_int_equal(number(connection, "SELECT count(*) FROM t"), 1);
  sd_duck_connection_leave(other);
  sd_duck_connection_free(other);
}

static void one_transaction_writes_one_database_only(void **state)
{
  (void)state;
  sd_duck_database *second = NULL;
  check_ok(sd_duck_database_attach(instance, scratch_path("b.duckdb"), false, &second, &error), &error,
           "attach");
  char create[400];
  snprintf(create, sizeof create, "CREATE TABLE %s.main.u (a INTEGER)", sd_duck_database_alias(second));
  run(connection, "BEGIN");
  run(connection, "INSERT INTO t VALUES ('a', 1)");
  assert_int_equal(sd_duck_execute(connection, create, NULL, &error), SD_CONFLICT);
  run(connection, "ROLLBACK");
  sd_duck_database_detach(second);
}

static void a_wrong_type_or_a_missing_table_is_an_error(void **state)
{
  (void)state;
  const sd_duck_column wrong[] = {{"s", DUCKDB_TYPE_VARCHAR}, {"n", DUCKDB_TYPE_VARCHAR}};
  const char *alias = sd_duck_database_alias(database);
  sd_duck_appender *appender = NULL;
  assert_int_equal(sd_duck_appender_new(connection, alias, "main", "t", wrong, 2, &appender, &error),
                   SD_CONFIG);
  assert_non_null(strstr(error.message, "column n"));
  assert_int_not_equal(
      sd_duck_appender_new(connection, alias, "main", "nothing", two_columns, 2, &appender, &error), SD_OK);
  assert_non_null(strstr(error.message, "nothing"));
  assert_int_equal(sd_duck_appender_new(connection, alias, "main", "t", wrong, 0, &appender, &error),
                   SD_LIMIT);
  assert_null(appender);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(strings_of_every_length_arrive_by_pointer),
      T(nulls_do_not_stay_in_the_next_chunk),
      T(appending_belongs_to_the_connections_transaction),
      T(freeing_throws_away_what_was_not_flushed),
      T(commit_after_a_failed_flush_reports_success_and_lands_nothing),
      T(text_that_is_not_utf8_fails_the_flush_and_is_not_stored_as_null),
      T(json_is_not_checked_by_the_plain_appender_but_by_the_statement),
      T(more_than_the_auto_flush_stays_one_transaction),
      T(a_table_that_was_altered_meanwhile_refuses_the_commit),
      T(one_transaction_writes_one_database_only),
      T(a_wrong_type_or_a_missing_table_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
