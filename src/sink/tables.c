/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The tables in the destination: made where missing, checked where they are there. */
#include "base/alloc.h"
#include "duck/quote.h"
#include "sink/sink_private.h"

typedef struct column_spec {
  const char *name;
  const char *type;     /* in CREATE TABLE */
  const char *accepted; /* types of an existing column that do, separated by ',' */
} column_spec;

typedef struct table_spec {
  const char *name; /* NULL: the target */
  const column_spec *columns;
  size_t count;
} table_spec;

#define TIME_ZONED      "TIMESTAMP WITH TIME ZONE"
#define TIMES           "TIMESTAMP WITH TIME ZONE,TIMESTAMP"
#define JSON_OR_TEXT    "JSON,VARCHAR"
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const column_spec target_columns[] = {
    {"event_body", "VARCHAR", "VARCHAR,JSON"},     {"partition_id", "VARCHAR", "VARCHAR"},
    {"sequence_number", "BIGINT", "BIGINT"},       {"enqueued_time", "TIMESTAMPTZ", TIMES},
    {"properties", "JSON", JSON_OR_TEXT},          {"system_properties", "JSON", JSON_OR_TEXT},
    {"ingestion_timestamp", "TIMESTAMPTZ", TIMES},
};

static const column_spec blob_target_columns[] = {
    {"event_body", "BLOB", "BLOB"},
    {"partition_id", "VARCHAR", "VARCHAR"},
    {"sequence_number", "BIGINT", "BIGINT"},
    {"enqueued_time", "TIMESTAMPTZ", TIMES},
    {"properties", "JSON", JSON_OR_TEXT},
    {"system_properties", "JSON", JSON_OR_TEXT},
    {"ingestion_timestamp", "TIMESTAMPTZ", TIMES},
};

/* No key, no index: they are the main cause of WALs that cannot be replayed, and the fence needs none. */
static const column_spec control_columns[] = {
    {"namespace", "VARCHAR", "VARCHAR"},
    {"hub", "VARCHAR", "VARCHAR"},
    {"consumer_group", "VARCHAR", "VARCHAR"},
    {"target", "VARCHAR", "VARCHAR"},
    {"partition_id", "VARCHAR", "VARCHAR"},
    {"incarnation", "VARCHAR", "VARCHAR"},
    {"offset", "VARCHAR", "VARCHAR"},
    {"sequence_number", "BIGINT", "BIGINT"},
    {"enqueued_time", "TIMESTAMPTZ", TIME_ZONED},
    {"epoch", "BIGINT", "BIGINT"},
    {"rev", "BIGINT", "BIGINT"},
    {"owner", "VARCHAR", "VARCHAR"},
    {"lease_until", "TIMESTAMPTZ", TIME_ZONED},
    {"rows_total", "BIGINT", "BIGINT"},
    {"updated_at", "TIMESTAMPTZ", TIME_ZONED},
    {"batch_id", "VARCHAR", "VARCHAR"},
    {"metadata", "JSON", JSON_OR_TEXT},
};

static const column_spec guard_columns[] = {{"rev", "BIGINT", "BIGINT"}};

static const column_spec dead_columns[] = {
    {"namespace", "VARCHAR", "VARCHAR"},
    {"hub", "VARCHAR", "VARCHAR"},
    {"consumer_group", "VARCHAR", "VARCHAR"},
    {"target", "VARCHAR", "VARCHAR"},
    {"partition_id", "VARCHAR", "VARCHAR"},
    {"sequence_number", "BIGINT", "BIGINT"},
    {"offset", "VARCHAR", "VARCHAR"},
    {"enqueued_time", "TIMESTAMPTZ", TIME_ZONED},
    {"body", "BLOB", "BLOB"},
    {"properties", "JSON", JSON_OR_TEXT},
    {"reason", "VARCHAR", "VARCHAR"},
    {"failed_at", "TIMESTAMPTZ", TIME_ZONED},
};

enum { TABLE_COUNT = 4 };

static void tables_of(const sd_sink_mapping *mapping, table_spec *tables)
{
  tables[0] = mapping->target.body_is_blob
                  ? (table_spec){NULL, blob_target_columns, COUNT_OF(blob_target_columns)}
                  : (table_spec){NULL, target_columns, COUNT_OF(target_columns)};
  tables[1] = (table_spec){SD_CONTROL_TABLE, control_columns, COUNT_OF(control_columns)};
  tables[2] = (table_spec){SD_GUARD_TABLE, guard_columns, COUNT_OF(guard_columns)};
  tables[3] = (table_spec){SD_DEAD_TABLE, dead_columns, COUNT_OF(dead_columns)};
}

static const char *name_of(const sd_sink_mapping *mapping, const table_spec *table)
{
  return table->name ? table->name : mapping->target.table;
}

