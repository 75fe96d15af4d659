/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Two owners on one database: leases, claims, fences, and every interleaving of a claim and a batch. */
#include "fake_duck.h"

static char path[512];
static fixture a; /* the one that was first: in most tests it becomes a zombie */
static fixture b;

static int begin(void **state)
{
  if (make_scratch(state) != 0)
    return -1;
  fake_init();
  snprintf(path, sizeof path, "%s", scratch_path("a.duckdb"));
  sd_duck_sink_options options_a = {.owner = "owner-a", .respect_leases = true};
  sd_duck_sink_options options_b = {.owner = "owner-b", .respect_leases = true};
  fixture_init(&a);
  fixture_init(&b);
  fixture_start(&a, path, &options_a);
  fixture_start(&b, path, &options_b);
  return 0;
}

static int end(void **state)
{
  fixture_end(&a);
  fixture_end(&b);
  return remove_scratch(state);
}

static void b_claims(bool forced)
{
  sd_error error = open_tables(&b, NULL);
  check_ok(error.code, &error, "open");
  error = claim_some(&b, 1, forced, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
}

static void a_live_lease_keeps_others_out(void **state)
{
  (void)state;
  begin_mapping(&a, 2);
  assert_true(a.claims[0].claimed && a.claims[1].claimed);
  assert_int_equal(a.claims[0].epoch, 1);
  b_claims(false);
  assert_false(b.claims[0].claimed);
  assert_string_equal(b.claims[0].held_by, "owner-a");
  assert_true(b.claims[0].held_until_us > sd_clock_unix_us());
  /* The owner itself may claim again. */
  sd_error error = claim_some(&a, 2, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  assert_true(a.claims[0].claimed);
  assert_int_equal(a.claims[0].epoch, 2);
}

static void a_lease_that_is_over_can_be_taken(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  tell(path, "UPDATE _streamduck_checkpoints SET lease_until = now() - INTERVAL '1 second'");
  b_claims(false);
  assert_true(b.claims[0].claimed);
  assert_int_equal(b.claims[0].epoch, 2);
}

static void a_released_partition_can_be_taken_with_its_checkpoint(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  land_batch(&a, batch_of(&a, 0, 0, 9));
  sd_error error = claim_some(&a, 1, false, SD_SINK_RELEASE);
  check_ok(error.code, &error, "release");
  b_claims(false);
  assert_true(b.claims[0].claimed && b.claims[0].checkpoint.found);
  assert_int_equal(b.claims[0].checkpoint.sequence_number, 9);
  assert_string_equal(b.claims[0].checkpoint.offset, "o9");
  assert_string_equal(b.claims[0].checkpoint.incarnation, "made-once");
  assert_int_equal(b.claims[0].checkpoint.enqueued_us, INT64_C(1700000009000000));
}

static void renewing_prolongs_a_lease_and_tells_what_is_lost(void **state)
{
  (void)state;
  begin_mapping(&a, 2);
  int64_t before =
      ask(path, "SELECT epoch_us(lease_until) FROM _streamduck_checkpoints WHERE partition_id = '0'");
  sd_error error = claim_some(&a, 2, false, SD_SINK_RENEW);
  check_ok(error.code, &error, "renew");
  assert_true(a.claims[0].claimed && a.claims[1].claimed);
  assert_true(
      ask(path, "SELECT epoch_us(lease_until) FROM _streamduck_checkpoints WHERE partition_id = '0'") >
      before);
  b_claims(true);
  error = claim_some(&a, 2, false, SD_SINK_RENEW);
  check_ok(error.code, &error, "renew");
  assert_false(a.claims[0].claimed);
  assert_string_equal(a.claims[0].held_by, "owner-b");
  assert_true(a.claims[1].claimed);
}

static void releasing_does_not_touch_what_somebody_else_has(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  b_claims(true);
  sd_error error = claim_some(&a, 1, false, SD_SINK_RELEASE);
  check_ok(error.code, &error, "release");
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_checkpoints WHERE owner = 'owner-b'"), 1);
}

/* Fails when `c.epoch = v.e` is taken out of the fence. */
static void a_zombie_that_writes_after_a_claim_is_fenced(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  b_claims(true);
  sd_sink_write *op = write_batch(&a, batch_of(&a, 0, 0, 9));
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->fenced_count, 1);
  assert_int_equal(op->fenced[0], 0);
  assert_int_equal(op->rows_masked, 10);
  assert_int_equal(op->rows_landed, 0);
  free_write(op);
  land_batch(&b, batch_of(&b, 0, 0, 9));
  check_landed(path, 0, 9);
}

static void only_the_lost_partition_is_masked(void **state)
{
  (void)state;
  begin_mapping(&a, 3);
  b_claims(true); /* partition 0 */
  sd_batch *batch = new_batch();
  for (int64_t i = 0; i < 30; i++) {
    char body[16];
    int len = snprintf(body, sizeof body, "%lld:%lld", (long long)(i % 3), (long long)(i / 3));
    add_event(&a, batch, (uint32_t)(i % 3), i / 3, body, (size_t)len);
  }
  sd_sink_write *op = write_batch(&a, batch);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->fenced_count, 1);
  assert_string_equal(op->batch->partitions[op->fenced[0]].partition_id, "0");
  assert_int_equal(op->rows_masked, 10);
  assert_int_equal(op->rows_landed, 20);
  free_write(op);
  land_batch(&b, batch_of(&b, 0, 0, 9));
  check_landed(path, 0, 9);
  check_landed(path, 1, 9);
  check_landed(path, 2, 9);
}

