/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The Python original's control table: append-only, one row per partition and batch. It is read once, when a
 * partition has no checkpoint of ours, and mirrored to after COMMIT; it never decides. The newest row by
 * ts_inserted counts, never the highest waterlevel: that one survives a rewind and a hub that was made again.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "duck/quote.h"
#include "sink/sink_private.h"

#include <inttypes.h>

enum { LEGACY_WARN_EVERY_MS = 60 * 1000 };

static bool is_path(const char *database)
{
  size_t len = strlen(database);
  return strchr(database, '/') || (len >= 7 && strcmp(database + len - 7, ".duckdb") == 0);
}

void sd_legacy_close(sd_sink_mapping *mapping)
{
  sd_duck_database_detach(mapping->legacy_own);
  mapping->legacy_own = NULL;
  sd_free(mapping->legacy_catalog);
  mapping->legacy_catalog = NULL;
}

/* Makes legacy_catalog the catalog of the original's database. Attaching is done outside the connection. */
static sd_status reach_database(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_error *error)
{
  const char *database = mapping->target.legacy_database;
  if (mapping->legacy_off || mapping->legacy_catalog)
    return SD_OK;
  const char *catalog = sink->catalog;
  if (strcmp(database, sink->database_name) != 0) {
    if (!sink->motherduck && !is_path(database)) {
      sd_log_warning(sink->log, "sink",
                     "TARGET_DB %s is a MotherDuck database, which the local target %s does not reach: its "
                     "checkpoints are neither imported nor mirrored",
                     database, sink->database_name);
      mapping->legacy_off = true;
      return SD_OK;
    }
    sd_sink_leave(sink);
    sd_status status = sd_duck_database_attach(sink->instance, database, false, &mapping->legacy_own, error);
    if (status != SD_OK) {
      sd_error_prefix(error, "TARGET_DB");
      return status;
    }
    status = sd_sink_enter(sink, error);
    if (status != SD_OK)
      return status;
    catalog = sd_duck_database_alias(mapping->legacy_own);
  }
  mapping->legacy_catalog = sd_strdup(catalog);
  return mapping->legacy_catalog ? SD_OK : sd_error_set(error, SD_NOMEM, "no memory for TARGET_DB");
}

static void append_legacy_table(sd_buf *sql, const sd_sink_mapping *mapping)
{
  sd_duck_quote_table(sql, mapping->legacy_catalog, mapping->target.legacy_schema,
                      mapping->target.legacy_table);
}

static sd_status table_exists(sd_duck_sink *sink, const sd_sink_mapping *mapping, bool *ret_exists,
                              sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "SELECT count(*) FROM duckdb_columns() WHERE lower(database_name) = lower(");
  sd_duck_quote_text(&sql, mapping->legacy_catalog);
  sd_buf_append_text(&sql, ") AND lower(schema_name) = lower(");
  sd_duck_quote_text(&sql, mapping->target.legacy_schema);
  sd_buf_append_text(&sql, ") AND lower(table_name) = lower(");
  sd_duck_quote_text(&sql, mapping->target.legacy_table);
  sd_buf_append_byte(&sql, ')');
  int64_t count = 0;
  sd_duck_result *result = NULL;
  sd_status status = sd_duck_query_buf(sink->connection, &sql, &result, error);
  sd_buf_release(&sql);
  if (status != SD_OK)
    return status;
  sd_duck_result_int64(result, 0, 0, &count);
  sd_duck_result_free(result);
  *ret_exists = count > 0;
  return SD_OK;
}

/* Names compare without case, as the service and DuckDB do. */
static void append_equal(sd_buf *sql, const char *column, const char *value)
{
  sd_buf_appendf(sql, " AND lower(%s) = lower(", column);
  sd_duck_quote_text(sql, value);
  sd_buf_append_byte(sql, ')');
}

static sd_status select_newest(sd_duck_sink *sink, const sd_sink_mapping *mapping,
                               sd_duck_result **ret_result, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "SELECT partition_id, json_extract_string(metadata, '$.offset_string'), "
                           "TRY_CAST(json_extract_string(metadata, '$.sequence_number') AS BIGINT) FROM ");
  append_legacy_table(&sql, mapping);
  sd_buf_append_text(&sql, " WHERE true");
  append_equal(&sql, "eventhub_namespace", mapping->target.ns);
  append_equal(&sql, "eventhub", mapping->target.hub);
  append_equal(&sql, "target_db", sink->database_name);
  append_equal(&sql, "target_schema", mapping->target.schema);
  append_equal(&sql, "target_table", mapping->target.table);
  /* Rows of old versions do not name the consumer group. */
  sd_buf_append_text(&sql, " AND lower(coalesce(json_extract_string(metadata, '$.consumer_group'), ");
  sd_duck_quote_text(&sql, mapping->target.consumer_group);
  sd_buf_append_text(&sql, ")) = lower(");
  sd_duck_quote_text(&sql, mapping->target.consumer_group);
  sd_buf_append_text(&sql,
                     ") QUALIFY row_number() OVER (PARTITION BY partition_id ORDER BY ts_inserted DESC NULLS "
                     "LAST, rowid DESC) = 1");
  sd_status status = sd_duck_query_buf(sink->connection, &sql, ret_result, error);
  sd_buf_release(&sql);
  return status;
}

