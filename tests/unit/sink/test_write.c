/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Landing batches: rows, checkpoints, replays, dead letters, coalescing, generations. */
#include "one_sink.h"

static void a_batch_lands_with_its_checkpoint(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 2);
  land_batch(&f, batch_of(&f, 0, 0, 4999));
  land_batch(&f, batch_of(&f, 1, 0, 9));
  fixture_stop(&f);
  check_landed(path, 0, 4999);
  check_landed(path, 1, 9);
  assert_int_equal(ask(path, "SELECT rows_total FROM _streamduck_checkpoints WHERE partition_id = '0'"),
                   5000);
  assert_int_equal(
      ask(path, "SELECT count(*) FROM _streamduck_checkpoints WHERE partition_id = '0' AND \"offset\" = "
                "'o4999' AND epoch_us(enqueued_time) = 1700004999000000 AND owner IS NOT NULL AND "
                "incarnation = 'made-once' AND namespace = 'ns.example.org' AND hub = 'hub' AND "
                "consumer_group = '$default' AND target = 'events'"),
      1);
  assert_int_equal(
      ask(path, "SELECT count(*) FROM events WHERE (properties->>'k') = '1' AND system_properties IS NULL "
                "AND epoch_us(enqueued_time) = (1700000000 + sequence_number) * 1000000"),
      5010);
}

static void the_target_has_the_originals_columns_with_zoned_times(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  fixture_stop(&f);
  assert_int_equal(
      ask(path,
          "SELECT (string_agg(column_name || ' ' || data_type, ',' ORDER BY column_index) = 'event_body "
          "VARCHAR,partition_id VARCHAR,sequence_number BIGINT,enqueued_time TIMESTAMP WITH TIME "
          "ZONE,properties JSON,system_properties JSON,ingestion_timestamp TIMESTAMP WITH TIME ZONE')::INT "
          "FROM "
          "duckdb_columns() WHERE table_name = 'events'"),
      1);
}

static void bodies_keep_every_byte(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_batch *batch = new_batch();
  add_event(&f, batch, 0, 0, "", 0);
  add_event(&f, batch, 0, 1, "a\0b", 3);
  add_event(&f, batch, 0, 2, "twelve bytes", 12);
  add_event(&f, batch, 0, 3, "thirteen byte", 13);
  add_event(&f, batch, 0, 4, "gr\xc3\xbc\xc3\x9f", 6);
  land_batch(&f, batch);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events WHERE event_body IS NOT NULL"), 5);
  assert_int_equal(ask(path, "SELECT count(*) FROM events WHERE event_body = ''"), 1);
  assert_int_equal(ask(path, "SELECT length(event_body) FROM events WHERE sequence_number = 1"), 3);
  assert_int_equal(ask(path,
                       "SELECT count(*) FROM events WHERE event_body IN ('twelve bytes', 'thirteen byte', "
                       "'gr\xc3\xbc\xc3\x9f')"),
                   3);
}

static void replays_are_masked(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 99));
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 50, 149));
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_masked, 50);
  assert_int_equal(op->rows_landed, 50);
  free_write(op);
  op = write_batch(&f, batch_of(&f, 0, 0, 149));
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_masked, 150);
  assert_int_equal(op->rows_landed, 0);
  free_write(op);
  fixture_stop(&f);
  check_landed(path, 0, 149);
}

static void a_sequence_number_twice_in_a_batch_lands_once(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_batch *batch = batch_of(&f, 0, 0, 5);
  add_event(&f, batch, 0, 3, "0:3", 3);
  add_event(&f, batch, 0, 6, "0:6", 3);
  sd_sink_write *op = write_batch(&f, batch);
  assert_int_equal(op->rows_landed, 7);
  assert_int_equal(op->rows_masked, 1);
  free_write(op);
  fixture_stop(&f);
  check_landed(path, 0, 6);
}

static void binary_bodies_go_to_the_dead_letters(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_batch *batch = batch_of(&f, 0, 0, 9);
  add_event(&f, batch, 0, 10, "\xfe\xff\x00\x01", 4);
  add_event(&f, batch, 0, 11, "0:11", 4);
  sd_sink_write *op = write_batch(&f, batch);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_landed, 11);
  assert_int_equal(op->rows_dead, 1);
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 11);
  assert_int_equal(
      ask(path, "SELECT count(*) FROM _streamduck_dead_letters WHERE body = '\\xFE\\xFF\\x00\\x01'::BLOB "
                "AND sequence_number = 10 AND \"offset\" = 'o10' AND partition_id = '0' AND hub = 'hub' "
                "AND target = 'events' AND reason LIKE '%not UTF-8%' AND (properties->>'k') = '1' AND "
                "failed_at IS NOT NULL AND epoch_us(enqueued_time) = 1700000010000000"),
      1);
  assert_int_equal(ask(path, "SELECT sequence_number FROM _streamduck_checkpoints"), 11);
}

