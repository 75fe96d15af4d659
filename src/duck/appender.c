/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Appending by data chunks. */
#include "duck/appender.h"

#include "base/alloc.h"
#include "duck/duck_error.h"
#include "duck/instance_private.h"

struct sd_duck_appender {
  sd_duck_connection *connection;
  const sd_duck_api *api;
  duckdb_appender handle;
  duckdb_data_chunk chunk;
  duckdb_logical_type types[SD_DUCK_APPENDER_COLUMNS_MAX];
  uint32_t columns;
  void *data[SD_DUCK_APPENDER_COLUMNS_MAX]; /* of the open chunk */
};

/* The appender's own error; its code. */
static sd_status failed(sd_duck_appender *appender, sd_error *error)
{
  const sd_duck_api *api = appender->api;
  duckdb_error_data data = api->appender_error_data(appender->handle);
  sd_status status = sd_duck_call_failed(&appender->connection->call, api->error_data_error_type(data),
                                         api->error_data_message(data), error);
  api->destroy_error_data(&data);
  return status;
}

static void point_at_vectors(sd_duck_appender *appender)
{
  for (uint32_t i = 0; i < appender->columns; i++)
    appender->data[i] =
        appender->api->vector_get_data(appender->api->data_chunk_get_vector(appender->chunk, i));
}

static sd_status make_chunk(sd_duck_appender *appender, sd_error *error)
{
  if (appender->api->vector_size() != SD_DUCK_CHUNK_ROWS)
    return sd_error_set(error, SD_UNSUPPORTED, "this libduckdb has a vector size other than %d",
                        SD_DUCK_CHUNK_ROWS);
  appender->chunk = appender->api->create_data_chunk(appender->types, appender->columns);
  if (!appender->chunk)
    return sd_error_set(error, SD_NOMEM, "DuckDB has no memory for a data chunk");
  point_at_vectors(appender);
  return SD_OK;
}

static sd_duck_appender *new_appender(sd_duck_connection *connection, uint32_t count)
{
  sd_duck_appender *appender = sd_calloc(1, sizeof *appender);
  if (!appender)
    return NULL;
  appender->connection = connection;
  appender->api = connection->instance->api;
  appender->columns = count;
  return appender;
}

static bool types_fit(const sd_duck_appender *appender, const sd_duck_column *columns, sd_error *error)
{
  for (uint32_t i = 0; i < appender->columns; i++) {
    duckdb_type type = appender->api->get_type_id(appender->types[i]);
    if (type != columns[i].type) {
      sd_error_set(error, SD_CONFIG, "column %s has the type number %d, not %d", columns[i].name, (int)type,
                   (int)columns[i].type);
      return false;
    }
  }
  return true;
}

sd_status sd_duck_appender_new(sd_duck_connection *connection, const char *catalog, const char *schema,
                               const char *table, const sd_duck_column *columns, uint32_t count,
                               sd_duck_appender **ret_appender, sd_error *error)
{
  if (count == 0 || count > SD_DUCK_APPENDER_COLUMNS_MAX)
    return sd_error_set(error, SD_LIMIT, "an appender takes 1 to %d columns", SD_DUCK_APPENDER_COLUMNS_MAX);
  sd_duck_appender *appender = new_appender(connection, count);
  if (!appender)
    return sd_error_set(error, SD_NOMEM, "no memory for an appender");
  const sd_duck_api *api = appender->api;
  duckdb_state state;
  sd_status status = sd_duck_call_begin(&connection->call, error);
  if (status != SD_OK)
    goto fail;
  state = api->appender_create_ext(connection->call.handle, catalog, schema, table, &appender->handle);
  for (uint32_t i = 0; i < count && state == DuckDBSuccess; i++)
    state = api->appender_add_column(appender->handle, columns[i].name);
  sd_duck_call_end(&connection->call);
  if (state != DuckDBSuccess) {
    status = failed(appender, error);
    goto fail;
  }
  for (uint32_t i = 0; i < count; i++)
    appender->types[i] = api->appender_column_type(appender->handle, i);
  if (!types_fit(appender, columns, error)) {
    status = SD_CONFIG;
    goto fail;
  }
  status = make_chunk(appender, error);
  if (status != SD_OK)
    goto fail;
  *ret_appender = appender;
  return SD_OK;

fail:
  sd_duck_appender_free(appender);
  return status;
}

