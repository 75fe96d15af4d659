/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to an sd_telemetry, and to its end. */
#include "cli/telemetry.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/address.h"
#include "cli/metrics_server.h"
#include "cli/token_check.h"
#include "cli/totals.h"

#include <inttypes.h>
#include <pthread.h>
#include <streamduck/export.h>

enum { LINE_MAX_BYTES = 2048, NS_PER_MS = 1000000 };

static const char subsystem[] = "telemetry";
static const char loopback[] = "127.0.0.1";

struct sd_cli_telemetry {
  sd_job *job;
  const sd_command_context *context;
  sd_progress *progress;
  sd_telemetry *telemetry;
  sd_metrics_server *server;
  sd_token_check *check;
  pthread_mutex_t lock;
  sd_logfire_project projects[SD_JOB_LOGFIRE_TOKENS_MAX]; /* under lock */
  size_t project_count;                                   /* under lock */
  bool stopped;
  bool left_behind; /* a thread that could not be waited for */
};

static sd_log_level log_level(int level)
{
  if (level >= SD_LEVEL_ERROR)
    return SD_LOG_ERROR;
  if (level >= SD_LEVEL_WARN)
    return SD_LOG_WARNING;
  return level >= SD_LEVEL_INFO ? SD_LOG_INFO : SD_LOG_DEBUG;
}

/* Any thread. */
static void tell(void *user, int level, const char *message)
{
  static const char prefix[] = "telemetry ";
  const sd_cli_telemetry *t = user;
  if (strncmp(message, prefix, sizeof prefix - 1) == 0)
    message += sizeof prefix - 1;
  sd_progress_log(t->progress, (int)log_level(level), subsystem, message);
}

static void write_line(sd_progress *progress, sd_buf *line)
{
  if (sd_buf_append_byte(line, '\n') == SD_OK)
    sd_progress_write(progress, (const char *)line->data, line->len);
}

static void show_project(sd_cli_telemetry *t, const sd_logfire_project *project)
{
  if (sd_progress_is_json(t->progress)) {
    sd_progress_event(t->progress, subsystem,
                      json_pack("{s:s, s:s}", "project", project->name, "project_url", project->url));
    return;
  }
  sd_buf line;
  sd_buf_init(&line, LINE_MAX_BYTES);
  sd_buf_appendf(&line, "Logfire project URL: %s", project->url);
  write_line(t->progress, &line);
  sd_buf_release(&line);
}

/* The check's thread. */
static void on_answer(void *user, const sd_job_logfire *target, const sd_logfire_project *project,
                      const sd_error *error)
{
  sd_cli_telemetry *t = user;
  (void)target;
  if (!project) {
    sd_progress_log(t->progress, SD_LOG_WARNING, subsystem, error->message);
    return;
  }
  pthread_mutex_lock(&t->lock);
  t->projects[t->project_count++] = *project;
  pthread_mutex_unlock(&t->lock);
  if (project->warning[0])
    sd_progress_log(t->progress, SD_LOG_WARNING, subsystem, project->warning);
  show_project(t, project);
}

/* --- making
 * ------------------------------------------------------------------------------------------------- */

static sd_console_options console_options(const sd_command_context *context, int min_level,
                                          sd_console_write_fn *write, void *user)
{
  /* What hangs on a span that lasts as long as the run is shown when it is done itself. */
  static const char *const tree_names[] = {"eventhub._on_event", "motherduck.start", NULL};
  return (sd_console_options){
      .struct_size = sizeof(sd_console_options),
      .colors = sd_terminal_has_colour(context->err) ? SD_COLORS_ALWAYS : SD_COLORS_NEVER,
      .min_level = min_level,
      .write = write,
      .write_user = user,
      .tree_names = tree_names,
  };
}

sd_status sd_cli_telemetry_console(const sd_command_context *context, int min_level,
                                   void (*write)(void *user, const char *text, size_t len), void *user,
                                   sd_exporter **ret_exporter, sd_error *error)
{
  const sd_console_options options = console_options(context, min_level, write, user);
  return sd_console_exporter_new(&options, ret_exporter, error);
}

typedef struct exporters {
  sd_exporter *list[SD_EXPORTERS_MAX];
  size_t count;
} exporters;

static void take(sd_cli_telemetry *t, exporters *all, sd_status status, sd_exporter *exporter,
                 const sd_error *error)
{
  if (status == SD_OK)
    all->list[all->count++] = exporter;
  else
    tell(t, SD_LEVEL_WARN, error->message);
}

