/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The ring of blocks by itself. */
#include "base/alloc.h"
#include "trace/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES = 1 << 20, BATCH = 64 };

static sd_ring *make(size_t bytes, uint32_t batch)
{
  sd_ring *ring = sd_calloc(1, sizeof *ring);
  assert_non_null(ring);
  assert_int_equal(sd_ring_init(ring, bytes, batch), SD_OK);
  atomic_store(&ring->state, SD_RING_WATCHED);
  return ring;
}

static void unmake(sd_ring *ring)
{
  sd_ring_release(ring);
  sd_free(ring);
}

/* Puts the number into the record's bytes, the rest of len filled with its low byte. */
static bool put(sd_ring *ring, unsigned slot, uint64_t number, size_t len, sd_ring_result *ret_result)
{
  sd_ring_record *record = sd_ring_reserve(ring, slot, len);
  if (!record)
    return false;
  record->otlp_len = (uint32_t)len;
  record->message_len = 0;
  record->stamp = (int64_t)number;
  memset(record + 1, (int)(number & 0xFF), len);
  sd_ring_result result = sd_ring_commit(ring, slot, record);
  if (ret_result)
    *ret_result = result;
  return true;
}

/* Takes what is there; checks each record, and that numbers of a shard ascend. Returns how many. */
static size_t take(sd_ring *ring)
{
  sd_ring_block *heads[SD_RING_SHARDS_MAX];
  size_t n = 0;
  if (!sd_ring_drain(ring, heads))
    return 0;
  for (uint32_t shard = 0; shard <= ring->shard_mask; shard++) {
    int64_t last = -1;
    while (heads[shard]) {
      sd_ring_block *block = heads[shard];
      const sd_ring_record *record;
      for (uint32_t at = 0; (record = sd_ring_record_at(block, at)); at += record->size) {
        const uint8_t *bytes = (const uint8_t *)(record + 1);
        for (uint32_t i = 0; i < record->otlp_len; i++)
          assert_int_equal(bytes[i], record->stamp & 0xFF);
        assert_true(record->stamp > last);
        last = record->stamp;
        n++;
      }
      heads[shard] = block->next;
      sd_ring_give_back(ring, block);
    }
  }
  return n;
}

static void records_come_back_as_they_went_in(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  assert_true(sd_ring_is_empty(ring));
  for (uint64_t i = 0; i < 1000; i++)
    assert_true(put(ring, (unsigned)i, i, i % 300, NULL));
  assert_false(sd_ring_is_empty(ring));
  assert_int_equal(sd_ring_pushed(ring), 1000);
  assert_int_equal(take(ring), 1000);
  assert_true(sd_ring_is_empty(ring));
  assert_int_equal(take(ring), 0);
  unmake(ring);
}

static void what_finds_no_room_is_dropped_and_counted(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  size_t kept = 0;
  for (uint64_t i = 0; i < 3000; i++)
    kept += put(ring, 0, i, 1000, NULL);
  assert_in_range(kept, BYTES / 1100 * 9 / 10, BYTES / 1000);
  assert_int_equal(sd_ring_dropped(ring), 3000 - kept);
  assert_int_equal(take(ring), kept);
  assert_true(put(ring, 0, 1, 1000, NULL));
  assert_int_equal(take(ring), 1);
  unmake(ring);
}

static void the_largest_span_fits_and_a_larger_record_is_dropped(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  assert_true(put(ring, 0, 7, SD_SPAN_BYTES_MAX, NULL));
  assert_false(put(ring, 0, 8, SD_SPAN_BYTES_MAX + 4096, NULL));
  assert_int_equal(sd_ring_dropped(ring), 1);
  assert_int_equal(take(ring), 1);
  unmake(ring);
}

static void a_small_ring_keeps_to_its_bytes(void **state)
{
  (void)state;
  sd_ring *ring = make(16 * 1024, BATCH);
  size_t kept = 0;
  for (uint64_t i = 0; i < 1000; i++)
    kept += put(ring, (unsigned)i, i, 200, NULL);
  assert_in_range(kept, 1, 16 * 1024 / 200);
  assert_int_equal(take(ring), kept);
  unmake(ring);
}

static void the_reader_is_woken_once_for_each_batch(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  for (int round = 0; round < 3; round++) {
    size_t wakes = 0;
    for (uint64_t i = 0; i < 5 * BATCH; i++) {
      sd_ring_result result;
      assert_true(put(ring, 3, i, 10, &result));
      wakes += result == SD_RING_WAKE;
      if (result == SD_RING_WAKE)
        assert_int_equal(i, BATCH - 1);
    }
    assert_int_equal(wakes, 1);
    assert_int_equal(take(ring), 5 * BATCH);
  }
  unmake(ring);
}

static void a_sleeping_reader_is_woken_by_any_record(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  atomic_store(&ring->state, SD_RING_ASLEEP);
  sd_ring_result result;
  assert_true(put(ring, 0, 1, 10, &result));
  assert_int_equal(result, SD_RING_WAKE);
  atomic_store(&ring->state, SD_RING_WATCHED);
  assert_true(put(ring, 0, 2, 10, &result));
  assert_int_equal(result, SD_RING_OK);
  unmake(ring);
}

static void a_ring_that_fills_up_urges_its_reader(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, 1 << 30);
  size_t urges = 0;
  for (uint64_t i = 0; i < 900; i++) {
    sd_ring_result result = SD_RING_OK;
    put(ring, 0, i, 1000, &result);
    urges += result == SD_RING_URGE;
    if (i < 400)
      assert_int_equal(urges, 0);
  }
  assert_in_range(urges, 1, 16);
  unmake(ring);
}

