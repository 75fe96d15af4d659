/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sums over all mappings, and the statistics at the end of a run. */
#ifndef SD_CLI_TOTALS_H
#define SD_CLI_TOTALS_H

#include "json/json.h"

#include <streamduck/stream.h>

typedef struct sd_totals {
  size_t mappings;
  size_t halted;
  uint64_t received;
  uint64_t received_bytes;
  uint64_t landed;
  uint64_t dead_letters;
  uint64_t batches;
  uint64_t transactions;
  uint64_t retries;
  uint64_t attempts_failed;
  uint64_t gaps;
  uint64_t buffered_bytes;
  int64_t lag;
} sd_totals;

sd_totals sd_totals_of(const sd_stream_snapshot *snapshot);

/* Share of attempts to write that were committed, 0 to 1; 1 when there were none. */
double sd_totals_success_rate(const sd_totals *totals);

/* "1,234,567" */
void sd_totals_append_count(uint64_t count, sd_buf *out);
/* "12.3 MB" */
void sd_totals_append_bytes(uint64_t bytes, sd_buf *out);

/* The block of statistics: lines for all, then one per mapping. */
void sd_totals_append_block(const sd_stream_snapshot *snapshot, double seconds, sd_buf *out);
json_t *sd_totals_to_json(const sd_totals *totals);

#endif
