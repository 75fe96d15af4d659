/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Points: recording, and what a new reader or a fork means to them. */
#include "trace/metrics_internal.h"

#include <math.h>

static void touch(sd_point *point)
{
  if (atomic_load_explicit(&point->touched, memory_order_relaxed) != SD_METRIC_ALL_READERS)
    atomic_store_explicit(&point->touched, SD_METRIC_ALL_READERS, memory_order_relaxed);
}

static void add_integer(sd_point *point, int64_t value)
{
  atomic_fetch_add_explicit(&point->bits, (uint64_t)value, memory_order_relaxed);
  touch(point);
}

static void add_number(sd_point *point, double value)
{
  uint64_t bits = atomic_load_explicit(&point->bits, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&point->bits, &bits, sd_bits_of(sd_double_of(bits) + value),
                                                memory_order_relaxed, memory_order_relaxed))
    ;
  touch(point);
}

static bool takes_additions(const sd_point *point, bool is_negative)
{
  return point && ((point->kind == SD_COUNTER && !is_negative) || point->kind == SD_UP_DOWN_COUNTER) &&
         !point->observed;
}

void sd_point_add(sd_point *point, int64_t value)
{
  if (!takes_additions(point, value < 0))
    return;
  if (point->floating)
    add_number(point, (double)value);
  else
    add_integer(point, value);
}

/* 2^63, the first double that no int64_t holds. */
#define INT64_END 9223372036854775808.0

static bool fits_integer(double value)
{
  return value >= -INT64_END && value < INT64_END;
}

void sd_point_add_double(sd_point *point, double value)
{
  if (!takes_additions(point, value < 0) || !isfinite(value))
    return;
  if (point->floating)
    add_number(point, value);
  else if (fits_integer(value))
    add_integer(point, (int64_t)value);
}

static void set_bits(sd_point *point, uint64_t bits)
{
  atomic_store_explicit(&point->bits, bits, memory_order_relaxed);
  atomic_store_explicit(&point->round, atomic_load_explicit(&point->instrument->round, memory_order_relaxed),
                        memory_order_relaxed);
  /* Behind the value: a reader that takes the mark sees what it stands for. */
  atomic_fetch_or_explicit(&point->touched, SD_METRIC_ALL_READERS, memory_order_release);
}

static bool takes_values(const sd_point *point, bool is_negative)
{
  if (!point || point->kind == SD_HISTOGRAM)
    return false;
  return point->kind == SD_GAUGE || (point->observed && !(point->kind == SD_COUNTER && is_negative));
}

void sd_point_set(sd_point *point, int64_t value)
{
  if (takes_values(point, value < 0))
    set_bits(point, point->floating ? sd_bits_of((double)value) : (uint64_t)value);
}

void sd_point_set_double(sd_point *point, double value)
{
  if (!takes_values(point, value < 0))
    return;
  if (point->floating && (point->kind == SD_GAUGE || isfinite(value)))
    set_bits(point, sd_bits_of(value));
  else if (!point->floating && fits_integer(value))
    set_bits(point, (uint64_t)(int64_t)value);
}

void sd_point_record(sd_point *point, double value)
{
  if (!point || point->kind != SD_HISTOGRAM || !(value >= 0) || isinf(value))
    return;
  const sd_instrument *instrument = point->instrument;
  pthread_mutex_lock(&point->stripe->lock);
  for (size_t i = 0; i < SD_METRIC_READERS_MAX && point->histograms[i]; i++)
    sd_histogram_add(point->histograms[i], value, instrument->boundaries, instrument->boundary_count);
  pthread_mutex_unlock(&point->stripe->lock);
}

bool sd_point_prepare_reader(sd_point *point, const sd_metric_reader *reader)
{
  if (point->kind != SD_HISTOGRAM || point->histograms[reader->index])
    return true;
  size_t size = sd_histogram_size(reader->form, point->instrument->boundary_count);
  void *memory = sd_arena_alloc(&point->instrument->registry->arena, size, _Alignof(sd_histogram));
  if (!memory)
    return false;
  sd_histogram *histogram = sd_histogram_init(memory, reader->form);
  sd_histogram_reset(histogram, point->instrument->boundary_count);
  pthread_mutex_lock(&point->stripe->lock);
  point->histograms[reader->index] = histogram;
  pthread_mutex_unlock(&point->stripe->lock);
  return true;
}

void sd_point_begin(sd_point *point, const sd_metric_reader *reader)
{
  /* What a callback reports is a total of its own. */
  if (!point->observed && point->kind != SD_GAUGE)
    point->taken[reader->index] = atomic_load_explicit(&point->bits, memory_order_relaxed);
  atomic_fetch_and_explicit(&point->touched, (uint8_t) ~(1u << reader->index), memory_order_relaxed);
}

void sd_point_after_fork(sd_point *point, int64_t now_unix_ns)
{
  const sd_instrument *instrument = point->instrument;
  atomic_store_explicit(&point->bits, 0, memory_order_relaxed);
  atomic_store_explicit(&point->touched, 0, memory_order_relaxed);
  atomic_store_explicit(&point->round, 0, memory_order_relaxed);
  point->start_unix_ns = now_unix_ns;
  for (size_t i = 0; i < SD_METRIC_READERS_MAX; i++) {
    point->taken[i] = 0;
    if (point->histograms[i])
      sd_histogram_reset(point->histograms[i], instrument->boundary_count);
  }
}
