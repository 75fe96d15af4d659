/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What a span is inside: an OTLP Span message that grows at its end.
 *
 * The message begins with fields at fixed places (sd_span_head), so that the end time and the flags are
 * patched and read without parsing. Attributes, events and links follow in the order in which they come; an
 * index finds an attribute that is set again.
 */
#ifndef SD_TRACE_SPAN_H
#define SD_TRACE_SPAN_H

#include "trace/telemetry.h"

enum {
  SD_SPAN_OWN_BYTES = 1024, /* in the object itself; more comes from the heap and is kept for reuse */
  SD_SPAN_OWN_INDEX = 32,
  SD_SPAN_NAME_MAX = 8192, /* bytes; names, templates and status texts are cut there */
  SD_SPAN_TAIL_MAX = 32    /* kept free for the counts and the status code that the end adds */
};

/* Places in the message. A root has no parent field and the name comes at its place. */
enum {
  SD_SPAN_AT_TRACE_ID = 2,
  SD_SPAN_AT_SPAN_ID = 20,
  SD_SPAN_AT_KIND = 29,
  SD_SPAN_AT_START = 31,
  SD_SPAN_AT_END = 40,
  SD_SPAN_AT_FLAGS = 50,
  SD_SPAN_AT_PARENT = 54, /* tag and length, then the id */
  SD_SPAN_AT_PARENT_ID = 56,
  SD_SPAN_HEAD_ROOT = 54,
  SD_SPAN_HEAD = 64
};

typedef struct sd_span_slot {
  uint32_t print; /* of the key */
  uint32_t at;    /* of the attribute's tag, in span->bytes */
} sd_span_slot;

struct sd_span {
  sd_telemetry *telemetry;
  sd_tracer *tracer;
  sd_span *next; /* among spans kept for reuse */
  sd_context context;
  uint8_t *bytes; /* own_bytes or heap: the template, then the message */
  uint32_t cap;
  uint32_t len;
  uint32_t held_bytes;  /* of the object and what it has from the heap */
  uint32_t message_len; /* of the template */
  uint32_t status_at;   /* 0: none was written */
  uint32_t forks;       /* of the telemetry when it started */
  int32_t level;
  uint8_t status;
  bool is_log;
  bool has_parent;
  int64_t start_unix_ns;
  uint64_t filter; /* one bit per key print: not set means that the key is new */
  sd_span_slot *index;
  uint32_t index_cap;
  uint32_t attribute_count;
  uint32_t event_count;
  uint32_t link_count;
  uint32_t dropped_attributes;
  uint32_t dropped_events;
  uint32_t dropped_links;
  uint32_t dropped_inside; /* attributes of events and links */
  sd_span_slot own_index[SD_SPAN_OWN_INDEX];
  uint8_t own_bytes[SD_SPAN_OWN_BYTES];
};

/* ---- span_pool.c: spans without an allocation each */

/* Bytes and index of the last use are there, everything else is to be set. NULL without memory. */
sd_span *sd_span_take(sd_telemetry *telemetry, sd_thread *thread);
void sd_span_give_back(sd_telemetry *telemetry, sd_thread *thread, sd_span *span);
void sd_span_free(sd_span *span);

/* ---- span_write.c: the message */

/* Room for n more bytes beside the tail. False when the limit or memory ends. */
bool sd_span_grow(sd_span *span, size_t n);

static inline bool sd_span_reserve(sd_span *span, size_t n)
{
  if (__builtin_expect((size_t)span->cap - span->len >= n + SD_SPAN_TAIL_MAX, 1))
    return true;
  return sd_span_grow(span, n);
}

/* Cuts a name, template or status text to SD_SPAN_NAME_MAX bytes. */
sd_bytes sd_span_cut(const char *text);

/* Appends a length-delimited text field, repaired. False without room. */
bool sd_span_put_text(sd_span *span, uint32_t field, sd_bytes text);
/* Makes the `old` bytes at `at` become `size` ones; attributes behind move. NULL without room. */
uint8_t *sd_span_splice(sd_span *span, uint32_t at, uint32_t old, uint32_t size);

/* Any attribute; sd_span_put_value chooses the shortest way for its type. */
void sd_span_put_attribute(sd_span *span, const char *key, const sd_any *value);
void sd_span_put_value(sd_span *span, const char *key, const sd_any *value);

/* Size of attributes as repeated field `number` and their encoding: the first `max` that have a key, the last
 * of equal keys. *ret_dropped counts those past max. */
size_t sd_attributes_size(const sd_attribute *attributes, size_t count, uint32_t max, uint32_t number,
                          uint32_t value_length, uint32_t *ret_dropped);
uint8_t *sd_attributes_put(const sd_attribute *attributes, size_t count, uint32_t max, uint32_t number,
                           uint32_t value_length, uint8_t *at);

/* ---- span.c */

int64_t sd_unix_ns(void);

/* Puts the span's present state into the ring. stamp: the time of now. */
void sd_span_push(sd_span *span, const sd_thread *thread, sd_record_kind kind, int64_t stamp);

/* A log's end: at its start. */
void sd_span_finish(sd_span *span, int64_t end_unix_ns, int64_t stamp);

#endif
