/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Exponential buckets. The index is computed as the reference implementations in Go and Python do it, so that
 * the same values fall into the same buckets. */
#include "trace/exponential.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MANTISSA_BITS = 52, EXPONENT_MASK = 0x7FF, EXPONENT_BIAS = 1023 };

#define MANTISSA_MASK ((UINT64_C(1) << MANTISSA_BITS) - 1)
#define LN2           0.693147180559945309417

static double factor_of(int32_t scale)
{
  return ldexp(1.0 / LN2, scale);
}

/* factor: factor_of(scale). */
static int32_t index_of(double value, int32_t scale, double factor)
{
  uint64_t bits;
  if (value < DBL_MIN)
    value = DBL_MIN;
  memcpy(&bits, &value, sizeof bits);
  int32_t exponent = (int32_t)(bits >> MANTISSA_BITS & EXPONENT_MASK) - EXPONENT_BIAS;
  /* An upper bound belongs to its bucket, so powers of two fall one lower; and the logarithm is not exact
   * there. */
  bool is_power = (bits & MANTISSA_MASK) == 0;
  if (scale <= 0)
    return (exponent - is_power) >> -scale;
  if (is_power)
    return exponent * (1 << scale) - 1;
  /* 1024 << 20 would not fit. */
  int64_t highest = ((int64_t)(EXPONENT_BIAS + 1) << scale) - 1;
  int64_t index = (int64_t)floor(log(value) * factor);
  return (int32_t)(index < highest ? index : highest);
}

int32_t sd_exponential_index(double value, int32_t scale)
{
  return index_of(value, scale, factor_of(scale));
}

void sd_exponential_init(sd_exponential *buckets)
{
  memset(buckets, 0, sizeof *buckets);
  buckets->scale = SD_EXPONENTIAL_SCALE_MAX;
  buckets->factor = factor_of(buckets->scale);
}

/* Merges 2^by buckets into one each. */
static void lower_scale(sd_exponential *buckets, int32_t by)
{
  int32_t start = buckets->start >> by;
  uint32_t used = 0;
  for (uint32_t i = 0; i < buckets->used; i++) {
    uint32_t to = (uint32_t)(((buckets->start + (int32_t)i) >> by) - start);
    uint64_t count = buckets->counts[i];
    buckets->counts[i] = 0;
    buckets->counts[to] += count;
    used = to + 1;
  }
  buckets->start = start;
  buckets->used = used;
  buckets->scale -= by;
  buckets->factor = factor_of(buckets->scale);
}

/* By how much the scale must go down so that indexes low … high fit. */
static int32_t scale_change(int64_t low, int64_t high)
{
  int32_t by = 0;
  while (high - low >= SD_EXPONENTIAL_BUCKETS_MAX) {
    low >>= 1;
    high >>= 1;
    by++;
  }
  return by;
}

void sd_exponential_add(sd_exponential *buckets, double value)
{
  int32_t index = index_of(value, buckets->scale, buckets->factor);
  if (buckets->used == 0) {
    buckets->start = index;
    buckets->used = 1;
    buckets->counts[0] = 1;
    return;
  }
  /* Once more where an index at the new scale differs from the old one shifted: next to powers of two the
   * logarithm may be one too high. */
  for (;;) {
    int64_t last = (int64_t)buckets->start + buckets->used - 1;
    int32_t by = scale_change(index < buckets->start ? index : buckets->start, index > last ? index : last);
    if (by == 0)
      break;
    lower_scale(buckets, by);
    index = index_of(value, buckets->scale, buckets->factor);
  }
  if (index < buckets->start) {
    uint32_t below = (uint32_t)(buckets->start - index);
    memmove(buckets->counts + below, buckets->counts, buckets->used * sizeof buckets->counts[0]);
    memset(buckets->counts, 0, below * sizeof buckets->counts[0]);
    buckets->start = index;
    buckets->used += below;
  }
  uint32_t at = (uint32_t)(index - buckets->start);
  if (at >= buckets->used)
    buckets->used = at + 1;
  buckets->counts[at]++;
}
