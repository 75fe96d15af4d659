/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * quack_server DATABASE TOKEN HTTPFS QUACK
 *
 * Opens a DuckDB file and serves it to other processes by DuckDB's Quack extension (HTTPFS and QUACK are the
 * extensions' files). Prints {"port": N} when it is ready, then runs each line of its input as one statement
 * and answers with one line: {"rows": [...]} or {"error": "..."}. Ends with its input.
 */
#include "duck/library.h"
#include "duck/quote.h"
#include "json/json.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SQL_MAX = 64 * 1024, PORT_TRIES = 10 };

static const sd_duck_api *api;
static duckdb_connection connection;

/* A port that nobody listens on at this moment: the extension takes no port 0. */
static int free_port(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int port = -1;
  if (fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
      getsockname(fd, (struct sockaddr *)&address, &len) == 0)
    port = ntohs(address.sin_port);
  if (fd >= 0)
    close(fd);
  return port;
}

/* Runs a statement; its rows are taken by the caller, who destroys the result. */
static bool run(const char *sql, duckdb_result *result)
{
  return api->query(connection, sql, result) == DuckDBSuccess;
}

static bool run_buf(sd_buf *sql, const char *what)
{
  duckdb_result result;
  bool good = sd_buf_status(sql) == SD_OK && run(sd_buf_text(sql), &result);
  if (sd_buf_status(sql) == SD_OK) {
    if (!good)
      fprintf(stderr, "quack_server: %s: %s\n", what, api->result_error(&result));
    api->destroy_result(&result);
  }
  sd_buf_clear(sql);
  return good;
}

static bool load(sd_buf *sql, const char *file)
{
  sd_buf_append_text(sql, "LOAD ");
  sd_duck_quote_text(sql, file);
  return run_buf(sql, file);
}

static bool serve(sd_buf *sql, const char *token, int port)
{
  sd_buf_appendf(sql, "CALL quack_serve('quack:localhost:%d', token = ", port);
  sd_duck_quote_text(sql, token);
  sd_buf_append_byte(sql, ')');
  return run_buf(sql, "serving");
}

/* The first column as text, each value a JSON document of DuckDB's own. */
static void print_rows(duckdb_result *result)
{
  const char *comma = "";
  printf("{\"rows\": [");
  for (;;) {
    duckdb_data_chunk chunk = api->fetch_chunk(*result);
    if (!chunk)
      break;
    const duckdb_string_t *cells = api->vector_get_data(api->data_chunk_get_vector(chunk, 0));
    for (idx_t row = 0; row < api->data_chunk_get_size(chunk); row++) {
      uint32_t len = cells[row].value.inlined.length;
      const char *text =
          len <= SD_DUCK_STRING_INLINE_MAX ? cells[row].value.inlined.inlined : cells[row].value.pointer.ptr;
      printf("%s%.*s", comma, (int)len, text);
      comma = ", ";
    }
    api->destroy_data_chunk(&chunk);
  }
  printf("]}\n");
}

static void answer(sd_buf *sql, const char *line)
{
  duckdb_result result;
  bool select = strncmp(line, "SELECT ", 7) == 0;
  if (select)
    sd_buf_appendf(sql, "SELECT to_json(row_of_query)::VARCHAR FROM (%s) row_of_query", line);
  else
    sd_buf_append_text(sql, line);
  if (!run(sd_buf_text(sql), &result)) {
    json_t *error = json_pack("{s:s}", "error", api->result_error(&result));
    json_dumpf(error, stdout, JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(error);
  } else if (select) {
    print_rows(&result);
  } else {
    printf("{\"rows\": []}\n");
  }
  api->destroy_result(&result);
  sd_buf_clear(sql);
  fflush(stdout);
}

int main(int argc, char **argv)
{
  if (argc != 5) {
    fprintf(stderr, "usage: quack_server DATABASE TOKEN HTTPFS QUACK\n");
    return 2;
  }
  sd_error error;
  if (sd_duck_library_load(NULL, &api, &error) != SD_OK) {
    fprintf(stderr, "quack_server: %s\n", error.message);
    return 1;
  }
  duckdb_database database = NULL;
  duckdb_config config = NULL;
  char *why = NULL;
  if (api->create_config(&config) != DuckDBSuccess ||
      api->open_ext(argv[1], &database, config, &why) != DuckDBSuccess ||
      api->connect(database, &connection) != DuckDBSuccess) {
    fprintf(stderr, "quack_server: opening %s: %s\n", argv[1], why ? why : "no reason given");
    return 1;
  }
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  int port = free_port();
  bool good = load(&sql, argv[3]) && load(&sql, argv[4]);
  bool served = good && serve(&sql, argv[2], port);
  for (int i = 1; good && !served && i < PORT_TRIES; i++) {
    port = free_port();
    served = serve(&sql, argv[2], port);
  }
  if (!served)
    return 1;
  printf("{\"port\": %d}\n", port);
  fflush(stdout);
  static char line[SQL_MAX / 2];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    answer(&sql, line);
  }
  sd_buf_release(&sql);
  api->disconnect(&connection);
  api->close(&database);
  api->destroy_config(&config);
  return 0;
}
