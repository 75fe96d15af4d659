/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* OTEL_EXPORTER_OTLP_*: every setting for all signals, and for one of them, which goes first. */
#include "export/environment_otlp.h"

#include "base/alloc.h"
#include "export/otlp_link.h"

#include <stdio.h>
#include <unistd.h>

const int sd_environment_signals[SD_ENVIRONMENT_SIGNALS] = {SD_SIGNAL_TRACES, SD_SIGNAL_METRICS,
                                                            SD_SIGNAL_LOGS};
const char *const sd_environment_signal_names[SD_ENVIRONMENT_SIGNALS] = {"TRACES", "METRICS", "LOGS"};

/* The variable that holds a setting for this signal; "" when none does. */
static const char *find(sd_environment *environment, size_t signal, const char *setting,
                        char name[SD_ENVIRONMENT_NAME_MAX])
{
  snprintf(name, SD_ENVIRONMENT_NAME_MAX, "OTEL_EXPORTER_OTLP_%s_%s", sd_environment_signal_names[signal],
           setting);
  const char *value = sd_environment_get(environment, name);
  if (value)
    return value;
  snprintf(name, SD_ENVIRONMENT_NAME_MAX, "OTEL_EXPORTER_OTLP_%s", setting);
  return sd_environment_get(environment, name);
}

bool sd_environment_has_endpoint(sd_environment *environment, size_t signal)
{
  char name[SD_ENVIRONMENT_NAME_MAX];
  return find(environment, signal, "ENDPOINT", name) != NULL;
}

/* ---- Endpoints ------------------------------------------------------------------------------------------
 */

static const char **own_endpoint(sd_otlp_options *options, int signal)
{
  return signal == SD_SIGNAL_TRACES    ? &options->traces_endpoint
         : signal == SD_SIGNAL_METRICS ? &options->metrics_endpoint
                                       : &options->logs_endpoint;
}

/* gRPC endpoints may come without a scheme; then OTEL_EXPORTER_OTLP_INSECURE decides. */
static const char *with_scheme(sd_environment *environment, size_t signal, const char *endpoint)
{
  char name[SD_ENVIRONMENT_NAME_MAX];
  static const char *const choices[] = {"false", "true", NULL};
  int insecure = 0;
  const char *value = find(environment, signal, "INSECURE", name);
  if (strstr(endpoint, "://"))
    return endpoint;
  if (value)
    sd_environment_match(environment, name, value, choices, &insecure);
  const char *scheme = insecure ? "http://" : "https://";
  size_t size = strlen(scheme) + strlen(endpoint) + 1;
  char *text = sd_arena_alloc(&environment->arena, size, 1);
  if (text)
    snprintf(text, size, "%s%s", scheme, endpoint);
  else
    environment->no_memory = true;
  return text;
}

/* An endpoint that cannot be used is told and counts as none. */
static bool is_good(sd_environment *environment, const char *name, const sd_otlp_options *options, int signal)
{
  char *url;
  sd_error error;
  if (sd_otlp_url(options, signal, &url, &error) == SD_OK) {
    sd_free(url);
    return true;
  }
  sd_environment_warn(environment, name, "it is ignored: %s", error.message);
  return false;
}

static void read_endpoint(sd_environment *environment, size_t signal, sd_otlp_options *options)
{
  char name[SD_ENVIRONMENT_NAME_MAX];
  const char **slots[] = {own_endpoint(options, sd_environment_signals[signal]), &options->endpoint};
  snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s_ENDPOINT", sd_environment_signal_names[signal]);
  for (size_t i = 0; i < 2; i++) {
    const char *value = sd_environment_get(environment, name);
    if (value && options->protocol == SD_OTLP_GRPC)
      value = with_scheme(environment, signal, value);
    *slots[i] = value;
    if (value && is_good(environment, name, options, sd_environment_signals[signal]))
      return;
    *slots[i] = NULL;
    snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_ENDPOINT");
  }
}

/* ---- The other settings ----------------------------------------------------------------------------------
 */

static sd_status read_headers(sd_environment *environment, size_t signal, sd_environment_otlp *otlp)
{
  char name[SD_ENVIRONMENT_NAME_MAX];
  sd_error error;
  const char *value = find(environment, signal, "HEADERS", name);
  if (!value)
    return SD_OK;
  sd_status status = sd_key_values_parse(sd_bytes_of(value), SD_KEY_VALUES_HEADERS, &otlp->headers, &error);
  if (status == SD_NOMEM)
    return status;
  if (status != SD_OK) {
    sd_environment_warn(environment, name, "it is ignored: %s", error.message);
    return SD_OK;
  }
  const char **list =
      sd_arena_alloc(&environment->arena, (otlp->headers.count + 1) * sizeof *list, _Alignof(char *));
  if (!list)
    return SD_NOMEM;
  size_t count = 0;
  for (size_t i = 0; i < otlp->headers.count; i++) {
    const sd_key_value *item = &otlp->headers.items[i];
    size_t size = strlen(item->key) + strlen(item->value) + 3;
    char *header = sd_arena_alloc(&environment->arena, size, 1);
    if (!header)
      return SD_NOMEM;
    snprintf(header, size, "%s: %s", item->key, item->value);
    list[count++] = header;
  }
  list[count] = NULL;
  if (sd_otlp_check_headers(list, &error) != SD_OK) {
    sd_environment_warn(environment, name, "it is ignored: %s", error.message);
    return SD_OK;
  }
  otlp->header_list = list;
  otlp->options.headers = list;
  return SD_OK;
}

