/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Readers: what was recorded since their making, or since they collected last. */
#include "base/alloc.h"
#include "trace/metrics_internal.h"
#include "trace/span.h"

enum { FIRST_CAP = 64 };

void sd_metric_reader_free(sd_metric_reader *reader)
{
  if (!reader)
    return;
  pthread_mutex_destroy(&reader->collecting);
  sd_free(reader);
}

/* Accumulators for the points that are there already; registry.lock is held. */
static bool prepare_points(sd_registry *registry, const sd_metric_reader *reader)
{
  for (size_t i = 0; i < registry->instrument_count; i++) {
    const sd_instrument *instrument = registry->instruments[i];
    for (size_t j = 0; j < instrument->point_count; j++) {
      if (!sd_point_prepare_reader(instrument->points[j], reader))
        return false;
    }
  }
  return true;
}

/* Takes them away again; their memory stays in the arena. */
static void abandon_points(sd_registry *registry, const sd_metric_reader *reader)
{
  for (size_t i = 0; i < registry->instrument_count; i++) {
    const sd_instrument *instrument = registry->instruments[i];
    for (size_t j = 0; j < instrument->point_count; j++) {
      sd_point *point = instrument->points[j];
      pthread_mutex_lock(&point->stripe->lock);
      point->histograms[reader->index] = NULL;
      pthread_mutex_unlock(&point->stripe->lock);
    }
  }
}

static void begin_points(sd_registry *registry, const sd_metric_reader *reader)
{
  for (size_t i = 0; i < registry->instrument_count; i++) {
    const sd_instrument *instrument = registry->instruments[i];
    for (size_t j = 0; j < instrument->point_count; j++)
      sd_point_begin(instrument->points[j], reader);
  }
}

sd_status sd_registry_reader(sd_registry *registry, sd_exporter *exporter, sd_temporality temporality,
                             sd_histogram_form form, sd_metric_reader **ret_reader, sd_error *error)
{
  if ((temporality != SD_DELTA && temporality != SD_CUMULATIVE) ||
      (form != SD_HISTOGRAM_EXPLICIT && form != SD_HISTOGRAM_EXPONENTIAL))
    return sd_error_set(error, SD_INVALID, "a metric reader needs a temporality and a histogram form");
  sd_metric_reader *reader = sd_calloc(1, sizeof *reader);
  if (!reader)
    return sd_error_set(error, SD_NOMEM, "no memory for a metric reader");
  reader->registry = registry;
  reader->exporter = exporter;
  reader->temporality = temporality;
  reader->form = form;
  atomic_init(&reader->made_unix_ns, sd_unix_ns());
  pthread_mutex_init(&reader->collecting, NULL);

  sd_status status = SD_OK;
  pthread_mutex_lock(&registry->lock);
  reader->index = registry->reader_count;
  if (registry->reader_count == SD_METRIC_READERS_MAX) {
    status =
        sd_error_set(error, SD_LIMIT, "a telemetry has at most %d metric readers", SD_METRIC_READERS_MAX);
  } else if (!prepare_points(registry, reader)) {
    abandon_points(registry, reader);
    status = sd_error_set(error, SD_NOMEM, "no memory for a metric reader");
  } else {
    begin_points(registry, reader);
    registry->readers[registry->reader_count++] = reader;
  }
  pthread_mutex_unlock(&registry->lock);
  if (status != SD_OK) {
    sd_metric_reader_free(reader);
    return status;
  }
  *ret_reader = reader;
  return SD_OK;
}

/* ---- Collecting ---- */

typedef struct collection {
  sd_metric_reader *reader;
  sd_instrument *instrument;
  int64_t start_unix_ns; /* the reader's making or its last collection, by temporality */
  int64_t now_unix_ns;
  bool is_delta;
} collection;

static bool reserve(sd_metric_reader *reader, size_t count)
{
  size_t cap = reader->cap ? reader->cap : FIRST_CAP;
  while (cap < count)
    cap *= 2;
  if (cap == reader->cap)
    return true;
  sd_point **points = sd_realloc(reader->points, cap * sizeof(sd_point *));
  if (!points)
    return false;
  reader->points = points;
  sd_point_value *values = sd_realloc(reader->values, cap * sizeof *values);
  if (!values)
    return false;
  reader->values = values;
  reader->cap = cap;
  return true;
}

