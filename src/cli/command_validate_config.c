/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck validate-config`: everything that can be checked without connecting and without changing. */
#include "cli/output.h"
#include "cli/plan.h"

static const sd_option options[] = {
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object."},
    {.variable = NULL},
};

static const char *const unchecked[] = {
    "that the broker is reachable, knows hub and consumer group, and accepts the key: `streamduck "
    "check-credentials` does",
    "that MotherDuck accepts the token, and what the databases hold: `streamduck run` does",
    "that libduckdb can be loaded: `streamduck run` does",
    NULL,
};

static size_t complete_mappings(const sd_plan *plan)
{
  size_t count = 0;
  for (size_t i = 0; i < plan->mapping_count; i++)
    count += plan->mappings[i].complete;
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

static json_t *result_to_json(const sd_plan *plan)
{
  return json_pack("{s:b, s:s, s:I, s:o, s:o, s:o}", "ok", (int)(sd_problems_errors(&plan->problems) == 0),
                   "file", sd_settings_file(plan->settings), "variables",
                   (json_int_t)sd_settings_count(plan->settings), "mappings", sd_plan_to_json(plan),
                   "problems", sd_plan_problems_to_json(plan), "not_checked", names_to_json(unchecked));
}

static void print_checked(const sd_plan *plan, FILE *out)
{
  const char *file = sd_settings_file(plan->settings);
  size_t all = sd_settings_count(plan->settings), from_file = sd_settings_from_file(plan->settings);
  fputs("checked:\n", out);
  if (file[0])
    fprintf(out, "  %zu variables (%zu from %s, %zu from elsewhere): names, types, bounds\n", all, from_file,
            file, all - from_file);
  else
    fprintf(out, "  %zu variables (no .env here): names, types, bounds\n", all);
  fprintf(out, "  %zu mappings: source, sign-in, destination, none twice\n", plan->mapping_count);
  fputs("  files: folders of local databases are there and writable, certificates and libduckdb readable "
        "where they "
        "are named\n",
        out);
  fputs("not checked:\n", out);
  for (size_t i = 0; unchecked[i]; i++)
    fprintf(out, "  %s\n", unchecked[i]);
}

static sd_exit run_validate_config(sd_command_context *context)
{
  sd_plan *plan;
  sd_exit code = sd_plan_new(context, &plan);
  if (code != SD_EXIT_OK)
    return code;
  sd_plan_check_files(plan);
  size_t errors = sd_problems_errors(&plan->problems);
  code = errors ? SD_EXIT_CONFIG : SD_EXIT_OK;
  if (sd_arguments_is_on(context->arguments, "json")) {
    if (!sd_output_json(context, result_to_json(plan)))
      code = SD_EXIT_CONFIG;
    goto out;
  }
  sd_plan_print(plan, context);
  sd_plan_print_problems(plan, context, context->out);
  print_checked(plan, context->out);
  if (errors)
    fprintf(context->out, "the configuration has %zu error%s\n", errors, errors == 1 ? "" : "s");
  else
    fprintf(context->out, "the configuration is good: %zu mapping%s\n", complete_mappings(plan),
            complete_mappings(plan) == 1 ? "" : "s");
out:
  sd_plan_free(plan);
  return code;
}

const sd_command sd_command_validate_config = {
    .name = "validate-config",
    .summary = "Check the configuration and list everything that is wrong with it",
    .description =
        "Checks all that it can without connecting to anything and without changing anything, says what "
        "it checked and what not, and never asks a question.",
    .options = {options, sd_plan_options, sd_config_options},
    .run = run_validate_config,
};
