/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What a telemetry and a tracer are inside; trace.h documents the interface. */
#ifndef SD_TRACE_TELEMETRY_H
#define SD_TRACE_TELEMETRY_H

#include "trace/exporter.h"
#include "trace/processor.h"
#include "trace/registry.h"
#include "trace/resource.h"
#include "trace/ring.h"
#include "trace/sampling.h"
#include "trace/scrub_record.h"
#include "trace/thread.h"

enum {
  SD_TELEMETRY_FREE_TIMEOUT_MS = 3000,
  SD_TELEMETRY_SPARE_BYTES_MAX = 1 << 20 /* spans kept for reuse beside the threads' own */
};

struct sd_tracer {
  sd_telemetry *telemetry;
  const char *name;
  const char *version; /* "" when there is none */
};

/* Counters of the threads that have this slot; only the shared slot is written by more than one. */
typedef struct sd_cell {
  _Atomic uint64_t started;
  _Atomic uint64_t ended;
  _Atomic uint64_t dropped_attributes;
  _Atomic uint64_t dropped_fork;               /* spans of the parent that ended in a child */
  uint8_t padding[128 - 4 * sizeof(uint64_t)]; /* cells of two threads share no cache line */
} sd_cell;

struct sd_telemetry {
  /* Read by every span, written hardly ever. */
  sd_head_sampler sampler;
  sd_span_limits limits;
  int min_level;
  bool logfire_ids;
  bool wants_starts;         /* spans are recorded when they start too: pending ones, tail sampling */
  _Atomic uint32_t forks;    /* how often the process was forked: what is older is the parent's */
  _Atomic bool is_recording; /* false: shut down */

  sd_ring ring;
  sd_processor processor;
  sd_cell cells[SD_THREAD_SLOTS];

  sd_exporter *exporters[SD_EXPORTERS_MAX]; /* owned */
  size_t exporter_count;
  const sd_exporter *left_behind; /* at shutdown a call of it had not returned: stopped before it is freed */
  sd_registry *registry;          /* owned; NULL: no exporter takes metrics and no instrument was made */
  sd_record_scrubber *scrubber;   /* owned */
  sd_resource resource;
  sd_telemetry_diagnostic_fn *diagnostic;
  void *diagnostic_user;

  /* Guards the tracers and the spare spans. */
  pthread_mutex_t lock;
  sd_tracer *tracers[SD_TRACERS_MAX];
  size_t tracer_count;
  sd_span *spare;
  size_t spare_bytes;

  uint64_t dropped_fork;
  _Atomic uint64_t dropped_shutdown;
  _Atomic uint64_t dropped_unclean; /* could not be scrubbed for lack of memory */

  sd_telemetry *next; /* list of all, see fork.h */
};

/* Adds to a counter of the calling thread's cell. */
static inline void sd_cell_add(_Atomic uint64_t *counter, const sd_thread *thread, uint64_t n)
{
  if (thread->slot == SD_THREAD_SLOT_SHARED)
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
  else
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* Makes sure that the telemetry's thread runs, so that metrics are collected though nothing is recorded. Any
 * thread. */
void sd_telemetry_start_thread(sd_telemetry *telemetry);

/* Frees it with its exporters; its thread has ended, or calls this as its last act. */
void sd_telemetry_destroy(sd_telemetry *telemetry);

/* Says something about telemetry itself to the program. Any thread. */
void sd_telemetry_report(sd_telemetry *telemetry, int level, const char *format, ...) SD_PRINTF(3, 4);

#endif
