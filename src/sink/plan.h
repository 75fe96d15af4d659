/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to sink. The plan of a landing: several batches of one mapping as one row of events, what each
 * partition's checkpoint will be, and which events are masked (their partition is lost, or they have landed
 * before) or go to the dead letters. A landing goes through the rows in ranges, one transaction each.
 */
#ifndef SD_SINK_PLAN_H
#define SD_SINK_PLAN_H

#include "base/arena.h"
#include "sink/sink_private.h"

/* One partition under one epoch. */
typedef struct sd_plan_partition {
  const char *id;
  int64_t epoch;
  int64_t stored; /* sequence number that the control row holds; -1: none */
  bool known;     /* `stored` is known */
  bool lost;      /* another owner has it */
  duckdb_string_t cell;
  /* Of the range in hand: */
  int64_t cursor; /* sequence number of the newest row that is not masked */
  sd_bytes last_offset;
  int64_t last_enqueued_us;
  uint64_t rows; /* live and dead; 0: the checkpoint does not move */
} sd_plan_partition;

typedef struct sd_plan_batch {
  sd_sink_write *op;
  const sd_batch *batch;
  uint16_t *partitions; /* index in the batch to index in the plan */
  uint64_t end;         /* rows of this and the batches before it */
  /* Of the range in hand: */
  uint32_t live;
  uint32_t dead;
  uint32_t masked;
} sd_plan_batch;

/* The reason why the target refused a row. */
typedef struct sd_plan_refusal {
  struct sd_plan_refusal *next;
  uint64_t row;
  const char *reason;
} sd_plan_refusal;

typedef struct sd_plan {
  sd_arena arena; /* of everything below */
  sd_plan_batch *batches;
  uint32_t batch_count;
  sd_plan_partition *partitions;
  uint32_t partition_count;
  uint64_t rows;
  sd_plan_refusal *refusals;
  /* The range in hand: rows from..to. */
  uint64_t from;
  uint64_t to;
  uint32_t live;
  uint32_t dead;
} sd_plan;

typedef enum sd_row_fate { SD_ROW_MASKED = 0, SD_ROW_LIVE = 1, SD_ROW_DEAD = 2 } sd_row_fate;

/* A row under the cursor. */
typedef struct sd_plan_row {
  sd_batch_segment *segment;
  uint32_t index; /* in the segment */
  uint64_t number;
  sd_plan_partition *partition;
  sd_plan_batch *batch;
  sd_row_fate fate;
} sd_plan_row;

typedef struct sd_plan_cursor {
  sd_plan *plan;
  uint32_t batch;
  sd_batch_segment *segment;
  uint32_t index;
  uint64_t number;
} sd_plan_cursor;

SD_MUST_CHECK sd_status sd_plan_init(sd_plan *plan, sd_sink_mapping *mapping, sd_sink_write *const *ops,
                                     uint32_t count);
void sd_plan_release(sd_plan *plan);

/* Takes the next range: from plan->from on, up to max_live live rows. */
void sd_plan_scan(sd_plan *plan, uint32_t max_live);
/* The range is committed: counts go to the ops, the next begins behind it. */
void sd_plan_advance(sd_plan *plan, sd_sink_mapping *mapping);
/* Marks the range's only live row as refused. */
SD_MUST_CHECK sd_status sd_plan_refuse(sd_plan *plan, const char *reason);
/* NULL: none was kept. */
const char *sd_plan_refusal_of(const sd_plan *plan, uint64_t row);

/* Begins a walk over the range in hand; the partitions' cursors start at what is stored. */
void sd_plan_walk(sd_plan *plan, sd_plan_cursor *cursor);

/* The next row, whatever its fate. False behind plan->to. */
static inline bool sd_plan_next(sd_plan_cursor *cursor, sd_plan_row *ret_row)
{
  sd_plan *plan = cursor->plan;
  if (cursor->number >= plan->to)
    return false;
  while (!cursor->segment || cursor->index >= cursor->segment->rows) {
    cursor->segment = cursor->segment ? cursor->segment->next : plan->batches[cursor->batch].batch->first;
    cursor->index = 0;
    if (!cursor->segment)
      cursor->batch++;
  }
  sd_batch_segment *segment = cursor->segment;
  uint32_t index = cursor->index++;
  sd_plan_batch *batch = &plan->batches[cursor->batch];
  sd_plan_partition *partition = &plan->partitions[batch->partitions[segment->partition[index]]];
  int64_t sequence = segment->sequence_number[index];
  ret_row->segment = segment;
  ret_row->index = index;
  ret_row->number = cursor->number++;
  ret_row->partition = partition;
  ret_row->batch = batch;
  if (partition->lost || sequence <= partition->cursor) {
    ret_row->fate = SD_ROW_MASKED;
  } else {
    partition->cursor = sequence;
    ret_row->fate = segment->dead[index] == SD_DEAD_NONE ? SD_ROW_LIVE : SD_ROW_DEAD;
  }
  return true;
}

#endif
