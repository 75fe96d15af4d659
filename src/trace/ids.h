/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of traces and spans: never all zero. */
#ifndef SD_TRACE_IDS_H
#define SD_TRACE_IDS_H

#include "trace/thread.h"

#include <endian.h>
#include <string.h>

static inline uint64_t sd_id_random(sd_thread *thread)
{
  uint64_t id;
  do {
    id = sd_thread_random(thread);
  } while (__builtin_expect(id == 0, 0));
  return id;
}

/* Both halves as they stand in memory. */
typedef struct sd_trace_id {
  uint64_t high;
  uint64_t low; /* big-endian when read as a number; random for every kind of id */
} sd_trace_id;

/* The first half of a random id (then unix_ns is not used), or 48 bits of milliseconds and 16 random ones, so
 * that ids sort by time. */
static inline uint64_t sd_trace_id_high(sd_thread *thread, bool with_time, int64_t unix_ns)
{
  uint64_t random = sd_thread_random(thread);
  if (!with_time)
    return random;
  uint64_t high = ((uint64_t)unix_ns / 1000000) << 16 | (random & 0xFFFF);
  return htobe64(high);
}

#endif
