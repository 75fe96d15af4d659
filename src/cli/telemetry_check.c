/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sending test spans and judging the answers. */
#include "cli/telemetry_check.h"

#include "base/clock.h"
#include "cli/telemetry.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <streamduck/export.h>

enum { TREE_MAX = 64 * 1024, VARIABLE_MAX = 64, TRACE_ID_TEXT = 2 * SD_TRACE_ID_SIZE + 1 };

static const char list_cloud[] = "No Traces in Dashboard";
static const char list_console[] = "Console Logging Not Working";
static const char list_otlp[] = "OpenTelemetry";
/* Somebody waits for the answers. */
#define SD_CHECK_TIMEOUT_MS "5000"

static const char span_name[] = "streamduck.validate_config";

SD_PRINTF(4, 5)
static void add(sd_telemetry_check *check, const char *list, sd_check_result result, const char *format, ...)
{
  if (check->count == SD_CHECK_POINTS_MAX)
    return;
  sd_check_point *point = &check->points[check->count++];
  point->list = list;
  point->result = result;
  va_list args;
  va_start(args, format);
  vsnprintf(point->text, sizeof point->text, format, args);
  va_end(args);
  if (result == SD_CHECK_BAD)
    check->bad++;
}

/* --- one test span
 * ------------------------------------------------------------------------------------------ */

typedef struct trial {
  atomic_flag told; /* text is the first trouble's; "" when there was none */
  char text[SD_CHECK_TEXT_MAX];
  char trace_id[TRACE_ID_TEXT];
  double seconds;
  sd_telemetry_stats stats;
} trial;

/* Telemetry's threads. The first trouble is the reason, what follows comes of it; read after they have ended.
 */
static void on_trouble(void *user, int level, const char *message)
{
  trial *result = user;
  static const char prefix[] = "telemetry export: ";
  (void)level;
  if (atomic_flag_test_and_set(&result->told))
    return;
  if (strncmp(message, prefix, sizeof prefix - 1) == 0)
    message += sizeof prefix - 1;
  sd_bytes_to_text(sd_bytes_of(message), result->text, sizeof result->text);
}

static void format_trace_id(const sd_context *context, char dst[TRACE_ID_TEXT])
{
  for (size_t i = 0; i < SD_TRACE_ID_SIZE; i++)
    snprintf(dst + 2 * i, 3, "%02x", context->trace_id[i]);
}

static void record(sd_telemetry *telemetry, int signals, const sd_job_telemetry *plan, trial *result)
{
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "streamduck", SD_VERSION);
  if (signals & SD_SIGNAL_TRACES) {
    const sd_context none = SD_CONTEXT_NONE;
    sd_attribute attributes[] = {
        sd_attribute_string("service", plan->service),
        sd_attribute_string("log_level", plan->level_name),
    };
    sd_span_options options = {.struct_size = sizeof options,
                               .parent = &none,
                               .attributes = attributes,
                               .attribute_count = sizeof attributes / sizeof *attributes};
    sd_span *span = sd_span_start(tracer, span_name, &options);
    sd_context context = sd_span_context(span);
    format_trace_id(&context, result->trace_id);
    sd_span_end(span);
  }
  if (signals & SD_SIGNAL_LOGS) {
    sd_log_record log = {.struct_size = sizeof log,
                         .severity = SD_LEVEL_INFO,
                         .severity_text = "INFO",
                         .body = sd_any_string("streamduck validate-config --online")};
    sd_tracer_emit_log_record(tracer, &log);
  }
  if (signals & SD_SIGNAL_METRICS) {
    sd_error error;
    sd_instrument *counter = NULL;
    sd_instrument_options options = {.struct_size = sizeof options,
                                     .name = "streamduck.validate_config.calls",
                                     .unit = "{call}",
                                     .description = "Calls of validate-config --online.",
                                     .kind = SD_COUNTER};
    if (sd_instrument_new(tracer, &options, &counter, &error) == SD_OK)
      sd_point_add(sd_instrument_point(counter, NULL, 0), 1);
  }
}

