/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck import-checkpoints`: takes over where the Python original stopped. */
#include "base/alloc.h"
#include "cli/output.h"
#include "cli/probe.h"
#include "cli/sink_client.h"

static const sd_option options[] = {
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object."},
    {.variable = NULL},
};

typedef struct outcome {
  uint32_t imported;
  uint32_t kept;   /* had a checkpoint of streamduck's own */
  uint32_t absent; /* neither has one */
  uint32_t held;   /* a running instance owns the partition */
} outcome;

static sd_status import_mapping(const sd_command_context *context, const sd_job *job,
                                const sd_probe_result *hub, outcome *ret, sd_error *error)
{
  sd_sink_client *client = NULL;
  sd_claim *claims = sd_calloc(hub->partition_count ? hub->partition_count : 1, sizeof *claims);
  outcome result = {.imported = 0};
  sd_status status = claims ? SD_OK : sd_error_set(error, SD_NOMEM, "out of memory");
  if (status == SD_OK)
    status = sd_sink_client_open(job, hub->mapping, context->scrubber, NULL, &client, error);
  if (status != SD_OK)
    goto out;
  for (uint32_t i = 0; i < hub->partition_count; i++)
    memcpy(claims[i].partition_id, hub->partitions[i].id, sizeof claims[i].partition_id);
  status = sd_sink_client_claim(client, hub->incarnation, claims, hub->partition_count, error);
  if (status != SD_OK)
    goto out;
  uint32_t claimed;
  claimed = 0;
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    const sd_claim *claim = &claims[i];
    if (!claim->claimed) {
      result.held++;
      continue;
    }
    if (claim->checkpoint.imported)
      result.imported++;
    else if (claim->checkpoint.found)
      result.kept++;
    else
      result.absent++;
    if (claimed < i)
      claims[claimed] = *claim;
    claimed++;
  }
  if (claimed)
    status = sd_sink_client_release(client, hub->incarnation, claims, claimed, error);
  *ret = result;
out:
  sd_sink_client_close(client);
  sd_free(claims);
  return status;
}

static void print_outcome(const sd_command_context *context, const sd_job_mapping *mapping, const outcome *o,
                          sd_status status, const sd_error *error)
{
  const sd_stream_mapping *m = &mapping->stream;
  sd_buf line;
  sd_buf_init(&line, 8192);
  sd_buf_appendf(&line, "mapping %d (%s into %s.%s): ", m->number, m->hub, m->schema, m->table);
  if (status != SD_OK)
    sd_buf_appendf(&line, "failed: %s\n", error->message);
  else
    sd_buf_appendf(
        &line,
        "%u checkpoints imported, %u partitions had one already, %u have none anywhere, %u are held by a "
        "running instance\n",
        o->imported, o->kept, o->absent, o->held);
  sd_output_text(context, context->out, &line);
  sd_buf_release(&line);
}

static json_t *outcome_to_json(const sd_job_mapping *mapping, const outcome *o, sd_status status,
                               const sd_error *error)
{
  return json_pack("{s:i, s:b, s:i, s:i, s:i, s:i, s:o}", "mapping", mapping->number, "ok",
                   (int)(status == SD_OK), "imported", (int)o->imported, "kept", (int)o->kept, "absent",
                   (int)o->absent, "held", (int)o->held, "error",
                   status == SD_OK ? json_null() : json_string(error->message));
}

static sd_exit import_all(sd_command_context *context, const sd_job *job, bool json)
{
  sd_error error;
  size_t count = 0;
  sd_exit code = SD_EXIT_OK;
  json_t *array = json_array();
  sd_probe_result *hubs = sd_calloc(job->mapping_count, sizeof *hubs);
  if (!hubs || !array || sd_probe_run(job, SD_PROBE_TIMEOUT_MS, NULL, hubs, &count, &error) != SD_OK) {
    code = sd_command_fail(context, SD_EXIT_CONFIG, "out of memory");
    goto out;
  }
  for (size_t i = 0; i < count; i++) {
    outcome o = {.imported = 0};
    error = hubs[i].error;
    sd_status status = error.code;
    if (status == SD_OK)
      status = import_mapping(context, job, &hubs[i], &o, &error);
    if (status != SD_OK)
      code = SD_EXIT_CONFIG;
    if (json)
      json_array_append_new(array, outcome_to_json(hubs[i].mapping, &o, status, &error));
    else
      print_outcome(context, hubs[i].mapping, &o, status, &error);
  }
  if (json &&
      !sd_output_json(context, json_pack("{s:b, s:O}", "ok", (int)(code == SD_EXIT_OK), "mappings", array)))
    code = SD_EXIT_CONFIG;
out:
  if (hubs)
    sd_probe_release(hubs, count);
  sd_free(hubs);
  json_decref(array);
  return code;
}

static sd_exit run_import_checkpoints(sd_command_context *context)
{
  sd_job *job;
  bool json = sd_arguments_is_on(context->arguments, "json");
  sd_exit code = sd_job_new(context, &job);
  if (code != SD_EXIT_OK)
    return code;
  code = SD_EXIT_CONFIG;
  if (sd_problems_errors(&job->problems))
    sd_job_print_problems(job, context, context->err);
  else if (!job->mappings[0].stream.legacy_database)
    sd_command_print_error(context,
                           "TARGET_DB is missing: TARGET_DB, TARGET_SCHEMA and TARGET_TABLE name the Python "
                           "original's control table to import from");
  else
    code = import_all(context, job, json);
  sd_job_free(job);
  return code;
}

const sd_command sd_command_import_checkpoints = {
    .name = "import-checkpoints",
    .summary = "Take over the checkpoints of the Python original",
    .description = "Reads the Python original's control table (TARGET_DB, TARGET_SCHEMA, TARGET_TABLE) and "
                   "makes streamduck's "
                   "checkpoints from it, for partitions that have none yet. `run` does the same by itself at "
                   "its first start; "
                   "this command does it without reading events, and says what it found. It makes the tables "
                   "that are missing. "
                   "Stop the Python original first.",
    .options = {options, sd_job_options, sd_config_options},
    .run = run_import_checkpoints,
};
