/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The Python original's control table: imported once, mirrored, never decisive; and listing checkpoints. */
#include "sink/control_read.h"
#include "sink_test.h"

static char path[512];
static char legacy_path[512];
static fixture f;

#define LEGACY_DDL                                                                                           \
  "CREATE TABLE ctl (ts_inserted TIMESTAMP, eventhub_namespace VARCHAR NOT NULL, eventhub VARCHAR NOT "      \
  "NULL, "                                                                                                   \
  "target_db VARCHAR NOT NULL, target_schema VARCHAR NOT NULL, target_table VARCHAR NOT NULL, partition_id " \
  "VARCHAR NOT NULL, waterlevel BIGINT NOT NULL, metadata JSON)"

static int begin(void **state)
{
  (void)state;
  if (make_scratch(state) != 0)
    return -1;
  snprintf(path, sizeof path, "%s", scratch_path("a.duckdb"));
  snprintf(legacy_path, sizeof legacy_path, "%s", scratch_path("legacy.duckdb"));
  fixture_init(&f);
  f.target.legacy_database = legacy_path;
  f.target.legacy_schema = "main";
  f.target.legacy_table = "ctl";
  return 0;
}

static int end(void **state)
{
  fixture_end(&f);
  return remove_scratch(state);
}

/* One row as the original writes it; hours: age of it. */
static void add_legacy(const char *hub, const char *partition, int hours, int64_t waterlevel,
                       const char *metadata)
{
  char sql[2048];
  snprintf(
      sql, sizeof sql,
      "INSERT INTO ctl VALUES (now()::TIMESTAMP - INTERVAL '%d hours', 'NS.example.org', '%s', '%s', 'main', "
      "'Events', '%s', %lld, '%s')",
      hours, hub, path, partition, (long long)waterlevel, metadata);
  tell(legacy_path, sql);
}

static void the_newest_row_counts_and_not_the_highest(void **state)
{
  (void)state;
  tell(legacy_path, LEGACY_DDL);
  add_legacy("hub", "0", 3, 999999, "{\"sequence_number\": 7000, \"offset_string\": \"999999\"}");
  add_legacy("Hub", "0", 1, 5000,
             "{\"sequence_number\": 41, \"offset_string\": \"5000\", \"consumer_group\": "
             "\"$Default\"}");
  add_legacy("hub", "0", 2, 6000, "{\"sequence_number\": 50, \"offset_string\": \"6000\"}");
  add_legacy("hub", "1", 1, 1, "{\"sequence_number\": 3, \"offset_string\": \"geo:12:7\"}");
  add_legacy("other", "0", 0, 1, "{\"sequence_number\": 1, \"offset_string\": \"1\"}");
  add_legacy("hub", "2", 0, 1,
             "{\"sequence_number\": 1, \"offset_string\": \"1\", \"consumer_group\": \"another\"}");
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 3);
  assert_true(f.claims[0].checkpoint.found && f.claims[0].checkpoint.imported);
  assert_string_equal(f.claims[0].checkpoint.offset, "5000");
  assert_int_equal(f.claims[0].checkpoint.sequence_number, 41);
  assert_string_equal(f.claims[1].checkpoint.offset, "geo:12:7");
  assert_false(f.claims[2].checkpoint.found);
}

static void it_is_imported_once_and_never_decides_again(void **state)
{
  (void)state;
  tell(legacy_path, LEGACY_DDL);
  add_legacy("hub", "0", 1, 5000, "{\"sequence_number\": 41, \"offset_string\": \"5000\"}");
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 42, 49));
  fixture_stop(&f);
  add_legacy("hub", "0", -1, 900000, "{\"sequence_number\": 9000, \"offset_string\": \"900000\"}");
  f.generation++;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  assert_int_equal(f.claims[0].checkpoint.sequence_number, 49);
  assert_false(f.claims[0].checkpoint.imported);
}

