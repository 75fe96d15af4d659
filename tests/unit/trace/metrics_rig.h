/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A telemetry with a scope "test", and what its readers give, copied so that it can be looked at. */
#ifndef SD_TEST_TRACE_METRICS_RIG_H
#define SD_TEST_TRACE_METRICS_RIG_H

#include <streamduck/export.h>

enum { SEEN_MAX = 2200, SEEN_COUNTS_MAX = 161 };

typedef struct seen_point {
  char name[64];
  char attributes[128]; /* "key=value,…" in their order */
  sd_instrument_kind kind;
  sd_temporality temporality;
  sd_point_value value; /* pointers lead into this struct, or nowhere */
  uint64_t counts[SEEN_COUNTS_MAX];
} seen_point;

typedef struct seen {
  seen_point points[SEEN_MAX];
  size_t count;
  size_t metrics; /* calls for them */
  size_t ends;    /* calls with NULL */
  bool with_scope_of_telemetry;
} seen;

/* options may be NULL. */
sd_telemetry *rig_telemetry(const sd_telemetry_options *options);
sd_tracer *rig_tracer(sd_telemetry *telemetry);
sd_instrument *rig_instrument(sd_telemetry *telemetry, const char *name, sd_instrument_kind kind,
                              bool floating);
sd_metric_reader *rig_reader(sd_telemetry *telemetry, sd_temporality temporality, sd_histogram_form form);

/* An sd_metric_fn; user is a seen. */
void rig_see(void *user, const sd_metric *metric);
/* Empties *seen and collects. */
void rig_collect(sd_metric_reader *reader, seen *seen);
/* The point with this name and these attributes; fails the test when there is none. */
const seen_point *rig_find(const seen *seen, const char *name, const char *attributes);
bool rig_has(const seen *seen, const char *name, const char *attributes);

#endif