sd_status sd_duck_appender_new_query(sd_duck_connection *connection, const char *sql,
                                     const sd_duck_column *columns, uint32_t count,
                                     sd_duck_appender **ret_appender, sd_error *error)
{
  if (count == 0 || count > SD_DUCK_APPENDER_COLUMNS_MAX)
    return sd_error_set(error, SD_LIMIT, "an appender takes 1 to %d columns", SD_DUCK_APPENDER_COLUMNS_MAX);
  sd_duck_appender *appender = new_appender(connection, count);
  if (!appender)
    return sd_error_set(error, SD_NOMEM, "no memory for an appender");
  const char *names[SD_DUCK_APPENDER_COLUMNS_MAX];
  for (uint32_t i = 0; i < count; i++) {
    names[i] = columns[i].name;
    appender->types[i] = appender->api->create_logical_type(columns[i].type);
  }
  duckdb_state state;
  sd_status status = sd_duck_call_begin(&connection->call, error);
  if (status != SD_OK)
    goto fail;
  state = appender->api->appender_create_query(connection->call.handle, sql, count, appender->types, "batch",
                                               names, &appender->handle);
  sd_duck_call_end(&connection->call);
  if (state != DuckDBSuccess) {
    status = failed(appender, error);
    goto fail;
  }
  status = make_chunk(appender, error);
  if (status != SD_OK)
    goto fail;
  *ret_appender = appender;
  return SD_OK;

fail:
  sd_duck_appender_free(appender);
  return status;
}

void sd_duck_appender_free(sd_duck_appender *appender)
{
  if (!appender)
    return;
  const sd_duck_api *api = appender->api;
  if (appender->handle) {
    /* destroy writes what is pending: it would go into whatever transaction comes next. */
    (void)api->appender_clear(appender->handle);
    (void)api->appender_destroy(&appender->handle);
  }
  if (appender->chunk)
    api->destroy_data_chunk(&appender->chunk);
  for (uint32_t i = 0; i < appender->columns; i++) {
    if (appender->types[i])
      api->destroy_logical_type(&appender->types[i]);
  }
  sd_free(appender);
}

int64_t *sd_duck_appender_int64s(sd_duck_appender *appender, uint32_t column)
{
  return appender->data[column];
}

duckdb_string_t *sd_duck_appender_strings(sd_duck_appender *appender, uint32_t column)
{
  return appender->data[column];
}

void sd_duck_appender_set_null(sd_duck_appender *appender, uint32_t column, uint32_t row)
{
  duckdb_vector vector = appender->api->data_chunk_get_vector(appender->chunk, column);
  appender->api->vector_ensure_validity_writable(vector);
  uint64_t *validity = appender->api->vector_get_validity(vector);
  validity[row / 64] &= ~(UINT64_C(1) << (row % 64));
}

sd_status sd_duck_appender_push(sd_duck_appender *appender, uint32_t rows, sd_error *error)
{
  if (rows == 0)
    return SD_OK;
  const sd_duck_api *api = appender->api;
  api->data_chunk_set_size(appender->chunk, rows);
  sd_status status = sd_duck_call_begin(&appender->connection->call, error);
  if (status != SD_OK)
    return status;
  duckdb_state state = api->append_data_chunk(appender->handle, appender->chunk);
  sd_duck_call_end(&appender->connection->call);
  if (state != DuckDBSuccess)
    return failed(appender, error);
  api->data_chunk_reset(appender->chunk);
  point_at_vectors(appender);
  return SD_OK;
}

sd_status sd_duck_appender_flush(sd_duck_appender *appender, sd_error *error)
{
  sd_status status = sd_duck_call_begin(&appender->connection->call, error);
  if (status != SD_OK)
    return status;
  duckdb_state state = appender->api->appender_flush(appender->handle);
  sd_duck_call_end(&appender->connection->call);
  return state == DuckDBSuccess ? SD_OK : failed(appender, error);
}