static void a_batch_of_dead_letters_only_moves_the_checkpoint(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_batch *batch = new_batch();
  for (int64_t i = 0; i < 10000; i++)
    add_event(&f, batch, 0, i, "\xff", 1);
  sd_sink_write *op = write_batch(&f, batch);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_dead, 10000);
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(DISTINCT sequence_number) FROM _streamduck_dead_letters"), 10000);
  assert_int_equal(ask(path, "SELECT sequence_number FROM _streamduck_checkpoints"), 9999);
}

static void with_a_blob_target_every_body_lands(void **state)
{
  (void)state;
  f.target.body_is_blob = true;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_batch *batch = new_batch();
  add_event(&f, batch, 0, 0, "\xfe\xff\x00\x01", 4);
  add_event(&f, batch, 0, 1, "text that is longer", 19);
  land_batch(&f, batch);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events WHERE event_body = '\\xFE\\xFF\\x00\\x01'::BLOB"),
                   1);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_dead_letters"), 0);
}

/* Text that is not UTF-8 in a place where nobody has checked must not take the good rows with it. */
static void unchecked_text_that_is_not_utf8_costs_only_its_own_row(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_batch *batch = batch_of(&f, 0, 0, 99);
  sd_event event = {.body = sd_bytes_of("0:100"),
                    .sequence_number = 100,
                    .offset = sd_bytes_of("o100"),
                    .enqueued_us = 1,
                    .properties = sd_bytes_of("{\"bad\":\"\xff\xfe and more than twelve bytes\"}")};
  assert_int_equal(sd_batch_append(batch, 0, "0", f.claims[0].epoch, &event, false), SD_OK);
  add_event(&f, batch, 0, 101, "0:101", 5);
  sd_sink_write *op = write_batch(&f, batch);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_landed, 101);
  assert_int_equal(op->rows_dead, 1);
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_dead_letters WHERE sequence_number = 100 AND "
                             "properties IS NULL AND decode(body) = '0:100'"),
                   1);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 101);
}

static void a_row_that_the_target_refuses_is_found_by_halving(void **state)
{
  (void)state;
  tell(path,
       "CREATE TABLE events (event_body VARCHAR CHECK (event_body NOT LIKE '%:%77'), partition_id VARCHAR, "
       "sequence_number BIGINT, enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, "
       "ingestion_timestamp TIMESTAMPTZ)");
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 2);
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 0, 1999));
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_dead, 20);
  assert_int_equal(op->rows_landed, 1980);
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 1980);
  assert_int_equal(
      ask(path, "SELECT count(DISTINCT sequence_number) FROM _streamduck_dead_letters WHERE "
                "sequence_number % 100 = 77 AND reason LIKE '%CHECK constraint%' AND decode(body) = '0:' || "
                "sequence_number"),
      20);
  assert_int_equal(
      ask(path, "SELECT count(DISTINCT sequence_number) FROM (SELECT sequence_number FROM events UNION "
                "ALL SELECT sequence_number FROM _streamduck_dead_letters)"),
      2000);
  assert_int_equal(ask(path, "SELECT sequence_number FROM _streamduck_checkpoints WHERE partition_id = '0'"),
                   1999);
}

static void a_target_that_refuses_everything_gets_every_row_as_dead_letter(void **state)
{
  (void)state;
  tell(path, "CREATE TABLE events (event_body VARCHAR CHECK (event_body = 'never'), partition_id VARCHAR, "
             "sequence_number BIGINT, enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, "
             "ingestion_timestamp TIMESTAMPTZ)");
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 0, 99));
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_dead, 100);
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(DISTINCT sequence_number) FROM _streamduck_dead_letters"), 100);
}

static void rows_that_clash_with_each_other_are_told_apart(void **state)
{
  (void)state;
  tell(
      path,
      "CREATE TABLE events (event_body VARCHAR UNIQUE, partition_id VARCHAR, sequence_number BIGINT, "
      "enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, ingestion_timestamp TIMESTAMPTZ)");
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_batch *batch = new_batch();
  for (int64_t i = 0; i < 100; i++) {
    char body[16];
    int len = snprintf(body, sizeof body, "%lld", (long long)(i % 60));
    add_event(&f, batch, 0, i, body, (size_t)len);
  }
  sd_sink_write *op = write_batch(&f, batch);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_landed, 60);
  assert_int_equal(op->rows_dead, 40);
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 60);
  assert_int_equal(ask(path, "SELECT min(sequence_number) FROM _streamduck_dead_letters"), 60);
}

