/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From settings to what telemetry does. */
#include "base/coding.h"
#include "cli/job.h"
#include "http/client.h"
#include "trace/key_values.h"

#include <streamduck/export.h>

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* The places of LOGFIRE_LOG_LEVEL's choices, and their levels. */
static const struct {
  const char *name;
  int level;
} levels[] = {{"DEBUG", SD_LEVEL_DEBUG},
              {"INFO", SD_LEVEL_INFO},
              {"WARNING", SD_LEVEL_WARN},
              {"ERROR", SD_LEVEL_ERROR},
              {"CRITICAL", SD_LEVEL_FATAL}};

enum { LEVEL_COUNT = sizeof levels / sizeof *levels, DEFAULT_LEVEL = 1, NAME_MAX_BYTES = 128 };

static const struct {
  int signal;
  const char *name;
} signals[] = {{SD_SIGNAL_TRACES, "TRACES"}, {SD_SIGNAL_METRICS, "METRICS"}, {SD_SIGNAL_LOGS, "LOGS"}};

enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };

const char *sd_job_telemetry_variable(void *user, const char *name)
{
  const sd_job *job = user;
  /* Logfire's name wins where both are given. */
  if (strcmp(name, "OTEL_SERVICE_NAME") == 0) {
    const sd_setting *service = sd_settings_find(job->settings, "LOGFIRE_SERVICE_NAME", 0);
    if (service)
      return service->text;
  }
  if (!sd_config_option(name))
    return getenv(name);
  const sd_setting *setting = sd_settings_find(job->settings, name, 0);
  return setting ? setting->text : NULL;
}

/* OTEL_EXPORTER_OTLP_<signal>_<what>, else OTEL_EXPORTER_OTLP_<what>. */
static const char *otlp_variable(sd_job *job, const char *signal, const char *what)
{
  char name[NAME_MAX_BYTES];
  snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s_%s", signal, what);
  const char *value = sd_job_telemetry_variable(job, name);
  if (value)
    return value;
  snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s", what);
  return sd_job_telemetry_variable(job, name);
}

/* True when `word` is a member of a list with commas. */
static bool list_has(const char *list, const char *word)
{
  size_t len = strlen(word);
  while (list) {
    list += strspn(list, " \t,");
    size_t member = strcspn(list, " \t,");
    if (member == len && strncasecmp(list, word, len) == 0)
      return true;
    list = member ? list + member : NULL;
  }
  return false;
}

static sd_status add_otlp(sd_job *job, int signal, const char *endpoint, const char *protocol)
{
  sd_job_telemetry *t = &job->telemetry;
  char shown[SD_HTTP_SHOWN_URL_MAX];
  sd_http_show_url(endpoint, shown);
  for (size_t i = 0; i < t->otlp_count; i++) {
    if (strcmp(t->otlp[i].endpoint, shown) == 0 && strcmp(t->otlp[i].protocol, protocol) == 0) {
      t->otlp[i].signals |= signal;
      return SD_OK;
    }
  }
  const char *copy = sd_arena_copy(&job->arena, shown, strlen(shown));
  if (!copy)
    return SD_NOMEM;
  t->otlp[t->otlp_count++] = (sd_job_otlp){.signals = signal, .endpoint = copy, .protocol = protocol};
  return SD_OK;
}

/* What the values mean exactly is decided where the exporters are made; this is what is told about it. */
static sd_status judge_signal(sd_job *job, int signal, const char *name)
{
  char variable[NAME_MAX_BYTES];
  snprintf(variable, sizeof variable, "OTEL_%s_EXPORTER", name);
  const char *exporter = sd_job_telemetry_variable(job, variable);
  const char *endpoint = otlp_variable(job, name, "ENDPOINT");
  if (list_has(exporter, "console"))
    job->telemetry.otel_console = true;
  if (exporter ? !list_has(exporter, "otlp") : !endpoint)
    return SD_OK;
  const char *protocol = otlp_variable(job, name, "PROTOCOL");
  protocol = protocol && strcmp(protocol, "grpc") == 0        ? "grpc"
             : protocol && strcmp(protocol, "http/json") == 0 ? "http/json"
                                                              : "http/protobuf";
  if (!endpoint)
    endpoint = strcmp(protocol, "grpc") == 0 ? "http://localhost:4317" : "http://localhost:4318";
  return add_otlp(job, signal, endpoint, protocol);
}

/* One header's value; behind a scheme ("Bearer x") the credential alone is a secret too. */
static sd_status hide_value(sd_scrubber *scrubber, const char *value)
{
  const char *space = strchr(value, ' ');
  if (sd_scrubber_add(scrubber, value) == SD_NOMEM)
    return SD_NOMEM;
  return space && sd_scrubber_add(scrubber, space + 1) == SD_NOMEM ? SD_NOMEM : SD_OK;
}

