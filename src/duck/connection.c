/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Connections: turns, reconnecting, statements. */
#include "duck/connection.h"

#include "base/alloc.h"
#include "duck/duck_error.h"
#include "duck/instance_private.h"

#include <string.h>

sd_status sd_duck_connection_new(sd_duck_instance *instance, const sd_duck_connection_options *options,
                                 sd_duck_connection **ret_connection, sd_error *error)
{
  sd_duck_connection *connection = sd_calloc(1, sizeof *connection);
  if (!connection)
    return sd_error_set(error, SD_NOMEM, "no memory for a database connection");
  connection->instance = instance;
  connection->call.watchdog = instance->watchdog;
  connection->call.api = instance->api;
  /* The instance's scrubber knows the token. */
  connection->call.scrubber = instance->token ? instance->scrubber : options->scrubber;
  connection->call.log = options->log;
  connection->call.max_ms = options->call_max_ms ? options->call_max_ms : (uint32_t)SD_DUCK_CALL_MAX_MS;
  connection->call.grace_ms =
      options->hung_grace_ms ? options->hung_grace_ms : (uint32_t)SD_DUCK_HUNG_GRACE_MS;
  pthread_mutex_init(&connection->use, NULL);
  sd_status status = sd_duck_call_init(&connection->call);
  if (status != SD_OK) {
    pthread_mutex_destroy(&connection->use);
    sd_free(connection);
    return sd_error_set(error, status, "no memory for a database connection");
  }
  pthread_mutex_lock(&instance->lock);
  connection->next = instance->connections;
  instance->connections = connection;
  pthread_mutex_unlock(&instance->lock);
  *ret_connection = connection;
  return SD_OK;
}

void sd_duck_connection_free(sd_duck_connection *connection)
{
  if (!connection)
    return;
  sd_duck_instance *instance = connection->instance;
  pthread_mutex_lock(&instance->lock);
  sd_duck_connection **at = &instance->connections;
  while (*at != connection)
    at = &(*at)->next;
  *at = connection->next;
  pthread_mutex_unlock(&instance->lock);
  sd_duck_call_release(&connection->call);
  pthread_mutex_destroy(&connection->use);
  sd_free(connection);
}

/* With `use` held and the instance open. */
static sd_status connect_handle(sd_duck_connection *connection, sd_error *error)
{
  duckdb_connection handle = NULL;
  if (connection->instance->api->connect(connection->instance->handle, &handle) != DuckDBSuccess) {
    sd_error_set(error, SD_DATABASE, "DuckDB does not give a connection");
    if (error) {
      error->retriable = true;
      error->fatal = true;
    }
    return SD_DATABASE;
  }
  sd_duck_call_set_handle(&connection->call, handle);
  connection->serial++;
  connection->generation = atomic_load(&connection->instance->generation);
  return SD_OK;
}

sd_status sd_duck_connection_enter(sd_duck_connection *connection, sd_duck_database *database,
                                   sd_error *error)
{
  sd_duck_instance *instance = connection->instance;
  for (;;) {
    /* Attaching and opening take the instance's lock, which comes before `use`. */
    if (database && !atomic_load(&database->attached)) {
      sd_status status = sd_duck_database_ensure(database, error);
      if (status != SD_OK)
        return status;
    }
    pthread_mutex_lock(&connection->use);
    if (!instance->handle) {
      pthread_mutex_unlock(&connection->use);
      sd_status status = sd_duck_ensure_open(instance, error);
      if (status != SD_OK)
        return status;
      continue;
    }
    if (database && !atomic_load(&database->attached)) {
      pthread_mutex_unlock(&connection->use);
      continue;
    }
    if (connection->call.handle)
      return SD_OK;
    sd_status status = connect_handle(connection, error);
    if (status != SD_OK)
      pthread_mutex_unlock(&connection->use);
    return status;
  }
}

void sd_duck_connection_leave(sd_duck_connection *connection)
{
  pthread_mutex_unlock(&connection->use);
}

uint64_t sd_duck_connection_serial(const sd_duck_connection *connection)
{
  return connection->serial;
}

uint64_t sd_duck_connection_generation(const sd_duck_connection *connection)
{
  return connection->generation;
}

sd_status sd_duck_connection_reconnect(sd_duck_connection *connection, sd_error *error)
{
  sd_duck_call_set_handle(&connection->call, NULL);
  return connect_handle(connection, error);
}

sd_status sd_duck_execute(sd_duck_connection *connection, const char *sql, uint64_t *ret_changed,
                          sd_error *error)
{
  duckdb_result result;
  sd_status status = sd_duck_call_query(&connection->call, sql, &result, error);
  if (status != SD_OK)
    return status;
  if (ret_changed)
    *ret_changed = connection->instance->api->rows_changed(&result);
  connection->instance->api->destroy_result(&result);
  return SD_OK;
}

static sd_status check_buf(const sd_buf *sql, sd_error *error)
{
  sd_status status = sd_buf_status(sql);
  if (status == SD_INVALID)
    return sd_error_set(error, status,
                        "a name or value with a NUL or invalid UTF-8 cannot stand in a statement");
  if (status != SD_OK)
    return sd_error_set(error, status, "building a statement: %s", sd_status_text(status));
  return SD_OK;
}

sd_status sd_duck_execute_buf(sd_duck_connection *connection, sd_buf *sql, uint64_t *ret_changed,
                              sd_error *error)
{
  sd_status status = check_buf(sql, error);
  return status == SD_OK ? sd_duck_execute(connection, sd_buf_text(sql), ret_changed, error) : status;
}

sd_status sd_duck_query(sd_duck_connection *connection, const char *sql, sd_duck_result **ret_result,
                        sd_error *error)
{
  duckdb_result result;
  sd_status status = sd_duck_call_query(&connection->call, sql, &result, error);
  if (status != SD_OK)
    return status;
  status = sd_duck_result_take(connection->instance->api, &result, ret_result);
  if (status != SD_OK)
    sd_error_set(error, status, "keeping a result: %s", sd_status_text(status));
  return status;
}

sd_status sd_duck_query_buf(sd_duck_connection *connection, sd_buf *sql, sd_duck_result **ret_result,
                            sd_error *error)
{
  sd_status status = check_buf(sql, error);
  return status == SD_OK ? sd_duck_query(connection, sd_buf_text(sql), ret_result, error) : status;
}

sd_status sd_duck_query_int64(sd_duck_connection *connection, const char *sql, int64_t *ret_value,
                              sd_error *error)
{
  sd_duck_result *result;
  sd_status status = sd_duck_query(connection, sql, &result, error);
  if (status != SD_OK)
    return status;
  if (!sd_duck_result_int64(result, 0, 0, ret_value))
    status = sd_error_set(error, SD_NOT_FOUND, "the query gave no number");
  sd_duck_result_free(result);
  return status;
}

sd_status sd_duck_query_int64_buf(sd_duck_connection *connection, sd_buf *sql, int64_t *ret_value,
                                  sd_error *error)
{
  sd_status status = check_buf(sql, error);
  return status == SD_OK ? sd_duck_query_int64(connection, sd_buf_text(sql), ret_value, error) : status;
}

void sd_duck_connection_cancel(sd_duck_connection *connection)
{
  sd_duck_call_cancel(&connection->call);
}

bool sd_duck_connection_is_hung(const sd_duck_connection *connection)
{
  return atomic_load(&connection->call.hung);
}
