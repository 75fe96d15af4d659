/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck validate-config`: everything that can be checked without connecting and without changing. */
#include "base/alloc.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/telemetry_check.h"

enum { TEXT_MAX = 64 * 1024 };

static const sd_option options[] = {
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object."},
    {.flag = "online",
     .type = SD_OPTION_BOOLEAN,
     .text =
         "Also sends a test span through every configured exporter (Logfire, OpenTelemetry, console), waits "
         "for the answers, and says for each point that one looks at when no traces appear how it stands."},
    {.variable = NULL},
};

static const char *const unchecked[] = {
    "that the broker is reachable, knows hub and consumer group, and accepts the key: `streamduck "
    "check-credentials` does",
    "that MotherDuck accepts the token, and what the databases hold: `streamduck run` does",
    "that libduckdb can be loaded: `streamduck run` does",
    NULL,
};

static size_t complete_mappings(const sd_job *job)
{
  size_t count = 0;
  for (size_t i = 0; i < job->mapping_count; i++)
    count += job->mappings[i].complete;
  return count;
}

static json_t *names_to_json(const char *const *names)
{
  json_t *array = json_array();
  for (; array && *names; names++) {
    if (json_array_append_new(array, json_string(*names)) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

/* online: NULL when it was not asked for. */
static json_t *result_to_json(const sd_job *job, const sd_telemetry_check *online)
{
  bool good = sd_problems_errors(&job->problems) == 0 && (!online || online->bad == 0);
  json_t *json =
      json_pack("{s:b, s:s, s:I, s:o, s:o, s:o, s:o}", "ok", (int)good, "file",
                sd_settings_file(job->settings), "variables", (json_int_t)sd_settings_count(job->settings),
                "mappings", sd_job_to_json(job), "telemetry", sd_job_telemetry_to_json(&job->telemetry),
                "problems", sd_job_problems_to_json(job), "not_checked", names_to_json(unchecked));
  if (json && online && json_object_set_new(json, "online", sd_telemetry_check_to_json(online)) != 0) {
    json_decref(json);
    return NULL;
  }
  return json;
}

static void print_checked(const sd_job *job, FILE *out)
{
  const char *file = sd_settings_file(job->settings);
  size_t all = sd_settings_count(job->settings), from_file = sd_settings_from_file(job->settings);
  fputs("checked:\n", out);
  if (file[0])
    fprintf(out, "  %zu variables (%zu from %s, %zu from elsewhere): names, types, bounds\n", all, from_file,
            file, all - from_file);
  else
    fprintf(out, "  %zu variables (no .env here): names, types, bounds\n", all);
  fprintf(out, "  %zu mappings: source, sign-in, destination, none twice\n", job->mapping_count);
  fputs("  files: folders of local databases are there and writable, certificates and libduckdb readable "
        "where they "
        "are named\n",
        out);
  fputs("not checked:\n", out);
  for (size_t i = 0; unchecked[i]; i++)
    fprintf(out, "  %s\n", unchecked[i]);
}

static void print_telemetry(const sd_job *job, const sd_command_context *context)
{
  sd_buf text;
  sd_buf_init(&text, TEXT_MAX);
  sd_job_telemetry_describe(&job->telemetry, &text);
  sd_output_text(context, context->out, &text);
  sd_buf_release(&text);
}

static void print_verdict(const sd_job *job, const sd_telemetry_check *online, FILE *out)
{
  size_t errors = sd_problems_errors(&job->problems);
  if (errors)
    fprintf(out, "the configuration has %zu error%s\n", errors, errors == 1 ? "" : "s");
  else
    fprintf(out, "the configuration is good: %zu mapping%s\n", complete_mappings(job),
            complete_mappings(job) == 1 ? "" : "s");
  if (online && online->bad)
    fprintf(out, "telemetry has %zu point%s to look at\n", online->bad, online->bad == 1 ? "" : "s");
}

static sd_exit run_validate_config(sd_command_context *context)
{
  sd_job *job;
  sd_exit code = sd_job_new(context, &job);
  if (code != SD_EXIT_OK)
    return code;
  sd_job_check_files(job);
  size_t errors = sd_problems_errors(&job->problems);
  code = errors ? SD_EXIT_CONFIG : SD_EXIT_OK;
  sd_telemetry_check *online = NULL;
  if (sd_arguments_is_on(context->arguments, "online")) {
    online = sd_calloc(1, sizeof *online);
    if (!online) {
      code = sd_command_fail(context, SD_EXIT_CONFIG, "out of memory");
      goto out;
    }
    sd_telemetry_check_run(job, context, online);
    if (online->bad)
      code = SD_EXIT_CONFIG;
  }
  if (sd_arguments_is_on(context->arguments, "json")) {
    if (!sd_output_json(context, result_to_json(job, online)))
      code = SD_EXIT_CONFIG;
    goto out;
  }
  sd_job_print(job, context);
  print_telemetry(job, context);
  sd_job_print_problems(job, context, context->out);
  print_checked(job, context->out);
  if (online)
    sd_telemetry_check_print(online, context);
  print_verdict(job, online, context->out);
out:
  if (online)
    sd_telemetry_check_release(online);
  sd_free(online);
  sd_job_free(job);
  return code;
}

const sd_command sd_command_validate_config = {
    .name = "validate-config",
    .summary = "Check the configuration and list everything that is wrong with it",
    .description =
        "Checks all that it can without connecting to anything and without changing anything, says what "
        "it checked and what not, and never asks a question. Only with --online it connects: to where "
        "telemetry goes.",
    .options = {options, sd_job_options, sd_config_options},
    .run = run_validate_config,
};