/* Records, waits for the answer and ends the telemetry. */
static void try_telemetry(sd_telemetry *telemetry, int signals, const sd_job_telemetry *plan, trial *result)
{
  sd_error error;
  uint64_t started = sd_clock_monotonic_ms();
  record(telemetry, signals, plan, result);
  sd_status status = sd_telemetry_shutdown(telemetry, SD_CHECK_WAIT_MS, &error);
  result->seconds = (double)(sd_clock_monotonic_ms() - started) / 1000.0;
  result->stats.struct_size = sizeof result->stats;
  sd_telemetry_get_stats(telemetry, &result->stats);
  sd_telemetry_free(telemetry);
  if (status != SD_OK && !result->text[0])
    sd_bytes_to_text(sd_bytes_of(error.message), result->text, sizeof result->text);
}

/* Losses of metrics are told, not counted. */
static bool was_taken(const trial *result)
{
  const sd_telemetry_stats *s = &result->stats;
  return !result->text[0] && (s->records_exported > 0 || s->bytes_sent > 0) &&
         s->dropped_export + s->dropped_shutdown + s->dropped_queue_full == 0;
}

static sd_telemetry_options trial_options(const sd_job_telemetry *plan, trial *result)
{
  return (sd_telemetry_options){.struct_size = sizeof(sd_telemetry_options),
                                .service_name = plan->service,
                                .service_version = SD_VERSION,
                                .environment = plan->environment,
                                .diagnostic = on_trouble,
                                .diagnostic_user = result};
}

/* One exporter of its own telemetry, so that the answer is this exporter's. Takes the exporter over. */
static bool try_exporter(sd_exporter *exporter, const sd_job_telemetry *plan, bool logfire, trial *result)
{
  sd_telemetry *telemetry = NULL;
  sd_error error;
  sd_telemetry_options options = trial_options(plan, result);
  options.logfire_ids = logfire;
  options.exporters = &exporter;
  options.exporter_count = 1;
  if (sd_telemetry_new(&options, &telemetry, &error) != SD_OK) {
    sd_exporter_free(exporter);
    sd_bytes_to_text(sd_bytes_of(error.message), result->text, sizeof result->text);
    return false;
  }
  try_telemetry(telemetry, SD_SIGNAL_TRACES, plan, result);
  return was_taken(result);
}

static const char *reason(const trial *result)
{
  return result->text[0] ? result->text : "there was no answer in time";
}

/* --- Logfire
 * ------------------------------------------------------------------------------------------------- */

/* True when the server answered at all. */
static bool is_answer(const sd_error *error)
{
  return error->source == SD_SOURCE_HTTP || error->code == SD_PROTOCOL;
}

/* True when somebody answered, so that a test span makes sense. */
static bool check_project(sd_telemetry_check *check, const sd_job_logfire *target)
{
  sd_logfire_project project;
  sd_error error;
  sd_status status =
      sd_logfire_check_token(target->token, target->base_url, SD_CHECK_WAIT_MS, &project, &error);
  if (status == SD_OK) {
    add(check, list_cloud, SD_CHECK_GOOD, "LOGFIRE_TOKEN: accepted");
    add(check, list_cloud, SD_CHECK_GOOD, "LOGFIRE_SEND_TO_LOGFIRE: true");
    add(check, list_cloud, SD_CHECK_GOOD, "Network: %s answers", target->base_url);
    add(check, list_cloud, SD_CHECK_GOOD, "Project: %s, %s", project.name, project.url);
    if (project.warning[0])
      add(check, list_cloud, SD_CHECK_GOOD, "Logfire says: %s", project.warning);
    return true;
  }
  bool answered = is_answer(&error);
  if (answered)
    add(check, list_cloud, SD_CHECK_BAD, "LOGFIRE_TOKEN: %s", error.message);
  else
    add(check, list_cloud, SD_CHECK_NOT_ASKED, "LOGFIRE_TOKEN: set; nobody was reached who knows it");
  add(check, list_cloud, SD_CHECK_GOOD, "LOGFIRE_SEND_TO_LOGFIRE: true");
  if (answered)
    add(check, list_cloud, SD_CHECK_GOOD, "Network: %s answers", target->base_url);
  else
    add(check, list_cloud, SD_CHECK_BAD, "Network: %s", error.message);
  add(check, list_cloud, SD_CHECK_NOT_ASKED, "Project: not known without an accepted token");
  return answered;
}

