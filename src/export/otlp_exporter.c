/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The OTLP exporter: frames records and metrics of an sd_telemetry and hands the requests to one sender per
 * signal. */
#include "export/diagnostic.h"
#include "export/logfire_dress.h"
#include "export/otlp_frame.h"
#include "export/otlp_link.h"
#include "export/sender.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>

enum {
  SIGNALS = 3,
  REQUEST_DEFAULT = 5 << 20,
  GRPC_REQUEST_DEFAULT = 3584 << 10, /* servers commonly refuse more than 4 MiB */
  GRPC_REQUEST_MAX = (4 << 20) - (64 << 10),
  JSON_REQUEST_MAX = 1 << 20, /* JSON is several times as long */
  REQUEST_MIN = 128 << 10     /* holds one span of SD_SPAN_BYTES_MAX with its resource */
};

enum { TRACES_INDEX = 0, METRICS_INDEX = 1 };
static const int signals[SIGNALS] = {SD_SIGNAL_TRACES, SD_SIGNAL_METRICS, SD_SIGNAL_LOGS};

typedef struct otlp_exporter {
  sd_diagnostic *diagnostic;
  sd_sender *senders[SIGNALS]; /* NULL: not this signal */
  size_t request_max[SIGNALS];
  sd_buf frame; /* telemetry's thread */
  sd_otlp_metrics metrics;
  uint64_t metrics_dropped; /* told so far */
  sd_logfire_dress *dress;  /* NULL: records go as they are */
  bool logfire;
  bool stopped;
  bool hangs[SIGNALS]; /* the sender's thread did not end: it keeps what it uses */
} otlp_exporter;

/* ---- Records and metrics -------------------------------------------------------------------------------
 */

static bool is_log(const sd_record *record)
{
  return record->kind == SD_RECORD_LOG;
}

static void send_records(otlp_exporter *exporter, size_t index, const sd_record *records, size_t count)
{
  sd_sender *sender = exporter->senders[index];
  for (size_t done = 0; done < count;) {
    sd_otlp_taken taken;
    sd_buf_clear(&exporter->frame);
    sd_status status = sd_otlp_frame_records(signals[index], records + done, count - done,
                                             exporter->request_max[index], &exporter->frame, &taken);
    if (status != SD_OK) {
      size_t lost = 0;
      for (size_t i = done; i < count; i++)
        lost += is_log(&records[i]) == (signals[index] == SD_SIGNAL_LOGS);
      sd_sender_drop(sender, SD_TROUBLE_QUEUE_FULL, lost, sd_status_text(status));
      return;
    }
    if (taken.framed)
      sd_sender_put(sender, sd_buf_bytes(&exporter->frame), taken.framed);
    if (taken.too_large)
      sd_sender_drop(sender, SD_TROUBLE_REFUSED, taken.too_large, "longer than a request may be");
    done += taken.passed;
  }
}

static void send_all(void *self, const sd_record *records, size_t count)
{
  otlp_exporter *exporter = self;
  for (size_t index = 0; index < SIGNALS; index++) {
    if (!exporter->senders[index] || signals[index] == SD_SIGNAL_METRICS)
      continue;
    bool wanted = false;
    for (size_t i = 0; i < count && !wanted; i++)
      wanted = is_log(&records[i]) == (signals[index] == SD_SIGNAL_LOGS);
    if (wanted)
      send_records(exporter, index, records, count);
  }
}

static void export_records(void *self, const sd_record *records, size_t count)
{
  otlp_exporter *exporter = self;
  if (!exporter->dress) {
    send_all(exporter, records, count);
    return;
  }
  size_t lost = sd_logfire_dress_records(exporter->dress, records, count, send_all, exporter);
  if (lost)
    sd_sender_drop(exporter->senders[TRACES_INDEX], SD_TROUBLE_REFUSED, lost,
                   "too long with Logfire's attributes");
}

static void on_metrics_request(void *user, sd_bytes request, size_t points)
{
  otlp_exporter *exporter = user;
  sd_sender_put(exporter->senders[METRICS_INDEX], request, points);
}

