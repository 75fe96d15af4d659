/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Ways in which DuckDB, or somebody beside us, could lose or double rows without a word. */
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
  return 0;
}

static int end(void **state)
{
  fixture_end(&f);
  return remove_scratch(state);
}

static void give_up_and_claim_again(sd_sink_write *op)
{
  f.generation++;
  sd_error error = claim_some(&f, 1, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
  free_write(op);
}

/* Inside the sink's transaction, as if the flush had swallowed a row. */
static void take_away(duckdb_connection connection, const char *table)
{
  char sql[512];
  duckdb_result result;
  look l = look_at_path(path);
  snprintf(sql, sizeof sql, "DELETE FROM %s.main.%s WHERE sequence_number = 13",
           sd_duck_database_alias(l.database), table);
  look_away(&l);
  memset(&result, 0, sizeof result);
  assert_int_equal(fake.real->query(connection, sql, &result), DuckDBSuccess);
  fake.real->destroy_result(&result);
}

static void take_a_row_away(duckdb_connection connection)
{
  take_away(connection, "events");
}

static void take_a_dead_letter_away(duckdb_connection connection)
{
  take_away(connection, "_streamduck_dead_letters");
}

static void rows_that_vanish_on_the_way_are_noticed_before_the_commit(void **state)
{
  (void)state;
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  arm("SELECT count(*)", FAKE_ACT_BEFORE, take_a_row_away, DUCKDB_ERROR_INVALID);
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  assert_int_equal(op->base.error.code, SD_CORRUPT);
  assert_true(op->base.error.retriable);
  assert_non_null(strstr(op->base.error.message, "9 of 10 rows"));
  check_landed(path, 0, 9);
  give_up_and_claim_again(op);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  check_landed(path, 0, 19);
}

static sd_batch *binary_batch(int64_t first, int64_t last)
{
  sd_batch *batch = new_batch();
  for (int64_t i = first; i <= last; i++)
    add_event(&f, batch, 0, i, "\xff\xfe", 2);
  return batch;
}

static void dead_letters_that_vanish_on_the_way_are_noticed_too(void **state)
{
  (void)state;
  begin_mapping(&f, 1);
  arm("SELECT count(*)", FAKE_ACT_BEFORE, take_a_dead_letter_away, DUCKDB_ERROR_INVALID);
  sd_sink_write *op = write_batch(&f, binary_batch(10, 19));
  assert_true(fired());
  assert_int_equal(op->base.error.code, SD_CORRUPT);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_dead_letters"), 0);
  give_up_and_claim_again(op);
  land_batch(&f, binary_batch(10, 19));
  assert_int_equal(ask(path, "SELECT count(DISTINCT sequence_number) FROM _streamduck_dead_letters"), 10);
}

/* A body that is no text is no reason to trust the event's other texts. */
static void a_dead_letter_whose_properties_are_no_text_either_lands_without_them(void **state)
{
  (void)state;
  begin_mapping(&f, 1);
  sd_batch *batch = new_batch();
  sd_event event = {.body = sd_bytes_of("\xff"),
                    .sequence_number = 3,
                    .offset = sd_bytes_of("o3"),
                    .enqueued_us = INT64_C(1700000000000000),
                    .properties = sd_bytes_of("{\"bad\":\"\xfe\xff and more than twelve bytes\"}"),
                    .system_properties = sd_bytes_of("")};
  assert_int_equal(sd_batch_append(batch, 0, "0", f.claims[0].epoch, &event, false), SD_OK);
  land_batch(&f, batch);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_dead_letters WHERE properties IS NULL AND "
                             "sequence_number = 3 AND body = '\\xFF'::BLOB"),
                   1);
}

/* Without a transaction the fence would move the checkpoint by itself, and the rows after it might not come.
 */
static void nothing_is_written_where_no_transaction_could_be_begun(void **state)
{
  (void)state;
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  arm("BEGIN", FAKE_FAIL, NULL, DUCKDB_ERROR_CONNECTION);
  sd_sink_write *op = write_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  assert_int_equal(op->base.error.code, SD_IO);
  assert_true(op->base.error.retriable);
  check_landed(path, 0, 9);
  give_up_and_claim_again(op);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  check_landed(path, 0, 19);
}

static look somebody;

static void somebody_alters_the_table(duckdb_connection connection)
{
  (void)connection;
  run(somebody.connection, "ALTER TABLE events ADD COLUMN added INTEGER");
}

/* COMMIT fails with a conflict; an appender from before the ALTER would have the old columns. */
static void a_table_that_is_altered_during_a_batch_gets_the_batch_once(void **state)
{
  (void)state;
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  somebody = look_at_path(path);
  arm("COMMIT", FAKE_ACT_BEFORE, somebody_alters_the_table, DUCKDB_ERROR_INVALID);
  land_batch(&f, batch_of(&f, 0, 10, 19));
  assert_true(fired());
  assert_int_equal(number(somebody.connection, "SELECT count(*) FROM events WHERE added IS NULL"), 20);
  look_away(&somebody);
  land_batch(&f, batch_of(&f, 0, 20, 29));
  check_landed(path, 0, 29);
}

