/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A job and its problems for people and as JSON. */
#include "base/clock.h"
#include "cli/job.h"
#include "cli/output.h"

enum { TEXT_MAX = 1024 };

void sd_job_start_text(const sd_stream_mapping *mapping, sd_buf *out)
{
  char time[SD_CLOCK_ISO8601_SIZE];
  switch (mapping->start) {
  case SD_START_EARLIEST:
    sd_buf_append_text(out, "earliest");
    return;
  case SD_START_LATEST:
    sd_buf_append_text(out, "latest");
    return;
  case SD_START_TIME:
    sd_buf_appendf(out, "@%s", sd_clock_iso8601(mapping->start_time_us, time));
    return;
  case SD_START_OFFSET:
    break;
  }
  sd_buf_appendf(out, "offset:%s", mapping->start_offset);
}

static void describe_mapping(const sd_job_mapping *mapping, sd_buf *out)
{
  const sd_stream_mapping *s = &mapping->stream;
  sd_buf_appendf(out, "mapping %d\n", mapping->number);
  sd_buf_appendf(out, "  from   %s on %s", s->hub, s->host);
  if (s->port)
    sd_buf_appendf(out, ":%u", (unsigned)s->port);
  sd_buf_appendf(out, " (%s), consumer group %s\n", s->tls ? "TLS" : "plain TCP", s->consumer_group);
  sd_buf_append_text(out, "  sign in ");
  if (s->sas_key)
    sd_buf_appendf(out, "with the key %s=*** of %s\n", s->sas_key_name ? s->sas_key_name : "?",
                   mapping->connection_variable);
  else
    sd_buf_appendf(out, "%s%s\n",
                   s->sas_token ? "with the SharedAccessSignature *** of " : "without a key, as ",
                   mapping->connection_variable);
  sd_buf_append_text(out, "  begins at the checkpoint, without one at ");
  sd_job_start_text(s, out);
  sd_buf_appendf(out, "; offset lost: %s\n", s->earliest_on_offset_lost ? "go on with the earliest" : "stop");
  sd_buf_appendf(out, "  into   %s %s, table %s.%s, event_body %s\n",
                 s->motherduck ? "MotherDuck database" : "file", s->database, s->schema, s->table,
                 s->body_is_blob ? "BLOB" : "VARCHAR");
  sd_buf_appendf(out, "  batch  %u events, ", s->batch_rows);
  sd_option_format_size((int64_t)s->batch_bytes, out);
  sd_buf_append_text(out, " or ");
  sd_option_format_duration(s->batch_timeout_ms, out);
  sd_buf_append_text(out, "\n");
}

void sd_job_print(const sd_job *job, const sd_command_context *context)
{
  for (size_t i = 0; i < job->mapping_count; i++) {
    if (!job->mappings[i].complete)
      continue;
    sd_buf text;
    sd_buf_init(&text, 64 * TEXT_MAX);
    describe_mapping(&job->mappings[i], &text);
    sd_output_text(context, context->out, &text);
    sd_buf_release(&text);
  }
}

static json_t *mapping_to_json(const sd_job_mapping *mapping)
{
  const sd_stream_mapping *s = &mapping->stream;
  sd_buf start;
  sd_buf_init(&start, TEXT_MAX);
  sd_job_start_text(s, &start);
  json_t *json = json_pack(
      "{s:i, s:{s:s, s:i, s:b, s:s, s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s}, s:{s:I, s:I, s:I}}",
      "mapping", mapping->number, "source", "host", s->host, "port", (int)s->port, "tls", (int)s->tls, "hub",
      s->hub, "consumer_group", s->consumer_group, "start", sd_buf_text(&start), "on_offset_lost",
      s->earliest_on_offset_lost ? "earliest" : "stop", "destination", "kind",
      s->motherduck ? "motherduck" : "file", "database", s->database, "schema", s->schema, "table", s->table,
      "body", s->body_is_blob ? "blob" : "text", "batch", "events", (json_int_t)s->batch_rows, "bytes",
      (json_int_t)s->batch_bytes, "timeout_ms", (json_int_t)s->batch_timeout_ms);
  sd_buf_release(&start);
  return json;
}

json_t *sd_job_to_json(const sd_job *job)
{
  json_t *array = json_array();
  for (size_t i = 0; array && i < job->mapping_count; i++) {
    if (job->mappings[i].complete && json_array_append_new(array, mapping_to_json(&job->mappings[i])) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

void sd_job_print_problems(const sd_job *job, const sd_command_context *context, FILE *file)
{
  static const char *const colours[] = {"\033[31m", "\033[33m", "\033[36m"};
  bool colour = sd_terminal_has_colour(file);
  for (int level = SD_PROBLEM_ERROR; level <= SD_PROBLEM_NOTICE; level++) {
    for (size_t i = 0; i < job->problems.count; i++) {
      const sd_problem *problem = &job->problems.items[i];
      if ((int)problem->level != level)
        continue;
      sd_buf text;
      sd_buf_init(&text, 2 * SD_PROBLEM_TEXT_MAX);
      sd_buf_appendf(&text, "%s%s%s: %s\n", colour ? colours[level] : "",
                     sd_problem_level_name(problem->level), colour ? "\033[0m" : "", problem->text);
      sd_output_text(context, file, &text);
      sd_buf_release(&text);
    }
  }
  if (job->problems.incomplete)
    fprintf(file, "there are more problems than the %d listed\n", (int)SD_PROBLEMS_MAX);
}

json_t *sd_job_problems_to_json(const sd_job *job)
{
  json_t *array = json_array();
  for (size_t i = 0; array && i < job->problems.count; i++) {
    const sd_problem *problem = &job->problems.items[i];
    char text[SD_PROBLEM_TEXT_MAX];
    sd_bytes_to_text(sd_bytes_of(problem->text), text, sizeof text);
    sd_utf8_repair(text, strlen(text));
    json_t *item = json_pack("{s:s, s:s, s:s}", "level", sd_problem_level_name(problem->level), "variable",
                             problem->variable, "message", text);
    if (json_array_append_new(array, item) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}
