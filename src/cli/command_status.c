/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck status`. */
#include "cli/output.h"
#include "cli/status_client.h"

static const sd_option options[] = {
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object (docs/status.md)."},
    {.variable = NULL},
};

static sd_exit run_status(sd_command_context *context)
{
  sd_job *job;
  sd_exit code = sd_job_new(context, &job);
  if (code != SD_EXIT_OK)
    return code;
  code = SD_EXIT_CONFIG;
  json_t *collected = sd_status_collect(sd_job_state_dir(job), job, true);
  bool shown = json_array_size(json_object_get(collected, "instances")) > 0 ||
               json_array_size(json_object_get(collected, "stored")) > 0;
  if (!collected) {
    sd_command_print_error(context, "out of memory");
  } else if (!shown && sd_problems_errors(&job->problems)) {
    sd_job_print_problems(job, context, context->err);
    sd_command_print_error(context, "no instance is running, and the configuration is not good");
  } else if (sd_arguments_is_on(context->arguments, "json")) {
    code = sd_output_json(context, json_incref(collected)) ? SD_EXIT_OK : SD_EXIT_CONFIG;
  } else {
    sd_buf text;
    sd_buf_init(&text, SD_OUTPUT_MAX);
    sd_status_format(collected, &text);
    sd_output_text(context, context->out, &text);
    sd_buf_release(&text);
    code = SD_EXIT_OK;
  }
  json_decref(collected);
  sd_job_free(job);
  return code;
}

const sd_command sd_command_status = {
    .name = "status",
    .summary = "Show what has landed, what the broker holds and how far behind each partition is",
    .description = "Asks the running instances of this user over their sockets. For configured mappings that "
                   "none of them "
                   "runs, reads the control table from the database, which must not be open in another "
                   "process, and asks "
                   "the broker for its last sequence numbers.\n"
                   "landed is the sequence number of the last event that landed, lag what the broker holds "
                   "beyond it, age the "
                   "time since that event was enqueued.",
    .options = {options, sd_job_options, sd_config_options},
    .run = run_status,
};
