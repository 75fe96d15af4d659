/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as Prometheus text. The lines of a family must stand together whichever scopes they come from, so
 * the samples of each metric are written first, and then put together by family.
 */
#include "base/alloc.h"
#include "base/number.h"
#include "export/prometheus_label.h"
#include "export/prometheus_name.h"
#include "trace/metrics_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { PAGE_BYTES_MAX = 64 << 20, LABELS_BYTES_MAX = 1 << 20 };

#define TARGET_INFO "target_info"

/* One metric; its samples are page.samples from … to. */
typedef struct family {
  char name[SD_PROMETHEUS_NAME_MAX];
  const char *type;
  const char *description; /* of the instrument, which lives as long as the telemetry */
  const sd_tracer *tracer;
  size_t order; /* in which it came */
  size_t from, to;
} family;

typedef struct page {
  sd_buf samples;
  sd_prometheus_labels labels;
  sd_buf written_labels; /* of the point at hand, without braces */
  family *families;      /* SD_INSTRUMENTS_MAX */
  size_t count;
  sd_status status; /* the first failure */
} page;

/* ---- Samples ---- */

static void append_number(sd_buf *out, double value)
{
  char text[SD_DOUBLE_TEXT_SIZE];
  if (isinf(value))
    sd_buf_append_text(out, value > 0 ? "+Inf" : "-Inf");
  else
    sd_buf_append(out, text, sd_double_to_text(value, text));
}

/* "name_suffix{labels,le="bound"} "; bound NULL: without le. */
static void begin_sample(page *p, const char *name, const char *suffix, const double *bound)
{
  sd_buf *out = &p->samples;
  sd_buf_append_text(out, name);
  sd_buf_append_text(out, suffix);
  if (p->written_labels.len > 0 || bound) {
    sd_buf_append_byte(out, '{');
    sd_buf_append_bytes(out, sd_buf_bytes(&p->written_labels));
    if (bound) {
      sd_buf_append_text(out, p->written_labels.len > 0 ? ",le=\"" : "le=\"");
      append_number(out, *bound);
      sd_buf_append_byte(out, '"');
    }
    sd_buf_append_byte(out, '}');
  }
  sd_buf_append_byte(out, ' ');
}

static void put_integer_sample(page *p, const char *name, const char *suffix, const double *bound,
                               uint64_t value)
{
  begin_sample(p, name, suffix, bound);
  sd_buf_appendf(&p->samples, "%" PRIu64 "\n", value);
}

static void put_number_sample(page *p, const char *name, const char *suffix, double value)
{
  begin_sample(p, name, suffix, NULL);
  append_number(&p->samples, value);
  sd_buf_append_byte(&p->samples, '\n');
}

static void put_histogram(page *p, const char *name, const sd_point_value *point)
{
  uint64_t count = 0;
  for (size_t i = 0; i <= point->boundary_count; i++) {
    double bound = i < point->boundary_count ? point->boundaries[i] : INFINITY;
    count += point->bucket_counts[i];
    put_integer_sample(p, name, "_bucket", &bound, count);
  }
  put_number_sample(p, name, "_sum", point->sum);
  put_integer_sample(p, name, "_count", NULL, point->count);
}

/* Labels of the scope and of the point. */
static sd_status write_labels(page *p, const sd_metric *metric, const sd_point_value *point)
{
  sd_prometheus_labels_clear(&p->labels);
  const char *name = sd_tracer_name(metric->tracer);
  const char *version = sd_tracer_version(metric->tracer);
  if (name[0])
    sd_prometheus_labels_add(&p->labels, "otel_scope_name", sd_any_string(name));
  if (version[0])
    sd_prometheus_labels_add(&p->labels, "otel_scope_version", sd_any_string(version));
  for (size_t i = 0; i < point->attribute_count; i++)
    sd_prometheus_labels_add(&p->labels, point->attributes[i].key, point->attributes[i].value);
  sd_buf_clear(&p->written_labels);
  return sd_prometheus_labels_write(&p->labels, metric->kind == SD_HISTOGRAM ? "le" : NULL,
                                    &p->written_labels);
}

static void put_point(page *p, const sd_metric *metric, const char *name, const sd_point_value *point)
{
  sd_status status = write_labels(p, metric, point);
  if (p->status == SD_OK)
    p->status = status;
  if (metric->kind == SD_HISTOGRAM) {
    put_histogram(p, name, point);
  } else if (metric->floating) {
    put_number_sample(p, name, "", point->number);
  } else {
    begin_sample(p, name, "", NULL);
    sd_buf_appendf(&p->samples, "%" PRId64 "\n", point->integer);
  }
}

static const char *type_of(sd_instrument_kind kind)
{
  switch (kind) {
  case SD_COUNTER:
    return "counter";
  case SD_HISTOGRAM:
    return "histogram";
  case SD_UP_DOWN_COUNTER:
  case SD_GAUGE:
    break;
  }
  return "gauge";
}

/* An sd_metric_fn. */
static void add_metric(void *user, const sd_metric *metric)
{
  page *p = user;
  if (p->count == SD_INSTRUMENTS_MAX || p->status != SD_OK)
    return;
  family *f = &p->families[p->count];
  sd_prometheus_metric_name(metric->name, metric->unit, metric->kind, f->name);
  f->type = type_of(metric->kind);
  f->description = metric->description;
  f->tracer = metric->tracer;
  f->order = p->count++;
  f->from = p->samples.len;
  for (size_t i = 0; i < metric->point_count; i++)
    put_point(p, metric, f->name, &metric->points[i]);
  f->to = p->samples.len;
}

