/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The events of a range, by chunks, into the target table. */
#include "base/hook.h"
#include "duck/quote.h"
#include "sink/landing.h"

#include <inttypes.h>

enum {
  EVENT_BODY = 0,
  EVENT_PARTITION,
  EVENT_SEQUENCE,
  EVENT_ENQUEUED,
  EVENT_PROPERTIES,
  EVENT_SYSTEM_PROPERTIES,
  EVENT_INGESTED
};

static sd_status new_query_appender(sd_landing *landing, const sd_duck_column *columns, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "INSERT INTO ");
  sd_sink_append_table(&sql, landing->sink, landing->mapping, landing->mapping->target.table);
  for (int list = 0; list < 2; list++) {
    sd_buf_append_text(&sql, list == 0 ? " (" : ") SELECT ");
    for (uint32_t i = 0; i < SD_SINK_EVENT_COLUMNS; i++) {
      if (i > 0)
        sd_buf_append_text(&sql, ", ");
      sd_duck_quote_identifier(&sql, columns[i].name);
    }
  }
  sd_buf_append_text(&sql, " FROM batch");
  sd_status status = sd_buf_status(&sql);
  if (status != SD_OK)
    sd_error_set(error, status, "building a statement: %s", sd_status_text(status));
  else
    status = sd_duck_appender_new_query(landing->sink->connection, sd_buf_text(&sql), columns,
                                        SD_SINK_EVENT_COLUMNS, &landing->events, error);
  sd_buf_release(&sql);
  return status;
}

static sd_status make_appender(sd_landing *landing, sd_error *error)
{
  const sd_sink_mapping *mapping = landing->mapping;
  const sd_duck_column columns[SD_SINK_EVENT_COLUMNS] = {
      {mapping->columns[EVENT_BODY], mapping->target.body_is_blob ? DUCKDB_TYPE_BLOB : DUCKDB_TYPE_VARCHAR},
      {mapping->columns[EVENT_PARTITION], DUCKDB_TYPE_VARCHAR},
      {mapping->columns[EVENT_SEQUENCE], DUCKDB_TYPE_BIGINT},
      {mapping->columns[EVENT_ENQUEUED], mapping->enqueued_type},
      {mapping->columns[EVENT_PROPERTIES], DUCKDB_TYPE_VARCHAR},
      {mapping->columns[EVENT_SYSTEM_PROPERTIES], DUCKDB_TYPE_VARCHAR},
      {mapping->columns[EVENT_INGESTED], mapping->ingested_type},
  };
  if (landing->sink->query_appender)
    return new_query_appender(landing, columns, error);
  return sd_duck_appender_new(landing->sink->connection, landing->sink->catalog, mapping->target.schema,
                              mapping->target.table, columns, SD_SINK_EVENT_COLUMNS, &landing->events, error);
}

/* Column arrays of the open chunk. */
typedef struct chunk {
  duckdb_string_t *body;
  duckdb_string_t *partition;
  int64_t *sequence;
  int64_t *enqueued;
  duckdb_string_t *properties;
  duckdb_string_t *system_properties;
  int64_t *ingested;
} chunk;

static chunk open_chunk(sd_duck_appender *appender)
{
  return (chunk){
      .body = sd_duck_appender_strings(appender, EVENT_BODY),
      .partition = sd_duck_appender_strings(appender, EVENT_PARTITION),
      .sequence = sd_duck_appender_int64s(appender, EVENT_SEQUENCE),
      .enqueued = sd_duck_appender_int64s(appender, EVENT_ENQUEUED),
      .properties = sd_duck_appender_strings(appender, EVENT_PROPERTIES),
      .system_properties = sd_duck_appender_strings(appender, EVENT_SYSTEM_PROPERTIES),
      .ingested = sd_duck_appender_int64s(appender, EVENT_INGESTED),
  };
}

/* JSON text; SQL NULL when there is none. */
static void put_json(sd_duck_appender *appender, uint32_t column, duckdb_string_t *cells, uint32_t row,
                     sd_bytes json)
{
  cells[row] = sd_duck_string(json.data, json.len);
  if (json.len == 0)
    sd_duck_appender_set_null(appender, column, row);
}

static void put_row(sd_duck_appender *appender, const chunk *to, uint32_t at, const sd_plan_row *row,
                    int64_t time_us)
{
  const sd_batch_segment *from = row->segment;
  uint32_t i = row->index;
  to->body[at] = sd_duck_string(from->data[i], from->body_len[i]);
  to->partition[at] = row->partition->cell;
  to->sequence[at] = from->sequence_number[i];
  to->enqueued[at] = from->enqueued_us[i];
  put_json(appender, EVENT_PROPERTIES, to->properties, at, sd_batch_properties(from, i));
  put_json(appender, EVENT_SYSTEM_PROPERTIES, to->system_properties, at, sd_batch_system_properties(from, i));
  to->ingested[at] = time_us;
}

static sd_status push(sd_landing *landing, uint32_t rows, sd_error *error)
{
  sd_phase_enter(SD_PHASE_APPENDING);
  return sd_duck_appender_push(landing->events, rows, error);
}

sd_status sd_landing_append_events(sd_landing *landing, sd_error *error)
{
  sd_status status = landing->events ? SD_OK : make_appender(landing, error);
  if (status != SD_OK)
    return status;
  landing->stage = SD_STAGE_ROWS;
  sd_plan_cursor cursor;
  sd_plan_row row;
  sd_plan_walk(&landing->plan, &cursor);
  chunk to = open_chunk(landing->events);
  uint32_t rows = 0;
  while (sd_plan_next(&cursor, &row)) {
    if (row.fate != SD_ROW_LIVE)
      continue;
    put_row(landing->events, &to, rows++, &row, landing->time_us);
    if (rows < SD_DUCK_CHUNK_ROWS)
      continue;
    status = push(landing, rows, error);
    if (status != SD_OK)
      return status;
    to = open_chunk(landing->events);
    rows = 0;
  }
  status = push(landing, rows, error);
  if (status == SD_OK)
    status = sd_duck_appender_flush(landing->events, error);
  landing->stage = status == SD_OK ? SD_STAGE_CHECK : SD_STAGE_ROWS;
  if (status == SD_OK)
    status =
        sd_landing_count(landing, landing->mapping->target.table, landing->mapping->columns[EVENT_INGESTED],
                         landing->mapping->ingested_type, landing->plan.live, error);
  return status;
}

/* The appender gives no count, and rows have been lost in silence before: the table is asked. The times of a
 * sink's transactions never repeat, and zone maps make the question cheap. */
sd_status sd_landing_count(sd_landing *landing, const char *table, const char *column, duckdb_type type,
                           uint64_t expected, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "SELECT count(*) FROM ");
  sd_sink_append_table(&sql, landing->sink, landing->mapping, table);
  sd_buf_append_text(&sql, " WHERE ");
  sd_duck_quote_identifier(&sql, column);
  sd_buf_append_text(&sql, " = ");
  sd_duck_quote_time(&sql, landing->time_us);
  sd_buf_append_text(&sql, type == DUCKDB_TYPE_TIMESTAMP ? "::TIMESTAMP" : "");
  int64_t rows = 0;
  sd_status status = sd_duck_query_int64_buf(landing->sink->connection, &sql, &rows, error);
  sd_buf_release(&sql);
  if (status == SD_OK && (uint64_t)rows != expected) {
    status = sd_error_set(error, SD_CORRUPT,
                          "table %s took %" PRId64 " of %" PRIu64 " rows; nothing was committed", table, rows,
                          expected);
    if (error)
      error->retriable = true;
  }
  return status;
}
