/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* An instrument's points by their attributes. */
#include "base/alloc.h"
#include "trace/attribute_set.h"
#include "trace/metrics_internal.h"
#include "trace/span.h"

/* The slot of the set's point, or the free one where it belongs; there is always a free one. */
static sd_point **find_slot(sd_point **slots, size_t slot_count, const sd_attribute_set *set)
{
  size_t at = set->hash & (slot_count - 1);
  for (;; at = (at + 1) & (slot_count - 1)) {
    const sd_point *point = slots[at];
    if (!point || (point->hash == set->hash && point->key_len == set->key_len &&
                   memcmp(point->key, set->key, set->key_len) == 0))
      return &slots[at];
  }
}

static bool grow_slots(sd_instrument *instrument)
{
  size_t count = instrument->slot_count ? 2 * instrument->slot_count : SD_METRIC_SLOTS_FIRST;
  sd_point **slots = sd_calloc(count, sizeof(sd_point *));
  if (!slots)
    return false;
  for (size_t i = 0; i < instrument->slot_count; i++) {
    sd_point *point = instrument->slots[i];
    if (!point)
      continue;
    size_t at = point->hash & (count - 1);
    while (slots[at])
      at = (at + 1) & (count - 1);
    slots[at] = point;
  }
  sd_free(instrument->slots);
  instrument->slots = slots;
  instrument->slot_count = count;
  return true;
}

static bool grow_points(sd_instrument *instrument)
{
  size_t cap = instrument->point_cap ? 2 * instrument->point_cap : SD_METRIC_SLOTS_FIRST;
  sd_point **points = sd_realloc(instrument->points, cap * sizeof(sd_point *));
  if (!points)
    return false;
  instrument->points = points;
  instrument->point_cap = cap;
  return true;
}

/* A point that stands in the list of points and in no slot yet. NULL without memory. */
static sd_point *add_point(sd_instrument *instrument, const sd_attribute_set *set)
{
  sd_registry *registry = instrument->registry;
  if (instrument->point_count == instrument->point_cap && !grow_points(instrument))
    return NULL;
  sd_point *point = sd_arena_alloc(&registry->arena, sizeof *point, _Alignof(sd_point));
  if (!point)
    return NULL;
  memset(point, 0, sizeof *point);
  point->kind = (uint8_t)instrument->kind;
  point->floating = instrument->floating;
  point->observed = instrument->observe != NULL;
  point->instrument = instrument;
  point->stripe = &registry->stripes[registry->next_stripe % SD_METRIC_STRIPES];
  point->start_unix_ns = sd_unix_ns();
  point->attributes = sd_attribute_set_copy(set, &registry->arena);
  point->attribute_count = set->count;
  point->key = sd_arena_copy(&registry->arena, set->key, set->key_len);
  point->key_len = set->key_len;
  point->hash = set->hash;
  if (!point->attributes || !point->key)
    return NULL;
  for (size_t i = 0; i < registry->reader_count; i++) {
    if (!sd_point_prepare_reader(point, registry->readers[i]))
      return NULL;
  }
  registry->next_stripe++;
  instrument->points[instrument->point_count++] = point;
  return point;
}

/* *ret_is_first: this is the set that made it. */
static sd_point *overflow_point(sd_instrument *instrument, bool *ret_is_first)
{
  if (!instrument->overflow) {
    sd_attribute mark = sd_attribute_bool("otel.metric.overflow", true);
    sd_attribute_set set;
    if (sd_attribute_set_init(&set, &mark, 1) != SD_OK)
      return NULL;
    instrument->overflow = add_point(instrument, &set);
    *ret_is_first = instrument->overflow != NULL;
    sd_attribute_set_release(&set);
  }
  return instrument->overflow;
}

static sd_point *find_or_make(sd_instrument *instrument, const sd_attribute_set *set, bool *ret_overflows)
{
  size_t kept = instrument->point_count - (instrument->overflow ? 1 : 0);
  sd_point **slot = NULL;
  if (instrument->slot_count > 0) {
    slot = find_slot(instrument->slots, instrument->slot_count, set);
    if (*slot)
      return *slot;
  }
  if (kept >= SD_METRIC_POINTS_MAX)
    return overflow_point(instrument, ret_overflows);
  if (2 * (kept + 1) > instrument->slot_count) {
    if (!grow_slots(instrument))
      return NULL;
    slot = find_slot(instrument->slots, instrument->slot_count, set);
  }
  sd_point *point = add_point(instrument, set);
  if (point)
    *slot = point;
  return point;
}

sd_point *sd_instrument_point(sd_instrument *instrument, const sd_attribute *attributes, size_t count)
{
  sd_attribute_set set;
  bool overflows = false;
  if (!instrument || sd_attribute_set_init(&set, attributes, count) != SD_OK)
    return NULL;
  pthread_mutex_lock(&instrument->registry->lock);
  sd_point *point = find_or_make(instrument, &set, &overflows);
  pthread_mutex_unlock(&instrument->registry->lock);
  sd_attribute_set_release(&set);
  if (overflows)
    sd_telemetry_report(instrument->registry->telemetry, SD_LEVEL_WARN,
                        "metric \"%s\" has more than %d sets of attributes; the others share one point with "
                        "otel.metric.overflow=true. Use attributes with fewer values",
                        instrument->name, SD_METRIC_POINTS_MAX);
  return point;
}