/* Logfire's own SDK keeps these to itself too. */
static bool is_about_telemetry(const sd_metric *metric)
{
  static const char prefix[] = "otel.sdk.";
  return strncmp(metric->name, prefix, sizeof prefix - 1) == 0;
}

static void export_metric(void *self, const sd_metric *metric)
{
  otlp_exporter *exporter = self;
  if (metric) {
    if (!exporter->logfire || !is_about_telemetry(metric))
      sd_otlp_metrics_add(&exporter->metrics, metric);
    return;
  }
  sd_otlp_metrics_end(&exporter->metrics);
  uint64_t lost = exporter->metrics.dropped - exporter->metrics_dropped;
  exporter->metrics_dropped = exporter->metrics.dropped;
  if (lost)
    sd_sender_drop(exporter->senders[METRICS_INDEX], SD_TROUBLE_REFUSED, lost,
                   "a metric's point could not be put into a request");
}

/* ---- Life ----------------------------------------------------------------------------------------------
 */

static sd_status flush(void *self, uint64_t deadline_ns)
{
  otlp_exporter *exporter = self;
  sd_status status = SD_OK;
  /* Their threads work side by side while we wait for one after the other. */
  for (size_t i = 0; i < SIGNALS; i++) {
    if (exporter->senders[i] && sd_sender_flush(exporter->senders[i], deadline_ns) != SD_OK)
      status = SD_TIMEOUT;
  }
  return status;
}

static void stop(void *self, uint64_t deadline_ns)
{
  otlp_exporter *exporter = self;
  exporter->stopped = true;
  for (size_t i = 0; i < SIGNALS; i++) {
    if (exporter->senders[i])
      sd_sender_cancel(exporter->senders[i]);
  }
  for (size_t i = 0; i < SIGNALS; i++) {
    if (exporter->senders[i])
      exporter->hangs[i] = sd_sender_stop(exporter->senders[i], deadline_ns) != SD_OK;
  }
  sd_diagnostic_finish(exporter->diagnostic);
}

static void after_fork(void *self)
{
  otlp_exporter *exporter = self;
  sd_diagnostic_after_fork(exporter->diagnostic);
  for (size_t i = 0; i < SIGNALS; i++) {
    if (exporter->senders[i])
      sd_sender_after_fork(exporter->senders[i]);
    exporter->hangs[i] = false;
  }
}

static void add_stats(void *self, sd_telemetry_stats *stats)
{
  const otlp_exporter *exporter = self;
  for (size_t i = 0; i < SIGNALS; i++) {
    if (exporter->senders[i])
      sd_sender_add_stats(exporter->senders[i], stats);
  }
}

static void otlp_free(void *self)
{
  otlp_exporter *exporter = self;
  bool hangs = false;
  /* A telemetry that gave up waiting for its own thread frees without stopping; whoever listens to the
   * diagnostic may be gone by then. */
  if (!exporter->stopped && exporter->diagnostic) {
    sd_diagnostic_silence(exporter->diagnostic);
    stop(exporter, 0);
  }
  for (size_t i = 0; i < SIGNALS; i++) {
    if (!exporter->hangs[i])
      sd_sender_free(exporter->senders[i]);
    hangs |= exporter->hangs[i];
  }
  if (!hangs)
    sd_diagnostic_free(exporter->diagnostic);
  sd_otlp_metrics_release(&exporter->metrics);
  sd_logfire_dress_free(exporter->dress);
  sd_buf_release(&exporter->frame);
  sd_free(exporter);
}

/* ---- Making one ----------------------------------------------------------------------------------------
 */

