/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * DuckDB instances of this process: one for all local files, one for each distinct MotherDuck token. Several
 * owners share an instance and its attached databases by reference count. (A second instance on a file, or a
 * plain open and close of it, would drop the lock that keeps other processes out.)
 *
 * Everything here may be called from any thread.
 */
#ifndef SD_DUCK_INSTANCE_H
#define SD_DUCK_INSTANCE_H

#include "base/log.h"
#include "duck/duck_api.h"

enum {
  SD_DUCK_ALIAS_MAX = 256,            /* bytes of a catalog's name in SQL, with NUL */
  SD_DUCK_MEMORY_LIMIT_MB = 64,       /* DuckDB's buffers at first, all attached files together */
  SD_DUCK_MEMORY_LIMIT_MAX_MB = 4096, /* to which it may be raised, or half of the machine's memory */
  /* Rows of a row group in local files, a multiple of 2048. A transaction of at least as many goes past the
   * WAL; DuckDB's default, 122,880 rows, can be more than the bytes that one transaction may have. Files with
   * row groups of any size can be read and continued. */
  SD_DUCK_ROW_GROUP_ROWS = 12288,
  SD_DUCK_WAL_AUTOCHECKPOINT_MB = 512 /* safety net: COMMIT itself checkpoints; we do it before, at 64 MB */
};

typedef struct sd_duck_instance sd_duck_instance;
typedef struct sd_duck_database sd_duck_database;

typedef struct sd_duck_instance_options {
  const sd_duck_api *api;           /* NULL: the loaded library */
  const char *libduckdb;            /* path, NULL: sd_duck_library_load searches */
  const char *motherduck_token;     /* NULL: the instance of local files */
  const char *motherduck_extension; /* the extension's file; NULL: $STREAMDUCK_MOTHERDUCK_EXTENSION, else
                                       DuckDB fetches it */
} sd_duck_instance_options;

/* Joins the instance or opens it. For MotherDuck this loads the extension, which takes up to 10 s without a
 * network: never on the I/O thread. */
SD_MUST_CHECK sd_status sd_duck_instance_acquire(const sd_duck_instance_options *options,
                                                 sd_duck_instance **ret_instance, sd_error *error);
/* The last one closes it. NULL is allowed. */
void sd_duck_instance_release(sd_duck_instance *instance);

/* SD_CONFIG unless this is the bare name of a MotherDuck database, without `md:` and parameters. */
SD_MUST_CHECK sd_status sd_duck_motherduck_name_check(const char *name, sd_error *error);

/* Attaches a file (made when missing, unless read_only) or a MotherDuck database, or joins it when it is
 * attached already. A failing attach leaves nothing behind. */
SD_MUST_CHECK sd_status sd_duck_database_attach(sd_duck_instance *instance, const char *name, bool read_only,
                                                sd_duck_database **ret_database, sd_error *error);
/* The last one detaches (which checkpoints a file). NULL is allowed. */
void sd_duck_database_detach(sd_duck_database *database);

/* The catalog's name in SQL; good until detach. */
const char *sd_duck_database_alias(const sd_duck_database *database);
/* The file's canonical path; NULL for a MotherDuck database. */
const char *sd_duck_database_path(const sd_duck_database *database);

/* Doubles DuckDB's memory limit, also for later openings, and tells the new one in MiB. DuckDB handles 2048
 * rows of a column at once, so that large bodies need more than SD_DUCK_MEMORY_LIMIT_MB. SD_LIMIT at the
 * maximum. The caller must not be inside a connection. (Attaching raises the limit by itself when a WAL does
 * not fit.) */
SD_MUST_CHECK sd_status sd_duck_instance_raise_memory(sd_duck_instance *instance, uint32_t *ret_limit_mb,
                                                      sd_error *error);

/* Opens the instance anew after an error that has `fatal` set: waits until no connection is in use, closes
 * everything, opens, attaches the databases again (one that fails is tried again when it is used next).
 * `generation` is the one that failed (duck/connection.h): when somebody has reopened since, nothing happens.
 * The caller must not be inside a connection. */
SD_MUST_CHECK sd_status sd_duck_instance_reopen(sd_duck_instance *instance, uint64_t generation,
                                                sd_error *error);

#endif
