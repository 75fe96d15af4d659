/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * One mapping as a state machine: events from its source become batches, batches go to its sink, answers
 * decide what comes next. It never waits and knows no event loop: its owner hands it the source's callbacks,
 * the sink's replies and the time. Everything on the loop's thread.
 *
 * Life: new → attach → start → (source callbacks, reply, tick)… → ended → free.
 */
#ifndef SD_STREAM_MAPPING_H
#define SD_STREAM_MAPPING_H

#include "base/log.h"
#include "batch/sink.h"
#include "batch/source.h"
#include "stream/timings.h"

#include <streamduck/stream.h>

typedef struct sd_mapping sd_mapping;
typedef struct sd_stream_metrics sd_stream_metrics;

typedef struct sd_mapping_env {
  uint64_t (*now_ms)(void *user); /* monotonic */
  int64_t (*unix_us)(void *user); /* wall clock: leases are told in it */
  void *user;
  /* A new source for the mapping, when the hub was made anew and shall be read from its start; may be NULL.
   */
  sd_status (*source_new)(void *user, sd_mapping *mapping, sd_source **ret_source, sd_error *error);
  sd_log *log;       /* NULL: silent */
  sd_queue *replies; /* where sinks answer; the owner pops it and calls sd_mapping_reply */
  sd_stream_timings timings;
  sd_tracer *tracer;                /* NULL: no telemetry */
  const sd_stream_metrics *metrics; /* with a tracer; NULL: none */
} sd_mapping_env;

typedef struct sd_mapping_options {
  const sd_stream_mapping *settings; /* borrowed for the mapping's life */
  size_t share;                      /* bytes of memory */
  bool until_caught_up;
  const char *owner; /* this process's id in control tables; borrowed */
} sd_mapping_options;

SD_MUST_CHECK sd_status sd_mapping_new(const sd_mapping_options *options, const sd_mapping_env *env,
                                       sd_mapping **ret_mapping);
/* NULL is allowed. Only before start or when ended. The source is freed, the sink is not. */
void sd_mapping_free(sd_mapping *mapping);

/* The callbacks to make the source with; its owner argument is the mapping. */
const sd_source_handler *sd_mapping_source_handler(void);

/* Takes the source over and borrows the sink until the mapping has ended. */
void sd_mapping_attach(sd_mapping *mapping, sd_source *source, sd_sink *sink);

/* Somebody looks at snapshots often: asks the broker more often. Before start. */
void sd_mapping_watch(sd_mapping *mapping);

/* Starts source and sink. */
void sd_mapping_start(sd_mapping *mapping);

/* Ends before start, because a source or a sink could not be made. */
void sd_mapping_refuse(sd_mapping *mapping, const sd_error *error);

/* A sink gives an op back. */
void sd_mapping_reply(sd_mapping *mapping, sd_sink_op *op);

/* Does what has become due. */
void sd_mapping_tick(sd_mapping *mapping);
/* When tick should be called next; UINT64_MAX: not by time. */
uint64_t sd_mapping_due_ms(const sd_mapping *mapping);

/* In order: fetches no more, lands what is in flight, releases, ends. */
void sd_mapping_stop(sd_mapping *mapping);
/* At once: sends the sink nothing more, breaks the source off. Ops in flight must still be given back by
 * sd_mapping_reply. */
void sd_mapping_abort(sd_mapping *mapping);

/* Nothing of it is at work any more. */
bool sd_mapping_ended(const sd_mapping *mapping);
/* until_caught_up: when it was last certain that everything at the broker had landed; 0: not yet. */
uint64_t sd_mapping_caught_up_ms(const sd_mapping *mapping);
/* Asks the broker whether it still is, unless it has just been asked. */
void sd_mapping_ask_anew(sd_mapping *mapping);
/* Why it halted; NULL when it has not. */
const sd_error *sd_mapping_halt_error(const sd_mapping *mapping);

/* What a mapping has done. */
typedef struct sd_mapping_totals {
  uint64_t messages; /* landed and dead letters */
  uint64_t batches;
  uint64_t retries;
  uint64_t transactions;    /* attempts to write that were committed … */
  uint64_t attempts_failed; /* … and those that were not */
} sd_mapping_totals;
sd_mapping_totals sd_mapping_get_totals(const sd_mapping *mapping);

/* Starts the spans that last as long as a segment, below parent; ends them. Begin before start. A mapping
 * that is not in a segment is not ended again. */
void sd_mapping_begin_segment(sd_mapping *mapping, const sd_context *parent);
void sd_mapping_end_segment(sd_mapping *mapping);
/* Brings its counters and gauges up to date. */
void sd_mapping_metrics_update(sd_mapping *mapping);

/* Fills views into the mapping, good until its next change. Allocates nothing. */
void sd_mapping_take_snapshot(sd_mapping *mapping, sd_mapping_snapshot *ret_snapshot);

#endif