/* "name=value,name2=value2": each value as it stands, and decoded. */
static sd_status hide_headers(sd_scrubber *scrubber, const char *text)
{
  sd_status status = SD_OK;
  sd_buf value;
  sd_buf_init(&value, SD_OPTION_TEXT_MAX);
  while (status == SD_OK && *text) {
    size_t len = strcspn(text, ",");
    const char *equals = memchr(text, '=', len);
    if (equals) {
      sd_bytes raw = sd_bytes_make(equals + 1, len - (size_t)(equals + 1 - text));
      sd_buf_clear(&value);
      status = sd_buf_append_bytes(&value, raw);
      if (status == SD_OK)
        status = hide_value(scrubber, sd_buf_text(&value));
      sd_buf_clear(&value);
      if (status == SD_OK && sd_percent_decode(raw, &value) == SD_OK)
        status = hide_value(scrubber, sd_buf_text(&value));
    }
    text += len + (text[len] == ',');
  }
  sd_buf_release(&value);
  return status;
}

static sd_status judge_headers(sd_job *job, sd_scrubber *scrubber)
{
  static const char *const names[] = {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                                      "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
                                      "OTEL_EXPORTER_OTLP_LOGS_HEADERS"};
  for (size_t i = 0; scrubber && i < sizeof names / sizeof *names; i++) {
    const sd_setting *headers = sd_settings_find(job->settings, names[i], 0);
    if (headers && hide_headers(scrubber, headers->text) != SD_OK)
      return SD_NOMEM;
  }
  return SD_OK;
}

static void check_token(sd_job *job, const char *token)
{
  bool known = true;
  sd_logfire_base_url(token, &known);
  if (strncmp(token, "pylf_", 5) != 0)
    sd_problems_add(
        &job->problems, SD_PROBLEM_WARNING, "LOGFIRE_TOKEN",
        "LOGFIRE_TOKEN does not look like a write token of Logfire, which begins with pylf_v1_ and "
        "the region: copy it anew from the project's settings");
  else if (!known && !sd_settings_find(job->settings, "LOGFIRE_BASE_URL", 0))
    sd_problems_add(&job->problems, SD_PROBLEM_WARNING, "LOGFIRE_TOKEN",
                    "LOGFIRE_TOKEN names a region that is not known here: the US one is taken; set "
                    "LOGFIRE_BASE_URL for another");
}

/* The variable may hold several tokens with commas between them. */
static sd_status judge_tokens(sd_job *job, const char *text, sd_scrubber *scrubber)
{
  sd_job_telemetry *t = &job->telemetry;
  const char *base_url = sd_settings_text(job->settings, "LOGFIRE_BASE_URL", 0);
  while (*text) {
    text += strspn(text, ", \t");
    size_t end = strcspn(text, ",");
    size_t len = end;
    while (len > 0 && strchr(" \t", text[len - 1]))
      len--;
    if (!len)
      break;
    if (t->logfire_count == SD_JOB_LOGFIRE_TOKENS_MAX) {
      sd_problems_add(&job->problems, SD_PROBLEM_ERROR, "LOGFIRE_TOKEN",
                      "LOGFIRE_TOKEN holds more than %d tokens: remove some", SD_JOB_LOGFIRE_TOKENS_MAX);
      return SD_OK;
    }
    const char *token = sd_arena_copy(&job->arena, text, len);
    if (!token || (scrubber && sd_scrubber_add(scrubber, token) == SD_NOMEM))
      return SD_NOMEM;
    check_token(job, token);
    t->logfire[t->logfire_count++] =
        (sd_job_logfire){.token = token, .base_url = base_url ? base_url : sd_logfire_base_url(token, NULL)};
    text += end;
  }
  return SD_OK;
}

static sd_status judge_logfire(sd_job *job, sd_scrubber *scrubber)
{
  sd_job_telemetry *t = &job->telemetry;
  if (!t->enabled)
    return SD_OK;
  if (!t->send) {
    if (!t->console && !t->otlp_count)
      sd_problems_add(&job->problems, SD_PROBLEM_WARNING, "LOGFIRE_ENABLED",
                      "LOGFIRE_ENABLED is true, but LOGFIRE_SEND_TO_LOGFIRE and LOGFIRE_CONSOLE_LOGGING are "
                      "false: no span goes anywhere");
    return SD_OK;
  }
  const sd_setting *token = sd_settings_find(job->settings, "LOGFIRE_TOKEN", 0);
  if (token)
    return judge_tokens(job, token->text, scrubber);
  sd_problems_add(&job->problems, SD_PROBLEM_ERROR, "LOGFIRE_TOKEN",
                  "LOGFIRE_TOKEN is required when LOGFIRE_ENABLED=true and LOGFIRE_SEND_TO_LOGFIRE=true: add "
                  "it to .env, or set LOGFIRE_SEND_TO_LOGFIRE=false");
  return SD_OK;
}

