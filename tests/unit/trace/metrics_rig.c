/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* See metrics_rig.h. */
#include "metrics_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

sd_telemetry *rig_telemetry(const sd_telemetry_options *options)
{
  sd_telemetry_options defaults = {.struct_size = sizeof defaults, .service_name = "test"};
  sd_telemetry *telemetry = NULL;
  sd_error error;
  if (sd_telemetry_new(options ? options : &defaults, &telemetry, &error) != SD_OK)
    fail_msg("%s", error.message);
  return telemetry;
}

sd_tracer *rig_tracer(sd_telemetry *telemetry)
{
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", "1");
  assert_non_null(tracer);
  return tracer;
}

sd_instrument *rig_instrument(sd_telemetry *telemetry, const char *name, sd_instrument_kind kind,
                              bool floating)
{
  sd_instrument_options options = {
      .struct_size = sizeof options, .name = name, .kind = kind, .floating = floating};
  sd_instrument *instrument = NULL;
  sd_error error;
  if (sd_instrument_new(rig_tracer(telemetry), &options, &instrument, &error) != SD_OK)
    fail_msg("%s", error.message);
  return instrument;
}

sd_metric_reader *rig_reader(sd_telemetry *telemetry, sd_temporality temporality, sd_histogram_form form)
{
  sd_metric_reader *reader = NULL;
  sd_error error;
  if (sd_metric_reader_new(telemetry, temporality, form, &reader, &error) != SD_OK)
    fail_msg("%s", error.message);
  return reader;
}

static void print_attributes(const sd_point_value *point, char *text, size_t size)
{
  size_t len = 0;
  text[0] = '\0';
  for (size_t i = 0; i < point->attribute_count && len < size; i++) {
    const sd_attribute *attribute = &point->attributes[i];
    const char *comma = i > 0 ? "," : "";
    const sd_any *value = &attribute->value;
    if (value->type == SD_ANY_STRING)
      len += (size_t)snprintf(text + len, size - len, "%s%s=%.*s", comma, attribute->key, (int)value->len,
                              value->as.string);
    else if (value->type == SD_ANY_INT)
      len += (size_t)snprintf(text + len, size - len, "%s%s=%lld", comma, attribute->key,
                              (long long)value->as.integer);
    else if (value->type == SD_ANY_BOOL)
      len += (size_t)snprintf(text + len, size - len, "%s%s=%s", comma, attribute->key,
                              value->as.boolean ? "true" : "false");
    else
      len += (size_t)snprintf(text + len, size - len, "%s%s", comma, attribute->key);
  }
}

void rig_see(void *user, const sd_metric *metric)
{
  seen *all = user;
  if (!metric) {
    all->ends++;
    return;
  }
  bool is_own = strcmp(sd_tracer_name(metric->tracer), "streamduck.telemetry") == 0;
  if (is_own && !all->with_scope_of_telemetry)
    return;
  all->metrics++;
  assert_true(metric->point_count > 0);
  for (size_t i = 0; i < metric->point_count; i++) {
    assert_true(all->count < SEEN_MAX);
    seen_point *point = &all->points[all->count++];
    memset(point, 0, sizeof *point);
    snprintf(point->name, sizeof point->name, "%s", metric->name);
    print_attributes(&metric->points[i], point->attributes, sizeof point->attributes);
    point->kind = metric->kind;
    point->temporality = metric->temporality;
    point->value = metric->points[i];
    sd_point_value *value = &point->value;
    size_t count = value->bucket_counts ? value->boundary_count + 1 : value->positive.count;
    const uint64_t *counts = value->bucket_counts ? value->bucket_counts : value->positive.counts;
    assert_true(count <= SEEN_COUNTS_MAX);
    if (count > 0)
      memcpy(point->counts, counts, count * sizeof *counts);
    value->attributes = NULL;
    if (value->bucket_counts)
      value->bucket_counts = point->counts;
    if (value->positive.counts)
      value->positive.counts = point->counts;
  }
}

void rig_collect(sd_metric_reader *reader, seen *all)
{
  all->count = 0;
  all->metrics = 0;
  all->ends = 0;
  assert_int_equal(sd_metric_reader_collect(reader, rig_see, all), SD_OK);
}

static const seen_point *find(const seen *all, const char *name, const char *attributes)
{
  for (size_t i = 0; i < all->count; i++) {
    if (strcmp(all->points[i].name, name) == 0 && strcmp(all->points[i].attributes, attributes) == 0)
      return &all->points[i];
  }
  return NULL;
}

const seen_point *rig_find(const seen *all, const char *name, const char *attributes)
{
  const seen_point *point = find(all, name, attributes);
  if (!point)
    fail_msg("there is no point %s{%s}", name, attributes);
  return point;
}

bool rig_has(const seen *all, const char *name, const char *attributes)
{
  return find(all, name, attributes) != NULL;
}
