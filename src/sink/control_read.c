/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Commands on control tables. */
#include "sink/control_read.h"

#include "base/alloc.h"
#include "duck/quote.h"
#include "sink/sink_private.h"

void sd_control_rows_free(sd_control_row *rows, size_t count)
{
  for (size_t i = 0; rows && i < count; i++) {
    sd_free(rows[i].ns);
    sd_free(rows[i].hub);
    sd_free(rows[i].consumer_group);
    sd_free(rows[i].target);
    sd_free(rows[i].partition_id);
    sd_free(rows[i].incarnation);
    sd_free(rows[i].offset);
    sd_free(rows[i].owner);
  }
  sd_free(rows);
}

/* A cell as a string; NULL for SQL NULL. *failed when memory is short. */
static char *take_text(const sd_duck_result *result, uint64_t row, uint32_t column, bool *failed)
{
  sd_bytes text = sd_duck_result_text(result, row, column);
  if (!text.data)
    return NULL;
  char *copy = sd_strndup((const char *)text.data, text.len);
  if (!copy)
    *failed = true;
  return copy;
}

static sd_status take_rows(const sd_duck_result *result, sd_control_row **ret_rows, size_t *ret_count,
                           sd_error *error)
{
  uint64_t count = sd_duck_result_rows(result);
  if (count > SD_CONTROL_ROWS_MAX)
    return sd_error_set(error, SD_LIMIT, "the control table has more than %d rows", SD_CONTROL_ROWS_MAX);
  sd_control_row *rows = sd_calloc(count, sizeof *rows);
  bool failed = !rows;
  for (uint64_t i = 0; i < count && !failed; i++) {
    sd_control_row *row = &rows[i];
    row->ns = take_text(result, i, 0, &failed);
    row->hub = take_text(result, i, 1, &failed);
    row->consumer_group = take_text(result, i, 2, &failed);
    row->target = take_text(result, i, 3, &failed);
    row->partition_id = take_text(result, i, 4, &failed);
    row->incarnation = take_text(result, i, 5, &failed);
    row->offset = take_text(result, i, 6, &failed);
    row->sequence_number = -1;
    sd_duck_result_int64(result, i, 7, &row->sequence_number);
    sd_duck_result_int64(result, i, 8, &row->enqueued_us);
    sd_duck_result_int64(result, i, 9, &row->epoch);
    row->owner = take_text(result, i, 10, &failed);
    sd_duck_result_int64(result, i, 11, &row->lease_until_us);
    sd_duck_result_int64(result, i, 12, &row->rows_total);
    sd_duck_result_int64(result, i, 13, &row->updated_us);
  }
  if (failed) {
    sd_control_rows_free(rows, count);
    return sd_error_set(error, SD_NOMEM, "no memory for the control table's rows");
  }
  *ret_rows = rows;
  *ret_count = count;
  return SD_OK;
}

static sd_status select_rows(sd_duck_connection *connection, const char *catalog, const char *schema,
                             sd_duck_result **ret_result, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(
      &sql, "SELECT namespace, hub, consumer_group, target, partition_id, incarnation, \"offset\", "
            "sequence_number, enqueued_time, epoch, owner, lease_until, rows_total, updated_at FROM ");
  sd_duck_quote_table(&sql, catalog, schema, SD_CONTROL_TABLE);
  sd_buf_append_text(&sql,
                     " ORDER BY namespace, hub, consumer_group, target, TRY_CAST(partition_id AS BIGINT), "
                     "partition_id");
  sd_status status = sd_duck_query_buf(connection, &sql, ret_result, error);
  sd_buf_release(&sql);
  if (status != SD_OK && error->source == SD_SOURCE_DUCKDB && error->source_code == DUCKDB_ERROR_CATALOG)
    status = sd_error_set(error, SD_NOT_FOUND, "there is no table %s.%s: nothing has been landed there yet",
                          schema, SD_CONTROL_TABLE);
  return status;
}

