/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The batches of one mapping, in order. */
#include "stream/batcher.h"

#include "base/alloc.h"
#include "stream/memory.h"

#include <assert.h>

enum { BACKLOG_BATCHES = 8 /* closed and not landed */ };

void sd_batcher_init(sd_batcher *batcher, uint32_t source_partitions, size_t share, uint32_t rows_max,
                     size_t bytes_max, uint32_t age_max_ms, bool body_is_blob)
{
  memset(batcher, 0, sizeof *batcher);
  batcher->source_partitions = source_partitions;
  batcher->share = share;
  /* One transaction holds at most SD_SINK_ROWS_MAX rows, and while a batch lands the next one must have room
   * to fill. */
  batcher->rows_max = rows_max < SD_SINK_ROWS_MAX ? rows_max : SD_SINK_ROWS_MAX;
  batcher->bytes_max = bytes_max < share / 2 ? bytes_max : share / 2;
  batcher->age_max_ms = age_max_ms;
  batcher->body_is_blob = body_is_blob;
  size_t spare_max = share / 8 / SD_BATCH_ARENA_BLOCK;
  batcher->spare_max = spare_max < SD_BATCHER_SPARE_MAX ? (uint32_t)spare_max : SD_BATCHER_SPARE_MAX;
}

static void free_node(sd_batch_node *node)
{
  sd_batch_free(node->write.batch);
  sd_free(node);
}

static void free_list(sd_batch_node *node)
{
  while (node) {
    sd_batch_node *next = node->next;
    free_node(node);
    node = next;
  }
}

static void tell_dropped(sd_batcher *batcher)
{
  for (sd_batch_node *node = batcher->first; node && batcher->on_dropped; node = node->next)
    batcher->on_dropped(batcher->user, node);
}

void sd_batcher_release(sd_batcher *batcher)
{
  tell_dropped(batcher);
  free_list(batcher->first);
  free_list(batcher->spare);
  if (batcher->open)
    free_node(batcher->open);
  memset(batcher, 0, sizeof *batcher);
}

static void recycle(sd_batcher *batcher, sd_batch_node *node)
{
  if (batcher->spare_count >= batcher->spare_max) {
    free_node(node);
    return;
  }
  sd_batch_reset(node->write.batch);
  node->next = batcher->spare;
  batcher->spare = node;
  batcher->spare_count++;
}

static sd_status open_batch(sd_batcher *batcher, uint64_t now_ms)
{
  if (batcher->queued >= SD_BATCHER_QUEUED_MAX)
    return SD_AGAIN;
  sd_batch_node *node = batcher->spare;
  if (node) {
    batcher->spare = node->next;
    batcher->spare_count--;
  } else {
    node = sd_alloc(sizeof *node);
    if (!node)
      return SD_NOMEM;
    sd_status status = sd_batch_new(batcher->source_partitions, batcher->share, &node->write.batch);
    if (status != SD_OK) {
      sd_free(node);
      return status;
    }
  }
  node->next = NULL;
  node->held = 0;
  node->span = NULL;
  node->context = (sd_context)SD_CONTEXT_NONE;
  node->closed_ns = 0;
  node->submitted = false;
  batcher->open = node;
  batcher->opened_ms = now_ms;
  return SD_OK;
}

void sd_batcher_close(sd_batcher *batcher)
{
  sd_batch_node *node = batcher->open;
  if (!node || node->write.batch->rows == 0)
    return;
  batcher->open = NULL;
  node->held = sd_batch_held(node->write.batch);
  batcher->closed_held += node->held;
  if (batcher->last)
    batcher->last->next = node;
  else
    batcher->first = node;
  batcher->last = node;
  if (!batcher->waiting)
    batcher->waiting = node;
  batcher->queued++;
  if (batcher->on_closed)
    batcher->on_closed(batcher->user, node);
}

size_t sd_batcher_held(const sd_batcher *batcher)
{
  size_t held = batcher->closed_held + (size_t)batcher->spare_count * SD_BATCH_ARENA_BLOCK;
  return batcher->open ? held + sd_batch_held(batcher->open->write.batch) : held;
}

static bool fits(const sd_batcher *batcher, size_t event_bytes)
{
  return sd_batcher_held(batcher) + event_bytes + SD_MEMORY_RESERVE <= batcher->share;
}

bool sd_batcher_has_room(const sd_batcher *batcher, size_t event_bytes)
{
  return (batcher->open || batcher->queued < SD_BATCHER_QUEUED_MAX) && fits(batcher, event_bytes);
}

