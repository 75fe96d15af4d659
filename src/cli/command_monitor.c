/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck monitor`: status again and again. */
#include "base/clock.h"
#include "cli/output.h"
#include "cli/status_client.h"
#include "cli/totals.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/ioctl.h>
#include <time.h>

enum { STORED_EVERY_MS = 10000 /* databases are opened at most this often */, ROWS_DEFAULT = 24 };

static const sd_option options[] = {
    {.flag = "interval",
     .type = SD_OPTION_DURATION,
     .min = 100,
     .max = 3600 * 1000,
     .default_value = "1",
     .text = "Between two looks."},
    {.flag = "count",
     .type = SD_OPTION_INTEGER,
     .min = 0,
     .max = 1000000000,
     .default_value = "0",
     .text = "Ends after this many looks; 0: when it is stopped."},
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object per look (docs/status.md)."},
    {.variable = NULL},
};

static void wait_ms(uint32_t ms)
{
  struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static unsigned terminal_rows(FILE *file)
{
  struct winsize size;
  return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? size.ws_row : ROWS_DEFAULT;
}

/* Draws from the top of the screen, each line cleared to its end, and clears what is below: no flicker. Lines
 * that do not fit on the screen are left out. */
static void draw(const sd_command_context *context, sd_buf *table)
{
  char now[SD_CLOCK_ISO8601_SIZE];
  sd_buf screen;
  sd_buf_init(&screen, SD_OUTPUT_MAX);
  sd_buf_appendf(&screen, "\033[Hstreamduck monitor  %s  (Ctrl-C ends it)\033[K\n",
                 sd_clock_iso8601(sd_clock_unix_us() / 1000000 * 1000000, now));
  unsigned rows = terminal_rows(context->out);
  const char *line = sd_buf_text(table);
  for (unsigned row = 1; row + 1 < rows && *line; row++) {
    size_t len = strcspn(line, "\n");
    sd_buf_append(&screen, line, len);
    sd_buf_append_text(&screen, "\033[K\n");
    line += len + (line[len] == '\n');
  }
  sd_buf_append_text(&screen, *line ? "…\033[K\033[J" : "\033[J");
  sd_output_text(context, context->out, &screen);
  sd_buf_release(&screen);
}

/* One line per mapping, for logs. */
static void append_lines(const json_t *mappings, const char *now, sd_buf *out)
{
  size_t i;
  const json_t *m;
  json_array_foreach(mappings, i, m)
  {
    const char *state = json_string_value(json_object_get(m, "state"));
    sd_buf_appendf(out, "%s mapping %" JSON_INTEGER_FORMAT " %s landed ", now,
                   json_integer_value(json_object_get(m, "mapping")), state ? state : "");
    sd_totals_append_count((uint64_t)json_integer_value(json_object_get(m, "landed")), out);
    sd_buf_appendf(out,
                   " dead letters %" JSON_INTEGER_FORMAT " lag %" JSON_INTEGER_FORMAT
                   " buffered %" JSON_INTEGER_FORMAT "\n",
                   json_integer_value(json_object_get(m, "dead_letters")),
                   json_integer_value(json_object_get(m, "lag")),
                   json_integer_value(json_object_get(m, "buffered_bytes")));
  }
}

static void show_lines(const sd_command_context *context, json_t *collected)
{
  char now[SD_CLOCK_ISO8601_SIZE];
  size_t i;
  const json_t *instance;
  sd_buf text;
  sd_buf_init(&text, SD_OUTPUT_MAX);
  sd_clock_iso8601(sd_clock_unix_us() / 1000000 * 1000000, now);
  json_array_foreach(json_object_get(collected, "instances"), i, instance)
  {
    append_lines(json_object_get(instance, "mappings"), now, &text);
  }
  append_lines(json_object_get(collected, "stored"), now, &text);
  if (text.len == 0)
    sd_buf_appendf(&text, "%s no instance is running\n", now);
  sd_output_text(context, context->out, &text);
  sd_buf_release(&text);
}

static void show_screen(const sd_command_context *context, json_t *collected)
{
  sd_buf table;
  sd_buf_init(&table, SD_OUTPUT_MAX);
  sd_status_format(collected, &table);
  if (table.len == 0)
    sd_buf_append_text(&table, "no instance is running\n");
  draw(context, &table);
  sd_buf_release(&table);
}

typedef struct monitor {
  const sd_command_context *context;
  sd_job *job;
  bool json;
  bool screen;
  uint64_t stored_ms; /* when the databases were looked at last; 0: never */
  size_t instances;   /* at the last look */
  json_t *stored;     /* what they held */
} monitor;

/* Databases are looked at rarely, and at once when an instance has come or gone. */
static json_t *collect(monitor *m)
{
  const char *state_dir = sd_job_state_dir(m->job);
  uint64_t now = sd_clock_monotonic_ms();
  json_t *collected = sd_status_collect(state_dir, m->job, false);
  size_t instances = json_array_size(json_object_get(collected, "instances"));
  if (collected && (!m->stored || instances != m->instances || now - m->stored_ms >= STORED_EVERY_MS)) {
    json_decref(collected);
    collected = sd_status_collect(state_dir, m->job, true);
    json_decref(m->stored);
    m->stored = json_incref(json_object_get(collected, "stored"));
    m->stored_ms = now;
    m->instances = instances;
  } else if (collected) {
    json_object_set(collected, "stored", m->stored);
  }
  return collected;
}

static bool look(monitor *m)
{
  json_t *collected = collect(m);
  if (!collected) {
    sd_command_print_error(m->context, "out of memory");
    return false;
  }
  if (m->json)
    sd_output_json(m->context, json_incref(collected));
  else if (m->screen)
    show_screen(m->context, collected);
  else
    show_lines(m->context, collected);
  json_decref(collected);
  return fflush(m->context->out) == 0;
}

static sd_exit run_monitor(sd_command_context *context)
{
  monitor m = {.context = context, .json = sd_arguments_is_on(context->arguments, "json")};
  sd_exit code = sd_job_new(context, &m.job);
  if (code != SD_EXIT_OK)
    return code;
  m.screen = !m.json && sd_terminal_is(context->out);
  uint32_t interval_ms = (uint32_t)sd_arguments_value(context->arguments, "interval").number;
  int64_t count = sd_arguments_value(context->arguments, "count").number;
  if (m.screen)
    fputs("\033[H\033[2J", context->out);
  for (int64_t i = 0; count == 0 || i < count; i++) {
    if (i > 0)
      wait_ms(interval_ms);
    if (!look(&m)) {
      code = SD_EXIT_CONFIG;
      break;
    }
  }
  json_decref(m.stored);
  sd_job_free(m.job);
  return code;
}

const sd_command sd_command_monitor = {
    .name = "monitor",
    .summary = "Show the status again and again: a live table on a terminal, lines elsewhere",
    .description =
        "As `status`, repeated. Control tables of mappings that do not run are read at most every 10 "
        "seconds.",
    .options = {options, sd_job_options, sd_config_options},
    .run = run_monitor,
};
