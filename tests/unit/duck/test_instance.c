/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The process's one instance: sharing, settings, results, time limits, opening anew. */
#include "duck_test.h"

#include <pthread.h>
#include <sys/stat.h>

static sd_duck_instance *instance;
static sd_error error;

static int begin(void **state)
{
  if (make_scratch(state) != 0)
    return -1;
  instance = acquire_local();
  return 0;
}

static int end(void **state)
{
  sd_duck_instance_release(instance);
  return remove_scratch(state);
}

static sd_duck_database *attach(const char *path)
{
  sd_duck_database *database = NULL;
  check_ok(sd_duck_database_attach(instance, path, false, &database, &error), &error, "attach");
  return database;
}

static void a_file_is_attached_once_by_whatever_path(void **state)
{
  (void)state;
  char file[300];
  char link[300];
  char dotted[400];
  snprintf(file, sizeof file, "%s/a.duckdb", scratch);
  snprintf(link, sizeof link, "%s/link.duckdb", scratch);
  snprintf(dotted, sizeof dotted, "%s/./a.duckdb", scratch);
  sd_duck_database *first = attach(file);
  assert_int_equal(symlink(file, link), 0);
  sd_duck_database *second = attach(link);
  sd_duck_database *third = attach(dotted);
  assert_ptr_equal(first, second);
  assert_ptr_equal(first, third);
  assert_string_equal(sd_duck_database_path(first), file);
  sd_duck_database_detach(third);
  sd_duck_database_detach(second);
  sd_duck_connection *connection = connect_to(instance);
  check_ok(sd_duck_connection_enter(connection, first, &error), &error, "enter");
  char sql[600];
  snprintf(sql, sizeof sql, "CREATE TABLE %s.main.t (a INTEGER)", sd_duck_database_alias(first));
  run(connection, sql);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_database_detach(first);
  sd_duck_database *other = attach(file); /* it was let go of, and can be had again */
  sd_duck_database_detach(other);
}

static void local_files_share_one_instance_with_our_settings(void **state)
{
  (void)state;
  sd_duck_instance *second = acquire_local();
  assert_ptr_equal(instance, second);
  sd_duck_connection *connection = connect_to(second);
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  assert_int_equal(number(connection, "SELECT (current_setting('memory_limit') = '64.0 MiB')::INT"), 1);
  assert_int_equal(number(connection, "SELECT current_setting('threads')"), 1);
  assert_int_equal(number(connection, "SELECT (current_setting('TimeZone') = 'UTC')::INT"), 1);
  assert_int_equal(number(connection, "SELECT (current_setting('checkpoint_threshold') = '512.0 MiB')::INT"),
                   1);
  assert_int_equal(number(connection, "SELECT current_setting('autoinstall_known_extensions')::INT"), 0);
  assert_int_equal(number(connection,
                          "SELECT count(*) FROM duckdb_settings() WHERE name = 'custom_user_agent' AND "
                          "value LIKE 'streamduck/%'"),
                   1);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_instance_release(second);
}

static void reading_only_makes_no_file_and_a_writer_is_refused(void **state)
{
  (void)state;
  sd_duck_database *database = NULL;
  assert_int_equal(sd_duck_database_attach(instance, scratch_path("no.duckdb"), true, &database, &error),
                   SD_NOT_FOUND);
  assert_int_equal(access(scratch_path("no.duckdb"), F_OK), -1);
  sd_duck_database_detach(attach(scratch_path("a.duckdb")));
  check_ok(sd_duck_database_attach(instance, scratch_path("a.duckdb"), true, &database, &error), &error,
           "attach");
  sd_duck_database *writer = NULL;
  assert_int_equal(sd_duck_database_attach(instance, scratch_path("a.duckdb"), false, &writer, &error),
                   SD_STATE);
  sd_duck_database_detach(database);
}

