/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Opening a DuckDB instance with its settings, and attaching databases to it. */
#include "base/alloc.h"
#include "duck/duck_error.h"
#include "duck/instance_private.h"
#include "duck/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#ifndef SD_VERSION
#define SD_VERSION "0"
#endif

enum {
  SETTINGS_SQL_MAX = 16 * 1024,
  MOTHERDUCK_MEMORY_LIMIT_MB = 256, /* 48 MB on their way take less than 64; the rest is the extension's */
  MOTHERDUCK_CONNECT_MAX_S = 30
};

static sd_status execute(sd_duck_instance *instance, const char *sql, sd_error *error)
{
  duckdb_result result;
  sd_status status = sd_duck_call_query(&instance->control, sql, &result, error);
  if (status == SD_OK)
    instance->api->destroy_result(&result);
  return status;
}

static sd_status execute_buf(sd_duck_instance *instance, sd_buf *sql, sd_error *error)
{
  if (sd_buf_status(sql) != SD_OK)
    return sd_error_set(error, sd_buf_status(sql), "a name or value cannot stand in an SQL statement");
  return execute(instance, sd_buf_text(sql), error);
}

static sd_status configure(const sd_duck_instance *instance, duckdb_config config, sd_error *error)
{
  char memory[32];
  char wal[32];
  snprintf(memory, sizeof memory, "%" PRIu32 "MiB", instance->memory_limit_mb);
  snprintf(wal, sizeof wal, "%dMiB", SD_DUCK_WAL_AUTOCHECKPOINT_MB);
  const char *const settings[][2] = {
      {"memory_limit", memory},
      {"threads", "1"},
      {"checkpoint_threshold", wal},
      {"custom_user_agent", "streamduck/" SD_VERSION},
      /* A local file needs no extension, and a missing one shall fail at once, not after a download. */
      {"autoinstall_known_extensions", instance->token ? "true" : "false"},
      {"autoload_known_extensions", instance->token ? "true" : "false"},
  };
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    if (instance->api->set_config(config, settings[i][0], settings[i][1]) != DuckDBSuccess)
      return sd_error_set(error, SD_UNSUPPORTED, "this libduckdb (%s) does not know the setting %s",
                          instance->api->library_version(), settings[i][0]);
  }
  return SD_OK;
}

/* The extension first, then what it defines. The token goes into a setting, never into a path. */
static sd_status set_up_motherduck(sd_duck_instance *instance, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SETTINGS_SQL_MAX);
  if (instance->extension) {
    sd_buf_append_text(&sql, "LOAD ");
    sd_duck_quote_text(&sql, instance->extension);
  } else {
    sd_buf_append_text(&sql, "INSTALL motherduck");
  }
  sd_status status = execute_buf(instance, &sql, error);
  if (status == SD_OK && !instance->extension)
    status = execute(instance, "LOAD motherduck", error);
  if (status != SD_OK) {
    sd_error_prefix(error, "loading DuckDB's MotherDuck extension");
    goto out;
  }
  sd_buf_clear(&sql);
  sd_buf_append_text(&sql, "SET motherduck_token = ");
  sd_duck_quote_text(&sql, instance->token);
  status = execute_buf(instance, &sql, error);
  if (status == SD_OK)
    status = execute(instance, "SET motherduck_attach_mode = 'single'", error);
  if (status == SD_OK)
    status = execute(instance, "SET motherduck_session_name = 'streamduck'", error);
  if (status != SD_OK)
    sd_error_prefix(error, "setting up the MotherDuck connection");

out:
  sd_buf_release(&sql);
  return status;
}

static sd_status connect_control(sd_duck_instance *instance, sd_error *error)
{
  duckdb_connection control = NULL;
  if (instance->api->connect(instance->handle, &control) != DuckDBSuccess)
    return sd_error_set(error, SD_DATABASE, "DuckDB does not give a connection");
  sd_duck_call_set_handle(&instance->control, control);
  /* Sessions of other time zones would shift times that a pre-existing table keeps without a zone. An
   * official library has ICU built in; without it there is no such setting and times are UTC anyway. */
  sd_error ignored;
  if (execute(instance, "SET GLOBAL TimeZone = 'UTC'", &ignored) != SD_OK && ignored.fatal) {
    if (error)
      *error = ignored;
    return ignored.code;
  }
  return instance->token ? set_up_motherduck(instance, error) : SD_OK;
}

static uint32_t memory_limit_max_mb(void)
{
  long pages = sysconf(_SC_PHYS_PAGES);
  long page = sysconf(_SC_PAGESIZE);
  uint64_t half =
      pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / 2 >> 20 : SD_DUCK_MEMORY_LIMIT_MB;
  return half < SD_DUCK_MEMORY_LIMIT_MAX_MB ? (uint32_t)half : (uint32_t)SD_DUCK_MEMORY_LIMIT_MAX_MB;
}

