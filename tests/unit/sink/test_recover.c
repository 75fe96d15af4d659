/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Answers that get lost, statements that fail, databases that break: nothing is doubled or lost. */
#include "fake_duck.h"

#include <semaphore.h>

static char path[512];
static fixture f;

static int begin(void **state)
{
  if (make_scratch(state) != 0)
    return -1;
  fake_init();
  snprintf(path, sizeof path, "%s", scratch_path("a.duckdb"));
  fixture_init(&f);
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 2);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  return 0;
}

static int end(void **state)
{
  fixture_end(&f);
  return remove_scratch(state);
}

static void a_lost_answer_of_a_commit_that_happened_lands_once(void **state)
{
  (void)state;
  arm("COMMIT", FAKE_LOSE_ANSWER, NULL, DUCKDB_ERROR_CONNECTION);
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_landed, 10);
  free_write(op);
  land_batch(&f, batch_of(&f, 0, 20, 29));
  check_landed(path, 0, 29);
}

static void a_commit_that_did_not_happen_is_an_error_and_can_be_sent_again(void **state)
{
  (void)state;
  arm("COMMIT", FAKE_FAIL, NULL, DUCKDB_ERROR_CONNECTION);
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  assert_int_equal(op->base.error.code, SD_IO);
  assert_true(op->base.error.retriable);
  assert_int_equal(op->rows_landed, 0);
  free_write(op);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 10);
  f.generation++;
  sd_error error = claim_some(&f, 2, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  assert_int_equal(f.claims[0].checkpoint.sequence_number, 9);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  check_landed(path, 0, 19);
}

static void a_commit_that_met_a_conflict_is_run_again(void **state)
{
  (void)state;
  arm("COMMIT", FAKE_FAIL, NULL, DUCKDB_ERROR_TRANSACTION);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  check_landed(path, 0, 19);
}

static fixture thief;

static void thief_claims(duckdb_connection connection)
{
  (void)connection;
  sd_error error = claim_some(&thief, 1, true, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
}

/* The answer is lost, and before the row can be read somebody else owns it. */
static void after_a_lost_answer_and_a_new_owner_the_partition_is_given_up(void **state)
{
  (void)state;
  sd_duck_sink_options options = {.owner = "thief"};
  fixture_init(&thief);
  fixture_start(&thief, path, &options);
  sd_error error = open_tables(&thief, NULL);
  check_ok(error.code, &error, "open");
  arm("COMMIT", FAKE_LOSE_ANSWER, NULL, DUCKDB_ERROR_CONNECTION);
  sd_sink_write *op = new_write(&f, batch_of(&f, 0, 10, 19));
  send_op(&f, &op->base);
  assert_ptr_equal(await(&f), &op->base);
  check_ok(op->base.error.code, &op->base.error, "write");
  free_write(op);
  thief_claims(NULL);
  assert_int_equal(thief.claims[0].checkpoint.sequence_number, 19);
  op = write_batch(&f, batch_of(&f, 0, 20, 29));
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->fenced_count, 1);
  free_write(op);
  land_batch(&thief, batch_of(&thief, 0, 20, 29));
  check_landed(path, 0, 29);
  fixture_end(&thief);
}

/* COMMIT reports success after a failed statement and has rolled back: it must not be asked at all. */
static void a_failed_statement_ends_in_rollback(void **state)
{
  (void)state;
  arm("SELECT count(*)", FAKE_FAIL, NULL, DUCKDB_ERROR_NETWORK);
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  assert_int_equal(op->base.error.code, SD_IO);
  assert_true(op->base.error.retriable);
  free_write(op);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 10);
  assert_int_equal(ask(path, "SELECT sequence_number FROM _streamduck_checkpoints WHERE partition_id = '0'"),
                   9);
  f.generation++;
  sd_error error = claim_some(&f, 2, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  land_batch(&f, batch_of(&f, 0, 10, 19));
  check_landed(path, 0, 19);
}

static void a_memory_error_raises_the_limit_and_the_same_rows_land(void **state)
{
  (void)state;
  arm("SELECT count(*)", FAKE_FAIL, NULL, DUCKDB_ERROR_OUT_OF_MEMORY);
  land_batch(&f, batch_of(&f, 0, 10, 20009));
  assert_true(fired());
  check_landed(path, 0, 20009);
  assert_int_equal(ask(path, "SELECT count(DISTINCT ingestion_timestamp) FROM events"), 2);
  assert_int_equal(ask(path, "SELECT (current_setting('memory_limit') = '128.0 MiB')::INT"), 1);
}

/* Through the sink's own instance. */
static void raise_memory_to_the_maximum(void)
{
  look l = look_at_path(path);
  uint32_t limit_mb;
  sd_error error;
  sd_status status;
  sd_duck_connection_leave(l.connection);
  do {
    status = sd_duck_instance_raise_memory(l.instance, &limit_mb, &error);
  } while (status == SD_OK);
  assert_int_equal(status, SD_LIMIT);
  check_ok(sd_duck_connection_enter(l.connection, l.database, &error), &error, "enter");
  look_away(&l);
}

static void where_the_limit_cannot_rise_transactions_get_smaller(void **state)
{
  (void)state;
  raise_memory_to_the_maximum();
  arm("SELECT count(*)", FAKE_FAIL, NULL, DUCKDB_ERROR_OUT_OF_MEMORY);
  fake.times = 2;
  land_batch(&f, batch_of(&f, 0, 10, 20009));
  assert_true(fired());
  check_landed(path, 0, 20009);
  /* Of 10 rows, then of 5,000 and, with the size doubled after each that lands, 10,000 and 5,000. */
  assert_int_equal(ask(path, "SELECT count(DISTINCT ingestion_timestamp) FROM events"), 4);
  assert_int_equal(ask(path, "SELECT max(n) FROM (SELECT count(*) AS n FROM events GROUP BY "
                             "ingestion_timestamp)"),
                   10000);
}

