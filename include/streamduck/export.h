/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Exporters: where an sd_telemetry's records go.
 *
 * Ready ones: OTLP over HTTP and gRPC, Logfire, the console tree, JSON lines, memory. Your own is an
 * sd_exporter_vtable given to sd_exporter_new. An exporter is made, handed to sd_telemetry_new, and then
 * belongs to it (an exporter that was never handed over: sd_exporter_free).
 *
 * OTLP: opentelemetry-proto 1.x; numbers in brackets in the sources are its field numbers.
 */
#ifndef STREAMDUCK_EXPORT_H
#define STREAMDUCK_EXPORT_H

#include <stdio.h>
#include <streamduck/metrics.h>
#include <streamduck/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The interface
 * ------------------------------------------------------------------------------------------ */

typedef enum sd_record_kind {
  SD_RECORD_SPAN = 1,
  SD_RECORD_PENDING = 2, /* a span that has just started: only to exporters that want them */
  SD_RECORD_LOG = 3      /* a LogRecord */
} sd_record_kind;

/* One finished record, scrubbed. Everything is borrowed for the call. */
typedef struct sd_record {
  sd_record_kind kind;
  const sd_tracer *tracer; /* scope: sd_tracer_name, sd_tracer_version */
  uint8_t trace_id[SD_TRACE_ID_SIZE];
  uint8_t span_id[SD_SPAN_ID_SIZE];
  uint8_t parent_id[SD_SPAN_ID_SIZE]; /* zero: a root */
  uint8_t parent_remote;
  uint8_t span_kind; /* an sd_span_kind */
  uint8_t status;    /* an sd_span_status */
  uint8_t is_log;    /* 1: a span made by sd_tracer_log */
  int32_t level;     /* 0: none given */
  int64_t start_unix_ns;
  int64_t end_unix_ns; /* pending: the start */
  const char *name;    /* not NUL terminated */
  size_t name_len;
  const char *message; /* template, not NUL terminated; NULL: none */
  size_t message_len;
  const uint8_t *otlp; /* an OTLP Span message (the pending one: as far as it is known), or a LogRecord */
  size_t otlp_len;
} sd_record;

typedef struct sd_exporter_vtable {
  size_t struct_size;
  /* One batch in the order of recording. Telemetry's thread; must not wait for a peer (hand over to a thread
   * of your own). May be NULL. */
  void (*export_records)(void *self, const sd_record *records, size_t count);
  /* Metrics of one collection, one call per metric, then once with NULL. May be NULL: none are collected. */
  void (*export_metric)(void *self, const sd_metric *metric);
  /* Waits until what was handed over is dealt with. SD_TIMEOUT at deadline_ns (CLOCK_MONOTONIC). May be NULL.
   * Any thread, not concurrently with itself. */
  sd_status (*flush)(void *self, uint64_t deadline_ns);
  /* No more sending: what waits is counted as dropped. Called once before free, after a flush. May be NULL.
   */
  void (*stop)(void *self, uint64_t deadline_ns);
  /* In the child, before its first record: threads are gone, queued work belongs to the parent. May be NULL.
   */
  void (*after_fork)(void *self);
  /* Adds this exporter's figures (exported, dropped_export, calls, retries, bytes) to *stats. May be NULL. */
  void (*add_stats)(void *self, sd_telemetry_stats *stats);
  void (*free)(void *self);
} sd_exporter_vtable;

typedef struct sd_exporter_traits {
  size_t struct_size;
  bool wants_pending;
  sd_temporality temporality; /* of metrics; 0: cumulative */
  sd_histogram_form histogram_form;
} sd_exporter_traits;

/* traits may be NULL. vtable must outlive the exporter. On failure self stays the caller's. */
SD_API SD_MUST_CHECK sd_status sd_exporter_new(const sd_exporter_vtable *vtable, void *self,
                                               const sd_exporter_traits *traits, sd_exporter **ret_exporter,
                                               sd_error *error);
/* Only for an exporter that no telemetry has taken. NULL is allowed. */
SD_API void sd_exporter_free(sd_exporter *exporter);
/* The object given to sd_exporter_new. */
SD_API void *sd_exporter_self(const sd_exporter *exporter);

SD_API const char *sd_tracer_name(const sd_tracer *tracer);
SD_API const char *sd_tracer_version(const sd_tracer *tracer); /* "" when there is none */
SD_API sd_telemetry *sd_tracer_telemetry(const sd_tracer *tracer);
/* The resource's attributes, those of the running process (after a fork the child's). Good until free. */
SD_API const sd_attribute *sd_telemetry_resource(const sd_telemetry *telemetry, size_t *ret_count);

