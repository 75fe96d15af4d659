/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * query DATABASE SQL         prints each row of a query as one JSON object
 * query --write DATABASE SQL runs one statement that changes the file
 * query --hold DATABASE      keeps the file open for writing: prints "held", waits for the end of its input
 */
#include "duck/connection.h"
#include "duck/quote.h"

#include <stdio.h>
#include <string.h>

enum { SQL_MAX = 1024 * 1024, QUERY_MEMORY_MB = 1024 };

static int fail(const sd_error *error)
{
  fprintf(stderr, "query: %s\n", error->message);
  return 1;
}

static sd_status use(sd_duck_connection *connection, const char *alias, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  sd_buf_append_text(&sql, "USE ");
  sd_duck_quote_identifier(&sql, alias);
  sd_status status = sd_duck_execute_buf(connection, &sql, NULL, error);
  sd_buf_release(&sql);
  return status;
}

static sd_status print_rows(sd_duck_connection *connection, const char *query, sd_error *error)
{
  sd_duck_result *result = NULL;
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  sd_buf_appendf(&sql, "SELECT to_json(row_of_query)::VARCHAR FROM (%s) row_of_query", query);
  sd_status status = sd_duck_query_buf(connection, &sql, &result, error);
  sd_buf_release(&sql);
  for (uint64_t row = 0; status == SD_OK && row < sd_duck_result_rows(result); row++) {
    sd_bytes text = sd_duck_result_text(result, row, 0);
    printf("%.*s\n", (int)text.len, (const char *)text.data);
  }
  sd_duck_result_free(result);
  return status;
}

int main(int argc, char **argv)
{
  bool hold = argc == 3 && strcmp(argv[1], "--hold") == 0;
  bool write = argc == 4 && strcmp(argv[1], "--write") == 0;
  if (!hold && !write && argc != 3) {
    fprintf(stderr, "usage: query [--write] DATABASE SQL | query --hold DATABASE\n");
    return 2;
  }
  const char *path = hold || write ? argv[2] : argv[1];
  sd_duck_instance_options options = {0};
  sd_duck_instance *instance = NULL;
  sd_duck_database *database = NULL;
  sd_duck_connection *connection = NULL;
  sd_error error;
  sd_status status = sd_duck_instance_acquire(&options, &instance, &error);
  /* A test compares large bodies as a whole. */
  uint32_t memory_mb = 0;
  while (status == SD_OK && memory_mb < QUERY_MEMORY_MB) {
    status = sd_duck_instance_raise_memory(instance, &memory_mb, &error);
  }
  if (status == SD_OK) {
    status = sd_duck_database_attach(instance, path, !hold && !write, &database, &error);
  }
  if (status == SD_OK) {
    sd_duck_connection_options connect = {0};
    status = sd_duck_connection_new(instance, &connect, &connection, &error);
  }
  if (status == SD_OK) {
    status = sd_duck_connection_enter(connection, database, &error);
  }
  if (status == SD_OK) {
    status = use(connection, sd_duck_database_alias(database), &error);
    if (status == SD_OK && hold) {
      puts("held");
      fflush(stdout);
      while (getchar() != EOF) {
      }
    } else if (status == SD_OK && write) {
      status = sd_duck_execute(connection, argv[3], NULL, &error);
    } else if (status == SD_OK) {
      status = print_rows(connection, argv[2], &error);
    }
    if (status == SD_OK) {
      status = sd_duck_execute(connection, "USE memory", NULL, &error);
    }
    sd_duck_connection_leave(connection);
  }
  sd_duck_connection_free(connection);
  sd_duck_database_detach(database);
  sd_duck_instance_release(instance);
  return status == SD_OK ? 0 : fail(&error);
}
