/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting spans. A span that is not sampled must cost next to nothing, so everything up to the decision
 * reads the parent where it stands; identifiers stay in registers until they are written, because bytes that
 * were just stored in small pieces are slow to load in large ones.
 */
#include "trace/context.h"
#include "trace/ids.h"
#include "trace/otlp_fields.h"
#include "trace/protobuf.h"
#include "trace/short_bytes.h"
#include "trace/span.h"
#include "trace/text.h"

#define NAME_UNKNOWN "unknown" /* OTLP: an empty name is read as this */

typedef enum outcome { OUTCOME_NONE, OUTCOME_DROPPED, OUTCOME_RECORDED } outcome;

/* What is known before a span exists. */
typedef struct start {
  sd_telemetry *telemetry;
  const sd_span_options *options;
  const sd_context *parent; /* the thread's current one, or the caller's */
  const char *name;
  bool has_parent;
  uint64_t low; /* half of a new trace id, made for the decision; 0: not yet */
} start;

typedef struct identifiers {
  uint64_t high, low; /* of the trace, as they stand in memory */
  uint64_t span;
  uint8_t flags;
} identifiers;

static const sd_span_options NO_OPTIONS = {.struct_size = sizeof(sd_span_options)};

/* The options of an older program, whose struct is shorter. */
static const sd_span_options *widen(const sd_span_options *options, sd_span_options *copy)
{
  *copy = NO_OPTIONS;
  memcpy(copy, options, options->struct_size);
  copy->struct_size = sizeof *copy;
  return copy;
}

static inline const sd_span_options *read_options(const sd_span_options *options, sd_span_options *copy)
{
  if (!options)
    return &NO_OPTIONS;
  return __builtin_expect(options->struct_size >= sizeof *options, 1) ? options : widen(options, copy);
}

static bool ask_sampler(start *s)
{
  uint8_t trace_id[SD_TRACE_ID_SIZE] = {0};
  if (s->has_parent) {
    memcpy(trace_id, s->parent->trace_id, sizeof trace_id);
  } else {
    s->low = sd_id_random(sd_thread_get());
    memcpy(trace_id + 8, &s->low, sizeof s->low);
  }
  sd_sampling_input input = {
      .parent = s->parent,
      .trace_id = trace_id,
      .name = s->name,
      .kind = s->options->kind ? s->options->kind : SD_SPAN_INTERNAL,
      .attributes = s->options->attributes,
      .attribute_count = s->options->attribute_count,
  };
  return sd_head_sampler_ask(&s->telemetry->sampler, &input);
}

/* Everything up to the decision. */
static inline outcome begin(start *s, const sd_tracer *tracer, const char *name,
                            const sd_span_options *options)
{
  s->telemetry = tracer->telemetry;
  s->options = options;
  s->parent = options->parent ? options->parent : &sd_context_of_thread;
  s->has_parent = sd_context_has_ids(s->parent);
  s->name = name && name[0] ? name : NAME_UNKNOWN;
  s->low = 0;
  if (!atomic_load_explicit(&s->telemetry->is_recording, memory_order_relaxed) ||
      (options->level && options->level < s->telemetry->min_level))
    return OUTCOME_NONE;
  bool keep;
  if (!sd_head_sampler_is_fixed(&s->telemetry->sampler, s->parent, s->has_parent, &keep))
    keep = ask_sampler(s);
  return keep ? OUTCOME_RECORDED : OUTCOME_DROPPED;
}

static inline identifiers make_identifiers(const start *s, sd_thread *thread, bool sampled, int64_t now)
{
  identifiers ids;
  uint8_t random = SD_TRACE_FLAG_RANDOM;
  if (s->has_parent) {
    ids.high = sd_load64(s->parent->trace_id);
    ids.low = sd_load64(s->parent->trace_id + 8);
    random &= s->parent->flags;
  } else {
    ids.high = sd_trace_id_high(thread, s->telemetry->logfire_ids, now);
    ids.low = s->low ? s->low : sd_id_random(thread);
  }
  ids.span = sd_id_random(thread);
  ids.flags = (uint8_t)(random | (sampled ? SD_TRACE_FLAG_SAMPLED : 0));
  return ids;
}

static inline void set_context(sd_context *context, const identifiers *ids, sd_context_data *data)
{
  memcpy(context->trace_id, &ids->high, sizeof ids->high);
  memcpy(context->trace_id + 8, &ids->low, sizeof ids->low);
  memcpy(context->span_id, &ids->span, sizeof ids->span);
  context->flags = ids->flags;
  context->remote = 0;
  context->data = sd_context_data_retain(data);
}

static inline uint8_t *put_id(uint8_t *at, uint32_t field, uint8_t size)
{
  at[0] = (uint8_t)(field << 3 | SD_PB_BYTES);
  at[1] = size;
  return at + 2;
}