/* ---- The page ---- */

static int by_name(const void *a, const void *b)
{
  const family *x = a;
  const family *y = b;
  int order = strcmp(x->name, y->name);
  return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static void put_head(sd_buf *out, const char *name, const char *type, const char *description)
{
  if (description[0]) {
    sd_buf_appendf(out, "# HELP %s ", name);
    sd_prometheus_escape(sd_bytes_of(description), false, out);
    sd_buf_append_byte(out, '\n');
  }
  sd_buf_appendf(out, "# TYPE %s %s\n", name, type);
}

/* Why a metric cannot stand behind the first one of its name; NULL when it can. */
static const char *conflict(const family *first, const family *f)
{
  if (strcmp(f->name, TARGET_INFO) == 0)
    return "the name is taken";
  if (strcmp(first->type, f->type) != 0)
    return "another metric of this name has another type";
  for (const family *before = first; before < f; before++) {
    if (before->tracer == f->tracer)
      return "two metrics of one scope have this name";
  }
  return NULL;
}

static void put_families(page *p, sd_buf *out)
{
  qsort(p->families, p->count, sizeof p->families[0], by_name);
  const family *first = NULL;
  for (size_t i = 0; i < p->count; i++) {
    const family *f = &p->families[i];
    bool is_first = !first || strcmp(first->name, f->name) != 0;
    if (is_first)
      first = f;
    const char *reason = conflict(first, f);
    if (reason) {
      sd_buf_appendf(out, "# %s of scope ", f->name);
      sd_prometheus_escape(sd_bytes_of(sd_tracer_name(f->tracer)), false, out);
      sd_buf_appendf(out, " is left out: %s\n", reason);
      continue;
    }
    if (is_first)
      put_head(out, f->name, f->type, f->description);
    sd_buf_append(out, p->samples.data + f->from, f->to - f->from);
  }
}

static sd_status put_target_info(page *p, const sd_telemetry *telemetry, sd_buf *out)
{
  size_t count;
  const sd_attribute *attributes = sd_telemetry_resource(telemetry, &count);
  if (count == 0)
    return SD_OK;
  sd_prometheus_labels_clear(&p->labels);
  for (size_t i = 0; i < count; i++)
    sd_prometheus_labels_add(&p->labels, attributes[i].key, attributes[i].value);
  put_head(out, TARGET_INFO, "gauge", "Target metadata");
  sd_buf_append_text(out, TARGET_INFO "{");
  sd_status status = sd_prometheus_labels_write(&p->labels, NULL, out);
  sd_buf_append_text(out, "} 1\n");
  return status;
}

static void init_page(page *p)
{
  memset(p, 0, sizeof *p);
  sd_buf_init(&p->samples, PAGE_BYTES_MAX);
  sd_buf_init(&p->written_labels, LABELS_BYTES_MAX);
  sd_prometheus_labels_init(&p->labels, LABELS_BYTES_MAX);
}

static void release_page(page *p)
{
  sd_buf_release(&p->samples);
  sd_buf_release(&p->written_labels);
  sd_prometheus_labels_release(&p->labels);
  sd_free(p->families);
  sd_free(p);
}

static sd_status write_page(page *p, sd_metric_reader *reader, const sd_telemetry *telemetry, sd_buf *out)
{
  p->families = sd_calloc(SD_INSTRUMENTS_MAX, sizeof p->families[0]);
  if (!p->families)
    return SD_NOMEM;
  sd_status status = sd_metric_reader_collect(reader, add_metric, p);
  if (status == SD_OK)
    status = p->status;
  if (status == SD_OK)
    status = sd_buf_status(&p->samples);
  if (status == SD_OK)
    status = put_target_info(p, telemetry, out);
  if (status == SD_OK)
    put_families(p, out);
  return status == SD_OK ? sd_buf_status(out) : status;
}

sd_status sd_prometheus_text(sd_metric_reader *reader, const sd_telemetry *telemetry, uint8_t **ret_text,
                             size_t *ret_len, sd_error *error)
{
  if (reader->temporality != SD_CUMULATIVE || reader->form != SD_HISTOGRAM_EXPLICIT)
    return sd_error_set(error, SD_INVALID,
                        "the Prometheus page needs a cumulative reader with explicit buckets");
  page *p = sd_alloc(sizeof *p);
  if (!p)
    return sd_error_set(error, SD_NOMEM, "no memory for the Prometheus page");
  sd_buf out;
  sd_buf_init(&out, PAGE_BYTES_MAX);
  init_page(p);
  sd_status status = write_page(p, reader, telemetry, &out);
  release_page(p);
  size_t len = out.len;
  char *text = status == SD_OK ? sd_buf_take_text(&out) : NULL;
  sd_buf_release(&out);
  if (status == SD_LIMIT)
    return sd_error_set(error, status,
                        "the Prometheus page would have more than %d bytes, or a point's labels %d",
                        PAGE_BYTES_MAX, LABELS_BYTES_MAX);
  if (!text)
    return sd_error_set(error, SD_NOMEM, "no memory for the Prometheus page");
  *ret_text = (uint8_t *)text;
  *ret_len = len;
  return SD_OK;
}