/* ---- OTLP
 * --------------------------------------------------------------------------------------------------- */

typedef enum sd_otlp_protocol {
  SD_OTLP_HTTP_PROTOBUF = 0,
  SD_OTLP_HTTP_JSON = 1,
  SD_OTLP_GRPC = 2
} sd_otlp_protocol;

enum { SD_SIGNAL_TRACES = 1, SD_SIGNAL_METRICS = 2, SD_SIGNAL_LOGS = 4, SD_SIGNAL_ALL = 7 };

enum {
  SD_OTLP_REQUEST_MAX = 64 << 20, /* bytes before compression; gRPC: 4 MiB less a margin */
  SD_OTLP_ANSWER_MAX = 4 << 20,
  SD_OTLP_QUEUE_DEFAULT = 4 << 20,   /* bytes of requests that wait, then new ones are dropped */
  SD_OTLP_TIMEOUT_DEFAULT_MS = 10000 /* one export with its retries */
};

/* All strings are copied. 0 and NULL mean the default given. */
typedef struct sd_otlp_options {
  size_t struct_size;
  sd_otlp_protocol protocol;
  int signals; /* SD_SIGNAL_…; 0: all */
  const char
      *endpoint; /* base; /v1/traces … is appended for HTTP. NULL: http://localhost:4318, for gRPC :4317 */
  const char *traces_endpoint; /* used as they stand; NULL: from endpoint */
  const char *metrics_endpoint;
  const char *logs_endpoint;
  const char *const
      *headers; /* "Name: value", ends with NULL; secret values are registered for scrubbing by the caller */
  bool gzip;
  uint32_t timeout_ms; /* of one export including retries */
  size_t queue_bytes;
  size_t request_max; /* split above; 0: 5 MiB, for gRPC 3.5 MiB */
  const char *ca_file;
  const char *client_certificate_file;
  const char *client_key_file;
  const char *user_agent; /* NULL: OTel-OTLP-Exporter-C/<version> */
  sd_temporality temporality;
  sd_histogram_form histogram_form;
  bool logfire; /* dress records as Logfire reads them (attributes logfire.*), send pending twins, keep
                   metrics otel.sdk.* back */
  sd_telemetry_diagnostic_fn *diagnostic;
  void *diagnostic_user;
} sd_otlp_options;

/* Starts its thread with the first record. Opens nothing before. SD_CONFIG for an endpoint or protocol that
 * cannot be; SD_UNSUPPORTED without libcurl, or without HTTP/2 in it for gRPC. */
SD_API SD_MUST_CHECK sd_status sd_otlp_exporter_new(const sd_otlp_options *options,
                                                    sd_exporter **ret_exporter, sd_error *error);

/* ---- Logfire
 * ------------------------------------------------------------------------------------------------ */

/* Base URL for a token's region ("pylf_v1_eu_…"); the US one for tokens without. Static string. *ret_known
 * (may be NULL) is false for a region that we do not know. */
SD_API const char *sd_logfire_base_url(const char *token, bool *ret_known);

/* Options for Logfire: OTLP/HTTP, gzip, raw Authorization header, delta metrics, exponential histograms,
 * pending spans. base_url NULL: from the token. */
SD_API SD_MUST_CHECK sd_status sd_logfire_exporter_new(const char *token, const char *base_url,
                                                       sd_telemetry_diagnostic_fn *diagnostic,
                                                       void *diagnostic_user, sd_exporter **ret_exporter,
                                                       sd_error *error);

typedef struct sd_logfire_project {
  char name[256];
  char url[1024];
  char warning[512]; /* of the service (X-Logfire-Warning), to be shown to the user; "": none */
} sd_logfire_project;

/* GET {base}/v1/info. Waits at most timeout_ms (0: 10 s). SD_DENIED: the token is refused; SD_REMOTE: another
 * answer that is no success (source SD_SOURCE_HTTP for both); SD_CONFIG: it cannot be a token; others: nobody
 * answers. Messages never hold the token. */
SD_API SD_MUST_CHECK sd_status sd_logfire_check_token(const char *token, const char *base_url,
                                                      uint32_t timeout_ms, sd_logfire_project *ret_project,
                                                      sd_error *error);

/* ---- Console
 * ------------------------------------------------------------------------------------------------ */

