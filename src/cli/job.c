/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Making a job from the command line, the environment and .env; what concerns all mappings together. */
#include "cli/job.h"

#include "base/alloc.h"
#include "cli/job_mapping.h"

#include <stdlib.h>
#include <unistd.h>

enum { ARENA_BLOCK = 16 * 1024, ARENA_MAX = 16 * 1024 * 1024, ASSIGNMENTS_MAX = SD_ARGUMENTS_MAX };

const sd_option sd_job_options[] = {
    {.flag = "env-file",
     .letter = 'e',
     .type = SD_OPTION_TEXT,
     .value_name = "FILE",
     .default_value = ".env",
     .section = "Configuration",
     .text = "Reads the settings from this file. Variables of the environment win over it."},
    {.flag = "set",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_REPEATED,
     .value_name = "NAME=VALUE",
     .section = "Configuration",
     .text =
         "Sets a variable for this run; wins over the environment. Not for secrets: the list of processes "
         "shows them."},
    {.variable = NULL},
};

static const char *copy_text(sd_job *job, const char *text, size_t len)
{
  return sd_arena_copy(&job->arena, text, len);
}

/* One NAME=VALUE of --set. */
static sd_exit take_assignment(sd_command_context *context, sd_job *job, const char *text, sd_assignment *ret)
{
  const char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return sd_command_fail(context, SD_EXIT_USAGE, "--set needs NAME=VALUE");
  const char *name = copy_text(job, text, (size_t)(equals - text));
  if (!name)
    return sd_command_fail(context, SD_EXIT_CONFIG, "out of memory");
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    int number;
    if (sd_option_match(o, name, &number) && o->type == SD_OPTION_SECRET)
      return sd_command_fail(
          context, SD_EXIT_USAGE,
          "--set does not take %s, because the list of processes shows it: put it into the "
          "environment or into a file",
          name);
  }
  *ret = (sd_assignment){.name = name, .value = equals + 1};
  return SD_EXIT_OK;
}

static sd_exit take_command_line(sd_command_context *context, sd_job *job, sd_assignment *assignments,
                                 size_t *ret_count)
{
  size_t count = 0;
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    if (o->flag && count < ASSIGNMENTS_MAX && sd_arguments_given(context->arguments, o->flag))
      assignments[count++] = (sd_assignment){o->variable, sd_arguments_text(context->arguments, o->flag)};
  }
  size_t sets = sd_arguments_count(context->arguments, "set");
  for (size_t i = 0; i < sets && count < ASSIGNMENTS_MAX; i++) {
    sd_exit code =
        take_assignment(context, job, sd_arguments_nth(context->arguments, "set", i), &assignments[count]);
    if (code != SD_EXIT_OK)
      return code;
    count++;
  }
  *ret_count = count;
  return SD_EXIT_OK;
}

static sd_exit fill(sd_command_context *context, sd_job *job, sd_assignment *assignments)
{
  sd_settings_sources sources = {
      .command_line = assignments,
      .environment = environ,
      .file = sd_arguments_text(context->arguments, "env-file"),
      .file_is_optional = !sd_arguments_given(context->arguments, "env-file"),
  };
  sd_exit code = take_command_line(context, job, assignments, &sources.command_line_count);
  if (code != SD_EXIT_OK)
    return code;
  sd_status status = sd_settings_load(&sources, context->scrubber, &job->problems, &job->settings);
  if (status == SD_OK)
    status = sd_job_judge(job, context->scrubber);
  if (status != SD_OK)
    return sd_command_fail(context, SD_EXIT_CONFIG, "the configuration could not be read: %s",
                           sd_status_text(status));
  return SD_EXIT_OK;
}

sd_exit sd_job_new(sd_command_context *context, sd_job **ret_job)
{
  sd_exit code;
  sd_job *job = sd_calloc(1, sizeof *job);
  sd_assignment *assignments = sd_calloc(ASSIGNMENTS_MAX, sizeof *assignments);
  if (!job || !assignments) {
    code = sd_command_fail(context, SD_EXIT_CONFIG, "out of memory");
    goto out;
  }
  sd_arena_init(&job->arena, ARENA_BLOCK, ARENA_MAX);
  sd_problems_init(&job->problems);
  code = fill(context, job, assignments);
  if (code != SD_EXIT_OK)
    goto out;
  *ret_job = job;
  job = NULL;
out:
  sd_free(assignments);
  sd_job_free(job);
  return code;
}