static void check_target(sd_telemetry_check *check, const sd_job_telemetry *plan,
                         const sd_job_logfire *target)
{
  trial result = {.told = ATOMIC_FLAG_INIT};
  sd_exporter *exporter = NULL;
  sd_error error;
  if (!check_project(check, target)) {
    add(check, list_cloud, SD_CHECK_NOT_ASKED, "Test span: not sent, because nobody answers");
    return;
  }
  sd_status status =
      sd_logfire_exporter_new(target->token, target->base_url, on_trouble, &result, &exporter, &error);
  if (status != SD_OK)
    add(check, list_cloud, SD_CHECK_BAD, "Test span: %s", error.message);
  else if (try_exporter(exporter, plan, true, &result))
    add(check, list_cloud, SD_CHECK_GOOD,
        "Test span: accepted after %.1f s as %s of trace %s; the dashboard shows it within 10-30 seconds",
        result.seconds, span_name, result.trace_id);
  else
    add(check, list_cloud, SD_CHECK_BAD, "Test span: %s", reason(&result));
}

static void check_cloud(sd_telemetry_check *check, const sd_job_telemetry *plan)
{
  for (size_t i = 0; plan->enabled && i < plan->logfire_count; i++)
    check_target(check, plan, &plan->logfire[i]);
  if (plan->enabled && plan->logfire_count)
    return;
  bool wanted = plan->enabled && plan->send;
  add(check, list_cloud, wanted ? SD_CHECK_BAD : SD_CHECK_NOT_ASKED, "LOGFIRE_TOKEN: %s",
      wanted ? "not set" : "not needed");
  add(check, list_cloud, wanted ? SD_CHECK_GOOD : SD_CHECK_NOT_ASKED, "LOGFIRE_SEND_TO_LOGFIRE: %s",
      plan->enabled ? (plan->send ? "true" : "false, so no trace leaves this machine for Logfire")
                    : "without effect, because LOGFIRE_ENABLED is false");
  add(check, list_cloud, SD_CHECK_NOT_ASKED, "Network: not asked");
  add(check, list_cloud, SD_CHECK_NOT_ASKED, "Project: not asked");
  add(check, list_cloud, SD_CHECK_NOT_ASKED, "Test span: not sent");
}

/* --- console
 * ------------------------------------------------------------------------------------------------- */

static void collect(void *user, const char *text, size_t len)
{
  sd_buf_append(user, text, len);
}

static void check_console(sd_telemetry_check *check, const sd_job_telemetry *plan,
                          const sd_command_context *context)
{
  bool off = !plan->enabled;
  add(check, list_console, plan->console ? SD_CHECK_GOOD : SD_CHECK_NOT_ASKED, "LOGFIRE_CONSOLE_LOGGING: %s",
      plan->console ? "true" : "false, so no tree is printed");
  add(check, list_console, off ? SD_CHECK_NOT_ASKED : SD_CHECK_GOOD, "LOGFIRE_ENABLED: %s",
      off ? "false, so nothing is recorded" : "true");
  add(check, list_console, plan->level > SD_LEVEL_INFO ? SD_CHECK_NOT_ASKED : SD_CHECK_GOOD,
      "LOGFIRE_LOG_LEVEL: %s%s", plan->level_name,
      plan->level > SD_LEVEL_INFO   ? ", which leaves out spans of what goes well"
      : plan->level < SD_LEVEL_INFO ? ""
                                    : " (DEBUG shows most)");
  if (off || !plan->console) {
    add(check, list_console, SD_CHECK_NOT_ASKED, "Test span: not printed");
    return;
  }
  trial result = {.told = ATOMIC_FLAG_INIT};
  sd_exporter *exporter = NULL;
  sd_error error;
  sd_status status =
      sd_cli_telemetry_console(context, SD_LEVEL_TRACE, collect, &check->tree, &exporter, &error);
  if (status != SD_OK) {
    add(check, list_console, SD_CHECK_BAD, "Test span: %s", error.message);
    return;
  }
  /* What counts is the tree. */
  (void)try_exporter(exporter, plan, false, &result);
  if (strstr(sd_buf_text(&check->tree), span_name))
    add(check, list_console, SD_CHECK_GOOD, "Test span: printed below, as `run` prints batches");
  else
    add(check, list_console, SD_CHECK_BAD, "Test span: %s", reason(&result));
}

