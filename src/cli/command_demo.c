/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * `streamduck demo`: the emulator and a sender as processes of their own, the pipeline in this one, and a
 * look at what landed. Everything is kept in one folder; a second run goes on where the first one stopped.
 */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/demo_child.h"
#include "cli/demo_flights.h"
#include "cli/demo_folder.h"
#include "cli/demo_progress.h"
#include "cli/demo_summary.h"
#include "cli/demo_table.h"
#include "cli/demo_telemetry.h"
#include "cli/totals.h"
#include "eventhubs/connection_string.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
  PATH_BYTES = SD_DEMO_FOLDER_MAX + 64,
  READY_MS = 60000, /* for a child to say its first word */
  OBSERVE_MS = 50,
  POLL_MS = 100,
  BATCH_ROWS = 1000,
  BATCH_BYTES = 24 * 1000 * 1000,
  BATCH_TIMEOUT_MS = 1000,
  LOG_WARNING = 2
};

#define HUB "flights"

/* For the signal handler. */
static _Atomic(sd_stream *) running_stream;
static volatile sig_atomic_t interrupts;

typedef struct demo {
  sd_command_context *context;
  const char *flights, *libduckdb;
  char folder[SD_DEMO_FOLDER_MAX], database[PATH_BYTES], log[PATH_BYTES];
  int lock;
  sd_demo_child emulator, sender;
  char connection[SD_CONNECTION_STRING_MAX];
  sd_connection_string parsed;
  sd_demo_progress progress;
  uint64_t wanted;   /* events that the hub shall hold in the end */
  uint64_t held;     /* by the hub when the sender began */
  uint64_t accepted; /* sent by this run */
  uint64_t landed;   /* rows, by this run */
  bool sender_done, stopped;
  sd_status failed; /* of what goes on beside the stream */
  sd_error error;
} demo;

static void on_signal(int number)
{
  (void)number;
  interrupts++;
  sd_stream *stream = atomic_load(&running_stream);
  if (stream)
    sd_stream_stop(stream);
}

static void catch_signals(void)
{
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
}

/* Waits for a child's first line; interrupted by a signal. */
static sd_status wait_for_line(sd_demo_child *child, json_t **ret_object, sd_error *error)
{
  uint64_t until = sd_clock_monotonic_ms() + READY_MS;
  for (;;) {
    sd_status status = sd_demo_child_read(child, POLL_MS, ret_object, error);
    if (interrupts && status != SD_OK)
      return sd_error_set(error, SD_CANCELLED, "interrupted");
    if (status == SD_CLOSED)
      return sd_error_set(error, SD_REMOTE, "%s ended before it was ready", child->name);
    if (status != SD_AGAIN || sd_clock_monotonic_ms() > until)
      return status;
  }
}

static sd_status start_emulator(demo *d, sd_error *error)
{
  const char *const arguments[] = {"emulator", "--listen", "127.0.0.1:0", "--hub",
                                   HUB ":4",   "--data",   d->log,        NULL};
  sd_status status = sd_demo_child_start(&d->emulator, "the emulator", arguments, error);
  if (status != SD_OK)
    return status;
  json_t *ready = NULL;
  status = wait_for_line(&d->emulator, &ready, error);
  if (status != SD_OK)
    return status;
  const char *connection = json_string_value(json_object_get(ready, "connection_string"));
  if (!connection)
    status = sd_error_set(error, SD_PROTOCOL, "the emulator's first line has no connection string");
  else
    snprintf(d->connection, sizeof d->connection, "%s", connection);
  json_decref(ready);
  return status == SD_OK ? sd_connection_string_parse(d->connection, &d->parsed, error) : status;
}

/* Takes in what the sender says; at its end looks at how it ended. */
static sd_status hear_sender(demo *d, int timeout_ms, sd_error *error)
{
  for (;;) {
    json_t *line = NULL;
    sd_status status = sd_demo_child_read(&d->sender, timeout_ms, &line, error);
    if (status == SD_AGAIN)
      return SD_OK;
    if (status == SD_CLOSED) {
      if (!sd_demo_child_has_ended(&d->sender, timeout_ms))
        return SD_OK;
      d->sender_done = true;
      if (d->sender.exit_code == SD_EXIT_OK)
        return SD_OK;
      return sd_error_set(error, SD_REMOTE, "the sender ended with exit code %d; run the demo again to go on",
                          d->sender.exit_code);
    }
    if (status != SD_OK)
      return status;
    d->held = (uint64_t)json_integer_value(json_object_get(line, "held"));
    d->accepted = (uint64_t)json_integer_value(json_object_get(line, "accepted"));
    json_decref(line);
  }
}

