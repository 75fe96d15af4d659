/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The rule table of retries (streaming.md §3.5 and §4.6). */
#include "stream/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static sd_ruling judge(int type, const char *message)
{
  sd_error error;
  sd_error_set(&error, SD_DATABASE, "%s", message);
  error.source = SD_SOURCE_DUCKDB;
  error.source_code = type;
  return sd_rules_judge(&error);
}

static sd_ruling judge_code(sd_status code)
{
  sd_error error;
  sd_error_set(&error, code, "something");
  return sd_rules_judge(&error);
}

static void conflicts_and_lost_connections_are_retried_without_limit(void **state)
{
  (void)state;
  const int types[] = {10, 21, 25, 29, 38};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    sd_ruling ruling = judge(types[i], "whatever");
    assert_int_equal(ruling.action, SD_RULE_RETRY);
    assert_int_equal(ruling.tries_max, 0);
  }
}

static void an_invalidated_database_is_reopened_a_limited_number_of_times(void **state)
{
  (void)state;
  assert_int_equal(judge(30, "database has been invalidated").action, SD_RULE_RETRY);
  assert_int_equal(judge(30, "database has been invalidated").tries_max, SD_RULE_TRIES_UNKNOWN);
  assert_int_equal(judge(31, "assertion").tries_max, SD_RULE_TRIES_UNKNOWN);
}

static void a_wrong_schema_a_missing_right_and_a_missing_extension_halt(void **state)
{
  (void)state;
  const int types[] = {13, 14, 22, 24, 34, 39, 40};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    sd_ruling ruling = judge(types[i], "whatever");
    assert_int_equal(ruling.action, SD_RULE_HALT);
    assert_non_null(ruling.advice);
  }
}

static void rows_that_the_sink_could_not_put_aside_halt(void **state)
{
  (void)state;
  const int types[] = {1, 2, 18, 32};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    assert_int_equal(judge(types[i], "whatever").action, SD_RULE_HALT);
}

static void the_text_of_an_event_in_a_message_decides_nothing(void **state)
{
  (void)state;
  sd_ruling ruling = judge(2, "Could not convert string 'No space left on device' to INT32");
  assert_int_equal(ruling.action, SD_RULE_HALT);
}

static void running_out_of_memory_makes_transactions_smaller(void **state)
{
  (void)state;
  assert_int_equal(judge(33, "failed to allocate data of size 16.0 MiB").action, SD_RULE_SHRINK);
}

static void a_full_disk_and_a_locked_file_are_retried_until_they_are_mended(void **state)
{
  (void)state;
  sd_ruling full = judge(28, "IO Error: Could not write all bytes: No space left on device");
  assert_int_equal(full.action, SD_RULE_RETRY);
  assert_int_equal(full.tries_max, 0);
  assert_int_equal(judge(30, "Failed to commit: No space left on device").tries_max, 0);
  sd_ruling locked =
      judge(28, "Could not set lock on file \"x\": Conflicting lock is held in python (PID 7)");
  assert_int_equal(locked.action, SD_RULE_RETRY);
  assert_int_equal(locked.tries_max, 0);
  assert_non_null(locked.advice);
}

static void a_file_that_may_not_be_written_or_lies_nowhere_halts(void **state)
{
  (void)state;
  assert_int_equal(judge(28, "Cannot open file \"/x\": Permission denied").action, SD_RULE_HALT);
  assert_int_equal(judge(28, "Cannot open file \"/x\": Read-only file system").action, SD_RULE_HALT);
  assert_int_equal(judge(28, "Cannot open file \"/x/y\": No such file or directory").action, SD_RULE_HALT);
}

/* Trying again would replay it again; to delete the WAL silently would lose committed rows of others. */
static void a_wal_that_cannot_be_replayed_halts_with_advice(void **state)
{
  (void)state;
  sd_ruling broken =
      judge(28, "IO Error: Failure while replaying WAL file \"/x.wal\": Corrupt WAL file: entry "
                "at byte position 2463 computed checksum 1 does not match stored checksum 2");
  assert_int_equal(broken.action, SD_RULE_HALT);
  assert_non_null(strstr(broken.advice, ".wal"));
}

