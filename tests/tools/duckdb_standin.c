/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for libduckdb with MotherDuck's extension, for tests without that service: `streamduck run`
 * loads it in place of the library, attaches `md:NAME`, and works on a database that another process serves
 * by DuckDB's Quack extension (quack_server.c). Everything but the functions below is the real library, on
 * which this one depends.
 *
 * A table that is attached over Quack cannot be updated, and a transaction of the client is none of the
 * server's. Both work in the server's own session, so that each statement on the database is sent there as
 * text; only the query appender's INSERT goes through the attached tables, in that session as well.
 *
 * Environment: STANDIN_PORT (of the server on this machine), STANDIN_HTTPFS (file of DuckDB's httpfs
 * extension), STREAMDUCK_MOTHERDUCK_EXTENSION (here: the file of the quack extension), STANDIN_PAUSE_FILE.
 * When the process comes to the place whose name stands in that file, it empties the file and stops itself
 * with SIGSTOP. The places, in a transaction that lands events: fence      before its first statement, the
 * fence snapshot   the same, and the transaction sees the database as of now commit     before COMMIT
 *   committed  COMMIT has happened, and streamduck does not know it yet
 */
#include "duck/duck_api.h"
#include "duck/quote.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { SQL_MAX = 16 * 1024 * 1024, NAME_MAX_BYTES = 256, PLACE_MAX = 32 };

EXPORT duckdb_state duckdb_query(duckdb_connection connection, const char *sql, duckdb_result *ret_result);
EXPORT idx_t duckdb_rows_changed(duckdb_result *result);
EXPORT duckdb_error_type duckdb_result_error_type(duckdb_result *result);
EXPORT void duckdb_disconnect(duckdb_connection *connection);
EXPORT duckdb_state duckdb_appender_create_query(duckdb_connection connection, const char *sql, idx_t columns,
                                                 duckdb_logical_type *types, const char *table_name,
                                                 const char **column_names, duckdb_appender *ret_appender);

/* Of the one database and the one connection that a sink has; used by its writer's thread. */
static char database[NAME_MAX_BYTES];
static duckdb_connection in_transaction;
static bool landing;

