/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mapping knows about one partition: who owns it, how far it has been received and landed, what the
 * broker holds, and where to begin. The loop's thread; no I/O.
 */
#ifndef SD_STREAM_PARTITION_H
#define SD_STREAM_PARTITION_H

#include "batch/sink.h"
#include "batch/source.h"

#include <streamduck/stream.h>

enum { SD_EPOCH_NONE = -1 };

typedef struct sd_partition {
  char id[SD_BATCH_PARTITION_ID_MAX];
  int state;          /* SD_PARTITION_… */
  bool open;          /* the source receives it */
  bool unsure;        /* owned, but opened only after the broker was asked anew whether it knows the place */
  bool asked;         /* … and the answer under way will tell */
  bool refused;       /* the broker itself said that it does not know the place any more */
  bool reset;         /* the checkpoint shall be voided by the next claim */
  bool from_earliest; /* its offset was lost: begins at the oldest event, whatever the start option says */
  bool anchored;      /* received + 1 is the sequence number that must come next */
  int64_t epoch;      /* SD_EPOCH_NONE when not owned */
  int64_t received;   /* newest event taken; not above it is a replay */
  int64_t landed;     /* newest event landed, or skipped on purpose by the start option; -1: none */
  int64_t stored;     /* sequence number that the control table holds as far as we know; -1: none */
  int64_t landed_enqueued_us;
  uint64_t gaps;
  int64_t begin;         /* oldest event at the broker */
  int64_t answered_last; /* newest event by the broker's last answer */
  int64_t heard_last;    /* the same, or the newest event received */
  bool empty;            /* the broker's last answer: nothing is kept */
  int64_t last_enqueued_us;
  int64_t landed_when_asked;       /* landed, when the answer that is under way was asked for */
  uint64_t claim_at_ms;            /* not owned: when to try again */
  uint64_t lease_at_ms;            /* owned: when the lease was last prolonged */
  char offset[SD_SINK_OFFSET_MAX]; /* where an unsure partition would resume, "" for by sequence number */
} sd_partition;

/* What the broker said when the source became ready. */
void sd_partition_init(sd_partition *partition, const sd_source_partition *said);
/* What it says now. */
void sd_partition_refresh(sd_partition *partition, const sd_source_partition *said);

/* Events at the broker that have not landed: the broker's last sequence number minus the landed one (minus
 * the one before the oldest event kept, where nothing landed). 0 for a partition that is elsewhere. */
int64_t sd_partition_lag(const sd_partition *partition);

/* Nothing that the broker's last answer counted is left to land. */
bool sd_partition_caught_up(const sd_partition *partition);
/* The same for receiving. */
bool sd_partition_received_all(const sd_partition *partition);

/* Accounts for an event that has been taken; returns how many sequence numbers before it never came. */
static inline uint64_t sd_partition_take(sd_partition *partition, int64_t sequence)
{
  uint64_t gap = partition->anchored ? (uint64_t)(sequence - partition->received - 1) : 0;
  partition->anchored = true;
  partition->received = sequence;
  partition->empty = false;
  partition->gaps += gap;
  if (sequence > partition->heard_last)
    partition->heard_last = sequence;
  return gap;
}

typedef enum sd_place {
  SD_PLACE_CHECKPOINT = 0, /* resumes behind its checkpoint */
  SD_PLACE_START = 1,      /* no checkpoint: the mapping's start option, or the oldest event after a loss */
  SD_PLACE_ASK = 2,        /* the checkpoint lies above the broker's last answer: ask anew, then decide */
  SD_PLACE_LOST = 3 /* the broker no longer has what follows the checkpoint; *error tells the numbers */
} sd_place;

/* Where a freshly claimed partition begins. For CHECKPOINT and START the partition's counters are set and
 * *ret_position filled (it borrows from checkpoint and settings); for ASK the place is kept in the
 * partition. */
sd_place sd_partition_place(sd_partition *partition, const sd_checkpoint *checkpoint, const char *incarnation,
                            const sd_stream_mapping *settings, sd_position *ret_position, sd_error *error);

/* Decides about an unsure partition after a new answer: CHECKPOINT or LOST. *ret_position borrows from the
 * partition. */
sd_place sd_partition_settle(sd_partition *partition, sd_position *ret_position, sd_error *error);

/* LOST, but the operator chose to go on: at the oldest event. When the checkpoint's sequence numbers mean
 * nothing any more, the partition wants a claim that voids it (`reset`) and false is returned; else
 * *ret_position is filled and true returned. */
bool sd_partition_restart(sd_partition *partition, sd_position *ret_position);

void sd_partition_take_snapshot(const sd_partition *partition, sd_partition_snapshot *ret_snapshot);

#endif