void sd_job_free(sd_job *job)
{
  if (!job)
    return;
  sd_settings_free(job->settings);
  sd_problems_release(&job->problems);
  sd_free(job->mappings);
  sd_arena_release(&job->arena);
  sd_free(job);
}

/* Every N that some variable has, ascending. The settings are sorted by row first. */
static sd_status collect_numbers(sd_job *job)
{
  size_t settings = sd_settings_count(job->settings);
  sd_job_mapping *mappings = sd_calloc(settings ? settings : 1, sizeof *mappings);
  if (!mappings)
    return SD_NOMEM;
  size_t count = 0;
  for (size_t i = 0; i < settings; i++) {
    const sd_setting *setting = sd_settings_at(job->settings, i);
    if (!strstr(setting->option->variable, "{N}"))
      continue;
    size_t at = 0;
    while (at < count && mappings[at].number < setting->number)
      at++;
    if (at < count && mappings[at].number == setting->number)
      continue;
    memmove(&mappings[at + 1], &mappings[at], (count - at) * sizeof *mappings);
    mappings[at] = (sd_job_mapping){.number = setting->number};
    count++;
  }
  job->mappings = mappings;
  job->mapping_count = count;
  return SD_OK;
}

static void judge_retry(sd_job *job)
{
  const sd_settings *settings = job->settings;
  if (!sd_settings_number(settings, "SMART_RETRY_ENABLED", 0, 0))
    return;
  sd_problems_add(
      &job->problems, SD_PROBLEM_NOTICE, "SMART_RETRY_ENABLED",
      "SMART_RETRY_ENABLED is true: smart retry is not in this version; errors are retried by rules");
  if (!sd_settings_find_any(settings, "SMART_RETRY_LLM_API_KEY", 0))
    sd_problems_add(&job->problems, SD_PROBLEM_WARNING, "SMART_RETRY_LLM_API_KEY",
                    "SMART_RETRY_LLM_API_KEY is missing: smart retry will need it");
}

static void judge_count(sd_job *job)
{
  if (job->mapping_count > SD_STREAM_MAPPINGS_MAX)
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, NULL,
                    "%zu mappings are configured; one process runs at most %d: divide them among several",
                    job->mapping_count, (int)SD_STREAM_MAPPINGS_MAX);
  if (job->mapping_count > 0)
    return;
  const char *file = sd_settings_file(job->settings);
  sd_problems_add(
      &job->problems, SD_PROBLEM_ERROR, "EVENTHUBNAME_1",
      "no mapping is configured%s%s: set EVENTHUBNAME_1, EVENTHUBNAME_1_CONSUMER_GROUP, "
      "EVENTHUB_CONNECTION_STRING, MOTHERDUCK_1_DATABASE and MOTHERDUCK_1_TABLE; `streamduck help "
      "--env-example` prints a .env to fill in",
      file[0] ? " in " : " and there is no .env here", file);
}

sd_status sd_job_judge(sd_job *job, sd_scrubber *scrubber)
{
  sd_status status = collect_numbers(job);
  if (status != SD_OK)
    return status;
  judge_count(job);
  sd_job_mapping_judge_original(job);
  for (size_t i = 0; i < job->mapping_count; i++) {
    status = sd_job_mapping_judge(job, &job->mappings[i], scrubber);
    if (status != SD_OK)
      return status;
  }
  sd_job_mapping_compare(job);
  judge_retry(job);
  status = sd_job_telemetry_judge(job, scrubber);
  if (status != SD_OK)
    return status;
  return job->problems.incomplete && job->problems.count < SD_PROBLEMS_MAX ? SD_NOMEM : SD_OK;
}

const char *sd_job_state_dir(sd_job *job)
{
  const char *text = sd_settings_text(job->settings, "STREAMDUCK_STATE_DIR", 0);
  if (text)
    return text;
  const char *base = getenv("XDG_STATE_HOME");
  const char *below = "/streamduck";
  /* The specification: a relative path is not valid and is ignored. */
  if (!base || base[0] != '/') {
    base = getenv("HOME");
    below = "/.local/state/streamduck";
  }
  if (!base || !base[0])
    return "";
  size_t head = strlen(base), tail = strlen(below);
  char *path = sd_arena_alloc(&job->arena, head + tail + 1, 1);
  if (!path)
    return "";
  memcpy(path, base, head);
  memcpy(path + head, below, tail + 1);
  return path;
}
