/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck check-credentials`: signs in at each hub. */
#include "base/alloc.h"
#include "cli/output.h"
#include "cli/probe.h"
#include "cli/totals.h"

#include <inttypes.h>

static const sd_option options[] = {
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object."},
    {.flag = "timeout",
     .type = SD_OPTION_DURATION,
     .default_value = "20",
     .min = 1000,
     .max = 600 * 1000,
     .text = "How long to wait for the brokers."},
    {.variable = NULL},
};

/* Events that the hub keeps now. */
static uint64_t kept_events(const sd_probe_result *result)
{
  uint64_t count = 0;
  for (uint32_t i = 0; i < result->partition_count; i++) {
    const sd_source_partition *p = &result->partitions[i];
    if (!p->empty && p->last_sequence >= p->begin_sequence)
      count += (uint64_t)(p->last_sequence - p->begin_sequence) + 1;
  }
  return count;
}

static void print_result(const sd_command_context *context, const sd_probe_result *result)
{
  const sd_stream_mapping *m = &result->mapping->stream;
  sd_buf line;
  sd_buf_init(&line, 8192);
  sd_buf_appendf(&line, "mapping %d: %s on %s: ", m->number, m->hub, m->host);
  if (result->error.code == SD_OK) {
    sd_buf_appendf(&line, "good; %s accepted, %u partition%s, ",
                   m->sas_key || m->sas_token ? result->mapping->connection_variable : "no key asked for and",
                   result->partition_count, result->partition_count == 1 ? "" : "s");
    sd_totals_append_count(kept_events(result), &line);
    sd_buf_append_text(&line, " events kept\n");
  } else {
    sd_buf_appendf(&line, "failed: %s\n", result->error.message);
  }
  sd_output_text(context, context->out, &line);
  sd_buf_release(&line);
}

static json_t *result_to_json(const sd_probe_result *result)
{
  const sd_stream_mapping *m = &result->mapping->stream;
  bool good = result->error.code == SD_OK;
  return json_pack("{s:i, s:s, s:s, s:b, s:o, s:I, s:o}", "mapping", m->number, "host", m->host, "hub",
                   m->hub, "ok", (int)good, "partitions",
                   good ? json_integer(result->partition_count) : json_null(), "events_kept",
                   (json_int_t)kept_events(result), "error",
                   good ? json_null()
                        : json_pack("{s:s, s:s, s:s}", "status", sd_status_name(result->error.code),
                                    "condition", result->error.condition, "message", result->error.message));
}

static bool print_json(const sd_command_context *context, const sd_probe_result *results, size_t count,
                       bool ok)
{
  json_t *array = json_array();
  for (size_t i = 0; array && i < count; i++) {
    if (json_array_append_new(array, result_to_json(&results[i])) != 0) {
      json_decref(array);
      array = NULL;
    }
  }
  return sd_output_json(context, json_pack("{s:b, s:o}", "ok", (int)ok, "mappings", array));
}

static sd_exit check(sd_command_context *context, const sd_job *job, bool json)
{
  sd_error error;
  size_t count = 0, failed = 0;
  uint32_t timeout_ms = (uint32_t)sd_arguments_value(context->arguments, "timeout").number;
  sd_probe_result *results = sd_calloc(job->mapping_count, sizeof *results);
  if (!results)
    return sd_command_fail(context, SD_EXIT_CONFIG, "out of memory");
  sd_exit code = SD_EXIT_CONFIG;
  if (sd_probe_run(job, timeout_ms, NULL, results, &count, &error) != SD_OK) {
    sd_command_print_error(context, "%s", error.message);
    goto out;
  }
  for (size_t i = 0; i < count; i++) {
    failed += results[i].error.code != SD_OK;
    if (!json)
      print_result(context, &results[i]);
  }
  code = failed ? SD_EXIT_CONFIG : SD_EXIT_OK;
  if (json && !print_json(context, results, count, failed == 0))
    code = SD_EXIT_CONFIG;
  if (!json)
    fputs("not checked: consumer groups (a reader of a group would disturb one that runs), destinations\n",
          context->out);
out:
  sd_probe_release(results, count);
  sd_free(results);
  return code;
}

static sd_exit run_check_credentials(sd_command_context *context)
{
  sd_job *job;
  bool json = sd_arguments_is_on(context->arguments, "json");
  sd_exit code = sd_job_new(context, &job);
  if (code != SD_EXIT_OK)
    return code;
  if (!sd_problems_errors(&job->problems)) {
    code = check(context, job, json);
  } else {
    code = SD_EXIT_CONFIG;
    if (json)
      sd_output_json(context, json_pack("{s:b, s:o}", "ok", 0, "problems", sd_job_problems_to_json(job)));
    else
      sd_job_print_problems(job, context, context->err);
  }
  sd_job_free(job);
  return code;
}

const sd_command sd_command_check_credentials = {
    .name = "check-credentials",
    .summary = "Sign in at the hub of each mapping and say what worked",
    .description =
        "Connects to each hub with the given credentials and asks about its partitions. Receives no "
        "event and disturbs no reader. The exit code is 1 when a mapping failed.",
    .options = {options, sd_job_options, sd_config_options},
    .run = run_check_credentials,
};