static void network_trouble_in_an_io_error_is_retried_and_an_unknown_one_is_bounded(void **state)
{
  (void)state;
  assert_int_equal(judge(28, "Could not establish connection").tries_max, 0);
  assert_int_equal(judge(28, "Input/output error").action, SD_RULE_RETRY);
  assert_int_equal(judge(28, "Input/output error").tries_max, SD_RULE_TRIES_UNKNOWN);
}

static void an_expired_or_refused_token_halts_whatever_its_type(void **state)
{
  (void)state;
  const char *const texts[] = {"Jwt is expired", "Your request is not authenticated. Please check",
                               "Invalid MotherDuck token", "Jwt header is an invalid JSON"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_int_equal(judge(21, texts[i]).action, SD_RULE_HALT);
    assert_non_null(strstr(judge(28, texts[i]).advice, "token"));
  }
}

static void a_motherduck_extension_that_cannot_be_had_halts(void **state)
{
  (void)state;
  assert_int_equal(judge(28, "Failed to download extension \"motherduck\" at URL").action, SD_RULE_HALT);
}

static void concurrent_ddl_is_retried_though_it_is_a_catalog_error(void **state)
{
  (void)state;
  assert_int_equal(judge(13, "Catalog write-write conflict on create with \"t\"").action, SD_RULE_RETRY);
}

static void the_librarys_own_errors_are_sorted_by_their_code(void **state)
{
  (void)state;
  assert_int_equal(judge_code(SD_TIMEOUT).action, SD_RULE_RETRY);
  assert_int_equal(judge_code(SD_NOMEM).action, SD_RULE_RETRY);
  assert_int_equal(judge_code(SD_CONFLICT).tries_max, 0);
  assert_int_equal(judge_code(SD_CORRUPT).action, SD_RULE_HALT);
  assert_int_equal(judge_code(SD_CONFIG).action, SD_RULE_HALT);
  assert_int_equal(judge_code(SD_DATABASE).tries_max, SD_RULE_TRIES_UNKNOWN);
}

static void an_error_that_its_maker_calls_retriable_is_retried_without_limit(void **state)
{
  (void)state;
  sd_error error;
  sd_error_set(&error, SD_DATABASE, "odd");
  error.retriable = 1;
  assert_int_equal(sd_rules_judge(&error).action, SD_RULE_RETRY);
  assert_int_equal(sd_rules_judge(&error).tries_max, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conflicts_and_lost_connections_are_retried_without_limit),
      cmocka_unit_test(an_invalidated_database_is_reopened_a_limited_number_of_times),
      cmocka_unit_test(a_wrong_schema_a_missing_right_and_a_missing_extension_halt),
      cmocka_unit_test(rows_that_the_sink_could_not_put_aside_halt),
      cmocka_unit_test(the_text_of_an_event_in_a_message_decides_nothing),
      cmocka_unit_test(running_out_of_memory_makes_transactions_smaller),
      cmocka_unit_test(a_full_disk_and_a_locked_file_are_retried_until_they_are_mended),
      cmocka_unit_test(a_file_that_may_not_be_written_or_lies_nowhere_halts),
      cmocka_unit_test(a_wal_that_cannot_be_replayed_halts_with_advice),
      cmocka_unit_test(network_trouble_in_an_io_error_is_retried_and_an_unknown_one_is_bounded),
      cmocka_unit_test(an_expired_or_refused_token_halts_whatever_its_type),
      cmocka_unit_test(a_motherduck_extension_that_cannot_be_had_halts),
      cmocka_unit_test(concurrent_ddl_is_retried_though_it_is_a_catalog_error),
      cmocka_unit_test(the_librarys_own_errors_are_sorted_by_their_code),
      cmocka_unit_test(an_error_that_its_maker_calls_retriable_is_retried_without_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
