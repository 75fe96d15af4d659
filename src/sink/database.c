/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The sink's database: opening, turns, transactions of a few statements. */
#include "sink/sink_private.h"

static void share_connection(sd_duck_sink *sink, sd_duck_connection *connection)
{
  pthread_mutex_lock(&sink->lock);
  sink->shared_connection = connection;
  pthread_mutex_unlock(&sink->lock);
}

static sd_status open_database(sd_duck_sink *sink, sd_error *error)
{
  sd_duck_instance_options instance_options = {
      .api = sink->api,
      .libduckdb = sink->libduckdb,
      .motherduck_token = sink->motherduck ? sink->token : NULL,
      .motherduck_extension = sink->extension,
  };
  sd_duck_connection_options connection_options = {
      .call_max_ms = sink->call_max_ms,
      .log = sink->log,
      .scrubber = sink->scrubber,
  };
  sd_duck_connection *connection = NULL;
  sd_status status = sd_duck_instance_acquire(&instance_options, &sink->instance, error);
  if (status == SD_OK)
    status = sd_duck_database_attach(sink->instance, sink->database_name, false, &sink->database, error);
  if (status == SD_OK)
    status = sd_duck_connection_new(sink->instance, &connection_options, &connection, error);
  if (status != SD_OK) {
    sd_sink_close_database(sink);
    return status;
  }
  sink->connection = connection;
  share_connection(sink, connection);
  /* An abort that came before there was a connection holds for it too. */
  if (atomic_load(&sink->aborting))
    sd_duck_connection_cancel(connection);
  sink->catalog = sd_duck_database_alias(sink->database);
  return SD_OK;
}

void sd_sink_close_database(sd_duck_sink *sink)
{
  sd_sink_leave(sink);
  share_connection(sink, NULL);
  sd_duck_connection_free(sink->connection);
  sink->connection = NULL;
  for (sd_sink_mapping *mapping = sink->mappings; mapping; mapping = mapping->next)
    sd_legacy_close(mapping);
  sd_duck_database_detach(sink->database);
  sink->database = NULL;
  sink->catalog = NULL;
  sd_duck_instance_release(sink->instance);
  sink->instance = NULL;
}

sd_status sd_sink_enter(sd_duck_sink *sink, sd_error *error)
{
  if (!sink->connection) {
    sd_status status = open_database(sink, error);
    if (status != SD_OK)
      return status;
  }
  sd_status status = sd_duck_connection_enter(sink->connection, sink->database, error);
  sink->entered = status == SD_OK;
  return status;
}

void sd_sink_leave(sd_duck_sink *sink)
{
  if (sink->entered)
    sd_duck_connection_leave(sink->connection);
  sink->entered = false;
}

sd_status sd_sink_reopen(sd_duck_sink *sink, sd_error *error)
{
  uint64_t generation = sd_duck_connection_generation(sink->connection);
  sd_log_warning(sink->log, "sink", "%s: DuckDB is opened anew after a fatal error", sink->database_name);
  sd_sink_leave(sink);
  sd_status status = sd_duck_instance_reopen(sink->instance, generation, error);
  return status == SD_OK ? sd_sink_enter(sink, error) : status;
}

void sd_sink_rollback(sd_duck_sink *sink)
{
  sd_error error;
  if (!sink->entered || sd_duck_execute(sink->connection, "ROLLBACK", NULL, &error) == SD_OK)
    return;
  /* No transaction is open any more, or the connection is of no use: a new one has none for certain. */
  if (sd_duck_connection_reconnect(sink->connection, &error) != SD_OK)
    sd_log_debug(sink->log, "sink", "%s: reconnecting: %s", sink->database_name, error.message);
}

sd_status sd_sink_in_transaction(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_body_fn *body,
                                 void *user, sd_error *error)
{
  sd_error why;
  sd_error_clear(&why);
  for (int attempt = 0; attempt < SD_SINK_CONFLICT_TRIES; attempt++) {
    sd_status status = sd_duck_execute(sink->connection, "BEGIN TRANSACTION", NULL, &why);
    if (status == SD_OK)
      status = body(sink, mapping, user, &why);
    if (status == SD_OK)
      status = sd_duck_execute(sink->connection, "COMMIT", NULL, &why);
    if (status == SD_OK)
      return SD_OK;
    sd_sink_rollback(sink);
    if (!sd_duck_error_is_conflict(&why))
      break;
  }
  if (error)
    *error = why;
  return why.code;
}
