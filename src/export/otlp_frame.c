/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans and log records into requests. First the records are counted that fit, scope by scope, then the
 * request is written in one go into memory of exactly that size.
 */
#include "export/otlp_frame.h"

#include "export/otlp_common.h"
#include "trace/otlp_fields.h"
#include "trace/value.h"

static const char level_key[] = "logfire.level_num";

typedef struct scope_entry {
  const sd_tracer *tracer;
  size_t size;    /* of its Scope… message without records */
  size_t records; /* that are in the request */
} scope_entry;

typedef struct framing {
  int signal;
  size_t max_bytes;
  size_t envelope; /* the request without scopes */
  size_t size;
  scope_entry scopes[SD_TRACERS_MAX];
  size_t scope_count;
} framing;

static bool is_of(int signal, const sd_record *record)
{
  return (signal == SD_SIGNAL_LOGS) == (record->kind == SD_RECORD_LOG);
}

/* A span's level has no field in OTLP; every receiver gets it under the name that Logfire reads. */
static sd_attribute level_of(const sd_record *record)
{
  return sd_attribute_int(level_key, record->level);
}

/* A program that set the attribute itself keeps its own: keys are unique. */
static bool needs_level(const sd_record *record)
{
  if (record->kind == SD_RECORD_LOG || record->level == SD_LEVEL_NONE)
    return false;
  sd_bytes message = sd_bytes_make(record->otlp, record->otlp_len);
  sd_attribute_view attribute;
  while (sd_attribute_next_field(&message, SD_OTLP_SPAN_ATTRIBUTES, &attribute)) {
    if (sd_bytes_equal_text(attribute.key, level_key))
      return false;
  }
  return true;
}

/* The message as it is framed. */
static size_t message_size(const sd_record *record)
{
  if (!needs_level(record))
    return record->otlp_len;
  sd_attribute level = level_of(record);
  return record->otlp_len + sd_attribute_field_size(&level);
}

static size_t record_size(const sd_record *record)
{
  size_t size = message_size(record);
  return 1 + sd_pb_varint_size(size) + size;
}

static uint8_t *put_record(uint8_t *at, const sd_record *record)
{
  at = sd_pb_put_tag(at, SD_OTLP_SCOPE_RECORDS, SD_PB_BYTES);
  at = sd_pb_put_varint(at, message_size(record));
  memcpy(at, record->otlp, record->otlp_len);
  at += record->otlp_len;
  if (!needs_level(record))
    return at;
  sd_attribute level = level_of(record);
  return sd_attribute_field_put(at, SD_OTLP_SPAN_ATTRIBUTES, &level);
}

/* The tracer's scope, made when it is new; NULL when there are too many. */
static scope_entry *find_scope(framing *frame, const sd_tracer *tracer)
{
  for (size_t i = frame->scope_count; i > 0; i--) {
    if (frame->scopes[i - 1].tracer == tracer)
      return &frame->scopes[i - 1];
  }
  if (frame->scope_count == SD_TRACERS_MAX)
    return NULL;
  scope_entry *made = &frame->scopes[frame->scope_count++];
  made->tracer = tracer;
  made->size = SD_NEST_SIZE + sd_scope_size(tracer);
  made->records = 0;
  return made;
}

/* No request has room for it. */
static bool is_too_large(const framing *frame, const scope_entry *scope, const sd_record *record)
{
  return frame->envelope + scope->size + record_size(record) > frame->max_bytes;
}

static void measure(framing *frame, const sd_record *records, size_t count, sd_otlp_taken *taken)
{
  for (; taken->passed < count; taken->passed++) {
    const sd_record *record = &records[taken->passed];
    if (!is_of(frame->signal, record))
      continue;
    if (frame->envelope == 0)
      frame->size = frame->envelope = SD_NEST_SIZE + sd_resource_size(record->tracer);
    scope_entry *scope = find_scope(frame, record->tracer);
    if (!scope)
      return;
    if (is_too_large(frame, scope, record)) {
      taken->too_large++;
      continue;
    }
    size_t need = record_size(record) + (scope->records == 0 ? scope->size : 0);
    if (frame->size + need > frame->max_bytes)
      return;
    frame->size += need;
    scope->records++;
    taken->framed++;
  }
}

static uint8_t *put_scope(const framing *frame, const scope_entry *scope, const sd_record *records,
                          size_t count, uint8_t *at)
{
  uint8_t *content = sd_nest_open(at, SD_OTLP_RESOURCE_SCOPES);
  at = sd_scope_put(content, scope->tracer);
  for (size_t i = 0; i < count; i++) {
    const sd_record *record = &records[i];
    if (record->tracer == scope->tracer && is_of(frame->signal, record) &&
        !is_too_large(frame, scope, record))
      at = put_record(at, record);
  }
  sd_nest_close(content, at);
  return at;
}

static void put(const framing *frame, const sd_record *records, size_t count, uint8_t *at)
{
  uint8_t *content = sd_nest_open(at, SD_OTLP_REQUEST_RESOURCES);
  at = sd_resource_put(content, frame->scopes[0].tracer);
  for (size_t i = 0; i < frame->scope_count; i++) {
    if (frame->scopes[i].records > 0)
      at = put_scope(frame, &frame->scopes[i], records, count, at);
  }
  sd_nest_close(content, at);
}

sd_status sd_otlp_frame_records(int signal, const sd_record *records, size_t count, size_t max_bytes,
                                sd_buf *out, sd_otlp_taken *ret_taken)
{
  framing frame = {.signal = signal,
                   .max_bytes = max_bytes < SD_OTLP_REQUEST_MAX ? max_bytes : SD_OTLP_REQUEST_MAX};
  sd_otlp_taken taken = {0, 0, 0};
  measure(&frame, records, count, &taken);
  if (taken.framed > 0) {
    uint8_t *at;
    sd_status status = sd_buf_reserve(out, frame.size, &at);
    if (status != SD_OK)
      return status;
    put(&frame, records, taken.passed, at);
    sd_buf_commit(out, frame.size);
  }
  *ret_taken = taken;
  return SD_OK;
}

static size_t count_of(int signal, const sd_record *records, size_t count)
{
  size_t found = 0;
  for (size_t i = 0; i < count; i++)
    found += is_of(signal, &records[i]);
  return found;
}

size_t sd_otlp_frame_all(const sd_record *records, size_t count, size_t max_bytes, sd_otlp_records_fn *fn,
                         void *user)
{
  static const int signals[] = {SD_SIGNAL_TRACES, SD_SIGNAL_LOGS};
  size_t dropped = 0;
  sd_buf request;
  sd_buf_init(&request, max_bytes);
  for (size_t s = 0; s < sizeof signals / sizeof *signals; s++) {
    for (size_t done = 0; done < count;) {
      sd_otlp_taken taken;
      sd_buf_clear(&request);
      if (sd_otlp_frame_records(signals[s], records + done, count - done, max_bytes, &request, &taken) !=
          SD_OK) {
        dropped += count_of(signals[s], records + done, count - done);
        break;
      }
      dropped += taken.too_large;
      if (taken.framed > 0)
        fn(user, signals[s], sd_buf_bytes(&request), taken.framed);
      done += taken.passed;
    }
  }
  sd_buf_release(&request);
  return dropped;
}
