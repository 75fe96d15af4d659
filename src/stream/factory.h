/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Where the engine gets its sources and sinks from: the real ones, or a test's. */
#ifndef SD_STREAM_FACTORY_H
#define SD_STREAM_FACTORY_H

#include "base/log.h"
#include "batch/sink.h"
#include "batch/source.h"
#include "stream/timings.h"

#include <streamduck/stream.h>
#include <uv.h>

/* One database that mappings write to. */
typedef struct sd_stream_database {
  const char *database; /* a file's path, or a MotherDuck database's name */
  bool motherduck;
  const char *motherduck_token;
  const char *libduckdb;            /* as in sd_stream_options … */
  const char *motherduck_extension; /* … this too */
  const char *owner;                /* this process's id in control tables */
  const sd_scrubber *scrubber;
  sd_telemetry *telemetry; /* NULL: none */
} sd_stream_database;

typedef struct sd_stream_factory {
  /* A source for one mapping; it is not started. */
  sd_status (*source_new)(void *user, uv_loop_t *loop, const sd_stream_mapping *settings,
                          const char *receiver_name, const sd_source_handler *handler, void *owner,
                          sd_log *log, sd_source **ret_source, sd_error *error);
  /* A sink for one database. Called on the loop's thread: must not wait for the database. */
  sd_status (*sink_new)(void *user, const sd_stream_database *database, sd_log *log, sd_sink **ret_sink,
                        sd_error *error);
  void *user;
} sd_stream_factory;

/* sd_stream_new with parts and times of one's own; both are copied. */
SD_MUST_CHECK sd_status sd_stream_new_with(const sd_stream_options *options, const sd_stream_factory *factory,
                                           const sd_stream_timings *timings, sd_stream **ret_stream,
                                           sd_error *error);

#endif
