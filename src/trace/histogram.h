/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What one reader has of one histogram point. Guarded by the point's lock. */
#ifndef SD_TRACE_HISTOGRAM_H
#define SD_TRACE_HISTOGRAM_H

#include "trace/exponential.h"

typedef struct sd_histogram {
  uint64_t count;
  double sum, min, max;
  uint64_t zero_count; /* exponential */
  bool is_exponential;
  union {
    uint64_t *bounded; /* boundary_count + 1; behind the struct */
    sd_exponential *exponential;
  } buckets;
} sd_histogram;

/* Bytes of a histogram with its buckets; alignment of uint64_t. */
size_t sd_histogram_size(sd_histogram_form form, size_t boundary_count);
/* Makes one of that size in memory; empty. */
sd_histogram *sd_histogram_init(void *memory, sd_histogram_form form);
void sd_histogram_reset(sd_histogram *histogram, size_t boundary_count);

/* value: not negative, finite. */
void sd_histogram_add(sd_histogram *histogram, double value, const double *boundaries, size_t boundary_count);

/* Fills the histogram's fields of *point; the bucket counts are copied to counts, which has room for
 * sd_histogram_counts. */
void sd_histogram_read(const sd_histogram *histogram, const double *boundaries, size_t boundary_count,
                       uint64_t *counts, sd_point_value *point);
size_t sd_histogram_counts(sd_histogram_form form, size_t boundary_count);

#endif
