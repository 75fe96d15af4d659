/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The table from channels and handles to sessions and links. */
#include "amqp/engine_internal.h"
#include "base/alloc.h"

enum { SLOTS_FIRST = 8 };

sd_status amqp_slots_set(amqp_slots *slots, uint32_t index, void *item)
{
  if (index >= slots->cap) {
    uint32_t cap = slots->cap ? slots->cap : SLOTS_FIRST;
    while (cap <= index)
      cap *= 2;
    void **items = sd_realloc(slots->items, cap * sizeof *items);
    if (!items)
      return SD_NOMEM;
    for (uint32_t i = slots->cap; i < cap; i++)
      items[i] = NULL;
    slots->items = items;
    slots->cap = cap;
  }
  slots->items[index] = item;
  return SD_OK;
}

void amqp_slots_clear(amqp_slots *slots, uint32_t index)
{
  if (index < slots->cap)
    slots->items[index] = NULL;
}

uint32_t amqp_slots_unused(const amqp_slots *slots)
{
  uint32_t i = 0;
  while (i < slots->cap && slots->items[i])
    i++;
  return i;
}

void amqp_slots_release(amqp_slots *slots)
{
  sd_free(slots->items);
  slots->items = NULL;
  slots->cap = 0;
}