static void commits_are_mirrored_in_the_originals_layout(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 2);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  sd_batch *batch = batch_of(&f, 1, 0, 3);
  sd_event event = {.body = sd_bytes_of("1:4"), .sequence_number = 4, .offset = sd_bytes_of("4096")};
  assert_int_equal(sd_batch_append(batch, 1, "1", f.claims[1].epoch, &event, false), SD_OK);
  land_batch(&f, batch);
  fixture_stop(&f);
  assert_int_equal(ask(legacy_path,
                       "SELECT count(*) FROM ctl WHERE eventhub_namespace = 'ns.example.org' AND eventhub "
                       "= 'hub' AND target_schema = 'main' AND target_table = 'events' AND ts_inserted "
                       "IS NOT NULL"),
                   2);
  /* An offset that is no number: the sequence number stands in, as the original did it. */
  assert_int_equal(ask(legacy_path, "SELECT waterlevel FROM ctl WHERE partition_id = '0'"), 9);
  assert_int_equal(ask(legacy_path, "SELECT waterlevel FROM ctl WHERE partition_id = '1'"), 4096);
  assert_int_equal(ask(legacy_path,
                       "SELECT count(*) FROM ctl WHERE (metadata->>'offset_string') = 'o9' AND "
                       "(metadata->>'sequence_number') = '9' AND (metadata->>'consumer_group') = "
                       "'$default' AND (metadata->>'eventhub_name') = 'hub' AND "
                       "(metadata->>'fully_qualified_namespace') = 'ns.example.org'"),
                   1);
}

static void a_mirror_that_fails_does_not_stop_the_landing(void **state)
{
  (void)state;
  tell(legacy_path,
       "CREATE TABLE ctl (ts_inserted TIMESTAMP, eventhub_namespace VARCHAR, eventhub VARCHAR, target_db "
       "VARCHAR, target_schema VARCHAR, target_table VARCHAR, partition_id VARCHAR, waterlevel BIGINT "
       "CHECK (waterlevel < 0), metadata JSON)");
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  land_batch(&f, batch_of(&f, 0, 10, 19));
  fixture_stop(&f);
  check_landed(path, 0, 19);
  assert_int_equal(ask(legacy_path, "SELECT count(*) FROM ctl"), 0);
}

static void a_row_without_an_offset_is_an_error_and_not_a_guess(void **state)
{
  (void)state;
  tell(legacy_path, LEGACY_DDL);
  add_legacy("hub", "0", 1, 5000, "{\"sequence_number\": 41}");
  fixture_start(&f, path, NULL);
  sd_error error = open_tables(&f, NULL);
  check_ok(error.code, &error, "open");
  error = claim_some(&f, 1, false, SD_SINK_CLAIM);
  assert_int_equal(error.code, SD_INVALID);
  assert_non_null(strstr(error.message, "offset_string"));
  assert_non_null(strstr(error.message, "partition 0"));
}

static void a_table_that_cannot_be_read_is_an_error_and_not_no_checkpoint(void **state)
{
  (void)state;
  tell(legacy_path, "CREATE TABLE ctl (something INTEGER)");
  fixture_start(&f, path, NULL);
  sd_error error = open_tables(&f, NULL);
  check_ok(error.code, &error, "open");
  error = claim_some(&f, 1, false, SD_SINK_CLAIM);
  assert_int_equal(error.code, SD_DATABASE);
  assert_non_null(strstr(error.message, "Python original"));
  assert_int_equal(ask(path, "SELECT count(*) FROM _streamduck_checkpoints"), 0);
}

static void a_motherduck_table_is_out_of_a_local_sinks_reach(void **state)
{
  (void)state;
  f.target.legacy_database = "my_cloud_db";
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  assert_false(f.claims[0].checkpoint.found);
  land_batch(&f, batch_of(&f, 0, 0, 9));
}

