/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The spans of a mapping that last as long as a segment, and what it says in between. */
#include "stream/mapping_spans.h"

#include "stream/mapping_internal.h"

#include <stdio.h>

enum { MAPPING_KEY_MAX = 64, CHANNEL_MAX = 2 * SD_SINK_NAME_MAX, CLIENT_SUFFIX_LEN = 8 };

static char *mapping_key(const sd_mapping *mapping, char *dst)
{
  int number = mapping->settings->number;
  snprintf(dst, MAPPING_KEY_MAX, "EVENTHUB_%d → MOTHERDUCK_%d", number, number);
  return dst;
}

sd_mapping_totals sd_mapping_get_totals(const sd_mapping *mapping)
{
  const mapping_counters *counters = &mapping->counters;
  return (sd_mapping_totals){.messages = counters->landed + counters->dead_letters,
                             .batches = counters->batches,
                             .retries = counters->retries,
                             .transactions = counters->transactions,
                             .attempts_failed = counters->attempts_failed};
}

/* A span under `parent`; *ret_context is what is below it hangs on, recorded or not. */
static sd_span *start(const sd_mapping *mapping, const char *name, sd_span_kind kind,
                      const sd_context *parent, const sd_attribute *attributes, size_t count,
                      sd_context *ret_context)
{
  const sd_span_options options = {.struct_size = sizeof options,
                                   .kind = kind,
                                   .parent = parent,
                                   .attributes = attributes,
                                   .attribute_count = count,
                                   .level = SD_LEVEL_INFO};
  sd_span *span = sd_span_start(mapping->spans.tracer, name, &options);
  *ret_context = span ? sd_span_context(span) : *parent;
  return span;
}

static void start_source(sd_mapping *mapping)
{
  const sd_stream_mapping *settings = mapping->settings;
  const sd_attribute attributes[] = {
      sd_attribute_string("namespace", mapping->ns),
      sd_attribute_string("name", settings->hub),
      sd_attribute_string("consumer_group", settings->consumer_group),
      sd_attribute_int("batch_size", settings->batch_rows),
      sd_attribute_double("batch_timeout", settings->batch_timeout_ms / 1000.0),
      sd_attribute_string("messaging.system", "eventhubs"),
      sd_attribute_string("messaging.operation.name", "receive"),
      sd_attribute_string("messaging.operation.type", "receive"),
      sd_attribute_string("messaging.destination.name", settings->hub),
      sd_attribute_string("messaging.consumer.group.name", settings->consumer_group),
      sd_attribute_string("server.address", mapping->ns),
      sd_attribute_int("server.port", sd_mapping_port(mapping)),
  };
  mapping->spans.source =
      start(mapping, "eventhub.start", SD_SPAN_CLIENT, &mapping->spans.process_context, attributes,
            sizeof attributes / sizeof *attributes, &mapping->spans.source_context);
}

static void start_sink(sd_mapping *mapping)
{
  const sd_stream_mapping *settings = mapping->settings;
  char suffix[CLIENT_SUFFIX_LEN + 1];
  snprintf(suffix, sizeof suffix, "%s", mapping->owner ? mapping->owner : "");
  const sd_attribute attributes[] = {
      sd_attribute_string("database", settings->database),
      sd_attribute_string("schema", settings->schema),
      sd_attribute_string("table", settings->table),
      sd_attribute_string("client_suffix", suffix),
      sd_attribute_string("db.system.name", settings->motherduck ? "motherduck" : "duckdb"),
      sd_attribute_string("db.namespace", settings->database),
      sd_attribute_string("db.collection.name", settings->table),
  };
  mapping->spans.sink =
      start(mapping, "motherduck.start", settings->motherduck ? SD_SPAN_CLIENT : SD_SPAN_INTERNAL,
            &mapping->spans.process_context, attributes, sizeof attributes / sizeof *attributes,
            &mapping->spans.sink_context);
}

