/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_source: where events come from (Event Hubs, later Kafka). One source serves one mapping, lives on the
 * loop's thread and calls its owner back from there only.
 *
 * Life: start → on_ready(partitions) → open_partition for each → on_event … → stop or abort → on_stopped →
 * free.
 * A source reconnects by itself with full-jitter back-off; while it is away it tells on_trouble. After a
 * reconnect it resumes each open partition behind the last event that it delivered, and drops what it
 * delivered before.
 */
#ifndef SD_BATCH_SOURCE_H
#define SD_BATCH_SOURCE_H

#include "batch/batch.h"

typedef struct sd_source sd_source;

/* What the broker says about a partition. */
typedef struct sd_source_partition {
  char id[SD_BATCH_PARTITION_ID_MAX];
  int64_t begin_sequence; /* oldest event kept; undefined when empty */
  int64_t last_sequence;  /* newest event; -1: none ever */
  bool empty;
  int64_t last_enqueued_us;
} sd_source_partition;

typedef enum sd_position_kind {
  SD_POSITION_EARLIEST = 0,
  SD_POSITION_LATEST = 1,
  SD_POSITION_TIME = 2,    /* enqueued after unix_us */
  SD_POSITION_OFFSET = 3,  /* after this offset (exclusive) */
  SD_POSITION_SEQUENCE = 4 /* after this sequence number (exclusive) */
} sd_position_kind;

typedef struct sd_position {
  sd_position_kind kind;
  int64_t unix_us;
  const char *offset; /* borrowed for the call */
  int64_t sequence;
} sd_position;

/* What an error asks of the mapping. */
typedef enum sd_trouble {
  SD_TROUBLE_RETRYING = 0,       /* for information: the source tries again by itself */
  SD_TROUBLE_PARTITION_LOST = 1, /* taken by another owner (stolen): closed, do not hammer */
  SD_TROUBLE_OFFSET_LOST = 2,    /* the broker does not know the position any more: closed */
  SD_TROUBLE_STOP = 3            /* will not get better by itself: the message carries advice */
} sd_trouble;

#define SD_SOURCE_ALL_PARTITIONS UINT32_MAX

typedef struct sd_source_handler {
  size_t struct_size;
  /* The hub is known. incarnation changes when the hub was deleted and made anew. Once after start. */
  void (*on_ready)(void *owner, const sd_source_partition *partitions, uint32_t count,
                   const char *incarnation);
  /* One event, in order per partition. SD_AGAIN: no room; the source must not have sent so much credit, and
   * keeps nothing: it detaches that partition and resumes it later. */
  sd_status (*on_event)(void *owner, uint32_t partition, const sd_event *event);
  /* Everything received by one read from the network was handed over: a good moment to look at limits. */
  void (*on_idle)(void *owner);
  /* partition may be SD_SOURCE_ALL_PARTITIONS. */
  void (*on_trouble)(void *owner, uint32_t partition, sd_trouble trouble, const sd_error *error);
  /* The source is connected and receives again after RETRYING. */
  void (*on_recovered)(void *owner);
  /* The answer to refresh; error NULL when good. */
  void (*on_refreshed)(void *owner, const sd_source_partition *partitions, uint32_t count,
                       const sd_error *error);
  /* The answer to stop and abort: no more callbacks. */
  void (*on_stopped)(void *owner);
} sd_source_handler;

typedef struct sd_source_vtable {
  size_t struct_size;
  sd_status (*start)(sd_source *source, sd_error *error);
  /* Receives the partition from position on, with epoch as owner level (the broker then disconnects readers
   * with a lower or equal one). */
  void (*open_partition)(sd_source *source, uint32_t partition, const sd_position *position, int64_t epoch);
  void (*close_partition)(sd_source *source, uint32_t partition);
  /* Bytes of memory that the mapping can take now, over all partitions: the source turns them into link
   * credit (free bytes / running mean of the event size) and a window. 0 stops the flow. Called whenever it
   * changed noticeably. */
  void (*grant)(sd_source *source, size_t free_bytes);
  /* Asks the broker for the partitions' state anew; on_refreshed answers (while the source is away: when the
   * next attempt to connect has an outcome). One at a time: false when one is under way, before on_ready and
   * after stop. */
  bool (*refresh)(sd_source *source);
  /* Ends receiving (nothing more is delivered after this returns) and disconnects in order, within 5 s. */
  void (*stop)(sd_source *source);
  /* Ends at once, without a word to the broker: nothing is waited for but the loop. Also while stop is under
   * way; on_stopped answers both, once. */
  void (*abort)(sd_source *source);
  /* Only before start or after on_stopped. */
  void (*free)(sd_source *source);
} sd_source_vtable;

/* The first member of every implementation. */
struct sd_source {
  const sd_source_vtable *vtable;
};

#endif
