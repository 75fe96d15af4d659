/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The table of traces that wait for a decision. */
#include "trace/tail.h"

#include "base/alloc.h"
#include "trace/otlp_fields.h"
#include "trace/protobuf.h"
#include "trace/sampling.h"
#include "trace/span.h"

#include <math.h>
#include <string.h>

enum { BUCKETS = 4096, DEFAULT_DURATION_S = 5 };

/* Decided traces stay until their last open span ends, so that later spans fare as the earlier ones. */
struct sd_tail_trace {
  sd_tail_trace *next_in_bucket;
  sd_tail_trace *older, *newer;
  uint8_t id[SD_TRACE_ID_SIZE];
  bool is_kept;
  uint32_t open;
  int64_t start_unix_ns;
  sd_tail_record *first, *last;
};

static int64_t read_time(const uint8_t *otlp, size_t at)
{
  return (int64_t)sd_pb_get_fixed64(otlp + at);
}

static const uint8_t *otlp_of(const sd_ring_record *record)
{
  return (const uint8_t *)(record + 1) + record->message_len;
}

/* ---- The table
 * ----------------------------------------------------------------------------------------------- */

static sd_tail_trace **bucket_of(const sd_tail *tail, const uint8_t *id)
{
  return &tail->buckets[sd_trace_id_number(id) % BUCKETS];
}

static sd_tail_trace *find(const sd_tail *tail, const uint8_t *id)
{
  sd_tail_trace *trace = *bucket_of(tail, id);
  while (trace && memcmp(trace->id, id, sizeof trace->id) != 0)
    trace = trace->next_in_bucket;
  return trace;
}

static void drop_waiting(sd_tail *tail, sd_tail_trace *trace)
{
  while (trace->first) {
    sd_tail_record *record = trace->first;
    trace->first = record->next;
    tail->bytes -= record->header.size;
    tail->record_count--;
    sd_free(record);
  }
  trace->last = NULL;
}

static void remove_trace(sd_tail *tail, sd_tail_trace *trace)
{
  drop_waiting(tail, trace);
  sd_tail_trace **at = bucket_of(tail, trace->id);
  while (*at != trace)
    at = &(*at)->next_in_bucket;
  *at = trace->next_in_bucket;
  *(trace->older ? &trace->older->newer : &tail->oldest) = trace->newer;
  *(trace->newer ? &trace->newer->older : &tail->newest) = trace->older;
  tail->trace_count--;
  sd_free(trace);
}

/* True when a waiting record ends the span that `pending` announces. */
static bool is_ended(const sd_tail_trace *trace, const sd_ring_record *pending, const sd_ring_record *last)
{
  const uint8_t *span_id = otlp_of(pending) + SD_SPAN_AT_SPAN_ID;
  if (last && last->kind == SD_RECORD_SPAN &&
      memcmp(otlp_of(last) + SD_SPAN_AT_SPAN_ID, span_id, SD_SPAN_ID_SIZE) == 0)
    return true;
  for (const sd_tail_record *at = trace->first; at; at = at->next) {
    if (at->header.kind == SD_RECORD_SPAN &&
        memcmp(otlp_of(&at->header) + SD_SPAN_AT_SPAN_ID, span_id, SD_SPAN_ID_SIZE) == 0)
      return true;
  }
  return false;
}

/* Emits what waits, pending spans only of spans that are still open. `last` is about to follow, or NULL. */
static void keep(sd_tail *tail, sd_tail_trace *trace, const sd_ring_record *last)
{
  trace->is_kept = true;
  while (trace->first) {
    sd_tail_record *record = trace->first;
    bool is_stale = record->header.kind == SD_RECORD_PENDING && is_ended(trace, &record->header, last);
    trace->first = record->next;
    tail->bytes -= record->header.size;
    tail->record_count--;
    /* On the list before it is emitted: emitting may export the batch and forget the list, or fork. */
    if (is_stale) {
      sd_free(record);
    } else {
      record->next = tail->emitted;
      tail->emitted = record;
      tail->emit(tail->user, &record->header);
    }
  }
  trace->last = NULL;
}

/* Keeps the oldest trace of which records wait. */
static void make_room(sd_tail *tail)
{
  for (sd_tail_trace *trace = tail->oldest; trace; trace = trace->newer) {
    if (trace->first) {
      keep(tail, trace, NULL);
      return;
    }
  }
}

static sd_tail_trace *add_trace(sd_tail *tail, const uint8_t *id, int64_t start_unix_ns)
{
  if (tail->trace_count == SD_TAIL_TRACES_MAX) {
    keep(tail, tail->oldest, NULL);
    remove_trace(tail, tail->oldest);
  }
  sd_tail_trace *trace = sd_calloc(1, sizeof *trace);
  if (!trace)
    return NULL;
  memcpy(trace->id, id, sizeof trace->id);
  trace->start_unix_ns = start_unix_ns;
  sd_tail_trace **bucket = bucket_of(tail, id);
  trace->next_in_bucket = *bucket;
  *bucket = trace;
  trace->older = tail->newest;
  *(tail->newest ? &tail->newest->newer : &tail->oldest) = trace;
  tail->newest = trace;
  tail->trace_count++;
  return trace;
}

/* ---- Deciding
 * ------------------------------------------------------------------------------------------------ */

static bool reaches_level(const sd_tail *tail, const sd_ring_record *record)
{
  int level = record->level;
  if (level == SD_LEVEL_NONE)
    level = record->status == SD_SPAN_ERROR ? SD_LEVEL_ERROR : SD_LEVEL_INFO;
  return level >= tail->level;
}

