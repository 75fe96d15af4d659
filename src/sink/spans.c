/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the writer records of its work. */
#include "sink/spans.h"

#include "base/clock.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { DATABASE_ATTRIBUTES = 4 };

static sd_span *start(const sd_duck_sink *sink, const char *name, sd_span_kind kind, const sd_context *parent,
                      const sd_attribute *attributes, size_t count)
{
  const sd_span_options options = {.struct_size = sizeof options,
                                   .kind = kind,
                                   .parent = parent,
                                   .attributes = attributes,
                                   .attribute_count = count,
                                   .level = SD_LEVEL_INFO};
  return sd_span_start(sink->tracer, name, &options);
}

/* A database on another machine is a peer, one in our process is not. */
static sd_span_kind kind_of(const sd_duck_sink *sink)
{
  return sink->motherduck ? SD_SPAN_CLIENT : SD_SPAN_INTERNAL;
}

static void set_database(sd_span *span, const sd_duck_sink *sink, const sd_sink_mapping *mapping,
                         const char *operation)
{
  const sd_attribute attributes[DATABASE_ATTRIBUTES] = {
      sd_attribute_string("db.system.name", sink->motherduck ? "motherduck" : "duckdb"),
      sd_attribute_string("db.namespace", sink->database_name),
      sd_attribute_string("db.collection.name", mapping->target.table),
      sd_attribute_string("db.operation.name", operation),
  };
  sd_span_set_all(span, attributes, COUNT_OF(attributes));
}

static void fail(sd_span *span, const sd_error *error)
{
  char type[SD_ERROR_TYPE_SIZE];
  if (!span)
    return;
  sd_span_set_string(span, "error.type", sd_error_type(error, type));
  sd_span_record_error(span, error);
  sd_span_set_level(span, SD_LEVEL_ERROR);
}

/* ---- tables ---- */

static void put_tables(const sd_duck_sink *sink, sd_sink_mapping *mapping, const sd_context *parent,
                       const sd_error *error)
{
  const sd_attribute attributes[] = {
      sd_attribute_string("schema", mapping->target.schema),
      sd_attribute_string("table", mapping->target.table),
      sd_attribute_bool("ddl_executed", mapping->tables_made),
      sd_attribute_bool("success", error == NULL),
  };
  const sd_span_options options = {.struct_size = sizeof options,
                                   .kind = kind_of(sink),
                                   .parent = parent,
                                   .attributes = attributes,
                                   .attribute_count = COUNT_OF(attributes),
                                   .start_unix_ns = mapping->opened_from_ns,
                                   .level = SD_LEVEL_INFO};
  sd_span *span = sd_span_start(sink->tracer, "motherduck._ensure_target_table", &options);
  set_database(span, sink, mapping, "CREATE TABLE");
  if (error)
    fail(span, error);
  sd_span_end_at(span, mapping->opened_until_ns);
}

void sd_sink_spans_opened(sd_duck_sink *sink, sd_sink_mapping *mapping, const sd_sink_op *op,
                          int64_t start_unix_ns)
{
  if (!sink->tracer)
    return;
  mapping->opened_from_ns = start_unix_ns;
  mapping->opened_until_ns = sd_clock_unix_ns();
  mapping->opened_untold = op->error.code == SD_OK;
  if (op->error.code != SD_OK)
    put_tables(sink, mapping, &op->context, &op->error);
}

/* ---- a landing ---- */

void sd_sink_spans_begin(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_write *const *ops,
                         uint32_t count, sd_sink_spans *ret_spans)
{
  *ret_spans = (sd_sink_spans){.ingest = NULL};
  if (!sink->tracer)
    return;
  uint64_t rows = 0;
  for (uint32_t i = 0; i < count; i++)
    rows += ops[i]->batch->rows;
  const sd_attribute attributes[] = {
      sd_attribute_int("batch_size", (int64_t)rows),
      /* A mapping's rules judge every failure (stream/rules.h). */
      sd_attribute_bool("has_retry_manager", true),
      sd_attribute_int("coalesced_batches", count),
  };
  const sd_context *parent = &ops[0]->base.context;
  ret_spans->rows = rows;
  ret_spans->ingest =
      start(sink, "motherduck.ingest_batch", SD_SPAN_INTERNAL, parent, attributes, COUNT_OF(attributes));
  ret_spans->context = ret_spans->ingest ? sd_span_context(ret_spans->ingest) : *parent;
  for (uint32_t i = 1; i < count && i <= SD_SINK_LINKS_MAX && ret_spans->ingest; i++) {
    const sd_link link = {.context = ops[i]->base.context};
    sd_span_add_link(ret_spans->ingest, &link);
  }
  if (mapping->opened_untold)
    put_tables(sink, mapping, &ret_spans->context, NULL);
  mapping->opened_untold = false;
  const sd_attribute size = sd_attribute_int("batch_size", (int64_t)rows);
  ret_spans->landing =
      start(sink, "motherduck._ingest_batch_impl", kind_of(sink), &ret_spans->context, &size, 1);
  set_database(ret_spans->landing, sink, mapping, "INSERT");
  sd_span_set_int(ret_spans->landing, "db.operation.batch.size", (int64_t)rows);
  mapping->landing_span = ret_spans->landing;
}

void sd_sink_spans_end(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_write *const *ops,
                       uint32_t count, sd_sink_spans *spans)
{
  if (!sink->tracer)
    return;
  const sd_error *error = NULL;
  uint64_t landed = 0;
  uint64_t dead = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (ops[i]->base.error.code == SD_OK) {
      landed += ops[i]->rows_landed;
      dead += ops[i]->rows_dead;
      mapping->total_batches++;
    } else if (!error) {
      error = &ops[i]->base.error;
    }
  }
  mapping->total_messages += landed;
  const sd_attribute landing[] = {
      sd_attribute_int("messages_sent", (int64_t)landed),
      sd_attribute_int("total_messages", (int64_t)mapping->total_messages),
      sd_attribute_int("total_batches", (int64_t)mapping->total_batches),
      sd_attribute_int("dead_letters", (int64_t)dead),
      sd_attribute_double("commit_ms", (double)ops[0]->commit_ns / 1e6),
  };
  sd_span_set_all(spans->landing, landing, COUNT_OF(landing));
  sd_span_set_bool(spans->ingest, "success", error == NULL);
  sd_span_set_int(spans->ingest, "errors", error != NULL);
  if (error) {
    fail(spans->landing, error);
    fail(spans->ingest, error);
  }
  mapping->landing_span = NULL;
  sd_span_end(spans->landing);
  sd_span_end(spans->ingest);
}

void sd_sink_spans_note(sd_sink_mapping *mapping, const char *name, const sd_error *error)
{
  char type[SD_ERROR_TYPE_SIZE];
  if (!mapping->landing_span)
    return;
  const sd_attribute attributes[] = {
      sd_attribute_string("error.type", error ? sd_error_type(error, type) : NULL),
      sd_attribute_string("error.message", error ? error->message : NULL),
  };
  sd_span_add_event(mapping->landing_span, name, 0, attributes, error ? COUNT_OF(attributes) : 0);
}