/* Sends until the hub holds `events`; with 0 it only asks what the hub holds. */
static sd_status start_sender(demo *d, uint64_t events, sd_error *error)
{
  char number[32];
  snprintf(number, sizeof number, "%" PRIu64, events);
  const char *arguments[SD_DEMO_CHILD_ARGUMENTS_MAX + 1] = {"demo-send", "--events",    number, "--flights",
                                                            d->flights,  d->connection, HUB};
  if (d->libduckdb) {
    arguments[7] = "--libduckdb";
    arguments[8] = d->libduckdb;
  }
  d->sender_done = false;
  return sd_demo_child_start(&d->sender, "the sender", arguments, error);
}

static void stop_stream(demo *d, sd_stream *stream)
{
  if (!d->stopped)
    sd_stream_stop(stream);
  d->stopped = true;
}

static void observe(void *user, const sd_stream_snapshot *snapshot)
{
  demo *d = user;
  sd_stream *stream = atomic_load(&running_stream);
  const sd_mapping_snapshot *mapping = snapshot->mapping_count ? &snapshot->mappings[0] : NULL;
  if (!stream || d->stopped)
    return;
  if (!d->sender_done && d->failed == SD_OK)
    d->failed = hear_sender(d, 0, &d->error);
  if (d->failed == SD_OK && sd_demo_child_has_ended(&d->emulator, 0))
    d->failed =
        sd_error_set(&d->error, SD_REMOTE, "the emulator ended with exit code %d", d->emulator.exit_code);
  if (d->failed != SD_OK || interrupts) {
    stop_stream(d, stream);
    return;
  }
  uint64_t landed = 0;
  int64_t lag = 0;
  for (size_t i = 0; mapping && i < mapping->partition_count; i++) {
    landed += (uint64_t)(mapping->partitions[i].landed_sequence + 1);
    lag += mapping->partitions[i].lag;
  }
  if (!mapping || mapping->partition_count == 0)
    return;
  d->landed = mapping->landed;
  if (d->sender_done && d->held > d->wanted)
    d->wanted = d->held;
  sd_demo_progress_show(&d->progress, d->wanted, d->held + d->accepted, landed, mapping);
  if (d->sender_done && landed >= d->wanted && lag == 0)
    stop_stream(d, stream);
}

static void log_line(void *user, int level, const char *subsystem, const char *message)
{
  const demo *d = user;
  if (level > LOG_WARNING)
    return; /* an error ends the pipeline and is told at its end */
  fprintf(d->context->err, "%s%s: %s\n", d->progress.terminal && !d->progress.json ? "\r\x1b[K" : "",
          subsystem, message);
}

static sd_status run_pipeline(demo *d, sd_error *error)
{
  const sd_stream_mapping mapping = {.struct_size = sizeof mapping,
                                     .number = 1,
                                     .host = d->parsed.host,
                                     .port = d->parsed.port,
                                     .tls = !d->parsed.development_emulator,
                                     .hub = HUB,
                                     .consumer_group = "$Default",
                                     .sas_key_name = d->parsed.key_name,
                                     .sas_key = d->parsed.key,
                                     .start = SD_START_EARLIEST,
                                     .database = d->database,
                                     .schema = "main",
                                     .table = "events",
                                     .batch_rows = BATCH_ROWS,
                                     .batch_bytes = BATCH_BYTES,
                                     .batch_timeout_ms = BATCH_TIMEOUT_MS};
  sd_telemetry *telemetry;
  sd_demo_telemetry_start(d->context->err, &telemetry);
  const sd_stream_options options = {.struct_size = sizeof options,
                                     .telemetry = telemetry,
                                     .mappings = &mapping,
                                     .mapping_count = 1,
                                     .libduckdb = d->libduckdb,
                                     .log_level = LOG_WARNING,
                                     .log = log_line,
                                     .log_user = d};
  sd_stream *stream = NULL;
  sd_status status = sd_stream_new(&options, &stream, error);
  if (status == SD_OK) {
    sd_stream_observe(stream, OBSERVE_MS, observe, d);
    atomic_store(&running_stream, stream);
    status = interrupts ? SD_OK : sd_stream_run(stream, error);
    atomic_store(&running_stream, NULL);
    sd_demo_progress_end(&d->progress);
    sd_stream_free(stream);
  }
  sd_demo_telemetry_stop(telemetry, d->context->err);
  if (status != SD_OK)
    return status;
  if (interrupts)
    return sd_error_set(error, SD_CANCELLED, "interrupted");
  if (d->failed != SD_OK) {
    *error = d->error;
    return d->failed;
  }
  return SD_OK;
}

