/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's events: their order is the same wherever reading begins, and what they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/demo_flights.h"
#include "duck/connection.h"
#include "duck/library.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 12 * SD_DEMO_BLOCK_ROWS, RUN_MAX = 500 };

static char path[256];

static int make(void **state)
{
  (void)state;
  snprintf(path, sizeof path, "%s/streamduck-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  int fd = mkstemp(path);
  if (fd < 0)
    return -1;
  close(fd);
  char sql[1024];
  snprintf(sql, sizeof sql,
           "COPY (SELECT TIMESTAMP '2001-01-01' + to_minutes(i) AS date, i %% 300 - 20 AS delay,"
           " i %% 1000 AS distance, 'A' || (i * 7919 %% 23) AS origin, 'B''\"' AS destination"
           " FROM range(%d) AS t(i)) TO '%s' (FORMAT parquet)",
           (int)ROWS, path);
  const sd_duck_instance_options options = {0};
  const sd_duck_connection_options none = {0};
  sd_duck_instance *instance = NULL;
  sd_duck_connection *connection = NULL;
  sd_error error;
  sd_status status = sd_duck_instance_acquire(&options, &instance, &error);
  if (status == SD_OK)
    status = sd_duck_connection_new(instance, &none, &connection, &error);
  if (status == SD_OK)
    status = sd_duck_connection_enter(connection, NULL, &error);
  if (status == SD_OK) {
    status = sd_duck_execute(connection, sql, NULL, &error);
    sd_duck_connection_leave(connection);
  }
  sd_duck_connection_free(connection);
  sd_duck_instance_release(instance);
  if (status != SD_OK)
    printf("# %s\n", error.message);
  return status == SD_OK ? 0 : -1;
}

static int clean(void **state)
{
  (void)state;
  return unlink(path);
}

static sd_demo_flights *open_from(uint64_t first, uint64_t end)
{
  sd_demo_flights *flights = NULL;
  sd_error error;
  if (sd_demo_flights_open(path, NULL, first, end, &flights, &error) != SD_OK)
    fail_msg("%s", error.message);
  return flights;
}

/* Records in order; returns how many. */
static uint64_t read_all(uint64_t first, uint64_t end, int64_t *records)
{
  static sd_demo_flight events[RUN_MAX];
  sd_demo_flights *flights = open_from(first, end);
  sd_error error;
  uint32_t count;
  uint64_t n = 0;
  while (sd_demo_flights_next(flights, events, RUN_MAX, &count, &error) == SD_OK) {
    assert_in_range(count, 1, RUN_MAX);
    for (uint32_t i = 0; i < count; i++) {
      assert_true(sd_bytes_equal(events[i].origin, events[0].origin));
      records[n++] = events[i].record;
    }
  }
  assert_int_equal(error.code, SD_NOT_FOUND);
  sd_demo_flights_close(flights);
  return n;
}

static int64_t all[ROWS], part[ROWS];

static void every_record_comes_once_block_by_block(void **state)
{
  (void)state;
  static bool seen[ROWS];
  assert_int_equal(read_all(0, ROWS, all), ROWS);
  for (int64_t i = 0; i < ROWS; i++) {
    assert_int_equal(all[i] / SD_DEMO_BLOCK_ROWS, i / SD_DEMO_BLOCK_ROWS);
    assert_false(seen[all[i]]);
    seen[all[i]] = true;
  }
}

static void the_order_is_the_same_wherever_reading_begins_and_ends(void **state)
{
  (void)state;
  const uint64_t first[] = {1, 777, SD_DEMO_BLOCK_ROWS, 3 * SD_DEMO_BLOCK_ROWS + 1, 100001};
  assert_int_equal(read_all(0, ROWS, all), ROWS);
  for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
    uint64_t end = i % 2 ? ROWS : ROWS - SD_DEMO_BLOCK_ROWS;
    assert_int_equal(read_all(first[i], end, part), end - first[i]);
    assert_memory_equal(part, all + first[i], (end - first[i]) * sizeof all[0]);
  }
}

static void an_event_is_json_of_its_record(void **state)
{
  (void)state;
  sd_demo_flights *flights = open_from(0, SD_DEMO_BLOCK_ROWS);
  sd_demo_flight event;
  uint32_t count;
  sd_error error;
  json_t *body = NULL;
  assert_int_equal(sd_demo_flights_next(flights, &event, 1, &count, &error), SD_OK);
  assert_int_equal(sd_json_parse(event.body, &body, &error), SD_OK);
  assert_true(sd_bytes_equal_text(event.origin, json_string_value(json_object_get(body, "origin"))));
  assert_string_equal(json_string_value(json_object_get(body, "destination")), "B'\"");
  assert_int_equal(json_integer_value(json_object_get(body, "delay")), event.record % 300 - 20);
  assert_int_equal(json_integer_value(json_object_get(body, "distance")), event.record % 1000);
  assert_int_equal(strncmp(json_string_value(json_object_get(body, "date")), "2001-01-0", 9), 0);
  json_decref(body);
  sd_demo_flights_close(flights);
}

static void a_missing_file_is_named_with_what_to_do(void **state)
{
  (void)state;
  sd_demo_flights *flights = NULL;
  sd_error error;
  assert_int_equal(
      sd_demo_flights_open("/nowhere/flights.parquet", NULL, 0, SD_DEMO_BLOCK_ROWS, &flights, &error),
      SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "/nowhere/flights.parquet"));
  assert_non_null(strstr(error.message, "make demo"));
  assert_null(flights);
}

static void a_file_with_too_few_records_is_refused(void **state)
{
  (void)state;
  sd_demo_flights *flights = open_from(ROWS, ROWS + SD_DEMO_BLOCK_ROWS);
  sd_demo_flight event;
  uint32_t count;
  sd_error error;
  assert_int_equal(sd_demo_flights_next(flights, &event, 1, &count, &error), SD_CORRUPT);
  sd_demo_flights_close(flights);
}

static void only_whole_blocks_can_be_read(void **state)
{
  (void)state;
  sd_demo_flights *flights = NULL;
  sd_error error;
  assert_int_equal(sd_demo_flights_open(path, NULL, 0, 123, &flights, &error), SD_INVALID);
  assert_int_equal(
      sd_demo_flights_open(path, NULL, 0, SD_DEMO_ROWS_MAX + SD_DEMO_BLOCK_ROWS, &flights, &error),
      SD_INVALID);
}

int main(void)
{
  const sd_duck_api *api;
  sd_error error;
  if (sd_duck_library_load(NULL, &api, &error) != SD_OK) {
    printf("1..0 # SKIP %s\n", error.message);
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_record_comes_once_block_by_block),
      cmocka_unit_test(the_order_is_the_same_wherever_reading_begins_and_ends),
      cmocka_unit_test(an_event_is_json_of_its_record),
      cmocka_unit_test(a_missing_file_is_named_with_what_to_do),
      cmocka_unit_test(a_file_with_too_few_records_is_refused),
      cmocka_unit_test(only_whole_blocks_can_be_read),
  };
  return cmocka_run_group_tests(tests, make, clean);
}