static const sd_exporter_vtable both_vtable = {
    .struct_size = sizeof both_vtable,
    .export_records = export_records,
    .export_metric = export_metric,
    .flush = flush,
    .stop = stop,
    .after_fork = after_fork,
    .add_stats = add_stats,
    .free = otlp_free,
};
/* Without metrics: nothing is collected for it. */
static const sd_exporter_vtable records_vtable = {
    .struct_size = sizeof records_vtable,
    .export_records = export_records,
    .flush = flush,
    .stop = stop,
    .after_fork = after_fork,
    .add_stats = add_stats,
    .free = otlp_free,
};
static const sd_exporter_vtable metrics_vtable = {
    .struct_size = sizeof metrics_vtable,
    .export_metric = export_metric,
    .flush = flush,
    .stop = stop,
    .after_fork = after_fork,
    .add_stats = add_stats,
    .free = otlp_free,
};

static sd_status check_library(const sd_otlp_options *options, sd_diagnostic *diagnostic, sd_error *error)
{
  sd_http_capabilities capabilities;
  sd_status status = sd_http_get_capabilities(&capabilities, error);
  if (status != SD_OK || options->protocol != SD_OTLP_GRPC)
    return status;
  if (!capabilities.http2)
    return sd_error_set(
        error, SD_UNSUPPORTED,
        "OTLP over gRPC needs HTTP/2, which libcurl %s of this machine was built without; use "
        "http/protobuf",
        capabilities.version);
  if (capabilities.drops_te_trailers) {
    char text[SD_DIAGNOSTIC_TEXT_MAX];
    snprintf(text, sizeof text,
             "libcurl %s does not send the header \"te: trailers\", without which some gRPC servers refuse "
             "requests; install 8.14.0 or newer, or use http/protobuf",
             capabilities.version);
    sd_diagnostic_report(diagnostic, SD_TROUBLE_SETUP, SD_UNIT_RECORDS, 0, text);
  }
  return SD_OK;
}

/* Half of the queue belongs to traces, the rest to the others in equal parts, so that none starves another.
 */
static size_t share_of(size_t queue_bytes, int all, int signal)
{
  if (all == signal)
    return queue_bytes;
  bool three = all == SD_SIGNAL_ALL;
  return !three || signal == SD_SIGNAL_TRACES ? queue_bytes / 2 : queue_bytes / 4;
}

static size_t request_max(const sd_otlp_options *options, size_t share)
{
  bool grpc = options->protocol == SD_OTLP_GRPC;
  size_t most = grpc                                     ? GRPC_REQUEST_MAX
                : options->protocol == SD_OTLP_HTTP_JSON ? JSON_REQUEST_MAX
                                                         : SD_OTLP_REQUEST_MAX;
  size_t max = options->request_max ? options->request_max : grpc ? GRPC_REQUEST_DEFAULT : REQUEST_DEFAULT;
  if (max > most)
    max = most;
  /* So that one can wait while another one is on its way. */
  if (max > share / 2)
    max = share / 2;
  return options->request_max || max >= REQUEST_MIN ? max : REQUEST_MIN;
}

static sd_status add_signal(otlp_exporter *exporter, const sd_otlp_options *options, int all, size_t index,
                            sd_error *error)
{
  char *url = NULL;
  int signal = signals[index];
  sd_status status = sd_otlp_url(options, signal, &url, error);
  if (status != SD_OK)
    return status;
  size_t queue_bytes = options->queue_bytes ? options->queue_bytes : SD_OTLP_QUEUE_DEFAULT;
  sd_sender_options sender = {
      .signal = signal,
      .queue_bytes = share_of(queue_bytes, all, signal),
      .timeout_ms = options->timeout_ms ? options->timeout_ms : SD_OTLP_TIMEOUT_DEFAULT_MS,
      .diagnostic = exporter->diagnostic,
  };
  exporter->request_max[index] = request_max(options, sender.queue_bytes);
  if (sender.queue_bytes < exporter->request_max[index])
    sender.queue_bytes = exporter->request_max[index];
  status = options->protocol == SD_OTLP_GRPC ? sd_otlp_grpc_new(options, signal, url, &sender.transport)
                                             : sd_otlp_http_new(options, signal, url, &sender.transport);
  sd_free(url);
  if (status == SD_OK) {
    status = sd_sender_new(&sender, &exporter->senders[index]);
    if (status != SD_OK)
      sender.transport.vtable->free(sender.transport.self);
  }
  return status == SD_OK ? SD_OK : sd_error_set(error, status, "no memory for an OTLP exporter");
}