/* --- OTLP
 * ---------------------------------------------------------------------------------------------------- */

/* The environment with one signal only, and every span sampled. */
typedef struct lookup {
  sd_job *job;
  int signal;
} lookup;

static const char *variable(void *user, const char *name)
{
  static const struct {
    int signal;
    const char *variable;
  } exporters[] = {{SD_SIGNAL_TRACES, "OTEL_TRACES_EXPORTER"},
                   {SD_SIGNAL_METRICS, "OTEL_METRICS_EXPORTER"},
                   {SD_SIGNAL_LOGS, "OTEL_LOGS_EXPORTER"}};
  const lookup *look = user;
  for (size_t i = 0; i < sizeof exporters / sizeof *exporters; i++) {
    if (strcmp(name, exporters[i].variable) == 0)
      return exporters[i].signal == look->signal ? "otlp" : "none";
  }
  const char *value = sd_job_telemetry_variable(look->job, name);
  if (strcmp(name, "OTEL_TRACES_SAMPLER") == 0)
    return NULL;
  if (strcmp(name, "OTEL_EXPORTER_OTLP_TIMEOUT") == 0 && !value)
    return SD_CHECK_TIMEOUT_MS;
  return value;
}

static void check_signal(sd_telemetry_check *check, sd_job *job, int signal, const sd_job_otlp *otlp)
{
  trial result = {.told = ATOMIC_FLAG_INIT};
  sd_telemetry *telemetry = NULL;
  sd_error error;
  lookup look = {.job = job, .signal = signal};
  sd_telemetry_options base = trial_options(&job->telemetry, &result);
  sd_environment_options options = {
      .struct_size = sizeof options, .get = variable, .get_user = &look, .base = &base};
  sd_buf name;
  sd_buf_init(&name, VARIABLE_MAX);
  sd_job_signals_text(signal, &name);
  sd_status status = sd_telemetry_new_from_environment(&options, &telemetry, &error);
  if (status == SD_OK)
    try_telemetry(telemetry, signal, &job->telemetry, &result);
  if (status != SD_OK)
    add(check, list_otlp, SD_CHECK_BAD, "%s: %s", sd_buf_text(&name), error.message);
  else if (was_taken(&result))
    add(check, list_otlp, SD_CHECK_GOOD, "%s: %s (%s) took the test record after %.1f s", sd_buf_text(&name),
        otlp->endpoint, otlp->protocol, result.seconds);
  else
    add(check, list_otlp, SD_CHECK_BAD, "%s: %s (%s): %s", sd_buf_text(&name), otlp->endpoint, otlp->protocol,
        reason(&result));
  sd_buf_release(&name);
}

void sd_telemetry_check_run(sd_job *job, const sd_command_context *context, sd_telemetry_check *check)
{
  const sd_job_telemetry *plan = &job->telemetry;
  *check = (sd_telemetry_check){.count = 0};
  sd_buf_init(&check->tree, TREE_MAX);
  if (plan->switched_off) {
    add(check, list_otlp, SD_CHECK_NOT_ASKED, "OTEL_SDK_DISABLED is true: all telemetry is off");
    return;
  }
  check_cloud(check, plan);
  check_console(check, plan, context);
  for (size_t i = 0; i < plan->otlp_count; i++) {
    for (int signal = SD_SIGNAL_TRACES; signal <= SD_SIGNAL_LOGS; signal <<= 1) {
      if (plan->otlp[i].signals & signal)
        check_signal(check, job, signal, &plan->otlp[i]);
    }
  }
}

void sd_telemetry_check_release(sd_telemetry_check *check)
{
  sd_buf_release(&check->tree);
}
