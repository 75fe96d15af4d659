/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * `streamduck demo-send`: the demo's sender, a process of its own.
 *
 * Events have a fixed order (demo_flights.h) and go over one link in that order; the broker stores what comes
 * over a link in order. So what the hub holds is always the beginning of the order, wherever a sender or the
 * broker was killed, and the number of events that the hub holds says where to go on. A refused batch ends
 * the sender. Each event carries its record's number as the property `record`, by which the demo checks at
 * the end that nothing is missing or there twice.
 */
#include "amqp/value.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/demo_flights.h"
#include "eventhubs/connection_string.h"
#include "eventhubs/sender.h"

#include <inttypes.h>
#include <signal.h>

enum {
  BATCH_EVENTS_MAX = 2000,
  PROPERTIES_MAX = 128 * 1024, /* bytes of a batch's encoded properties */
  REPORT_MS = 200
};

typedef struct demo_sender {
  sd_command_context *context;
  uv_loop_t loop;
  uv_timer_t timer;
  uv_signal_t terminate;
  sd_eventhubs_sender *sender;
  sd_demo_flights *flights;
  const char *file;
  uint64_t wanted;   /* events that the hub shall hold */
  uint64_t held;     /* by the hub at the start */
  uint64_t sent;     /* of these not yet accepted: sent - accepted */
  uint64_t accepted; /* since the start */
  bool all_read, connected, stopping, failed;
  uint32_t count; /* events of the batch that waits for room */
  sd_demo_flight flight[BATCH_EVENTS_MAX];
  sd_sender_event event[BATCH_EVENTS_MAX];
  sd_buf properties;
} demo_sender;

static void report(const demo_sender *s, const char *event)
{
  fprintf(s->context->out, "{\"event\":\"%s\",\"held\":%" PRIu64 ",\"accepted\":%" PRIu64 "}\n", event,
          s->held, s->accepted);
  fflush(s->context->out);
}

static void stop(demo_sender *s)
{
  if (s->stopping)
    return;
  s->stopping = true;
  sd_eventhubs_sender_stop(s->sender);
}

static void fail(demo_sender *s, const sd_error *error)
{
  if (!s->failed)
    sd_command_print_error(s->context, "demo-send: %s", error->message);
  s->failed = true;
  stop(s);
}

/* Reads the events of the next batch. SD_NOT_FOUND at the end. */
static sd_status read_batch(demo_sender *s, sd_error *error)
{
  sd_status status = sd_demo_flights_next(s->flights, s->flight, BATCH_EVENTS_MAX, &s->count, error);
  if (status != SD_OK)
    return status;
  sd_buf_clear(&s->properties);
  size_t end[BATCH_EVENTS_MAX];
  for (uint32_t i = 0; i < s->count; i++) {
    size_t map = sd_amqp_begin_map(&s->properties);
    sd_amqp_put_string(&s->properties, sd_bytes_of("record"));
    sd_amqp_put_long(&s->properties, s->flight[i].record);
    sd_amqp_end_map(&s->properties, map, 2);
    end[i] = s->properties.len;
  }
  status = sd_buf_status(&s->properties);
  if (status != SD_OK)
    return sd_error_set(error, status, "the properties of %" PRIu32 " events do not fit", s->count);
  size_t at = 0;
  for (uint32_t i = 0; i < s->count; i++) {
    s->event[i] =
        (sd_sender_event){.body = s->flight[i].body,
                          .partition_key = s->flight[i].origin,
                          .properties_encoded = sd_bytes_make(s->properties.data + at, end[i] - at)};
    at = end[i];
  }
  return SD_OK;
}

/* Sends until the link has no room or all is sent. */
static void pump(demo_sender *s)
{
  sd_error error;
  while (s->connected && !s->stopping) {
    if (s->count == 0 && !s->all_read) {
      sd_status status = read_batch(s, &error);
      if (status == SD_NOT_FOUND) {
        s->all_read = true;
      } else if (status != SD_OK) {
        fail(s, &error);
        return;
      }
    }
    if (s->count == 0) {
      if (s->accepted == s->sent)
        stop(s);
      return;
    }
    sd_status status = sd_eventhubs_sender_send(s->sender, NULL, s->event, s->count, NULL, &error);
    if (status == SD_AGAIN)
      return;
    if (status != SD_OK) {
      fail(s, &error);
      return;
    }
    s->sent += s->count;
    s->count = 0;
  }
}

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count)
{
  demo_sender *s = owner;
  sd_error error;
  if (s->connected) {
    sd_error_set(&error, SD_STATE, "the connection was lost; run the demo again to resume");
    fail(s, &error);
    return;
  }
  s->held = 0;
  for (uint32_t i = 0; i < count; i++)
    s->held += (uint64_t)(partitions[i].last_sequence + 1);
  s->connected = true;
  report(s, "hub");
  if (s->held >= s->wanted) {
    stop(s);
    return;
  }
  const char *libduckdb = sd_arguments_text(s->context->arguments, "libduckdb");
  if (sd_demo_flights_open(s->file, libduckdb, s->held, s->wanted, &s->flights, &error) != SD_OK) {
    fail(s, &error);
    return;
  }
  pump(s);
}

