/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck import-checkpoints`: takes over where the Python original stopped. */
#include "cli/control_options.h"
#include "cli/output.h"

static const sd_option options[] = {
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object."},
    {.variable = NULL},
};

typedef struct outcome {
  sd_status status;
  sd_error error;
  sd_control_import counts;
} outcome;

static outcome import_mapping(const sd_job *job, const sd_job_mapping *mapping)
{
  const sd_stream_mapping *m = &mapping->stream;
  outcome o = {.status = SD_OK};
  char group[SD_SINK_NAME_MAX];
  sd_control_options control = sd_control_options_of(job, mapping);
  sd_target target = {.ns = m->host,
                      .hub = m->hub,
                      .consumer_group = sd_control_group_of(m, group),
                      .schema = m->schema,
                      .table = m->table,
                      .body_is_blob = m->body_is_blob,
                      .transaction_bytes = m->batch_bytes,
                      .legacy_database = m->legacy_database,
                      .legacy_schema = m->legacy_schema,
                      .legacy_table = m->legacy_table};
  o.status = sd_control_import_legacy(&control, &target, &o.counts, &o.error);
  return o;
}

static void print_outcome(const sd_command_context *context, const sd_job_mapping *mapping, const outcome *o)
{
  const sd_stream_mapping *m = &mapping->stream;
  sd_buf line;
  sd_buf_init(&line, 8192);
  sd_buf_appendf(&line, "mapping %d (%s into %s.%s): ", m->number, m->hub, m->schema, m->table);
  if (o->status != SD_OK)
    sd_buf_appendf(&line, "failed: %s\n", o->error.message);
  else
    sd_buf_appendf(
        &line,
        "the original has %u partitions: %u imported, %u had a checkpoint of streamduck's that stays, %u "
        "are held by a running instance\n",
        o->counts.found, o->counts.imported, o->counts.kept, o->counts.held);
  sd_output_text(context, context->out, &line);
  sd_buf_release(&line);
}

static json_t *outcome_to_json(const sd_job_mapping *mapping, const outcome *o)
{
  bool ok = o->status == SD_OK;
  return json_pack("{s:i, s:b, s:i, s:i, s:i, s:i, s:o}", "mapping", mapping->number, "ok", (int)ok, "found",
                   (int)o->counts.found, "imported", (int)o->counts.imported, "kept", (int)o->counts.kept,
                   "held", (int)o->counts.held, "error", ok ? json_null() : json_string(o->error.message));
}

static sd_exit import_all(sd_command_context *context, const sd_job *job, bool json)
{
  sd_exit code = SD_EXIT_OK;
  json_t *array = json_array();
  for (size_t i = 0; i < job->mapping_count; i++) {
    outcome o = import_mapping(job, &job->mappings[i]);
    if (o.status != SD_OK)
      code = SD_EXIT_CONFIG;
    if (json)
      json_array_append_new(array, outcome_to_json(&job->mappings[i], &o));
    else
      print_outcome(context, &job->mappings[i], &o);
  }
  if (json &&
      !sd_output_json(context, json_pack("{s:b, s:O}", "ok", (int)(code == SD_EXIT_OK), "mappings", array)))
    code = SD_EXIT_CONFIG;
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
