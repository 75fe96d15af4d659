/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Where finished records wait for the telemetry's thread.
 *
 * The memory is divided into blocks. Each shard fills one block at a time under its own lock, which is held
 * for the time of a memcpy; a thread always uses the same shard. The reader takes whole blocks. What finds no
 * free block is dropped and counted; nobody ever waits for the reader.
 *
 * A drain takes a consistent cut: when it holds a record, it holds everything that was recorded before it,
 * whichever shard it went to. For this each block belongs to an epoch, a drain begins by ending the epoch,
 * and takes blocks of ended epochs only.
 */
#ifndef SD_TRACE_RING_H
#define SD_TRACE_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <streamduck/export.h>

enum {
  SD_RING_SHARDS_MAX = 16, /* a power of two */
  SD_RING_RECORD_MAX = SD_SPAN_BYTES_MAX + 64,
  SD_RING_BLOCK_MIN = 4 * 1024,
  SD_RING_BYTES_MAX = 1 << 30
};

/* In front of each record's bytes: the template (message_len bytes), then the OTLP message. */
typedef struct sd_ring_record {
  uint32_t size; /* this header and the bytes, rounded up to 8 */
  uint32_t message_len;
  uint32_t otlp_len;
  int32_t level;
  int64_t stamp; /* when it was recorded: the order between shards */
  const sd_tracer *tracer;
  uint8_t kind; /* an sd_record_kind */
  uint8_t status;
  uint8_t is_log;
  uint8_t reserved[5];
} sd_ring_record;

typedef struct sd_ring_block {
  struct sd_ring_block *next;
  uint32_t used;
  uint32_t epoch;
  uint8_t bytes[];
} sd_ring_block;

typedef struct sd_shard {
  _Atomic uint32_t lock;
  uint32_t unnoted; /* records since the reader's counter was told */
  sd_ring_block *current;
  sd_ring_block *first_full;
  sd_ring_block *last_full;
  _Atomic uint64_t pushed;
  _Atomic uint64_t dropped;
  uint8_t padding[128 - 2 * sizeof(uint32_t) - 3 * sizeof(void *) -
                  2 * sizeof(uint64_t)]; /* a cache line apart */
} sd_shard;

/* What the reader is doing. */
typedef enum sd_ring_state {
  SD_RING_ASLEEP = 0,  /* it does not look until it is told */
  SD_RING_WATCHED = 1, /* it looks again within the delay */
  SD_RING_CLOSED = 2   /* no records any more */
} sd_ring_state;

typedef struct sd_ring {
  _Atomic uint32_t state;
  _Atomic uint32_t epoch;
  uint32_t shard_mask;
  uint32_t note_step; /* shards tell the common counter of so many records at a time */
  uint32_t edge;      /* so many noted records are worth waking the reader: a batch in whole steps */
  size_t block_bytes;
  size_t block_count;
  uint8_t padding[128];   /* what is above is read by every push, what is below is written */
  _Atomic uint32_t noted; /* records since the last drain, as far as shards told */
  _Atomic uint32_t free_lock;
  uint8_t *memory;
  uint32_t *free_blocks; /* stack of indexes */
  uint32_t free_count;
  uint32_t fresh; /* blocks from here on were never used: their pages need not exist */
  _Atomic uint64_t taken;
  sd_shard shards[SD_RING_SHARDS_MAX];
} sd_ring;

typedef enum sd_ring_result {
  SD_RING_OK = 0,
  SD_RING_WAKE = 1, /* the reader should be woken: a batch is complete, or it is asleep */
  SD_RING_URGE = 2  /* the same at once: more than half of the memory is in use */
} sd_ring_result;

SD_MUST_CHECK sd_status sd_ring_init(sd_ring *ring, size_t bytes, uint32_t batch);
void sd_ring_release(sd_ring *ring);

/* Room for a record with len bytes behind its header; only header->size is set. The shard's lock is held
 * until commit, so only a copy may come in between. NULL: dropped and counted (closed: not counted), no
 * commit. */
sd_ring_record *sd_ring_reserve(sd_ring *ring, unsigned slot, size_t len);
sd_ring_result sd_ring_commit(sd_ring *ring, unsigned slot, const sd_ring_record *record);

/* Detaches everything recorded before the call: heads[shard] is a list of blocks, oldest first, or NULL.
 * Returns true when there is any. The reader gives each block back. */
bool sd_ring_drain(sd_ring *ring, sd_ring_block *heads[SD_RING_SHARDS_MAX]);
void sd_ring_give_back(sd_ring *ring, sd_ring_block *block);

/* The record at `at` of a block, NULL at its end. */
static inline const sd_ring_record *sd_ring_record_at(const sd_ring_block *block, uint32_t at)
{
  return at < block->used ? (const sd_ring_record *)(const void *)(block->bytes + at) : NULL;
}

/* True when nothing waits in any shard. */
bool sd_ring_is_empty(sd_ring *ring);
uint64_t sd_ring_pushed(const sd_ring *ring);
uint64_t sd_ring_dropped(const sd_ring *ring);

/* In the child of a fork: empties everything, locks included. Returns how many records were in it. */
uint64_t sd_ring_after_fork(sd_ring *ring);

/* A lock for a few instructions. A holder that lost its processor is waited for by yielding, then sleeping.
 */
static inline bool sd_brief_try(_Atomic uint32_t *lock)
{
  return atomic_exchange_explicit(lock, 1, memory_order_acquire) == 0;
}

void sd_brief_wait(_Atomic uint32_t *lock);

static inline void sd_brief_lock(_Atomic uint32_t *lock)
{
  if (__builtin_expect(!sd_brief_try(lock), 0))
    sd_brief_wait(lock);
}

static inline void sd_brief_unlock(_Atomic uint32_t *lock)
{
  atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
