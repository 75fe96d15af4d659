/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for one batch, request or run: many small pieces, released together. One thread at a time.
 *
 * The arena takes blocks of `block_size` from the heap (a larger piece gets a block of its own) and never
 * holds more than `max_bytes` of blocks. Pieces keep their address until reset or release.
 */
#ifndef SD_BASE_ARENA_H
#define SD_BASE_ARENA_H

#include "base/bytes.h"

#include <streamduck/error.h>

typedef struct sd_arena_block sd_arena_block;

typedef struct sd_arena {
  sd_arena_block *current; /* private */
  size_t block_size;       /* private */
  size_t max_bytes;        /* private */
  size_t held_bytes;       /* blocks held, headers included; read with sd_arena_held */
  size_t used_bytes;       /* pieces handed out since the last reset */
} sd_arena;

/* Allocates nothing yet. */
void sd_arena_init(sd_arena *arena, size_t block_size, size_t max_bytes);

/* Uninitialised memory, aligned to `align` (a power of two, at most 16). NULL when the heap or max_bytes is
 * exhausted; what was handed out before stays good. */
void *sd_arena_alloc(sd_arena *arena, size_t size, size_t align);

/* A copy of the bytes with a NUL behind them; NULL as above. */
void *sd_arena_copy(sd_arena *arena, const void *data, size_t len);

/* Forgets all pieces and keeps one block of block_size for reuse. */
void sd_arena_reset(sd_arena *arena);

/* Gives everything back; the arena may be used again as after init. A zeroed arena is allowed. */
void sd_arena_release(sd_arena *arena);

static inline size_t sd_arena_used(const sd_arena *arena)
{
  return arena->used_bytes;
}

static inline size_t sd_arena_held(const sd_arena *arena)
{
  return arena->held_bytes;
}

#endif
