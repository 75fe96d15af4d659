/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer's own metrics (semantic conventions, SDK metrics). otel.sdk.processor.span.queue.capacity counts
 * spans, but this queue is bounded in bytes: streamduck.telemetry.queue.capacity says how many.
 */
#include "trace/metrics_internal.h"
#include "trace/telemetry.h"

#include <stddef.h>

#define SCOPE "streamduck.telemetry"

enum { FIGURES_MAX = 3 };

typedef struct self_figures {
  sd_telemetry_stats stats;
  uint64_t processed; /* records that were taken off the queue */
  uint64_t capacity;  /* bytes of the queue */
} self_figures;

/* One point of an instrument. */
typedef struct self_point {
  size_t at;              /* offset of a uint64_t in self_figures */
  const char *error_type; /* NULL: none */
} self_point;

typedef struct self_metric {
  const char *name;
  const char *unit;
  const char *description;
  sd_instrument_kind kind;
  const char *component; /* otel.component.type; NULL: none */
  size_t point_count;
  self_point points[FIGURES_MAX];
} self_metric;

#define STATS(field) (offsetof(self_figures, stats) + offsetof(sd_telemetry_stats, field))
#define PROCESSOR    "batching_span_processor"

/* Never changed; not const because a callback's user is not. */
static self_metric metrics[] = {
    {"otel.sdk.span.started", "{span}", "Created spans", SD_COUNTER, NULL, 1, {{STATS(spans_started), NULL}}},
    {"otel.sdk.span.live",
     "{span}",
     "Created spans that have not ended yet",
     SD_UP_DOWN_COUNTER,
     NULL,
     1,
     {{STATS(spans_live), NULL}}},
    {"otel.sdk.processor.span.queue.size",
     "{span}",
     "Spans that wait for the exporters",
     SD_UP_DOWN_COUNTER,
     PROCESSOR,
     1,
     {{STATS(records_queued), NULL}}},
    {"otel.sdk.processor.span.processed",
     "{span}",
     "Spans that were taken off the queue, or had no room in it",
     SD_COUNTER,
     PROCESSOR,
     3,
     {{offsetof(self_figures, processed), NULL},
      {STATS(dropped_queue_full), "queue_full"},
      {STATS(dropped_shutdown), "already_shutdown"}}},
    {"otel.sdk.exporter.span.exported",
     "{span}",
     "Spans whose export has finished, all exporters together",
     SD_COUNTER,
     NULL,
     2,
     {{STATS(records_exported), NULL}, {STATS(dropped_export), "rejected"}}},
    {SCOPE ".queue.capacity",
     "By",
     "Bytes of records that can wait",
     SD_UP_DOWN_COUNTER,
     NULL,
     1,
     {{offsetof(self_figures, capacity), NULL}}},
    {SCOPE ".dropped_attributes",
     "{attribute}",
     "Attributes past the limits of their spans",
     SD_COUNTER,
     NULL,
     1,
     {{STATS(dropped_attributes), NULL}}},
    {SCOPE ".exporter.calls",
     "{call}",
     "Export calls, all exporters together",
     SD_COUNTER,
     NULL,
     1,
     {{STATS(export_calls), NULL}}},
    {SCOPE ".exporter.retries",
     "{retry}",
     "Requests that were sent again",
     SD_COUNTER,
     NULL,
     1,
     {{STATS(export_retries), NULL}}},
    {SCOPE ".exporter.sent",
     "By",
     "Bytes of requests, compressed",
     SD_COUNTER,
     NULL,
     1,
     {{STATS(bytes_sent), NULL}}},
};
enum { METRICS_COUNT = sizeof metrics / sizeof metrics[0] };

static void observe(void *user, sd_instrument *instrument)
{
  const self_metric *metric = user;
  const sd_telemetry *telemetry = instrument->registry->telemetry;
  self_figures figures = {.stats = {.struct_size = sizeof figures.stats}};
  sd_telemetry_get_stats(telemetry, &figures.stats);
  figures.processed = atomic_load_explicit(&telemetry->ring.taken, memory_order_relaxed);
  figures.capacity = (uint64_t)telemetry->ring.block_count * telemetry->ring.block_bytes;
  for (size_t i = 0; i < metric->point_count; i++) {
    sd_attribute attributes[3];
    size_t count = 0;
    uint64_t value;
    if (metric->component) {
      attributes[count++] = sd_attribute_string("otel.component.type", metric->component);
      attributes[count++] = sd_attribute_string("otel.component.name", PROCESSOR "/0");
    }
    if (metric->points[i].error_type)
      attributes[count++] = sd_attribute_string("error.type", metric->points[i].error_type);
    memcpy(&value, (const char *)&figures + metric->points[i].at, sizeof value);
    sd_point_set(sd_instrument_point(instrument, attributes, count), (int64_t)value);
  }
}

sd_status sd_self_metrics_register(sd_registry *registry, sd_error *error)
{
  const sd_tracer *tracer = sd_telemetry_tracer(registry->telemetry, SCOPE, SD_VERSION);
  if (!tracer)
    return sd_error_set(error, SD_NOMEM, "no memory for a tracer");
  sd_status status = SD_OK;
  for (size_t i = 0; status == SD_OK && i < METRICS_COUNT; i++) {
    sd_instrument *instrument;
    sd_instrument_options options = {.struct_size = sizeof options,
                                     .name = metrics[i].name,
                                     .unit = metrics[i].unit,
                                     .description = metrics[i].description,
                                     .kind = metrics[i].kind,
                                     .observe = observe,
                                     .user = &metrics[i]};
    status = sd_registry_instrument(registry, tracer, &options, &instrument, error);
  }
  return status;
}
