/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Back-pressure: shares and grants. */
#include "stream/memory.h"

#include <streamduck/stream.h>

sd_status sd_memory_share(size_t total, size_t mapping_count, size_t *ret_share, sd_error *error)
{
  size_t share = (total ? total : SD_STREAM_MEMORY_DEFAULT) / mapping_count;
  if (share < SD_MEMORY_SHARE_MIN) {
    if (total)
      return sd_error_set(error, SD_CONFIG,
                          "memory_bytes %zu is too little for %zu mappings: give at least %zu", total,
                          mapping_count, mapping_count * (size_t)SD_MEMORY_SHARE_MIN);
    share = SD_MEMORY_SHARE_MIN;
  }
  *ret_share = share < SD_STREAM_MAPPING_MEMORY_MAX ? share : SD_STREAM_MAPPING_MEMORY_MAX;
  return SD_OK;
}

size_t sd_memory_transaction(size_t share)
{
  return share / 2 < SD_MEMORY_TRANSACTION_MAX ? share / 2 : SD_MEMORY_TRANSACTION_MAX;
}

void sd_memory_init(sd_memory *memory, size_t share)
{
  memset(memory, 0, sizeof *memory);
  memory->share = share;
}

size_t sd_memory_free(const sd_memory *memory, size_t held)
{
  size_t taken = held + SD_MEMORY_RESERVE;
  return taken < memory->share ? memory->share - taken : 0;
}

static size_t distance(size_t a, size_t b)
{
  return a < b ? b - a : a - b;
}

bool sd_memory_regrant(sd_memory *memory, size_t held, size_t *ret_free)
{
  size_t free_bytes = sd_memory_free(memory, held);
  size_t left = memory->received < memory->granted ? memory->granted - memory->received : 0;
  size_t step = memory->share / 16;
  bool changed = !memory->told || distance(free_bytes, memory->granted) >= step ||
                 distance(free_bytes, left) >= step || (free_bytes == 0) != (memory->granted == 0);
  if (!changed || (memory->told && free_bytes == 0 && memory->granted == 0))
    return false;
  memory->told = true;
  memory->granted = free_bytes;
  memory->received = 0;
  *ret_free = free_bytes;
  return true;
}