static void results_give_typed_cells(void **state)
{
  (void)state;
  sd_duck_connection *connection = connect_to(instance);
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  sd_duck_result *result = NULL;
  check_ok(
      sd_duck_query(connection,
                    "SELECT i::BIGINT AS big, (i % 256)::UTINYINT, i % 2 = 0, 'text ' || i, i / 4.0::DOUBLE, "
                    "NULL::BIGINT, make_timestamptz(i), 18446744073709551615::UBIGINT, '\\x00\\xFF'::BLOB, "
                    "CASE WHEN i = 5000 THEN repeat('long', 100) END FROM range(5001) t(i)",
                    &result, &error),
      &error, "query");
  assert_int_equal(sd_duck_result_rows(result), 5001);
  assert_int_equal(sd_duck_result_columns(result), 10);
  assert_string_equal(sd_duck_result_column_name(result, 0), "big");
  int64_t value = -7;
  for (uint64_t row = 0; row < 5001; row += 1000) {
    assert_true(sd_duck_result_int64(result, row, 0, &value));
    assert_int_equal(value, row);
  }
  assert_true(sd_duck_result_int64(result, 200, 1, &value));
  assert_int_equal(value, 200);
  assert_true(sd_duck_result_int64(result, 3, 2, &value));
  assert_int_equal(value, 0);
  sd_bytes text = sd_duck_result_text(result, 4999, 3);
  assert_true(sd_bytes_equal_text(text, "text 4999"));
  double half = 0;
  assert_true(sd_duck_result_double(result, 2, 4, &half));
  assert_true(half == 0.5);
  assert_true(sd_duck_result_double(result, 2, 0, &half));
  assert_true(half == 2.0);
  value = -7;
  assert_false(sd_duck_result_int64(result, 0, 5, &value));
  assert_true(sd_duck_result_is_null(result, 0, 5));
  assert_false(sd_duck_result_int64(result, 0, 7, &value));
  assert_false(sd_duck_result_int64(result, 0, 3, &value));
  assert_false(sd_duck_result_int64(result, 5001, 0, &value));
  assert_false(sd_duck_result_int64(result, 0, 10, &value));
  assert_int_equal(value, -7);
  assert_true(sd_duck_result_int64(result, 12, 6, &value));
  assert_int_equal(value, 12);
  assert_int_equal(sd_duck_result_text(result, 0, 8).len, 2);
  assert_null(sd_duck_result_text(result, 0, 9).data);
  assert_int_equal(sd_duck_result_text(result, 5000, 9).len, 400);
  sd_duck_result_free(result);
  assert_int_equal(sd_duck_query_int64(connection, "SELECT 1 WHERE false", &value, &error), SD_NOT_FOUND);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
}

static void an_error_leaves_outputs_alone(void **state)
{
  (void)state;
  sd_duck_connection *connection = connect_to(instance);
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  sd_duck_result *result = NULL;
  uint64_t changed = 77;
  assert_int_equal(sd_duck_query(connection, "SELEC 1", &result, &error), SD_DATABASE);
  assert_int_equal(error.source_code, DUCKDB_ERROR_PARSER);
  assert_null(result);
  assert_int_equal(sd_duck_execute(connection, "INSERT INTO nowhere VALUES (1)", &changed, &error),
                   SD_DATABASE);
  assert_int_equal(error.source_code, DUCKDB_ERROR_CATALOG);
  assert_int_equal(changed, 77);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
}

static void reopening_keeps_databases_and_renews_connections(void **state)
{
  (void)state;
  sd_duck_database *database = attach(scratch_path("a.duckdb"));
  sd_duck_connection *connection = connect_to(instance);
  char sql[400];
  check_ok(sd_duck_connection_enter(connection, database, &error), &error, "enter");
  snprintf(sql, sizeof sql, "CREATE TABLE %s.main.t AS SELECT 42 AS a", sd_duck_database_alias(database));
  run(connection, sql);
  uint64_t serial = sd_duck_connection_serial(connection);
  uint64_t generation = sd_duck_connection_generation(connection);
  sd_duck_connection_leave(connection);
  check_ok(sd_duck_instance_reopen(instance, generation, &error), &error, "reopen");
  check_ok(sd_duck_instance_reopen(instance, generation, &error), &error, "reopen by somebody else");
  check_ok(sd_duck_connection_enter(connection, database, &error), &error, "enter");
  assert_int_equal(sd_duck_connection_serial(connection), serial + 1);
  assert_int_equal(sd_duck_connection_generation(connection), generation + 1);
  snprintf(sql, sizeof sql, "SELECT a FROM %s.main.t", sd_duck_database_alias(database));
  assert_int_equal(number(connection, sql), 42);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_database_detach(database);
}

static void a_reconnect_rolls_back(void **state)
{
  (void)state;
  sd_duck_connection *connection = connect_to(instance);
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  run(connection, "CREATE OR REPLACE TABLE r (a INTEGER)");
  run(connection, "BEGIN");
  run(connection, "INSERT INTO r VALUES (1)");
  check_ok(sd_duck_connection_reconnect(connection, &error), &error, "reconnect");
  assert_int_equal(number(connection, "SELECT count(*) FROM r"), 0);
  run(connection, "DROP TABLE r");
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
}

