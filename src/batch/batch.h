/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The columnar batch: events of one mapping, of any of its partitions, on their way from a source to a sink.
 *
 * All bytes lie in one arena; rows lie in segments of SD_BATCH_SEGMENT_ROWS, each column of a segment
 * contiguous, so that a segment maps to a DuckDB data chunk and strings can be handed over by pointer. One
 * thread at a time; a batch moves between threads by queue.
 */
#ifndef SD_BATCH_BATCH_H
#define SD_BATCH_BATCH_H

#include "base/arena.h"

enum {
  SD_BATCH_SEGMENT_ROWS = 2048,    /* DuckDB's vector size */
  SD_BATCH_PARTITIONS_MAX = 2048,  /* partitions of one hub (the service's largest is 2,000) */
  SD_BATCH_PARTITION_ID_MAX = 16,  /* bytes with NUL */
  SD_BATCH_ARENA_BLOCK = 64 * 1024 /* below a segment's size, so that a segment gets a block of its own */
};

/* Why a row goes to the dead letters instead of the target; NONE: it lands. */
typedef enum sd_dead_reason {
  SD_DEAD_NONE = 0,
  SD_DEAD_BODY_NOT_UTF8 = 1,
  SD_DEAD_PROPERTIES_NOT_JSON = 2, /* the AMQP maps were malformed */
  SD_DEAD_REFUSED_BY_TARGET = 3    /* the table refused the row; set by the sink */
} sd_dead_reason;

/* One event as a source hands it over; everything is borrowed for the call. */
typedef struct sd_event {
  sd_bytes body;
  int64_t sequence_number;
  sd_bytes offset;            /* opaque text */
  int64_t enqueued_us;        /* since 1970 */
  sd_bytes properties;        /* JSON object or empty (SQL NULL) */
  sd_bytes system_properties; /* JSON object or empty */
  sd_dead_reason dead;        /* what the source found out already */
} sd_event;

typedef struct sd_batch_segment {
  struct sd_batch_segment *next;
  uint32_t rows;
  uint16_t partition[SD_BATCH_SEGMENT_ROWS]; /* index into sd_batch.partitions */
  uint8_t dead[SD_BATCH_SEGMENT_ROWS];       /* sd_dead_reason */
  int64_t sequence_number[SD_BATCH_SEGMENT_ROWS];
  int64_t enqueued_us[SD_BATCH_SEGMENT_ROWS];
  /* The row's bytes in the arena: body, offset, properties, system properties, one behind the other. */
  const uint8_t *data[SD_BATCH_SEGMENT_ROWS];
  uint32_t body_len[SD_BATCH_SEGMENT_ROWS];
  uint32_t offset_len[SD_BATCH_SEGMENT_ROWS];
  uint32_t properties_len[SD_BATCH_SEGMENT_ROWS];
  uint32_t system_properties_len[SD_BATCH_SEGMENT_ROWS];
} sd_batch_segment;

static inline sd_bytes sd_batch_body(const sd_batch_segment *segment, uint32_t row)
{
  return sd_bytes_make(segment->data[row], segment->body_len[row]);
}

static inline sd_bytes sd_batch_offset(const sd_batch_segment *segment, uint32_t row)
{
  return sd_bytes_make(segment->data[row] + segment->body_len[row], segment->offset_len[row]);
}

/* JSON, or empty. */
static inline sd_bytes sd_batch_properties(const sd_batch_segment *segment, uint32_t row)
{
  sd_bytes offset = sd_batch_offset(segment, row);
  return sd_bytes_make(offset.data + offset.len, segment->properties_len[row]);
}

/* JSON, or empty. */
static inline sd_bytes sd_batch_system_properties(const sd_batch_segment *segment, uint32_t row)
{
  sd_bytes properties = sd_batch_properties(segment, row);
  return sd_bytes_make(properties.data + properties.len, segment->system_properties_len[row]);
}

/* What the batch holds of one partition; the checkpoint that its landing sets. */
typedef struct sd_batch_partition {
  char partition_id[SD_BATCH_PARTITION_ID_MAX];
  uint32_t source_index; /* the partition's index at the source */
  int64_t epoch;         /* claimed; the fence compares it */
  uint32_t rows;
  int64_t first_sequence;
  int64_t last_sequence;
  sd_bytes last_offset; /* in the arena */
  int64_t last_enqueued_us;
} sd_batch_partition;

typedef struct sd_batch {
  sd_arena arena;
  sd_batch_segment *first;
  sd_batch_segment *last;
  uint32_t rows;
  uint32_t dead_rows;
  uint64_t body_bytes;
  sd_batch_partition *partitions; /* in the arena; in order of first appearance */
  uint32_t partition_count;
  uint32_t partition_capacity;
  uint64_t opened_ns;       /* monotonic time of the first append */
  int16_t *index_by_source; /* private: index into partitions, -1 when not in the batch */
  uint32_t source_partitions;
  size_t max_bytes; /* private */
} sd_batch;

/* source_partitions: number of partitions of the source (their indexes are below it), 1 to
 * SD_BATCH_PARTITIONS_MAX. max_bytes: of the arena, hard. SD_INVALID, SD_NOMEM. */
SD_MUST_CHECK sd_status sd_batch_new(uint32_t source_partitions, size_t max_bytes, sd_batch **ret_batch);
/* NULL is allowed. */
void sd_batch_free(sd_batch *batch);
/* Empty again, memory of one block kept. */
void sd_batch_reset(sd_batch *batch);

/* Copies the event in. A body that is not UTF-8 marks the row dead unless body_is_blob. SD_LIMIT when
 * max_bytes would be passed, SD_NOMEM, SD_INVALID (index out of range, partition_id too long): the batch is
 * as before. partition_id and epoch are taken at a partition's first row. */
SD_MUST_CHECK sd_status sd_batch_append(sd_batch *batch, uint32_t source_index, const char *partition_id,
                                        int64_t epoch, const sd_event *event, bool body_is_blob);

/* What the batch holds of the source's partition; NULL: nothing. */
static inline sd_batch_partition *sd_batch_find_partition(const sd_batch *batch, uint32_t source_index)
{
  int16_t index = batch->index_by_source[source_index];
  return index >= 0 ? &batch->partitions[index] : NULL;
}

/* Bytes of memory that the batch holds. */
static inline size_t sd_batch_held(const sd_batch *batch)
{
  return sd_arena_held(&batch->arena);
}

#endif
