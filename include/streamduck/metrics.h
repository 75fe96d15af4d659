/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in OpenTelemetry's model: instruments, points (one per set of attributes), readers.
 *
 * An instrument belongs to a tracer's telemetry and lives as long. Every reader (a pushing exporter, the
 * Prometheus page) aggregates apart, in its own temporality and histogram form; recording costs one update
 * per reader. NULL instruments and points are allowed everywhere and record nothing. Any thread.
 */
#ifndef STREAMDUCK_METRICS_H
#define STREAMDUCK_METRICS_H

#include <streamduck/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  SD_INSTRUMENTS_MAX = 256,    /* of one telemetry */
  SD_METRIC_POINTS_MAX = 2000, /* attribute sets per instrument; the rest share one point with
                                  otel.metric.overflow=true (metrics SDK, cardinality limits) */
  SD_METRIC_READERS_MAX = 8,   /* exporters that take metrics, and those of sd_metric_reader_new */
  SD_HISTOGRAM_BOUNDS_MAX = 64,
  SD_EXPONENTIAL_BUCKETS_MAX = 160, /* per sign; max scale 20 */
  SD_INSTRUMENT_NAME_MAX = 255,
  SD_INSTRUMENT_UNIT_MAX = 63
};

typedef enum sd_instrument_kind {
  SD_COUNTER = 1,         /* sum, monotonic */
  SD_UP_DOWN_COUNTER = 2, /* sum */
  SD_GAUGE = 3,           /* last value */
  SD_HISTOGRAM = 4
} sd_instrument_kind;

typedef struct sd_instrument sd_instrument;
typedef struct sd_point sd_point;

/* Called by a reader before it collects, on its thread, one callback of a telemetry at a time: report with
 * sd_point_set… (for counters the total so far) every point that there is now; others are left out. Must not
 * collect, make a reader, or fork. */
typedef void sd_observe_fn(void *user, sd_instrument *instrument);

typedef struct sd_instrument_options {
  size_t struct_size;
  const char *name; /* a letter, then letters, digits, '_' '.' '-' '/'; compared without case */
  const char *unit; /* UCUM: "s", "By", "{event}"; NULL: none */
  const char *description;
  sd_instrument_kind kind;
  bool floating; /* values are doubles; histograms always are */
  const double
      *boundaries; /* explicit buckets, ascending, upper bound inclusive; NULL: OpenTelemetry's default */
  size_t boundary_count;
  sd_observe_fn *observe; /* NULL: the program records by itself */
  void *user;
} sd_instrument_options;

/* The same name, kind and unit again give the same instrument. SD_CONFLICT when the name is taken by another
 * kind or unit, SD_INVALID for a name or unit outside the rules, SD_LIMIT. tracer NULL: SD_OK and NULL. */
SD_API SD_MUST_CHECK sd_status sd_instrument_new(sd_tracer *tracer, const sd_instrument_options *options,
                                                 sd_instrument **ret_instrument, sd_error *error);

/* Finds or makes the point for these attributes (their order does not matter). It lives as long as the
 * telemetry: keep it where the attributes do not change. The overflow point past SD_METRIC_POINTS_MAX; NULL
 * without memory. */
SD_API sd_point *sd_instrument_point(sd_instrument *instrument, const sd_attribute *attributes, size_t count);

/* Counters: value >= 0 (others are ignored), up-down counters: any; not those with a callback. A double given
 * to an instrument that is not floating loses its fraction; NaN and infinities are ignored. */
SD_API void sd_point_add(sd_point *point, int64_t value);
SD_API void sd_point_add_double(sd_point *point, double value);
/* Gauges; counters and up-down counters with a callback. */
SD_API void sd_point_set(sd_point *point, int64_t value);
SD_API void sd_point_set_double(sd_point *point, double value);
/* Histograms: negative values, NaN and infinities are ignored. */
SD_API void sd_point_record(sd_point *point, double value);

/* ---- What a reader gets -----------------------------------------------------------------------------------
 */

typedef enum sd_temporality { SD_DELTA = 1, SD_CUMULATIVE = 2 } sd_temporality; /* OTLP's numbers */
typedef enum sd_histogram_form { SD_HISTOGRAM_EXPLICIT = 0, SD_HISTOGRAM_EXPONENTIAL = 1 } sd_histogram_form;

typedef struct sd_buckets {
  int32_t offset;
  const uint64_t *counts;
  size_t count;
} sd_buckets;

/* One point at one moment. Everything is borrowed for the call. */
typedef struct sd_point_value {
  const sd_attribute *attributes;
  size_t attribute_count;
  int64_t start_unix_ns; /* 0 for gauges */
  int64_t unix_ns;
  int64_t integer; /* sums and gauges that are not floating */
  double number;   /* those that are */
  /* histograms */
  uint64_t count;
  double sum, min, max;          /* min and max only where count > 0 */
  const uint64_t *bucket_counts; /* explicit: boundary_count + 1 */
  const double *boundaries;
  size_t boundary_count;
  int32_t scale; /* exponential */
  uint64_t zero_count;
  sd_buckets positive, negative;
} sd_point_value;

typedef struct sd_metric {
  const sd_tracer *tracer;
  const char *name, *unit, *description;
  sd_instrument_kind kind;
  bool floating;
  sd_temporality temporality; /* of sums and histograms; up-down counters are always cumulative */
  sd_histogram_form form;
  const sd_point_value *points; /* at least one */
  size_t point_count;
} sd_metric;

typedef void sd_metric_fn(void *user, const sd_metric *metric);

typedef struct sd_metric_reader sd_metric_reader;

/* Lives as long as the telemetry. SD_LIMIT past SD_METRIC_READERS_MAX. Points count for a reader from its
 * making on. */
SD_API SD_MUST_CHECK sd_status sd_metric_reader_new(sd_telemetry *telemetry, sd_temporality temporality,
                                                    sd_histogram_form form, sd_metric_reader **ret_reader,
                                                    sd_error *error);

/* Calls fn for each metric that has points, ordered by scope and name, each with its points. Points that
 * nothing was recorded to are left out, with delta temporality those without a change too. One collection at
 * a time per reader (serialised inside); fn must not collect from the same reader. SD_NOMEM: some metrics
 * were left out, and come with the next collection. */
SD_API SD_MUST_CHECK sd_status sd_metric_reader_collect(sd_metric_reader *reader, sd_metric_fn *fn,
                                                        void *user);

/* ---- Ready-made instruments
 * --------------------------------------------------------------------------------------- */

/* process.cpu.time, process.memory.usage, process.memory.virtual, process.thread.count and
 * process.unix.file_descriptor.count of the running process (semantic conventions, process metrics), observed
 * at each collection. tracer NULL: SD_OK. Fails as sd_instrument_new. */
SD_API SD_MUST_CHECK sd_status sd_process_metrics_register(sd_tracer *tracer, sd_error *error);

#ifdef __cplusplus
}
#endif
#endif
