/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Spans from start to end. */
#include "trace/span.h"

#include "trace/context.h"
#include "trace/ids.h"
#include "trace/otlp_fields.h"
#include "trace/protobuf.h"
#include "trace/text.h"

#include <time.h>

#define NAME_UNKNOWN "unknown" /* OTLP: an empty name is read as this */

int64_t sd_unix_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void sd_record_push(sd_telemetry *telemetry, const sd_thread *thread, const sd_ring_record *header,
                    const void *bytes)
{
  sd_ring_result result = sd_ring_push(&telemetry->ring, thread->slot, header, bytes);
  if (__builtin_expect(result != SD_RING_OK, 0))
    sd_processor_notice(telemetry, result);
}

static void push_span(sd_span *span, sd_thread *thread, sd_record_kind kind, int64_t stamp)
{
  sd_ring_record header = {
      .message_len = span->message_len,
      .otlp_len = span->len - span->message_len,
      .level = span->level,
      .stamp = stamp,
      .tracer = span->tracer,
      .kind = (uint8_t)kind,
      .status = span->status,
      .is_log = span->is_log,
  };
  sd_record_push(span->tracer->telemetry, thread, &header, span->bytes);
}

/* ---- Starting
 * --------------------------------------------------------------------------------------------- */

/* What is known before a span exists. */
typedef struct start {
  sd_telemetry *telemetry;
  sd_thread *thread;
  const char *name;
  const sd_span_options *options;
  sd_context parent; /* borrowed */
  bool has_parent;
  bool has_low; /* the low half of a new trace id was made for the decision */
  uint64_t low;
} start;

static const sd_span_options NO_OPTIONS = {.struct_size = sizeof(sd_span_options)};

/* The caller's options, or a copy of those of an older program, whose struct is shorter. */
static const sd_span_options *read_options(const sd_span_options *options, sd_span_options *copy)
{
  if (!options)
    return &NO_OPTIONS;
  if (__builtin_expect(options->struct_size >= sizeof *options, 1))
    return options;
  *copy = NO_OPTIONS;
  memcpy(copy, options, options->struct_size);
  copy->struct_size = sizeof *copy;
  return copy;
}

static bool decide(start *s)
{
  const sd_head_sampler *sampler = &s->telemetry->sampler;
  bool keep;
  if (__builtin_expect(sd_head_sampler_is_fixed(sampler, &s->parent, s->has_parent, &keep), 1))
    return keep;
  uint8_t trace_id[SD_TRACE_ID_SIZE] = {0};
  if (s->has_parent) {
    memcpy(trace_id, s->parent.trace_id, sizeof trace_id);
  } else {
    s->thread = sd_thread_get();
    s->low = sd_id_random(s->thread);
    s->has_low = true;
    memcpy(trace_id + 8, &s->low, sizeof s->low);
  }
  sd_sampling_input input = {
      .parent = &s->parent,
      .trace_id = trace_id,
      .name = s->name,
      .kind = s->options->kind ? s->options->kind : SD_SPAN_INTERNAL,
      .attributes = s->options->attributes,
      .attribute_count = s->options->attribute_count,
  };
  return sd_head_sampler_ask(sampler, &input);
}

/* Ids and flags of the new span; data is borrowed from the parent. */
static sd_context new_context(start *s, bool sampled, int64_t now)
{
  sd_context context = s->parent;
  if (!s->thread)
    s->thread = sd_thread_get();
  if (!s->has_parent) {
    uint64_t high = sd_trace_id_high(s->thread, s->telemetry->logfire_ids, now);
    uint64_t low = s->has_low ? s->low : sd_id_random(s->thread);
    memcpy(context.trace_id, &high, sizeof high);
    memcpy(context.trace_id + 8, &low, sizeof low);
    context.flags = SD_TRACE_FLAG_RANDOM;
  }
  uint64_t span_id = sd_id_random(s->thread);
  memcpy(context.span_id, &span_id, sizeof span_id);
  context.flags = (uint8_t)((context.flags & SD_TRACE_FLAG_RANDOM) | (sampled ? SD_TRACE_FLAG_SAMPLED : 0));
  context.remote = 0;
  return context;
}

