/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Instruments: the rules of their names, finding and making them. */
#include "trace/metrics_internal.h"

#include "base/bytes.h"

#include <math.h>

/* Metrics SDK, explicit bucket histogram aggregation. */
static const double DEFAULT_BOUNDARIES[] = {0,   5,   10,   25,   50,   75,   100,  250,
                                            500, 750, 1000, 2500, 5000, 7500, 10000};
enum { DEFAULT_BOUNDARY_COUNT = sizeof DEFAULT_BOUNDARIES / sizeof DEFAULT_BOUNDARIES[0] };

static bool is_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(const char *name)
{
  if (!name || !is_letter(name[0]) || strnlen(name, SD_INSTRUMENT_NAME_MAX + 1) > SD_INSTRUMENT_NAME_MAX)
    return false;
  for (const char *c = name + 1; *c; c++) {
    if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && *c != '_' && *c != '.' && *c != '-' && *c != '/')
      return false;
  }
  return true;
}

static bool is_unit(const char *unit)
{
  size_t len = strnlen(unit, SD_INSTRUMENT_UNIT_MAX + 1);
  for (size_t i = 0; i < len; i++) {
    if (unit[i] < 0x20 || unit[i] > 0x7E)
      return false;
  }
  return len <= SD_INSTRUMENT_UNIT_MAX;
}

static bool is_ascending(const double *boundaries, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(boundaries[i]) || (i > 0 && boundaries[i] <= boundaries[i - 1]))
      return false;
  }
  return true;
}

static sd_status check(const sd_instrument_options *options, sd_error *error)
{
  if (!options || options->struct_size < sizeof *options)
    return sd_error_set(error, SD_INVALID, "sd_instrument_options: struct_size is not set");
  if (!is_name(options->name))
    return sd_error_set(
        error, SD_INVALID,
        "instrument \"%.64s\": a name is a letter and then at most %d of letters, digits, '_', "
        "'.', '-' and '/'",
        options->name ? options->name : "", SD_INSTRUMENT_NAME_MAX - 1);
  if (options->unit && !is_unit(options->unit))
    return sd_error_set(error, SD_INVALID,
                        "instrument \"%.64s\": a unit is at most %d printable ASCII characters",
                        options->name, SD_INSTRUMENT_UNIT_MAX);
  if (options->kind < SD_COUNTER || options->kind > SD_HISTOGRAM)
    return sd_error_set(error, SD_INVALID, "instrument \"%.64s\": there is no kind %d", options->name,
                        (int)options->kind);
  if (options->kind == SD_HISTOGRAM && options->observe)
    return sd_error_set(error, SD_INVALID, "instrument \"%.64s\": a histogram cannot be observed",
                        options->name);
  if (options->boundaries && options->boundary_count > SD_HISTOGRAM_BOUNDS_MAX)
    return sd_error_set(error, SD_LIMIT, "instrument \"%.64s\": more than %d boundaries", options->name,
                        SD_HISTOGRAM_BOUNDS_MAX);
  if (options->boundaries && !is_ascending(options->boundaries, options->boundary_count))
    return sd_error_set(error, SD_INVALID, "instrument \"%.64s\": boundaries must ascend and be finite",
                        options->name);
  return SD_OK;
}

/* ASCII letters of either case are the same; '_' and digits as they are. */
static int compare_names(const char *a, const char *b)
{
  for (;; a++, b++) {
    int x = is_letter(*a) ? *a | 0x20 : *a;
    int y = is_letter(*b) ? *b | 0x20 : *b;
    if (x != y || x == 0)
      return x - y;
  }
}

static int compare(const sd_instrument *instrument, const sd_tracer *tracer, const char *name)
{
  int order = 0;
  if (instrument->tracer != tracer) {
    order = strcmp(sd_tracer_name(instrument->tracer), sd_tracer_name(tracer));
    if (order == 0)
      order = strcmp(sd_tracer_version(instrument->tracer), sd_tracer_version(tracer));
  }
  return order != 0 ? order : compare_names(instrument->name, name);
}

