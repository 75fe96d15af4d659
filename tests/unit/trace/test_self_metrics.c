/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The tracer's own metrics. */
#include "metrics_rig.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define PROCESSOR "otel.component.name=batching_span_processor/0,otel.component.type=batching_span_processor"

static seen all;

static int64_t value_of(const char *name, const char *attributes)
{
  return rig_find(&all, name, attributes)->value.integer;
}

static void drop_all(void *self, const sd_record *records, size_t count)
{
  (void)self;
  (void)records;
  (void)count;
}

static void add_stats(void *self, sd_telemetry_stats *stats)
{
  (void)self;
  stats->records_exported += 41;
  stats->dropped_export += 5;
  stats->export_calls += 7;
  stats->export_retries += 3;
  stats->bytes_sent += 1000;
}

static void free_nothing(void *self)
{
  (void)self;
}

static const sd_exporter_vtable VTABLE = {
    .struct_size = sizeof VTABLE, .export_records = drop_all, .add_stats = add_stats, .free = free_nothing};

static void spans_and_drops_are_counted(void **state)
{
  (void)state;
  sd_exporter *exporter = NULL;
  assert_int_equal(sd_exporter_new(&VTABLE, NULL, NULL, &exporter, NULL), SD_OK);
  sd_telemetry_options options = {.struct_size = sizeof options, .exporters = &exporter, .exporter_count = 1};
  sd_telemetry *telemetry = rig_telemetry(&options);
  sd_tracer *tracer = rig_tracer(telemetry);
  sd_metric_reader *reader = rig_reader(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  sd_span *open = sd_span_start(tracer, "open", NULL);
  assert_non_null(open);
  for (int i = 0; i < 3; i++)
    sd_span_end(sd_span_start(tracer, "ended", NULL));
  assert_int_equal(sd_telemetry_flush(telemetry, 10000, NULL), SD_OK);
  all.with_scope_of_telemetry = true;
  rig_collect(reader, &all);
  assert_int_equal(value_of("otel.sdk.span.started", ""), 4);
  assert_int_equal(value_of("otel.sdk.span.live", ""), 1);
  assert_int_equal(value_of("otel.sdk.processor.span.queue.size", PROCESSOR), 0);
  assert_int_equal(value_of("otel.sdk.processor.span.processed", PROCESSOR), 3);
  assert_int_equal(value_of("otel.sdk.processor.span.processed", "error.type=queue_full," PROCESSOR), 0);
  assert_int_equal(value_of("otel.sdk.exporter.span.exported", ""), 41);
  assert_int_equal(value_of("otel.sdk.exporter.span.exported", "error.type=rejected"), 5);
  assert_int_equal(value_of("streamduck.telemetry.exporter.calls", ""), 7);
  assert_int_equal(value_of("streamduck.telemetry.exporter.retries", ""), 3);
  assert_int_equal(value_of("streamduck.telemetry.exporter.sent", ""), 1000);
  assert_true(value_of("streamduck.telemetry.queue.capacity", "") > 1 << 20);
  sd_span_end(open);
  rig_collect(reader, &all);
  assert_int_equal(value_of("otel.sdk.span.live", ""), 0);
  sd_telemetry_free(telemetry);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spans_and_drops_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
