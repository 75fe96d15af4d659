/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The room's waits and limits, in one place. Tests shorten the waits through the struct. */
#ifndef SD_EVENTHUBS_TIMING_H
#define SD_EVENTHUBS_TIMING_H

#include <stdint.h>

enum {
  SD_EVENTHUBS_STEP_TIMEOUT_MS = 20000,    /* each of open, begin, attach, put-token, management call */
  SD_EVENTHUBS_STOP_TIMEOUT_MS = 5000,     /* detach, end and close together */
  SD_EVENTHUBS_IDLE_TIMEOUT_MS = 60000,    /* advertised; the engine gives up after twice that of silence */
  SD_EVENTHUBS_BACKOFF_BASE_MS = 500,      /* full jitter between reconnects and re-attaches */
  SD_EVENTHUBS_BACKOFF_CAP_MS = 30000,     /* also the least wait after "resource limit exceeded" */
  SD_EVENTHUBS_BUSY_WAIT_MS = 4000,        /* least wait after "server busy" */
  SD_EVENTHUBS_TIMEOUT_WAIT_MS = 2000,     /* least wait after the service's own time-out */
  SD_EVENTHUBS_PAUSE_MS = 500,             /* a partition that met SD_AGAIN tries again without a grant */
  SD_EVENTHUBS_SETTLE_MS = 1000,           /* longest wait before unsettled deliveries are settled */
  SD_EVENTHUBS_VERDICT_TIMEOUT_MS = 60000, /* of the broker on a published batch */
  SD_EVENTHUBS_TOKEN_LIFETIME_S = 3600,    /* of a token that we sign; renewed after three quarters */
  SD_EVENTHUBS_TOKEN_RETRY_MS = 30000,     /* longest wait before a failed renewal is tried again */
  SD_EVENTHUBS_WINDOW_IDLE_MS = 500 /* a session that uses none of its window for so long may lose it */
};

typedef struct sd_eventhubs_timing {
  uint32_t step_timeout_ms;
  uint32_t stop_timeout_ms;
  uint32_t idle_timeout_ms;
  uint32_t backoff_base_ms;
  uint32_t backoff_cap_ms;
  uint32_t busy_wait_ms;
  uint32_t timeout_wait_ms;
  uint32_t pause_ms;
  uint32_t settle_ms;
  uint32_t verdict_timeout_ms;
  uint32_t token_lifetime_ms;
  uint32_t token_retry_ms;
  uint32_t window_idle_ms;
} sd_eventhubs_timing;

#define SD_EVENTHUBS_TIMING_DEFAULT                                                                          \
  {                                                                                                          \
    SD_EVENTHUBS_STEP_TIMEOUT_MS, SD_EVENTHUBS_STOP_TIMEOUT_MS, SD_EVENTHUBS_IDLE_TIMEOUT_MS,                \
        SD_EVENTHUBS_BACKOFF_BASE_MS, SD_EVENTHUBS_BACKOFF_CAP_MS, SD_EVENTHUBS_BUSY_WAIT_MS,                \
        SD_EVENTHUBS_TIMEOUT_WAIT_MS, SD_EVENTHUBS_PAUSE_MS, SD_EVENTHUBS_SETTLE_MS,                         \
        SD_EVENTHUBS_VERDICT_TIMEOUT_MS, SD_EVENTHUBS_TOKEN_LIFETIME_S * 1000, SD_EVENTHUBS_TOKEN_RETRY_MS,  \
        SD_EVENTHUBS_WINDOW_IDLE_MS                                                                          \
  }

#endif