static bool reserve_counts(sd_metric_reader *reader, size_t count)
{
  if (count <= reader->count_cap)
    return true;
  uint64_t *counts = sd_realloc(reader->counts, count * sizeof *counts);
  if (!counts)
    return false;
  reader->counts = counts;
  reader->count_cap = count;
  return true;
}

static void release_scratch(sd_metric_reader *reader)
{
  sd_free(reader->points);
  sd_free(reader->values);
  sd_free(reader->counts);
  reader->points = NULL;
  reader->values = NULL;
  reader->counts = NULL;
  reader->cap = 0;
  reader->count_cap = 0;
}

/* Copies the list of points, which may grow meanwhile. */
static bool take_points(sd_metric_reader *reader, sd_instrument *instrument, size_t *ret_count)
{
  pthread_mutex_t *lock = &reader->registry->lock;
  pthread_mutex_lock(lock);
  size_t count = instrument->point_count;
  while (count > reader->cap) {
    pthread_mutex_unlock(lock);
    if (!reserve(reader, count))
      return false;
    pthread_mutex_lock(lock);
    count = instrument->point_count;
  }
  if (count > 0)
    memcpy(reader->points, instrument->points, count * sizeof reader->points[0]);
  pthread_mutex_unlock(lock);
  *ret_count = count;
  return true;
}

static void put_number(sd_point_value *value, bool floating, uint64_t bits)
{
  if (floating)
    value->number = sd_double_of(bits);
  else
    value->integer = (int64_t)bits;
}

/* now - before, in the point's type. */
static uint64_t difference(bool floating, uint64_t now, uint64_t before)
{
  return floating ? sd_bits_of(sd_double_of(now) - sd_double_of(before)) : now - before;
}

static bool is_less(bool floating, uint64_t a, uint64_t b)
{
  return floating ? sd_double_of(a) < sd_double_of(b) : (int64_t)a < (int64_t)b;
}

/* True when the point was recorded for this reader (since it collected last, where take is true). */
static bool was_touched(sd_point *point, size_t reader, bool take)
{
  uint8_t bit = (uint8_t)(1u << reader);
  if (take)
    return atomic_fetch_and_explicit(&point->touched, (uint8_t)~bit, memory_order_acquire) & bit;
  return atomic_load_explicit(&point->touched, memory_order_acquire) & bit;
}

static bool was_reported(const sd_point *point)
{
  return atomic_load_explicit(&point->round, memory_order_relaxed) ==
         atomic_load_explicit(&point->instrument->round, memory_order_relaxed);
}

static bool read_gauge(const collection *run, sd_point *point, sd_point_value *value)
{
  bool take = run->is_delta && !point->observed;
  if (point->observed ? !was_reported(point) : !was_touched(point, run->reader->index, take))
    return false;
  put_number(value, point->floating, atomic_load_explicit(&point->bits, memory_order_relaxed));
  value->start_unix_ns = 0;
  return true;
}

static bool read_sum(const collection *run, sd_point *point, sd_point_value *value)
{
  size_t index = run->reader->index;
  if (point->observed ? !was_reported(point) : !was_touched(point, index, false))
    return false;
  uint64_t bits = atomic_load_explicit(&point->bits, memory_order_relaxed);
  uint64_t amount = difference(point->floating, bits, point->taken[index]);
  if (run->is_delta) {
    if (bits == point->taken[index])
      return false;
    /* An observed total that went back began anew. */
    if (is_less(point->floating, bits, point->taken[index]))
      amount = bits;
    point->taken[index] = bits;
  }
  put_number(value, point->floating, amount);
  return true;
}

static bool read_histogram(const collection *run, sd_point *point, sd_point_value *value, uint64_t *counts)
{
  const sd_instrument *instrument = run->instrument;
  pthread_mutex_lock(&point->stripe->lock);
  sd_histogram *histogram = point->histograms[run->reader->index];
  bool any = histogram && histogram->count > 0;
  if (any) {
    sd_histogram_read(histogram, instrument->boundaries, instrument->boundary_count, counts, value);
    if (run->is_delta)
      sd_histogram_reset(histogram, instrument->boundary_count);
  }
  pthread_mutex_unlock(&point->stripe->lock);
  return any;
}

