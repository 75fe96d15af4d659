/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From the engine's snapshot over the socket to tables and statistics. */
#include "base/clock.h"
#include "cli/status_client.h"
#include "cli/status_json.h"
#include "cli/status_server.h"
#include "cli/totals.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const sd_partition_snapshot partitions[] = {
    {.partition_id = "0",
     .state = SD_PARTITION_OWNED,
     .epoch = 3,
     .received_sequence = 1300,
     .landed_sequence = 1234,
     .broker_last_sequence = 2000,
     .lag = 766,
     .landed_enqueued_us = 1000000},
    {.partition_id = "1",
     .state = SD_PARTITION_ELSEWHERE,
     .received_sequence = -1,
     .landed_sequence = -1,
     .broker_last_sequence = -1},
};
static const sd_mapping_snapshot mappings[] = {
    {.number = 1,
     .state = SD_MAPPING_RUNNING,
     .name = "orders → x.duckdb.main.orders",
     .hub = "orders",
     .consumer_group = "$Default",
     .database = "x.duckdb",
     .schema = "main",
     .table = "orders",
     .owner = "host-1",
     .received = 1400,
     .landed = 1234567,
     .dead_letters = 3,
     .batches = 12,
     .transactions = 9,
     .retries = 2,
     .attempts_failed = 1,
     .lag = 766,
     .buffered_bytes = 1500000,
     .last_commit_us = 2000000,
     .partitions = partitions,
     .partition_count = 2},
    {.number = 2,
     .state = SD_MAPPING_HALTED,
     .name = "b",
     .hub = "b",
     .consumer_group = "g",
     .database = "lake",
     .schema = "main",
     .table = "b",
     .owner = "host-1",
     .last_error = {.code = SD_DENIED, .message = "motherduck_token=CANARY-SECRET-1 was refused"}},
};
static const sd_stream_snapshot snapshot = {
    .struct_size = sizeof snapshot, .uptime_ms = 61000, .mappings = mappings, .mapping_count = 2};

static void totals_add_up(void **state)
{
  (void)state;
  sd_totals t = sd_totals_of(&snapshot);
  assert_int_equal(t.mappings, 2);
  assert_int_equal(t.halted, 1);
  assert_int_equal(t.landed, 1234567);
  assert_int_equal(t.lag, 766);
  assert_true(sd_totals_success_rate(&t) > 0.899 && sd_totals_success_rate(&t) < 0.901);
  sd_totals none = {0};
  assert_true(sd_totals_success_rate(&none) > 0.999);
}

static void the_statistics_say_what_was_done(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 10000);
  sd_totals_append_block(&snapshot, 2.0, &out);
  static const char *const parts[] = {"mappings      2\n",
                                      "messages      1,234,570\n",
                                      "batches       12\n",
                                      "retries       2\n",
                                      "success rate  90.00 % (attempts to write that were committed",
                                      "dead letters  3\n",
                                      "seconds       2.0 (617,285 messages/s)\n",
                                      "mapping 2: b, halted"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!strstr(sd_buf_text(&out), parts[i]))
      fail_msg("\"%s\" is not in:\n%s", parts[i], sd_buf_text(&out));
  }
  sd_buf_release(&out);
}

static void counts_and_bytes_are_readable(void **state)
{
  (void)state;
  static const struct {
    uint64_t value;
    const char *text;
  } counts[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {UINT64_MAX, "18,446,744,073,709,551,615"}},
    bytes[] = {{0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {999999, "1.0 MB"}, {24000000, "24.0 MB"}};
  sd_buf out;
  sd_buf_init(&out, 100);
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    sd_buf_clear(&out);
    sd_totals_append_count(counts[i].value, &out);
    assert_string_equal(sd_buf_text(&out), counts[i].text);
  }
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
    sd_buf_clear(&out);
    sd_totals_append_bytes(bytes[i].value, &out);
    assert_string_equal(sd_buf_text(&out), bytes[i].text);
  }
  sd_buf_release(&out);
}

