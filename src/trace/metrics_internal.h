/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What registry, instruments, points and readers are inside; metrics.h documents the interface.
 *
 * A counter's point has one running total, which is added to atomically; each reader remembers what it has
 * taken of it. A histogram's point has one accumulator per reader under a lock that it shares with few
 * others.
 *
 * Locks, in the order in which they are taken: reader.collecting, registry.observing, registry.lock,
 * stripes (one at a time).
 */
#ifndef SD_TRACE_METRICS_INTERNAL_H
#define SD_TRACE_METRICS_INTERNAL_H

#include "base/arena.h"
#include "trace/histogram.h"
#include "trace/registry.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
  SD_METRIC_STRIPES = 64,         /* locks of histogram points; the points take turns */
  SD_METRIC_BYTES_MAX = 64 << 20, /* instruments and points of one telemetry */
  SD_METRIC_BLOCK_BYTES = 16 * 1024,
  SD_METRIC_SLOTS_FIRST = 16, /* of an instrument's table of points; doubled while more than half full */
  SD_METRIC_ALL_READERS = (1 << SD_METRIC_READERS_MAX) - 1
};

_Static_assert(SD_METRIC_READERS_MAX <= 8, "sd_point.touched has a bit for each reader");

/* As long as two lines of the cache, so that two threads with two stripes do not disturb each other. */
typedef union sd_stripe {
  pthread_mutex_t lock;
  char size[128];
} sd_stripe;

struct sd_point {
  uint8_t kind; /* an sd_instrument_kind */
  bool floating;
  bool observed; /* the instrument has a callback */
  _Atomic uint8_t
      touched;            /* readers for which something was recorded (gauges, delta: since they collected) */
  _Atomic uint32_t round; /* of the instrument's callback that reported it last */
  _Atomic uint64_t bits;  /* total or last value: an int64_t or a double */
  sd_stripe *stripe;      /* histograms: guards what follows */
  sd_histogram *histograms[SD_METRIC_READERS_MAX]; /* NULL: no such reader */
  uint64_t taken[SD_METRIC_READERS_MAX]; /* bits at the reader's making, or as it has them (delta) */
  int64_t start_unix_ns;
  sd_instrument *instrument;
  const sd_attribute *attributes;
  size_t attribute_count;
  const uint8_t *key; /* sd_attribute_set */
  size_t key_len;
  uint64_t hash;
};

struct sd_instrument {
  sd_registry *registry;
  const sd_tracer *tracer;
  const char *name, *unit, *description;
  sd_instrument_kind kind;
  bool floating;
  const double *boundaries;
  size_t boundary_count;
  sd_observe_fn *observe;
  void *user;
  _Atomic uint32_t round; /* calls of observe; guarded by registry.observing but for reading */
  int64_t collected_unix_ns[SD_METRIC_READERS_MAX]; /* guarded by reader.collecting */
  /* Guarded by registry.lock. Points are never taken out. */
  sd_point **points; /* on the heap, in the order of making */
  size_t point_count, point_cap;
  sd_point **slots; /* on the heap, by hash, a power of two; without the overflow point */
  size_t slot_count;
  sd_point *overflow;
};

struct sd_metric_reader {
  sd_registry *registry;
  sd_exporter *exporter; /* NULL: collected by the program */
  size_t index;
  sd_temporality temporality;
  sd_histogram_form form;
  _Atomic int64_t made_unix_ns; /* in a child: the fork */
  pthread_mutex_t collecting;
  /* Guarded by collecting: what one metric needs while it is handed over. */
  sd_instrument *instruments[SD_INSTRUMENTS_MAX];
  sd_point **points;
  sd_point_value *values;
  size_t cap; /* of both */
  uint64_t *counts;
  size_t count_cap;
};

struct sd_registry {
  sd_telemetry *telemetry;
  pthread_mutex_t observing;                      /* callbacks run one at a time */
  pthread_mutex_t lock;                           /* guards the rest */
  sd_instrument *instruments[SD_INSTRUMENTS_MAX]; /* by scope and name */
  size_t instrument_count;
  sd_metric_reader *readers[SD_METRIC_READERS_MAX];
  size_t reader_count;
  sd_arena arena; /* of instruments and points */
  unsigned next_stripe;
  sd_stripe stripes[SD_METRIC_STRIPES];
};

/* As sd_instrument_new, for a registry that its telemetry does not know yet. */
SD_MUST_CHECK sd_status sd_registry_instrument(sd_registry *registry, const sd_tracer *tracer,
                                               const sd_instrument_options *options,
                                               sd_instrument **ret_instrument, sd_error *error);

/* As sd_metric_reader_new; exporter may be NULL. */
SD_MUST_CHECK sd_status sd_registry_reader(sd_registry *registry, sd_exporter *exporter,
                                           sd_temporality temporality, sd_histogram_form form,
                                           sd_metric_reader **ret_reader, sd_error *error);
void sd_metric_reader_free(sd_metric_reader *reader);

/* Gives the point what a reader needs that is made after it; registry.lock is held. False without memory. */
bool sd_point_prepare_reader(sd_point *point, const sd_metric_reader *reader);
/* Counts for this reader from now on. */
void sd_point_begin(sd_point *point, const sd_metric_reader *reader);
/* In a child: nothing was recorded yet. */
void sd_point_after_fork(sd_point *point, int64_t now_unix_ns);

static inline double sd_double_of(uint64_t bits)
{
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint64_t sd_bits_of(double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* The tracer's own metrics, otel.sdk.… (semantic conventions, SDK metrics). */
SD_MUST_CHECK sd_status sd_self_metrics_register(sd_registry *registry, sd_error *error);

#endif
