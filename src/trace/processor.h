/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The telemetry's thread: takes records from the ring, lets tail sampling decide, scrubs them, hands them to
 * the exporters in batches, and collects metrics.
 *
 * It starts with the first record. It is woken when a batch is complete or when it sleeps without a limit,
 * never for each record; while records keep coming fast it looks by itself at short intervals instead.
 */
#ifndef SD_TRACE_PROCESSOR_H
#define SD_TRACE_PROCESSOR_H

#include "base/arena.h"
#include "base/buf.h"
#include "trace/ring.h"
#include "trace/tail.h"

#include <pthread.h>
#include <streamduck/export.h>

enum {
  SD_PROCESSOR_BATCH_MAX = 8192,
  SD_PROCESSOR_SCRATCH_MAX = 4 * SD_SPAN_BYTES_MAX,   /* one record after scrubbing */
  SD_PROCESSOR_SCRUBBED_MAX = 64 * SD_SPAN_BYTES_MAX, /* scrubbed records of one batch */
  SD_PROCESSOR_INTERVAL_NS = 1000000,                 /* between two looks that full batches asked for */
  SD_PROCESSOR_RETRY_NS = 1000000000,                 /* after the thread could not be started */
  SD_PROCESSOR_REPORT_S = 10,                         /* drops are reported so often at most */
  SD_TELEMETRY_METRICS_DEFAULT_MS = 60000
};

/* What the program was told of a counter. */
typedef struct sd_processor_report {
  uint64_t total;
  uint64_t told_ns; /* 0: never */
} sd_processor_report;

typedef struct sd_processor {
  /* Guards what follows. */
  pthread_mutex_t mutex;
  pthread_cond_t wake; /* the thread waits on it */
  pthread_cond_t done; /* those who wait for the thread */
  pthread_t thread;
  bool is_started;
  bool is_finished; /* the thread has done its last work */
  bool is_orphan;   /* nobody joins the thread: it frees the telemetry itself */
  bool must_stop;
  bool is_cancelled; /* no exporter is called any more */
  bool is_batch_due;
  bool is_urgent;
  uint64_t retry_ns; /* not before this is the thread started again */
  uint64_t flush_asked;
  uint64_t flush_done;
  const sd_exporter *exporting; /* being called now */
  bool is_flushing;             /* some thread waits for the exporters */

  uint64_t looked_ns; /* last drain, or since when the ring is watched */
  uint64_t metrics_due_ns;
  uint64_t delay_ns;
  uint64_t metric_interval_ns;
  uint32_t batch;

  /* The thread's own; `busy` is held while it changes them, so that a fork finds them in order. */
  pthread_mutex_t busy;
  sd_record *records; /* the batch */
  sd_record *chosen;  /* the batch without pending spans */
  uint32_t count;
  uint32_t pending_count;
  sd_buf scratch;
  sd_arena scrubbed;
  sd_tail tail;
  sd_processor_report dropped_records;
  sd_processor_report dropped_attributes;
} sd_processor;

SD_MUST_CHECK sd_status sd_processor_init(sd_telemetry *telemetry, const sd_telemetry_options *options,
                                          sd_error *error);
/* Only when the thread does not run. */
void sd_processor_release(sd_telemetry *telemetry);

/* What a push asked for. Any thread. */
void sd_processor_notice(sd_telemetry *telemetry, sd_ring_result result);

/* Commits a record and does what the ring asks for. Any thread. */
static inline void sd_processor_commit(sd_telemetry *telemetry, sd_ring *ring, unsigned slot,
                                       const sd_ring_record *record)
{
  sd_ring_result result = sd_ring_commit(ring, slot, record);
  if (__builtin_expect(result != SD_RING_OK, 0))
    sd_processor_notice(telemetry, result);
}

/* Starts the thread if it does not run. False when it cannot be. With the mutex held. */
bool sd_processor_start(sd_telemetry *telemetry);

/* Waits until everything recorded before is with the exporters. SD_TIMEOUT. */
sd_status sd_processor_flush(sd_telemetry *telemetry, uint64_t deadline_ns);

/* The last flush, after which the ring is closed and the thread ends. SD_TIMEOUT: it did not end by then and
 * calls no exporter any more once the present call returns. */
sd_status sd_processor_stop(sd_telemetry *telemetry, uint64_t deadline_ns);

/* One thread at a time waits for the exporters. False: another did so until the deadline. */
bool sd_processor_enter_flush(sd_telemetry *telemetry, uint64_t deadline_ns);
void sd_processor_leave_flush(sd_telemetry *telemetry);

/* After stop: the exporter whose call has not returned yet, NULL when there is none. */
const sd_exporter *sd_processor_stuck(sd_telemetry *telemetry);
/* After stop: true when the thread is gone; false leaves the telemetry to it. */
bool sd_processor_join(sd_telemetry *telemetry);

/* True on the telemetry's own thread. */
bool sd_processor_is_self(sd_telemetry *telemetry);

/* Around each call of an exporter on the telemetry's thread. False: it must not be called any more. */
bool sd_processor_enter(sd_telemetry *telemetry, const sd_exporter *exporter);
void sd_processor_leave(sd_telemetry *telemetry);

/* Around a fork: its locks are taken, and given back in the parent and in the child, whose thread is gone. */
void sd_processor_before_fork(sd_telemetry *telemetry);
void sd_processor_after_fork_parent(sd_telemetry *telemetry);
/* Returns how many records the parent keeps. */
uint64_t sd_processor_after_fork(sd_telemetry *telemetry);

/* ---- batch.c: from blocks to exporters, on the telemetry's thread */

/* Everything in the ring; with `is_last` also what tail sampling holds back. */
void sd_batch_process(sd_telemetry *telemetry, bool is_last);

/* Scrubs one record and puts it into the batch, which goes out when it is full. user: the telemetry. */
void sd_batch_emit(void *user, const sd_ring_record *record);

#endif
