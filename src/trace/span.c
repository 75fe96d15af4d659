/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Spans between their start and their end, and the end. */
#include "trace/span.h"

#include "trace/context.h"
#include "trace/otlp_fields.h"
#include "trace/protobuf.h"
#include "trace/text.h"

#include <time.h>

int64_t sd_unix_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void sd_span_push(sd_span *span, const sd_thread *thread, sd_record_kind kind, int64_t stamp)
{
  sd_telemetry *telemetry = span->telemetry;
  sd_ring_record *to = sd_ring_reserve(&telemetry->ring, thread->slot, span->len);
  if (!to)
    return;
  to->message_len = span->message_len;
  to->otlp_len = span->len - span->message_len;
  to->level = span->level;
  to->stamp = stamp;
  to->tracer = span->tracer;
  to->kind = (uint8_t)kind;
  to->status = span->status;
  to->is_log = span->is_log;
  memcpy(to + 1, span->bytes, span->len);
  sd_processor_commit(telemetry, &telemetry->ring, thread->slot, to);
}

sd_context sd_span_context(const sd_span *span)
{
  sd_context context = SD_CONTEXT_NONE;
  if (span)
    context = span->context;
  return context;
}

sd_context sd_span_attach(const sd_span *span)
{
  sd_context context = span ? span->context : sd_context_of_thread;
  return sd_context_attach(&context);
}

void sd_span_set(sd_span *span, const char *key, sd_any value)
{
  if (span)
    sd_span_put_value(span, key, &value);
}

void sd_span_set_all(sd_span *span, const sd_attribute *attributes, size_t count)
{
  for (size_t i = 0; span && i < count; i++)
    sd_span_put_value(span, attributes[i].key, &attributes[i].value);
}

void sd_span_set_name(sd_span *span, const char *name)
{
  if (!span || !name || !name[0])
    return;
  sd_bytes text = sd_span_cut(name);
  size_t size = sd_text_size(text, 0);
  uint32_t place = span->message_len + (span->has_parent ? SD_SPAN_HEAD : SD_SPAN_HEAD_ROOT);
  sd_bytes rest = sd_bytes_make(span->bytes + place, span->len - place);
  sd_pb_field old;
  if (!sd_pb_next(&rest, &old) || old.number != SD_OTLP_SPAN_NAME)
    return;
  uint32_t old_size = (uint32_t)(rest.data - (span->bytes + place));
  uint8_t *at = sd_span_splice(span, place, old_size, (uint32_t)(1 + sd_pb_varint_size(size) + size));
  if (!at) {
    span->dropped_attributes++;
    return;
  }
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_NAME, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  sd_text_put(text, 0, at);
}

void sd_span_set_level(sd_span *span, int level)
{
  if (span)
    span->level = level;
}

/* The tail, for which room was kept. */
static void write_tail(sd_span *span)
{
  uint8_t *at = span->bytes + span->len;
  const uint32_t counts[][2] = {
      {SD_OTLP_SPAN_DROPPED_ATTRIBUTES, span->dropped_attributes},
      {SD_OTLP_SPAN_DROPPED_EVENTS, span->dropped_events},
      {SD_OTLP_SPAN_DROPPED_LINKS, span->dropped_links},
  };
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    if (counts[i][1]) {
      at = sd_pb_put_tag(at, counts[i][0], SD_PB_VARINT);
      at = sd_pb_put_varint(at, counts[i][1]);
    }
  }
  if (span->status && !span->status_at) {
    at = sd_pb_put_tag(at, SD_OTLP_SPAN_STATUS, SD_PB_BYTES);
    *at++ = 2;
    at = sd_pb_put_tag(at, SD_OTLP_STATUS_CODE, SD_PB_VARINT);
    *at++ = span->status;
  }
  span->len = (uint32_t)(at - span->bytes);
}

void sd_span_finish(sd_span *span, int64_t end_unix_ns, int64_t stamp)
{
  sd_telemetry *telemetry = span->telemetry;
  sd_thread *thread = sd_thread_get();
  int64_t end = end_unix_ns < span->start_unix_ns ? span->start_unix_ns : end_unix_ns;
  sd_pb_put_fixed64(span->bytes + span->message_len + SD_SPAN_AT_END, (uint64_t)end);
  uint32_t dropped = span->dropped_attributes + span->dropped_inside;
  if (__builtin_expect(dropped | span->dropped_events | span->dropped_links | span->status, 0))
    write_tail(span);
  sd_cell *cell = &telemetry->cells[thread->slot];
  if (__builtin_expect(span->forks == atomic_load_explicit(&telemetry->forks, memory_order_relaxed), 1)) {
    sd_cell_add(&cell->ended, thread, 1);
    if (__builtin_expect(dropped, 0))
      sd_cell_add(&cell->dropped_attributes, thread, dropped);
    sd_span_push(span, thread, SD_RECORD_SPAN, stamp);
  } else {
    sd_cell_add(&cell->dropped_fork, thread, 1);
  }
  sd_context_data_release(span->context.data);
  sd_span_give_back(telemetry, thread, span);
}

void sd_span_end(sd_span *span)
{
  if (!span)
    return;
  int64_t now = sd_unix_ns();
  sd_span_finish(span, now, now);
}

void sd_span_end_at(sd_span *span, int64_t end_unix_ns)
{
  if (!span)
    return;
  int64_t now = sd_unix_ns();
  sd_span_finish(span, end_unix_ns ? end_unix_ns : now, now);
}