/* Namespace, hub, consumer group and target: two mappings that differ in one of them share no checkpoint. */
static void every_part_of_the_key_keeps_checkpoints_apart(void **state)
{
  (void)state;
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  sd_target others[4];
  for (int i = 0; i < 4; i++)
    others[i] = test_target();
  others[0].ns = "other.example.org";
  others[1].hub = "other";
  others[2].consumer_group = "other";
  others[3].table = "other";
  for (int i = 0; i < 4; i++) {
    fixture second;
    fixture_init(&second);
    second.target = others[i];
    second.sink = f.sink;
    begin_mapping(&second, 1);
    assert_int_equal(second.claims[0].epoch, 1);
    assert_false(second.claims[0].checkpoint.found);
    land_batch(&second, batch_of(&second, 0, 0, 4));
    second.sink = NULL;
    fixture_end(&second);
    land_batch(&f, batch_of(&f, 0, 10 + i * 10, 19 + i * 10));
  }
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), 50 + 3 * 5);
  assert_int_equal(ask(path, "SELECT count(*) FROM other"), 5);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_checkpoints WHERE sequence_number = 4"), 4);
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_checkpoints WHERE sequence_number = 49"), 1);
}

static sem_t all_sent;

static void wait_until_all_are_sent(duckdb_connection connection)
{
  (void)connection;
  sem_wait(&all_sent);
}

enum { BACKLOG = 20 };

/* `busy` has twenty transactions waiting when the only batch of `other` comes. Returns that one's place among
 * the answers. */
static int place_behind_a_backlog(fixture *busy, fixture *other, int64_t first)
{
  arm("BEGIN", FAKE_ACT_BEFORE, wait_until_all_are_sent, DUCKDB_ERROR_INVALID);
  for (int64_t i = 0; i < BACKLOG; i++)
    send_op(busy, &new_write(busy, batch_of(busy, 0, first + i * 10, first + i * 10 + 9))->base);
  sd_sink_write *only = new_write(other, batch_of(other, 0, first, first + 9));
  only->base.reply_to = busy->replies;
  send_op(other, &only->base);
  sem_post(&all_sent);
  int place = -1;
  for (int i = 0; i <= BACKLOG; i++) {
    sd_sink_op *op = await(busy);
    check_ok(op->error.code, &op->error, "write");
    if (op == &only->base)
      place = i;
    free_write((sd_sink_write *)op);
  }
  return place;
}

static void a_mapping_with_a_backlog_does_not_keep_another_waiting(void **state)
{
  (void)state;
  fixture second;
  fixture_init(&second);
  second.sink = f.sink;
  second.target.table = "other";
  f.target.transaction_bytes = 1; /* no two batches in one transaction */
  second.target.transaction_bytes = 1;
  begin_mapping(&f, 1);
  begin_mapping(&second, 1);
  sem_init(&all_sent, 0, 0);
  assert_in_range(place_behind_a_backlog(&f, &second, 0), 0, 2);
  assert_in_range(place_behind_a_backlog(&second, &f, BACKLOG * 10), 0, 2);
  second.sink = NULL;
  fixture_end(&second);
  sem_destroy(&all_sent);
}

/* Every offset is text and only handed back: also those of a geo-replicated namespace, which are no numbers,
 * and those that are smaller than the one before. */
static void offsets_are_kept_as_they_came(void **state)
{
  (void)state;
  static const char *const offsets[] = {"1:9007199254740993:3", "18446744073709551617", "7", "'; --"};
  begin_mapping(&f, 1);
  for (int64_t i = 0; i < (int64_t)(sizeof offsets / sizeof *offsets); i++) {
    sd_batch *batch = new_batch();
    sd_event event = {.body = sd_bytes_of("x"),
                      .sequence_number = i,
                      .offset = sd_bytes_of(offsets[i]),
                      .enqueued_us = INT64_C(1700000000000000),
                      .properties = sd_bytes_of(""),
                      .system_properties = sd_bytes_of("")};
    assert_int_equal(sd_batch_append(batch, 0, "0", f.claims[0].epoch, &event, false), SD_OK);
    land_batch(&f, batch);
    f.generation++;
    sd_error error = claim_some(&f, 1, false, SD_SINK_CLAIM);
    check_ok(error.code, &error, "claim");
    assert_string_equal(f.claims[0].checkpoint.offset, offsets[i]);
    assert_int_equal(f.claims[0].checkpoint.sequence_number, i);
  }
}

static void the_tables_are_made_all_or_none(void **state)
{
  (void)state;
  arm("CREATE TABLE", FAKE_FAIL, NULL, DUCKDB_ERROR_IO);
  atomic_store(&fake.left, 2); /* the third of four */
  sd_error error = open_tables(&f, NULL);
  assert_true(fired());
  assert_int_not_equal(error.code, SD_OK);
  assert_int_equal(ask(path, "SELECT count(*) FROM duckdb_tables() WHERE database_name <> 'memory'"), 0);
  f.generation++;
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  check_landed(path, 0, 9);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(rows_that_vanish_on_the_way_are_noticed_before_the_commit),
      T(dead_letters_that_vanish_on_the_way_are_noticed_too),
      T(a_dead_letter_whose_properties_are_no_text_either_lands_without_them),
      T(nothing_is_written_where_no_transaction_could_be_begun),
      T(a_table_that_is_altered_during_a_batch_gets_the_batch_once),
      T(every_part_of_the_key_keeps_checkpoints_apart),
      T(a_mapping_with_a_backlog_does_not_keep_another_waiting),
      T(offsets_are_kept_as_they_came),
      T(the_tables_are_made_all_or_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
