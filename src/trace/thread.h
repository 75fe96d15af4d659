/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What each recording thread has for itself: random numbers, a slot, spans to use again. */
#ifndef SD_TRACE_THREAD_H
#define SD_TRACE_THREAD_H

#include "trace/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamduck/trace.h>

enum {
  SD_THREAD_SLOTS = 64,
  SD_THREAD_SLOT_SHARED = SD_THREAD_SLOTS - 1, /* of all threads that found no slot of their own */
  SD_THREAD_CACHE_SPANS_MAX = 64,
  SD_THREAD_CACHE_BYTES_MAX = 256 * 1024
};

typedef struct sd_thread {
  uint64_t random[4]; /* xoshiro256++, seeded from the kernel */
  sd_span *cache;
  uint32_t cached;
  uint32_t cached_bytes;
  uint8_t slot; /* no other live thread has it, but for the shared one */
  bool ready;
} sd_thread;

extern SD_THREAD_LOCAL sd_thread sd_thread_state;

void sd_thread_prepare(sd_thread *thread);

static inline sd_thread *sd_thread_get(void)
{
  sd_thread *thread = &sd_thread_state;
  if (__builtin_expect(!thread->ready, 0))
    sd_thread_prepare(thread);
  return thread;
}

/* Frees the spans that the calling thread keeps for reuse. */
void sd_thread_drop_cache(void);

/* In the child of a fork: new random numbers, and the slots of threads that exist no more are free. */
void sd_thread_after_fork(void);

/* xoshiro256++ (Blackman and Vigna): for identifiers, not for keys. */
static inline uint64_t sd_thread_random(sd_thread *thread)
{
  uint64_t *s = thread->random;
  uint64_t sum = s[0] + s[3];
  uint64_t result = (sum << 23 | sum >> 41) + s[0];
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = s[3] << 45 | s[3] >> 19;
  return result;
}

#endif