sd_status sd_control_list(const sd_control_options *options, const char *schema, sd_control_row **ret_rows,
                          size_t *ret_count, sd_error *error)
{
  sd_error own;
  sd_duck_instance *instance = NULL;
  sd_duck_database *database = NULL;
  sd_duck_connection *connection = NULL;
  sd_duck_result *result = NULL;
  sd_duck_instance_options instance_options = {
      .api = options->api,
      .libduckdb = options->libduckdb,
      .motherduck_token = options->motherduck ? options->motherduck_token : NULL,
      .motherduck_extension = options->motherduck_extension,
  };
  sd_duck_connection_options connection_options = {.log = options->log};
  sd_error_clear(&own);
  sd_status status = sd_duck_instance_acquire(&instance_options, &instance, &own);
  if (status == SD_OK)
    status = sd_duck_database_attach(instance, options->database, true, &database, &own);
  if (status == SD_OK)
    status = sd_duck_connection_new(instance, &connection_options, &connection, &own);
  if (status == SD_OK)
    status = sd_duck_connection_enter(connection, database, &own);
  if (status == SD_OK) {
    status = select_rows(connection, sd_duck_database_alias(database), schema, &result, &own);
    if (status == SD_OK)
      status = take_rows(result, ret_rows, ret_count, &own);
    sd_duck_result_free(result);
    sd_duck_connection_leave(connection);
  }
  sd_duck_connection_free(connection);
  sd_duck_database_detach(database);
  sd_duck_instance_release(instance);
  if (status != SD_OK && error)
    *error = own;
  return status;
}

/* With the sink entered: claims what the original has, which imports it, and gives it up again. */
static sd_status import(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_control_import *ret_import,
                        sd_error *error)
{
  bool created = false;
  sd_status status = sd_sink_open_tables(sink, mapping, &created, error);
  if (status == SD_OK)
    status = sd_legacy_read(sink, mapping, error);
  if (status != SD_OK)
    return status;
  if (mapping->legacy_off)
    return sd_error_set(
        error, SD_CONFIG,
        "the Python original's table is not configured (TARGET_DB, TARGET_SCHEMA, TARGET_TABLE) or "
        "out of reach from %s",
        sink->database_name);
  if (mapping->legacy_count == 0)
    return sd_error_set(error, SD_NOT_FOUND, "%s.%s.%s holds no checkpoint of %s for %s.%s.%s",
                        mapping->target.legacy_database, mapping->target.legacy_schema,
                        mapping->target.legacy_table, mapping->target.hub, sink->database_name,
                        mapping->target.schema, mapping->target.table);
  sd_claim *claims = sd_calloc(mapping->legacy_count, sizeof *claims);
  sd_claim *claimed = sd_calloc(mapping->legacy_count, sizeof *claimed);
  sd_sink_claim op = {.count = mapping->legacy_count, .claims = claims};
  sd_control_import counts = {.found = mapping->legacy_count};
  if (!claims || !claimed) {
    status = sd_error_set(error, SD_NOMEM, "no memory for the partitions");
  } else {
    for (uint32_t i = 0; i < op.count; i++)
      memcpy(claims[i].partition_id, mapping->legacy_rows[i].partition_id, sizeof claims[i].partition_id);
    status = sd_sink_claim_partitions(sink, mapping, &op, error);
  }
  if (status == SD_OK) {
    sd_sink_claim held = {.claims = claimed};
    for (uint32_t i = 0; i < op.count; i++) {
      if (!claims[i].claimed)
        counts.held++;
      else if (claims[i].checkpoint.imported)
        counts.imported++;
      else
        counts.kept++;
      if (claims[i].claimed)
        claimed[held.count++] = claims[i];
    }
    status = sd_sink_release_partitions(sink, mapping, &held, error);
  }
  sd_free(claims);
  sd_free(claimed);
  if (status == SD_OK)
    *ret_import = counts;
  return status;
}

sd_status sd_control_import_legacy(const sd_control_options *options, const sd_target *target,
                                   sd_control_import *ret_import, sd_error *error)
{
  sd_duck_sink_options sink_options = {
      .struct_size = sizeof sink_options,
      .database = options->database,
      .motherduck = options->motherduck,
      .motherduck_token = options->motherduck_token,
      .motherduck_extension = options->motherduck_extension,
      .libduckdb = options->libduckdb,
      .log = options->log,
      .api = options->api,
  };
  sd_duck_sink *sink = NULL;
  sd_sink_mapping *mapping = NULL;
  sd_error own;
  sd_status status = sd_sink_make(&sink_options, &sink, error);
  if (status != SD_OK)
    return status;
  sd_error_clear(&own);
  status = sd_sink_find_mapping(sink, target, &mapping);
  if (status != SD_OK)
    sd_error_set(&own, status, "no memory for the import");
  if (status == SD_OK)
    status = sd_sink_enter(sink, &own);
  if (status == SD_OK)
    status = import(sink, mapping, ret_import, &own);
  sd_sink_leave(sink);
  sd_sink_unmake(sink);
  if (status != SD_OK && error)
    *error = own;
  return status;
}
