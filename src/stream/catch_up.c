/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* How far a mapping is behind the broker: asking anew, and the end of until_caught_up. */
#include "stream/mapping_internal.h"

enum { WATCHED_PARTITIONS_MAX = 32 /* each answer costs the broker a request per partition */ };

void sd_mapping_catch_up_refresh(sd_mapping *mapping)
{
  mapping->refresh_due_ms = 0;
}

static bool all_received(const sd_mapping *mapping)
{
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    if (!sd_partition_received_all(&mapping->partitions[i]))
      return false;
  }
  return true;
}

static bool all_landed(const sd_mapping *mapping)
{
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    if (!sd_partition_caught_up(&mapping->partitions[i]))
      return false;
  }
  return true;
}

uint32_t sd_mapping_catch_up_period_ms(const sd_mapping *mapping)
{
  const sd_stream_timings *timings = &mapping->env.timings;
  bool watched = mapping->watched && mapping->partition_count <= WATCHED_PARTITIONS_MAX;
  bool near_end = mapping->until_caught_up && all_received(mapping);
  return watched || near_end ? timings->refresh_soon_ms : timings->refresh_ms;
}

static void ask(sd_mapping *mapping)
{
  if (mapping->refresh_busy)
    return;
  if (!mapping->source->vtable->refresh(mapping->source)) {
    mapping->refresh_due_ms = sd_mapping_now(mapping) + mapping->env.timings.refresh_soon_ms;
    return;
  }
  mapping->refresh_busy = true;
  mapping->asked_ms = sd_mapping_now(mapping);
  mapping->refresh_due_ms = UINT64_MAX;
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    sd_partition *partition = &mapping->partitions[i];
    partition->landed_when_asked = partition->landed;
    partition->asked = partition->unsure;
  }
}

static bool answer_is_fresh(const sd_mapping *mapping, uint64_t now)
{
  return mapping->refresh_answered && now - mapping->answered_ms <= mapping->env.timings.fresh_ms;
}

/* Caught up is what the broker said a moment ago, not what it said when the mapping began. */
static void look_for_the_end(sd_mapping *mapping, uint64_t now)
{
  if (all_landed(mapping)) {
    if (answer_is_fresh(mapping, now))
      mapping->caught_up_ms = now;
    else if (now - mapping->asked_ms >= mapping->env.timings.fresh_ms)
      ask(mapping);
  } else if (mapping->batcher.open && all_received(mapping)) {
    /* All that the broker told of is here: there is nothing to wait for before it lands. */
    sd_batcher_close(&mapping->batcher);
    mapping->pump_again = true;
  }
}

void sd_mapping_ask_anew(sd_mapping *mapping)
{
  uint64_t now = sd_mapping_now(mapping);
  if (!mapping->refresh_busy && !answer_is_fresh(mapping, now) &&
      now - mapping->asked_ms >= mapping->env.timings.fresh_ms)
    sd_mapping_catch_up_refresh(mapping);
}

void sd_mapping_catch_up_step(sd_mapping *mapping)
{
  if (!mapping->ready || !mapping->source_working)
    return;
  uint64_t now = sd_mapping_now(mapping);
  if (mapping->until_caught_up)
    look_for_the_end(mapping, now);
  if (now >= mapping->refresh_due_ms)
    ask(mapping);
}

uint64_t sd_mapping_catch_up_due_ms(const sd_mapping *mapping)
{
  return mapping->ready && mapping->source_working && !mapping->refresh_busy ? mapping->refresh_due_ms
                                                                             : UINT64_MAX;
}