void sd_mapping_begin_segment(sd_mapping *mapping, const sd_context *parent)
{
  sd_mapping_spans *spans = &mapping->spans;
  if (!spans->tracer)
    return;
  spans->in_segment = true;
  char key[MAPPING_KEY_MAX];
  char channel[CHANNEL_MAX];
  snprintf(channel, sizeof channel, "%s/%s", mapping->settings->hub, mapping->settings->consumer_group);
  const sd_attribute attributes[] = {
      sd_attribute_string("mapping_key", mapping_key(mapping, key)),
      sd_attribute_string("channel_name", channel),
  };
  spans->each_event = sd_tracer_enabled(spans->tracer, SD_LEVEL_DEBUG);
  spans->before = sd_mapping_get_totals(mapping);
  spans->process = start(mapping, "orchestrator._process_messages", SD_SPAN_INTERNAL, parent, attributes,
                         sizeof attributes / sizeof *attributes, &spans->process_context);
  start_sink(mapping);
  start_source(mapping);
}

void sd_mapping_end_segment(sd_mapping *mapping)
{
  sd_mapping_spans *spans = &mapping->spans;
  if (!spans->in_segment)
    return;
  spans->in_segment = false;
  sd_span_end(spans->source);
  sd_span_end(spans->sink);
  sd_mapping_totals now = sd_mapping_get_totals(mapping);
  const sd_error *error = sd_mapping_halt_error(mapping);
  const sd_attribute attributes[] = {
      sd_attribute_int("message_count", (int64_t)(now.messages - spans->before.messages)),
      sd_attribute_int("total_batches_processed", (int64_t)now.batches),
      sd_attribute_bool("success", !error),
      sd_attribute_int("messages", (int64_t)(now.messages - spans->before.messages)),
      sd_attribute_int("batches", (int64_t)(now.batches - spans->before.batches)),
      sd_attribute_int("retries", (int64_t)(now.retries - spans->before.retries)),
  };
  sd_span_set_all(spans->process, attributes, sizeof attributes / sizeof *attributes);
  if (error) {
    sd_span_record_error(spans->process, error);
    sd_span_set_level(spans->process, SD_LEVEL_ERROR);
  }
  sd_span_end(spans->process);
  spans->source = spans->sink = spans->process = NULL;
}

void sd_mapping_say(sd_mapping *mapping, int level, const char *message, const sd_attribute *attributes,
                    size_t count)
{
  if (!mapping->spans.tracer)
    return;
  char key[MAPPING_KEY_MAX];
  sd_attribute all[SD_TRACE_EVENTS_MAX];
  size_t n = 0;
  all[n++] = sd_attribute_string("mapping_key", mapping_key(mapping, key));
  for (size_t i = 0; i < count && n < SD_TRACE_EVENTS_MAX; i++)
    all[n++] = attributes[i];
  sd_context previous = sd_context_attach(&mapping->spans.process_context);
  sd_tracer_log(mapping->spans.tracer, level, message, all, n);
  sd_context_restore(&previous);
}

void sd_mapping_say_error(sd_mapping *mapping, int level, const char *message, const sd_error *error,
                          const sd_attribute *attributes, size_t count)
{
  if (!mapping->spans.tracer)
    return;
  char type[SD_ERROR_TYPE_SIZE];
  sd_attribute all[SD_TRACE_EVENTS_MAX];
  size_t n = 0;
  all[n++] = sd_attribute_string("error.type", sd_error_type(error, type));
  all[n++] = sd_attribute_string("error.message", error->message);
  for (size_t i = 0; i < count && n < SD_TRACE_EVENTS_MAX; i++)
    all[n++] = attributes[i];
  sd_mapping_say(mapping, level, message, all, n);
}

void sd_mapping_fenced(sd_mapping *mapping, const sd_partition *partition)
{
  mapping->counters.fenced++;
  const sd_attribute attribute = sd_attribute_string("partition_id", partition->id);
  sd_mapping_say(mapping, SD_LEVEL_WARN, "partition {partition_id} was taken over by another owner",
                 &attribute, 1);
}
