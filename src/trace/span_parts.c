/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Events, links, status and errors of a span. */
#include "trace/context.h"
#include "trace/otlp_fields.h"
#include "trace/protobuf.h"
#include "trace/span.h"
#include "trace/text.h"

#include <stdio.h>

enum { STATUS_TEXT_SIZE = 2048 };

/* Tag and length of a nested message in the span. NULL without room for it. */
static uint8_t *open_message(sd_span *span, uint32_t field, size_t size)
{
  if (size > SD_SPAN_BYTES_MAX || !sd_span_reserve(span, 1 + sd_pb_varint_size(size) + size))
    return NULL;
  uint8_t *at = span->bytes + span->len;
  at = sd_pb_put_tag(at, field, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  span->len = (uint32_t)(at + size - span->bytes);
  return at;
}

static size_t count_size(uint32_t dropped)
{
  return dropped ? 1 + sd_pb_varint_size(dropped) : 0;
}

static uint8_t *put_count(uint8_t *at, uint32_t field, uint32_t dropped)
{
  if (!dropped)
    return at;
  at = sd_pb_put_tag(at, field, SD_PB_VARINT);
  return sd_pb_put_varint(at, dropped);
}

void sd_span_add_event(sd_span *span, const char *name, int64_t unix_ns, const sd_attribute *attributes,
                       size_t count)
{
  if (!span)
    return;
  const sd_span_limits *limits = &span->telemetry->limits;
  if (span->event_count == limits->events) {
    span->dropped_events++;
    return;
  }
  sd_bytes text = sd_span_cut(name && name[0] ? name : "event");
  size_t text_size = sd_text_size(text, 0);
  uint32_t dropped;
  size_t size = 1 + sizeof(uint64_t) + 1 + sd_pb_varint_size(text_size) + text_size;
  size += sd_attributes_size(attributes, count, limits->attributes_per_event, SD_OTLP_EVENT_ATTRIBUTES,
                             limits->value_length, &dropped);
  size += count_size(dropped);
  uint8_t *at = open_message(span, SD_OTLP_SPAN_EVENTS, size);
  if (!at) {
    span->dropped_events++;
    return;
  }
  at = sd_pb_put_tag(at, SD_OTLP_EVENT_TIME, SD_PB_FIXED64);
  at = sd_pb_put_fixed64(at, (uint64_t)(unix_ns ? unix_ns : sd_unix_ns()));
  at = sd_pb_put_tag(at, SD_OTLP_EVENT_NAME, SD_PB_BYTES);
  at = sd_pb_put_varint(at, text_size);
  at = sd_text_put(text, 0, at);
  at = sd_attributes_put(attributes, count, limits->attributes_per_event, SD_OTLP_EVENT_ATTRIBUTES,
                         limits->value_length, at);
  put_count(at, SD_OTLP_EVENT_DROPPED_ATTRIBUTES, dropped);
  span->event_count++;
  span->dropped_inside += dropped;
}

void sd_span_add_link(sd_span *span, const sd_link *link)
{
  if (!span || !link)
    return;
  const sd_span_limits *limits = &span->telemetry->limits;
  const sd_context *context = &link->context;
  if (span->link_count == limits->links || !sd_context_is_valid(context)) {
    span->dropped_links++;
    return;
  }
  sd_bytes state = sd_context_tracestate_bytes(context);
  uint32_t dropped;
  size_t size = 2 + SD_TRACE_ID_SIZE + 2 + SD_SPAN_ID_SIZE + 1 + sizeof(uint32_t);
  if (state.len > 0)
    size += 1 + sd_pb_varint_size(state.len) + state.len;
  size += sd_attributes_size(link->attributes, link->attribute_count, limits->attributes_per_link,
                             SD_OTLP_LINK_ATTRIBUTES, limits->value_length, &dropped);
  size += count_size(dropped);
  uint8_t *at = open_message(span, SD_OTLP_SPAN_LINKS, size);
  if (!at) {
    span->dropped_links++;
    return;
  }
  at = sd_pb_put_bytes(at, SD_OTLP_LINK_TRACE_ID, context->trace_id, SD_TRACE_ID_SIZE);
  at = sd_pb_put_bytes(at, SD_OTLP_LINK_SPAN_ID, context->span_id, SD_SPAN_ID_SIZE);
  if (state.len > 0)
    at = sd_pb_put_bytes(at, SD_OTLP_LINK_TRACE_STATE, state.data, state.len);
  at = sd_attributes_put(link->attributes, link->attribute_count, limits->attributes_per_link,
                         SD_OTLP_LINK_ATTRIBUTES, limits->value_length, at);
  at = put_count(at, SD_OTLP_LINK_DROPPED_ATTRIBUTES, dropped);
  at = sd_pb_put_tag(at, SD_OTLP_LINK_FLAGS, SD_PB_FIXED32);
  sd_pb_put_fixed32(at, context->flags | SD_OTLP_FLAG_REMOTE_KNOWN |
                            (context->remote ? SD_OTLP_FLAG_REMOTE : 0u));
  span->link_count++;
  span->dropped_inside += dropped;
}

/* Bytes of the status field that stands in the message. */
static uint32_t status_size(const sd_span *span)
{
  if (!span->status_at)
    return 0;
  sd_bytes rest = sd_bytes_make(span->bytes + span->status_at, span->len - span->status_at);
  sd_pb_field field;
  sd_pb_next(&rest, &field);
  return (uint32_t)(rest.data - (span->bytes + span->status_at));
}

static void put_status(sd_span *span, sd_span_status status, sd_bytes text)
{
  size_t text_size = sd_text_size(text, 0);
  size_t size = 2 + (text_size ? 1 + sd_pb_varint_size(text_size) + text_size : 0);
  uint32_t whole = (uint32_t)(1 + sd_pb_varint_size(size) + size);
  uint32_t place = span->status_at ? span->status_at : span->len;
  uint8_t *at = sd_span_splice(span, place, status_size(span), whole);
  if (!at)
    return;
  span->status_at = place;
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_STATUS, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  if (text_size) {
    at = sd_pb_put_tag(at, SD_OTLP_STATUS_MESSAGE, SD_PB_BYTES);
    at = sd_pb_put_varint(at, text_size);
    at = sd_text_put(text, 0, at);
  }
  at = sd_pb_put_tag(at, SD_OTLP_STATUS_CODE, SD_PB_VARINT);
  sd_pb_put_varint(at, (uint64_t)status);
}

void sd_span_set_status(sd_span *span, sd_span_status status, const char *description)
{
  if (!span || span->status == SD_SPAN_OK || (status != SD_SPAN_OK && status != SD_SPAN_ERROR))
    return;
  sd_bytes text = sd_span_cut(status == SD_SPAN_ERROR ? description : NULL);
  /* Where the text finds no room the end writes the status alone. */
  put_status(span, status, text);
  span->status = (uint8_t)status;
}

static void add_exception(sd_span *span, const char *type, const char *message, const char *stacktrace,
                          bool escaped)
{
  sd_attribute attributes[4];
  size_t count = 0;
  attributes[count++] = sd_attribute_string("exception.type", type);
  attributes[count++] = sd_attribute_string("exception.message", message);
  if (stacktrace)
    attributes[count++] = sd_attribute_string("exception.stacktrace", stacktrace);
  attributes[count++] = sd_attribute_string("exception.escaped", escaped ? "True" : "False");
  sd_span_add_event(span, "exception", 0, attributes, count);
  if (escaped) {
    char text[STATUS_TEXT_SIZE];
    snprintf(text, sizeof text, "%s: %s", type, message);
    sd_span_set_status(span, SD_SPAN_ERROR, text);
  }
}

void sd_span_record_exception(sd_span *span, const char *type, const char *message, const char *stacktrace,
                              bool escaped)
{
  if (span)
    add_exception(span, type && type[0] ? type : "error", message ? message : "", stacktrace, escaped);
}

void sd_span_record_error(sd_span *span, const sd_error *error)
{
  if (!span || !error || error->code == SD_OK)
    return;
  char type[SD_ERROR_TYPE_SIZE];
  add_exception(span, sd_error_type(error, type), error->message, NULL, true);
}