typedef enum sd_console_colors {
  SD_COLORS_AUTO = 0,
  SD_COLORS_ALWAYS = 1,
  SD_COLORS_NEVER = 2
} sd_console_colors;

enum {
  SD_CONSOLE_SPANS_MAX =
      4096, /* that wait for the end of their tree; past it the oldest tree is printed as it is */
  SD_CONSOLE_BYTES_MAX = 4 << 20
};

/* Receives one finished tree or line, ends with a newline. Telemetry's thread. */
typedef void sd_console_write_fn(void *user, const char *text, size_t len);

typedef struct sd_console_options {
  size_t struct_size;
  sd_console_colors colors;   /* auto: when `file` is a terminal */
  int min_level;              /* 0: SD_LEVEL_INFO; spans without a level count as info */
  FILE *file;                 /* NULL: stdout; not closed */
  sd_console_write_fn *write; /* instead of file */
  void *write_user;
  /* Names of spans whose trees are printed when they end though their parent is still open (a stream's run
   * never ends); ends with NULL. NULL: a tree is printed when its root ends. */
  const char *const *tree_names;
} sd_console_options;

SD_API SD_MUST_CHECK sd_status sd_console_exporter_new(const sd_console_options *options,
                                                       sd_exporter **ret_exporter, sd_error *error);

/* ---- File and memory
 * ---------------------------------------------------------------------------------------- */

/* OTLP JSON lines: one TracesData, MetricsData or LogsData object a line (OTLP file exporter). Appends. */
SD_API SD_MUST_CHECK sd_status sd_file_exporter_new(const char *path, sd_exporter **ret_exporter,
                                                    sd_error *error);

/* Keeps what it gets as OTLP requests in protobuf, for tests and for handing records to another process: read
 * with sd_memory_exporter_take. max_bytes 0: 16 MiB; more is dropped and counted. */
SD_API SD_MUST_CHECK sd_status sd_memory_exporter_new(size_t max_bytes, sd_exporter **ret_exporter,
                                                      sd_error *error);
/* The oldest request kept: an Export{Trace,Metrics,Logs}ServiceRequest. *ret_data is the caller's
 * (sd_memory_release). SD_NOT_FOUND when there is none. Any thread. */
SD_API SD_MUST_CHECK sd_status sd_memory_exporter_take(sd_exporter *exporter, int *ret_signal,
                                                       uint8_t **ret_data, size_t *ret_len);
SD_API void sd_memory_release(uint8_t *data);

/* ---- Prometheus
 * --------------------------------------------------------------------------------------------- */

/* The metrics of a cumulative, explicit reader as Prometheus text (exposition format 0.0.4; OpenTelemetry's
 * compatibility rules: units and _total appended, target_info from the resource). *ret_text is the caller's
 * (sd_memory_release), *ret_len without the NUL behind it. */
SD_API SD_MUST_CHECK sd_status sd_prometheus_text(sd_metric_reader *reader, const sd_telemetry *telemetry,
                                                  uint8_t **ret_text, size_t *ret_len, sd_error *error);

/* ---- Environment
 * -------------------------------------------------------------------------------------------- */

/* A variable's value, NULL when it is not set. */
typedef const char *sd_environment_fn(void *user, const char *name);

/* Options and exporters from the standard OTEL_* variables (OpenTelemetry environment variable
 * specification): service name, resource, sampler, limits, batch processor, OTLP endpoints, headers,
 * protocol, compression, certificates, OTEL_{TRACES,METRICS,LOGS}_EXPORTER. get NULL: getenv. Values that
 * cannot be read are reported to diagnostic and ignored, as the specification asks. *ret_telemetry is NULL
 * with OTEL_SDK_DISABLED=true; the base's exporters then stay the caller's, as after a failure. */
typedef struct sd_environment_options {
  size_t struct_size;
  sd_environment_fn *get;
  void *get_user;
  const sd_telemetry_options
      *base;            /* what the variables override; its exporters come first. NULL: defaults. A sampler
                           that is all zero becomes parentbased_always_on, as the specification says */
  bool otlp_by_default; /* OTEL_*_EXPORTER unset means otlp, as the specification says; false: only where an
                           OTLP endpoint is set */
  const sd_console_options
      *console; /* of the exporter `console`; NULL: a tree on stdout when its root ends */
} sd_environment_options;
SD_API SD_MUST_CHECK sd_status sd_telemetry_new_from_environment(const sd_environment_options *options,
                                                                 sd_telemetry **ret_telemetry,
                                                                 sd_error *error);

#ifdef __cplusplus
}
#endif
#endif
