/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The caller's options: what is refused, and that nothing of them is borrowed. */
#include "stream/database.h"
#include "stream/memory.h"
#include "stream/settings.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static sd_stream_mapping mappings[3];
static sd_stream_options options;

static int good_options(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++)
    mappings[i] = (sd_stream_mapping){.struct_size = sizeof mappings[i],
                                      .number = i + 1,
                                      .host = "broker.example",
                                      .hub = i == 0   ? "one"
                                             : i == 1 ? "two"
                                                      : "three",
                                      .consumer_group = "$Default",
                                      .sas_key_name = "name",
                                      .sas_key = "a-secret-key",
                                      .database = "a.duckdb",
                                      .schema = "main",
                                      .table = "events"};
  options = (sd_stream_options){.struct_size = sizeof options, .mappings = mappings, .mapping_count = 3};
  return 0;
}

static void refused(const char *text)
{
  sd_settings settings;
  sd_error error;
  sd_error_clear(&error);
  assert_int_equal(sd_settings_init(&settings, &options, &error), SD_CONFIG);
  if (!strstr(error.message, text))
    fail_msg("\"%s\" is not in \"%s\"", text, error.message);
}

static void what_is_missing_is_named_with_its_mapping(void **state)
{
  (void)state;
  const char **needed[] = {&mappings[1].host,     &mappings[1].hub,    &mappings[1].consumer_group,
                           &mappings[1].database, &mappings[1].schema, &mappings[1].table};
  const char *const names[] = {"host", "hub", "consumer_group", "database", "schema", "table"};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
    good_options(NULL);
    *needed[i] = i % 2 ? "" : NULL;
    char text[64];
    snprintf(text, sizeof text, "mapping 2: %s is missing", names[i]);
    refused(text);
  }
}

static void a_mapping_needs_a_way_to_sign_in(void **state)
{
  (void)state;
  mappings[0].sas_key = NULL;
  refused("mapping 1: sas_key_name and sas_key, or sas_token");
  mappings[0].sas_token = "SharedAccessSignature sr=x";
  sd_settings settings;
  assert_int_equal(sd_settings_init(&settings, &options, NULL), SD_OK);
  sd_settings_release(&settings);
}

static void a_motherduck_database_needs_a_token(void **state)
{
  (void)state;
  mappings[2].motherduck = true;
  refused("mapping 3: motherduck_token");
}

static void a_start_offset_must_be_given_when_it_is_the_start(void **state)
{
  (void)state;
  mappings[0].start = SD_START_OFFSET;
  refused("mapping 1: start_offset");
  good_options(NULL);
  mappings[0].start = (sd_start_kind)9;
  refused("start 9");
}

static void a_name_longer_than_the_control_table_takes_is_refused(void **state)
{
  (void)state;
  static char name[600];
  memset(name, 'x', sizeof name - 1);
  mappings[0].table = name;
  refused("mapping 1: table is longer");
}

static void no_mapping_and_too_many_are_refused(void **state)
{
  (void)state;
  options.mapping_count = 0;
  refused("0 mappings");
  options.mapping_count = SD_STREAM_MAPPINGS_MAX + 1;
  refused("257 mappings");
}

static void two_mappings_with_one_source_and_one_target_are_refused(void **state)
{
  (void)state;
  mappings[2].host = "BROKER.example";
  mappings[2].hub = "ONE";
  mappings[2].consumer_group = "$default";
  mappings[2].database = "./a.duckdb";
  mappings[2].table = "Events";
  refused("mappings 1 and 3");
  mappings[2].table = "others";
  sd_settings settings;
  assert_int_equal(sd_settings_init(&settings, &options, NULL), SD_OK);
  sd_settings_release(&settings);
}

static void two_mappings_with_one_number_are_refused(void **state)
{
  (void)state;
  mappings[1].number = 1;
  refused("the number 1");
}

static void a_struct_of_another_version_is_told_by_its_size(void **state)
{
  (void)state;
  options.struct_size = 8;
  refused("struct_size");
  good_options(NULL);
  mappings[0].struct_size = 16;
  refused("struct_size");
}

static void a_longer_struct_of_a_newer_header_is_read_as_far_as_it_is_known(void **state)
{
  (void)state;
  struct {
    sd_stream_mapping known;
    char more[24];
  } newer[2];
  memset(newer, 0x5a, sizeof newer);
  for (int i = 0; i < 2; i++) {
    newer[i].known = mappings[i];
    newer[i].known.struct_size = sizeof newer[i];
  }
  options.mappings = &newer[0].known;
  options.mapping_count = 2;
  sd_settings settings;
  assert_int_equal(sd_settings_init(&settings, &options, NULL), SD_OK);
  assert_string_equal(settings.mappings[1].hub, "two");
  sd_settings_release(&settings);
}

static void nothing_is_borrowed_and_defaults_are_filled_in(void **state)
{
  (void)state;
  char hub[] = "one";
  mappings[0].hub = hub;
  mappings[0].motherduck = true;
  mappings[0].motherduck_token = "token-token";
  mappings[1].legacy_table = "";
  sd_settings settings;
  assert_int_equal(sd_settings_init(&settings, &options, NULL), SD_OK);
  hub[0] = 'X';
  memset(mappings, 0, sizeof mappings);
  assert_string_equal(settings.mappings[0].hub, "one");
  assert_int_equal(settings.mappings[0].batch_rows, 1000);
  assert_int_equal(settings.mappings[0].batch_bytes, 24 * 1024 * 1024);
  assert_int_equal(settings.mappings[0].batch_timeout_ms, 60000);
  assert_int_equal(settings.mappings[1].batch_timeout_ms, 1000);
  assert_null(settings.mappings[1].legacy_table);
  sd_settings_release(&settings);
}

