/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Metrics into requests, point by point; a point is never cut. */
#include "export/otlp_common.h"
#include "export/otlp_frame.h"
#include "export/otlp_point.h"

enum {
  METRIC_NAME = 1,
  METRIC_DESCRIPTION = 2,
  METRIC_UNIT = 3,
  METRIC_GAUGE = 5,
  METRIC_SUM = 7,
  METRIC_HISTOGRAM = 9,
  METRIC_EXPONENTIAL_HISTOGRAM = 10
};
enum { DATA_POINTS = 1, DATA_TEMPORALITY = 2, DATA_IS_MONOTONIC = 3 };

/* The Metric that is being written into the request. */
typedef struct open_metric {
  const sd_metric *metric;
  bool is_open;
  size_t at, data_at; /* contents of Metric, and of its Sum, Gauge … */
} open_metric;

static uint32_t data_field(const sd_metric *metric)
{
  switch (metric->kind) {
  case SD_GAUGE:
    return METRIC_GAUGE;
  case SD_HISTOGRAM:
    return metric->form == SD_HISTOGRAM_EXPONENTIAL ? METRIC_EXPONENTIAL_HISTOGRAM : METRIC_HISTOGRAM;
  case SD_COUNTER:
  case SD_UP_DOWN_COUNTER:
    break;
  }
  return METRIC_SUM;
}

/* Temporality and monotony, two bytes each. */
static size_t traits_size(const sd_metric *metric)
{
  return (metric->kind != SD_GAUGE ? 2 : 0) + (metric->kind == SD_COUNTER ? 2 : 0);
}

static uint8_t *put_traits(uint8_t *at, const sd_metric *metric)
{
  if (metric->kind != SD_GAUGE) {
    at = sd_pb_put_tag(at, DATA_TEMPORALITY, SD_PB_VARINT);
    *at++ = (uint8_t)metric->temporality;
  }
  if (metric->kind == SD_COUNTER) {
    at = sd_pb_put_tag(at, DATA_IS_MONOTONIC, SD_PB_VARINT);
    *at++ = 1;
  }
  return at;
}

/* Bytes of what must be opened before a point of this metric can follow. */
static size_t opening_size(const sd_otlp_metrics *metrics, const open_metric *open)
{
  const sd_metric *metric = open->metric;
  size_t size = 0;
  if (open->is_open)
    return 0;
  if (metrics->request.len == 0)
    size += SD_NEST_SIZE + sd_resource_size(metric->tracer);
  if (metrics->tracer != metric->tracer)
    size += SD_NEST_SIZE + sd_scope_size(metric->tracer);
  size += SD_NEST_SIZE + sd_text_field_size(metric->name) + sd_text_field_size(metric->description) +
          sd_text_field_size(metric->unit);
  return size + SD_NEST_SIZE + traits_size(metric);
}

static size_t offset(const sd_otlp_metrics *metrics, const uint8_t *at)
{
  return (size_t)(at - metrics->request.data);
}

static void close_nest(sd_otlp_metrics *metrics, size_t at, const uint8_t *end)
{
  sd_nest_close(metrics->request.data + at, end);
}

static void close_metric(sd_otlp_metrics *metrics, open_metric *open)
{
  if (!open->is_open)
    return;
  const uint8_t *end = metrics->request.data + metrics->request.len;
  close_nest(metrics, open->data_at, end);
  close_nest(metrics, open->at, end);
  open->is_open = false;
}

static void close_scope(sd_otlp_metrics *metrics, const uint8_t *end)
{
  if (metrics->tracer)
    close_nest(metrics, metrics->scope_at, end);
  metrics->tracer = NULL;
}

/* Writes what opening_size has counted, behind the request's end. */
static uint8_t *put_opening(sd_otlp_metrics *metrics, open_metric *open, uint8_t *at)
{
  const sd_metric *metric = open->metric;
  if (open->is_open)
    return at;
  if (metrics->request.len == 0) {
    at = sd_nest_open(at, SD_OTLP_REQUEST_RESOURCES);
    metrics->resource_at = offset(metrics, at);
    at = sd_resource_put(at, metric->tracer);
  }
  if (metrics->tracer != metric->tracer) {
    close_scope(metrics, at);
    at = sd_nest_open(at, SD_OTLP_RESOURCE_SCOPES);
    metrics->scope_at = offset(metrics, at);
    metrics->tracer = metric->tracer;
    at = sd_scope_put(at, metric->tracer);
  }
  at = sd_nest_open(at, SD_OTLP_SCOPE_RECORDS);
  open->at = offset(metrics, at);
  at = sd_text_field_put(at, METRIC_NAME, metric->name);
  at = sd_text_field_put(at, METRIC_DESCRIPTION, metric->description);
  at = sd_text_field_put(at, METRIC_UNIT, metric->unit);
  at = sd_nest_open(at, data_field(metric));
  open->data_at = offset(metrics, at);
  open->is_open = true;
  return put_traits(at, metric);
}

static void hand_over(sd_otlp_metrics *metrics, open_metric *open)
{
  close_metric(metrics, open);
  const uint8_t *end = metrics->request.data + metrics->request.len;
  close_scope(metrics, end);
  close_nest(metrics, metrics->resource_at, end);
  metrics->fn(metrics->user, sd_buf_bytes(&metrics->request), metrics->points);
  metrics->points = 0;
  sd_buf_clear(&metrics->request);
}

static void add_point(sd_otlp_metrics *metrics, open_metric *open, const sd_point_value *point)
{
  size_t len = sd_otlp_point_put(NULL, open->metric, point);
  size_t size = 1 + sd_pb_varint_size(len) + len;
  size_t need = opening_size(metrics, open) + size;
  if (metrics->request.len > 0 && need > metrics->max_bytes - metrics->request.len) {
    hand_over(metrics, open);
    need = opening_size(metrics, open) + size;
  }
  uint8_t *at;
  if (sd_buf_reserve(&metrics->request, need, &at) != SD_OK) { /* longer than a request, or no memory */
    metrics->dropped++;
    return;
  }
  at = put_opening(metrics, open, at);
  at = sd_pb_put_varint(sd_pb_put_tag(at, DATA_POINTS, SD_PB_BYTES), len);
  sd_otlp_point_put(at, open->metric, point);
  sd_buf_commit(&metrics->request, need);
  metrics->points++;
}

void sd_otlp_metrics_init(sd_otlp_metrics *metrics, size_t max_bytes, sd_otlp_request_fn *fn, void *user)
{
  memset(metrics, 0, sizeof *metrics);
  metrics->max_bytes = max_bytes < SD_OTLP_REQUEST_MAX ? max_bytes : SD_OTLP_REQUEST_MAX;
  metrics->fn = fn;
  metrics->user = user;
  sd_buf_init(&metrics->request, metrics->max_bytes);
}

void sd_otlp_metrics_release(sd_otlp_metrics *metrics)
{
  sd_buf_release(&metrics->request);
}

void sd_otlp_metrics_add(sd_otlp_metrics *metrics, const sd_metric *metric)
{
  open_metric open = {.metric = metric};
  for (size_t i = 0; i < metric->point_count; i++)
    add_point(metrics, &open, &metric->points[i]);
  close_metric(metrics, &open);
}

void sd_otlp_metrics_end(sd_otlp_metrics *metrics)
{
  open_metric none = {.metric = NULL};
  if (metrics->points > 0)
    hand_over(metrics, &none);
  sd_buf_release(&metrics->request);
}