static void a_row_that_no_memory_holds_is_an_error_and_can_be_sent_again(void **state)
{
  (void)state;
  raise_memory_to_the_maximum();
  arm("SELECT count(*)", FAKE_FAIL, NULL, DUCKDB_ERROR_OUT_OF_MEMORY);
  fake.times = 3; /* transactions of 4, 2 and 1 rows */
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 10, 13));
  assert_true(fired());
  assert_int_equal(op->base.error.code, SD_NOMEM);
  assert_true(op->base.error.retriable);
  free_write(op);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 10);
  f.generation++;
  sd_error error = claim_some(&f, 2, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  land_batch(&f, batch_of(&f, 0, 10, 13));
  check_landed(path, 0, 13);
}

static void an_invalidated_database_is_opened_anew_once(void **state)
{
  (void)state;
  arm("UPDATE", FAKE_FAIL, NULL, DUCKDB_ERROR_FATAL);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  check_landed(path, 0, 19);
}

static void a_database_that_stays_broken_is_an_error(void **state)
{
  (void)state;
  arm("UPDATE", FAKE_FAIL, NULL, DUCKDB_ERROR_FATAL);
  fake.times = 2;
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  assert_int_equal(op->base.error.code, SD_DATABASE);
  assert_true(op->base.error.fatal && op->base.error.retriable);
  free_write(op);
  f.generation++;
  sd_error error = claim_some(&f, 2, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  land_batch(&f, batch_of(&f, 0, 10, 19));
  check_landed(path, 0, 19);
}

static void a_commit_that_broke_the_database_is_decided_after_reopening(void **state)
{
  (void)state;
  arm("COMMIT", FAKE_LOSE_ANSWER, NULL, DUCKDB_ERROR_FATAL);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  check_landed(path, 0, 19);
}

static void an_op_that_finds_the_database_broken_is_run_again(void **state)
{
  (void)state;
  arm("UPDATE", FAKE_FAIL, NULL, DUCKDB_ERROR_INTERNAL);
  f.generation++;
  sd_error error = claim_some(&f, 2, false, SD_SINK_CLAIM);
  assert_true(fired());
  check_ok(error.code, &error, "claim");
  assert_int_equal(f.claims[0].checkpoint.sequence_number, 9);
}

static void the_batches_behind_a_failed_one_are_cancelled_and_those_before_it_are_not(void **state)
{
  (void)state;
  enum { COUNT = 6 };
  sd_sink_write *ops[COUNT];
  arm("COMMIT", FAKE_FAIL, NULL, DUCKDB_ERROR_CONNECTION);
  atomic_store(&fake.left, 1); /* the second transaction */
  for (int i = 0; i < COUNT; i++)
    ops[i] = new_write(&f, batch_of(&f, 0, 10 + i * 10, 19 + i * 10));
  for (int i = 0; i < COUNT; i++)
    send_op(&f, &ops[i]->base);
  int failed = -1;
  for (int i = 0; i < COUNT; i++) {
    assert_ptr_equal(await(&f), &ops[i]->base);
    if (failed < 0 && ops[i]->base.error.code != SD_OK) {
      failed = i;
      assert_int_equal(ops[i]->base.error.code, SD_IO);
    } else {
      assert_int_equal(ops[i]->base.error.code, failed < 0 ? SD_OK : SD_CANCELLED);
    }
    free_write(ops[i]);
  }
  atomic_store(&fake.left, -1);
  check_landed(path, 0, failed < 0 ? 69 : 9 + failed * 10);
}

static sem_t running;

static void wait_until_interrupted(duckdb_connection connection)
{
  duckdb_result result;
  memset(&result, 0, sizeof result);
  sem_post(&running);
  /* Runs for minutes unless somebody interrupts it. */
  fake.real->query(connection, "SELECT count(*) FROM range(100000000000) a", &result);
  fake.real->destroy_result(&result);
}

static void an_abort_interrupts_the_running_statement(void **state)
{
  (void)state;
  sem_init(&running, 0, 0);
  arm("UPDATE", FAKE_ACT_BEFORE, wait_until_interrupted, DUCKDB_ERROR_INVALID);
  sd_sink_write *op = new_write(&f, batch_of(&f, 0, 10, 19));
  send_op(&f, &op->base);
  sem_wait(&running);
  f.sink->vtable->free(f.sink, true);
  f.sink = NULL;
  assert_ptr_equal(await(&f), &op->base);
  assert_int_equal(op->base.error.code, SD_CANCELLED);
  free_write(op);
  check_landed(path, 0, 9);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(a_lost_answer_of_a_commit_that_happened_lands_once),
      T(a_commit_that_did_not_happen_is_an_error_and_can_be_sent_again),
      T(a_commit_that_met_a_conflict_is_run_again),
      T(after_a_lost_answer_and_a_new_owner_the_partition_is_given_up),
      T(a_failed_statement_ends_in_rollback),
      T(a_memory_error_raises_the_limit_and_the_same_rows_land),
      T(where_the_limit_cannot_rise_transactions_get_smaller),
      T(a_row_that_no_memory_holds_is_an_error_and_can_be_sent_again),
      T(an_invalidated_database_is_opened_anew_once),
      T(a_database_that_stays_broken_is_an_error),
      T(a_commit_that_broke_the_database_is_decided_after_reopening),
      T(an_op_that_finds_the_database_broken_is_run_again),
      T(the_batches_behind_a_failed_one_are_cancelled_and_those_before_it_are_not),
      T(an_abort_interrupts_the_running_statement),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
