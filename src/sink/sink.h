/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink that lands batches in a DuckDB file or a MotherDuck database (batch/sink.h says how it is talked
 * to). One writer thread per sink; the mappings that write to the database take turns. Sinks of one process
 * share one DuckDB instance (duck/instance.h).
 *
 * In the target's schema it keeps `_streamduck_checkpoints` (one row per broker, hub, group, target and
 * partition), `_streamduck_guard` (one row, which serialises claims) and `_streamduck_dead_letters`.
 *
 * A local file's claims are forced: whoever holds the file's lock knows that the owner before is dead. On
 * MotherDuck the leases of others are respected.
 *
 * The Python original's table (sd_target.legacy_…): its database is the sink's own when the name equals
 * `database`, else, for a local sink, a file when it contains '/' or ends in .duckdb, and for a MotherDuck
 * sink another MotherDuck database. A local sink cannot reach a MotherDuck database: it says so once and
 * neither imports nor mirrors.
 */
#ifndef SD_SINK_SINK_H
#define SD_SINK_SINK_H

#include "base/log.h"
#include "batch/sink.h"
#include "duck/duck_api.h"

enum {
  SD_SINK_LEASE_LOCAL_S = 30,
  SD_SINK_LEASE_MOTHERDUCK_S = 300,
  SD_SINK_MAPPINGS_MAX = 256,        /* that write to one database */
  SD_SINK_COALESCE_MAX = 1024,       /* batches of one transaction */
  SD_SINK_WAL_CHECKPOINT = 64 << 20, /* bytes of WAL after which the file is checkpointed */
  SD_SINK_OWNER_MAX = 64             /* bytes of an owner's id, with NUL */
};

/* All strings are copied; log and scrubber are borrowed until free. */
typedef struct sd_duck_sink_options {
  size_t struct_size;
  const char *database; /* a file's path, or a MotherDuck database's bare name */
  bool motherduck;
  const char *motherduck_token;     /* with motherduck */
  const char *motherduck_extension; /* file of the extension; NULL: $STREAMDUCK_MOTHERDUCK_EXTENSION, else
                                       DuckDB fetches it */
  const char *libduckdb;            /* path; NULL: searched (duck/library.h) */
  const char *owner;                /* this process in the control table; NULL: one random id per process */
  uint32_t lease_seconds;           /* 0: SD_SINK_LEASE_… */
  uint32_t call_max_ms;             /* a database call is interrupted after it; 0: SD_DUCK_CALL_MAX_MS */
  bool respect_leases;              /* also for a file; always with motherduck */
  bool query_appender;              /* write through INSERT … SELECT; always with motherduck */
  sd_log *log;
  const sd_scrubber *scrubber;
  sd_telemetry *telemetry; /* borrowed until free; NULL: no spans */
  const sd_duck_api *api;  /* tests: a table other than the loaded library's */
} sd_duck_sink_options;

/* Checks the options, loads libduckdb and starts the thread; the database is opened by the first op. */
SD_MUST_CHECK sd_status sd_duck_sink_new(const sd_duck_sink_options *options, sd_sink **ret_sink,
                                         sd_error *error);

/* The id under which this process owns partitions unless options say otherwise. Any thread. */
const char *sd_sink_process_owner(void);

#endif
