/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Progress of `run`. */
#include "cli/progress.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/output.h"
#include "cli/status_json.h"
#include "cli/totals.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/ioctl.h>

enum { LINE_MAX_BYTES = 2048, PARTITIONS_SHOWN = 16, DEFAULT_COLUMNS = 80 };

struct sd_progress {
  const sd_command_context *context;
  bool json;
  bool in_place;
  bool colour;
  uint32_t interval_ms;
  uint64_t started_ms;
  uint64_t stopped_ms; /* 0: it still works */
  uint64_t shown_ms;   /* 0: never */
  uint64_t shown_landed;
  pthread_mutex_t lock;      /* the files, and: */
  char line[LINE_MAX_BYTES]; /* what stands in place; "" when nothing does */
};

sd_progress *sd_progress_new(const sd_command_context *context, bool json, uint32_t interval_ms)
{
  sd_progress *progress = sd_calloc(1, sizeof *progress);
  if (!progress)
    return NULL;
  progress->context = context;
  progress->json = json;
  progress->in_place = !json && sd_terminal_is(context->err);
  progress->colour = sd_terminal_has_colour(context->err);
  progress->interval_ms = interval_ms;
  progress->started_ms = sd_clock_monotonic_ms();
  progress->shown_ms = progress->started_ms;
  pthread_mutex_init(&progress->lock, NULL);
  return progress;
}

void sd_progress_free(sd_progress *progress)
{
  if (!progress)
    return;
  pthread_mutex_destroy(&progress->lock);
  sd_free(progress);
}

/* Under the lock. */
static void clear_line(sd_progress *progress)
{
  if (progress->in_place && progress->line[0])
    fputs("\r\033[K", progress->context->err);
}

static void draw_line(sd_progress *progress)
{
  if (progress->in_place && progress->line[0]) {
    fputs(progress->line, progress->context->err);
    fflush(progress->context->err);
  }
}

static unsigned columns(FILE *file)
{
  struct winsize size;
  if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 10)
    return size.ws_col;
  return DEFAULT_COLUMNS;
}

/* Lag of each partition while it is one mapping of few partitions, else of each mapping. */
static void append_lag(const sd_stream_snapshot *snapshot, sd_buf *out)
{
  sd_buf_append_text(out, "lag ");
  if (snapshot->mapping_count == 1 && snapshot->mappings[0].partition_count <= PARTITIONS_SHOWN) {
    const sd_mapping_snapshot *m = &snapshot->mappings[0];
    for (size_t i = 0; i < m->partition_count; i++)
      sd_buf_appendf(out, "%s%s:%" PRId64, i ? " " : "", m->partitions[i].partition_id, m->partitions[i].lag);
    return;
  }
  for (size_t i = 0; i < snapshot->mapping_count && i < PARTITIONS_SHOWN; i++)
    sd_buf_appendf(out, "%smapping %d:%" PRId64, i ? " " : "", snapshot->mappings[i].number,
                   snapshot->mappings[i].lag);
}

static void append_states(const sd_stream_snapshot *snapshot, sd_buf *out)
{
  for (size_t i = 0; i < snapshot->mapping_count; i++) {
    const sd_mapping_snapshot *m = &snapshot->mappings[i];
    if (m->state == SD_MAPPING_HALTED || m->state == SD_MAPPING_BACKING_OFF)
      sd_buf_appendf(out, "; mapping %d %s", m->number, sd_mapping_state_name(m->state));
  }
}

static void format_line(const sd_stream_snapshot *snapshot, double rate, sd_buf *out)
{
  sd_totals totals = sd_totals_of(snapshot);
  sd_totals_append_count(totals.landed + totals.dead_letters, out);
  sd_buf_append_text(out, " events, ");
  sd_totals_append_count((uint64_t)rate, out);
  sd_buf_append_text(out, "/s, lag ");
  sd_totals_append_count(totals.lag > 0 ? (uint64_t)totals.lag : 0, out);
  sd_buf_append_text(out, ", buffered ");
  sd_totals_append_bytes(totals.buffered_bytes, out);
  sd_buf_append_text(out, " (");
  append_lag(snapshot, out);
  sd_buf_append_byte(out, ')');
  append_states(snapshot, out);
}

static void show_text(sd_progress *progress, const sd_stream_snapshot *snapshot, double rate)
{
  sd_buf line;
  char now[SD_CLOCK_ISO8601_SIZE];
  sd_buf_init(&line, LINE_MAX_BYTES - 1);
  format_line(snapshot, rate, &line);
  pthread_mutex_lock(&progress->lock);
  if (progress->in_place) {
    clear_line(progress);
    size_t width = columns(progress->context->err) - 1;
    sd_bytes_to_text(sd_buf_bytes(&line), progress->line,
                     width + 1 < sizeof progress->line ? width + 1 : sizeof progress->line);
    draw_line(progress);
  } else {
    int64_t seconds = sd_clock_unix_us() / 1000000;
    fprintf(progress->context->err, "%s info run: %s\n", sd_clock_iso8601(seconds * 1000000, now),
            sd_buf_text(&line));
  }
  pthread_mutex_unlock(&progress->lock);
  sd_buf_release(&line);
}

