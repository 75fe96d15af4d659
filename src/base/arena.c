/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The arena: a list of blocks, the newest ordinary one in front. */
#include "base/arena.h"

#include "base/alloc.h"

#include <stdalign.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SD_ARENA_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SD_ARENA_ASAN 1
#endif
/* Under AddressSanitizer the part of a block that nobody was given counts as foreign memory. */
#ifdef SD_ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define hide(address, size)   __asan_poison_memory_region(address, size)
#define reveal(address, size) __asan_unpoison_memory_region(address, size)
#else
#define hide(address, size)   ((void)(address))
#define reveal(address, size) ((void)(address))
#endif

enum { ARENA_ALIGN = 16 };

struct sd_arena_block {
  struct sd_arena_block *previous;
  size_t size; /* of data */
  size_t used;
  alignas(ARENA_ALIGN) uint8_t data[];
};

void sd_arena_init(sd_arena *arena, size_t block_size, size_t max_bytes)
{
  memset(arena, 0, sizeof *arena);
  arena->block_size = block_size < max_bytes ? block_size : max_bytes;
  arena->max_bytes = max_bytes;
}

static bool is_ordinary(const sd_arena *arena, const sd_arena_block *block)
{
  return sizeof *block + block->size == arena->block_size;
}

static void free_block(sd_arena *arena, sd_arena_block *block)
{
  arena->held_bytes -= sizeof *block + block->size;
  reveal(block->data, block->size);
  sd_free(block);
}

/* A block with room for `size` bytes. A piece too big for an ordinary block gets one of its own, which goes
 * behind the current one, whose rest stays in use. */
static sd_arena_block *add_block(sd_arena *arena, size_t size)
{
  size_t left = arena->max_bytes - arena->held_bytes;
  if (left < sizeof(sd_arena_block) || size > left - sizeof(sd_arena_block))
    return NULL;
  size_t total = sizeof(sd_arena_block) + size;
  bool own = total > arena->block_size;
  if (!own)
    total = arena->block_size < left ? arena->block_size : left;
  sd_arena_block *block = sd_alloc(total);
  if (!block)
    return NULL;
  block->size = total - sizeof *block;
  block->used = 0;
  hide(block->data, block->size);
  arena->held_bytes += total;
  if (own && arena->current) {
    block->previous = arena->current->previous;
    arena->current->previous = block;
  } else {
    block->previous = arena->current;
    arena->current = block;
  }
  return block;
}

void *sd_arena_alloc(sd_arena *arena, size_t size, size_t align)
{
  if (size == 0)
    size = 1;
  sd_arena_block *block = arena->current;
  size_t start = block ? (block->used + align - 1) & ~(align - 1) : 0;
  if (!block || start > block->size || size > block->size - start) {
    block = add_block(arena, size);
    if (!block)
      return NULL;
    start = 0;
  }
  block->used = start + size;
  arena->used_bytes += size;
  reveal(block->data + start, size);
  return block->data + start;
}

void *sd_arena_copy(sd_arena *arena, const void *data, size_t len)
{
  uint8_t *copy = len < SIZE_MAX ? sd_arena_alloc(arena, len + 1, 1) : NULL;
  if (!copy)
    return NULL;
  if (len > 0)
    memcpy(copy, data, len);
  copy[len] = '\0';
  return copy;
}

void sd_arena_reset(sd_arena *arena)
{
  sd_arena_block *kept = NULL;
  for (sd_arena_block *block = arena->current; block;) {
    sd_arena_block *previous = block->previous;
    if (!kept && is_ordinary(arena, block))
      kept = block;
    else
      free_block(arena, block);
    block = previous;
  }
  if (kept) {
    kept->previous = NULL;
    kept->used = 0;
    hide(kept->data, kept->size);
  }
  arena->current = kept;
  arena->used_bytes = 0;
}

void sd_arena_release(sd_arena *arena)
{
  for (sd_arena_block *block = arena->current; block;) {
    sd_arena_block *previous = block->previous;
    free_block(arena, block);
    block = previous;
  }
  arena->current = NULL;
  arena->used_bytes = 0;
}
