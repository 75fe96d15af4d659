/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A mapping's batches: to the sink in order, and what its answers say. */
#include "base/clock.h"
#include "stream/mapping_internal.h"

#include <inttypes.h>

static void clear_answer(sd_sink_write *write)
{
  write->rows_landed = 0;
  write->rows_dead = 0;
  write->rows_masked = 0;
  write->fenced_count = 0;
  write->coalesced = 0;
  write->transaction_ns = 0;
  write->commit_ns = 0;
  write->committed_us = 0;
}

void sd_mapping_write_step(sd_mapping *mapping)
{
  while (mapping->link == LINK_ATTACHED && !mapping->failing && mapping->batcher.waiting) {
    sd_sink_write *write = &mapping->batcher.waiting->write;
    clear_answer(write);
    sd_mapping_spans_submit(mapping->batcher.waiting);
    if (!sd_mapping_submit(mapping, &write->base, SD_SINK_WRITE))
      return;
    sd_batcher_submitted(&mapping->batcher);
  }
}

/* Partitions that another owner has: their rows did not land. */
static void take_fenced(sd_mapping *mapping, const sd_sink_write *write)
{
  for (uint32_t i = 0; i < write->fenced_count; i++) {
    sd_batch_partition *rows = &write->batch->partitions[write->fenced[i]];
    sd_partition *partition = &mapping->partitions[rows->source_index];
    rows->last_sequence = -1;
    /* Rows of an older epoch are left over from a loss that is known already. */
    if (partition->state != SD_PARTITION_OWNED || partition->epoch != rows->epoch)
      continue;
    sd_mapping_fenced(mapping, partition);
    sd_mapping_log(mapping, SD_LOG_WARNING,
                   "partition %s was taken over by another owner: its rows did not land here", partition->id);
    sd_lease_lose(mapping, partition, sd_mapping_now(mapping) + sd_lease_duration_ms(mapping));
  }
}

/* Returns how many partitions' checkpoints have moved. */
static uint32_t advance(sd_mapping *mapping, const sd_sink_write *write)
{
  uint64_t now = sd_mapping_now(mapping);
  uint32_t moved = 0;
  for (uint32_t i = 0; i < write->batch->partition_count; i++) {
    const sd_batch_partition *rows = &write->batch->partitions[i];
    sd_partition *partition = &mapping->partitions[rows->source_index];
    if (rows->last_sequence > partition->landed) {
      partition->landed = rows->last_sequence;
      partition->landed_enqueued_us = rows->last_enqueued_us;
    }
    if (rows->last_sequence > partition->stored) {
      partition->stored = rows->last_sequence;
      moved++;
    }
    if (partition->epoch == rows->epoch)
      partition->lease_at_ms = now;
  }
  return moved;
}

static void count(sd_mapping *mapping, const sd_sink_write *write)
{
  mapping->counters.landed += write->rows_landed;
  mapping->counters.dead_letters += write->rows_dead;
  mapping->counters.batches++;
  if (mapping->transaction_batches_left == 0) {
    mapping->counters.transactions++;
    mapping->transaction_batches_left = write->coalesced ? write->coalesced : 1;
    sd_point_record(mapping->spans.metrics.transaction_duration, (double)write->transaction_ns / 1e9);
    sd_point_record(mapping->spans.metrics.commit_duration, (double)write->commit_ns / 1e9);
  }
  mapping->transaction_batches_left--;
  mapping->last_commit_us = write->committed_us;
  if (write->rows_masked)
    sd_mapping_log(mapping, SD_LOG_DEBUG, "%" PRIu32 " rows had landed before or belong to another owner",
                   write->rows_masked);
}

void sd_mapping_write_replied(sd_mapping *mapping, sd_sink_write *write)
{
  if (write->base.error.code != SD_OK) {
    if (write->base.error.code != SD_CANCELLED) {
      mapping->counters.attempts_failed++;
      mapping->spans.metrics.checkpoints_failed += write->batch->partition_count;
    }
    sd_batcher_returned(&mapping->batcher);
    mapping->transaction_batches_left = 0;
    sd_mapping_fail(mapping, &write->base.error);
    return;
  }
  if (mapping->failing || write != &mapping->batcher.first->write) {
    /* An earlier batch has not landed: whatever the table says now is not to be built upon. */
    sd_error error;
    sd_error_set(&error, SD_CORRUPT, "the writer of %s landed a batch before an earlier one",
                 mapping->settings->database);
    sd_batcher_returned(&mapping->batcher);
    mapping->failing = false;
    sd_mapping_fail(mapping, &error);
    return;
  }
  take_fenced(mapping, write);
  uint32_t moved = advance(mapping, write);
  count(mapping, write);
  sd_mapping_spans_landed(mapping, mapping->batcher.first, moved);
  sd_batcher_landed(&mapping->batcher);
  mapping->failures = 0;
  mapping->failures_while_ending = 0;
  sd_backoff_reset(&mapping->backoff);
  sd_error_clear(&mapping->sink_error);
}

static void count_rows(sd_mapping *mapping, const sd_batch *batch, uint32_t partition, int64_t epoch,
                       int64_t after, int64_t up_to)
{
  const sd_batch_partition *rows = sd_batch_find_partition(batch, partition);
  if (!rows || rows->epoch != epoch)
    return;
  uint16_t index = (uint16_t)(rows - batch->partitions);
  for (const sd_batch_segment *segment = batch->first; segment; segment = segment->next) {
    for (uint32_t row = 0; row < segment->rows; row++) {
      int64_t sequence = segment->sequence_number[row];
      if (segment->partition[row] != index || sequence <= after || sequence > up_to)
        continue;
      if (segment->dead[row] == SD_DEAD_NONE)
        mapping->counters.landed++;
      else
        mapping->counters.dead_letters++;
    }
  }
}

void sd_mapping_write_count_landed(sd_mapping *mapping, uint32_t partition, int64_t epoch, int64_t after,
                                   int64_t up_to)
{
  for (const sd_batch_node *node = mapping->batcher.first; node; node = node->next)
    count_rows(mapping, node->write.batch, partition, epoch, after, up_to);
}