/* The place of the first instrument that is not before this one. */
static size_t find_place(const sd_registry *registry, const sd_tracer *tracer, const char *name)
{
  size_t low = 0;
  size_t high = registry->instrument_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare(registry->instruments[middle], tracer, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static const char *copy_text(sd_registry *registry, const char *text)
{
  return sd_arena_copy(&registry->arena, text ? text : "", text ? strlen(text) : 0);
}

static const double *copy_boundaries(sd_registry *registry, const double *boundaries, size_t count)
{
  double *copy = sd_arena_alloc(&registry->arena, (count + 1) * sizeof *copy, _Alignof(double));
  if (copy && count > 0)
    memcpy(copy, boundaries, count * sizeof *copy);
  return copy;
}

static sd_instrument *make(sd_registry *registry, const sd_tracer *tracer,
                           const sd_instrument_options *options)
{
  sd_instrument *instrument = sd_arena_alloc(&registry->arena, sizeof *instrument, _Alignof(sd_instrument));
  if (!instrument)
    return NULL;
  memset(instrument, 0, sizeof *instrument);
  instrument->registry = registry;
  instrument->tracer = tracer;
  instrument->kind = options->kind;
  instrument->floating = options->floating || options->kind == SD_HISTOGRAM;
  instrument->observe = options->observe;
  instrument->user = options->user;
  instrument->name = copy_text(registry, options->name);
  instrument->unit = copy_text(registry, options->unit);
  instrument->description = copy_text(registry, options->description);
  instrument->boundaries = DEFAULT_BOUNDARIES;
  instrument->boundary_count = DEFAULT_BOUNDARY_COUNT;
  if (options->boundaries) {
    instrument->boundaries = copy_boundaries(registry, options->boundaries, options->boundary_count);
    instrument->boundary_count = options->boundary_count;
  }
  if (!instrument->name || !instrument->unit || !instrument->description || !instrument->boundaries)
    return NULL;
  return instrument;
}

static sd_status find_or_make(sd_registry *registry, const sd_tracer *tracer,
                              const sd_instrument_options *options, sd_instrument **ret_instrument,
                              sd_error *error)
{
  size_t at = find_place(registry, tracer, options->name);
  if (at < registry->instrument_count && compare(registry->instruments[at], tracer, options->name) == 0) {
    sd_instrument *found = registry->instruments[at];
    bool floating = options->floating || options->kind == SD_HISTOGRAM;
    if (found->kind != options->kind || found->floating != floating ||
        strcmp(found->unit, options->unit ? options->unit : "") != 0)
      return sd_error_set(
          error, SD_CONFLICT,
          "instrument \"%.64s\" of \"%.64s\" is there already with another kind, type or unit", options->name,
          sd_tracer_name(tracer));
    *ret_instrument = found;
    return SD_OK;
  }
  if (registry->instrument_count == SD_INSTRUMENTS_MAX)
    return sd_error_set(error, SD_LIMIT, "instrument \"%.64s\" would be one more than %d", options->name,
                        SD_INSTRUMENTS_MAX);
  sd_instrument *instrument = make(registry, tracer, options);
  if (!instrument)
    return sd_error_set(error, SD_NOMEM, "no memory for instrument \"%.64s\"", options->name);
  memmove(&registry->instruments[at + 1], &registry->instruments[at],
          (registry->instrument_count - at) * sizeof registry->instruments[0]);
  registry->instruments[at] = instrument;
  registry->instrument_count++;
  *ret_instrument = instrument;
  return SD_OK;
}

sd_status sd_registry_instrument(sd_registry *registry, const sd_tracer *tracer,
                                 const sd_instrument_options *options, sd_instrument **ret_instrument,
                                 sd_error *error)
{
  sd_status status = check(options, error);
  if (status != SD_OK)
    return status;
  pthread_mutex_lock(&registry->lock);
  status = find_or_make(registry, tracer, options, ret_instrument, error);
  pthread_mutex_unlock(&registry->lock);
  return status;
}
