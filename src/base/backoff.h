/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Exponential back-off with full jitter: attempt k waits a uniform time in [0, min(cap, base * 2^k)]. */
#ifndef SD_BASE_BACKOFF_H
#define SD_BASE_BACKOFF_H

#include <stdint.h>

typedef struct sd_backoff {
  uint32_t base_ms;
  uint32_t cap_ms;
  uint32_t attempt; /* failures since the last success */
} sd_backoff;

void sd_backoff_init(sd_backoff *backoff, uint32_t base_ms, uint32_t cap_ms);
/* Counts one failure and returns the wait before the next try, at least min_ms, at most cap_ms (or min_ms
 * where that is more). */
uint32_t sd_backoff_next_ms(sd_backoff *backoff, uint32_t min_ms);
/* After a success. */
void sd_backoff_reset(sd_backoff *backoff);

#endif