static void write_head(sd_span *span, const start *s, const sd_span_options *options)
{
  uint8_t *at = span->bytes + span->len;
  sd_span_kind kind = options->kind ? options->kind : SD_SPAN_INTERNAL;
  uint32_t flags = span->context.flags | SD_OTLP_FLAG_REMOTE_KNOWN;
  if (s->has_parent && s->parent.remote)
    flags |= SD_OTLP_FLAG_REMOTE;
  at = sd_pb_put_bytes(at, SD_OTLP_SPAN_TRACE_ID, span->context.trace_id, SD_TRACE_ID_SIZE);
  at = sd_pb_put_bytes(at, SD_OTLP_SPAN_SPAN_ID, span->context.span_id, SD_SPAN_ID_SIZE);
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_KIND, SD_PB_VARINT);
  *at++ = (uint8_t)kind & 0x7F;
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_START, SD_PB_FIXED64);
  at = sd_pb_put_fixed64(at, (uint64_t)span->start_unix_ns);
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_END, SD_PB_FIXED64);
  at = sd_pb_put_fixed64(at, (uint64_t)span->start_unix_ns);
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_FLAGS, SD_PB_FIXED32);
  at = sd_pb_put_fixed32(at, flags);
  if (s->has_parent)
    at = sd_pb_put_bytes(at, SD_OTLP_SPAN_PARENT_ID, s->parent.span_id, SD_SPAN_ID_SIZE);
  span->len = (uint32_t)(at - span->bytes);
}

/* Name and tracestate, which follow the head. A name always fits: the limit of spans is far above its own. */
static bool write_name(sd_span *span, const char *name)
{
  sd_bytes state = sd_context_tracestate_bytes(&span->context);
  return sd_span_put_text(span, SD_OTLP_SPAN_NAME, sd_span_cut(name)) &&
         (state.len == 0 || sd_span_put_text(span, SD_OTLP_SPAN_TRACE_STATE, state));
}

static bool write_template(sd_span *span, const char *message)
{
  sd_bytes text = sd_span_cut(message);
  size_t size = sd_text_size(text, 0);
  if (size > SD_SPAN_BYTES_MAX || !sd_span_reserve(span, size + SD_SPAN_HEAD))
    return false;
  sd_text_put(text, 0, span->bytes);
  span->message_len = (uint32_t)size;
  span->len = (uint32_t)size;
  return true;
}

/* Makes the span that was decided for. NULL without memory. */
static sd_span *make(start *s, sd_tracer *tracer, bool is_log)
{
  const sd_span_options *options = s->options;
  int64_t now = sd_unix_ns();
  sd_context context = new_context(s, true, now);
  sd_span *span = sd_span_take(s->telemetry, s->thread);
  if (!span)
    return NULL;
  span->tracer = tracer;
  span->context = context;
  sd_context_data_retain(context.data);
  span->len = 0;
  span->message_len = 0;
  span->status_at = 0;
  span->forks = atomic_load_explicit(&s->telemetry->forks, memory_order_relaxed);
  span->level = options->level;
  span->status = SD_SPAN_UNSET;
  span->is_log = is_log;
  span->has_parent = s->has_parent;
  span->start_unix_ns = options->start_unix_ns ? options->start_unix_ns : now;
  span->filter = 0;
  span->attribute_count = 0;
  span->event_count = 0;
  span->link_count = 0;
  span->dropped_attributes = 0;
  span->dropped_events = 0;
  span->dropped_links = 0;
  span->dropped_inside = 0;
  sd_cell_add(&s->telemetry->cells[s->thread->slot].started, s->thread, 1);
  if (__builtin_expect(options->message != NULL, 0) && !write_template(span, options->message))
    span->dropped_attributes++;
  write_head(span, s, options);
  if (!write_name(span, s->name))
    span->dropped_attributes++;
  for (size_t i = 0; i < options->attribute_count; i++)
    sd_span_put_attribute(span, options->attributes[i].key, &options->attributes[i].value);
  for (size_t i = 0; i < options->link_count; i++)
    sd_span_add_link(span, &options->links[i]);
  if (__builtin_expect(s->telemetry->wants_starts, 0) && !is_log)
    push_span(span, s->thread, SD_RECORD_PENDING, now);
  return span;
}

typedef enum outcome { OUTCOME_NONE, OUTCOME_DROPPED, OUTCOME_RECORDED } outcome;

/* Everything up to the decision. */
static inline outcome begin(start *s, sd_tracer *tracer, const char *name, const sd_span_options *options)
{
  s->telemetry = tracer->telemetry;
  s->thread = NULL;
  s->has_low = false;
  s->options = options;
  s->name = name && name[0] ? name : NAME_UNKNOWN;
  s->parent = options->parent ? *options->parent : sd_context_current();
  s->has_parent = sd_context_is_valid(&s->parent);
  if (!atomic_load_explicit(&s->telemetry->is_recording, memory_order_relaxed) ||
      (options->level && options->level < s->telemetry->min_level))
    return OUTCOME_NONE;
  return decide(s) ? OUTCOME_RECORDED : OUTCOME_DROPPED;
}