/* Spare batches are memory too: they go before an event is refused. */
static void free_spare(sd_batcher *batcher)
{
  free_list(batcher->spare);
  batcher->spare = NULL;
  batcher->spare_count = 0;
}

static sd_status make_room(sd_batcher *batcher, size_t event_bytes)
{
  if (fits(batcher, event_bytes))
    return SD_OK;
  free_spare(batcher);
  if (fits(batcher, event_bytes))
    return SD_OK;
  sd_batcher_close(batcher);
  return batcher->first ? SD_AGAIN : SD_LIMIT;
}

/* The events' own bytes, without the columns of fixed width. */
static size_t data_bytes(const sd_batch *batch)
{
  size_t segments = (batch->rows + SD_BATCH_SEGMENT_ROWS - 1) / SD_BATCH_SEGMENT_ROWS;
  return sd_arena_used(&batch->arena) - segments * sizeof(sd_batch_segment);
}

/* Behind a backlog a batch closes when its segment is full, whatever rows_max says: nothing waits for it, it
 * wastes no memory, and the sink can make whole row groups of such batches. */
static bool is_full(const sd_batcher *batcher)
{
  const sd_batch *batch = batcher->open->write.batch;
  if (data_bytes(batch) >= batcher->bytes_max)
    return true;
  return batcher->queued >= BACKLOG_BATCHES ? batch->rows % SD_BATCH_SEGMENT_ROWS == 0
                                            : batch->rows >= batcher->rows_max;
}

sd_status sd_batcher_append(sd_batcher *batcher, uint32_t partition, const char *partition_id, int64_t epoch,
                            const sd_event *event, uint64_t now_ms)
{
  size_t size = event->body.len + event->offset.len + event->properties.len + event->system_properties.len;
  sd_status status = make_room(batcher, size);
  if (status == SD_OK && !batcher->open)
    status = open_batch(batcher, now_ms);
  if (status != SD_OK)
    return status;
  sd_batch *batch = batcher->open->write.batch;
  status = sd_batch_append(batch, partition, partition_id, epoch, event, batcher->body_is_blob);
  if (status != SD_OK) {
    if (batch->rows == 0) {
      recycle(batcher, batcher->open);
      batcher->open = NULL;
    }
    return status;
  }
  if (is_full(batcher))
    sd_batcher_close(batcher);
  return SD_OK;
}

void sd_batcher_close_partition(sd_batcher *batcher, uint32_t partition)
{
  if (batcher->open && sd_batch_find_partition(batcher->open->write.batch, partition))
    sd_batcher_close(batcher);
}

uint64_t sd_batcher_due_ms(const sd_batcher *batcher)
{
  return batcher->open ? batcher->opened_ms + batcher->age_max_ms : UINT64_MAX;
}

void sd_batcher_close_aged(sd_batcher *batcher, uint64_t now_ms)
{
  if (sd_batcher_due_ms(batcher) <= now_ms)
    sd_batcher_close(batcher);
}

void sd_batcher_submitted(sd_batcher *batcher)
{
  batcher->waiting = batcher->waiting->next;
  batcher->in_flight++;
}

void sd_batcher_returned(sd_batcher *batcher)
{
  batcher->in_flight--;
}

void sd_batcher_rewind(sd_batcher *batcher)
{
  batcher->waiting = batcher->first;
}

void sd_batcher_landed(sd_batcher *batcher)
{
  sd_batch_node *node = batcher->first;
  batcher->first = node->next;
  if (!batcher->first)
    batcher->last = NULL;
  if (batcher->waiting == node)
    batcher->waiting = node->next;
  else
    batcher->in_flight--;
  batcher->queued--;
  batcher->closed_held -= node->held;
  recycle(batcher, node);
  if (batcher->open && is_full(batcher)) /* it was kept open for the backlog */
    sd_batcher_close(batcher);
}

void sd_batcher_discard(sd_batcher *batcher)
{
  assert(batcher->in_flight == 0);
  tell_dropped(batcher);
  while (batcher->first)
    sd_batcher_landed(batcher);
  if (batcher->open) {
    free_node(batcher->open);
    batcher->open = NULL;
  }
}

static void change_epoch(sd_batch *batch, uint32_t partition, int64_t from, int64_t to)
{
  sd_batch_partition *held = sd_batch_find_partition(batch, partition);
  if (held && held->epoch == from)
    held->epoch = to;
}

void sd_batcher_change_epoch(sd_batcher *batcher, uint32_t partition, int64_t from, int64_t to)
{
  for (sd_batch_node *node = batcher->first; node; node = node->next)
    change_epoch(node->write.batch, partition, from, to);
  if (batcher->open)
    change_epoch(batcher->open->write.batch, partition, from, to);
}