/* True when `type` is one of the accepted. */
static bool is_accepted(sd_bytes type, const char *accepted)
{
  for (const char *at = accepted;;) {
    size_t len = strcspn(at, ",");
    if (sd_bytes_equal(type, sd_bytes_make(at, len)))
      return true;
    if (at[len] == '\0')
      return false;
    at += len + 1;
  }
}

/* Rows (name, type) of the table's columns; none when there is no such table. */
static sd_status read_columns(sd_duck_sink *sink, const sd_sink_mapping *mapping, const char *table,
                              sd_duck_result **ret_result, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "SELECT column_name, data_type, (is_nullable OR column_default IS NOT NULL) "
                           "FROM duckdb_columns() WHERE lower(database_name) = lower(");
  sd_duck_quote_text(&sql, sink->catalog);
  sd_buf_append_text(&sql, ") AND lower(schema_name) = lower(");
  sd_duck_quote_text(&sql, mapping->target.schema);
  sd_buf_append_text(&sql, ") AND lower(table_name) = lower(");
  sd_duck_quote_text(&sql, table);
  sd_buf_append_text(&sql, ") ORDER BY column_index");
  sd_status status = sd_duck_query_buf(sink->connection, &sql, ret_result, error);
  sd_buf_release(&sql);
  return status;
}

static const column_spec *find_spec(const table_spec *table, sd_bytes name)
{
  for (size_t i = 0; i < table->count; i++) {
    if (sd_bytes_equal_nocase(name, sd_bytes_of(table->columns[i].name)))
      return &table->columns[i];
  }
  return NULL;
}

static bool keep_name(sd_sink_mapping *mapping, size_t column, sd_bytes name)
{
  sd_free(mapping->columns[column]);
  mapping->columns[column] = sd_strndup((const char *)name.data, name.len);
  return mapping->columns[column] != NULL;
}

/* Compares an existing table with what it must be. */
static sd_status check_columns(sd_sink_mapping *mapping, const table_spec *table,
                               const sd_duck_result *columns, sd_error *error)
{
  const char *name = name_of(mapping, table);
  size_t found = 0;
  for (uint64_t row = 0; row < sd_duck_result_rows(columns); row++) {
    sd_bytes column = sd_duck_result_text(columns, row, 0);
    sd_bytes type = sd_duck_result_text(columns, row, 1);
    const column_spec *spec = find_spec(table, column);
    if (!spec) {
      int64_t may_be_left_out = 0;
      sd_duck_result_int64(columns, row, 2, &may_be_left_out);
      if (!may_be_left_out)
        return sd_error_set(
            error, SD_CONFIG,
            "table %s.%s has a column %.*s that is NOT NULL without a default, which streamduck "
            "does not fill: give it a default or use another table",
            mapping->target.schema, name, (int)column.len, (const char *)column.data);
      continue;
    }
    found++;
    if (!is_accepted(type, spec->accepted)) {
      const char *hint =
          strcmp(spec->name, "event_body") == 0 ? " (MOTHERDUCK_N_BODY chooses between text and blob)" : "";
      return sd_error_set(
          error, SD_CONFIG,
          "column %s of table %s.%s has the type %.*s, but must be %s%s: alter it or use another "
          "table",
          spec->name, mapping->target.schema, name, (int)type.len, (const char *)type.data, spec->type, hint);
    }
    duckdb_type time =
        sd_bytes_equal_text(type, "TIMESTAMP") ? DUCKDB_TYPE_TIMESTAMP : DUCKDB_TYPE_TIMESTAMP_TZ;
    if (!table->name && !keep_name(mapping, (size_t)(spec - table->columns), column))
      return sd_error_set(error, SD_NOMEM, "no memory for the columns of %s", name);
    if (!table->name && strcmp(spec->name, "enqueued_time") == 0)
      mapping->enqueued_type = time;
    if (!table->name && strcmp(spec->name, "ingestion_timestamp") == 0)
      mapping->ingested_type = time;
  }
  if (found == table->count)
    return SD_OK;
  for (size_t i = 0; i < table->count; i++) {
    bool there = false;
    for (uint64_t row = 0; row < sd_duck_result_rows(columns) && !there; row++)
      there = find_spec(table, sd_duck_result_text(columns, row, 0)) == &table->columns[i];
    if (!there)
      return sd_error_set(error, SD_CONFIG,
                          "table %s.%s exists but has no column %s (%s): add it or use another table",
                          mapping->target.schema, name, table->columns[i].name, table->columns[i].type);
  }
  return SD_OK;
}