static void checkpoints_are_listed_in_order(void **state)
{
  (void)state;
  f.target.legacy_database = NULL;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 3);
  land_batch(&f, batch_of(&f, 2, 0, 9));
  fixture_stop(&f);
  tell(path, "UPDATE _streamduck_checkpoints SET partition_id = '10' WHERE partition_id = '1'");
  sd_control_options options = {.database = path};
  sd_control_row *rows = NULL;
  size_t count = 0;
  sd_error error;
  check_ok(sd_control_list(&options, "main", &rows, &count, &error), &error, "list");
  assert_int_equal(count, 3);
  assert_string_equal(rows[0].partition_id, "0");
  assert_string_equal(rows[1].partition_id, "2");
  assert_string_equal(rows[2].partition_id, "10");
  assert_int_equal(rows[0].sequence_number, -1);
  assert_null(rows[0].offset);
  assert_int_equal(rows[1].sequence_number, 9);
  assert_string_equal(rows[1].offset, "o9");
  assert_int_equal(rows[1].rows_total, 10);
  assert_int_equal(rows[1].epoch, 1);
  assert_string_equal(rows[1].ns, "ns.example.org");
  assert_string_equal(rows[1].target, "events");
  assert_string_equal(rows[1].owner, sd_sink_process_owner());
  assert_true(rows[1].updated_us > 0 && rows[1].lease_until_us > rows[1].updated_us);
  sd_control_rows_free(rows, count);
}

static void listing_says_what_is_missing(void **state)
{
  (void)state;
  sd_control_options options = {.database = path};
  sd_control_row *rows = NULL;
  size_t count = 0;
  sd_error error;
  assert_int_equal(sd_control_list(&options, "main", &rows, &count, &error), SD_NOT_FOUND);
  assert_int_equal(access(path, F_OK), -1); /* looking makes no file */
  tell(path, "CREATE TABLE t (a INTEGER)");
  assert_int_equal(sd_control_list(&options, "main", &rows, &count, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "_streamduck_checkpoints"));
  assert_null(rows);
}

static void the_import_command_tells_what_became_of_each_partition(void **state)
{
  (void)state;
  tell(legacy_path, LEGACY_DDL);
  add_legacy("hub", "0", 1, 5000, "{\"sequence_number\": 41, \"offset_string\": \"5000\"}");
  add_legacy("hub", "1", 1, 6000, "{\"sequence_number\": 42, \"offset_string\": \"6000\"}");
  sd_control_options options = {.database = path};
  sd_control_import result = {0};
  sd_error error;
  check_ok(sd_control_import_legacy(&options, &f.target, &result, &error), &error, "import");
  assert_int_equal(result.found, 2);
  assert_int_equal(result.imported, 2);
  assert_int_equal(
      ask(path, "SELECT sequence_number FROM _streamduck_checkpoints WHERE partition_id = '1' AND owner IS "
                "NULL"),
      42);
  check_ok(sd_control_import_legacy(&options, &f.target, &result, &error), &error, "import");
  assert_int_equal(result.imported, 0);
  assert_int_equal(result.kept, 2);
  f.target.hub = "unknown";
  assert_int_equal(sd_control_import_legacy(&options, &f.target, &result, &error), SD_NOT_FOUND);
  f.target.legacy_table = NULL;
  assert_int_equal(sd_control_import_legacy(&options, &f.target, &result, &error), SD_CONFIG);
}

int main(void)
{
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(the_newest_row_counts_and_not_the_highest),
      T(it_is_imported_once_and_never_decides_again),
      T(commits_are_mirrored_in_the_originals_layout),
      T(a_mirror_that_fails_does_not_stop_the_landing),
      T(a_row_without_an_offset_is_an_error_and_not_a_guess),
      T(a_table_that_cannot_be_read_is_an_error_and_not_no_checkpoint),
      T(a_motherduck_table_is_out_of_a_local_sinks_reach),
      T(checkpoints_are_listed_in_order),
      T(listing_says_what_is_missing),
      T(the_import_command_tells_what_became_of_each_partition),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
