/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The batches of one mapping, in order: those in flight at the sink, those closed and waiting, and the open
 * one that takes events. A batch closes by rows, by bytes or by age; behind a backlog by whole segments
 * instead of rows. The loop's thread; time is handed in.
 */
#ifndef SD_STREAM_BATCHER_H
#define SD_STREAM_BATCHER_H

#include "batch/sink.h"

enum {
  SD_BATCHER_QUEUED_MAX = 256, /* closed batches, waiting and in flight */
  SD_BATCHER_SPARE_MAX = 8     /* landed batches kept for reuse, at most an eighth of the share */
};

/* A closed batch and the op that lands it. */
typedef struct sd_batch_node {
  sd_sink_write write; /* first member: the sink's reply leads back here */
  struct sd_batch_node *next;
  size_t held; /* bytes; the batch itself is the sink's while the op is in flight */
  /* Telemetry (batch_spans.h); all zero without. */
  sd_span *span;      /* eventhub._on_event of the event that closed it */
  sd_context context; /* of that span, or of its parent when it is not recorded */
  uint64_t closed_ns; /* monotonic */
  bool submitted;     /* at least once */
} sd_batch_node;

typedef struct sd_batcher {
  /* limits */
  uint32_t rows_max;
  size_t bytes_max;
  uint64_t age_max_ms;
  size_t share;
  uint32_t source_partitions;
  bool body_is_blob;
  /* Told of each batch that closes, before it can go to the sink; NULL: nobody. Set after init. */
  void (*on_closed)(void *user, sd_batch_node *node);
  /* Told of each closed batch that is forgotten without having landed; with on_closed. */
  void (*on_dropped)(void *user, sd_batch_node *node);
  void *user;
  /* state; read only for others */
  sd_batch_node *open;    /* NULL: none */
  uint64_t opened_ms;     /* of the open batch's first event */
  sd_batch_node *first;   /* oldest closed batch, in flight or waiting */
  sd_batch_node *last;    /* newest closed batch */
  sd_batch_node *waiting; /* the first that is not in flight, NULL: none */
  uint32_t queued;        /* closed batches */
  uint32_t in_flight;     /* of these, at the sink */
  size_t closed_held;     /* bytes held by closed batches */
  sd_batch_node *spare;
  uint32_t spare_count;
  uint32_t spare_max;
} sd_batcher;

/* share: bytes that all batches may hold together. Allocates nothing. */
void sd_batcher_init(sd_batcher *batcher, uint32_t source_partitions, size_t share, uint32_t rows_max,
                     size_t bytes_max, uint32_t age_max_ms, bool body_is_blob);
/* Nothing may be in flight. A zeroed batcher is allowed. */
void sd_batcher_release(sd_batcher *batcher);

/* Copies the event in, and closes the batch when that fills it. SD_AGAIN: no room until batches land (the
 * open one has been closed so that it can). SD_LIMIT: the event can never fit. SD_NOMEM: memory is short. */
SD_MUST_CHECK sd_status sd_batcher_append(sd_batcher *batcher, uint32_t partition, const char *partition_id,
                                          int64_t epoch, const sd_event *event, uint64_t now_ms);

/* An event of so many bytes would be taken now. */
bool sd_batcher_has_room(const sd_batcher *batcher, size_t event_bytes);

/* Closes the open batch, if it has rows. */
void sd_batcher_close(sd_batcher *batcher);
/* As close, when the open batch holds rows of the partition. */
void sd_batcher_close_partition(sd_batcher *batcher, uint32_t partition);
/* As close, when it is old enough. */
void sd_batcher_close_aged(sd_batcher *batcher, uint64_t now_ms);
/* When the open batch will be old enough; UINT64_MAX when there is none. */
uint64_t sd_batcher_due_ms(const sd_batcher *batcher);

/* The first waiting batch has gone to the sink. */
void sd_batcher_submitted(sd_batcher *batcher);
/* The sink has given back the oldest batch in flight, undone: it waits again once all others are back too. */
void sd_batcher_returned(sd_batcher *batcher);
/* Nothing is in flight: all closed batches wait again, in order. */
void sd_batcher_rewind(sd_batcher *batcher);
/* The oldest batch has landed: forgets it. */
void sd_batcher_landed(sd_batcher *batcher);
/* Forgets all batches; nothing may be in flight. */
void sd_batcher_discard(sd_batcher *batcher);

/* Gives the rows of a partition, that were taken under epoch `from`, the epoch `to`. Nothing may be in
 * flight. */
void sd_batcher_change_epoch(sd_batcher *batcher, uint32_t partition, int64_t from, int64_t to);

/* Bytes held by all batches, spare ones too. */
size_t sd_batcher_held(const sd_batcher *batcher);

/* Rows not landed yet are held. */
static inline bool sd_batcher_empty(const sd_batcher *batcher)
{
  return !batcher->first && !batcher->open;
}

#endif
