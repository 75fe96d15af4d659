/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's metrics (docs/telemetry has the table): instruments once per engine, points once per mapping.
 * Durations and sizes are recorded as they happen, once per batch or transaction; counters and gauges are
 * brought up to date from the mapping's own counts, once per sd_stream_timings.metrics_ms and at the end.
 * Loop thread. Without telemetry all points are NULL.
 */
#ifndef SD_STREAM_METRICS_H
#define SD_STREAM_METRICS_H

#include "stream/mapping.h"

#include <streamduck/metrics.h>

/* Counters that follow a mapping's counts. */
enum {
  SD_COUNT_RECEIVED = 0,
  SD_COUNT_RECEIVED_BYTES,
  SD_COUNT_LANDED,
  SD_COUNT_DEAD_LETTERS,
  SD_COUNT_BATCHES,
  SD_COUNT_TRANSACTIONS,
  SD_COUNT_CHECKPOINTS,
  SD_COUNT_CHECKPOINTS_FAILED,
  SD_COUNT_RETRIES,
  SD_COUNT_FENCED,
  SD_COUNT_GAPS,
  SD_COUNT_RECONNECTS,
  SD_COUNTS
};

struct sd_stream_metrics {
  sd_instrument *counters[SD_COUNTS]; /* the two of checkpoints are the same one */
  sd_instrument *batch_size;
  sd_instrument *receive_latency;
  sd_instrument *process_duration;
  sd_instrument *transaction_duration;
  sd_instrument *commit_duration;
  sd_instrument *lag;
  sd_instrument *queue_batches;
  sd_instrument *queue_bytes;
  sd_instrument *running;
};

typedef struct sd_mapping_metrics {
  const sd_stream_metrics *instruments; /* NULL: no telemetry */
  sd_point *counters[SD_COUNTS];
  uint64_t told[SD_COUNTS]; /* what the points have been given */
  uint64_t checkpoints;
  uint64_t checkpoints_failed;
  sd_point *batch_size;
  sd_point *receive_latency;
  sd_point *process_duration;
  sd_point *transaction_duration;
  sd_point *commit_duration;
  sd_point *queue_batches;
  sd_point *queue_bytes;
  sd_point *running;
  sd_point **lag; /* per partition; NULL until the hub is known */
  uint32_t lag_count;
} sd_mapping_metrics;

/* tracer may be NULL. An instrument that cannot be made (another of its name is there) stays NULL. */
void sd_stream_metrics_init(sd_stream_metrics *metrics, sd_tracer *tracer);

/* instruments must outlive the mapping; NULL: none. */
void sd_mapping_metrics_init(sd_mapping *mapping, const sd_stream_metrics *instruments);
void sd_mapping_metrics_release(sd_mapping *mapping);

#endif