static void make_exporters(sd_cli_telemetry *t, exporters *all)
{
  const sd_job_telemetry *plan = &t->job->telemetry;
  sd_exporter *exporter = NULL;
  sd_error error;
  if (plan->enabled && plan->console) {
    sd_status status =
        sd_cli_telemetry_console(t->context, plan->level, sd_progress_write, t->progress, &exporter, &error);
    take(t, all, status, exporter, &error);
  }
  for (size_t i = 0; i < plan->logfire_count; i++) {
    const sd_job_logfire *target = &plan->logfire[i];
    sd_status status = sd_logfire_exporter_new(target->token, target->base_url, tell, t, &exporter, &error);
    take(t, all, status, exporter, &error);
  }
}

static void add_secret(void *user, const char *secret)
{
  (void)sd_telemetry_add_secret(user, secret);
}

static sd_status make_telemetry(sd_cli_telemetry *t, sd_error *error)
{
  const sd_job_telemetry *plan = &t->job->telemetry;
  exporters all = {.count = 0};
  make_exporters(t, &all);
  sd_telemetry_options base = {
      .struct_size = sizeof base,
      .service_name = plan->service,
      .service_version = SD_VERSION,
      .environment = plan->environment,
      .sampler = {.kind = SD_SAMPLER_ALWAYS_ON, .parent_based = true},
      .min_level = plan->level,
      .logfire_ids = plan->logfire_count > 0,
      .exporters = all.list,
      .exporter_count = all.count,
      .diagnostic = tell,
      .diagnostic_user = t,
  };
  /* OTEL_TRACES_EXPORTER=console: not on standard output, which is for the statistics or JSON. */
  const sd_console_options console = console_options(t->context, plan->level, sd_progress_write, t->progress);
  sd_environment_options options = {
      .struct_size = sizeof options,
      .get = sd_job_telemetry_variable,
      .get_user = t->job,
      .base = &base,
      .console = &console,
  };
  sd_status status = sd_telemetry_new_from_environment(&options, &t->telemetry, error);
  if (status != SD_OK) {
    for (size_t i = 0; i < all.count; i++)
      sd_exporter_free(all.list[i]);
    return status;
  }
  sd_scrubber_each(t->context->scrubber, add_secret, t->telemetry);
  sd_error trouble;
  if (sd_process_metrics_register(sd_telemetry_tracer(t->telemetry, "streamduck", SD_VERSION), &trouble) !=
      SD_OK)
    tell(t, SD_LEVEL_WARN, trouble.message);
  return SD_OK;
}

/* "PORT" alone means the loopback address. */
static bool split_address(const char *text, char host[SD_ADDRESS_HOST_MAX], uint16_t *ret_port)
{
  int64_t port = 0;
  if (sd_bytes_to_int64(sd_bytes_of(text), &port) && port >= 0 && port <= UINT16_MAX) {
    memcpy(host, loopback, sizeof loopback);
    *ret_port = (uint16_t)port;
    return true;
  }
  return sd_address_split(text, host, ret_port);
}

sd_status sd_cli_telemetry_check_address(const char *text, sd_error *error)
{
  char host[SD_ADDRESS_HOST_MAX];
  uint16_t port = 0;
  if (split_address(text, host, &port))
    return SD_OK;
  return sd_error_set(error, SD_CONFIG, "must be PORT or HOST:PORT, for example 9464 (0: a free port)");
}

static sd_status serve_metrics(sd_cli_telemetry *t, const char *address, sd_error *error)
{
  char host[SD_ADDRESS_HOST_MAX];
  char url[SD_METRICS_URL_MAX];
  uint16_t port = 0;
  (void)split_address(address, host, &port);
  sd_status status =
      sd_metrics_server_start(host, port, t->telemetry, t->context->scrubber, &t->server, url, error);
  if (status != SD_OK) {
    sd_error_prefix(error, "--metrics-port");
    return status;
  }
  if (sd_progress_is_json(t->progress)) {
    sd_progress_event(t->progress, subsystem, json_pack("{s:s}", "metrics_url", url));
    return SD_OK;
  }
  sd_buf line;
  sd_buf_init(&line, LINE_MAX_BYTES);
  sd_buf_appendf(&line, "📈 Metrics: %s", url);
  write_line(t->progress, &line);
  sd_buf_release(&line);
  return SD_OK;
}