static void on_room(void *owner)
{
  pump(owner);
}

static void on_settled(void *owner, void *user, uint32_t events, const sd_error *error)
{
  (void)user;
  demo_sender *s = owner;
  if (error) {
    fail(s, error);
    return;
  }
  s->accepted += events;
  pump(s);
}

static void on_closed(void *owner, const sd_error *error)
{
  demo_sender *s = owner;
  if (error && !s->failed) {
    s->failed = true;
    sd_command_print_error(s->context, "demo-send: %s", error->message);
  }
  s->stopping = true;
  uv_close((uv_handle_t *)&s->timer, NULL);
  uv_close((uv_handle_t *)&s->terminate, NULL);
}

static void on_timer(uv_timer_t *timer)
{
  const demo_sender *s = timer->data;
  if (s->connected && !s->stopping)
    report(s, "progress");
}

static void on_terminate(uv_signal_t *handle, int signal_number)
{
  (void)signal_number;
  demo_sender *s = handle->data;
  sd_error error;
  sd_error_set(&error, SD_CANCELLED, "interrupted");
  fail(s, &error);
}

static const sd_sender_handler handler = {.struct_size = sizeof handler,
                                          .on_ready = on_ready,
                                          .on_room = on_room,
                                          .on_settled = on_settled,
                                          .on_closed = on_closed};

static sd_exit send_all(demo_sender *s, const char *connection, const char *hub)
{
  sd_connection_string parsed;
  sd_error error;
  if (sd_connection_string_parse(connection, &parsed, &error) != SD_OK)
    return sd_command_fail(s->context, SD_EXIT_CONFIG, "%s", error.message);
  if (uv_loop_init(&s->loop) != 0)
    return sd_command_fail(s->context, SD_EXIT_CONFIG, "demo-send: no event loop");
  const sd_eventhubs_options options = {.struct_size = sizeof options,
                                        .host = parsed.host,
                                        .port = parsed.port,
                                        .tls = !parsed.development_emulator,
                                        .hub = hub,
                                        .sas_key_name = parsed.key_name,
                                        .sas_key = parsed.key};
  sd_status status = sd_eventhubs_sender_new(&s->loop, &options, &handler, s, NULL, &s->sender, &error);
  if (status == SD_OK)
    status = sd_eventhubs_sender_start(s->sender, &error);
  if (status == SD_OK) {
    s->timer.data = s;
    s->terminate.data = s;
    uv_timer_init(&s->loop, &s->timer);
    uv_timer_start(&s->timer, on_timer, REPORT_MS, REPORT_MS);
    uv_signal_init(&s->loop, &s->terminate);
    uv_signal_start(&s->terminate, on_terminate, SIGTERM);
    uv_run(&s->loop, UV_RUN_DEFAULT);
  } else {
    s->failed = true;
    sd_command_print_error(s->context, "demo-send: %s", error.message);
  }
  if (!s->failed)
    report(s, "done");
  sd_eventhubs_sender_free(s->sender);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  uv_loop_close(&s->loop);
  return s->failed ? SD_EXIT_HALTED : SD_EXIT_OK;
}

static sd_exit run_demo_send(sd_command_context *context)
{
  const sd_arguments *arguments = context->arguments;
  if (sd_arguments_operands(arguments) != 2)
    return sd_command_fail(context, SD_EXIT_USAGE, "demo-send needs a connection string and a hub");
  demo_sender *s = sd_calloc(1, sizeof *s);
  if (!s)
    return sd_command_fail(context, SD_EXIT_CONFIG, "out of memory");
  s->context = context;
  s->file = sd_arguments_text(arguments, "flights");
  s->wanted = (uint64_t)sd_arguments_value(arguments, "events").number;
  sd_buf_init(&s->properties, PROPERTIES_MAX);
  sd_exit code = send_all(s, sd_arguments_operand(arguments, 0), sd_arguments_operand(arguments, 1));
  sd_demo_flights_close(s->flights);
  sd_buf_release(&s->properties);
  sd_free(s);
  return code;
}

static const sd_option options[] = {
    {.flag = "events",
     .type = SD_OPTION_INTEGER,
     .default_value = "0",
     .max = SD_DEMO_ROWS_MAX,
     .text = "Events that the hub shall hold in the end, a multiple of 10,000."},
    {.flag = "flights",
     .type = SD_OPTION_TEXT,
     .default_value = "build/data/flights-3m.parquet",
     .value_name = "FILE",
     .text = "The data set."},
    {.flag = "libduckdb", .type = SD_OPTION_TEXT, .value_name = "FILE", .text = "libduckdb to load."},
    {.variable = NULL},
};

const sd_command sd_command_demo_send = {
    .name = "demo-send",
    .summary = "Send the demo's events into a hub",
    .description =
        "Started by `streamduck demo`. Sends flight records into a hub, beginning behind what it holds.",
    .operands = "CONNECTION_STRING HUB",
    .operands_max = 2,
    .hidden = true,
    .options = {options},
    .run = run_demo_send,
};