static void show_json(sd_progress *progress, const char *event, json_t *state, json_t *more)
{
  json_t *line = json_pack("{s:s}", "event", event);
  bool good =
      line && state && json_object_update(line, state) == 0 && (!more || json_object_update(line, more) == 0);
  if (!good) {
    json_decref(line);
    line = NULL;
  }
  pthread_mutex_lock(&progress->lock);
  sd_output_json(progress->context, line);
  pthread_mutex_unlock(&progress->lock);
  json_decref(state);
  json_decref(more);
}

void sd_progress_show(sd_progress *progress, const sd_stream_snapshot *snapshot)
{
  uint64_t now = sd_clock_monotonic_ms();
  uint64_t passed = now - progress->shown_ms;
  if (passed < progress->interval_ms)
    return;
  sd_totals totals = sd_totals_of(snapshot);
  uint64_t landed = totals.landed + totals.dead_letters;
  double rate = passed ? (double)(landed - progress->shown_landed) * 1000.0 / (double)passed : 0;
  if (progress->json)
    show_json(progress, "progress", sd_status_to_json(snapshot),
              json_pack("{s:f}", "events_per_second", rate));
  else
    show_text(progress, snapshot, rate);
  progress->shown_ms = now;
  progress->shown_landed = landed;
}

static const char *const exit_words[] = {"done", "configuration", "usage", "halted", "aborted"};

static void print_statistics(sd_progress *progress, const sd_stream_snapshot *snapshot, double seconds)
{
  sd_buf text;
  sd_buf_init(&text, 1024 * 1024);
  sd_totals_append_block(snapshot, seconds, &text);
  pthread_mutex_lock(&progress->lock);
  clear_line(progress);
  progress->line[0] = '\0';
  fflush(progress->context->err);
  sd_output_text(progress->context, progress->context->out, &text);
  fflush(progress->context->out);
  pthread_mutex_unlock(&progress->lock);
  sd_buf_release(&text);
}

void sd_progress_stop_clock(sd_progress *progress)
{
  progress->stopped_ms = sd_clock_monotonic_ms();
}

void sd_progress_finish(sd_progress *progress, const sd_stream_snapshot *snapshot, sd_exit code,
                        const sd_error *error)
{
  uint64_t until_ms = progress->stopped_ms ? progress->stopped_ms : sd_clock_monotonic_ms();
  double seconds = (double)(until_ms - progress->started_ms) / 1000.0;
  if (!progress->json) {
    print_statistics(progress, snapshot, seconds);
    return;
  }
  sd_totals totals = sd_totals_of(snapshot);
  json_t *more =
      json_pack("{s:i, s:s, s:f, s:f, s:o, s:o}", "exit_code", (int)code, "result", exit_words[code],
                "seconds", seconds, "events_per_second",
                seconds > 0 ? (double)(totals.landed + totals.dead_letters) / seconds : 0.0, "statistics",
                sd_totals_to_json(&totals), "reason", error ? json_string(error->message) : json_null());
  show_json(progress, "end", sd_status_to_json(snapshot), more);
}

void sd_progress_log(void *user, int level, const char *subsystem, const char *message)
{
  static const char *const colours[] = {"\033[2m", "", "\033[33m", "\033[31m"};
  sd_progress *progress = user;
  char now[SD_CLOCK_ISO8601_SIZE];
  char text[SD_LOG_MESSAGE_MAX];
  sd_bytes_to_text(sd_bytes_of(message), text, sizeof text);
  sd_scrub_text(progress->context->scrubber, text, sizeof text);
  sd_utf8_repair(text, strlen(text));
  const char *name = sd_log_level_name((sd_log_level)level);
  sd_clock_iso8601(sd_clock_unix_us(), now);
  if (progress->json) {
    show_json(progress, "log",
              json_pack("{s:s, s:s, s:s, s:s}", "time", now, "level", name, "subsystem", subsystem, "message",
                        text),
              NULL);
    return;
  }
  const char *colour = progress->colour && level >= 0 && level <= 3 ? colours[level] : "";
  pthread_mutex_lock(&progress->lock);
  clear_line(progress);
  fprintf(progress->context->err, "%s%s %s %s: %s%s\n", colour, now, name, subsystem, text,
          colour[0] ? "\033[0m" : "");
  draw_line(progress);
  pthread_mutex_unlock(&progress->lock);
}

void sd_progress_write(void *user, const char *text, size_t len)
{
  sd_progress *progress = user;
  sd_buf clean;
  sd_buf_init(&clean, SD_OUTPUT_MAX);
  if (sd_scrub(progress->context->scrubber, sd_bytes_make(text, len), &clean) == SD_OK) {
    pthread_mutex_lock(&progress->lock);
    clear_line(progress);
    fwrite(clean.data, 1, clean.len, progress->context->err);
    fflush(progress->context->err);
    draw_line(progress);
    pthread_mutex_unlock(&progress->lock);
  }
  sd_buf_release(&clean);
}

void sd_progress_event(sd_progress *progress, const char *event, json_t *members)
{
  show_json(progress, event, members, NULL);
}

bool sd_progress_is_json(const sd_progress *progress)
{
  return progress->json;
}
