/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Rows that cannot land in the target, with the reason, into the dead-letter table. */
#include "sink/landing.h"

enum {
  DEAD_NAMESPACE = 0,
  DEAD_HUB,
  DEAD_GROUP,
  DEAD_TARGET,
  DEAD_PARTITION,
  DEAD_SEQUENCE,
  DEAD_OFFSET,
  DEAD_ENQUEUED,
  DEAD_BODY,
  DEAD_PROPERTIES,
  DEAD_REASON,
  DEAD_FAILED_AT
};

static const sd_duck_column columns[SD_SINK_DEAD_COLUMNS] = {
    {"namespace", DUCKDB_TYPE_VARCHAR},
    {"hub", DUCKDB_TYPE_VARCHAR},
    {"consumer_group", DUCKDB_TYPE_VARCHAR},
    {"target", DUCKDB_TYPE_VARCHAR},
    {"partition_id", DUCKDB_TYPE_VARCHAR},
    {"sequence_number", DUCKDB_TYPE_BIGINT},
    {"offset", DUCKDB_TYPE_VARCHAR},
    {"enqueued_time", DUCKDB_TYPE_TIMESTAMP_TZ},
    {"body", DUCKDB_TYPE_BLOB},
    {"properties", DUCKDB_TYPE_VARCHAR},
    {"reason", DUCKDB_TYPE_VARCHAR},
    {"failed_at", DUCKDB_TYPE_TIMESTAMP_TZ},
};

/* By a statement, whose cast keeps properties that are no JSON from poisoning the column. */
static sd_status make_appender(sd_landing *landing, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "INSERT INTO ");
  sd_sink_append_table(&sql, landing->sink, landing->mapping, SD_DEAD_TABLE);
  sd_buf_append_text(
      &sql,
      " (namespace, hub, consumer_group, target, partition_id, sequence_number, \"offset\", "
      "enqueued_time, body, properties, reason, failed_at) SELECT namespace, hub, consumer_group, target, "
      "partition_id, sequence_number, \"offset\", enqueued_time, body, "
      "TRY_CAST(properties AS JSON), reason, failed_at FROM batch");
  sd_status status = sd_buf_status(&sql);
  if (status != SD_OK)
    sd_error_set(error, status, "building a statement: %s", sd_status_text(status));
  else
    status = sd_duck_appender_new_query(landing->sink->connection, sd_buf_text(&sql), columns,
                                        SD_SINK_DEAD_COLUMNS, &landing->dead_letters, error);
  sd_buf_release(&sql);
  return status;
}

static const char *reason_of(const sd_plan *plan, const sd_plan_row *row)
{
  switch ((sd_dead_reason)row->segment->dead[row->index]) {
  case SD_DEAD_BODY_NOT_UTF8:
    return "the body is not UTF-8 text";
  case SD_DEAD_PROPERTIES_NOT_JSON:
    return "the properties are malformed";
  case SD_DEAD_REFUSED_BY_TARGET: {
    const char *reason = sd_plan_refusal_of(plan, row->number);
    return reason ? reason : "the target table refused the row";
  }
  case SD_DEAD_NONE:
    break;
  }
  return "unknown";
}

/* Text, or NULL where there is none or it is not UTF-8 (which would make the whole flush fail). */
static void put_text(sd_duck_appender *appender, uint32_t column, uint32_t row, sd_bytes text)
{
  bool good = text.data && sd_utf8_valid(text.data, text.len);
  sd_duck_appender_strings(appender, column)[row] =
      good ? sd_duck_string(text.data, text.len) : sd_duck_string("", 0);
  if (!good)
    sd_duck_appender_set_null(appender, column, row);
}

static void put_row(sd_landing *landing, uint32_t at, const sd_plan_row *row)
{
  sd_duck_appender *to = landing->dead_letters;
  const sd_sink_mapping *mapping = landing->mapping;
  const sd_batch_segment *from = row->segment;
  uint32_t i = row->index;
  put_text(to, DEAD_NAMESPACE, at, sd_bytes_of(mapping->target.ns));
  put_text(to, DEAD_HUB, at, sd_bytes_of(mapping->target.hub));
  put_text(to, DEAD_GROUP, at, sd_bytes_of(mapping->target.consumer_group));
  put_text(to, DEAD_TARGET, at, sd_bytes_of(mapping->key_target));
  put_text(to, DEAD_PARTITION, at, sd_bytes_of(row->partition->id));
  sd_duck_appender_int64s(to, DEAD_SEQUENCE)[at] = from->sequence_number[i];
  put_text(to, DEAD_OFFSET, at, sd_batch_offset(from, i));
  sd_duck_appender_int64s(to, DEAD_ENQUEUED)[at] = from->enqueued_us[i];
  sd_duck_appender_strings(to, DEAD_BODY)[at] = sd_duck_string(from->data[i], from->body_len[i]);
  sd_bytes properties = sd_batch_properties(from, i);
  bool has_properties = properties.len > 0 && from->dead[i] != SD_DEAD_PROPERTIES_NOT_JSON;
  put_text(to, DEAD_PROPERTIES, at, has_properties ? properties : sd_bytes_make(NULL, 0));
  put_text(to, DEAD_REASON, at, sd_bytes_of(reason_of(&landing->plan, row)));
  sd_duck_appender_int64s(to, DEAD_FAILED_AT)[at] = landing->time_us;
}

sd_status sd_landing_append_dead_letters(sd_landing *landing, sd_error *error)
{
  sd_status status = landing->dead_letters ? SD_OK : make_appender(landing, error);
  if (status != SD_OK)
    return status;
  sd_plan_cursor cursor;
  sd_plan_row row;
  sd_plan_walk(&landing->plan, &cursor);
  uint32_t rows = 0;
  while (sd_plan_next(&cursor, &row)) {
    if (row.fate != SD_ROW_DEAD)
      continue;
    put_row(landing, rows++, &row);
    if (rows < SD_DUCK_CHUNK_ROWS)
      continue;
    status = sd_duck_appender_push(landing->dead_letters, rows, error);
    if (status != SD_OK)
      return status;
    rows = 0;
  }
  status = sd_duck_appender_push(landing->dead_letters, rows, error);
  if (status == SD_OK)
    status = sd_duck_appender_flush(landing->dead_letters, error);
  if (status == SD_OK)
    status = sd_landing_count(landing, SD_DEAD_TABLE, "failed_at", DUCKDB_TYPE_TIMESTAMP_TZ,
                              landing->plan.dead, error);
  return status;
}
