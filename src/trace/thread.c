/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The recording threads' own state: made at a thread's first span, given back at its end. */
#include "trace/thread.h"

#include "base/random.h"
#include "trace/span.h"

#include <pthread.h>
#include <stdatomic.h>

SD_THREAD_LOCAL sd_thread sd_thread_state;

/* One bit per slot that a live thread has. */
static _Atomic uint64_t slots_taken;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool has_key;

static uint8_t take_slot(void)
{
  uint64_t taken = atomic_load_explicit(&slots_taken, memory_order_relaxed);
  for (;;) {
    uint64_t is_free = ~taken & ~(UINT64_C(1) << SD_THREAD_SLOT_SHARED);
    if (is_free == 0)
      return SD_THREAD_SLOT_SHARED;
    unsigned slot = (unsigned)__builtin_ctzll(is_free);
    /* acquire: sees what the slot's former owner has counted */
    if (atomic_compare_exchange_weak_explicit(&slots_taken, &taken, taken | UINT64_C(1) << slot,
                                              memory_order_acquire, memory_order_relaxed))
      return (uint8_t)slot;
  }
}

void sd_thread_drop_cache(void)
{
  sd_thread *thread = &sd_thread_state;
  while (thread->cache) {
    sd_span *span = thread->cache;
    thread->cache = span->next;
    sd_span_free(span);
  }
  thread->cached = 0;
  thread->cached_bytes = 0;
}

static void on_thread_exit(void *unused)
{
  (void)unused;
  sd_thread *thread = &sd_thread_state;
  sd_thread_drop_cache();
  if (thread->slot != SD_THREAD_SLOT_SHARED)
    atomic_fetch_and_explicit(&slots_taken, ~(UINT64_C(1) << thread->slot), memory_order_release);
  thread->slot = SD_THREAD_SLOT_SHARED;
  thread->ready = false;
}

static void make_key(void)
{
  has_key = pthread_key_create(&exit_key, on_thread_exit) == 0;
}

/* A library that is unloaded leaves no function behind for threads that end later. */
__attribute__((destructor)) static void delete_key(void)
{
  if (has_key)
    pthread_key_delete(exit_key);
}

void sd_thread_prepare(sd_thread *thread)
{
  do {
    sd_random_bytes(thread->random, sizeof thread->random);
  } while (!(thread->random[0] | thread->random[1] | thread->random[2] | thread->random[3]));
  pthread_once(&key_once, make_key);
  /* Without a way to learn of the thread's end it must not own a slot. */
  bool told = has_key && pthread_setspecific(exit_key, thread) == 0;
  thread->slot = told ? take_slot() : SD_THREAD_SLOT_SHARED;
  thread->ready = true;
}

void sd_thread_after_fork(void)
{
  sd_thread *thread = &sd_thread_state;
  uint64_t mine = 0;
  if (thread->ready) {
    sd_random_bytes(thread->random, sizeof thread->random);
    if (thread->slot != SD_THREAD_SLOT_SHARED)
      mine = UINT64_C(1) << thread->slot;
  }
  atomic_store(&slots_taken, mine);
}