static void the_document_has_what_is_known_and_null_for_the_rest(void **state)
{
  (void)state;
  json_t *json = sd_status_to_json(&snapshot);
  assert_non_null(json);
  assert_int_equal(json_integer_value(json_object_get(json, "uptime_ms")), 61000);
  json_t *mapping = json_array_get(json_object_get(json, "mappings"), 0);
  assert_string_equal(json_string_value(json_object_get(mapping, "state")), "running");
  assert_string_equal(json_string_value(json_object_get(mapping, "last_commit")), "1970-01-01T00:00:02Z");
  assert_true(json_is_null(json_object_get(mapping, "error")));
  json_t *first = json_array_get(json_object_get(mapping, "partitions"), 0);
  assert_int_equal(json_integer_value(json_object_get(first, "landed_sequence")), 1234);
  assert_int_equal(json_integer_value(json_object_get(first, "broker_last_sequence")), 2000);
  assert_int_equal(json_integer_value(json_object_get(first, "lag")), 766);
  json_t *second = json_array_get(json_object_get(mapping, "partitions"), 1);
  assert_true(json_is_null(json_object_get(second, "landed_sequence")));
  assert_string_equal(json_string_value(json_object_get(second, "state")), "elsewhere");
  json_t *halted = json_array_get(json_object_get(json, "mappings"), 1);
  assert_string_equal(json_string_value(json_object_get(json_object_get(halted, "error"), "status")),
                      "SD_DENIED");
  json_decref(json);
}

static void a_running_instance_answers_over_its_socket_without_secrets(void **state)
{
  (void)state;
  char folder[] = "/tmp/sd-status-XXXXXX";
  assert_non_null(mkdtemp(folder));
  sd_scrubber *scrubber;
  sd_status_server *server;
  sd_error error;
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "CANARY-SECRET-1"), SD_OK);
  if (sd_status_server_start(folder, scrubber, &server, &error) != SD_OK)
    fail_msg("%s", error.message);

  /* Nothing published yet. */
  json_t *collected = sd_status_collect(folder, NULL, false);
  assert_int_equal(json_array_size(json_object_get(collected, "instances")), 0);
  json_t *note = json_array_get(json_object_get(collected, "notes"), 0);
  assert_string_equal(json_string_value(note), "an instance is starting: ask again in a moment");
  json_decref(collected);

  sd_status_server_publish(server, &snapshot);
  collected = sd_status_collect(folder, NULL, false);
  assert_int_equal(json_array_size(json_object_get(collected, "instances")), 1);
  sd_buf text;
  sd_buf_init(&text, 100000);
  assert_int_equal(sd_json_write(collected, &text), SD_OK);
  assert_null(strstr(sd_buf_text(&text), "CANARY"));
  assert_non_null(strstr(sd_buf_text(&text), "***"));
  sd_buf_clear(&text);
  sd_status_format(collected, &text);
  static const char *const parts[] = {"streamduck ",
                                      "up 61 s",
                                      "mapping 1  orders ($Default) into x.duckdb",
                                      "broker's last",
                                      "1,234",
                                      "2,000",
                                      "766",
                                      "host-1",
                                      "elsewhere",
                                      "error: motherduck_token=*** was refused"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!strstr(sd_buf_text(&text), parts[i]))
      fail_msg("\"%s\" is not in:\n%s", parts[i], sd_buf_text(&text));
  }
  sd_buf_release(&text);
  json_decref(collected);
  sd_status_server_stop(server);

  collected = sd_status_collect(folder, NULL, false);
  assert_int_equal(json_array_size(json_object_get(collected, "instances")), 0);
  json_decref(collected);
  sd_scrubber_free(scrubber);
  assert_int_equal(remove(folder), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(totals_add_up),
      cmocka_unit_test(the_statistics_say_what_was_done),
      cmocka_unit_test(counts_and_bytes_are_readable),
      cmocka_unit_test(the_document_has_what_is_known_and_null_for_the_rest),
      cmocka_unit_test(a_running_instance_answers_over_its_socket_without_secrets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
