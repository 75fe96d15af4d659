/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The mapping's parts, shared by the files that make it up: mapping.c (life), lease.c (open, claim, renew,
 * release), write.c (batches to the sink), receive.c (the source's callbacks), catch_up.c, and its telemetry:
 * mapping_spans.c, batch_spans.c, metrics.c. */
#ifndef SD_STREAM_MAPPING_INTERNAL_H
#define SD_STREAM_MAPPING_INTERNAL_H

#include "base/backoff.h"
#include "stream/batcher.h"
#include "stream/mapping.h"
#include "stream/mapping_spans.h"
#include "stream/memory.h"
#include "stream/partition.h"

enum { MAPPING_INCARNATION_MAX = 64 };

/* How far the mapping is with its sink in the present generation. */
typedef enum mapping_link {
  LINK_DETACHED = 0, /* nothing asked */
  LINK_OPENING = 1,
  LINK_OPEN = 2,     /* tables are there, nothing claimed */
  LINK_ATTACHED = 3, /* claimed: may write */
  LINK_DONE = 4      /* nothing more will be asked */
} mapping_link;

typedef struct mapping_counters {
  uint64_t received;
  uint64_t received_bytes;
  uint64_t landed;
  uint64_t dead_letters;
  uint64_t batches;
  uint64_t transactions;
  uint64_t retries;
  uint64_t attempts_failed;
  uint64_t fenced;
  uint64_t gaps;
  uint64_t reconnects;
} mapping_counters;

struct sd_mapping {
  const sd_stream_mapping *settings;
  sd_mapping_env env;
  const char *owner;
  bool until_caught_up;
  bool watched;
  char *name;           /* "hub → database.schema.table" */
  char *ns;             /* host in lower case */
  char *consumer_group; /* in lower case */
  sd_target target;
  size_t transaction_bytes; /* T before any shrinking */

  sd_mapping_state state;
  sd_error halt_error;
  sd_error source_error; /* SD_OK when the source is well */
  sd_error sink_error;   /* SD_OK when the last answer was good */
  bool ending;           /* stopping or halting: nothing more is fetched */
  bool aborting;
  bool restarting; /* lands what it has and begins anew with a new source */
  bool pumping;
  bool pump_again;

  sd_source *source;
  bool source_working; /* started and not yet stopped */
  bool source_stopping;
  bool ready; /* the source knows the hub */
  char incarnation[MAPPING_INCARNATION_MAX];
  sd_partition *partitions;
  sd_partition_snapshot *partition_snapshots;
  uint32_t partition_count;
  uint64_t gap_warned_ms; /* 0: never */
  uint64_t gaps_unwarned;

  sd_sink *sink;
  mapping_link link;
  uint64_t generation;
  sd_sink_open open_op;
  bool open_busy;
  sd_sink_claim lease_op; /* CLAIM, RENEW or RELEASE: one at a time */
  bool lease_busy;
  bool release_tried;
  sd_claim *claims;          /* room for all partitions */
  uint32_t *claim_partition; /* claims[i] is of this partition */
  uint64_t claim_due_ms;     /* the next claim of a partition that is not owned, UINT64_MAX: none */
  uint64_t renew_due_ms;
  uint64_t submit_retry_ms; /* the sink's queue was full; 0: it was not */

  bool failing; /* an op failed; the rest of its generation is coming back */
  sd_error failure;
  sd_backoff backoff;
  uint32_t failures; /* in a row, since the last write or claim that made everything good */
  uint32_t failures_while_ending;
  uint64_t retry_at_ms; /* 0: no retry is due */

  sd_batcher batcher;
  sd_memory memory;
  size_t refused_bytes;              /* of an event for which there was no room; 0: none */
  uint32_t transaction_batches_left; /* replies still to come of the transaction counted last */
  int64_t last_commit_us;
  mapping_counters counters;
  sd_mapping_spans spans;

  bool refresh_busy;
  bool refresh_answered;
  uint64_t refresh_due_ms;
  uint64_t asked_ms;
  uint64_t answered_ms;
  uint64_t caught_up_ms;
};

static inline uint64_t sd_mapping_now(const sd_mapping *mapping)
{
  return mapping->env.now_ms(mapping->env.user);
}

static inline uint16_t sd_mapping_port(const sd_mapping *mapping)
{
  enum { PORT_PLAIN = 5672, PORT_TLS = 5671 };
  if (mapping->settings->port)
    return mapping->settings->port;
  return mapping->settings->tls ? PORT_TLS : PORT_PLAIN;
}

/* Events are wanted. */
static inline bool sd_mapping_fetches(const sd_mapping *mapping)
{
  return !mapping->ending && !mapping->restarting;
}

void sd_mapping_log(const sd_mapping *mapping, sd_log_level level, const char *format, ...) SD_PRINTF(3, 4);

/* Does everything that can be done now; safe to call from within a source's callback. */
void sd_mapping_pump(sd_mapping *mapping);
/* Ends the mapping for a reason that needs somebody. With `land`, what is held is landed first. */
void sd_mapping_halt(sd_mapping *mapping, const sd_error *error, bool land);
/* An op failed. */
void sd_mapping_fail(sd_mapping *mapping, const sd_error *error);
/* Hands an op to the sink; false: its queue is full (tried again soon) or it is closed (the mapping fails).
 */
bool sd_mapping_submit(sd_mapping *mapping, sd_sink_op *op, sd_sink_op_type type);
/* Some op has not come back. */
bool sd_mapping_is_busy(const sd_mapping *mapping);

/* lease.c */
void sd_lease_step(sd_mapping *mapping);
bool sd_lease_release(sd_mapping *mapping); /* true when there is nothing (more) to release */
void sd_lease_open_replied(sd_mapping *mapping);
void sd_lease_claim_replied(sd_mapping *mapping);
void sd_lease_renew_replied(sd_mapping *mapping);
void sd_lease_lose(sd_mapping *mapping, sd_partition *partition, uint64_t claim_at_ms);
uint32_t sd_lease_duration_ms(const sd_mapping *mapping);
/* An unsure partition after the broker's answer. */
void sd_lease_settle(sd_mapping *mapping, sd_partition *partition);

/* write.c */
void sd_mapping_write_step(sd_mapping *mapping);
void sd_mapping_write_replied(sd_mapping *mapping, sd_sink_write *write);
/* Counts the rows above `after` up to `up_to` that a commit landed whose answer was lost. */
void sd_mapping_write_count_landed(sd_mapping *mapping, uint32_t partition, int64_t epoch, int64_t after,
                                   int64_t up_to);

/* receive.c */
void sd_mapping_receive_stop(sd_mapping *mapping);
/* Also a source that is stopping. */
void sd_mapping_receive_abort(sd_mapping *mapping);
/* Once everything has landed and the source has stopped: begins anew. */
void sd_mapping_receive_restart(sd_mapping *mapping);
void sd_mapping_receive_grant(sd_mapping *mapping);

/* catch_up.c */
void sd_mapping_catch_up_step(sd_mapping *mapping);
uint64_t sd_mapping_catch_up_due_ms(const sd_mapping *mapping);
/* Asks the broker anew as soon as no answer is under way. */
void sd_mapping_catch_up_refresh(sd_mapping *mapping);
uint32_t sd_mapping_catch_up_period_ms(const sd_mapping *mapping);

#endif
