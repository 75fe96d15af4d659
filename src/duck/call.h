/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to duck: one connection handle and the calls that run on it, watched. DuckDB has no statement
 * time-out, and a call to MotherDuck can hang for ever: the watchdog thread of an instance interrupts a call
 * that has run for its maximum, and calls it hung when it goes on in spite of that.
 */
#ifndef SD_DUCK_CALL_H
#define SD_DUCK_CALL_H

#include "base/log.h"
#include "duck/duck_api.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct sd_duck_watchdog sd_duck_watchdog;

typedef struct sd_duck_call {
  struct sd_duck_call *next; /* the watchdog's list */
  sd_duck_watchdog *watchdog;
  const sd_duck_api *api;
  const sd_scrubber *scrubber;
  sd_log *log;
  uint64_t max_ms;
  uint64_t grace_ms;
  pthread_mutex_t lock;     /* of the handle and the times below */
  duckdb_connection handle; /* NULL: not connected. Changed by the owner's thread, under the lock */
  uint64_t deadline_ms;     /* of the running call; 0: none runs */
  uint64_t interrupted_ms;  /* when the running call was interrupted; 0: it was not */
  atomic_bool timed_out;    /* the last call was interrupted by the watchdog */
  atomic_bool cancelled;
  atomic_bool hung;
} sd_duck_call;

SD_MUST_CHECK sd_status sd_duck_watchdog_new(sd_duck_watchdog **ret_watchdog, sd_error *error);
/* No call may be left. NULL is allowed. */
void sd_duck_watchdog_free(sd_duck_watchdog *watchdog);

/* The fields up to grace_ms are the caller's; the rest is set here. */
SD_MUST_CHECK sd_status sd_duck_call_init(sd_duck_call *call);
/* Disconnects. */
void sd_duck_call_release(sd_duck_call *call);
/* Exchanges the handle; the old one is disconnected. Owner's thread. */
void sd_duck_call_set_handle(sd_duck_call *call, duckdb_connection handle);

/* Around each call into DuckDB that may take long. begin fails with SD_CANCELLED after cancel. */
SD_MUST_CHECK sd_status sd_duck_call_begin(sd_duck_call *call, sd_error *error);
void sd_duck_call_end(sd_duck_call *call);

/* After end: fills *error from DuckDB's error, with a time-out or a cancel told apart. Returns its code. */
sd_status sd_duck_call_failed(sd_duck_call *call, duckdb_error_type type, const char *text, sd_error *error);

/* Runs one statement; on success *ret_result is the caller's to destroy. */
SD_MUST_CHECK sd_status sd_duck_call_query(sd_duck_call *call, const char *sql, duckdb_result *ret_result,
                                           sd_error *error);

/* Any thread. */
void sd_duck_call_interrupt(sd_duck_call *call);
void sd_duck_call_cancel(sd_duck_call *call);

#endif
