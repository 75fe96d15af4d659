/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Base-2 exponential buckets (OpenTelemetry metrics data model, exponential histogram): bucket i holds the
 * values in (base^i, base^(i+1)], base = 2^(2^-scale). The scale begins at the maximum and is lowered as the
 * range of values asks for it, so that there are never more than SD_EXPONENTIAL_BUCKETS_MAX. One thread at a
 * time.
 */
#ifndef SD_TRACE_EXPONENTIAL_H
#define SD_TRACE_EXPONENTIAL_H

#include <stdint.h>
#include <streamduck/metrics.h>

enum { SD_EXPONENTIAL_SCALE_MAX = 20 };

typedef struct sd_exponential {
  int32_t scale;
  double factor; /* log(value) * factor is the index, where scale > 0 */
  int32_t start; /* index of counts[0] */
  uint32_t used; /* buckets from start on; 0: no value yet */
  uint64_t counts[SD_EXPONENTIAL_BUCKETS_MAX];
} sd_exponential;

void sd_exponential_init(sd_exponential *buckets);
/* value: positive and finite. */
void sd_exponential_add(sd_exponential *buckets, double value);
/* The bucket that value belongs to at this scale. Values below the smallest normal number count as that. */
int32_t sd_exponential_index(double value, int32_t scale);

#endif