/* Values of headers are never shown, with or without their scheme. */
static sd_status hide_headers(sd_diagnostic *diagnostic, const char *const *headers)
{
  sd_status status = SD_OK;
  for (size_t i = 0; headers && headers[i] && status == SD_OK; i++) {
    const char *value = strchr(headers[i], ':') + 1;
    value += strspn(value, " \t");
    const char *blank = strchr(value, ' ');
    status = sd_diagnostic_add_secret(diagnostic, value);
    if (status == SD_OK && blank)
      status = sd_diagnostic_add_secret(diagnostic, blank + 1);
  }
  return status;
}

static sd_status wrap(const sd_otlp_options *options, int all, otlp_exporter *exporter,
                      sd_exporter **ret_exporter, sd_error *error)
{
  const sd_exporter_vtable *vtable = all == SD_SIGNAL_METRICS  ? &metrics_vtable
                                     : all & SD_SIGNAL_METRICS ? &both_vtable
                                                               : &records_vtable;
  sd_exporter_traits traits = {
      .struct_size = sizeof traits,
      .wants_pending = options->logfire && (all & SD_SIGNAL_TRACES),
      .temporality = options->temporality,
      .histogram_form = options->histogram_form,
  };
  return sd_exporter_new(vtable, exporter, &traits, ret_exporter, error);
}

sd_status sd_otlp_exporter_new(const sd_otlp_options *options, sd_exporter **ret_exporter, sd_error *error)
{
  if (!options || options->struct_size < sizeof *options)
    return sd_error_set(error, SD_INVALID, "sd_otlp_options: struct_size is not set");
  int all = options->signals ? options->signals : SD_SIGNAL_ALL;
  if (all & ~SD_SIGNAL_ALL)
    return sd_error_set(error, SD_CONFIG, "OTLP exporter: unknown signal %d", all);
  if (options->protocol != SD_OTLP_HTTP_PROTOBUF && options->protocol != SD_OTLP_HTTP_JSON &&
      options->protocol != SD_OTLP_GRPC)
    return sd_error_set(error, SD_CONFIG, "OTLP exporter: unknown protocol %d", (int)options->protocol);
  sd_status status = sd_otlp_check_headers(options->headers, error);
  if (status != SD_OK)
    return status;
  otlp_exporter *exporter = sd_calloc(1, sizeof *exporter);
  if (!exporter)
    return sd_error_set(error, SD_NOMEM, "no memory for an OTLP exporter");
  exporter->logfire = options->logfire;
  sd_buf_init(&exporter->frame, SD_OTLP_REQUEST_MAX);
  sd_otlp_metrics_init(&exporter->metrics, SD_OTLP_REQUEST_MAX, on_metrics_request, exporter);
  status = sd_diagnostic_new(options->diagnostic, options->diagnostic_user, &exporter->diagnostic);
  if (status == SD_OK)
    status = hide_headers(exporter->diagnostic, options->headers);
  if (status == SD_OK && options->logfire && (all & SD_SIGNAL_TRACES))
    status = sd_logfire_dress_new(&exporter->dress);
  if (status != SD_OK) {
    sd_error_set(error, status, "no memory for an OTLP exporter");
    goto failed;
  }
  status = check_library(options, exporter->diagnostic, error);
  for (size_t i = 0; i < SIGNALS && status == SD_OK; i++) {
    if (all & signals[i])
      status = add_signal(exporter, options, all, i, error);
  }
  if (status != SD_OK)
    goto failed;
  if (exporter->senders[METRICS_INDEX]) {
    sd_otlp_metrics_release(&exporter->metrics);
    sd_otlp_metrics_init(&exporter->metrics, exporter->request_max[METRICS_INDEX], on_metrics_request,
                         exporter);
  }
  status = wrap(options, all, exporter, ret_exporter, error);
  if (status != SD_OK)
    goto failed;
  return SD_OK;
failed:
  otlp_free(exporter);
  return status;
}