static sd_duck_api stuck_table;
static pthread_mutex_t stuck_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stuck_free = PTHREAD_COND_INITIALIZER;
static bool stuck;

/* A call that no interrupt ends, until the test lets it go. */
static duckdb_state stuck_query(duckdb_connection connection, const char *sql, duckdb_result *result)
{
  if (strcmp(sql, "SELECT 'stuck'") == 0) {
    pthread_mutex_lock(&stuck_lock);
    while (stuck)
      pthread_cond_wait(&stuck_free, &stuck_lock);
    pthread_mutex_unlock(&stuck_lock);
  }
  return real_api()->query(connection, sql, result);
}

static void let_go(void *user, sd_log_level level, const char *subsystem, const char *message)
{
  (void)subsystem;
  if (level != SD_LOG_ERROR || !strstr(message, "hangs"))
    return;
  *(bool *)user = true;
  pthread_mutex_lock(&stuck_lock);
  stuck = false;
  pthread_cond_signal(&stuck_free);
  pthread_mutex_unlock(&stuck_lock);
}

static void a_call_that_ignores_the_interrupt_is_reported_as_hung(void **state)
{
  (void)state;
  bool told = false;
  sd_log *log = NULL;
  assert_int_equal(sd_log_new(SD_LOG_DEBUG, NULL, let_go, &told, &log), SD_OK);
  stuck_table = *real_api();
  stuck_table.query = stuck_query;
  stuck = true;
  sd_duck_instance_options options = {.api = &stuck_table};
  sd_duck_instance *other = NULL;
  sd_duck_connection *connection = NULL;
  sd_duck_connection_options limits = {.call_max_ms = 20, .hung_grace_ms = 20, .log = log};
  check_ok(sd_duck_instance_acquire(&options, &other, &error), &error, "instance");
  check_ok(sd_duck_connection_new(other, &limits, &connection, &error), &error, "connection");
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  /* It returns because the report lets it go, with or without having noticed the interrupt. */
  sd_status status = sd_duck_execute(connection, "SELECT 'stuck'", NULL, &error);
  assert_true(status == SD_OK || status == SD_TIMEOUT);
  assert_true(told);
  assert_false(sd_duck_connection_is_hung(connection));
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_instance_release(other);
  sd_log_free(log);
}

static void after_cancel_every_call_is_refused(void **state)
{
  (void)state;
  sd_duck_connection *connection = connect_to(instance);
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  sd_duck_connection_cancel(connection);
  assert_int_equal(sd_duck_execute(connection, "SELECT 1", NULL, &error), SD_CANCELLED);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
}

/* The open read transaction of anybody stops every checkpoint; ours materialise and leave none open. */
static void a_result_that_is_kept_does_not_stop_a_checkpoint(void **state)
{
  (void)state;
  sd_duck_database *database = attach(scratch_path("a.duckdb"));
  sd_duck_connection *connection = connect_to(instance);
  sd_duck_connection *reader = connect_to(instance);
  char sql[400];
  check_ok(sd_duck_connection_enter(connection, database, &error), &error, "enter");
  check_ok(sd_duck_connection_enter(reader, database, &error), &error, "enter");
  const char *alias = sd_duck_database_alias(database);
  snprintf(sql, sizeof sql, "CREATE TABLE %s.main.t AS SELECT range AS a FROM range(100000)", alias);
  run(connection, sql);
  sd_duck_result *kept = NULL;
  snprintf(sql, sizeof sql, "FROM %s.main.t", alias);
  check_ok(sd_duck_query(reader, sql, &kept, &error), &error, "query");
  snprintf(sql, sizeof sql, "CHECKPOINT %s", alias);
  run(connection, sql);
  struct stat st;
  assert_true(stat(scratch_path("a.duckdb.wal"), &st) != 0 || st.st_size == 0);
  assert_int_equal(sd_duck_result_rows(kept), 100000);
  sd_duck_result_free(kept);
  sd_duck_connection_leave(reader);
  sd_duck_connection_free(reader);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_database_detach(database);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(a_file_is_attached_once_by_whatever_path),
      T(local_files_share_one_instance_with_our_settings),
      T(reading_only_makes_no_file_and_a_writer_is_refused),
      T(results_give_typed_cells),
      T(an_error_leaves_outputs_alone),
      T(reopening_keeps_databases_and_renews_connections),
      T(a_reconnect_rolls_back),
      T(a_call_that_ignores_the_interrupt_is_reported_as_hung),
      T(after_cancel_every_call_is_refused),
      T(a_result_that_is_kept_does_not_stop_a_checkpoint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