static char snapshot_sql[256];
static sd_error claim_error;

static void prepare_snapshot(void)
{
  look l = look_at_path(path);
  snprintf(snapshot_sql, sizeof snapshot_sql,
           "FROM \"%s\".main."
           "_streamduck_checkpoints",
           sd_duck_database_alias(l.database));
  look_away(&l);
}

static void b_claims_now(duckdb_connection connection)
{
  (void)connection;
  claim_error = claim_some(&b, 1, true, SD_SINK_CLAIM);
}

/* The zombie's transaction has read the control table before the claim commits: it sees its own epoch. */
static void take_snapshot_then_b_claims(duckdb_connection connection)
{
  duckdb_result result;
  memset(&result, 0, sizeof result);
  fake.real->query(connection, snapshot_sql, &result);
  fake.real->destroy_result(&result);
  b_claims_now(connection);
}

static void a_zombie_whose_transaction_began_before_the_claim_is_fenced(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  land_batch(&a, batch_of(&a, 0, 0, 4));
  sd_error error = open_tables(&b, NULL);
  check_ok(error.code, &error, "open");
  prepare_snapshot();
  sd_sink_write *op = new_write(&a, batch_of(&a, 0, 5, 9));
  arm("BEGIN", FAKE_ACT_AFTER, take_snapshot_then_b_claims, DUCKDB_ERROR_INVALID);
  send_op(&a, &op->base);
  assert_ptr_equal(await(&a), &op->base);
  assert_true(fired());
  check_ok(claim_error.code, &claim_error, "claim");
  assert_true(b.claims[0].claimed);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->fenced_count, 1);
  assert_int_equal(op->rows_landed, 0);
  free_write(op);
  land_batch(&b, batch_of(&b, 0, 5, 9));
  check_landed(path, 0, 9);
}

/* The batch has passed its fence and not committed: the claim must not get in beside it. */
static void a_claim_during_a_batch_meets_a_conflict(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  sd_error error = open_tables(&b, NULL);
  check_ok(error.code, &error, "open");
  sd_sink_write *op = new_write(&a, batch_of(&a, 0, 0, 9));
  arm("COMMIT", FAKE_ACT_BEFORE, b_claims_now, DUCKDB_ERROR_INVALID);
  send_op(&a, &op->base);
  assert_ptr_equal(await(&a), &op->base);
  assert_true(fired());
  assert_int_equal(claim_error.code, SD_CONFLICT);
  assert_true(claim_error.retriable);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_landed, 10);
  free_write(op);
  b.generation++;
  error = claim_some(&b, 1, true, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  assert_int_equal(b.claims[0].checkpoint.sequence_number, 9);
  check_landed(path, 0, 9);
}

static sd_sink_write *zombie_op;

static void a_writes_now(duckdb_connection connection)
{
  (void)connection;
  zombie_op = write_batch(&a, batch_of(&a, 0, 0, 9));
}