static void every_failing_allocation_is_told_and_leaks_nothing(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    sd_settings settings;
    sd_error error;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_settings_init(&settings, &options, &error);
    sd_alloc_fail_nth(0);
    if (status == SD_OK) {
      sd_settings_release(&settings);
      assert_true(nth > 1);
      return;
    }
    assert_int_equal(status, SD_NOMEM);
  }
}

static void paths_to_one_file_are_one_database(void **state)
{
  (void)state;
  char folder[] = "/tmp/sd-settings-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char path[4][80];
  snprintf(path[0], sizeof path[0], "%s/a.duckdb", folder);
  snprintf(path[1], sizeof path[1], "%s/../%s/./a.duckdb", folder, strrchr(folder, '/') + 1);
  snprintf(path[2], sizeof path[2], "%s/hard.duckdb", folder);
  snprintf(path[3], sizeof path[3], "%s/other.duckdb", folder);
  char *key[4];
  for (int made = 0; made < 2; made++) {
    if (made) {
      fclose(fopen(path[0], "w"));
      assert_int_equal(link(path[0], path[2]), 0);
    }
    for (int i = 0; i < 4; i++) {
      mappings[0].database = path[i];
      key[i] = sd_database_key(&mappings[0]);
      assert_non_null(key[i]);
    }
    assert_string_equal(key[0], key[1]);
    assert_string_not_equal(key[0], key[3]);
    if (made)
      assert_string_equal(key[0], key[2]);
    for (int i = 0; i < 4; i++)
      sd_free(key[i]);
  }
  unlink(path[0]);
  unlink(path[2]);
  rmdir(folder);
}

static void motherduck_databases_differ_by_token(void **state)
{
  (void)state;
  mappings[0].motherduck = mappings[1].motherduck = true;
  mappings[0].motherduck_token = "one";
  mappings[1].motherduck_token = "two";
  char *a = sd_database_key(&mappings[0]);
  char *b = sd_database_key(&mappings[1]);
  assert_string_not_equal(a, b);
  sd_free(a);
  sd_free(b);
}

static void memory_is_divided_and_capped(void **state)
{
  (void)state;
  size_t share;
  const size_t mb = 1024 * 1024;
  assert_int_equal(sd_memory_share(0, 1, &share, NULL), SD_OK);
  assert_int_equal(share, 96 * mb);
  assert_int_equal(sd_memory_share(0, 4, &share, NULL), SD_OK);
  assert_int_equal(share, 48 * mb);
  assert_int_equal(sd_memory_share(0, 256, &share, NULL), SD_OK);
  assert_int_equal(share, SD_MEMORY_SHARE_MIN);
  sd_error error;
  assert_int_equal(sd_memory_share(10 * mb, 4, &share, &error), SD_CONFIG);
  assert_non_null(strstr(error.message, "memory_bytes"));
  assert_int_equal(sd_memory_transaction(96 * mb), 48 * mb);
  assert_int_equal(sd_memory_transaction(20 * mb), 10 * mb);
}

static void the_source_is_told_only_of_noticeable_changes(void **state)
{
  (void)state;
  sd_memory memory;
  const size_t mb = 1024 * 1024;
  size_t free_bytes = 0;
  sd_memory_init(&memory, 16 * mb);
  assert_true(sd_memory_regrant(&memory, 0, &free_bytes));
  assert_int_equal(free_bytes, 16 * mb - SD_MEMORY_RESERVE);
  assert_false(sd_memory_regrant(&memory, mb / 2, &free_bytes));
  assert_true(sd_memory_regrant(&memory, 2 * mb, &free_bytes));
  /* As much free as before, but the grant has been used. */
  memory.received = 2 * mb;
  assert_true(sd_memory_regrant(&memory, 2 * mb, &free_bytes));
  /* None left, once; then some again. */
  assert_true(sd_memory_regrant(&memory, 16 * mb, &free_bytes));
  assert_int_equal(free_bytes, 0);
  assert_false(sd_memory_regrant(&memory, 16 * mb, &free_bytes));
  assert_true(sd_memory_regrant(&memory, 16 * mb - SD_MEMORY_RESERVE - 1, &free_bytes));
  assert_int_equal(free_bytes, 1);
}

int main(void)
{
#define OPTIONS_TEST(name) cmocka_unit_test_setup(name, good_options)
  const struct CMUnitTest tests[] = {
      OPTIONS_TEST(what_is_missing_is_named_with_its_mapping),
      OPTIONS_TEST(a_mapping_needs_a_way_to_sign_in),
      OPTIONS_TEST(a_motherduck_database_needs_a_token),
      OPTIONS_TEST(a_start_offset_must_be_given_when_it_is_the_start),
      OPTIONS_TEST(a_name_longer_than_the_control_table_takes_is_refused),
      OPTIONS_TEST(no_mapping_and_too_many_are_refused),
      OPTIONS_TEST(two_mappings_with_one_source_and_one_target_are_refused),
      OPTIONS_TEST(two_mappings_with_one_number_are_refused),
      OPTIONS_TEST(a_struct_of_another_version_is_told_by_its_size),
      OPTIONS_TEST(a_longer_struct_of_a_newer_header_is_read_as_far_as_it_is_known),
      OPTIONS_TEST(nothing_is_borrowed_and_defaults_are_filled_in),
      OPTIONS_TEST(every_failing_allocation_is_told_and_leaks_nothing),
      OPTIONS_TEST(paths_to_one_file_are_one_database),
      OPTIONS_TEST(motherduck_databases_differ_by_token),
      OPTIONS_TEST(memory_is_divided_and_capped),
      OPTIONS_TEST(the_source_is_told_only_of_noticeable_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
