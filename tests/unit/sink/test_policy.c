/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints of the file, several sinks at once, tables' settings, memory that runs out. */
#include "one_sink.h"
#include "sink/sink_private.h"

#include <sys/stat.h>

static int64_t wal_bytes(void)
{
  char wal[600];
  struct stat st;
  snprintf(wal, sizeof wal, "%s.wal", path);
  return stat(wal, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* The op behind it is answered after the checkpoint that follows the one before. */
static void pass_a_turn(void)
{
  sd_error error = claim_some(&f, 1, false, SD_SINK_RENEW);
  check_ok(error.code, &error, "renew");
}

static void ddl_is_checkpointed_before_the_first_append(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  bool created = false;
  sd_error error = open_tables(&f, &created);
  check_ok(error.code, &error, "open");
  assert_true(created);
  /* An op of a stranger, which changes nothing, comes back after the checkpoint. */
  fixture other;
  fixture_init(&other);
  other.sink = f.sink;
  other.target.table = "never_opened";
  error = claim_some(&other, 1, false, SD_SINK_CLAIM);
  assert_int_equal(error.code, SD_STATE);
  other.sink = NULL;
  fixture_end(&other);
  assert_int_equal(wal_bytes(), 0);
  error = open_tables(&f, &created);
  check_ok(error.code, &error, "open");
  assert_false(created);
}

/* Events first..last whose bodies of `len` bytes do not compress. */
static sd_batch *random_batch(int64_t first, int64_t last, size_t len)
{
  static char body[4000];
  sd_batch *batch = new_batch();
  assert_true(len <= sizeof body);
  for (int64_t sequence = first; sequence <= last; sequence++) {
    uint64_t x = (uint64_t)sequence * 7919 + 1;
    for (size_t c = 0; c < len; c++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      body[c] = (char)(' ' + x % 90);
    }
    add_event(&f, batch, 0, sequence, body, len);
  }
  return batch;
}

static void the_wal_is_cut_between_transactions(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  int64_t most = 0;
  for (int i = 0; i < 30; i++) {
    land_batch(&f, random_batch(i * 1000, i * 1000 + 999, 4000));
    pass_a_turn();
    if (wal_bytes() > most)
      most = wal_bytes();
  }
  /* 120 MB were written; one transaction (4 MB) may lie above the threshold. */
  assert_true(most > 16 << 20);
  assert_true(most <= SD_SINK_WAL_CHECKPOINT + (8 << 20));
  assert_true(wal_bytes() < most);
}

static void a_whole_row_group_goes_past_the_wal(void **state)
{
  (void)state;
  enum { ROWS = SD_DUCK_ROW_GROUP_ROWS };
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, random_batch(0, 9, 1000)); /* an empty table takes any transaction without the WAL */
  pass_a_turn();
  int64_t before = wal_bytes();
  land_batch(&f, random_batch(10, ROWS + 9, 1000));
  assert_true(wal_bytes() - before < 1 << 20);
  before = wal_bytes();
  land_batch(&f, random_batch(ROWS + 10, ROWS + 2009, 1000));
  assert_true(wal_bytes() - before > 1 << 20);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), ROWS + 2010);
  assert_int_equal(ask(path, "SELECT max(sequence_number) FROM _streamduck_checkpoints"), ROWS + 2009);
}

/* The row group's size is of the writing process, not of the file: one that DuckDB made by itself goes on,
 * and DuckDB by itself goes on with ours. */
static void a_file_that_others_write_too_goes_on(void **state)
{
  (void)state;
  char attach[600];
  snprintf(attach, sizeof attach, "ATTACH '%s' AS plain", path);
  sd_duck_instance *instance = acquire_local();
  sd_duck_connection *connection = connect_to(instance);
  sd_error error;
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  run(connection, attach);
  run(connection, "CREATE TABLE plain.events AS SELECT '0:' || i AS event_body, '0' AS partition_id, i AS "
                  "sequence_number, now() AS enqueued_time, NULL::JSON AS properties, NULL::JSON AS "
                  "system_properties, now() AS ingestion_timestamp FROM range(-200000, 0) t(i)");
  run(connection, "DETACH plain");

  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 2 * SD_DUCK_ROW_GROUP_ROWS - 1));
  fixture_stop(&f);

  run(connection, attach);
  run(connection, "INSERT INTO plain.events SELECT * REPLACE (sequence_number + 300000 AS sequence_number) "
                  "FROM plain.events WHERE sequence_number < 0");
  run(connection, "CHECKPOINT plain");
  assert_int_equal(number(connection, "SELECT count(DISTINCT sequence_number) FROM plain.events"),
                   400000 + 2 * SD_DUCK_ROW_GROUP_ROWS);
  assert_int_equal(number(connection, "SELECT max(sequence_number) FROM plain._streamduck_checkpoints"),
                   2 * SD_DUCK_ROW_GROUP_ROWS - 1);
  run(connection, "DETACH plain");
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_instance_release(instance);
}

static void no_table_of_ours_has_an_index(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM duckdb_indexes()"), 0);
  assert_int_equal(
      ask(path, "SELECT count(*) FROM duckdb_constraints() WHERE schema_name = 'main' AND table_name LIKE "
                "'\\_streamduck%' ESCAPE '\\'"),
      0);
}