static void columns_of_others_and_in_another_order_are_left_alone(void **state)
{
  (void)state;
  tell(path,
       "CREATE TABLE events (id INTEGER DEFAULT 7, ingestion_timestamp TIMESTAMP, sequence_number BIGINT, "
       "Partition_ID VARCHAR, note VARCHAR, event_body VARCHAR, properties VARCHAR, system_properties JSON, "
       "enqueued_time TIMESTAMP)");
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  fixture_stop(&f);
  check_landed(path, 0, 9);
  assert_int_equal(
      ask(path, "SELECT count(*) FROM events WHERE id = 7 AND note IS NULL AND epoch_us(enqueued_time) = "
                "(1700000000 + sequence_number) * 1000000 AND ingestion_timestamp IS NOT NULL"),
      10);
}

static void check_refused_table(const char *ddl, const char *expected)
{
  tell(path, "DROP TABLE IF EXISTS events");
  tell(path, ddl);
  fixture_start(&f, path, NULL);
  sd_error error = open_tables(&f, NULL);
  assert_int_equal(error.code, SD_CONFIG);
  if (!strstr(error.message, expected))
    fail_msg("\"%s\" is not in \"%s\"", expected, error.message);
  fixture_stop(&f);
}

static void a_table_that_does_not_fit_is_refused_with_the_column(void **state)
{
  (void)state;
  check_refused_table("CREATE TABLE events (event_body VARCHAR)", "no column partition_id");
  check_refused_table(
      "CREATE TABLE events (event_body BLOB, partition_id VARCHAR, sequence_number BIGINT, "
      "enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, ingestion_timestamp "
      "TIMESTAMPTZ)",
      "MOTHERDUCK_N_BODY");
  check_refused_table(
      "CREATE TABLE events (event_body VARCHAR, partition_id VARCHAR, sequence_number INTEGER, "
      "enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, ingestion_timestamp "
      "TIMESTAMPTZ)",
      "sequence_number");
  check_refused_table(
      "CREATE TABLE events (must INTEGER NOT NULL, event_body VARCHAR, partition_id VARCHAR, "
      "sequence_number BIGINT, enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, "
      "ingestion_timestamp TIMESTAMPTZ)",
      "NOT NULL");
}

static void names_with_quotes_hyphens_and_spaces_work(void **state)
{
  (void)state;
  f.target.schema = "my-schema \"x\"";
  f.target.table = "it's; DROP TABLE x--";
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM \"my-schema \"\"x\"\"\".\"it's; DROP TABLE x--\""), 10);
}

static void waiting_batches_are_coalesced_in_order(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  enum { COUNT = 40 };
  sd_sink_write *ops[COUNT];
  for (int i = 0; i < COUNT; i++)
    ops[i] = new_write(&f, batch_of(&f, 0, i * 100, i * 100 + 99));
  for (int i = 0; i < COUNT; i++)
    send_op(&f, &ops[i]->base);
  uint32_t most = 0;
  for (int i = 0; i < COUNT; i++) {
    assert_ptr_equal(await(&f), &ops[i]->base);
    check_ok(ops[i]->base.error.code, &ops[i]->base.error, "write");
    assert_int_equal(ops[i]->rows_landed, 100);
    assert_true(ops[i]->committed_us > 0 && ops[i]->transaction_ns >= ops[i]->commit_ns);
    if (ops[i]->coalesced > most)
      most = ops[i]->coalesced;
    free_write(ops[i]);
  }
  assert_true(most > 1);
  fixture_stop(&f);
  check_landed(path, 0, COUNT * 100 - 1);
}

/* While a large batch lands, others queue up; of those that make whole row groups and a bit, the bit waits.
 */
