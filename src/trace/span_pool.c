/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Span objects used again: each thread keeps some, the telemetry what threads have too many of. */
#include "base/alloc.h"
#include "trace/span.h"

enum { REFILL = 16 };

void sd_span_free(sd_span *span)
{
  if (span->bytes != span->own_bytes)
    sd_free(span->bytes);
  if (span->index != span->own_index)
    sd_free(span->index);
  sd_free(span);
}

static void keep(sd_thread *thread, sd_span *span)
{
  span->next = thread->cache;
  thread->cache = span;
  thread->cached++;
  thread->cached_bytes += span->held_bytes;
}

static sd_span *unkeep(sd_thread *thread)
{
  sd_span *span = thread->cache;
  thread->cache = span->next;
  thread->cached--;
  thread->cached_bytes -= span->held_bytes;
  return span;
}

/* Takes some of the telemetry's spare spans, otherwise makes one. */
static sd_span *refill(sd_telemetry *telemetry, sd_thread *thread)
{
  pthread_mutex_lock(&telemetry->lock);
  for (unsigned i = 0; i < REFILL && telemetry->spare; i++) {
    sd_span *span = telemetry->spare;
    telemetry->spare = span->next;
    telemetry->spare_bytes -= span->held_bytes;
    keep(thread, span);
  }
  pthread_mutex_unlock(&telemetry->lock);
  if (thread->cache)
    return unkeep(thread);
  sd_span *span = sd_alloc(sizeof *span);
  if (span) {
    span->bytes = span->own_bytes;
    span->cap = sizeof span->own_bytes;
    span->index = span->own_index;
    span->index_cap = SD_SPAN_OWN_INDEX;
    span->held_bytes = sizeof *span;
  }
  return span;
}

sd_span *sd_span_take(sd_telemetry *telemetry, sd_thread *thread)
{
  if (__builtin_expect(thread->cache != NULL, 1))
    return unkeep(thread);
  return refill(telemetry, thread);
}

/* Moves half of the thread's spans and this one to the telemetry, for the threads that start them. */
static void overflow(sd_telemetry *telemetry, sd_thread *thread, sd_span *span)
{
  sd_span *surplus = NULL;
  uint32_t target = thread->cached / 2;
  span->next = NULL;
  pthread_mutex_lock(&telemetry->lock);
  for (;;) {
    uint32_t bytes = span->held_bytes;
    if (telemetry->spare_bytes + bytes <= SD_TELEMETRY_SPARE_BYTES_MAX) {
      span->next = telemetry->spare;
      telemetry->spare = span;
      telemetry->spare_bytes += bytes;
    } else {
      span->next = surplus;
      surplus = span;
    }
    if (thread->cached <= target)
      break;
    span = unkeep(thread);
  }
  pthread_mutex_unlock(&telemetry->lock);
  while (surplus) {
    sd_span *next = surplus->next;
    sd_span_free(surplus);
    surplus = next;
  }
}

void sd_span_give_back(sd_telemetry *telemetry, sd_thread *thread, sd_span *span)
{
  if (__builtin_expect(thread->cached < SD_THREAD_CACHE_SPANS_MAX &&
                           thread->cached_bytes + span->held_bytes <= SD_THREAD_CACHE_BYTES_MAX,
                       1))
    keep(thread, span);
  else
    overflow(telemetry, thread, span);
}