static bool decides(const sd_tail *tail, const sd_tail_trace *trace, const sd_ring_record *record)
{
  const uint8_t *otlp = otlp_of(record);
  size_t moment = record->kind == SD_RECORD_PENDING ? SD_SPAN_AT_START : SD_SPAN_AT_END;
  bool is_remote = otlp[SD_SPAN_AT_FLAGS + 1] & (SD_OTLP_FLAG_REMOTE >> 8);
  return is_remote || reaches_level(tail, record) ||
         read_time(otlp, moment) - trace->start_unix_ns > tail->duration_ns;
}

/* Keeps a copy for later. False when there is no room, or room was made by keeping this very trace. */
static bool hold(sd_tail *tail, sd_tail_trace *trace, const sd_ring_record *record)
{
  while (tail->bytes + record->size > SD_TAIL_BYTES_MAX && tail->record_count > 0)
    make_room(tail);
  sd_tail_record *copy = trace->is_kept ? NULL : sd_alloc(offsetof(sd_tail_record, header) + record->size);
  if (!copy)
    return false;
  copy->next = NULL;
  memcpy(&copy->header, record, record->size);
  if (trace->last)
    trace->last->next = copy;
  else
    trace->first = copy;
  trace->last = copy;
  tail->bytes += record->size;
  tail->record_count++;
  return true;
}

static bool is_background(const sd_tail *tail, const uint8_t *id)
{
  if (tail->background_ratio >= 1)
    return true;
  return tail->background_ratio > 0 && sd_trace_id_number(id) < tail->background_threshold;
}

static void end_trace(sd_tail *tail, sd_tail_trace *trace)
{
  if (!trace->is_kept && is_background(tail, trace->id))
    keep(tail, trace, NULL);
  remove_trace(tail, trace);
}

void sd_tail_add(sd_tail *tail, const sd_ring_record *record)
{
  if (record->kind == SD_RECORD_LOG) {
    tail->emit(tail->user, record);
    return;
  }
  const uint8_t *otlp = otlp_of(record);
  const uint8_t *id = otlp + SD_SPAN_AT_TRACE_ID;
  sd_tail_trace *trace = find(tail, id);
  if (!trace)
    trace = add_trace(tail, id, read_time(otlp, SD_SPAN_AT_START));
  if (!trace) {
    tail->emit(tail->user, record);
    return;
  }
  if (record->kind == SD_RECORD_PENDING)
    trace->open++;
  else if (!record->is_log && trace->open > 0)
    trace->open--;
  if (!trace->is_kept && decides(tail, trace, record))
    keep(tail, trace, record);
  bool is_held = !trace->is_kept && hold(tail, trace, record);
  if (!is_held) {
    if (!trace->is_kept)
      keep(tail, trace, record);
    tail->emit(tail->user, record);
  }
  if (trace->open == 0)
    end_trace(tail, trace);
}

void sd_tail_look(sd_tail *tail, int64_t now_unix_ns)
{
  for (sd_tail_trace *trace = tail->oldest; trace && tail->record_count > 0; trace = trace->newer) {
    if (!trace->is_kept && now_unix_ns - trace->start_unix_ns > tail->duration_ns)
      keep(tail, trace, NULL);
  }
}

void sd_tail_finish(sd_tail *tail)
{
  while (tail->oldest)
    end_trace(tail, tail->oldest);
}

void sd_tail_forget(sd_tail *tail)
{
  while (tail->emitted) {
    sd_tail_record *record = tail->emitted;
    tail->emitted = record->next;
    sd_free(record);
  }
}

/* ---- Life
 * ---------------------------------------------------------------------------------------------------- */

sd_status sd_tail_init(sd_tail *tail, const sd_tail_sampling *options, sd_tail_emit_fn *emit, void *user,
                       sd_error *error)
{
  memset(tail, 0, sizeof *tail);
  if (!options->enabled)
    return SD_OK;
  if (isnan(options->background_ratio) || options->duration_ns < 0)
    return sd_error_set(error, SD_INVALID,
                        "tail: background_ratio must be a number from 0 to 1, duration_ns not negative");
  tail->level = options->level ? options->level : SD_LEVEL_NOTICE;
  tail->duration_ns = options->duration_ns ? options->duration_ns : DEFAULT_DURATION_S * INT64_C(1000000000);
  tail->background_ratio = options->background_ratio;
  if (tail->background_ratio > 0 && tail->background_ratio < 1)
    tail->background_threshold = sd_ratio_threshold(tail->background_ratio);
  tail->emit = emit;
  tail->user = user;
  tail->buckets = sd_calloc(BUCKETS, sizeof(sd_tail_trace *));
  if (!tail->buckets)
    return sd_error_set(error, SD_NOMEM, "no memory for tail sampling");
  tail->enabled = true;
  return SD_OK;
}

static uint64_t drop_all(sd_tail *tail)
{
  uint64_t waiting = tail->record_count;
  while (tail->oldest)
    remove_trace(tail, tail->oldest);
  sd_tail_forget(tail);
  return waiting;
}

void sd_tail_release(sd_tail *tail)
{
  drop_all(tail);
  sd_free(tail->buckets);
  tail->buckets = NULL;
}

uint64_t sd_tail_after_fork(sd_tail *tail)
{
  return drop_all(tail);
}
