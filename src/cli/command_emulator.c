/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck emulator`: serves hubs until a signal comes. */
#include "cli/command.h"

#include "base/alloc.h"
#include "cli/address.h"
#include "emulator/emulator.h"

#include <unistd.h>

enum { INPUT_SIZE = 64 * 1024, ANSWER_MAX = 64 * 1024 * 1024 };

static sd_status check_address(const char *text, sd_error *error)
{
  char host[SD_ADDRESS_HOST_MAX];
  uint16_t port = 0;
  if (sd_address_split(text, host, &port))
    return SD_OK;
  return sd_error_set(error, SD_CONFIG, "must be HOST:PORT, for example 127.0.0.1:0 (0: a free port)");
}

/* "NAME:PARTITIONS" into both; the name ends at the colon. */
static bool split_hub(const char *text, size_t *ret_name_len, int64_t *ret_partitions)
{
  const char *colon = strrchr(text, ':');
  if (!colon || colon == text || !sd_bytes_to_int64(sd_bytes_of(colon + 1), ret_partitions))
    return false;
  *ret_name_len = (size_t)(colon - text);
  return *ret_name_len <= SD_EMULATOR_NAME_MAX && *ret_partitions >= 1 &&
         *ret_partitions <= SD_EMULATOR_PARTITIONS_MAX;
}

static sd_status check_hub(const char *text, sd_error *error)
{
  size_t len = 0;
  int64_t partitions = 0;
  if (split_hub(text, &len, &partitions))
    return SD_OK;
  return sd_error_set(error, SD_CONFIG,
                      "must be NAME:PARTITIONS with 1 to %d partitions, for example events:4",
                      SD_EMULATOR_PARTITIONS_MAX);
}

static sd_status check_load(const char *text, sd_error *error)
{
  const char *equals = strchr(text, '=');
  if (equals && equals != text && equals[1])
    return SD_OK;
  return sd_error_set(error, SD_CONFIG, "must be HUB=FILE, for example events=events.jsonl");
}

static const sd_option options[] = {
    {.flag = "listen",
     .type = SD_OPTION_TEXT,
     .default_value = "127.0.0.1:5672",
     .check = check_address,
     .value_name = "HOST:PORT",
     .text =
         "Where to listen for AMQP without TLS. Port 0 takes a free one; the line printed first names it."},
    {.flag = "hub",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_REPEATED,
     .check = check_hub,
     .value_name = "NAME:PARTITIONS",
     .needed = "always",
     .text = "A hub and how many partitions it has."},
    {.flag = "consumer-group",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_REPEATED,
     .value_name = "NAME",
     .text = "A consumer group of every hub, besides $Default."},
    {.flag = "data",
     .type = SD_OPTION_TEXT,
     .value_name = "DIR",
     .text =
         "Folder of the log, which then survives the end of the program in any way (not a power failure). "
         "Without it events are held in memory."},
    {.flag = "memory",
     .type = SD_OPTION_SIZE,
     .default_value = "1GiB",
     .min = 1024 * 1024,
     .max = (int64_t)1 << 40,
     .text = "Without --data: how much the logs may hold; above it the oldest events are dropped."},
    {.flag = "tls-listen",
     .type = SD_OPTION_TEXT,
     .check = check_address,
     .value_name = "HOST:PORT",
     .text = "Where to listen for AMQP with TLS, besides --listen. Needs --cert and --key."},
    {.flag = "cert", .type = SD_OPTION_TEXT, .value_name = "FILE", .text = "Certificate chain for TLS, PEM."},
    {.flag = "key",
     .type = SD_OPTION_TEXT,
     .value_name = "FILE",
     .text = "Private key of the certificate, PEM."},
    {.flag = "sas-key",
     .type = SD_OPTION_SECRET,
     .value_name = "KEY",
     .text = "Verifies that shared access signatures are made with this key, not expired and for the hub. "
             "Without it "
             "every token is good."},
    {.flag = "load",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_REPEATED,
     .check = check_load,
     .value_name = "HUB=FILE",
     .text = "Appends events before serving: one JSON object a line with body, partition_key, partition, "
             "properties."},
    {.flag = "control",
     .type = SD_OPTION_BOOLEAN,
     .text = "Takes faults for tests as lines of JSON from standard input and answers each with a line; the "
             "end of the "
             "input stops the emulator."},
    {.variable = NULL},
};

typedef struct serving {
  sd_command_context *context;
  uv_loop_t loop;
  uv_signal_t signals[2];
  uv_pipe_t input;
  bool input_open;
  sd_emulator *emulator;
  sd_buf line;
  char chunk[INPUT_SIZE];
  bool stopping;
} serving;

static void print_line(FILE *out, sd_buf *line)
{
  fprintf(out, "%s\n", sd_buf_text(line));
  fflush(out);
}

static void on_stopped(void *user)
{
  serving *s = user;
  for (size_t i = 0; i < 2; i++)
    uv_close((uv_handle_t *)&s->signals[i], NULL);
  if (s->input_open)
    uv_close((uv_handle_t *)&s->input, NULL);
}

static void stop(serving *s)
{
  if (s->stopping)
    return;
  s->stopping = true;
  sd_emulator_stop(s->emulator, on_stopped, s);
}

static void on_signal(uv_signal_t *signal, int number)
{
  (void)number;
  stop(signal->data);
}

/* ---- control ---- */

static void answer_line(serving *s, sd_bytes line)
{
  sd_buf answer;
  sd_buf_init(&answer, ANSWER_MAX);
  sd_emulator_control(s->emulator, line, &answer);
  if (sd_buf_status(&answer) != SD_OK) {
    sd_buf_clear(&answer);
    sd_buf_append_text(&answer, "{\"ok\":false,\"error\":\"out of memory\"}");
  }
  print_line(s->context->out, &answer);
  sd_buf_release(&answer);
}

static void take_input(serving *s, size_t n)
{
  if (sd_buf_append(&s->line, s->chunk, n) != SD_OK) {
    sd_command_print_error(s->context, "a control command is longer than %d bytes", SD_EMULATOR_LINE_MAX);
    stop(s);
    return;
  }
  const uint8_t *end = NULL;
  size_t at = 0;
  while ((end = memchr(s->line.data + at, '\n', s->line.len - at)) != NULL) {
    size_t len = (size_t)(end - s->line.data) - at;
    if (len > 0)
      answer_line(s, sd_bytes_make(s->line.data + at, len));
    at += len + 1;
  }
  sd_buf_consume(&s->line, at);
}

static void on_input_space(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  (void)suggested;
  serving *s = handle->data;
  *buf = uv_buf_init(s->chunk, sizeof s->chunk);
}

static void on_input(uv_stream_t *input, ssize_t n, const uv_buf_t *buf)
{
  (void)buf;
  serving *s = input->data;
  if (n > 0)
    take_input(s, (size_t)n);
  else if (n < 0)
    stop(s);
}

/* ---- starting ---- */

static sd_status take_hubs(const sd_arguments *arguments, sd_emulator_hub **ret_hubs, size_t *ret_count)
{
  size_t count = sd_arguments_count(arguments, "hub");
  sd_emulator_hub *hubs = sd_calloc(count ? count : 1, sizeof *hubs);
  if (!hubs)
    return SD_NOMEM;
  for (size_t i = 0; i < count; i++) {
    const char *text = sd_arguments_nth(arguments, "hub", i);
    size_t len = 0;
    int64_t partitions = 0;
    (void)split_hub(text, &len, &partitions);
    hubs[i].name = sd_strndup(text, len);
    hubs[i].partitions = (uint32_t)partitions;
    if (!hubs[i].name) {
      *ret_hubs = hubs;
      *ret_count = i;
      return SD_NOMEM;
    }
  }
  *ret_hubs = hubs;
  *ret_count = count;
  return SD_OK;
}

static void free_hubs(sd_emulator_hub *hubs, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    union {
      const char *in;
      char *out;
    } name = {.in = hubs[i].name};
    sd_free(name.out);
  }
  sd_free(hubs);
}

static sd_status make(serving *s, sd_error *error)
{
  const sd_arguments *arguments = s->context->arguments;
  char host[SD_ADDRESS_HOST_MAX];
  char tls_host[SD_ADDRESS_HOST_MAX];
  sd_emulator_options o = {.struct_size = sizeof o,
                           .listen_host = host,
                           .cert_file = sd_arguments_text(arguments, "cert"),
                           .key_file = sd_arguments_text(arguments, "key"),
                           .data_dir = sd_arguments_text(arguments, "data"),
                           .memory_max = (uint64_t)sd_arguments_value(arguments, "memory").number,
                           .sas_key = sd_arguments_text(arguments, "sas-key")};
  const char *groups[SD_ARGUMENTS_MAX];
  sd_emulator_hub *hubs = NULL;
  size_t hub_count = 0;
  (void)sd_address_split(sd_arguments_text(arguments, "listen"), host, &o.listen_port);
  if (sd_arguments_text(arguments, "tls-listen")) {
    (void)sd_address_split(sd_arguments_text(arguments, "tls-listen"), tls_host, &o.tls_port);
    o.tls_host = tls_host;
  }
  o.group_count = sd_arguments_count(arguments, "consumer-group");
  for (size_t i = 0; i < o.group_count; i++)
    groups[i] = sd_arguments_nth(arguments, "consumer-group", i);
  o.groups = groups;
  if (take_hubs(arguments, &hubs, &hub_count) != SD_OK) {
    free_hubs(hubs, hub_count);
    return sd_error_set(error, SD_NOMEM, "out of memory");
  }
  o.hubs = hubs;
  o.hub_count = hub_count;
  sd_status status = sd_emulator_new(&s->loop, &o, &s->emulator, error);
  free_hubs(hubs, hub_count);
  return status;
}

static sd_status load(serving *s, sd_error *error)
{
  const sd_arguments *arguments = s->context->arguments;
  for (size_t i = 0; i < sd_arguments_count(arguments, "load"); i++) {
    const char *text = sd_arguments_nth(arguments, "load", i);
    const char *equals = strchr(text, '=');
    char *hub = sd_strndup(text, (size_t)(equals - text));
    uint64_t events = 0;
    if (!hub)
      return sd_error_set(error, SD_NOMEM, "out of memory");
    sd_status status = sd_emulator_load(s->emulator, hub, equals + 1, &events, error);
    sd_free(hub);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static sd_status watch(serving *s, sd_error *error)
{
  static const int numbers[2] = {SIGINT, SIGTERM};
  for (size_t i = 0; i < 2; i++) {
    (void)uv_signal_init(&s->loop, &s->signals[i]);
    s->signals[i].data = s;
    (void)uv_signal_start(&s->signals[i], on_signal, numbers[i]);
  }
  if (!sd_arguments_is_on(s->context->arguments, "control"))
    return SD_OK;
  (void)uv_pipe_init(&s->loop, &s->input, 0);
  s->input.data = s;
  s->input_open = true;
  int code = uv_pipe_open(&s->input, STDIN_FILENO);
  if (code == 0)
    code = uv_read_start((uv_stream_t *)&s->input, on_input_space, on_input);
  if (code != 0)
    return sd_error_set(error, SD_IO, "--control needs a pipe or a terminal as standard input: %s",
                        uv_strerror(code));
  return SD_OK;
}

static sd_exit run_emulator(sd_command_context *context)
{
  sd_error error;
  sd_buf text;
  sd_exit code = SD_EXIT_CONFIG;
  const char *key = sd_arguments_text(context->arguments, "sas-key");
  if (key && strlen(key) >= SD_SCRUB_SECRET_MIN_LEN)
    (void)sd_scrubber_add(context->scrubber, key);
  serving *s = sd_calloc(1, sizeof *s);
  if (!s || uv_loop_init(&s->loop) != 0) {
    sd_free(s);
    return sd_command_fail(context, SD_EXIT_CONFIG, "out of memory");
  }
  s->context = context;
  sd_buf_init(&s->line, SD_EMULATOR_LINE_MAX);
  sd_buf_init(&text, ANSWER_MAX);
  if (make(s, &error) != SD_OK || load(s, &error) != SD_OK ||
      sd_emulator_start(s->emulator, &error) != SD_OK) {
    sd_command_print_error(context, "%s", error.message);
    goto out;
  }
  code = SD_EXIT_OK;
  if (watch(s, &error) != SD_OK) {
    code = sd_command_fail(context, SD_EXIT_CONFIG, "%s", error.message);
    stop(s);
  } else {
    sd_emulator_describe(s->emulator, &text);
    print_line(context->out, &text);
  }
  (void)uv_run(&s->loop, UV_RUN_DEFAULT);
  sd_buf_clear(&text);
  sd_emulator_statistics(s->emulator, "stopped", &text);
  print_line(context->out, &text);
out:
  (void)uv_run(&s->loop, UV_RUN_DEFAULT); /* what was closed */
  sd_emulator_free(s->emulator);
  (void)uv_loop_close(&s->loop);
  sd_buf_release(&text);
  sd_buf_release(&s->line);
  sd_free(s);
  return code;
}

const sd_command sd_command_emulator = {
    .name = "emulator",
    .summary = "Serve Event Hubs on this machine, for development and tests",
    .description = "Serves hubs over AMQP 1.0 as Azure Event Hubs does, to streamduck and to Microsoft's "
                   "SDKs. When it is ready it "
                   "prints one line of JSON with its addresses and a connection string; SIGINT or SIGTERM "
                   "stops it, and a last line "
                   "tells how many events each partition received and sent.\n"
                   "Events get sequence numbers from 0 in each partition, and opaque offsets. A publication "
                   "is acknowledged when the "
                   "kernel has it.",
    .options = {options},
    .run = run_emulator,
};
