/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The times that mappings work by, in one place, so that tests can shorten them. */
#ifndef SD_STREAM_TIMINGS_H
#define SD_STREAM_TIMINGS_H

#include <stdint.h>

typedef struct sd_stream_timings {
  uint32_t backoff_base_ms; /* full jitter below base * 2^failures … */
  uint32_t backoff_cap_ms;  /* … and below this */
  uint32_t backoff_min_ms;
  uint32_t stop_retry_ms;   /* between the tries of a mapping that is stopping */
  uint32_t stop_tries;      /* failures after which a stopping mapping ends with what has landed */
  uint32_t lease_local_ms;  /* before a partition that was lost is claimed again: local files … */
  uint32_t lease_shared_ms; /* … and databases that others write too, where leases are also renewed */
  uint32_t refresh_ms;      /* the broker is asked for its last sequence numbers */
  uint32_t refresh_soon_ms; /* the same near the end of until_caught_up, and when somebody watches */
  uint32_t fresh_ms;        /* an answer is the broker's present state for so long */
  uint32_t together_ms;     /* mappings that were all caught up within this time are asked once more */
  uint32_t submit_retry_ms; /* the sink's queue was full */
  uint32_t segment_ms;      /* spans that last as long as the run are cut into traces of this length */
  uint32_t metrics_ms;      /* counters and gauges are brought up to date */
} sd_stream_timings;

extern const sd_stream_timings sd_stream_timings_default;

#endif
