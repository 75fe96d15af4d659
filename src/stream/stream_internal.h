/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The engine's parts: stream.c (made, asked from outside, freed), orchestrator.c (run), segment.c (its
 * traces). */
#ifndef SD_STREAM_STREAM_INTERNAL_H
#define SD_STREAM_STREAM_INTERNAL_H

#include "base/random.h"
#include "stream/factory.h"
#include "stream/mapping.h"
#include "stream/metrics.h"
#include "stream/segment.h"
#include "stream/settings.h"

#include <stdatomic.h>

enum { STREAM_OWNER_SIZE = SD_UUID_TEXT_SIZE, STREAM_RECEIVER_SIZE = 32 };

struct sd_stream {
  sd_settings settings;
  sd_stream_factory factory;
  sd_stream_timings timings;
  sd_stream_log_fn *log_fn;
  void *log_user;
  sd_scrubber *scrubber;
  sd_log *log;
  char owner[STREAM_OWNER_SIZE];
  char receiver_name[STREAM_RECEIVER_SIZE];

  uv_loop_t loop;
  uv_async_t wake; /* a stop or a reply */
  uv_prepare_t prepare;
  uv_timer_t tick;
  uv_timer_t observe;
  uv_timer_t measure; /* metrics */
  bool loop_works;

  atomic_int stops; /* asked for; any thread, lock-free */
  int stops_seen;
  bool ran;
  bool aborted;
  bool cancelled; /* somebody asked for a stop */

  sd_telemetry *telemetry; /* NULL: none */
  sd_stream_metrics metrics;
  sd_segment segment;

  sd_queue *replies;
  sd_sink **sinks; /* per mapping; only the first one of a database has it */
  sd_mapping **mappings;
  sd_mapping *first_halted;
  int first_halted_number;

  uint32_t observe_ms; /* 0: nobody */
  sd_stream_observer_fn *observer;
  void *observer_user;
  uint64_t started_ms;
  uint64_t ended_ms; /* 0: works */
  sd_mapping_snapshot *mapping_snapshots;
  sd_stream_snapshot snapshot;
};

/* Brings snapshot up to date; the loop's thread. */
void sd_stream_take_snapshot(sd_stream *stream);

/* A source for one of the engine's mappings; mapping_env's source_new. */
sd_status sd_stream_new_source(void *user, sd_mapping *mapping, sd_source **ret_source, sd_error *error);

/* The wake handle's callback. */
void sd_stream_on_wake(uv_async_t *wake);

#endif
