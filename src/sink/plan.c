/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The plan of a landing. */
#include "sink/plan.h"

#include <stdalign.h>

enum {
  PLAN_ARENA_BLOCK = 64 * 1024,
  PLAN_ARENA_MAX = 64 * 1024 * 1024, /* 1024 batches of 2048 partitions, and reasons */
  PLAN_DEAD_MAX = 8192               /* dead letters of one range */
};

static void *make(sd_plan *plan, size_t count, size_t size)
{
  if (count == 0)
    count = 1;
  void *memory = sd_arena_alloc(&plan->arena, count * size, alignof(max_align_t));
  if (memory)
    memset(memory, 0, count * size);
  return memory;
}

/* The plan's partition for this id and epoch; SIZE_MAX when there is none yet. */
static size_t find(const sd_plan *plan, const char *id, int64_t epoch, size_t hint)
{
  if (hint < plan->partition_count && plan->partitions[hint].epoch == epoch &&
      strcmp(plan->partitions[hint].id, id) == 0)
    return hint;
  for (size_t i = 0; i < plan->partition_count; i++) {
    if (plan->partitions[i].epoch == epoch && strcmp(plan->partitions[i].id, id) == 0)
      return i;
  }
  return SIZE_MAX;
}

static void add_partition(sd_plan *plan, sd_sink_mapping *mapping, const sd_batch_partition *from)
{
  sd_plan_partition *partition = &plan->partitions[plan->partition_count++];
  partition->id = from->partition_id;
  partition->epoch = from->epoch;
  partition->cell = sd_duck_string(from->partition_id, strlen(from->partition_id));
  partition->stored = -1;
  const sd_sink_partition *claimed = sd_sink_find_partition(mapping, from->partition_id, from->epoch);
  if (claimed) {
    partition->stored = claimed->sequence_number;
    partition->known = true;
  }
}

sd_status sd_plan_init(sd_plan *plan, sd_sink_mapping *mapping, sd_sink_write *const *ops, uint32_t count)
{
  memset(plan, 0, sizeof *plan);
  sd_arena_init(&plan->arena, PLAN_ARENA_BLOCK, PLAN_ARENA_MAX);
  size_t partitions = 0;
  for (uint32_t i = 0; i < count; i++)
    partitions += ops[i]->batch->partition_count;
  plan->batches = make(plan, count, sizeof *plan->batches);
  plan->partitions = make(plan, partitions, sizeof *plan->partitions);
  if (!plan->batches || !plan->partitions)
    goto fail;
  for (uint32_t i = 0; i < count; i++) {
    const sd_batch *batch = ops[i]->batch;
    sd_plan_batch *planned = &plan->batches[plan->batch_count++];
    planned->op = ops[i];
    planned->batch = batch;
    plan->rows += batch->rows;
    planned->end = plan->rows;
    planned->partitions = make(plan, batch->partition_count, sizeof *planned->partitions);
    if (!planned->partitions)
      goto fail;
    for (uint32_t p = 0; p < batch->partition_count; p++) {
      const sd_batch_partition *partition = &batch->partitions[p];
      size_t index = find(plan, partition->partition_id, partition->epoch, p);
      if (index == SIZE_MAX) {
        index = plan->partition_count;
        if (index > UINT16_MAX)
          goto fail;
        add_partition(plan, mapping, partition);
      }
      planned->partitions[p] = (uint16_t)index;
    }
  }
  return SD_OK;

fail:
  sd_plan_release(plan);
  return SD_NOMEM;
}

void sd_plan_release(sd_plan *plan)
{
  sd_arena_release(&plan->arena);
}

void sd_plan_walk(sd_plan *plan, sd_plan_cursor *cursor)
{
  for (uint32_t i = 0; i < plan->partition_count; i++)
    plan->partitions[i].cursor = plan->partitions[i].stored;
  *cursor = (sd_plan_cursor){.plan = plan, .number = plan->from};
  uint64_t first = 0;
  while (cursor->batch < plan->batch_count && plan->batches[cursor->batch].end <= plan->from)
    first = plan->batches[cursor->batch++].end;
  if (cursor->batch == plan->batch_count)
    return;
  uint64_t left = plan->from - first;
  cursor->segment = plan->batches[cursor->batch].batch->first;
  while (cursor->segment && left >= cursor->segment->rows) {
    left -= cursor->segment->rows;
    cursor->segment = cursor->segment->next;
  }
  cursor->index = (uint32_t)left;
}

void sd_plan_scan(sd_plan *plan, uint32_t max_live)
{
  for (uint32_t i = 0; i < plan->partition_count; i++)
    plan->partitions[i].rows = 0;
  for (uint32_t i = 0; i < plan->batch_count; i++) {
    plan->batches[i].live = 0;
    plan->batches[i].dead = 0;
    plan->batches[i].masked = 0;
  }
  plan->live = 0;
  plan->dead = 0;
  plan->to = plan->rows;
  sd_plan_cursor cursor;
  sd_plan_row row;
  sd_plan_walk(plan, &cursor);
  while (plan->live < max_live && plan->dead < PLAN_DEAD_MAX && sd_plan_next(&cursor, &row)) {
    if (row.fate == SD_ROW_MASKED) {
      row.batch->masked++;
      continue;
    }
    row.partition->rows++;
    row.partition->last_offset = sd_batch_offset(row.segment, row.index);
    row.partition->last_enqueued_us = row.segment->enqueued_us[row.index];
    if (row.fate == SD_ROW_LIVE) {
      row.batch->live++;
      plan->live++;
    } else {
      row.batch->dead++;
      plan->dead++;
    }
  }
  plan->to = cursor.number;
}

void sd_plan_advance(sd_plan *plan, sd_sink_mapping *mapping)
{
  for (uint32_t i = 0; i < plan->batch_count; i++) {
    sd_plan_batch *batch = &plan->batches[i];
    batch->op->rows_landed += batch->live;
    batch->op->rows_dead += batch->dead;
    batch->op->rows_masked += batch->masked;
  }
  for (uint32_t i = 0; i < plan->partition_count; i++) {
    sd_plan_partition *partition = &plan->partitions[i];
    if (partition->rows == 0)
      continue;
    partition->stored = partition->cursor;
    sd_sink_partition *claimed = sd_sink_find_partition(mapping, partition->id, partition->epoch);
    if (claimed)
      claimed->sequence_number = partition->cursor;
  }
  plan->from = plan->to;
  plan->refusals = NULL; /* all of them lay in the range */
}

sd_status sd_plan_refuse(sd_plan *plan, const char *reason)
{
  sd_plan_cursor cursor;
  sd_plan_row row;
  sd_plan_walk(plan, &cursor);
  while (sd_plan_next(&cursor, &row)) {
    if (row.fate != SD_ROW_LIVE)
      continue;
    row.segment->dead[row.index] = SD_DEAD_REFUSED_BY_TARGET;
    /* Without memory for its reason the row gets a general one. */
    sd_plan_refusal *refusal = make(plan, 1, sizeof *refusal);
    const char *text = refusal ? sd_arena_copy(&plan->arena, reason, strlen(reason)) : NULL;
    if (!text)
      return SD_OK;
    refusal->row = row.number;
    refusal->reason = text;
    refusal->next = plan->refusals;
    plan->refusals = refusal;
    return SD_OK;
  }
  return SD_NOT_FOUND;
}

const char *sd_plan_refusal_of(const sd_plan *plan, uint64_t row)
{
  for (const sd_plan_refusal *refusal = plan->refusals; refusal; refusal = refusal->next) {
    if (refusal->row == row)
      return refusal->reason;
  }
  return NULL;
}
