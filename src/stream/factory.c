/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The real parts: Event Hubs as the source, DuckDB and MotherDuck as the sink. */
#include "stream/factory.h"

#include "eventhubs/source.h"
#include "sink/sink.h"

static sd_status new_source(void *user, uv_loop_t *loop, const sd_stream_mapping *settings,
                            const char *receiver_name, const sd_source_handler *handler, void *owner,
                            sd_log *log, sd_source **ret_source, sd_error *error)
{
  (void)user;
  const sd_eventhubs_options options = {.struct_size = sizeof options,
                                        .host = settings->host,
                                        .port = settings->port,
                                        .tls = settings->tls,
                                        .ca_file = settings->ca_file,
                                        .hub = settings->hub,
                                        .consumer_group = settings->consumer_group,
                                        .sas_key_name = settings->sas_key_name,
                                        .sas_key = settings->sas_key,
                                        .sas_token = settings->sas_token,
                                        .receiver_name = receiver_name};
  return sd_eventhubs_source_new(loop, &options, handler, owner, log, ret_source, error);
}

static sd_status new_sink(void *user, const sd_stream_database *database, sd_log *log, sd_sink **ret_sink,
                          sd_error *error)
{
  (void)user;
  const sd_duck_sink_options options = {.struct_size = sizeof options,
                                        .database = database->database,
                                        .motherduck = database->motherduck,
                                        .motherduck_token = database->motherduck_token,
                                        .motherduck_extension = database->motherduck_extension,
                                        .libduckdb = database->libduckdb,
                                        .owner = database->owner,
                                        .log = log,
                                        .scrubber = database->scrubber,
                                        .telemetry = database->telemetry};
  return sd_duck_sink_new(&options, ret_sink, error);
}

sd_status sd_stream_new(const sd_stream_options *options, sd_stream **ret_stream, sd_error *error)
{
  static const sd_stream_factory real = {.source_new = new_source, .sink_new = new_sink};
  return sd_stream_new_with(options, &real, &sd_stream_timings_default, ret_stream, error);
}
