/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Histograms with explicit boundaries or exponential buckets. */
#include "trace/histogram.h"

#include <string.h>

size_t sd_histogram_counts(sd_histogram_form form, size_t boundary_count)
{
  return form == SD_HISTOGRAM_EXPONENTIAL ? SD_EXPONENTIAL_BUCKETS_MAX : boundary_count + 1;
}

size_t sd_histogram_size(sd_histogram_form form, size_t boundary_count)
{
  size_t buckets =
      form == SD_HISTOGRAM_EXPONENTIAL ? sizeof(sd_exponential) : (boundary_count + 1) * sizeof(uint64_t);
  return sizeof(sd_histogram) + buckets;
}

sd_histogram *sd_histogram_init(void *memory, sd_histogram_form form)
{
  sd_histogram *histogram = memory;
  memset(histogram, 0, sizeof *histogram);
  histogram->is_exponential = form == SD_HISTOGRAM_EXPONENTIAL;
  if (histogram->is_exponential)
    histogram->buckets.exponential = (sd_exponential *)(histogram + 1);
  else
    histogram->buckets.bounded = (uint64_t *)(histogram + 1);
  return histogram;
}

void sd_histogram_reset(sd_histogram *histogram, size_t boundary_count)
{
  histogram->count = 0;
  histogram->sum = 0;
  histogram->min = 0;
  histogram->max = 0;
  histogram->zero_count = 0;
  if (histogram->is_exponential)
    sd_exponential_init(histogram->buckets.exponential);
  else
    memset(histogram->buckets.bounded, 0, (boundary_count + 1) * sizeof(uint64_t));
}

/* The first boundary that is not below value; boundary_count when all are. */
static size_t find_bucket(double value, const double *boundaries, size_t boundary_count)
{
  size_t low = 0;
  size_t high = boundary_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (value <= boundaries[middle])
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

void sd_histogram_add(sd_histogram *histogram, double value, const double *boundaries, size_t boundary_count)
{
  if (histogram->count == 0 || value < histogram->min)
    histogram->min = value;
  if (histogram->count == 0 || value > histogram->max)
    histogram->max = value;
  histogram->count++;
  histogram->sum += value;
  if (!histogram->is_exponential)
    histogram->buckets.bounded[find_bucket(value, boundaries, boundary_count)]++;
  else if (value == 0)
    histogram->zero_count++;
  else
    sd_exponential_add(histogram->buckets.exponential, value);
}

void sd_histogram_read(const sd_histogram *histogram, const double *boundaries, size_t boundary_count,
                       uint64_t *counts, sd_point_value *point)
{
  point->count = histogram->count;
  point->sum = histogram->sum;
  point->min = histogram->min;
  point->max = histogram->max;
  if (histogram->is_exponential) {
    const sd_exponential *buckets = histogram->buckets.exponential;
    memcpy(counts, buckets->counts, buckets->used * sizeof *counts);
    point->zero_count = histogram->zero_count;
    point->scale = buckets->used > 0 ? buckets->scale : 0;
    point->positive.offset = buckets->start;
    point->positive.counts = counts;
    point->positive.count = buckets->used;
  } else {
    memcpy(counts, histogram->buckets.bounded, (boundary_count + 1) * sizeof *counts);
    point->bucket_counts = counts;
    point->boundaries = boundaries;
    point->boundary_count = boundary_count;
  }
}
