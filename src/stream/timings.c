/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The times that mappings work by. */
#include "stream/timings.h"

const sd_stream_timings sd_stream_timings_default = {
    .backoff_base_ms = 1000,
    .backoff_cap_ms = 60000,
    .backoff_min_ms = 0,
    .stop_retry_ms = 250,
    .stop_tries = 3,
    .lease_local_ms = 30000,
    .lease_shared_ms = 300000,
    .refresh_ms = 5000,
    .refresh_soon_ms = 1000,
    .fresh_ms = 250,
    .together_ms = 1500,
    .submit_retry_ms = 20,
    .segment_ms = 600000,
    .metrics_ms = 1000,
};
