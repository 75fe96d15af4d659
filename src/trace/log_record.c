/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* LogRecords of OpenTelemetry's Logs API. */
#include "trace/otlp_fields.h"
#include "trace/span.h"
#include "trace/text.h"
#include "trace/value.h"

static size_t text_field_size(sd_bytes text)
{
  size_t size = sd_text_size(text, 0);
  return size ? 1 + sd_pb_varint_size(size) + size : 0;
}

static uint8_t *put_text_field(uint8_t *at, uint32_t field, sd_bytes text)
{
  size_t size = sd_text_size(text, 0);
  if (!size)
    return at;
  at = sd_pb_put_tag(at, field, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  return sd_text_put(text, 0, at);
}

/* Writes what fits beside the fixed fields; attributes first give way, then the body. */
static void write_record(sd_span *span, const sd_log_record *record, const sd_context *context)
{
  const sd_span_limits *limits = &span->telemetry->limits;
  sd_bytes severity_text = sd_span_cut(record->severity_text);
  sd_bytes event_name = sd_span_cut(record->event_name);
  bool has_context = sd_context_is_valid(context);
  uint32_t dropped;
  size_t attributes = sd_attributes_size(record->attributes, record->attribute_count, limits->attributes,
                                         SD_OTLP_LOG_ATTRIBUTES, limits->value_length, &dropped);
  size_t body = sd_any_size(&record->body, limits->value_length);
  size_t fixed = 96 + text_field_size(severity_text) + text_field_size(event_name);
  uint32_t max = limits->attributes;
  bool with_body = record->body.type != SD_ANY_NULL;
  if (attributes > SD_SPAN_BYTES_MAX || body > SD_SPAN_BYTES_MAX ||
      !sd_span_reserve(span, fixed + attributes + body)) {
    max = 0;
    dropped = (uint32_t)record->attribute_count;
    if (body > SD_SPAN_BYTES_MAX || !sd_span_reserve(span, fixed + body)) {
      with_body = false;
      if (!sd_span_reserve(span, fixed))
        return;
    }
  }
  uint8_t *at = span->bytes;
  at = sd_pb_put_tag(at, SD_OTLP_LOG_OBSERVED, SD_PB_FIXED64);
  at = sd_pb_put_fixed64(at, (uint64_t)span->start_unix_ns);
  if (record->unix_ns) {
    at = sd_pb_put_tag(at, SD_OTLP_LOG_TIME, SD_PB_FIXED64);
    at = sd_pb_put_fixed64(at, (uint64_t)record->unix_ns);
  }
  if (has_context) {
    at = sd_pb_put_bytes(at, SD_OTLP_LOG_TRACE_ID, context->trace_id, SD_TRACE_ID_SIZE);
    at = sd_pb_put_bytes(at, SD_OTLP_LOG_SPAN_ID, context->span_id, SD_SPAN_ID_SIZE);
    at = sd_pb_put_tag(at, SD_OTLP_LOG_FLAGS, SD_PB_FIXED32);
    at = sd_pb_put_fixed32(at, context->flags);
  }
  if (record->severity > 0) {
    at = sd_pb_put_tag(at, SD_OTLP_LOG_SEVERITY, SD_PB_VARINT);
    at = sd_pb_put_varint(at, (uint64_t)record->severity);
  }
  at = put_text_field(at, SD_OTLP_LOG_SEVERITY_TEXT, severity_text);
  if (with_body) {
    at = sd_pb_put_tag(at, SD_OTLP_LOG_BODY, SD_PB_BYTES);
    at = sd_pb_put_varint(at, body);
    at = sd_any_encode(&record->body, limits->value_length, at);
  }
  at = sd_attributes_put(record->attributes, record->attribute_count, max, SD_OTLP_LOG_ATTRIBUTES,
                         limits->value_length, at);
  if (dropped) {
    at = sd_pb_put_tag(at, SD_OTLP_LOG_DROPPED_ATTRIBUTES, SD_PB_VARINT);
    at = sd_pb_put_varint(at, dropped);
  }
  at = put_text_field(at, SD_OTLP_LOG_EVENT_NAME, event_name);
  span->len = (uint32_t)(at - span->bytes);
  span->dropped_attributes = dropped;
}

void sd_tracer_emit_log_record(sd_tracer *tracer, const sd_log_record *record)
{
  if (!tracer || !record)
    return;
  sd_telemetry *telemetry = tracer->telemetry;
  sd_log_record full = {.struct_size = sizeof full};
  memcpy(&full, record, record->struct_size < sizeof full ? record->struct_size : sizeof full);
  if (!atomic_load_explicit(&telemetry->is_recording, memory_order_relaxed) ||
      (full.severity > 0 && full.severity < telemetry->min_level))
    return;
  sd_thread *thread = sd_thread_get();
  /* A span object lends its memory. */
  sd_span *span = sd_span_take(telemetry, thread);
  if (!span)
    return;
  span->telemetry = telemetry;
  span->start_unix_ns = sd_unix_ns();
  span->len = 0;
  sd_context context = full.context ? *full.context : sd_context_current();
  span->dropped_attributes = 0;
  write_record(span, &full, &context);
  if (span->dropped_attributes)
    sd_cell_add(&telemetry->cells[thread->slot].dropped_attributes, thread, span->dropped_attributes);
  sd_ring_record *to = sd_ring_reserve(&telemetry->ring, thread->slot, span->len);
  if (to) {
    to->otlp_len = span->len;
    to->message_len = 0;
    to->level = full.severity > 0 ? full.severity : 0;
    to->stamp = span->start_unix_ns;
    to->tracer = tracer;
    to->kind = SD_RECORD_LOG;
    to->status = SD_SPAN_UNSET;
    to->is_log = 0;
    memcpy(to + 1, span->bytes, span->len);
    sd_processor_commit(telemetry, &telemetry->ring, thread->slot, to);
  }
  sd_span_give_back(telemetry, thread, span);
}
