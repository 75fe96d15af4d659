/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * When a file is checkpointed: between transactions, by its own writer, one file of the process after the
 * other (each needs memory), once its WAL has grown to SD_SINK_WAL_CHECKPOINT.
 */
#include "sink/sink_private.h"

#include <stdio.h>
#include <sys/stat.h>

enum { WAL_WAIT_FACTOR = 4 /* a WAL this many times too long waits for the token instead of passing by */ };

static pthread_mutex_t checkpoint_token = PTHREAD_MUTEX_INITIALIZER;

/* stat() opens nothing: an open and close of the file would drop DuckDB's lock on it. */
uint64_t sd_sink_wal_bytes(const sd_duck_sink *sink)
{
  const char *path = sink->database ? sd_duck_database_path(sink->database) : NULL;
  if (!path)
    return 0;
  char wal[4096 + 8];
  struct stat st;
  snprintf(wal, sizeof wal, "%.4095s.wal", path);
  return stat(wal, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void checkpoint(sd_duck_sink *sink)
{
  sd_error error;
  char sql[SD_DUCK_ALIAS_MAX + 32];
  /* The alias of a local file is ours: letters, digits and _. */
  snprintf(sql, sizeof sql, "CHECKPOINT \"%s\"", sink->catalog);
  if (sd_sink_enter(sink, &error) != SD_OK)
    return;
  if (sd_duck_execute(sink->connection, sql, NULL, &error) == SD_OK) {
    sink->checkpoint_due = false;
  } else {
    /* Mostly: another writer of the file is in a transaction. It is tried again after the next one; what is
     * committed is safe in the WAL. */
    sd_log_debug(sink->log, "sink", "%s: checkpoint put off: %s", sink->database_name, error.message);
  }
  sd_sink_leave(sink);
}

void sd_sink_checkpoint_when_due(sd_duck_sink *sink)
{
  if (!sink->database || sink->motherduck || atomic_load(&sink->aborting)) {
    sink->checkpoint_due = false;
    return;
  }
  uint64_t wal = sd_sink_wal_bytes(sink);
  if (wal < SD_SINK_WAL_CHECKPOINT && !sink->checkpoint_due)
    return;
  if (sink->checkpoint_due || wal >= (uint64_t)SD_SINK_WAL_CHECKPOINT * WAL_WAIT_FACTOR)
    pthread_mutex_lock(&checkpoint_token);
  else if (pthread_mutex_trylock(&checkpoint_token) != 0)
    return;
  checkpoint(sink);
  pthread_mutex_unlock(&checkpoint_token);
}
