/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A mapping's state as others see it. */
#include "stream/mapping_internal.h"

static const sd_error *last_error(const sd_mapping *mapping)
{
  if (mapping->state == SD_MAPPING_HALTED)
    return &mapping->halt_error;
  return mapping->sink_error.code != SD_OK ? &mapping->sink_error : &mapping->source_error;
}

void sd_mapping_take_snapshot(sd_mapping *mapping, sd_mapping_snapshot *ret_snapshot)
{
  const sd_stream_mapping *settings = mapping->settings;
  const mapping_counters *counters = &mapping->counters;
  int64_t lag = 0;
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    sd_partition_take_snapshot(&mapping->partitions[i], &mapping->partition_snapshots[i]);
    lag += mapping->partition_snapshots[i].lag;
  }
  *ret_snapshot = (sd_mapping_snapshot){
      .number = settings->number,
      .state = mapping->state,
      .name = mapping->name,
      .hub = settings->hub,
      .consumer_group = settings->consumer_group,
      .database = settings->database,
      .schema = settings->schema,
      .table = settings->table,
      .owner = mapping->owner,
      .received = counters->received,
      .received_bytes = counters->received_bytes,
      .landed = counters->landed,
      .dead_letters = counters->dead_letters,
      .batches = counters->batches,
      .transactions = counters->transactions,
      .retries = counters->retries,
      .attempts_failed = counters->attempts_failed,
      .fenced = counters->fenced,
      .gaps = counters->gaps,
      .reconnects = counters->reconnects,
      .lag = lag,
      .buffered_bytes = sd_batcher_held(&mapping->batcher),
      .last_commit_us = mapping->last_commit_us,
      .last_error = *last_error(mapping),
      .partitions = mapping->partition_snapshots,
      .partition_count = mapping->partition_count,
  };
}
