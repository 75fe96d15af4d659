/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Exponential back-off with full jitter. */
#include "base/backoff.h"

#include "base/random.h"

void sd_backoff_init(sd_backoff *backoff, uint32_t base_ms, uint32_t cap_ms)
{
  backoff->base_ms = base_ms;
  backoff->cap_ms = cap_ms;
  backoff->attempt = 0;
}

uint32_t sd_backoff_next_ms(sd_backoff *backoff, uint32_t min_ms)
{
  uint64_t ceiling = backoff->cap_ms;
  if (backoff->attempt < 32 && (uint64_t)backoff->base_ms << backoff->attempt < ceiling)
    ceiling = (uint64_t)backoff->base_ms << backoff->attempt;
  if (backoff->attempt < UINT32_MAX)
    backoff->attempt++;
  /* The jitter lies above min_ms, or many clients that are told the same minimum would come back together. */
  if (ceiling <= min_ms)
    return min_ms;
  return min_ms + (uint32_t)sd_random_below(ceiling - min_ms + 1);
}

void sd_backoff_reset(sd_backoff *backoff)
{
  backoff->attempt = 0;
}