/* What the hub says that it holds, asked by a process that has nothing else to do. */
static sd_status count_received(demo *d, uint64_t *ret_received, sd_error *error)
{
  sd_demo_child_stop(&d->sender);
  sd_status status = start_sender(d, 0, error);
  uint64_t until = sd_clock_monotonic_ms() + READY_MS;
  while (status == SD_OK && !d->sender_done) {
    status = hear_sender(d, POLL_MS, error);
    if (status == SD_OK && interrupts)
      status = sd_error_set(error, SD_CANCELLED, "interrupted");
    if (status == SD_OK && sd_clock_monotonic_ms() > until)
      status = sd_error_set(error, SD_TIMEOUT, "the emulator does not say what it holds");
  }
  if (status == SD_OK)
    *ret_received = d->held;
  return status;
}

static void print_result(const demo *d, uint64_t sent, uint64_t received, const sd_demo_counts *counts,
                         bool good, double seconds)
{
  FILE *out = d->context->out;
  if (d->progress.json) {
    fprintf(out,
            "{\"event\":\"done\",\"exactly_once\":%s,\"sent\":%" PRIu64 ",\"received\":%" PRIu64
            ",\"landed\":%" PRId64 ",\"records\":%" PRId64 ",\"dead_letters\":%" PRId64
            ",\"sent_now\":%" PRIu64 ",\"landed_now\":%" PRIu64 ",\"seconds\":%.1f}\n",
            good ? "true" : "false", sent, received, counts->rows, counts->records, counts->dead, d->accepted,
            d->landed, seconds);
    return;
  }
  sd_buf text;
  sd_buf_init(&text, PATH_BYTES);
  sd_buf_append_text(&text, "This run sent ");
  sd_totals_append_count(d->accepted, &text);
  sd_buf_append_text(&text, " events and landed ");
  sd_totals_append_count(d->landed, &text);
  sd_buf_appendf(&text, ", in %.1f s.\n\nSent ", seconds);
  sd_totals_append_count(sent, &text);
  sd_buf_append_text(&text, ", received by the emulator ");
  sd_totals_append_count(received, &text);
  sd_buf_append_text(&text, ", landed ");
  sd_totals_append_count((uint64_t)counts->rows, &text);
  sd_buf_appendf(&text, ": %s\n", good ? "every event exactly once." : "THESE SHOULD BE EQUAL.");
  fputs(sd_buf_text(&text), out);
  sd_buf_release(&text);
}

static void print_more(const demo *d)
{
  fprintf(d->context->out,
          "\n%s holds the table `events` and the view `flights`. To explore further:\n"
          "  %s demo%s%s --sql \"SELECT destination, count(*) AS flights FROM flights WHERE origin = 'ORD' "
          "GROUP BY ALL ORDER BY flights DESC LIMIT 5\"\n",
          d->database, d->context->program, sd_arguments_given(d->context->arguments, "dir") ? " --dir " : "",
          sd_arguments_given(d->context->arguments, "dir") ? d->folder : "");
}

/* The demo's check of itself, and the table. */
static sd_status look_at_result(demo *d, uint64_t received, double seconds, sd_error *error)
{
  sd_demo_database database = {0};
  sd_demo_counts counts;
  sd_status status = sd_demo_database_open(&database, d->database, d->libduckdb, error);
  if (status == SD_OK)
    status = sd_demo_database_count(&database, &counts, error);
  if (status == SD_OK) {
    int64_t sent = (int64_t)d->wanted;
    bool good = (int64_t)received == sent && counts.rows == sent && counts.places == sent &&
                counts.records == sent && counts.last == sent - 1 && counts.dead == 0;
    print_result(d, d->wanted, received, &counts, good, seconds);
    if (!good)
      status =
          sd_error_set(error, SD_CORRUPT,
                       "sent %" PRId64 ", received %" PRIu64 ", rows %" PRId64 ", distinct records %" PRId64
                       ", highest record %" PRId64 ", dead letters %" PRId64
                       ". If somebody else wrote into %s, remove it and start again",
                       sent, received, counts.rows, counts.records, counts.last, counts.dead, d->folder);
  }
  if (status == SD_OK && !d->progress.json) {
    fputs("\nThe busiest airports and when not to fly from them:\n\n", d->context->out);
    status = sd_demo_table_print(database.connection, sd_demo_busiest_sql, d->context->out, error);
    if (status == SD_OK)
      print_more(d);
  }
  sd_demo_database_close(&database);
  return status;
}