/* Two files and two sinks in one process; what happens to one does not touch the other. */
static void two_sinks_land_side_by_side(void **state)
{
  (void)state;
  char path_b[512];
  fixture g;
  snprintf(path_b, sizeof path_b, "%s", scratch_path("b.duckdb"));
  fixture_init(&g);
  fixture_start(&f, path, NULL);
  fixture_start(&g, path_b, NULL);
  begin_mapping(&f, 1);
  begin_mapping(&g, 1);
  enum { COUNT = 20 };
  sd_sink_write *mine[COUNT];
  sd_sink_write *theirs[COUNT];
  for (int i = 0; i < COUNT; i++) {
    mine[i] = new_write(&f, batch_of(&f, 0, i * 500, i * 500 + 499));
    theirs[i] = new_write(&g, batch_of(&g, 0, i * 500, i * 500 + 499));
    send_op(&f, &mine[i]->base);
    send_op(&g, &theirs[i]->base);
  }
  for (int i = 0; i < COUNT; i++) {
    assert_ptr_equal(await(&f), &mine[i]->base);
    assert_ptr_equal(await(&g), &theirs[i]->base);
    check_ok(mine[i]->base.error.code, &mine[i]->base.error, "write");
    check_ok(theirs[i]->base.error.code, &theirs[i]->base.error, "write");
    free_write(mine[i]);
    free_write(theirs[i]);
  }
  tell(path_b, "ALTER TABLE events RENAME TO gone");
  sd_sink_write *op = write_batch(&g, batch_of(&g, 0, COUNT * 500, COUNT * 500));
  assert_int_not_equal(op->base.error.code, SD_OK);
  free_write(op);
  land_batch(&f, batch_of(&f, 0, COUNT * 500, COUNT * 500));
  fixture_end(&g);
  fixture_stop(&f);
  check_landed(path, 0, COUNT * 500);
}

/* Two sinks on one file share its attachment; both land. */
static void two_sinks_on_one_file_share_it(void **state)
{
  (void)state;
  fixture g;
  fixture_init(&g);
  g.target.hub = "other";
  fixture_start(&f, path, NULL);
  fixture_start(&g, path, NULL);
  begin_mapping(&f, 1);
  begin_mapping(&g, 2);
  for (int i = 0; i < 10; i++) {
    land_batch(&f, batch_of(&f, 0, i * 10, i * 10 + 9));
    land_batch(&g, batch_of(&g, 1, i * 10, i * 10 + 9));
  }
  fixture_end(&g);
  fixture_stop(&f);
  check_landed(path, 0, 99);
  check_landed(path, 1, 99);
}

static void a_full_queue_refuses_and_the_op_stays_the_callers(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  /* Each takes a transaction; submitting takes no time. */
  static sd_sink_claim ops[SD_SINK_QUEUE_MAX + 64];
  sd_claim claim = f.claims[0];
  int sent = 0;
  bool refused = false;
  for (int i = 0; i < SD_SINK_QUEUE_MAX + 64 && !refused; i++) {
    memset(&ops[i], 0, sizeof ops[i]);
    prepare(&f, &ops[i].base, SD_SINK_RENEW);
    ops[i].count = 1;
    ops[i].claims = &claim;
    sd_status status = f.sink->vtable->submit(f.sink, &ops[i].base);
    refused = status == SD_AGAIN;
    if (!refused) {
      assert_int_equal(status, SD_OK);
      sent++;
    }
  }
  assert_true(refused);
  f.sink->vtable->free(f.sink, false);
  f.sink = NULL;
  for (int i = 0; i < sent; i++)
    assert_ptr_equal(await(&f), &ops[i].base);
}

/* Each allocation of ours in a landing fails once: the batch fails or lands, and is never half there. */
static void a_landing_survives_every_failing_allocation(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  int64_t next = 0;
  uint64_t nth = 1;
  for (bool failed = true; failed; nth++) {
    sd_batch *batch = batch_of(&f, 0, next, next + 9);
    add_event(&f, batch, 0, next + 10, "\xff", 1);
    sd_sink_write *op = new_write(&f, batch);
    sd_alloc_fail_nth(nth);
    send_op(&f, &op->base);
    assert_ptr_equal(await(&f), &op->base);
    failed = sd_alloc_calls() >= nth;
    sd_alloc_fail_nth(0);
    if (op->base.error.code == SD_OK) {
      assert_int_equal(op->rows_landed, 10);
      assert_int_equal(op->rows_dead, 1);
    }
    free_write(op);
    f.generation++;
    sd_error error = claim_some(&f, 1, false, SD_SINK_CLAIM);
    check_ok(error.code, &error, "claim");
    next = f.claims[0].checkpoint.sequence_number + 1;
    assert_int_equal(ask(path, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM "
                               "_streamduck_dead_letters)"),
                     next);
  }
  assert_true(nth > 10);
}

static void options_are_checked(void **state)
{
  (void)state;
  sd_sink *sink = NULL;
  sd_error error;
  sd_duck_sink_options options = {.struct_size = sizeof options};
  assert_int_equal(sd_duck_sink_new(&options, &sink, &error), SD_CONFIG);
  options.database = "db";
  options.motherduck = true;
  assert_int_equal(sd_duck_sink_new(&options, &sink, &error), SD_CONFIG);
  assert_non_null(strstr(error.message, "token"));
  options.motherduck = false;
  options.owner = "an owner whose name is far too long to be kept in the sixty-four bytes that there are";
  assert_int_equal(sd_duck_sink_new(&options, &sink, &error), SD_CONFIG);
  assert_null(sink);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(ddl_is_checkpointed_before_the_first_append),
      T(the_wal_is_cut_between_transactions),
      T(a_whole_row_group_goes_past_the_wal),
      T(a_file_that_others_write_too_goes_on),
      T(no_table_of_ours_has_an_index),
      T(two_sinks_land_side_by_side),
      T(two_sinks_on_one_file_share_it),
      T(a_full_queue_refuses_and_the_op_stays_the_callers),
      T(a_landing_survives_every_failing_allocation),
      T(options_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