static void coalesced_batches_stop_at_whole_row_groups(void **state)
{
  (void)state;
  enum { ROWS = SD_DUCK_ROW_GROUP_ROWS / 2, COUNT = 7, LAST = 100 };
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 2);
  sd_sink_write *ops[1 + COUNT];
  ops[0] = new_write(&f, batch_of(&f, 1, 0, 4 * SD_DUCK_ROW_GROUP_ROWS - 1));
  for (int i = 0; i < COUNT; i++)
    ops[1 + i] = new_write(&f, batch_of(&f, 0, i * ROWS, i * ROWS + (i < COUNT - 1 ? ROWS : LAST) - 1));
  for (int i = 0; i <= COUNT; i++)
    send_op(&f, &ops[i]->base);
  uint32_t most = 0;
  for (int i = 0; i <= COUNT; i++) {
    assert_ptr_equal(await(&f), &ops[i]->base);
    check_ok(ops[i]->base.error.code, &ops[i]->base.error, "write");
    most = ops[i]->coalesced > most ? ops[i]->coalesced : most;
    free_write(ops[i]);
  }
  assert_true(most > 1);
  fixture_stop(&f);
  check_landed(path, 0, (COUNT - 1) * ROWS + LAST - 1);
  char sql[256];
  snprintf(
      sql, sizeof sql,
      "SELECT count(*) FROM (SELECT count(*) AS n FROM events GROUP BY ingestion_timestamp) WHERE n > %d "
      "AND n %% %d <> 0",
      SD_DUCK_ROW_GROUP_ROWS, SD_DUCK_ROW_GROUP_ROWS);
  assert_int_equal(ask(path, sql), 0);
}

static void a_batch_larger_than_a_transaction_lands_in_several(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, SD_SINK_ROWS_MAX + 5000 - 1));
  fixture_stop(&f);
  check_landed(path, 0, SD_SINK_ROWS_MAX + 5000 - 1);
  assert_int_equal(ask(path, "SELECT count(DISTINCT ingestion_timestamp) FROM events"), 2);
}

static void large_bodies_land_within_the_memory_limit(void **state)
{
  (void)state;
  enum { LEN = 1 << 20, COUNT = 48 };
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  char *body = sd_alloc(LEN);
  assert_non_null(body);
  sd_batch *batch = new_batch();
  for (int64_t i = 0; i < COUNT; i++) {
    memset(body, 'a' + (int)(i % 26), LEN);
    add_event(&f, batch, 0, i, body, LEN);
  }
  sd_free(body);
  land_batch(&f, batch);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events WHERE length(event_body) = 1048576"), COUNT);
}

static void after_a_failure_later_batches_of_the_generation_do_not_overtake(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  tell(path, "ALTER TABLE events RENAME TO elsewhere");
  sd_sink_write *first = write_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(first->base.error.code != SD_OK && first->base.error.code != SD_CANCELLED);
  tell(path, "ALTER TABLE elsewhere RENAME TO events");
  sd_sink_write *second = write_batch(&f, batch_of(&f, 0, 20, 29));
  assert_int_equal(second->base.error.code, SD_CANCELLED);
  f.generation = 2;
  sd_error error = claim_some(&f, 1, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  assert_int_equal(f.claims[0].checkpoint.sequence_number, 9);
  assert_string_equal(f.claims[0].checkpoint.offset, "o9");
  free_write(first);
  free_write(second);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  land_batch(&f, batch_of(&f, 0, 20, 29));
  fixture_stop(&f);
  check_landed(path, 0, 29);
}

static void an_op_of_an_older_generation_is_dropped(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_sink_write *old = new_write(&f, batch_of(&f, 0, 0, 9));
  f.generation = 5;
  sd_error error = claim_some(&f, 1, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  send_op(&f, &old->base);
  assert_ptr_equal(await(&f), &old->base);
  assert_int_equal(old->base.error.code, SD_CANCELLED);
  free_write(old);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 0);
}

static void two_mappings_on_one_database_take_turns(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  fixture other;
  fixture_init(&other);
  other.sink = f.sink;
  other.target.hub = "other";
  other.target.table = "Events2";
  begin_mapping(&other, 1);
  enum { COUNT = 20 };
  sd_sink_write *mine[COUNT];
  sd_sink_write *theirs[COUNT];
  for (int i = 0; i < COUNT; i++) {
    mine[i] = new_write(&f, batch_of(&f, 0, i * 50, i * 50 + 49));
    theirs[i] = new_write(&other, batch_of(&other, 0, i * 50, i * 50 + 49));
    send_op(&f, &mine[i]->base);
    send_op(&other, &theirs[i]->base);
  }
  for (int i = 0; i < COUNT; i++) {
    assert_ptr_equal(await(&f), &mine[i]->base);
    assert_ptr_equal(await(&other), &theirs[i]->base);
    assert_int_equal(mine[i]->base.error.code, SD_OK);
    assert_int_equal(theirs[i]->base.error.code, SD_OK);
    free_write(mine[i]);
    free_write(theirs[i]);
  }
  other.sink = NULL;
  fixture_end(&other);
  fixture_stop(&f);
  check_landed(path, 0, 999 /* of both: one row each in the control table */);
}

static void stopping_answers_what_waits(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  enum { COUNT = 50 };
  sd_sink_write *ops[COUNT];
  for (int i = 0; i < COUNT; i++) {
    ops[i] = new_write(&f, batch_of(&f, 0, i * 100, i * 100 + 99));
    send_op(&f, &ops[i]->base);
  }
  f.sink->vtable->free(f.sink, true);
  f.sink = NULL;
  int64_t landed = 0;
  bool cancelled = false;
  for (int i = 0; i < COUNT; i++) {
    assert_ptr_equal(await(&f), &ops[i]->base);
    if (ops[i]->base.error.code == SD_OK) {
      assert_false(cancelled);
      landed += ops[i]->rows_landed;
    } else {
      cancelled = true;
    }
    free_write(ops[i]);
  }
  /* A COMMIT whose answer the abort cut off may have happened: rows and checkpoint agree all the same. */
  int64_t rows = ask(path, "SELECT count(*) FROM events");
  assert_true(rows >= landed);
  check_landed(path, 0, rows - 1);
}

static void the_query_appender_lands_the_same(void **state)
{
  (void)state;
  sd_duck_sink_options options = {.query_appender = true};
  fixture_start(&f, path, &options);
  begin_mapping(&f, 1);
  sd_batch *batch = batch_of(&f, 0, 0, 2999);
  add_event(&f, batch, 0, 3000, "\xff\xfe", 2);
  land_batch(&f, batch);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(DISTINCT sequence_number) FROM events WHERE event_body = '0:' || "
                             "sequence_number AND (properties->>'k') = '1' AND system_properties IS NULL"),
                   3000);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_dead_letters WHERE sequence_number = 3000"),
                   1);
  assert_int_equal(ask(path, "SELECT sequence_number FROM _streamduck_checkpoints"), 3000);
}

