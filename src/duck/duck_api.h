/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of DuckDB's C API that streamduck uses: types, numbers, and one table of functions that is filled
 * at run time (duck/library.h). The names of types and numbers are DuckDB's own, so that with
 * SD_DUCK_REAL_HEADER the same table is compiled against a real duckdb.h; tests/unit/duck/header_check.c does
 * so and fails where one of our prototypes, numbers or layouts differs.
 */
#ifndef SD_DUCK_DUCK_API_H
#define SD_DUCK_DUCK_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers: name, value. */
#define SD_DUCK_TYPE_MAP(X)                                                                                  \
  X(DUCKDB_TYPE_INVALID, 0)                                                                                  \
  X(DUCKDB_TYPE_BOOLEAN, 1)                                                                                  \
  X(DUCKDB_TYPE_TINYINT, 2)                                                                                  \
  X(DUCKDB_TYPE_SMALLINT, 3)                                                                                 \
  X(DUCKDB_TYPE_INTEGER, 4)                                                                                  \
  X(DUCKDB_TYPE_BIGINT, 5)                                                                                   \
  X(DUCKDB_TYPE_UTINYINT, 6)                                                                                 \
  X(DUCKDB_TYPE_USMALLINT, 7)                                                                                \
  X(DUCKDB_TYPE_UINTEGER, 8)                                                                                 \
  X(DUCKDB_TYPE_UBIGINT, 9)                                                                                  \
  X(DUCKDB_TYPE_FLOAT, 10)                                                                                   \
  X(DUCKDB_TYPE_DOUBLE, 11)                                                                                  \
  X(DUCKDB_TYPE_TIMESTAMP, 12)                                                                               \
  X(DUCKDB_TYPE_DATE, 13)                                                                                    \
  X(DUCKDB_TYPE_HUGEINT, 16)                                                                                 \
  X(DUCKDB_TYPE_VARCHAR, 17)                                                                                 \
  X(DUCKDB_TYPE_BLOB, 18)                                                                                    \
  X(DUCKDB_TYPE_TIMESTAMP_TZ, 31)

#define SD_DUCK_ERROR_MAP(X)                                                                                 \
  X(DUCKDB_ERROR_INVALID, 0)                                                                                 \
  X(DUCKDB_ERROR_OUT_OF_RANGE, 1)                                                                            \
  X(DUCKDB_ERROR_CONVERSION, 2)                                                                              \
  X(DUCKDB_ERROR_MISMATCH_TYPE, 5)                                                                           \
  X(DUCKDB_ERROR_OBJECT_SIZE, 7)                                                                             \
  X(DUCKDB_ERROR_TRANSACTION, 10)                                                                            \
  X(DUCKDB_ERROR_NOT_IMPLEMENTED, 11)                                                                        \
  X(DUCKDB_ERROR_CATALOG, 13)                                                                                \
  X(DUCKDB_ERROR_PARSER, 14)                                                                                 \
  X(DUCKDB_ERROR_CONSTRAINT, 18)                                                                             \
  X(DUCKDB_ERROR_CONNECTION, 21)                                                                             \
  X(DUCKDB_ERROR_SYNTAX, 22)                                                                                 \
  X(DUCKDB_ERROR_SETTINGS, 23)                                                                               \
  X(DUCKDB_ERROR_BINDER, 24)                                                                                 \
  X(DUCKDB_ERROR_NETWORK, 25)                                                                                \
  X(DUCKDB_ERROR_IO, 28)                                                                                     \
  X(DUCKDB_ERROR_INTERRUPT, 29)                                                                              \
  X(DUCKDB_ERROR_FATAL, 30)                                                                                  \
  X(DUCKDB_ERROR_INTERNAL, 31)                                                                               \
  X(DUCKDB_ERROR_INVALID_INPUT, 32)                                                                          \
  X(DUCKDB_ERROR_OUT_OF_MEMORY, 33)                                                                          \
  X(DUCKDB_ERROR_PERMISSION, 34)                                                                             \
  X(DUCKDB_ERROR_DEPENDENCY, 37)                                                                             \
  X(DUCKDB_ERROR_HTTP, 38)                                                                                   \
  X(DUCKDB_ERROR_MISSING_EXTENSION, 39)                                                                      \
  X(DUCKDB_ERROR_AUTOLOAD, 40)

#ifdef SD_DUCK_REAL_HEADER

#include <duckdb.h>

#else

typedef enum duckdb_state { DuckDBSuccess = 0, DuckDBError = 1 } duckdb_state;

typedef enum duckdb_type {
#define SD_DUCK_ENUM(name, value) name = (value),
  SD_DUCK_TYPE_MAP(SD_DUCK_ENUM)
} duckdb_type;

typedef enum duckdb_error_type {
  SD_DUCK_ERROR_MAP(SD_DUCK_ENUM)
#undef SD_DUCK_ENUM
} duckdb_error_type;

typedef uint64_t idx_t;

typedef struct sd_duckdb_database *duckdb_database;
typedef struct sd_duckdb_connection *duckdb_connection;
typedef struct sd_duckdb_config *duckdb_config;
typedef struct sd_duckdb_appender *duckdb_appender;
typedef struct sd_duckdb_logical_type *duckdb_logical_type;
typedef struct sd_duckdb_data_chunk *duckdb_data_chunk;
typedef struct sd_duckdb_vector *duckdb_vector;
typedef struct sd_duckdb_error_data *duckdb_error_data;