static bool read_point(const collection *run, sd_point *point, sd_point_value *value, uint64_t *counts)
{
  memset(value, 0, sizeof *value);
  value->attributes = point->attributes;
  value->attribute_count = point->attribute_count;
  value->unix_ns = run->now_unix_ns;
  value->start_unix_ns = run->start_unix_ns;
  /* A cumulative series begins with its point. */
  if (!run->is_delta && !point->observed && point->start_unix_ns > value->start_unix_ns)
    value->start_unix_ns = point->start_unix_ns;
  switch (run->instrument->kind) {
  case SD_GAUGE:
    return read_gauge(run, point, value);
  case SD_HISTOGRAM:
    return read_histogram(run, point, value, counts);
  case SD_COUNTER:
  case SD_UP_DOWN_COUNTER:
    break;
  }
  return read_sum(run, point, value);
}

/* Reads the instrument's points into reader->values. SD_NOMEM changes nothing. */
static sd_status read_points(const collection *run, size_t *ret_count)
{
  sd_metric_reader *reader = run->reader;
  const sd_instrument *instrument = run->instrument;
  size_t count;
  if (!take_points(reader, run->instrument, &count))
    return SD_NOMEM;
  size_t per_point =
      instrument->kind == SD_HISTOGRAM ? sd_histogram_counts(reader->form, instrument->boundary_count) : 0;
  if (!reserve_counts(reader, count * per_point))
    return SD_NOMEM;
  size_t filled = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t *counts = per_point > 0 ? reader->counts + filled * per_point : NULL;
    filled += read_point(run, reader->points[i], &reader->values[filled], counts);
  }
  *ret_count = filled;
  return SD_OK;
}

/* Has the callback report, and reads what it reported, before it can be called again. */
static sd_status observe_and_read(const collection *run, size_t *ret_count)
{
  sd_instrument *instrument = run->instrument;
  pthread_mutex_t *observing = &instrument->registry->observing;
  pthread_mutex_lock(observing);
  atomic_fetch_add_explicit(&instrument->round, 1, memory_order_relaxed);
  instrument->observe(instrument->user, instrument);
  sd_status status = read_points(run, ret_count);
  pthread_mutex_unlock(observing);
  return status;
}

static sd_status collect_instrument(sd_metric_reader *reader, sd_instrument *instrument, int64_t now,
                                    sd_metric_fn *fn, void *user)
{
  int64_t made = atomic_load_explicit(&reader->made_unix_ns, memory_order_relaxed);
  int64_t last = instrument->collected_unix_ns[reader->index];
  collection run = {reader, instrument, made, now, false};
  run.is_delta = reader->temporality == SD_DELTA && instrument->kind != SD_UP_DOWN_COUNTER;
  if (run.is_delta && last > made)
    run.start_unix_ns = last;
  size_t count;
  sd_status status = instrument->observe ? observe_and_read(&run, &count) : read_points(&run, &count);
  if (status != SD_OK)
    return status;
  instrument->collected_unix_ns[reader->index] = now;
  if (count == 0)
    return SD_OK;
  sd_metric metric = {.tracer = instrument->tracer,
                      .name = instrument->name,
                      .unit = instrument->unit,
                      .description = instrument->description,
                      .kind = instrument->kind,
                      .floating = instrument->floating,
                      .temporality = run.is_delta ? SD_DELTA : SD_CUMULATIVE,
                      .form = reader->form,
                      .points = reader->values,
                      .point_count = count};
  fn(user, &metric);
  return SD_OK;
}

sd_status sd_metric_reader_collect(sd_metric_reader *reader, sd_metric_fn *fn, void *user)
{
  sd_registry *registry = reader->registry;
  sd_status status = SD_OK;
  pthread_mutex_lock(&reader->collecting);
  pthread_mutex_lock(&registry->lock);
  size_t count = registry->instrument_count;
  memcpy(reader->instruments, registry->instruments, count * sizeof registry->instruments[0]);
  pthread_mutex_unlock(&registry->lock);
  for (size_t i = 0; status == SD_OK && i < count; i++)
    status = collect_instrument(reader, reader->instruments[i], sd_unix_ns(), fn, user);
  release_scratch(reader);
  pthread_mutex_unlock(&reader->collecting);
  return status;
}
