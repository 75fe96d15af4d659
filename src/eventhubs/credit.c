/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Credit arithmetic. */
#include "eventhubs/credit.h"

#include <string.h>

enum { MEAN_WEIGHT = 16 /* events over which the mean runs */ };

void sd_credit_init(sd_credit *credit)
{
  memset(credit, 0, sizeof *credit);
  credit->mean_x16 = SD_CREDIT_EVENT_FIRST * MEAN_WEIGHT;
}

void sd_credit_grant(sd_credit *credit, size_t free_bytes)
{
  credit->free_bytes = free_bytes;
  credit->untouched = true;
}

void sd_credit_arrived(sd_credit *credit, size_t cost)
{
  credit->untouched = false;
  credit->free_bytes -= cost < credit->free_bytes ? cost : credit->free_bytes;
  credit->mean_x16 += cost - credit->mean_x16 / MEAN_WEIGHT;
}

/* Events that fit into the free bytes. */
static uint64_t capacity(const sd_credit *credit)
{
  uint64_t mean = (credit->mean_x16 + MEAN_WEIGHT - 1) / MEAN_WEIGHT;
  return credit->free_bytes / (mean > 0 ? mean : 1);
}

uint32_t sd_credit_for_link(const sd_credit *credit, uint32_t current, bool rebalance)
{
  if (credit->free_bytes == 0)
    return 0;
  uint64_t fits = capacity(credit);
  uint64_t share = fits / (credit->partitions > 0 ? credit->partitions : 1);
  if (share > SD_CREDIT_MAX)
    share = SD_CREDIT_MAX;
  if (share == 0)
    return current > 1 && !rebalance ? current : 1;
  if (current >= share)
    return rebalance ? (uint32_t)share : current;
  if (!rebalance && current > share / 2)
    return current;
  uint64_t room = fits > credit->outstanding ? fits - credit->outstanding : 0;
  return (uint32_t)(share - current < room ? share : current + room);
}

void sd_credit_changed(sd_credit *credit, uint32_t before, uint32_t after)
{
  uint64_t without = credit->outstanding > before ? credit->outstanding - before : 0;
  credit->outstanding = without + after;
}

uint32_t sd_credit_window(const sd_credit *credit, uint32_t max_frame_size, size_t unfinished)
{
  size_t left = credit->free_bytes > unfinished ? credit->free_bytes - unfinished : 0;
  size_t frames = left / max_frame_size;
  if (frames == 0 && credit->free_bytes > 0 && credit->untouched)
    return 1;
  return frames < INT32_MAX ? (uint32_t)frames : INT32_MAX;
}