static const sd_duck_api *real(void)
{
  static sd_duck_api api;
  if (api.query)
    return &api;
  void *library = dlopen(STANDIN_LIBDUCKDB, RTLD_NOW | RTLD_LOCAL);
#define RESOLVE(type, name, parameters)                                                                      \
  do {                                                                                                       \
    void *symbol = library ? dlsym(library, "duckdb_" #name) : NULL;                                         \
    if (!symbol)                                                                                             \
      abort();                                                                                               \
    memcpy(&api.name, &symbol, sizeof symbol);                                                               \
  } while (0);
  SD_DUCK_API_MAP(RESOLVE)
#undef RESOLVE
  return &api;
}

static bool begins(const char *text, const char *with)
{
  return strncmp(text, with, strlen(with)) == 0;
}

static const char *environment(const char *name)
{
  const char *value = getenv(name);
  return value ? value : "";
}

static duckdb_state query_buf(duckdb_connection connection, sd_buf *sql, duckdb_result *ret_result)
{
  duckdb_state state =
      real()->query(connection, sd_buf_status(sql) == SD_OK ? sd_buf_text(sql) : "", ret_result);
  sd_buf_release(sql);
  return state;
}

/* In the server's session. */
static duckdb_state query_server(duckdb_connection connection, const char *text, duckdb_result *ret_result)
{
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  sd_buf_append_text(&sql, "FROM quack_query_by_name(");
  sd_duck_quote_text(&sql, database);
  sd_buf_append_text(&sql, ", ");
  sd_duck_quote_text(&sql, text);
  sd_buf_append_byte(&sql, ')');
  return query_buf(connection, &sql, ret_result);
}

static void query_server_quietly(duckdb_connection connection, const char *text)
{
  duckdb_result ignored;
  query_server(connection, text, &ignored);
  real()->destroy_result(&ignored);
}

static duckdb_state attach(duckdb_connection connection, const char *name, duckdb_result *ret_result)
{
  snprintf(database, sizeof database, "%.*s", (int)strcspn(name, "'"), name);
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  sd_buf_appendf(&sql, "ATTACH 'quack:localhost:%s' AS ", environment("STANDIN_PORT"));
  sd_duck_quote_identifier(&sql, database);
  sd_buf_append_text(&sql, " (disable_ssl true)");
  return query_buf(connection, &sql, ret_result);
}

static duckdb_state load(duckdb_connection connection, const char *sql, duckdb_result *ret_result)
{
  sd_buf first;
  sd_buf_init(&first, SQL_MAX);
  sd_buf_append_text(&first, "LOAD ");
  sd_duck_quote_text(&first, environment("STANDIN_HTTPFS"));
  if (query_buf(connection, &first, ret_result) != DuckDBSuccess)
    return DuckDBError;
  real()->destroy_result(ret_result);
  return real()->query(connection, sql, ret_result);
}

static duckdb_state keep_token(duckdb_connection connection, const char *literal, duckdb_result *ret_result)
{
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  sd_buf_appendf(&sql, "CREATE OR REPLACE SECRET (TYPE quack, TOKEN %s)", literal);
  return query_buf(connection, &sql, ret_result);
}

static bool is_armed(const char *place)
{
  char armed[PLACE_MAX] = "";
  int fd = open(environment("STANDIN_PAUSE_FILE"), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  ssize_t len = read(fd, armed, sizeof armed - 1);
  close(fd);
  return len > 0 && strcmp(armed, place) == 0;
}

static void pause_here(void)
{
  if (truncate(environment("STANDIN_PAUSE_FILE"), 0) != 0)
    abort();
  raise(SIGSTOP);
}

/* `UPDATE table AS c …` with the table in the middle. */
static void see_the_present(duckdb_connection connection, const char *update)
{
  const char *table = update + strlen("UPDATE ");
  const char *end = strstr(table, " AS c SET ");
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  sd_buf_appendf(&sql, "SELECT count(*) FROM %.*s", (int)(end - table), table);
  query_server_quietly(connection, sd_buf_text(&sql));
  sd_buf_release(&sql);
}

static void before_statement(duckdb_connection connection, const char *sql)
{
  if (begins(sql, "UPDATE ") &&
      strstr(sql, " AS c SET \"offset\" = v.o, sequence_number = v.s, enqueued_time")) {
    landing = true;
    bool snapshot = is_armed("snapshot");
    if (snapshot)
      see_the_present(connection, sql);
    if (snapshot || is_armed("fence"))
      pause_here();
  }
  if (landing && begins(sql, "COMMIT") && is_armed("commit"))
    pause_here();
}

static void after_statement(duckdb_connection connection, const char *sql, duckdb_state state)
{
  if (begins(sql, "BEGIN") && state == DuckDBSuccess)
    in_transaction = connection;
  if (!begins(sql, "COMMIT") && !begins(sql, "ROLLBACK"))
    return;
  if (landing && begins(sql, "COMMIT") && state == DuckDBSuccess && is_armed("committed"))
    pause_here();
  landing = false;
  if (state == DuckDBSuccess)
    in_transaction = NULL;
}

duckdb_state duckdb_query(duckdb_connection connection, const char *sql, duckdb_result *ret_result)
{
  static const char token[] = "SET motherduck_token = ";
  static const char md[] = "ATTACH 'md:";
  if (begins(sql, "LOAD "))
    return load(connection, sql, ret_result);
  if (begins(sql, token))
    return keep_token(connection, sql + strlen(token), ret_result);
  if (begins(sql, "SET motherduck_"))
    return real()->query(connection, "SELECT 1", ret_result);
  if (begins(sql, md))
    return attach(connection, sql + strlen(md), ret_result);
  if (begins(sql, "SET ") || begins(sql, "DETACH ") || database[0] == '\0')
    return real()->query(connection, sql, ret_result);
  before_statement(connection, sql);
  duckdb_state state = query_server(connection, sql, ret_result);
  after_statement(connection, sql, state);
  return state;
}

/* A statement that changed rows gives their number as its one row. */
idx_t duckdb_rows_changed(duckdb_result *result)
{
  const char *name = real()->column_count(result) == 1 ? real()->column_name(result, 0) : "";
  if (strcmp(name, "Count") != 0)
    return real()->rows_changed(result);
  idx_t rows = 0;
  duckdb_data_chunk chunk = real()->fetch_chunk(*result);
  if (chunk && real()->data_chunk_get_size(chunk) == 1)
    rows = (idx_t) * (const int64_t *)real()->vector_get_data(real()->data_chunk_get_vector(chunk, 0));
  if (chunk)
    real()->destroy_data_chunk(&chunk);
  return rows;
}

/* The server's errors come as text; the one type that streamduck acts upon here is a conflict. */
duckdb_error_type duckdb_result_error_type(duckdb_result *result)
{
  static const char *const conflicts[] = {"Conflict on ", "write-write conflict", "Transaction conflict",
                                          "TransactionContext Error"};
  const char *text = real()->result_error(result);
  for (size_t i = 0; text && i < sizeof conflicts / sizeof *conflicts; i++) {
    if (strstr(text, conflicts[i]))
      return DUCKDB_ERROR_TRANSACTION;
  }
  return real()->result_error_type(result);
}

/* The server does not see that a connection ends: what it leaves open would stay open. */
void duckdb_disconnect(duckdb_connection *connection)
{
  if (connection && *connection && *connection == in_transaction) {
    query_server_quietly(*connection, "ROLLBACK");
    in_transaction = NULL;
    landing = false;
  }
  real()->disconnect(connection);
}

duckdb_state duckdb_appender_create_query(duckdb_connection connection, const char *sql, idx_t columns,
                                          duckdb_logical_type *types, const char *table_name,
                                          const char **column_names, duckdb_appender *ret_appender)
{
  /* The client does not know tables that were made by text. */
  duckdb_result ignored;
  real()->query(connection, "CALL quack_clear_cache()", &ignored);
  real()->destroy_result(&ignored);
  return real()->appender_create_query(connection, sql, columns, types, table_name, column_names,
                                       ret_appender);
}