sd_status sd_cli_telemetry_start(sd_job *job, const sd_command_context *context, sd_progress *progress,
                                 const char *metrics_address, sd_cli_telemetry **ret_telemetry,
                                 sd_error *error)
{
  const sd_job_telemetry *plan = &job->telemetry;
  *ret_telemetry = NULL;
  if (metrics_address && plan->switched_off)
    return sd_error_set(error, SD_CONFIG,
                        "--metrics-port needs telemetry, which OTEL_SDK_DISABLED=true switches off");
  if (!metrics_address && !sd_job_telemetry_is_on(plan))
    return SD_OK;
  sd_cli_telemetry *t = sd_calloc(1, sizeof *t);
  if (!t)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  t->job = job;
  t->context = context;
  t->progress = progress;
  pthread_mutex_init(&t->lock, NULL);
  sd_status status = make_telemetry(t, error);
  if (status != SD_OK && !metrics_address) {
    tell(t, SD_LEVEL_WARN, error->message);
    sd_cli_telemetry_free(t);
    return SD_OK;
  }
  if (status == SD_OK && metrics_address)
    status = serve_metrics(t, metrics_address, error);
  if (status == SD_OK && plan->logfire_count) {
    sd_error trouble;
    if (sd_token_check_start(plan->logfire, plan->logfire_count, on_answer, t, &t->check, &trouble) != SD_OK)
      tell(t, SD_LEVEL_WARN, trouble.message);
  }
  if (status != SD_OK) {
    sd_cli_telemetry_free(t);
    return status;
  }
  *ret_telemetry = t;
  return SD_OK;
}

sd_telemetry *sd_cli_telemetry_get(const sd_cli_telemetry *telemetry)
{
  return telemetry ? telemetry->telemetry : NULL;
}

/* --- the end
 * ------------------------------------------------------------------------------------------------ */

static void report(sd_cli_telemetry *t)
{
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(t->telemetry, &stats);
  uint64_t dropped = stats.dropped_queue_full + stats.dropped_export + stats.dropped_shutdown;
  if (sd_progress_is_json(t->progress)) {
    sd_progress_event(t->progress, subsystem,
                      json_pack("{s:I, s:I, s:I}", "spans", (json_int_t)stats.spans_started, "exported",
                                (json_int_t)stats.records_exported, "dropped", (json_int_t)dropped));
    return;
  }
  if (!dropped)
    return;
  sd_buf text;
  sd_buf_init(&text, LINE_MAX_BYTES);
  sd_totals_append_count(dropped, &text);
  sd_buf_appendf(&text,
                 " span%s dropped: %" PRIu64 " refused or given up after retries, %" PRIu64
                 " because the queue was full, %" PRIu64 " at the end",
                 dropped == 1 ? "" : "s", stats.dropped_export, stats.dropped_queue_full,
                 stats.dropped_shutdown);
  sd_progress_log(t->progress, SD_LOG_WARNING, subsystem, sd_buf_text(&text));
  sd_buf_release(&text);
}

static void show_projects_again(sd_cli_telemetry *t)
{
  pthread_mutex_lock(&t->lock);
  size_t count = t->project_count;
  pthread_mutex_unlock(&t->lock);
  for (size_t i = 0; i < count; i++)
    show_project(t, &t->projects[i]);
}

bool sd_cli_telemetry_stop(sd_cli_telemetry *t, uint32_t timeout_ms)
{
  if (!t || t->stopped)
    return !t || !t->left_behind;
  t->stopped = true;
  uint64_t deadline_ns = sd_clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
  sd_metrics_server_stop(t->server);
  t->server = NULL;
  sd_error error;
  (void)sd_telemetry_shutdown(t->telemetry, timeout_ms, &error);
  t->left_behind = !sd_token_check_end(t->check, deadline_ns);
  t->check = NULL;
  report(t);
  show_projects_again(t);
  return !t->left_behind;
}

void sd_cli_telemetry_free(sd_cli_telemetry *t)
{
  if (!t)
    return;
  if (!t->stopped) {
    sd_metrics_server_stop(t->server);
    (void)sd_token_check_end(t->check, 0);
  }
  sd_telemetry_free(t->telemetry);
  pthread_mutex_destroy(&t->lock);
  sd_free(t);
}
