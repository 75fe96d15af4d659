/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What a job says about telemetry, for people and as JSON. */
#include "cli/job.h"

#include <streamduck/export.h>

const char *sd_telemetry_mode_name(sd_telemetry_mode mode)
{
  switch (mode) {
  case SD_TELEMETRY_LOCAL_ONLY:
    return "local-only";
  case SD_TELEMETRY_CLOUD_ONLY:
    return "cloud-only";
  case SD_TELEMETRY_HYBRID:
    return "hybrid";
  case SD_TELEMETRY_NO_OUTPUT:
    return "no output";
  case SD_TELEMETRY_DISABLED:
    break;
  }
  return "disabled";
}

static const struct {
  int signal;
  const char *name;
} signals[] = {{SD_SIGNAL_TRACES, "traces"}, {SD_SIGNAL_METRICS, "metrics"}, {SD_SIGNAL_LOGS, "logs"}};

enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };

void sd_job_signals_text(int set, sd_buf *out)
{
  bool any = false;
  for (size_t i = 0; i < SIGNAL_COUNT; i++) {
    if (!(set & signals[i].signal))
      continue;
    set &= ~signals[i].signal;
    sd_buf_appendf(out, "%s%s", !any ? "" : set ? ", " : " and ", signals[i].name);
    any = true;
  }
}

void sd_job_telemetry_banner(const sd_job_telemetry *telemetry, sd_buf *out)
{
  if (telemetry->switched_off && (telemetry->enabled || telemetry->otlp_count || telemetry->otel_console))
    sd_buf_append_text(out, "OTEL_SDK_DISABLED is true: all telemetry is off\n");
  if (!sd_job_telemetry_is_on(telemetry))
    return;
  sd_telemetry_mode mode = sd_job_telemetry_mode(telemetry);
  if (mode != SD_TELEMETRY_DISABLED)
    sd_buf_appendf(out, "🔥 Logfire initialized: %s mode\n", sd_telemetry_mode_name(mode));
  for (size_t i = 0; i < telemetry->otlp_count; i++) {
    const sd_job_otlp *otlp = &telemetry->otlp[i];
    sd_buf_append_text(out, "📡 OpenTelemetry: ");
    sd_job_signals_text(otlp->signals, out);
    sd_buf_appendf(out, " to %s (%s)\n", otlp->endpoint, otlp->protocol);
  }
  sd_buf_appendf(out, "📊 Service: %s", telemetry->service);
  if (telemetry->environment)
    sd_buf_appendf(out, " | Environment: %s", telemetry->environment);
  sd_buf_append_byte(out, '\n');
}

static const char *boolean(bool value)
{
  return value ? "true" : "false";
}

void sd_job_telemetry_describe(const sd_job_telemetry *telemetry, sd_buf *out)
{
  const sd_job_telemetry *t = telemetry;
  if (t->switched_off)
    sd_buf_append_text(out, "OTEL_SDK_DISABLED is true: all telemetry is off, whatever follows\n");
  bool missing = t->enabled && t->send && !t->logfire_count;
  sd_buf_appendf(out, "%s Logfire Configuration:\n", missing ? "❌" : "✅");
  sd_buf_appendf(out, "   • Enabled: %s\n", boolean(t->enabled));
  if (t->enabled) {
    sd_buf_appendf(out, "   • Send to Cloud: %s\n", boolean(t->send));
    sd_buf_appendf(out, "   • Console Logging: %s\n", boolean(t->console));
    sd_buf_appendf(out, "   • Service: %s\n", t->service);
    sd_buf_appendf(out, "   • Environment: %s\n", t->environment);
    sd_buf_appendf(out, "   • Log Level: %s\n", t->level_name);
    for (size_t i = 0; i < t->logfire_count; i++)
      sd_buf_appendf(out, "   • Cloud: %s\n", t->logfire[i].base_url);
  }
  if (!t->otlp_count)
    return;
  sd_buf_append_text(out, "✅ OpenTelemetry Configuration:\n");
  for (size_t i = 0; i < t->otlp_count; i++) {
    sd_buf_append_text(out, "   • ");
    sd_job_signals_text(t->otlp[i].signals, out);
    sd_buf_appendf(out, ": %s (%s)\n", t->otlp[i].endpoint, t->otlp[i].protocol);
  }
}

static json_t *otlp_to_json(const sd_job_telemetry *telemetry)
{
  json_t *array = json_array();
  for (size_t i = 0; array && i < telemetry->otlp_count; i++) {
    const sd_job_otlp *otlp = &telemetry->otlp[i];
    json_t *names = json_array();
    for (size_t k = 0; names && k < SIGNAL_COUNT; k++) {
      if ((otlp->signals & signals[k].signal) &&
          json_array_append_new(names, json_string(signals[k].name)) != 0) {
        json_decref(names);
        names = NULL;
      }
    }
    json_t *item = json_pack("{s:s, s:s, s:o}", "endpoint", otlp->endpoint, "protocol", otlp->protocol,
                             "signals", names);
    if (json_array_append_new(array, item) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

json_t *sd_job_telemetry_to_json(const sd_job_telemetry *telemetry)
{
  const sd_job_telemetry *t = telemetry;
  return json_pack("{s:b, s:s, s:b, s:b, s:b, s:s, s:s?, s:s, s:o}", "on", (int)sd_job_telemetry_is_on(t),
                   "mode", sd_telemetry_mode_name(sd_job_telemetry_mode(t)), "enabled", (int)t->enabled,
                   "send_to_cloud", (int)t->send, "console_logging", (int)t->console, "service", t->service,
                   "environment", t->environment, "log_level", t->level_name, "otlp", otlp_to_json(t));
}