static const char *read_file_name(sd_environment *environment, size_t signal, const char *setting)
{
  char name[SD_ENVIRONMENT_NAME_MAX];
  const char *value = find(environment, signal, setting, name);
  if (value && access(value, R_OK) != 0) {
    sd_environment_warn(environment, name, "it is ignored: %s cannot be read", value);
    return NULL;
  }
  return value;
}

static void read_choices(sd_environment *environment, size_t signal, sd_otlp_options *options)
{
  static const char *const protocols[] = {"http/protobuf", "http/json", "grpc", NULL};
  static const char *const compressions[] = {"none", "gzip", NULL};
  char name[SD_ENVIRONMENT_NAME_MAX];
  int index = 0;
  const char *value = find(environment, signal, "PROTOCOL", name);
  if (value)
    sd_environment_match(environment, name, value, protocols, &index);
  options->protocol = (sd_otlp_protocol)index;
  index = 0;
  value = find(environment, signal, "COMPRESSION", name);
  if (value)
    sd_environment_match(environment, name, value, compressions, &index);
  options->gzip = index == 1;
  if (find(environment, signal, "TIMEOUT", name))
    sd_environment_number(environment, name, INT32_MAX, &options->timeout_ms);
}

static void read_metric_choices(sd_environment *environment, sd_otlp_options *options)
{
  static const char *const preferences[] = {"cumulative", "delta", "lowmemory", NULL};
  static const char *const forms[] = {"explicit_bucket_histogram", "base2_exponential_bucket_histogram",
                                      NULL};
  int index = 0;
  sd_environment_choice(environment, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preferences,
                        &index);
  options->temporality = index == 0 ? SD_CUMULATIVE : SD_DELTA;
  index = 0;
  sd_environment_choice(environment, "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", forms,
                        &index);
  options->histogram_form = (sd_histogram_form)index;
}

static sd_status read_signal(sd_environment *environment, size_t signal, sd_environment_otlp *otlp)
{
  sd_otlp_options *options = &otlp->options;
  options->struct_size = sizeof *options;
  options->signals = sd_environment_signals[signal];
  options->diagnostic = environment->diagnostic;
  options->diagnostic_user = environment->diagnostic_user;
  read_choices(environment, signal, options);
  read_endpoint(environment, signal, options);
  options->ca_file = read_file_name(environment, signal, "CERTIFICATE");
  options->client_certificate_file = read_file_name(environment, signal, "CLIENT_CERTIFICATE");
  options->client_key_file = read_file_name(environment, signal, "CLIENT_KEY");
  if (options->signals == SD_SIGNAL_METRICS)
    read_metric_choices(environment, options);
  return read_headers(environment, signal, otlp);
}

/* ---- Signals together ------------------------------------------------------------------------------------
 */

static bool equal(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool equal_lists(const char *const *a, const char *const *b)
{
  if (!a || !b)
    return a == b;
  for (; *a && *b; a++, b++) {
    if (strcmp(*a, *b) != 0)
      return false;
  }
  return *a == *b;
}

static bool fits(const sd_otlp_options *a, const sd_otlp_options *b)
{
  return a->protocol == b->protocol && a->gzip == b->gzip && a->timeout_ms == b->timeout_ms &&
         equal(a->endpoint, b->endpoint) && equal(a->ca_file, b->ca_file) &&
         equal(a->client_certificate_file, b->client_certificate_file) &&
         equal(a->client_key_file, b->client_key_file) && equal_lists(a->headers, b->headers);
}

static void join(sd_otlp_options *into, const sd_otlp_options *from)
{
  into->signals |= from->signals;
  if (from->traces_endpoint)
    into->traces_endpoint = from->traces_endpoint;
  if (from->metrics_endpoint)
    into->metrics_endpoint = from->metrics_endpoint;
  if (from->logs_endpoint)
    into->logs_endpoint = from->logs_endpoint;
  if (from->signals == SD_SIGNAL_METRICS) {
    into->temporality = from->temporality;
    into->histogram_form = from->histogram_form;
  }
}

sd_status sd_environment_otlp_read(sd_environment *environment, int signals,
                                   sd_environment_otlp ret[SD_ENVIRONMENT_SIGNALS], size_t *ret_count)
{
  size_t count = 0;
  sd_status status = SD_OK;
  *ret_count = 0;
  for (size_t signal = 0; signal < SD_ENVIRONMENT_SIGNALS && status == SD_OK; signal++) {
    if (!(signals & sd_environment_signals[signal]))
      continue;
    sd_environment_otlp *own = &ret[count];
    memset(own, 0, sizeof *own);
    status = read_signal(environment, signal, own);
    *ret_count = ++count;
    for (size_t i = 0; i + 1 < count && status == SD_OK; i++) {
      if (fits(&ret[i].options, &own->options)) {
        join(&ret[i].options, &own->options);
        sd_key_values_release(&own->headers);
        *ret_count = --count;
        break;
      }
    }
  }
  return status == SD_OK && environment->no_memory ? SD_NOMEM : status;
}

void sd_environment_otlp_release(sd_environment_otlp *all, size_t count)
{
  for (size_t i = 0; i < count; i++)
    sd_key_values_release(&all[i].headers);
}