static sd_status create_table(sd_duck_sink *sink, const sd_sink_mapping *mapping, const table_spec *table,
                              sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "CREATE TABLE IF NOT EXISTS ");
  sd_sink_append_table(&sql, sink, mapping, name_of(mapping, table));
  sd_buf_append_text(&sql, " (");
  for (size_t i = 0; i < table->count; i++) {
    if (i > 0)
      sd_buf_append_text(&sql, ", ");
    sd_duck_quote_identifier(&sql, table->columns[i].name);
    sd_buf_appendf(&sql, " %s", table->columns[i].type);
  }
  sd_buf_append_byte(&sql, ')');
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, NULL, error);
  sd_buf_release(&sql);
  return status;
}

/* The guard has exactly one row, made together with it. */
static sd_status check_guard(sd_duck_sink *sink, const sd_sink_mapping *mapping, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "INSERT INTO ");
  sd_sink_append_table(&sql, sink, mapping, SD_GUARD_TABLE);
  sd_buf_append_text(&sql, " SELECT 0 WHERE NOT EXISTS (FROM ");
  sd_sink_append_table(&sql, sink, mapping, SD_GUARD_TABLE);
  sd_buf_append_byte(&sql, ')');
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, NULL, error);
  int64_t rows = 0;
  if (status == SD_OK) {
    sd_buf_clear(&sql);
    sd_buf_append_text(&sql, "SELECT count(*) FROM ");
    sd_sink_append_table(&sql, sink, mapping, SD_GUARD_TABLE);
    status = sd_duck_query_int64_buf(sink->connection, &sql, &rows, error);
  }
  sd_buf_release(&sql);
  if (status == SD_OK && rows != 1) {
    status = sd_error_set(error, SD_CORRUPT,
                          "table %s.%s has %d rows, but must have one: stop every streamduck on "
                          "this database and delete all but one",
                          mapping->target.schema, SD_GUARD_TABLE, (int)rows);
    if (error)
      error->fatal = true;
  }
  return status;
}

static sd_status create_schema(sd_duck_sink *sink, const sd_sink_mapping *mapping, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "CREATE SCHEMA IF NOT EXISTS ");
  sd_duck_quote_identifier(&sql, sink->catalog);
  sd_buf_append_byte(&sql, '.');
  sd_duck_quote_identifier(&sql, mapping->target.schema);
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, NULL, error);
  sd_buf_release(&sql);
  return status;
}

typedef struct open_state {
  bool created_target;
  bool created_any;
} open_state;

/* The body of the transaction that makes what is missing. */
static sd_status open_body(sd_duck_sink *sink, sd_sink_mapping *mapping, void *user, sd_error *error)
{
  open_state *state = user;
  *state = (open_state){false, false};
  mapping->enqueued_type = DUCKDB_TYPE_TIMESTAMP_TZ;
  mapping->ingested_type = DUCKDB_TYPE_TIMESTAMP_TZ;
  table_spec tables[TABLE_COUNT];
  tables_of(mapping, tables);
  for (size_t i = 0; i < TABLE_COUNT; i++) {
    sd_duck_result *columns = NULL;
    sd_status status = read_columns(sink, mapping, name_of(mapping, &tables[i]), &columns, error);
    if (status != SD_OK)
      return status;
    bool there = sd_duck_result_rows(columns) > 0;
    if (there)
      status = check_columns(mapping, &tables[i], columns, error);
    sd_duck_result_free(columns);
    if (status == SD_OK && !there && !state->created_any)
      status = create_schema(sink, mapping, error);
    if (status == SD_OK && !there)
      status = create_table(sink, mapping, &tables[i], error);
    for (size_t c = 0; status == SD_OK && !there && i == 0 && c < tables[i].count; c++) {
      if (!keep_name(mapping, c, sd_bytes_of(tables[i].columns[c].name)))
        status = sd_error_set(error, SD_NOMEM, "no memory for the columns of %s", mapping->target.table);
    }
    if (status != SD_OK)
      return status;
    if (!there) {
      state->created_any = true;
      state->created_target = state->created_target || i == 0;
    }
  }
  return check_guard(sink, mapping, error);
}

sd_status sd_sink_open_tables(sd_duck_sink *sink, sd_sink_mapping *mapping, bool *ret_created,
                              sd_error *error)
{
  open_state state = {false, false};
  mapping->tables_made = false;
  sd_status status = sd_sink_in_transaction(sink, mapping, open_body, &state, error);
  if (status != SD_OK) {
    sd_error_prefix(error, "preparing %s.%s in %s", mapping->target.schema, mapping->target.table,
                    sink->database_name);
    return status;
  }
  /* DDL must not lie in the WAL when rows follow: that is where replays fail. */
  sink->checkpoint_due = sink->checkpoint_due || state.created_any;
  mapping->tables_ready = true;
  mapping->tables_made = state.created_any;
  *ret_created = state.created_target;
  return SD_OK;
}