static void a_closed_ring_takes_nothing(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  assert_true(put(ring, 0, 1, 10, NULL));
  atomic_store(&ring->state, SD_RING_CLOSED);
  assert_false(put(ring, 0, 2, 10, NULL));
  assert_int_equal(sd_ring_dropped(ring), 0);
  assert_int_equal(take(ring), 1);
  unmake(ring);
}

static void after_a_fork_it_is_empty_and_whole(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  size_t kept = 0;
  for (uint64_t i = 0; i < 3000; i++)
    kept += put(ring, (unsigned)i, i, 1000, NULL);
  atomic_store(&ring->shards[1].lock, 1); /* another thread was inside */
  assert_int_equal(sd_ring_after_fork(ring), kept);
  assert_true(sd_ring_is_empty(ring));
  assert_int_equal(sd_ring_pushed(ring), 0);
  size_t again = 0;
  for (uint64_t i = 0; i < 3000; i++)
    again += put(ring, (unsigned)i, i, 1000, NULL);
  assert_int_equal(again, kept);
  assert_int_equal(take(ring), kept);
  unmake(ring);
}

static void no_memory_is_a_status(void **state)
{
  (void)state;
  for (uint64_t nth = 1; nth <= 2; nth++) {
    sd_ring ring;
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_ring_init(&ring, BYTES, BATCH), SD_NOMEM);
    sd_alloc_fail_nth(0);
  }
}

/* ---- Several threads
 * ---------------------------------------------------------------------------------------- */

enum { THREADS = 4, EACH = 20000 };

typedef struct writer {
  sd_ring *ring;
  unsigned slot;
  size_t kept;
} writer;

static void *write_many(void *user)
{
  writer *w = user;
  for (uint64_t i = 0; i < EACH; i++)
    w->kept += put(w->ring, w->slot, i, 40, NULL);
  return NULL;
}

static void threads_write_while_one_reads(void **state)
{
  (void)state;
  sd_ring *ring = make(BYTES, BATCH);
  pthread_t threads[THREADS];
  writer writers[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    writers[i] = (writer){.ring = ring, .slot = i};
    assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
  }
  size_t taken = 0;
  while (taken + sd_ring_dropped(ring) < THREADS * EACH)
    taken += take(ring);
  size_t kept = 0;
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    kept += writers[i].kept;
  }
  assert_int_equal(taken, kept);
  assert_int_equal(sd_ring_pushed(ring), kept);
  unmake(ring);
}

/* A baton goes from shard to shard: what was put after something else is never read in an earlier drain. */
typedef struct relay {
  sd_ring *ring;
  pthread_mutex_t mutex;
  uint64_t next;
  bool done;
} relay;

static void *run_relay(void *user)
{
  relay *r = user;
  for (bool done = false; !done;) {
    pthread_mutex_lock(&r->mutex);
    done = r->done || r->next == EACH;
    if (!done && put(r->ring, (unsigned)(r->next % SD_RING_SHARDS_MAX), r->next, 8, NULL))
      r->next++;
    pthread_mutex_unlock(&r->mutex);
  }
  return NULL;
}

static void a_drain_is_a_consistent_cut(void **state)
{
  (void)state;
  sd_ring *ring = make(8 * BYTES, BATCH);
  relay r = {.ring = ring};
  pthread_mutex_init(&r.mutex, NULL);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, run_relay, &r), 0);
  static bool seen[EACH];
  memset(seen, 0, sizeof seen);
  uint64_t complete = 0; /* everything below was read */
  while (complete < EACH) {
    sd_ring_block *heads[SD_RING_SHARDS_MAX];
    uint64_t highest = complete;
    if (!sd_ring_drain(ring, heads))
      continue;
    for (uint32_t shard = 0; shard <= ring->shard_mask; shard++) {
      while (heads[shard]) {
        sd_ring_block *block = heads[shard];
        const sd_ring_record *record;
        for (uint32_t at = 0; (record = sd_ring_record_at(block, at)); at += record->size) {
          seen[record->stamp] = true;
          if ((uint64_t)record->stamp + 1 > highest)
            highest = (uint64_t)record->stamp + 1;
        }
        heads[shard] = block->next;
        sd_ring_give_back(ring, block);
      }
    }
    for (; complete < highest; complete++)
      assert_true(seen[complete]);
  }
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  pthread_mutex_destroy(&r.mutex);
  unmake(ring);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_come_back_as_they_went_in),
      cmocka_unit_test(what_finds_no_room_is_dropped_and_counted),
      cmocka_unit_test(the_largest_span_fits_and_a_larger_record_is_dropped),
      cmocka_unit_test(a_small_ring_keeps_to_its_bytes),
      cmocka_unit_test(the_reader_is_woken_once_for_each_batch),
      cmocka_unit_test(a_sleeping_reader_is_woken_by_any_record),
      cmocka_unit_test(a_ring_that_fills_up_urges_its_reader),
      cmocka_unit_test(a_closed_ring_takes_nothing),
      cmocka_unit_test(after_a_fork_it_is_empty_and_whole),
      cmocka_unit_test(no_memory_is_a_status),
      cmocka_unit_test(threads_write_while_one_reads),
      cmocka_unit_test(a_drain_is_a_consistent_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
