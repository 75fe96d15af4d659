/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a DuckDB instance. It belongs to one thread, which enters it for a turn (statements of a
 * transaction, results read) and leaves it again, so that between turns the instance can be opened anew. Each
 * call into DuckDB runs under a watchdog that interrupts it after a maximum.
 */
#ifndef SD_DUCK_CONNECTION_H
#define SD_DUCK_CONNECTION_H

#include "duck/instance.h"
#include "duck/result.h"

typedef struct sd_duck_connection sd_duck_connection;

enum {
  SD_DUCK_CALL_MAX_MS = 10 * 60 * 1000, /* default: a call is interrupted after it */
  SD_DUCK_HUNG_GRACE_MS = 30 * 1000,    /* a call that runs on this long after the interrupt counts as hung */
  SD_DUCK_SQL_MAX = 16 * 1024 * 1024    /* bytes of one statement */
};

typedef struct sd_duck_connection_options {
  uint32_t call_max_ms;        /* 0: SD_DUCK_CALL_MAX_MS */
  uint32_t hung_grace_ms;      /* 0: SD_DUCK_HUNG_GRACE_MS */
  sd_log *log;                 /* told about interrupted and hung calls; may be NULL. Borrowed */
  const sd_scrubber *scrubber; /* for error texts; may be NULL. Borrowed */
} sd_duck_connection_options;

/* Connects at the first enter. */
SD_MUST_CHECK sd_status sd_duck_connection_new(sd_duck_instance *instance,
                                               const sd_duck_connection_options *options,
                                               sd_duck_connection **ret_connection, sd_error *error);
/* Not while entered. NULL is allowed. An open transaction is rolled back. */
void sd_duck_connection_free(sd_duck_connection *connection);

/* Begins a turn: connects where that is needed, and makes sure that `database` (may be NULL) is attached. */
SD_MUST_CHECK sd_status sd_duck_connection_enter(sd_duck_connection *connection, sd_duck_database *database,
                                                 sd_error *error);
void sd_duck_connection_leave(sd_duck_connection *connection);

/* Counts the openings of the connection's handle: it changes with every reconnect, so what was made on the
 * handle (appenders) is gone when it differs. Entered. */
uint64_t sd_duck_connection_serial(const sd_duck_connection *connection);
/* The instance's generation that the handle belongs to, for sd_duck_instance_reopen. */
uint64_t sd_duck_connection_generation(const sd_duck_connection *connection);

/* Throws the handle away, and with it any open transaction, and connects anew. Entered. Appenders of the old
 * handle must have been freed. */
SD_MUST_CHECK sd_status sd_duck_connection_reconnect(sd_duck_connection *connection, sd_error *error);

/* Runs one statement whose rows do not matter. *ret_changed (may be NULL) gets the number of rows that an
 * INSERT, UPDATE or DELETE changed. Entered. */
SD_MUST_CHECK sd_status sd_duck_execute(sd_duck_connection *connection, const char *sql,
                                        uint64_t *ret_changed, sd_error *error);
/* As above for a statement built in a buffer, which may have failed. */
SD_MUST_CHECK sd_status sd_duck_execute_buf(sd_duck_connection *connection, sd_buf *sql,
                                            uint64_t *ret_changed, sd_error *error);
/* Runs one statement and keeps all its rows (no transaction stays open). Entered. */
SD_MUST_CHECK sd_status sd_duck_query(sd_duck_connection *connection, const char *sql,
                                      sd_duck_result **ret_result, sd_error *error);
SD_MUST_CHECK sd_status sd_duck_query_buf(sd_duck_connection *connection, sd_buf *sql,
                                          sd_duck_result **ret_result, sd_error *error);
/* The first cell of the first row. SD_NOT_FOUND when there is none or it is NULL. Entered. */
SD_MUST_CHECK sd_status sd_duck_query_int64(sd_duck_connection *connection, const char *sql,
                                            int64_t *ret_value, sd_error *error);
SD_MUST_CHECK sd_status sd_duck_query_int64_buf(sd_duck_connection *connection, sd_buf *sql,
                                                int64_t *ret_value, sd_error *error);

/* From now on every call fails with SD_CANCELLED, the running one is interrupted until it ends. Any thread.
 */
void sd_duck_connection_cancel(sd_duck_connection *connection);
/* True while a call has not ended though it was interrupted SD_DUCK_HUNG_GRACE_MS ago. Any thread. */
bool sd_duck_connection_is_hung(const sd_duck_connection *connection);

#endif