static void the_query_appender_finds_malformed_json(void **state)
{
  (void)state;
  sd_duck_sink_options options = {.query_appender = true};
  fixture_start(&f, path, &options);
  begin_mapping(&f, 1);
  sd_batch *batch = batch_of(&f, 0, 0, 49);
  sd_event event = {.body = sd_bytes_of("0:50"),
                    .sequence_number = 50,
                    .offset = sd_bytes_of("o50"),
                    .properties = sd_bytes_of("{bad")};
  assert_int_equal(sd_batch_append(batch, 0, "0", f.claims[0].epoch, &event, false), SD_OK);
  sd_sink_write *op = write_batch(&f, batch);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_landed, 50);
  assert_int_equal(op->rows_dead, 1);
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(
      ask(path, "SELECT count(*) FROM _streamduck_dead_letters WHERE reason LIKE '%Malformed JSON%' AND "
                "reason NOT LIKE '%{bad%'"),
      1);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(a_batch_lands_with_its_checkpoint),
      T(the_target_has_the_originals_columns_with_zoned_times),
      T(bodies_keep_every_byte),
      T(replays_are_masked),
      T(a_sequence_number_twice_in_a_batch_lands_once),
      T(binary_bodies_go_to_the_dead_letters),
      T(a_batch_of_dead_letters_only_moves_the_checkpoint),
      T(with_a_blob_target_every_body_lands),
      T(unchecked_text_that_is_not_utf8_costs_only_its_own_row),
      T(a_row_that_the_target_refuses_is_found_by_halving),
      T(a_target_that_refuses_everything_gets_every_row_as_dead_letter),
      T(rows_that_clash_with_each_other_are_told_apart),
      T(columns_of_others_and_in_another_order_are_left_alone),
      T(a_table_that_does_not_fit_is_refused_with_the_column),
      T(names_with_quotes_hyphens_and_spaces_work),
      T(waiting_batches_are_coalesced_in_order),
      T(coalesced_batches_stop_at_whole_row_groups),
      T(a_batch_larger_than_a_transaction_lands_in_several),
      T(large_bodies_land_within_the_memory_limit),
      T(after_a_failure_later_batches_of_the_generation_do_not_overtake),
      T(an_op_of_an_older_generation_is_dropped),
      T(two_mappings_on_one_database_take_turns),
      T(stopping_answers_what_waits),
      T(the_query_appender_lands_the_same),
      T(the_query_appender_finds_malformed_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