/* Handed over by value; only its size matters to us. */
typedef struct duckdb_result {
  idx_t deprecated_column_count;
  idx_t deprecated_row_count;
  idx_t deprecated_rows_changed;
  void *deprecated_columns;
  char *deprecated_error_message;
  void *internal_data;
} duckdb_result;

/* A VARCHAR or BLOB cell: at most 12 bytes lie inside, a longer value is a prefix and a pointer. */
typedef struct duckdb_string_t {
  union {
    struct {
      uint32_t length;
      char prefix[4];
      char *ptr;
    } pointer;
    struct {
      uint32_t length;
      char inlined[12];
    } inlined;
  } value;
} duckdb_string_t;

#endif

enum { SD_DUCK_STRING_INLINE_MAX = 12 };

/* Functions: return type, name without `duckdb_`, parameters. */
#define SD_DUCK_API_MAP(X)                                                                                   \
  X(const char *, library_version, (void))                                                                   \
  X(duckdb_state, create_config, (duckdb_config * ret_config))                                               \
  X(duckdb_state, set_config, (duckdb_config config, const char *name, const char *value))                   \
  X(void, destroy_config, (duckdb_config * config))                                                          \
  X(duckdb_state, open_ext,                                                                                  \
    (const char *path, duckdb_database *ret_database, duckdb_config config, char **ret_error))               \
  X(void, close, (duckdb_database * database))                                                               \
  X(duckdb_state, connect, (duckdb_database database, duckdb_connection * ret_connection))                   \
  X(void, disconnect, (duckdb_connection * connection))                                                      \
  X(void, interrupt, (duckdb_connection connection))                                                         \
  X(void, free, (void *memory))                                                                              \
  X(duckdb_state, query, (duckdb_connection connection, const char *sql, duckdb_result *ret_result))         \
  X(void, destroy_result, (duckdb_result * result))                                                          \
  X(const char *, result_error, (duckdb_result * result))                                                    \
  X(duckdb_error_type, result_error_type, (duckdb_result * result))                                          \
  X(idx_t, rows_changed, (duckdb_result * result))                                                           \
  X(idx_t, column_count, (duckdb_result * result))                                                           \
  X(const char *, column_name, (duckdb_result * result, idx_t column))                                       \
  X(duckdb_type, column_type, (duckdb_result * result, idx_t column))                                        \
  X(duckdb_data_chunk, fetch_chunk, (duckdb_result result))                                                  \
  X(idx_t, vector_size, (void))                                                                              \
  X(duckdb_logical_type, create_logical_type, (duckdb_type type))                                            \
  X(duckdb_type, get_type_id, (duckdb_logical_type type))                                                    \
  X(void, destroy_logical_type, (duckdb_logical_type * type))                                                \
  X(duckdb_data_chunk, create_data_chunk, (duckdb_logical_type * types, idx_t columns))                      \
  X(void, destroy_data_chunk, (duckdb_data_chunk * chunk))                                                   \
  X(void, data_chunk_reset, (duckdb_data_chunk chunk))                                                       \
  X(idx_t, data_chunk_get_size, (duckdb_data_chunk chunk))                                                   \
  X(void, data_chunk_set_size, (duckdb_data_chunk chunk, idx_t rows))                                        \
  X(duckdb_vector, data_chunk_get_vector, (duckdb_data_chunk chunk, idx_t column))                           \
  X(void *, vector_get_data, (duckdb_vector vector))                                                         \
  X(uint64_t *, vector_get_validity, (duckdb_vector vector))                                                 \
  X(void, vector_ensure_validity_writable, (duckdb_vector vector))                                           \
  X(duckdb_state, appender_create_ext,                                                                       \
    (duckdb_connection connection, const char *catalog, const char *schema, const char *table,               \
     duckdb_appender *ret_appender))                                                                         \
  X(duckdb_state, appender_create_query,                                                                     \
    (duckdb_connection connection, const char *sql, idx_t columns, duckdb_logical_type *types,               \
     const char *table_name, const char **column_names, duckdb_appender *ret_appender))                      \
  X(duckdb_state, appender_add_column, (duckdb_appender appender, const char *name))                         \
  X(idx_t, appender_column_count, (duckdb_appender appender))                                                \
  X(duckdb_logical_type, appender_column_type, (duckdb_appender appender, idx_t column))                     \
  X(duckdb_state, append_data_chunk, (duckdb_appender appender, duckdb_data_chunk chunk))                    \
  X(duckdb_state, appender_flush, (duckdb_appender appender))                                                \
  X(duckdb_state, appender_clear, (duckdb_appender appender))                                                \
  X(duckdb_state, appender_destroy, (duckdb_appender * appender))                                            \
  X(duckdb_error_data, appender_error_data, (duckdb_appender appender))                                      \
  X(duckdb_error_type, error_data_error_type, (duckdb_error_data error))                                     \
  X(const char *, error_data_message, (duckdb_error_data error))                                             \
  X(void, destroy_error_data, (duckdb_error_data * error))

/* The table. Tests hand a copy with some functions replaced to whoever takes an sd_duck_api. */
typedef struct sd_duck_api {
#define SD_DUCK_MEMBER(type, name, parameters) type(*name) parameters;
  SD_DUCK_API_MAP(SD_DUCK_MEMBER)
#undef SD_DUCK_MEMBER
} sd_duck_api;

#endif
