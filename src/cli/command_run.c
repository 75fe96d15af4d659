/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck run`: the pipeline. */
#include "base/alloc.h"
#include "base/log.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/status_server.h"
#include "cli/telemetry.h"
#include "duck/library.h"

#include <signal.h>
#include <unistd.h>

enum { TERMINAL_INTERVAL_MS = 1000, LINE_INTERVAL_MS = 10000, OBSERVE_MS = 500, BANNER_MAX = 8192 };

static const sd_option options[] = {
    {.flag = "dry-run", .type = SD_OPTION_BOOLEAN, .text = "Prints what would run and ends."},
    {.flag = "until-caught-up",
     .type = SD_OPTION_BOOLEAN,
     .text =
         "Ends with 0 at the first moment when each partition's landed sequence number equals the broker's "
         "last, asked anew."},
    {.flag = "json",
     .type = SD_OPTION_BOOLEAN,
     .text = "Prints one JSON object per line: start, progress, log, end (docs/status.md)."},
    {.flag = "interval",
     .type = SD_OPTION_DURATION,
     .min = 100,
     .max = 3600 * 1000,
     .default_text = "1 on a terminal, 10 elsewhere",
     .text = "Between two lines of progress."},
    {.flag = "metrics-port",
     .type = SD_OPTION_TEXT,
     .check = sd_cli_telemetry_check_address,
     .value_name = "PORT",
     .text = "Serves metrics for Prometheus at http://127.0.0.1:PORT/metrics. HOST:PORT listens elsewhere; 0 "
             "takes "
             "a free port. Works without Logfire and OpenTelemetry too."},
    {.flag = "smart",
     .type = SD_OPTION_BOOLEAN,
     .flags = SD_OPTION_UNUSED,
     .text = "As SMART_RETRY_ENABLED=true. Not in this version: errors are retried by rules."},
    {.variable = NULL},
};

/* What the signal handler works on. One run per process. */
static sd_stream *volatile running;
static volatile sig_atomic_t signals;
/* The exit code once everything is done and printed, and only memory is left to give back. */
static volatile sig_atomic_t result = -1;

/* The first stops in order, the second aborts, a third does not even wait for that. */
static void on_signal(int number)
{
  (void)number;
  sd_stream *stream = running;
  signals = signals + 1;
  /* A name look-up that is under way is waited for, and nothing stops it. */
  if (result >= 0)
    _exit(result);
  if (signals > 2)
    _exit(SD_EXIT_ABORTED);
  if (stream)
    sd_stream_stop(stream);
}

static void handle_signals(void)
{
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

typedef struct run_state {
  sd_progress *progress;
  sd_status_server *server;
  sd_cli_telemetry *telemetry;
  bool thread_left; /* one that nobody can wait for */
} run_state;

static void observe(void *user, const sd_stream_snapshot *snapshot)
{
  run_state *state = user;
  sd_status_server_publish(state->server, snapshot);
  sd_progress_show(state->progress, snapshot);
}

static bool announce(sd_command_context *context, const sd_job *job, bool json)
{
  if (json)
    return sd_output_json(context,
                          json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}", "event", "start", "version", SD_VERSION,
                                    "pid", (int)getpid(), "mappings", sd_job_to_json(job), "telemetry",
                                    sd_job_telemetry_to_json(&job->telemetry), "problems",
                                    sd_job_problems_to_json(job)));
  sd_buf banner;
  sd_buf_init(&banner, BANNER_MAX);
  sd_job_telemetry_banner(&job->telemetry, &banner);
  sd_output_text(context, context->err, &banner);
  sd_buf_release(&banner);
  sd_job_print_problems(job, context, context->err);
  for (size_t i = 0; i < job->mapping_count; i++) {
    const sd_stream_mapping *m = &job->mappings[i].stream;
    sd_buf line;
    sd_buf_init(&line, 8192);
    sd_buf_appendf(&line,
                   "mapping %d: %s on %s (%s) into %s %s.%s; begins at the checkpoint, without one at ",
                   m->number, m->hub, m->host, m->consumer_group, m->database, m->schema, m->table);
    sd_job_start_text(m, &line);
    sd_buf_append_byte(&line, '\n');
    sd_output_text(context, context->err, &line);
    sd_buf_release(&line);
  }
  return true;
}

static sd_stream_mapping *copy_mappings(const sd_job *job)
{
  sd_stream_mapping *mappings = sd_calloc(job->mapping_count, sizeof *mappings);
  for (size_t i = 0; mappings && i < job->mapping_count; i++)
    mappings[i] = job->mappings[i].stream;
  return mappings;
}

static sd_exit exit_code(sd_status status)
{
  return status == SD_OK ? SD_EXIT_OK : status == SD_CANCELLED ? SD_EXIT_ABORTED : SD_EXIT_HALTED;
}

/* Loaded before anything connects, because without it no mapping can work: that is a matter of configuration.
 */
static sd_status load_library(const sd_job *job, sd_error *error)
{
  const sd_duck_api *api;
  sd_status status =
      sd_duck_library_load(sd_settings_text(job->settings, "STREAMDUCK_LIBDUCKDB", 0), &api, error);
  for (size_t i = 0; status == SD_OK && i < job->mapping_count; i++) {
    if (job->mappings[i].stream.motherduck)
      status = sd_duck_library_check_motherduck(api, error);
  }
  return status;
}

static uint32_t interval(const sd_command_context *context, bool json)
{
  if (sd_arguments_given(context->arguments, "interval"))
    return (uint32_t)sd_arguments_value(context->arguments, "interval").number;
  return !json && sd_terminal_is(context->err) ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS;
}

static sd_status make_stream(const sd_command_context *context, const sd_job *job,
                             const sd_stream_mapping *mappings, const run_state *state,
                             sd_stream **ret_stream, sd_error *error)
{
  sd_stream_options stream_options = {
      .struct_size = sizeof stream_options,
      .mappings = mappings,
      .mapping_count = job->mapping_count,
      .memory_bytes = (size_t)sd_settings_number(job->settings, "STREAMDUCK_MEMORY", 0, 0),
      .libduckdb = sd_settings_text(job->settings, "STREAMDUCK_LIBDUCKDB", 0),
      .motherduck_extension = sd_settings_text(job->settings, "STREAMDUCK_MOTHERDUCK_EXTENSION", 0),
      .until_caught_up = sd_arguments_is_on(context->arguments, "until-caught-up"),
      .log_level = (int)sd_settings_number(job->settings, "STREAMDUCK_LOG_LEVEL", 0, SD_LOG_INFO),
      .log = sd_progress_log,
      .log_user = state->progress,
      .telemetry = sd_cli_telemetry_get(state->telemetry),
  };
  sd_status status = load_library(job, error);
  return status == SD_OK ? sd_stream_new(&stream_options, ret_stream, error) : status;
}

/* Nothing started. */
static sd_exit refuse(const sd_command_context *context, const char *message, bool json)
{
  if (json)
    sd_output_json(context, json_pack("{s:s, s:i, s:s, s:s}", "event", "end", "exit_code",
                                      (int)SD_EXIT_CONFIG, "result", "configuration", "reason", message));
  else
    sd_command_print_error(context, "%s", message);
  return SD_EXIT_CONFIG;
}

/* Everything has ended but telemetry: prints the result and waits for what is still to be sent. */
static void finish(sd_command_context *context, run_state *state, sd_stream *stream, sd_exit code,
                   const sd_error *error)
{
  bool json = sd_progress_is_json(state->progress);
  uint32_t wait_ms = code == SD_EXIT_ABORTED ? 0 : SD_CLI_TELEMETRY_SHUTDOWN_MS;
  /* `end` is the last object; people need not wait for the numbers. */
  if (json)
    state->thread_left = !sd_cli_telemetry_stop(state->telemetry, wait_ms);
  sd_progress_finish(state->progress, sd_stream_last_snapshot(stream), code, error);
  if (error && !json)
    sd_command_print_error(context, "%s", error->message);
  sd_status_server_stop(state->server);
  state->server = NULL;
  fflush(context->out);
  fflush(context->err);
  if (code == SD_EXIT_ABORTED)
    _exit(SD_EXIT_ABORTED); /* as for the signal that comes now */
  result = (sig_atomic_t)code;
  if (!json)
    state->thread_left = !sd_cli_telemetry_stop(state->telemetry, wait_ms);
}

static sd_exit run_job(sd_command_context *context, sd_job *job, bool json)
{
  sd_exit code;
  sd_status status;
  sd_error error;
  sd_stream *stream = NULL;
  run_state state = {.progress = NULL};
  uint32_t interval_ms = interval(context, json);
  sd_stream_mapping *mappings = copy_mappings(job);
  state.progress = sd_progress_new(context, json, interval_ms);
  if (!mappings || !state.progress) {
    code = refuse(context, "out of memory", json);
    goto out;
  }
  status =
      sd_cli_telemetry_start(job, context, state.progress,
                             sd_arguments_text(context->arguments, "metrics-port"), &state.telemetry, &error);
  if (status == SD_OK)
    status = make_stream(context, job, mappings, &state, &stream, &error);
  if (status != SD_OK) {
    code = refuse(context, error.message, json);
    goto out;
  }
  /* Without the socket the pipeline is as good; only `status` cannot see it. */
  if (sd_status_server_start(sd_job_state_dir(job), context->scrubber, &state.server, &error) != SD_OK)
    sd_progress_log(state.progress, SD_LOG_WARNING, "run", error.message);
  sd_stream_observe(stream, interval_ms < OBSERVE_MS ? interval_ms : OBSERVE_MS, observe, &state);
  running = stream;
  handle_signals();
  status = sd_stream_run(stream, &error);
  sd_progress_stop_clock(state.progress);
  /* Until the result is printed, signals change nothing, short of a third one. */
  running = NULL;
  code = exit_code(status);
  finish(context, &state, stream, code, status == SD_OK ? NULL : &error);
out:
  sd_status_server_stop(state.server);
  (void)sd_cli_telemetry_stop(state.telemetry, 0);
  sd_stream_free(stream);
  sd_cli_telemetry_free(state.telemetry);
  sd_progress_free(state.progress);
  sd_free(mappings);
  if (state.thread_left) {
    fflush(context->err);
    _exit(code); /* what libraries do at exit would meet it */
  }
  return code;
}

static sd_exit dry_run(sd_command_context *context, const sd_job *job, bool json)
{
  if (json)
    return sd_output_json(context, json_pack("{s:s, s:o, s:o}", "event", "plan", "mappings",
                                             sd_job_to_json(job), "problems", sd_job_problems_to_json(job)))
               ? SD_EXIT_OK
               : SD_EXIT_CONFIG;
  sd_job_print_problems(job, context, context->err);
  sd_job_print(job, context);
  fputs("dry run: nothing was connected to and nothing was changed\n", context->out);
  return SD_EXIT_OK;
}

static sd_exit run_run(sd_command_context *context)
{
  sd_job *job;
  bool json = sd_arguments_is_on(context->arguments, "json");
  sd_exit code = sd_job_new(context, &job);
  if (code != SD_EXIT_OK)
    return code;
  if (sd_arguments_is_on(context->arguments, "smart"))
    sd_problems_add(&job->problems, SD_PROBLEM_NOTICE, NULL,
                    "--smart: smart retry is not in this version; errors are retried by rules");
  if (sd_problems_errors(&job->problems)) {
    code = SD_EXIT_CONFIG;
    if (json)
      sd_output_json(context, json_pack("{s:s, s:i, s:s, s:o}", "event", "end", "exit_code", (int)code,
                                        "result", "configuration", "problems", sd_job_problems_to_json(job)));
    else
      sd_job_print_problems(job, context, context->err);
  } else if (sd_arguments_is_on(context->arguments, "dry-run")) {
    code = dry_run(context, job, json);
  } else {
    code = announce(context, job, json) ? run_job(context, job, json) : SD_EXIT_CONFIG;
  }
  sd_job_free(job);
  return code;
}

const sd_command sd_command_run = {
    .name = "run",
    .summary = "Run the pipeline until it is stopped",
    .description = "Reads the hubs of all mappings and lands each event exactly once. SIGINT or SIGTERM "
                   "stops it in order: "
                   "nothing more is fetched, what is in flight lands, the partitions are released, the exit "
                   "code is 0. A "
                   "second signal aborts at once, which is safe: what was not committed is read again next "
                   "time. A mapping "
                   "that cannot go on halts with its checkpoint unmoved; the others run on.\n"
                   "Progress goes to standard error, the statistics at the end to standard output.",
    .options = {options, sd_job_options, sd_config_options},
    .run = run_run,
};
