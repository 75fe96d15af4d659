/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The sharded ring of blocks. Lock order: a shard, then the free blocks. */
#include "trace/ring.h"

#include "base/alloc.h"

#include <sched.h>
#include <string.h>
#include <time.h>

enum { SPINS = 100, YIELDS = 50, NAP_NS = 50 * 1000, NOTES_PER_BATCH = 32, ALIGN = 8 };

static size_t round_up(size_t n)
{
  return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void sd_brief_wait(_Atomic uint32_t *lock)
{
  for (unsigned round = 0;; round++) {
    for (unsigned i = 0; i < SPINS; i++) {
      if (atomic_load_explicit(lock, memory_order_relaxed) == 0 && sd_brief_try(lock))
        return;
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#endif
    }
    if (round < YIELDS) {
      sched_yield();
    } else {
      struct timespec nap = {.tv_nsec = NAP_NS};
      nanosleep(&nap, NULL);
    }
  }
}

sd_status sd_ring_init(sd_ring *ring, size_t bytes, uint32_t batch)
{
  memset(ring, 0, sizeof *ring);
  size_t largest = sizeof(sd_ring_block) + SD_RING_RECORD_MAX;
  size_t block = round_up(bytes / 8 < largest ? bytes / 8 : largest);
  if (block < SD_RING_BLOCK_MIN)
    block = SD_RING_BLOCK_MIN;
  ring->block_bytes = block;
  ring->block_count = bytes / block > 0 ? bytes / block : 1;
  ring->memory = sd_alloc(ring->block_count * block);
  ring->free_blocks = sd_calloc(ring->block_count, sizeof *ring->free_blocks);
  if (!ring->memory || !ring->free_blocks) {
    sd_ring_release(ring);
    return SD_NOMEM;
  }
  /* At most half of the blocks are being filled. */
  uint32_t shards = SD_RING_SHARDS_MAX;
  while (shards > 1 && shards * 2 > ring->block_count)
    shards /= 2;
  ring->shard_mask = shards - 1;
  ring->note_step = batch > NOTES_PER_BATCH ? batch / NOTES_PER_BATCH : 1;
  ring->edge = batch - batch % ring->note_step;
  return SD_OK;
}

void sd_ring_release(sd_ring *ring)
{
  sd_free(ring->memory);
  sd_free(ring->free_blocks);
  ring->memory = NULL;
  ring->free_blocks = NULL;
}

static sd_ring_block *block_at(const sd_ring *ring, uint32_t index)
{
  return (sd_ring_block *)(void *)(ring->memory + index * ring->block_bytes);
}

static sd_ring_block *take_block(sd_ring *ring)
{
  sd_ring_block *block = NULL;
  sd_brief_lock(&ring->free_lock);
  if (ring->free_count > 0)
    block = block_at(ring, ring->free_blocks[--ring->free_count]);
  else if (ring->fresh < ring->block_count)
    block = block_at(ring, ring->fresh++);
  sd_brief_unlock(&ring->free_lock);
  return block;
}

static bool is_half_used(sd_ring *ring)
{
  sd_brief_lock(&ring->free_lock);
  size_t left = ring->free_count + (ring->block_count - ring->fresh);
  sd_brief_unlock(&ring->free_lock);
  return left < ring->block_count / 2;
}

void sd_ring_give_back(sd_ring *ring, sd_ring_block *block)
{
  uint32_t index = (uint32_t)((size_t)((uint8_t *)block - ring->memory) / ring->block_bytes);
  sd_brief_lock(&ring->free_lock);
  ring->free_blocks[ring->free_count++] = index;
  sd_brief_unlock(&ring->free_lock);
}

static void close_current(sd_shard *shard)
{
  sd_ring_block *block = shard->current;
  if (!block)
    return;
  if (shard->last_full)
    shard->last_full->next = block;
  else
    shard->first_full = block;
  shard->last_full = block;
  shard->current = NULL;
}

/* A block with room for size bytes, of the present epoch. */
static sd_ring_block *block_for(sd_ring *ring, sd_shard *shard, uint32_t size)
{
  uint32_t epoch = atomic_load_explicit(&ring->epoch, memory_order_relaxed);
  sd_ring_block *block = shard->current;
  size_t room = ring->block_bytes - sizeof *block;
  if (block && block->epoch == epoch && room - block->used >= size)
    return block;
  if (size > room)
    return NULL;
  close_current(shard);
  block = take_block(ring);
  if (block) {
    block->next = NULL;
    block->used = 0;
    block->epoch = epoch;
    shard->current = block;
  }
  return block;
}

/* Only the holder of the shard's lock writes its counters; others read them. */
static void count(_Atomic uint64_t *counter)
{
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

/* True when this record completes a batch. Called with the shard's lock held. */
static bool note(sd_ring *ring, sd_shard *shard)
{
  if (++shard->unnoted < ring->note_step)
    return false;
  uint32_t step = shard->unnoted;
  shard->unnoted = 0;
  uint32_t before = atomic_fetch_add_explicit(&ring->noted, step, memory_order_relaxed);
  return before < ring->edge && before + step >= ring->edge;
}

sd_ring_record *sd_ring_reserve(sd_ring *ring, unsigned slot, size_t len)
{
  sd_shard *shard = &ring->shards[slot & ring->shard_mask];
  uint32_t size = (uint32_t)round_up(sizeof(sd_ring_record) + len);
  sd_brief_lock(&shard->lock);
  bool is_closed = atomic_load_explicit(&ring->state, memory_order_relaxed) == SD_RING_CLOSED;
  sd_ring_block *block = is_closed ? NULL : block_for(ring, shard, size);
  if (__builtin_expect(!block, 0)) {
    if (!is_closed)
      count(&shard->dropped);
    sd_brief_unlock(&shard->lock);
    return NULL;
  }
  sd_ring_record *record = (sd_ring_record *)(void *)(block->bytes + block->used);
  record->size = size;
  return record;
}

sd_ring_result sd_ring_commit(sd_ring *ring, unsigned slot, const sd_ring_record *record)
{
  sd_shard *shard = &ring->shards[slot & ring->shard_mask];
  uint32_t state = atomic_load_explicit(&ring->state, memory_order_relaxed);
  bool is_first = shard->current->used == 0;
  shard->current->used += record->size;
  count(&shard->pushed);
  bool is_batch = note(ring, shard);
  sd_brief_unlock(&shard->lock);
  if (__builtin_expect(is_batch || state == SD_RING_ASLEEP, 0))
    return SD_RING_WAKE;
  return is_first && is_half_used(ring) ? SD_RING_URGE : SD_RING_OK;
}

/* Takes the blocks of epochs up to `last` off a shard. */
static sd_ring_block *detach(sd_shard *shard, uint32_t last)
{
  if (shard->current && (int32_t)(last - shard->current->epoch) >= 0)
    close_current(shard);
  sd_ring_block *head = shard->first_full;
  sd_ring_block *tail = NULL;
  for (sd_ring_block *at = head; at && (int32_t)(last - at->epoch) >= 0; at = at->next)
    tail = at;
  if (!tail)
    return NULL;
  shard->first_full = tail->next;
  if (!shard->first_full)
    shard->last_full = NULL;
  tail->next = NULL;
  return head;
}

bool sd_ring_drain(sd_ring *ring, sd_ring_block *heads[SD_RING_SHARDS_MAX])
{
  bool any = false;
  atomic_store_explicit(&ring->noted, 0, memory_order_relaxed);
  uint32_t ended = atomic_fetch_add_explicit(&ring->epoch, 1, memory_order_seq_cst);
  for (uint32_t i = 0; i <= ring->shard_mask; i++) {
    sd_shard *shard = &ring->shards[i];
    sd_brief_lock(&shard->lock);
    heads[i] = detach(shard, ended);
    shard->unnoted = 0;
    sd_brief_unlock(&shard->lock);
    any |= heads[i] != NULL;
  }
  return any;
}

bool sd_ring_is_empty(sd_ring *ring)
{
  bool empty = true;
  for (uint32_t i = 0; i <= ring->shard_mask; i++) {
    sd_shard *shard = &ring->shards[i];
    sd_brief_lock(&shard->lock);
    empty &= !shard->current && !shard->first_full;
    sd_brief_unlock(&shard->lock);
  }
  return empty;
}

uint64_t sd_ring_pushed(const sd_ring *ring)
{
  uint64_t sum = 0;
  for (uint32_t i = 0; i <= ring->shard_mask; i++)
    sum += atomic_load_explicit(&ring->shards[i].pushed, memory_order_relaxed);
  return sum;
}

uint64_t sd_ring_dropped(const sd_ring *ring)
{
  uint64_t sum = 0;
  for (uint32_t i = 0; i <= ring->shard_mask; i++)
    sum += atomic_load_explicit(&ring->shards[i].dropped, memory_order_relaxed);
  return sum;
}

uint64_t sd_ring_after_fork(sd_ring *ring)
{
  uint64_t lost = sd_ring_pushed(ring) - atomic_load_explicit(&ring->taken, memory_order_relaxed);
  memset(ring->shards, 0, sizeof ring->shards);
  atomic_store(&ring->free_lock, 0);
  atomic_store(&ring->noted, 0);
  atomic_store(&ring->taken, 0);
  ring->free_count = 0;
  ring->fresh = 0;
  return lost;
}