/* The fields at fixed places, see span.h. */
static inline void write_head(sd_span *span, const start *s, const identifiers *ids)
{
  uint8_t *at = span->bytes + span->len;
  uint32_t flags = ids->flags | SD_OTLP_FLAG_REMOTE_KNOWN;
  if (s->has_parent && s->parent->remote)
    flags |= SD_OTLP_FLAG_REMOTE;
  at = put_id(at, SD_OTLP_SPAN_TRACE_ID, SD_TRACE_ID_SIZE);
  memcpy(at, &ids->high, sizeof ids->high);
  memcpy(at + 8, &ids->low, sizeof ids->low);
  at = put_id(at + SD_TRACE_ID_SIZE, SD_OTLP_SPAN_SPAN_ID, SD_SPAN_ID_SIZE);
  memcpy(at, &ids->span, sizeof ids->span);
  at += SD_SPAN_ID_SIZE;
  *at++ = SD_OTLP_SPAN_KIND << 3 | SD_PB_VARINT;
  *at++ = (s->options->kind ? s->options->kind : SD_SPAN_INTERNAL) & 0x7F;
  *at++ = SD_OTLP_SPAN_START << 3 | SD_PB_FIXED64;
  at = sd_pb_put_fixed64(at, (uint64_t)span->start_unix_ns);
  *at++ = SD_OTLP_SPAN_END << 3 | SD_PB_FIXED64;
  at = sd_pb_put_fixed64(at, (uint64_t)span->start_unix_ns);
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_FLAGS, SD_PB_FIXED32);
  at = sd_pb_put_fixed32(at, flags);
  if (s->has_parent) {
    uint64_t parent = sd_load64(s->parent->span_id);
    at = put_id(at, SD_OTLP_SPAN_PARENT_ID, SD_SPAN_ID_SIZE);
    memcpy(at, &parent, sizeof parent);
    at += SD_SPAN_ID_SIZE;
  }
  span->len = (uint32_t)(at - span->bytes);
}

static bool write_template(sd_span *span, const char *message)
{
  sd_bytes text = sd_span_cut(message);
  size_t size = sd_text_size(text, 0);
  if (!sd_span_reserve(span, size + SD_SPAN_HEAD))
    return false;
  sd_text_put(text, 0, span->bytes);
  span->message_len = (uint32_t)size;
  span->len = (uint32_t)size;
  return true;
}

static bool write_tracestate(sd_span *span)
{
  sd_bytes state = sd_context_tracestate_bytes(&span->context);
  return state.len == 0 || sd_span_put_text(span, SD_OTLP_SPAN_TRACE_STATE, state);
}

static inline void clear(sd_span *span)
{
  span->len = 0;
  span->message_len = 0;
  span->status_at = 0;
  span->status = SD_SPAN_UNSET;
  span->filter = 0;
  span->attribute_count = 0;
  span->event_count = 0;
  span->link_count = 0;
  span->dropped_attributes = 0;
  span->dropped_events = 0;
  span->dropped_links = 0;
  span->dropped_inside = 0;
}

/* Makes the span that was decided for. NULL without memory. */
static sd_span *make(const start *s, sd_tracer *tracer, bool is_log)
{
  sd_telemetry *telemetry = s->telemetry;
  const sd_span_options *options = s->options;
  int64_t now = sd_unix_ns();
  sd_thread *thread = sd_thread_get();
  identifiers ids = make_identifiers(s, thread, true, now);
  sd_span *span = sd_span_take(telemetry, thread);
  if (!span)
    return NULL;
  clear(span);
  span->telemetry = telemetry;
  span->tracer = tracer;
  span->forks = atomic_load_explicit(&telemetry->forks, memory_order_relaxed);
  span->level = options->level;
  span->is_log = is_log;
  span->has_parent = s->has_parent;
  span->start_unix_ns = options->start_unix_ns ? options->start_unix_ns : now;
  set_context(&span->context, &ids, s->parent->data);
  sd_cell_add(&telemetry->cells[thread->slot].started, thread, 1);
  bool complete = true;
  if (__builtin_expect(options->message != NULL, 0))
    complete = write_template(span, options->message);
  write_head(span, s, &ids);
  complete &= sd_span_put_text(span, SD_OTLP_SPAN_NAME, sd_span_cut(s->name));
  if (__builtin_expect(span->context.data != NULL, 0))
    complete &= write_tracestate(span);
  span->dropped_attributes = !complete;
  for (size_t i = 0; i < options->attribute_count; i++)
    sd_span_put_value(span, options->attributes[i].key, &options->attributes[i].value);
  for (size_t i = 0; i < options->link_count; i++)
    sd_span_add_link(span, &options->links[i]);
  if (__builtin_expect(telemetry->wants_starts, 0) && !is_log)
    sd_span_push(span, thread, SD_RECORD_PENDING, now);
  return span;
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

/* Makes a context current under which nothing is sampled. */
static sd_context attach_unsampled(const start *s)
{
  int64_t now = s->telemetry->logfire_ids && !s->has_parent ? sd_unix_ns() : 0;
  identifiers ids = make_identifiers(s, sd_thread_get(), false, now);
  sd_context context;
  set_context(&context, &ids, s->parent->data);
  sd_context previous = sd_context_of_thread;
  sd_context_of_thread = context;
  return previous;
}

sd_span *sd_span_start_in(sd_tracer *tracer, const char *name, const sd_span_options *options,
                          sd_context *ret_previous)
{
  start s;
  sd_span_options copy;
  options = read_options(options, &copy);
  outcome result = OUTCOME_NONE;
  if (tracer)
    result = begin(&s, tracer, name, options);
  sd_span *span = result == OUTCOME_RECORDED ? make(&s, tracer, false) : NULL;
  if (span) {
    *ret_previous = sd_context_attach(&span->context);
  } else if (result == OUTCOME_DROPPED) {
    *ret_previous = attach_unsampled(&s);
  } else {
    sd_context same = options->parent ? *options->parent : sd_context_of_thread;
    *ret_previous = sd_context_attach(&same);
  }
  return span;
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
    sd_span_finish(span, span->start_unix_ns, span->start_unix_ns);
}