/* The claim has changed the row and not committed: the batch must not get in beside it. */
static void a_batch_during_a_claim_meets_a_conflict(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  sd_error error = open_tables(&b, NULL);
  check_ok(error.code, &error, "open");
  arm("COMMIT", FAKE_ACT_BEFORE, a_writes_now, DUCKDB_ERROR_INVALID);
  error = claim_some(&b, 1, true, SD_SINK_CLAIM);
  assert_true(fired());
  check_ok(error.code, &error, "claim");
  assert_int_equal(zombie_op->base.error.code, SD_CONFLICT);
  assert_true(zombie_op->base.error.retriable);
  free_write(zombie_op);
  assert_int_equal(b.claims[0].checkpoint.found, false);
  land_batch(&b, batch_of(&b, 0, 0, 9));
  check_landed(path, 0, 9);
}

/* Two claims of a partition that has no row yet: without the guard both INSERTs would commit. */
static void claims_at_the_same_time_make_one_row(void **state)
{
  (void)state;
  begin_mapping(&a, 0);
  sd_error error = open_tables(&b, NULL);
  check_ok(error.code, &error, "open");
  arm("COMMIT", FAKE_ACT_BEFORE, b_claims_now, DUCKDB_ERROR_INVALID);
  error = claim_some(&a, 1, true, SD_SINK_CLAIM);
  assert_true(fired());
  check_ok(error.code, &error, "claim");
  assert_int_equal(claim_error.code, SD_CONFLICT);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_checkpoints"), 1);
}

/* DuckDB finds conflicts column by column: every write of a control row must raise rev. Fails when
 * `rev = rev + 1` is taken out of any of them. */
static void every_write_of_a_control_row_raises_its_revision(void **state)
{
  (void)state;
  const char *revision = "SELECT rev FROM _streamduck_checkpoints";
  begin_mapping(&a, 1);
  assert_int_equal(ask(path, revision), 1);
  land_batch(&a, batch_of(&a, 0, 0, 4));
  assert_int_equal(ask(path, revision), 2);
  sd_error error = claim_some(&a, 1, false, SD_SINK_RENEW);
  check_ok(error.code, &error, "renew");
  assert_int_equal(ask(path, revision), 3);
  error = claim_some(&a, 1, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  assert_int_equal(ask(path, revision), 4);
  error = claim_some(&a, 1, false, SD_SINK_RELEASE);
  check_ok(error.code, &error, "release");
  assert_int_equal(ask(path, revision), 5);
  assert_int_equal(ask(path, "SELECT rev FROM _streamduck_guard"), 2);
}

/* The row's other columns are put aside, so that only the revision can tell the two transactions apart. */
static void the_revision_alone_keeps_a_claim_and_a_batch_apart(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  look first = look_at_path(path);
  sd_duck_connection *second = connect_to(first.instance);
  sd_error error;
  check_ok(sd_duck_connection_enter(second, first.database, &error), &error, "enter");
  char use[300];
  snprintf(use, sizeof use, "USE %s", sd_duck_database_alias(first.database));
  run(second, use);
  const char *claim = "UPDATE _streamduck_checkpoints SET epoch = epoch + 1, owner = 'x'";
  const char *batch =
      "UPDATE _streamduck_checkpoints SET \"offset\" = 'o', sequence_number = 1 WHERE epoch = 1";
  const char *claim_rev = "UPDATE _streamduck_checkpoints SET epoch = epoch + 1, owner = 'x', rev = rev + 1";
  const char *batch_rev = "UPDATE _streamduck_checkpoints SET \"offset\" = 'o', sequence_number = 1, rev = "
                          "rev + 1 WHERE epoch = 1";
  /* DuckDB lets both in without the revision: this is why it is there. */
  run(first.connection, "BEGIN");
  run(second, "BEGIN");
  run(first.connection, claim);
  assert_int_equal(sd_duck_execute(second, batch, NULL, &error), SD_OK);
  run(first.connection, "ROLLBACK");
  run(second, "ROLLBACK");
  const char *orders[2][2] = {{claim_rev, batch_rev}, {batch_rev, claim_rev}};
  for (int i = 0; i < 2; i++) {
    run(first.connection, "BEGIN");
    run(second, "BEGIN");
    run(first.connection, orders[i][0]);
    assert_int_equal(sd_duck_execute(second, orders[i][1], NULL, &error), SD_CONFLICT);
    assert_true(sd_duck_error_is_conflict(&error));
    run(first.connection, "ROLLBACK");
    run(second, "ROLLBACK");
  }
  run(second, "USE memory");
  sd_duck_connection_leave(second);
  sd_duck_connection_free(second);
  look_away(&first);
}

static void two_rows_for_a_partition_are_a_fatal_error(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  tell(path, "INSERT INTO _streamduck_checkpoints FROM _streamduck_checkpoints");
  sd_error error = claim_some(&a, 1, true, SD_SINK_CLAIM);
  assert_int_equal(error.code, SD_CORRUPT);
  assert_true(error.fatal);
  assert_non_null(strstr(error.message, "two rows"));
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_checkpoints"), 2);
}

static void a_guard_without_a_row_or_with_two_is_a_fatal_error(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  tell(path, "DELETE FROM _streamduck_guard");
  sd_error error = claim_some(&a, 1, true, SD_SINK_CLAIM);
  assert_int_equal(error.code, SD_CORRUPT);
  tell(path, "INSERT INTO _streamduck_guard VALUES (1), (2)");
  error = claim_some(&a, 1, true, SD_SINK_CLAIM);
  assert_int_equal(error.code, SD_CORRUPT);
  error = open_tables(&a, NULL);
  assert_int_equal(error.code, SD_CORRUPT);
}

/* Somebody has set the checkpoint back or forth by hand: what is stored counts, not what was remembered. */
static void a_checkpoint_that_was_changed_by_hand_is_read_anew(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  land_batch(&a, batch_of(&a, 0, 0, 9));
  tell(path, "UPDATE _streamduck_checkpoints SET sequence_number = 14");
  sd_sink_write *op = write_batch(&a, batch_of(&a, 0, 10, 19));
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_masked, 5);
  assert_int_equal(op->rows_landed, 5);
  free_write(op);
}

