/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_sink: where batches go (a DuckDB database). A sink has one thread; the mappings that write to it send it
 * ops and get each op back through its reply queue, in order per mapping, with the out fields set. An op
 * belongs to the sink from submit to its reply. The protocol is streaming.md §5.3.
 *
 * Order: OPEN, then CLAIM, then WRITE … , then RELEASE. When an op of a mapping fails, the sink returns all
 * its queued WRITE ops of the same generation with SD_CANCELLED, so that no later batch can overtake; the
 * mapping sends them again, in order, with the next generation, after it has claimed again.
 */
#ifndef SD_BATCH_SINK_H
#define SD_BATCH_SINK_H

#include "base/queue.h"
#include "batch/batch.h"

#include <streamduck/trace.h>

typedef struct sd_sink sd_sink;

enum {
  SD_SINK_NAME_MAX = 512,   /* bytes of a schema's, table's, hub's or group's name, with NUL */
  SD_SINK_OFFSET_MAX = 256, /* bytes of an offset, with NUL */
  SD_SINK_ROWS_MAX = 122880 /* rows of one transaction: whole row groups, which bypass the WAL */
};

/* The destination of one mapping and the key of its checkpoints. Immutable while ops refer to it. */
typedef struct sd_target {
  const char *ns; /* broker's host, lower case, without port */
  const char *hub;
  const char *consumer_group; /* as the broker compares: lower case */
  const char *schema;
  const char *table;
  bool body_is_blob;
  size_t transaction_bytes; /* T of design §3.4: min(48 MB, half the mapping's share) */
  /* The Python original's control table (TARGET_DB, TARGET_SCHEMA, TARGET_TABLE), NULL when not set. */
  const char *legacy_database;
  const char *legacy_schema;
  const char *legacy_table;
} sd_target;

typedef struct sd_checkpoint {
  bool found;
  bool imported; /* it came from the original's table */
  char offset[SD_SINK_OFFSET_MAX];
  int64_t sequence_number; /* -1: none landed yet */
  int64_t enqueued_us;
  char incarnation[64];
} sd_checkpoint;

typedef enum sd_sink_op_type {
  SD_SINK_OPEN =
      1, /* mapping → sink: make schema, target, control, guard, dead-letter tables where missing */
  SD_SINK_CLAIM = 2,  /* mapping → sink: become owner of partitions, read their checkpoints */
  SD_SINK_WRITE = 3,  /* mapping → sink: land one batch and move its checkpoints, exactly once */
  SD_SINK_RENEW = 4,  /* mapping → sink: prolong leases (shared destinations; batches do it too) */
  SD_SINK_RELEASE = 5 /* mapping → sink: give partitions up */
} sd_sink_op_type;

/* The first member of every op. */
typedef struct sd_sink_op {
  sd_op op;                /* op.type is an sd_sink_op_type */
  const sd_target *target; /* borrowed until the reply */
  uint64_t generation;
  sd_queue *reply_to;
  void *user;         /* the mapping's */
  sd_context context; /* the span that the sink's spans hang on; borrowed until the reply, may be none */
  sd_error error;     /* out: code SD_OK when it succeeded */
} sd_sink_op;

typedef struct sd_sink_open {
  sd_sink_op base;
  bool created_table; /* out */
} sd_sink_open;

typedef struct sd_claim {
  char partition_id[SD_BATCH_PARTITION_ID_MAX];
  bool reset;    /* in, CLAIM: forget the stored checkpoint, because sequence numbers begin anew (the hub was
                    made again) or the position is lost and the operator chose another; the op's incarnation is
                    stored */
  bool claimed;  /* out; false: somebody else holds a live lease */
  int64_t epoch; /* out when claimed; in for RENEW and RELEASE */
  sd_checkpoint checkpoint; /* out when claimed */
  char held_by[64];         /* out when not claimed */
  int64_t held_until_us;    /* out when not claimed */
} sd_claim;

typedef struct sd_sink_claim { /* CLAIM, RENEW, RELEASE */
  sd_sink_op base;
  const char *incarnation; /* the hub's, stored with new rows; borrowed */
  bool forced;             /* also from a live owner (RENEW, RELEASE: unused) */
  uint32_t count;
  sd_claim *claims; /* the mapping's array, borrowed */
} sd_sink_claim;

typedef struct sd_sink_write {
  sd_sink_op base;
  sd_batch *batch; /* the mapping's; the sink reads it and may set `dead` marks */
  /* out, when base.error.code is SD_OK: */
  uint32_t rows_landed;
  uint32_t rows_dead;
  uint32_t rows_masked;  /* of partitions that were fenced, and replays */
  uint32_t fenced_count; /* partitions lost to another owner; their indexes in batch->partitions: */
  uint16_t fenced[SD_BATCH_PARTITIONS_MAX];
  uint32_t coalesced;      /* batches in the same transaction, this one included */
  uint64_t transaction_ns; /* BEGIN to COMMIT's return */
  uint64_t commit_ns;
  int64_t committed_us; /* wall clock */
} sd_sink_write;

typedef struct sd_sink_vtable {
  size_t struct_size;
  /* Any thread, never waits. SD_AGAIN: the queue is full (SD_SINK_QUEUE_MAX), the op stays the caller's. */
  sd_status (*submit)(sd_sink *sink, sd_sink_op *op);
  /* Answers all queued ops with SD_CANCELLED (the running one is interrupted when `abort`), ends the thread,
   * closes the database, frees. Waits for the thread. */
  void (*free)(sd_sink *sink, bool abort);
} sd_sink_vtable;

enum { SD_SINK_QUEUE_MAX = 4096 };

struct sd_sink {
  const sd_sink_vtable *vtable;
};

#endif
