/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * From records and metrics to OTLP export requests in protobuf (Export{Trace,Logs,Metrics}ServiceRequest; the
 * file exporter's TracesData, LogsData and MetricsData are the same bytes). Every request holds one resource,
 * that of the tracer's telemetry, and its records grouped by scope in their order. A request without records
 * is never made. One thread at a time per object.
 */
#ifndef SD_EXPORT_OTLP_FRAME_H
#define SD_EXPORT_OTLP_FRAME_H

#include "base/buf.h"

#include <streamduck/export.h>

typedef struct sd_otlp_taken {
  size_t passed;    /* records from the array's start that are dealt with: go on behind them */
  size_t framed;    /* of those, in the request; the others belong to another signal or are too large */
  size_t too_large; /* of those, longer than a whole request may be: dropped */
} sd_otlp_taken;

/* Appends to out one request of at most max_bytes (itself at most SD_OTLP_REQUEST_MAX) with as many records
 * from the array's start as it holds. signal: SD_SIGNAL_TRACES (spans, pending ones too) or SD_SIGNAL_LOGS;
 * records of the other signal are passed over. Nothing is appended when framed is 0. All records belong to
 * tracers of one telemetry. Call again with records + passed until passed records are count. On SD_NOMEM and
 * SD_LIMIT (of out) out is as it was. */
SD_MUST_CHECK sd_status sd_otlp_frame_records(int signal, const sd_record *records, size_t count,
                                              size_t max_bytes, sd_buf *out, sd_otlp_taken *ret_taken);

/* Receives one request of a signal with so many records. Borrowed for the call. */
typedef void sd_otlp_records_fn(void *user, int signal, sd_bytes request, size_t records);

/* Frames all records, spans first, into requests of at most max_bytes each, one after the other in the same
 * memory. Returns how many records are in no request: too large, or memory was short. */
size_t sd_otlp_frame_all(const sd_record *records, size_t count, size_t max_bytes, sd_otlp_records_fn *fn,
                         void *user);

/* Receives a finished ExportMetricsServiceRequest with this many data points. Borrowed for the call. */
typedef void sd_otlp_request_fn(void *user, sd_bytes request, size_t points);

/* Collects metrics into requests. */
typedef struct sd_otlp_metrics {
  uint64_t
      dropped; /* points that are in no request (longer than a whole one, or memory was short), since init */
  /* private */
  sd_buf request;
  size_t max_bytes;
  sd_otlp_request_fn *fn;
  void *user;
  const sd_tracer *tracer; /* whose ScopeMetrics is open; NULL: nothing is */
  size_t resource_at, scope_at;
  size_t points;
} sd_otlp_metrics;

void sd_otlp_metrics_init(sd_otlp_metrics *metrics, size_t max_bytes, sd_otlp_request_fn *fn, void *user);
void sd_otlp_metrics_release(sd_otlp_metrics *metrics);
/* Adds the points of a metric; hands over requests that are full (a metric's points may spread over several).
 */
void sd_otlp_metrics_add(sd_otlp_metrics *metrics, const sd_metric *metric);
/* Hands over what is left, if anything. Call it at the end of each collection. */
void sd_otlp_metrics_end(sd_otlp_metrics *metrics);

#endif