static void resetting_a_claim_lets_sequence_numbers_begin_anew(void **state)
{
  (void)state;
  begin_mapping(&a, 2);
  land_batch(&a, batch_of(&a, 0, 0, 99));
  land_batch(&a, batch_of(&a, 1, 0, 9));
  sd_sink_claim op = {0};
  prepare(&a, &op.base, SD_SINK_CLAIM);
  op.incarnation = "made-again";
  op.count = 2;
  op.claims = a.claims;
  a.claims[0].reset = true;
  send_op(&a, &op.base);
  assert_ptr_equal(await(&a), &op.base);
  check_ok(op.base.error.code, &op.base.error, "claim");
  assert_false(a.claims[0].checkpoint.found);
  assert_string_equal(a.claims[0].checkpoint.incarnation, "made-again");
  assert_int_equal(a.claims[1].checkpoint.sequence_number, 9);
  assert_string_equal(a.claims[1].checkpoint.incarnation, "made-once");
  land_batch(&a, batch_of(&a, 0, 0, 4));
  assert_int_equal(ask(path, "SELECT count(*) FROM events WHERE partition_id = '0'"), 105);
  assert_int_equal(ask(path, "SELECT sequence_number FROM _streamduck_checkpoints WHERE partition_id = '0'"),
                   4);
}

static void a_local_sink_forces_its_claims(void **state)
{
  (void)state;
  begin_mapping(&a, 1);
  fixture c;
  fixture_init(&c);
  fixture_start(&c, path, NULL);
  begin_mapping(&c, 1);
  assert_true(c.claims[0].claimed);
  assert_int_equal(c.claims[0].epoch, 2);
  assert_int_equal(ask(path, "SELECT length(owner) FROM _streamduck_checkpoints"), 36);
  fixture_end(&c);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(a_live_lease_keeps_others_out),
      T(a_lease_that_is_over_can_be_taken),
      T(a_released_partition_can_be_taken_with_its_checkpoint),
      T(renewing_prolongs_a_lease_and_tells_what_is_lost),
      T(releasing_does_not_touch_what_somebody_else_has),
      T(a_zombie_that_writes_after_a_claim_is_fenced),
      T(only_the_lost_partition_is_masked),
      T(a_zombie_whose_transaction_began_before_the_claim_is_fenced),
      T(a_claim_during_a_batch_meets_a_conflict),
      T(a_batch_during_a_claim_meets_a_conflict),
      T(claims_at_the_same_time_make_one_row),
      T(every_write_of_a_control_row_raises_its_revision),
      T(the_revision_alone_keeps_a_claim_and_a_batch_apart),
      T(two_rows_for_a_partition_are_a_fatal_error),
      T(a_guard_without_a_row_or_with_two_is_a_fatal_error),
      T(a_checkpoint_that_was_changed_by_hand_is_read_anew),
      T(resetting_a_claim_lets_sequence_numbers_begin_anew),
      T(a_local_sink_forces_its_claims),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