static sd_status run_all(demo *d, sd_error *error)
{
  uint64_t started = sd_clock_monotonic_ms();
  uint64_t received = 0;
  catch_signals();
  sd_status status = sd_demo_folder_lock(d->folder, &interrupts, &d->lock, error);
  if (status == SD_OK)
    status = start_emulator(d, error);
  if (status == SD_OK) {
    if (!d->progress.json)
      fprintf(d->context->out, "Emulator ready: hub `" HUB "` with 4 partitions, its log in %s\n", d->log);
    fflush(d->context->out);
    status = start_sender(d, d->wanted, error);
  }
  if (status == SD_OK)
    status = run_pipeline(d, error);
  uint64_t accepted = d->accepted;
  if (status == SD_OK)
    status = count_received(d, &received, error);
  d->accepted = accepted;
  if (status == SD_OK)
    status = look_at_result(d, received, (double)(sd_clock_monotonic_ms() - started) / 1000.0, error);
  sd_demo_child_stop(&d->sender);
  sd_demo_child_stop(&d->emulator);
  if (d->lock >= 0)
    close(d->lock);
  return status;
}

static sd_exit run_sql(const demo *d, const char *sql)
{
  sd_error error;
  if (access(d->database, R_OK) != 0)
    return sd_command_fail(d->context, SD_EXIT_CONFIG, "there is no %s yet: run the demo first", d->database);
  sd_demo_database database = {0};
  sd_status status = sd_demo_database_open(&database, d->database, d->libduckdb, &error);
  if (status == SD_OK)
    status = sd_demo_table_print(database.connection, sql, d->context->out, &error);
  sd_demo_database_close(&database);
  return status == SD_OK ? SD_EXIT_OK : sd_command_fail(d->context, SD_EXIT_CONFIG, "%s", error.message);
}

static sd_exit run_demo(sd_command_context *context)
{
  const sd_arguments *arguments = context->arguments;
  demo d = {.context = context,
            .flights = sd_arguments_text(arguments, "flights"),
            .libduckdb = sd_arguments_text(arguments, "libduckdb"),
            .lock = -1,
            .emulator.out = -1,
            .sender.out = -1,
            .progress = {.out = context->out,
                         .json = sd_arguments_is_on(arguments, "json"),
                         .terminal = sd_terminal_is(context->out)}};
  uint64_t events = (uint64_t)sd_arguments_value(arguments, "events").number;
  d.wanted = (events + SD_DEMO_BLOCK_ROWS - 1) / SD_DEMO_BLOCK_ROWS * SD_DEMO_BLOCK_ROWS;
  const char *folder = sd_arguments_text(arguments, "dir");
  if (!folder[0] || strlen(folder) >= SD_DEMO_FOLDER_MAX)
    return sd_command_fail(context, SD_EXIT_USAGE, "--dir must be a path");
  snprintf(d.folder, sizeof d.folder, "%s", folder);
  snprintf(d.database, sizeof d.database, "%s/flights.duckdb", folder);
  snprintf(d.log, sizeof d.log, "%s/eventhub", folder);
  const char *sql = sd_arguments_text(arguments, "sql");
  if (sql)
    return run_sql(&d, sql);
  sd_error error;
  sd_status status = run_all(&d, &error);
  if (status == SD_OK)
    return SD_EXIT_OK;
  if (interrupts)
    return sd_command_fail(context, SD_EXIT_ABORTED, "interrupted; run the demo again to go on");
  return sd_command_fail(context, SD_EXIT_HALTED, "%s", error.message);
}

static const sd_option options[] = {
    {.flag = "events",
     .type = SD_OPTION_INTEGER,
     .default_value = "300000",
     .min = 1,
     .max = SD_DEMO_ROWS_MAX,
     .text = "Events to send, rounded up to a multiple of 10,000."},
    {.flag = "dir",
     .type = SD_OPTION_TEXT,
     .default_value = "build/demo",
     .value_name = "DIR",
     .text = "Folder of the emulator's log and of flights.duckdb."},
    {.flag = "flights",
     .type = SD_OPTION_TEXT,
     .default_value = "build/data/flights-3m.parquet",
     .value_name = "FILE",
     .text = "The data set, as `make demo` fetches it."},
    {.flag = "libduckdb",
     .type = SD_OPTION_TEXT,
     .value_name = "FILE",
     .default_text = "searched",
     .text = "libduckdb to load."},
    {.flag = "sql",
     .type = SD_OPTION_TEXT,
     .value_name = "SELECT",
     .text = "Runs nothing but this SELECT on what has landed, and prints its rows."},
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Progress and result as lines of JSON."},
    {.variable = NULL},
};

const sd_command sd_command_demo = {
    .name = "demo",
    .summary = "Send real flight records through the emulator into a DuckDB file",
    .description = "Starts the Event Hubs emulator with a hub of four partitions and a sender, both as "
                   "processes of their own, "
                   "runs the pipeline into a DuckDB file, checks that every event landed exactly once, and "
                   "shows what the data "
                   "says.\n"
                   "Everything is kept: a second run sends only what the hub does not hold yet and lands "
                   "only what has not "
                   "landed. Ctrl-C ends it in order; run it again to go on.",
    .options = {options},
    .run = run_demo,
};
