/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The columnar batch: rows in segments, all their bytes in one arena. */
#include "batch/batch.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdalign.h>

enum {
  BATCH_PARTITIONS_FIRST = 16,  /* partitions before the table grows; it doubles */
  BATCH_BLOCK_OVERHEAD_MAX = 64 /* more than an arena block's header */
};

sd_status sd_batch_new(uint32_t source_partitions, size_t max_bytes, sd_batch **ret_batch)
{
  if (source_partitions == 0 || source_partitions > SD_BATCH_PARTITIONS_MAX)
    return SD_INVALID;
  sd_batch *batch = sd_calloc(1, sizeof *batch);
  if (!batch)
    return SD_NOMEM;
  batch->index_by_source = sd_alloc(source_partitions * sizeof *batch->index_by_source);
  if (!batch->index_by_source) {
    sd_free(batch);
    return SD_NOMEM;
  }
  memset(batch->index_by_source, 0xff, source_partitions * sizeof *batch->index_by_source);
  sd_arena_init(&batch->arena, SD_BATCH_ARENA_BLOCK, max_bytes);
  batch->source_partitions = source_partitions;
  batch->max_bytes = max_bytes;
  *ret_batch = batch;
  return SD_OK;
}

void sd_batch_free(sd_batch *batch)
{
  if (!batch)
    return;
  sd_arena_release(&batch->arena);
  sd_free(batch->index_by_source);
  sd_free(batch);
}

void sd_batch_reset(sd_batch *batch)
{
  for (uint32_t i = 0; i < batch->partition_count; i++)
    batch->index_by_source[batch->partitions[i].source_index] = -1;
  sd_arena_reset(&batch->arena);
  batch->first = NULL;
  batch->last = NULL;
  batch->rows = 0;
  batch->dead_rows = 0;
  batch->body_bytes = 0;
  batch->partitions = NULL;
  batch->partition_count = 0;
  batch->partition_capacity = 0;
  batch->opened_ns = 0;
}

/* The arena says no in one way; the caller acts differently on a full batch and on a full machine. */
static sd_status why_no_memory(const sd_batch *batch, size_t size)
{
  size_t left = batch->max_bytes - sd_arena_held(&batch->arena);
  return left < BATCH_BLOCK_OVERHEAD_MAX || size > left - BATCH_BLOCK_OVERHEAD_MAX ? SD_LIMIT : SD_NOMEM;
}

static sd_status make_room_for_partition(sd_batch *batch)
{
  if (batch->partition_count < batch->partition_capacity)
    return SD_OK;
  uint32_t capacity = batch->partition_capacity ? batch->partition_capacity * 2 : BATCH_PARTITIONS_FIRST;
  if (capacity > batch->source_partitions)
    capacity = batch->source_partitions;
  size_t size = capacity * sizeof *batch->partitions;
  sd_batch_partition *partitions = sd_arena_alloc(&batch->arena, size, alignof(sd_batch_partition));
  if (!partitions)
    return why_no_memory(batch, size);
  if (batch->partition_count > 0)
    memcpy(partitions, batch->partitions, batch->partition_count * sizeof *partitions);
  batch->partitions = partitions;
  batch->partition_capacity = capacity;
  return SD_OK;
}

/* A segment that is not linked yet. */
static sd_status new_segment(sd_batch *batch, sd_batch_segment **ret_segment)
{
  sd_batch_segment *segment = sd_arena_alloc(&batch->arena, sizeof *segment, alignof(sd_batch_segment));
  if (!segment)
    return why_no_memory(batch, sizeof *segment);
  segment->next = NULL;
  segment->rows = 0;
  *ret_segment = segment;
  return SD_OK;
}

static uint32_t put(uint8_t **at, sd_bytes bytes)
{
  if (bytes.len > 0)
    memcpy(*at, bytes.data, bytes.len);
  *at += bytes.len;
  return (uint32_t)bytes.len;
}

/* Bytes of a row; SIZE_MAX when one of its parts is too long for the columns. */
static size_t row_bytes(const sd_event *event)
{
  size_t longest = event->body.len | event->offset.len | event->properties.len | event->system_properties.len;
  if (longest > UINT32_MAX)
    return SIZE_MAX;
  return event->body.len + event->offset.len + event->properties.len + event->system_properties.len;
}

sd_status sd_batch_append(sd_batch *batch, uint32_t source_index, const char *partition_id, int64_t epoch,
                          const sd_event *event, bool body_is_blob)
{
  if (source_index >= batch->source_partitions)
    return SD_INVALID;
  int index = batch->index_by_source[source_index];
  if (index < 0) {
    if (memchr(partition_id, '\0', SD_BATCH_PARTITION_ID_MAX) == NULL)
      return SD_INVALID;
    sd_status status = make_room_for_partition(batch);
    if (status != SD_OK)
      return status;
  }
  sd_batch_segment *segment = batch->last;
  if (!segment || segment->rows == SD_BATCH_SEGMENT_ROWS) {
    sd_status status = new_segment(batch, &segment);
    if (status != SD_OK)
      return status;
  }
  size_t size = row_bytes(event);
  uint8_t *at = sd_arena_alloc(&batch->arena, size, 1);
  if (!at)
    return why_no_memory(batch, size);

  /* Nothing fails from here on. */
  if (batch->rows == 0)
    batch->opened_ns = sd_clock_monotonic_ns();
  if (segment != batch->last) {
    if (batch->last)
      batch->last->next = segment;
    else
      batch->first = segment;
    batch->last = segment;
  }
  if (index < 0) {
    index = (int)batch->partition_count++;
    batch->index_by_source[source_index] = (int16_t)index;
    sd_batch_partition *fresh = &batch->partitions[index];
    memset(fresh, 0, sizeof *fresh);
    memcpy(fresh->partition_id, partition_id, strlen(partition_id) + 1);
    fresh->source_index = source_index;
    fresh->epoch = epoch;
    fresh->first_sequence = event->sequence_number;
  }
  uint32_t row = segment->rows++;
  segment->partition[row] = (uint16_t)index;
  segment->sequence_number[row] = event->sequence_number;
  segment->enqueued_us[row] = event->enqueued_us;
  segment->data[row] = at;
  segment->body_len[row] = put(&at, event->body);
  segment->offset_len[row] = put(&at, event->offset);
  segment->properties_len[row] = put(&at, event->properties);
  segment->system_properties_len[row] = put(&at, event->system_properties);
  sd_dead_reason dead = event->dead;
  /* The copy is checked, because it is what lies in the cache now. */
  if (dead == SD_DEAD_NONE && !body_is_blob && !sd_utf8_valid(segment->data[row], event->body.len))
    dead = SD_DEAD_BODY_NOT_UTF8;
  segment->dead[row] = (uint8_t)dead;

  sd_batch_partition *partition = &batch->partitions[index];
  partition->rows++;
  partition->last_sequence = event->sequence_number;
  partition->last_offset = sd_batch_offset(segment, row);
  partition->last_enqueued_us = event->enqueued_us;
  batch->rows++;
  batch->dead_rows += dead != SD_DEAD_NONE;
  batch->body_bytes += event->body.len;
  return SD_OK;
}