/* OTEL_RESOURCE_ATTRIBUTES may name service and environment; what is set by a variable of its own wins. */
static sd_status judge_resource(sd_job *job)
{
  sd_job_telemetry *t = &job->telemetry;
  const char *text = sd_job_telemetry_variable(job, "OTEL_RESOURCE_ATTRIBUTES");
  bool service_given = sd_job_telemetry_variable(job, "OTEL_SERVICE_NAME") != NULL;
  sd_key_values values;
  sd_error error;
  if (!text)
    return SD_OK;
  sd_status status = sd_key_values_parse(sd_bytes_of(text), 0, &values, &error);
  if (status != SD_OK)
    return status == SD_NOMEM ? status : SD_OK; /* ignored, which telemetry warns about itself */
  for (size_t i = 0; status == SD_OK && i < values.count; i++) {
    const char **place = strcmp(values.items[i].key, "service.name") == 0 && !service_given ? &t->service
                         : strcmp(values.items[i].key, "deployment.environment.name") == 0  ? &t->environment
                                                                                            : NULL;
    if (!place || (place == &t->environment && sd_settings_find(job->settings, "LOGFIRE_ENVIRONMENT", 0)))
      continue;
    *place = sd_arena_copy(&job->arena, values.items[i].value, strlen(values.items[i].value));
    status = *place ? SD_OK : SD_NOMEM;
  }
  sd_key_values_release(&values);
  return status;
}

sd_status sd_job_telemetry_judge(sd_job *job, sd_scrubber *scrubber)
{
  const sd_settings *settings = job->settings;
  sd_job_telemetry *t = &job->telemetry;
  const char *off = sd_job_telemetry_variable(job, "OTEL_SDK_DISABLED");
  t->switched_off = off && strcasecmp(off, "true") == 0;
  t->enabled = sd_settings_number(settings, "LOGFIRE_ENABLED", 0, 0) != 0;
  t->send = sd_settings_number(settings, "LOGFIRE_SEND_TO_LOGFIRE", 0, 1) != 0;
  t->console = sd_settings_number(settings, "LOGFIRE_CONSOLE_LOGGING", 0, 1) != 0;
  const char *service = sd_job_telemetry_variable(job, "OTEL_SERVICE_NAME");
  t->service = service ? service : sd_settings_text(settings, "LOGFIRE_SERVICE_NAME", 0);
  const sd_setting *environment = sd_settings_find(settings, "LOGFIRE_ENVIRONMENT", 0);
  t->environment = environment  ? environment->text
                   : t->enabled ? sd_settings_text(settings, "LOGFIRE_ENVIRONMENT", 0)
                                : NULL;
  int64_t level = sd_settings_number(settings, "LOGFIRE_LOG_LEVEL", 0, DEFAULT_LEVEL);
  size_t place = level >= 0 && level < LEVEL_COUNT ? (size_t)level : DEFAULT_LEVEL;
  t->level_name = levels[place].name;
  t->level = levels[place].level;
  sd_status status = judge_resource(job);
  for (size_t i = 0; status == SD_OK && i < SIGNAL_COUNT; i++)
    status = judge_signal(job, signals[i].signal, signals[i].name);
  if (status == SD_OK)
    status = judge_headers(job, scrubber);
  return status == SD_OK ? judge_logfire(job, scrubber) : status;
}

sd_telemetry_mode sd_job_telemetry_mode(const sd_job_telemetry *telemetry)
{
  if (telemetry->switched_off || !telemetry->enabled)
    return SD_TELEMETRY_DISABLED;
  if (telemetry->send)
    return telemetry->console ? SD_TELEMETRY_HYBRID : SD_TELEMETRY_CLOUD_ONLY;
  return telemetry->console ? SD_TELEMETRY_LOCAL_ONLY : SD_TELEMETRY_NO_OUTPUT;
}

bool sd_job_telemetry_is_on(const sd_job_telemetry *telemetry)
{
  if (telemetry->switched_off)
    return false;
  sd_telemetry_mode mode = sd_job_telemetry_mode(telemetry);
  return (mode != SD_TELEMETRY_DISABLED && mode != SD_TELEMETRY_NO_OUTPUT) || telemetry->otlp_count > 0 ||
         telemetry->otel_console;
}