static sd_status keep_rows(sd_sink_mapping *mapping, const sd_duck_result *result, sd_error *error)
{
  uint64_t count = sd_duck_result_rows(result);
  if (count > SD_BATCH_PARTITIONS_MAX)
    return sd_error_set(error, SD_LIMIT, "more than %d partitions", SD_BATCH_PARTITIONS_MAX);
  sd_legacy_row *rows = sd_calloc(count, sizeof *rows);
  if (!rows)
    return sd_error_set(error, SD_NOMEM, "no memory");
  for (uint64_t i = 0; i < count; i++) {
    sd_bytes id = sd_duck_result_text(result, i, 0);
    sd_bytes offset = sd_duck_result_text(result, i, 1);
    rows[i].sequence_number = -1;
    sd_duck_result_int64(result, i, 2, &rows[i].sequence_number);
    if (!sd_bytes_to_text(id, rows[i].partition_id, sizeof rows[i].partition_id) || offset.len == 0 ||
        !sd_bytes_to_text(offset, rows[i].offset, sizeof rows[i].offset)) {
      sd_free(rows);
      /* Its waterlevel may be an offset or a sequence number: old versions mixed them. */
      return sd_error_set(
          error, SD_INVALID,
          "the newest row of partition %.*s holds no usable metadata.offset_string, so where to "
          "resume is unknown: unset TARGET_TABLE and choose a start position",
          (int)id.len, (const char *)id.data);
    }
  }
  sd_free(mapping->legacy_rows);
  mapping->legacy_rows = rows;
  mapping->legacy_count = (uint32_t)count;
  return SD_OK;
}

sd_status sd_legacy_read(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_error *error)
{
  if (mapping->legacy_off || (mapping->legacy_read && mapping->legacy_catalog))
    return SD_OK;
  bool exists = false;
  sd_duck_result *result = NULL;
  sd_status status = reach_database(sink, mapping, error);
  if (status != SD_OK || mapping->legacy_off || mapping->legacy_read)
    return status;
  status = table_exists(sink, mapping, &exists, error);
  if (status == SD_OK && exists)
    status = select_newest(sink, mapping, &result, error);
  if (status == SD_OK && exists)
    status = keep_rows(mapping, result, error);
  sd_duck_result_free(result);
  if (status != SD_OK) {
    sd_error_prefix(error, "reading the Python original's checkpoints from %s.%s.%s",
                    mapping->target.legacy_database, mapping->target.legacy_schema,
                    mapping->target.legacy_table);
    return status;
  }
  mapping->legacy_read = true;
  return SD_OK;
}

static sd_status make_legacy_table(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "CREATE SCHEMA IF NOT EXISTS ");
  sd_duck_quote_identifier(&sql, mapping->legacy_catalog);
  sd_buf_append_byte(&sql, '.');
  sd_duck_quote_identifier(&sql, mapping->target.legacy_schema);
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, NULL, error);
  if (status == SD_OK) {
    sd_buf_clear(&sql);
    sd_buf_append_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    append_legacy_table(&sql, mapping);
    sd_buf_append_text(
        &sql, " (ts_inserted TIMESTAMP, eventhub_namespace VARCHAR NOT NULL, eventhub VARCHAR NOT "
              "NULL, target_db VARCHAR NOT NULL, target_schema VARCHAR NOT NULL, target_table VARCHAR "
              "NOT NULL, partition_id VARCHAR NOT NULL, waterlevel BIGINT NOT NULL, metadata JSON)");
    status = sd_duck_execute_buf(sink->connection, &sql, NULL, error);
  }
  sd_buf_release(&sql);
  mapping->legacy_mirror_ready = status == SD_OK;
  return status;
}

static sd_status insert_points(sd_duck_sink *sink, const sd_sink_mapping *mapping,
                               const sd_legacy_point *points, uint32_t count, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "INSERT INTO ");
  append_legacy_table(&sql, mapping);
  sd_buf_append_text(
      &sql, " (ts_inserted, eventhub_namespace, eventhub, target_db, target_schema, target_table, "
            "partition_id, waterlevel, metadata) SELECT now()::TIMESTAMP, n, h, d, s, t, p, "
            "coalesce(TRY_CAST(o AS BIGINT), q), json_object('sequence_number', q, 'offset_string', o, "
            "'fully_qualified_namespace', n, 'eventhub_name', h, 'consumer_group', g) FROM (VALUES ");
  for (uint32_t i = 0; i < count; i++) {
    const char *values[] = {mapping->target.ns,     mapping->target.hub,   sink->database_name,
                            mapping->target.schema, mapping->target.table, mapping->target.consumer_group,
                            points[i].partition_id};
    sd_buf_append_text(&sql, i > 0 ? ", (" : "(");
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
      sd_duck_quote_text(&sql, values[v]);
      sd_buf_append_text(&sql, ", ");
    }
    sd_duck_quote_literal(&sql, points[i].offset);
    sd_buf_appendf(&sql, ", %" PRId64 "::BIGINT)", points[i].sequence_number);
  }
  sd_buf_append_text(&sql, ") v(n, h, d, s, t, g, p, o, q)");
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, NULL, error);
  sd_buf_release(&sql);
  return status;
}

void sd_legacy_mirror(sd_duck_sink *sink, sd_sink_mapping *mapping, const sd_legacy_point *points,
                      uint32_t count)
{
  sd_error error;
  if (mapping->legacy_off || !mapping->legacy_catalog)
    return;
  sd_status status = mapping->legacy_mirror_ready ? SD_OK : make_legacy_table(sink, mapping, &error);
  if (status == SD_OK)
    status = insert_points(sink, mapping, points, count, &error);
  if (status == SD_OK)
    return;
  uint64_t now = sd_clock_monotonic_ms();
  if (mapping->legacy_warned_ms != 0 && now < mapping->legacy_warned_ms + LEGACY_WARN_EVERY_MS)
    return;
  mapping->legacy_warned_ms = now;
  sd_log_warning(sink->log, "sink",
                 "the Python original's table %s.%s.%s could not be mirrored to (what landed is safe): %s",
                 mapping->target.legacy_database, mapping->target.legacy_schema, mapping->target.legacy_table,
                 error.message);
}