sd_status sd_duck_raise_memory(sd_duck_instance *instance, sd_error *error)
{
  char sql[64];
  uint32_t limit = instance->memory_limit_mb * 2;
  if (limit > memory_limit_max_mb())
    return sd_error_set(error, SD_LIMIT,
                        "DuckDB's memory limit stays at %" PRIu32 " MiB: bodies are too large",
                        instance->memory_limit_mb);
  snprintf(sql, sizeof sql, "SET GLOBAL memory_limit = '%" PRIu32 "MiB'", limit);
  sd_status status = execute(instance, sql, error);
  if (status == SD_OK)
    instance->memory_limit_mb = limit;
  return status;
}

sd_status sd_duck_open(sd_duck_instance *instance, sd_error *error)
{
  if (instance->memory_limit_mb == 0)
    instance->memory_limit_mb = instance->token ? MOTHERDUCK_MEMORY_LIMIT_MB : SD_DUCK_MEMORY_LIMIT_MB;
  const sd_duck_api *api = instance->api;
  duckdb_config config = NULL;
  char *why = NULL;
  if (api->create_config(&config) != DuckDBSuccess)
    return sd_error_set(error, SD_NOMEM, "no memory for DuckDB's configuration");
  sd_status status = configure(instance, config, error);
  if (status == SD_OK && api->open_ext(":memory:", &instance->handle, config, &why) != DuckDBSuccess) {
    instance->handle = NULL;
    status = sd_duck_error_set(error, DUCKDB_ERROR_IO, why, instance->scrubber);
    sd_error_prefix(error, "starting DuckDB");
  }
  if (why)
    api->free(why);
  api->destroy_config(&config);
  if (status == SD_OK)
    status = connect_control(instance, error);
  if (status != SD_OK)
    sd_duck_shut(instance);
  return status;
}

void sd_duck_shut(sd_duck_instance *instance)
{
  sd_duck_call_set_handle(&instance->control, NULL);
  if (instance->handle)
    instance->api->close(&instance->handle);
  instance->handle = NULL;
}

/* What does not fit into the memory limit is spilled beside the file, as DuckDB does it for a file that is
 * opened alone; the default, a folder below the working directory, may not be ours to write to. DuckDB
 * refuses to change the place once it was used: then it stays. */
static void spill_beside(sd_duck_instance *instance, const char *path)
{
  sd_buf place;
  sd_buf sql;
  sd_buf_init(&place, SETTINGS_SQL_MAX);
  sd_buf_init(&sql, SETTINGS_SQL_MAX);
  sd_buf_appendf(&place, "%s.tmp", path);
  sd_buf_append_text(&sql, "SET GLOBAL temp_directory = ");
  sd_duck_quote_literal(&sql, sd_buf_bytes(&place));
  if (sd_buf_status(&place) != SD_OK || execute_buf(instance, &sql, NULL) != SD_OK)
    sd_buf_clear(&sql);
  sd_buf_release(&sql);
  sd_buf_release(&place);
}

sd_status sd_duck_attach(sd_duck_instance *instance, sd_duck_database *database, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SETTINGS_SQL_MAX);
  sd_buf_append_text(&sql, "ATTACH ");
  if (instance->token) {
    sd_buf target;
    sd_buf_init(&target, SETTINGS_SQL_MAX);
    sd_buf_appendf(&target, "md:%s", database->name);
    sd_duck_quote_literal(&sql, sd_buf_bytes(&target));
    if (sd_buf_status(&target) != SD_OK)
      sql.failed = sd_buf_status(&target);
    sd_buf_release(&target);
  } else {
    sd_duck_quote_text(&sql, database->name);
    sd_buf_append_text(&sql, " AS ");
    sd_duck_quote_identifier(&sql, database->alias);
    if (database->read_only)
      sd_buf_append_text(&sql, " (TYPE duckdb, READ_ONLY)");
    else
      sd_buf_appendf(&sql, " (TYPE duckdb, ROW_GROUP_SIZE %d)", SD_DUCK_ROW_GROUP_ROWS);
  }
  sd_error why;
  sd_status status = execute_buf(instance, &sql, &why);
  /* The replay of a WAL with large bodies needs as much memory as writing them did. */
  while (status != SD_OK && sd_duck_error_is_memory(&why) && sd_duck_raise_memory(instance, NULL) == SD_OK)
    status = execute_buf(instance, &sql, &why);
  if (status != SD_OK && error)
    *error = why;
  sd_buf_release(&sql);
  if (status == SD_OK && !instance->token && !database->read_only)
    spill_beside(instance, database->name);
  if (status == SD_OK)
    atomic_store(&database->attached, true);
  else
    sd_error_prefix(error, instance->token ? "opening MotherDuck's database %s" : "opening %s",
                    database->name);
  return status;
}

void sd_duck_detach(sd_duck_instance *instance, sd_duck_database *database)
{
  if (!atomic_exchange(&database->attached, false) || !instance->handle)
    return;
  sd_buf sql;
  sd_buf_init(&sql, SETTINGS_SQL_MAX);
  sd_buf_append_text(&sql, "DETACH ");
  sd_duck_quote_identifier(&sql, database->alias);
  /* What is committed is in the file or its WAL; a failing checkpoint is made up for at the next open. */
  if (execute_buf(instance, &sql, NULL) != SD_OK)
    atomic_store(&database->attached, false);
  sd_buf_release(&sql);
}
