/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Tail sampling: the spans of a trace wait until one of them decides.
 *
 * A trace is kept once a span reaches the level (no level: info; status error: error), once the time from its
 * first start exceeds the duration, or when it has a remote parent; otherwise, when its last open span ends,
 * with the background ratio. What does not fit into the bounded memory is kept: the oldest undecided trace
 * first.
 */
#ifndef SD_TRACE_TAIL_H
#define SD_TRACE_TAIL_H

#include "trace/ring.h"

enum { SD_TAIL_TRACES_MAX = 4096, SD_TAIL_BYTES_MAX = 4 << 20 };

typedef struct sd_tail_record sd_tail_record;
typedef struct sd_tail_trace sd_tail_trace;

/* A record that waited, and the copy's next one. */
struct sd_tail_record {
  sd_tail_record *next;
  sd_ring_record header; /* its bytes follow */
};

/* Takes one record that is kept; it stays good until sd_tail_forget. */
typedef void sd_tail_emit_fn(void *user, const sd_ring_record *record);

typedef struct sd_tail {
  bool enabled;
  int level;
  int64_t duration_ns;
  double background_ratio;
  uint64_t background_threshold;
  sd_tail_trace **buckets; /* by trace id */
  sd_tail_trace *oldest;   /* all traces, by first start seen */
  sd_tail_trace *newest;
  sd_tail_record *emitted; /* copies that were emitted */
  size_t trace_count;
  size_t bytes;
  uint64_t record_count; /* that wait */
  sd_tail_emit_fn *emit;
  void *user;
} sd_tail;

SD_MUST_CHECK sd_status sd_tail_init(sd_tail *tail, const sd_tail_sampling *options, sd_tail_emit_fn *emit,
                                     void *user, sd_error *error);
/* Drops everything. */
void sd_tail_release(sd_tail *tail);

/* Takes a record in the order of recording: emits it, with what waited for it, keeps a copy, or drops it. Log
 * records pass. */
void sd_tail_add(sd_tail *tail, const sd_ring_record *record);

/* Emits traces that are open for longer than the duration at now_unix_ns. */
void sd_tail_look(sd_tail *tail, int64_t now_unix_ns);
/* Decides all as if their last span had ended. */
void sd_tail_finish(sd_tail *tail);

/* Frees the copies that were emitted. */
void sd_tail_forget(sd_tail *tail);

/* In the child of a fork: drops what waits and returns how many records that was. */
uint64_t sd_tail_after_fork(sd_tail *tail);

#endif
