/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's database after the pipeline. */
#include "cli/demo_summary.h"

#include "duck/quote.h"

enum { SQL_MAX = 16 * 1024 };

const char sd_demo_busiest_sql[] =
    "WITH hours AS (SELECT origin, hour(date) AS h, count(*) AS n, sum(delay) AS d,"
    "                      count(*) FILTER (delay > 15) AS late FROM flights GROUP BY ALL)\n"
    "SELECT origin AS airport, format('{:,}', sum(n)::BIGINT) AS flights,"
    "       format('{:.1f}', sum(d) / sum(n)) AS 'average delay, min',"
    "       format('{:.0f} %', 100 * sum(late) / sum(n)) AS 'late by > 15 min',"
    "       format('{:02d}:00', arg_max(h, d / n) FILTER (n >= 20)) AS 'worst hour',"
    "       format('{:.0f}', max(d / n) FILTER (n >= 20)) AS 'delay then, min'\n"
    "FROM hours GROUP BY origin ORDER BY sum(n) DESC, origin LIMIT 8";

static const char view[] =
    "CREATE VIEW IF NOT EXISTS flights AS SELECT (event_body->>'$.date')::TIMESTAMP AS date,"
    " event_body->>'$.origin' AS origin, event_body->>'$.destination' AS destination,"
    " (event_body->>'$.delay')::BIGINT AS delay, (event_body->>'$.distance')::BIGINT AS distance,"
    " (properties->>'$.record')::BIGINT AS record, partition_id, sequence_number, enqueued_time FROM events";

sd_status sd_demo_database_open(sd_demo_database *database, const char *path, const char *libduckdb,
                                sd_error *error)
{
  const sd_duck_instance_options instance = {.libduckdb = libduckdb};
  const sd_duck_connection_options connection = {0};
  sd_status status = sd_duck_instance_acquire(&instance, &database->instance, error);
  if (status == SD_OK)
    status = sd_duck_database_attach(database->instance, path, false, &database->database, error);
  if (status == SD_OK)
    status = sd_duck_connection_new(database->instance, &connection, &database->connection, error);
  if (status == SD_OK)
    status = sd_duck_connection_enter(database->connection, database->database, error);
  if (status == SD_OK) {
    database->entered = true;
    sd_buf sql;
    sd_buf_init(&sql, SQL_MAX);
    sd_buf_append_text(&sql, "USE ");
    sd_duck_quote_identifier(&sql, sd_duck_database_alias(database->database));
    sd_buf_append_text(&sql, ".main");
    status = sd_duck_execute_buf(database->connection, &sql, NULL, error);
    sd_buf_release(&sql);
  }
  if (status == SD_OK)
    status = sd_duck_execute(database->connection, view, NULL, error);
  if (status != SD_OK)
    sd_demo_database_close(database);
  return status;
}

void sd_demo_database_close(sd_demo_database *database)
{
  if (database->entered)
    sd_duck_connection_leave(database->connection);
  sd_duck_connection_free(database->connection);
  sd_duck_database_detach(database->database);
  sd_duck_instance_release(database->instance);
  *database = (sd_demo_database){0};
}

sd_status sd_demo_database_count(const sd_demo_database *database, sd_demo_counts *ret_counts,
                                 sd_error *error)
{
  static const char sql[] =
      "SELECT count(*), count(DISTINCT (partition_id, sequence_number)), count(DISTINCT record),"
      " coalesce(max(record), -1), (SELECT count(*) FROM _streamduck_dead_letters) FROM flights";
  sd_duck_result *result = NULL;
  sd_status status = sd_duck_query(database->connection, sql, &result, error);
  if (status != SD_OK)
    return status;
  sd_demo_counts counts;
  int64_t *const cells[] = {&counts.rows, &counts.places, &counts.records, &counts.last, &counts.dead};
  for (uint32_t c = 0; c < sizeof cells / sizeof cells[0] && status == SD_OK; c++) {
    if (!sd_duck_result_int64(result, 0, c, cells[c]))
      status = sd_error_set(error, SD_INTERNAL, "a count is missing");
  }
  sd_duck_result_free(result);
  if (status == SD_OK)
    *ret_counts = counts;
  return status;
}
