/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A traced engine. */
#include "traced.h"

#include "sink/sink.h"
#include "trace/otlp_fields.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static sd_status make_source(void *user, uv_loop_t *loop, const sd_stream_mapping *settings,
                             const char *receiver_name, const sd_source_handler *handler, void *owner,
                             sd_log *log, sd_source **ret_source, sd_error *error)
{
  (void)settings;
  (void)receiver_name;
  (void)log;
  (void)error;
  traced *t = user;
  t->source = fake_source_new(&t->broker, handler, owner);
  fake_source_run_by(t->source, loop, t->events_per_tick);
  *ret_source = &t->source->base;
  return SD_OK;
}

static sd_status make_sink(void *user, const sd_stream_database *database, sd_log *log, sd_sink **ret_sink,
                           sd_error *error)
{
  traced *t = user;
  const sd_duck_sink_options options = {.struct_size = sizeof options,
                                        .database = database->database,
                                        .owner = database->owner,
                                        .log = log,
                                        .scrubber = database->scrubber,
                                        .telemetry = database->telemetry};
  if (t->real_database)
    return sd_duck_sink_new(&options, ret_sink, error);
  t->sink = fake_sink_new(&t->db, database->owner, true);
  t->sink->coalesce = 1;
  if (t->first_write.code != SD_OK)
    fake_sink_fail(t->sink, SD_SINK_WRITE, 1, &t->first_write, FAKE_NOT_DONE);
  *ret_sink = &t->sink->base;
  return SD_OK;
}

void traced_init(traced *t, int64_t events_each)
{
  memset(t, 0, sizeof *t);
  t->events_per_tick = 500;
  t->telemetry_options.struct_size = sizeof t->telemetry_options;
  t->telemetry_options.min_level = SD_LEVEL_INFO;
  recorder_init(&t->recorder);
  fake_broker_init(&t->broker, 3, events_each);
  fake_db_init(&t->db, 60 * 1000000);
  t->mapping = (sd_stream_mapping){.struct_size = sizeof t->mapping,
                                   .number = 1,
                                   .host = "Broker.Example",
                                   .hub = "flights",
                                   .consumer_group = "$Default",
                                   .sas_key_name = "key",
                                   .sas_key = "a-secret-that-must-not-be-seen",
                                   .database = "test.duckdb",
                                   .schema = "main",
                                   .table = "events",
                                   .batch_rows = 150,
                                   .batch_timeout_ms = 10};
  t->timings = sd_stream_timings_default;
  t->timings.backoff_base_ms = 1;
  t->timings.backoff_cap_ms = 20;
  t->timings.refresh_ms = 50;
  t->timings.refresh_soon_ms = 20;
  t->options = (sd_stream_options){
      .struct_size = sizeof t->options, .mappings = &t->mapping, .mapping_count = 1, .until_caught_up = true};
}

sd_status traced_run(traced *t)
{
  const sd_stream_factory factory = {.source_new = make_source, .sink_new = make_sink, .user = t};
  sd_error error;
  t->telemetry = recorder_telemetry(&t->recorder, &t->telemetry_options);
  t->options.telemetry = t->telemetry;
  if (t->before_run)
    t->before_run(t, t->telemetry);
  if (t->real_database)
    t->mapping.database = t->real_database;
  if (sd_stream_new_with(&t->options, &factory, &t->timings, &t->stream, &error) != SD_OK)
    fail_msg("%s", error.message);
  sd_status status = sd_stream_run(t->stream, &error);
  sd_stream_free(t->stream);
  t->stream = NULL;
  flush(t->telemetry);
  return status;
}

void traced_release(traced *t)
{
  sd_telemetry_free(t->telemetry);
  recorder_release(&t->recorder);
  fake_db_release(&t->db);
}

const sd_record *record_of(const traced *t, const uint8_t *span_id)
{
  for (size_t i = 0; i < t->recorder.count; i++) {
    if (memcmp(t->recorder.records[i].span_id, span_id, SD_SPAN_ID_SIZE) == 0)
      return &t->recorder.records[i];
  }
  return NULL;
}

const char *parent_of(const traced *t, const sd_record *record)
{
  static const uint8_t none[SD_SPAN_ID_SIZE];
  if (memcmp(record->parent_id, none, sizeof none) == 0)
    return "-";
  const sd_record *parent = record_of(t, record->parent_id);
  return parent ? parent->name : "?";
}

const sd_record *nth_named(const traced *t, const char *name, size_t index)
{
  for (size_t i = 0; i < t->recorder.count; i++) {
    if (strcmp(t->recorder.records[i].name, name) == 0 && index-- == 0)
      return &t->recorder.records[i];
  }
  return NULL;
}

static sd_any_view value_of(const sd_record *record, const char *key)
{
  return attribute_of(otlp_of(record), SD_OTLP_SPAN_ATTRIBUTES, key);
}

int64_t int_of(const sd_record *record, const char *key)
{
  sd_any_view value = value_of(record, key);
  assert_int_equal(value.type, SD_ANY_INT);
  return value.integer;
}

bool bool_of(const sd_record *record, const char *key)
{
  sd_any_view value = value_of(record, key);
  assert_int_equal(value.type, SD_ANY_BOOL);
  return value.integer != 0;
}

bool text_is(const sd_record *record, const char *key, const char *text)
{
  sd_any_view value = value_of(record, key);
  assert_int_equal(value.type, SD_ANY_STRING);
  return sd_bytes_equal_text(value.bytes, text);
}