sd_span *sd_span_start(sd_tracer *tracer, const char *name, const sd_span_options *options)
{
  if (!tracer)
    return NULL;
  start s;
  sd_span_options copy;
  if (begin(&s, tracer, name, read_options(options, &copy)) != OUTCOME_RECORDED)
    return NULL;
  return make(&s, tracer, false);
}

sd_span *sd_span_start_in(sd_tracer *tracer, const char *name, const sd_span_options *options,
                          sd_context *ret_previous)
{
  if (!tracer) {
    sd_context same = options && options->parent ? *options->parent : sd_context_current();
    *ret_previous = sd_context_attach(&same);
    return NULL;
  }
  start s;
  sd_span_options copy;
  outcome result = begin(&s, tracer, name, read_options(options, &copy));
  sd_span *span = result == OUTCOME_RECORDED ? make(&s, tracer, false) : NULL;
  sd_context context = s.parent;
  if (span)
    context = span->context;
  else if (result == OUTCOME_DROPPED)
    context = new_context(&s, false, s.telemetry->logfire_ids ? sd_unix_ns() : 0);
  *ret_previous = sd_context_attach(&context);
  return span;
}

/* ---- Using
 * ------------------------------------------------------------------------------------------------ */

sd_context sd_span_context(const sd_span *span)
{
  sd_context context = SD_CONTEXT_NONE;
  if (span)
    context = span->context;
  return context;
}

sd_context sd_span_attach(const sd_span *span)
{
  sd_context context = span ? span->context : sd_context_current();
  return sd_context_attach(&context);
}

void sd_span_set(sd_span *span, const char *key, sd_any value)
{
  if (span)
    sd_span_put_attribute(span, key, &value);
}

void sd_span_set_all(sd_span *span, const sd_attribute *attributes, size_t count)
{
  for (size_t i = 0; span && i < count; i++)
    sd_span_put_attribute(span, attributes[i].key, &attributes[i].value);
}

void sd_span_set_name(sd_span *span, const char *name)
{
  if (!span)
    return;
  sd_bytes text = sd_span_cut(name && name[0] ? name : NAME_UNKNOWN);
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

/* ---- Ending
 * ------------------------------------------------------------------------------------------------ */

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

static void give_up(sd_span *span, sd_thread *thread)
{
  sd_context_data_release(span->context.data);
  sd_span_give_back(span->tracer->telemetry, thread, span);
}

static void finish(sd_span *span, int64_t end, int64_t stamp)
{
  sd_telemetry *telemetry = span->tracer->telemetry;
  sd_thread *thread = sd_thread_get();
  if (end < span->start_unix_ns)
    end = span->start_unix_ns;
  sd_pb_put_fixed64(span->bytes + span->message_len + SD_SPAN_AT_END, (uint64_t)end);
  uint32_t dropped = span->dropped_attributes + span->dropped_inside;
  if (__builtin_expect(dropped | span->dropped_events | span->dropped_links | span->status, 0))
    write_tail(span);
  sd_cell *cell = &telemetry->cells[thread->slot];
  if (__builtin_expect(span->forks == atomic_load_explicit(&telemetry->forks, memory_order_relaxed), 1)) {
    sd_cell_add(&cell->ended, thread, 1);
    if (__builtin_expect(dropped, 0))
      sd_cell_add(&cell->dropped_attributes, thread, dropped);
    push_span(span, thread, SD_RECORD_SPAN, stamp);
  } else {
    sd_cell_add(&cell->dropped_fork, thread, 1);
  }
  give_up(span, thread);
}

void sd_span_end(sd_span *span)
{
  if (!span)
    return;
  int64_t now = sd_unix_ns();
  finish(span, now, now);
}

void sd_span_end_at(sd_span *span, int64_t end_unix_ns)
{
  if (!span)
    return;
  int64_t now = sd_unix_ns();
  finish(span, end_unix_ns ? end_unix_ns : now, now);
}

void sd_tracer_log(sd_tracer *tracer, int level, const char *message, const sd_attribute *attributes,
                   size_t count)
{
  if (!tracer)
    return;
  sd_span_options options = NO_OPTIONS;
  options.level = level;
  options.message = message;
  options.attributes = attributes;
  options.attribute_count = count;
  start s;
  if (begin(&s, tracer, message, &options) != OUTCOME_RECORDED)
    return;
  sd_span *span = make(&s, tracer, true);
  if (span)
    finish(span, span->start_unix_ns, span->start_unix_ns);
}
