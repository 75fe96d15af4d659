/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending by data chunks: into a table of this process, or through an INSERT statement (MotherDuck, whose
 * tables take no plain appender everywhere). Strings are handed over by pointer; DuckDB copies them when a
 * chunk is pushed. The appender works in the transaction of its connection and lives on its handle
 * (sd_duck_connection_serial). After an error it is only good for free. Entered connections only.
 */
#ifndef SD_DUCK_APPENDER_H
#define SD_DUCK_APPENDER_H

#include "duck/connection.h"

enum {
  SD_DUCK_CHUNK_ROWS = 2048, /* DuckDB's vector size */
  SD_DUCK_APPENDER_COLUMNS_MAX = 64
};

typedef struct sd_duck_appender sd_duck_appender;

typedef struct sd_duck_column {
  const char *name;
  duckdb_type type; /* BIGINT, TIMESTAMP, TIMESTAMPTZ, VARCHAR (also for JSON), BLOB, BOOLEAN, DOUBLE */
} sd_duck_column;

/* Appends to the named columns of a table (others get their default). SD_CONFIG when a column has another
 * type than given, SD_DATABASE when table or column do not exist. */
SD_MUST_CHECK sd_status sd_duck_appender_new(sd_duck_connection *connection, const char *catalog,
                                             const char *schema, const char *table,
                                             const sd_duck_column *columns, uint32_t count,
                                             sd_duck_appender **ret_appender, sd_error *error);
/* Runs the statement over what is appended, which it finds as the table `batch` with the given columns:
 * INSERT INTO … SELECT … FROM batch. */
SD_MUST_CHECK sd_status sd_duck_appender_new_query(sd_duck_connection *connection, const char *sql,
                                                   const sd_duck_column *columns, uint32_t count,
                                                   sd_duck_appender **ret_appender, sd_error *error);
/* Throws away what has not been flushed. NULL is allowed. Before the connection's handle changes. */
void sd_duck_appender_free(sd_duck_appender *appender);

/* The open chunk's column arrays of SD_DUCK_CHUNK_ROWS cells; good until push. */
int64_t *sd_duck_appender_int64s(sd_duck_appender *appender, uint32_t column);
duckdb_string_t *sd_duck_appender_strings(sd_duck_appender *appender, uint32_t column);
void sd_duck_appender_set_null(sd_duck_appender *appender, uint32_t column, uint32_t row);

/* A cell of the bytes, which must live until push. At most UINT32_MAX bytes. */
static inline duckdb_string_t sd_duck_string(const void *data, size_t len)
{
  duckdb_string_t cell;
  cell.value.inlined.length = (uint32_t)len;
  if (len <= SD_DUCK_STRING_INLINE_MAX) {
    __builtin_memset(cell.value.inlined.inlined, 0, SD_DUCK_STRING_INLINE_MAX);
    if (len > 0)
      __builtin_memcpy(cell.value.inlined.inlined, data, len);
  } else {
    __builtin_memcpy(cell.value.pointer.prefix, data, 4);
    cell.value.pointer.ptr = (char *)(uintptr_t)data;
  }
  return cell;
}

/* Hands the first `rows` rows of the open chunk over and begins the next. 0 rows: nothing happens. */
SD_MUST_CHECK sd_status sd_duck_appender_push(sd_duck_appender *appender, uint32_t rows, sd_error *error);
/* Writes what was pushed into the transaction. On failure nothing of it is written and the transaction is
 * aborted: ROLLBACK, and do not trust COMMIT. */
SD_MUST_CHECK sd_status sd_duck_appender_flush(sd_duck_appender *appender, sd_error *error);

#endif
