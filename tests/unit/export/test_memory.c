/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The memory exporter: what it keeps, in which order, how much. */
#include "base/alloc.h"
#include "fake_tracer.h"
#include "trace/exporter.h"
#include "walk.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static sd_telemetry telemetry = {NULL, 0};
static sd_tracer tracer = {"lib", "", &telemetry};

static const sd_record span = {
    .kind = SD_RECORD_SPAN, .tracer = &tracer, .otlp = (const uint8_t *)"\x2a\x04span", .otlp_len = 6};
static const sd_record log_record = {
    .kind = SD_RECORD_LOG, .tracer = &tracer, .otlp = (const uint8_t *)"\x10\x09", .otlp_len = 2};
static const sd_point_value point = {.unix_ns = 9, .integer = 3};
static const sd_metric metric = {
    .tracer = &tracer, .name = "m", .kind = SD_GAUGE, .points = &point, .point_count = 1};

static sd_exporter *new_exporter(size_t max_bytes)
{
  sd_exporter *exporter = NULL;
  assert_int_equal(sd_memory_exporter_new(max_bytes, &exporter, NULL), SD_OK);
  return exporter;
}

static void export_records(sd_exporter *exporter, const sd_record *records, size_t count)
{
  exporter->vtable->export_records(exporter->self, records, count);
}

static sd_telemetry_stats stats_of(sd_exporter *exporter)
{
  sd_telemetry_stats stats;
  memset(&stats, 0, sizeof stats);
  exporter->vtable->add_stats(exporter->self, &stats);
  return stats;
}

/* Takes a request of this signal and frees it; returns its length. */
static size_t take(sd_exporter *exporter, int expected)
{
  int signal = 0;
  uint8_t *data = NULL;
  size_t len = 0;
  assert_int_equal(sd_memory_exporter_take(exporter, &signal, &data, &len), SD_OK);
  assert_int_equal(signal, expected);
  uint32_t is_record = count_fields(get_bytes(get_bytes(sd_bytes_make(data, len), 1, 0), 2, 0), 2) == 1;
  assert_true(is_record);
  sd_memory_release(data);
  return len;
}

static void assert_empty(sd_exporter *exporter)
{
  int signal = 7;
  uint8_t *data = NULL;
  size_t len = 7;
  assert_int_equal(sd_memory_exporter_take(exporter, &signal, &data, &len), SD_NOT_FOUND);
  assert_int_equal(signal, 7);
  assert_null(data);
}

static void requests_come_out_in_order(void **state)
{
  (void)state;
  sd_exporter *exporter = new_exporter(0);
  sd_record records[] = {log_record, span};
  assert_empty(exporter);
  export_records(exporter, records, 2);
  exporter->vtable->export_metric(exporter->self, &metric);
  exporter->vtable->export_metric(exporter->self, NULL);
  export_records(exporter, &log_record, 1);
  take(exporter, SD_SIGNAL_TRACES);
  take(exporter, SD_SIGNAL_LOGS);
  take(exporter, SD_SIGNAL_METRICS);
  take(exporter, SD_SIGNAL_LOGS);
  assert_empty(exporter);
  export_records(exporter, &span, 1);
  take(exporter, SD_SIGNAL_TRACES);
  assert_empty(exporter);
  sd_telemetry_stats stats = stats_of(exporter);
  assert_int_equal(stats.records_exported, 4);
  assert_int_equal(stats.export_calls, 5);
  sd_exporter_free(exporter);
}

static void what_was_not_taken_is_freed(void **state)
{
  (void)state;
  sd_exporter *exporter = new_exporter(0);
  export_records(exporter, &span, 1);
  export_records(exporter, &span, 1);
  exporter->vtable->export_metric(exporter->self, &metric);
  sd_exporter_free(exporter);
}

static void past_the_maximum_new_records_are_dropped_and_counted(void **state)
{
  (void)state;
  sd_exporter *exporter = new_exporter(0);
  export_records(exporter, &span, 1);
  size_t len = take(exporter, SD_SIGNAL_TRACES);
  sd_exporter_free(exporter);
  exporter = new_exporter(2 * len);
  for (int i = 0; i < 3; i++)
    export_records(exporter, &span, 1);
  assert_int_equal(stats_of(exporter).records_exported, 2);
  assert_int_equal(stats_of(exporter).dropped_export, 1);
  take(exporter, SD_SIGNAL_TRACES);
  export_records(exporter, &span, 1);
  assert_int_equal(stats_of(exporter).records_exported, 3);
  take(exporter, SD_SIGNAL_TRACES);
  take(exporter, SD_SIGNAL_TRACES);
  assert_empty(exporter);
  sd_exporter_free(exporter);
}

static void each_allocation_may_fail(void **state)
{
  (void)state;
  sd_exporter *exporter = NULL;
  for (uint64_t nth = 1; nth <= 2; nth++) {
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_memory_exporter_new(0, &exporter, NULL), SD_NOMEM);
    sd_alloc_fail_nth(0);
    assert_null(exporter);
  }
  exporter = new_exporter(0);
  uint64_t lost = 0;
  for (uint64_t nth = 1; nth <= 2; nth++) {
    sd_alloc_fail_nth(nth);
    export_records(exporter, &span, 1);
    sd_alloc_fail_nth(0);
    assert_int_equal(stats_of(exporter).dropped_export, ++lost);
    sd_alloc_fail_nth(nth);
    exporter->vtable->export_metric(exporter->self, &metric);
    exporter->vtable->export_metric(exporter->self, NULL);
    sd_alloc_fail_nth(0);
  }
  assert_empty(exporter);
  sd_exporter_free(exporter);
}

static void a_child_does_not_have_its_parents_requests(void **state)
{
  (void)state;
  sd_exporter *exporter = new_exporter(0);
  export_records(exporter, &span, 1);
  pid_t child = fork();
  if (child == 0) {
    exporter->vtable->after_fork(exporter->self);
    assert_empty(exporter);
    export_records(exporter, &log_record, 1);
    take(exporter, SD_SIGNAL_LOGS);
    assert_empty(exporter);
    _exit(stats_of(exporter).records_exported == 1 ? 0 : 1);
  }
  int status = 1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  take(exporter, SD_SIGNAL_TRACES);
  sd_exporter_free(exporter);
}

enum { EXPORTED = 2000 };

static void *export_many(void *exporter)
{
  for (int i = 0; i < EXPORTED; i++)
    export_records(exporter, &span, 1);
  return NULL;
}

static void one_thread_exports_while_another_takes(void **state)
{
  (void)state;
  sd_exporter *exporter = new_exporter(0);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, export_many, exporter), 0);
  int taken = 0;
  while (taken < EXPORTED) {
    int signal;
    uint8_t *data;
    size_t len;
    if (sd_memory_exporter_take(exporter, &signal, &data, &len) == SD_OK) {
      assert_int_equal(signal, SD_SIGNAL_TRACES);
      sd_memory_release(data);
      taken++;
    }
  }
  pthread_join(thread, NULL);
  assert_empty(exporter);
  sd_exporter_free(exporter);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_come_out_in_order),
      cmocka_unit_test(what_was_not_taken_is_freed),
      cmocka_unit_test(past_the_maximum_new_records_are_dropped_and_counted),
      cmocka_unit_test(each_allocation_may_fail),
      cmocka_unit_test(a_child_does_not_have_its_parents_requests),
      cmocka_unit_test(one_thread_exports_while_another_takes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
