/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From an endpoint as the user gave it to the URL of a request (OTLP exporter specification, "Endpoint
 * URLs"). */
#include "export/otlp_link.h"

#include "base/alloc.h"

#include <stdio.h>

enum { URL_MAX = 2048 };

const char *sd_otlp_signal_name(int signal)
{
  return signal == SD_SIGNAL_TRACES ? "traces" : signal == SD_SIGNAL_METRICS ? "metrics" : "logs";
}

static const char *grpc_path(int signal)
{
  switch (signal) {
  case SD_SIGNAL_TRACES:
    return "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  case SD_SIGNAL_METRICS:
    return "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
  default:
    return "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
  }
}

static const char *own_endpoint(const sd_otlp_options *options, int signal)
{
  return signal == SD_SIGNAL_TRACES    ? options->traces_endpoint
         : signal == SD_SIGNAL_METRICS ? options->metrics_endpoint
                                       : options->logs_endpoint;
}

/* Letters, digits and signs that a URL may have; no blanks, no control characters. */
static bool is_clean(const char *text)
{
  for (; *text; text++) {
    if ((unsigned char)*text <= ' ' || *text == 0x7f)
      return false;
  }
  return true;
}

/* "user:password@host:port": host must be there. */
static bool has_host(const char *authority, size_t len)
{
  size_t start = 0;
  for (size_t i = 0; i < len; i++) {
    if (authority[i] == '@')
      start = i + 1;
  }
  return start < len && authority[start] != ':';
}

sd_status sd_otlp_url(const sd_otlp_options *options, int signal, char **ret_url, sd_error *error)
{
  bool grpc = options->protocol == SD_OTLP_GRPC;
  const char *own = own_endpoint(options, signal);
  const char *endpoint = own ? own : options->endpoint;
  char text[URL_MAX], shown[SD_HTTP_SHOWN_URL_MAX];
  if (!endpoint)
    endpoint = grpc ? "http://localhost:4317" : "http://localhost:4318";
  bool has_scheme = strstr(endpoint, "://") != NULL;
  const char *scheme = has_scheme || !grpc ? "" : "https://";
  sd_bytes whole = sd_bytes_of(has_scheme ? endpoint : "https://");
  if (!sd_bytes_starts_with_nocase(whole, "http://") && !sd_bytes_starts_with_nocase(whole, "https://"))
    return sd_error_set(error, SD_CONFIG, "OTLP endpoint %s: it must begin with http:// or https://",
                        sd_http_show_url(endpoint, shown));
  if (!has_scheme && !grpc)
    return sd_error_set(error, SD_CONFIG,
                        "OTLP endpoint %s: it must begin with http:// or https:// (as http://%s)",
                        sd_http_show_url(endpoint, shown), shown);
  const char *host = has_scheme ? strstr(endpoint, "://") + 3 : endpoint;
  size_t host_len = strcspn(host, "/?#");
  if (!has_host(host, host_len) || !is_clean(endpoint))
    return sd_error_set(error, SD_CONFIG, "OTLP endpoint %s: this is not a URL with a host",
                        sd_http_show_url(endpoint, shown));
  /* Query and fragment stay behind the path. */
  size_t path_end = strcspn(host, "?#") + (size_t)(host - endpoint);
  size_t base_len = path_end;
  const char *path = "";
  char signal_path[16];
  if (grpc || !own) {
    snprintf(signal_path, sizeof signal_path, "/v1/%s", sd_otlp_signal_name(signal));
    path = grpc ? grpc_path(signal) : signal_path;
    while (base_len > (size_t)(host - endpoint) + host_len && endpoint[base_len - 1] == '/')
      base_len--;
  }
  int n =
      snprintf(text, sizeof text, "%s%.*s%s%s", scheme, (int)base_len, endpoint, path, endpoint + path_end);
  if (n < 0 || (size_t)n >= sizeof text)
    return sd_error_set(error, SD_CONFIG, "OTLP endpoint %s: longer than %d bytes",
                        sd_http_show_url(endpoint, shown), URL_MAX - 1);
  char *url = sd_strdup(text);
  if (!url)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  *ret_url = url;
  return SD_OK;
}
