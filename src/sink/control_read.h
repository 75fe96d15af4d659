/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at checkpoints without a sink, for commands: list the control rows of a database that nobody holds,
 * and import the Python original's. Both open the database on the calling thread and close it again.
 */
#ifndef SD_SINK_CONTROL_READ_H
#define SD_SINK_CONTROL_READ_H

#include "sink/sink.h"

enum { SD_CONTROL_ROWS_MAX = 1024 * 1024 };

/* Which database. Strings are borrowed for the call. */
typedef struct sd_control_options {
  const char *database; /* a file's path, or a MotherDuck database's bare name */
  bool motherduck;
  const char *motherduck_token;
  const char *motherduck_extension; /* as sd_duck_sink_options */
  const char *libduckdb;
  sd_log *log;
  const sd_duck_api *api; /* tests */
} sd_control_options;

typedef struct sd_control_row {
  char *ns;
  char *hub;
  char *consumer_group;
  char *target; /* table name, lower case */
  char *partition_id;
  char *incarnation;       /* NULL: unknown */
  char *offset;            /* NULL: nothing landed yet */
  int64_t sequence_number; /* -1: nothing landed yet */
  int64_t enqueued_us;     /* of the newest landed event; 0: unknown */
  int64_t epoch;
  char *owner;            /* NULL: nobody */
  int64_t lease_until_us; /* 0: none */
  int64_t rows_total;     /* landed and dead */
  int64_t updated_us;
} sd_control_row;

/* All control rows of a schema, ordered by hub, group, target and partition (numerically). A file is opened
 * for reading only. SD_NOT_FOUND: no such database, or no control table in the schema; SD_CONFLICT: another
 * process has the file open (the message names it). */
SD_MUST_CHECK sd_status sd_control_list(const sd_control_options *options, const char *schema,
                                        sd_control_row **ret_rows, size_t *ret_count, sd_error *error);
void sd_control_rows_free(sd_control_row *rows, size_t count);

/* What became of one partition of the original's table. */
typedef struct sd_control_import {
  uint32_t found;    /* partitions in the original's table */
  uint32_t imported; /* of these had no checkpoint of ours and got the original's */
  uint32_t kept;     /* of these had one of ours, which stays */
  uint32_t held;     /* of these are owned by a running instance: untouched */
} sd_control_import;

/* Imports the checkpoints of target->legacy_… for the target; makes our tables where missing. SD_CONFIG when
 * the target names no table of the original or it is out of reach; SD_NOT_FOUND when that table has no row
 * for this target. */
SD_MUST_CHECK sd_status sd_control_import_legacy(const sd_control_options *options, const sd_target *target,
                                                 sd_control_import *ret_import, sd_error *error);

#endif
