/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From settings to one mapping: source, destination, limits. */
#include "cli/job_mapping.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

enum { LOCAL_TIMEOUT_MS = 1000, MOTHERDUCK_TIMEOUT_MS = 60 * 1000 };

static const char *file_name(const sd_job *job)
{
  const char *file = sd_settings_file(job->settings);
  return file[0] ? file : ".env";
}

/* The setting, or NULL; when it is not there at all, that becomes a problem. */
static const sd_setting *need(sd_job *job, const char *variable, int number)
{
  const sd_setting *setting = sd_settings_find_any(job->settings, variable, number);
  if (setting && setting->valid)
    return setting;
  char name[SD_OPTION_NAME_MAX];
  sd_option_name(sd_config_option(variable), number, name, sizeof name);
  if (!setting)
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, name, "%s is missing: add it to %s", name,
                    file_name(job));
  else if (!setting->text[0])
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, name, "%s is empty: give it a value in %s", name,
                    setting->origin == SD_ORIGIN_ENVIRONMENT ? "the environment" : file_name(job));
  return NULL;
}

bool sd_job_is_local_file(const char *database)
{
  static const char ending[] = ".duckdb";
  size_t len = strlen(database), n = sizeof ending - 1;
  return strchr(database, '/') || (len >= n && strcmp(database + len - n, ending) == 0);
}

/* --- source
 * ------------------------------------------------------------------------------------------------- */

static const sd_setting *find_connection(sd_job *job, int number)
{
  const sd_setting *setting =
      sd_settings_find_any(job->settings, "EVENTHUBNAME_{N}_CONNECTION_STRING", number);
  if (!setting || !setting->text[0])
    setting = sd_settings_find_any(job->settings, "EVENTHUB_CONNECTION_STRING", 0);
  return setting && setting->text[0] ? setting : NULL;
}

static void report_no_connection(sd_job *job, int number)
{
  const sd_setting *ns = sd_settings_find(job->settings, "EVENTHUB_NAMESPACE", 0);
  sd_problems_add(
      &job->problems, SD_PROBLEM_ERROR, "EVENTHUB_CONNECTION_STRING",
      "EVENTHUB_CONNECTION_STRING is missing: signing in%s%.200s with an Azure identity is not there "
      "yet; add EVENTHUB_CONNECTION_STRING or EVENTHUBNAME_%d_CONNECTION_STRING to %s",
      ns ? " to " : "", ns ? ns->text : "", number, file_name(job));
  static const char service[] = ".servicebus.windows.net";
  size_t len = ns ? strlen(ns->text) : 0, n = sizeof service - 1;
  if (ns && (len <= n || strcasecmp(ns->text + len - n, service) != 0))
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, ns->name,
                    "EVENTHUB_NAMESPACE is \"%.200s\": it must end in %s, as example%s", ns->text, service,
                    service);
}

static void check_namespace(sd_job *job, const sd_job_mapping *mapping, const char *variable)
{
  const sd_setting *ns = sd_settings_find(job->settings, "EVENTHUB_NAMESPACE", 0);
  const sd_connection_string *c = &mapping->connection;
  if (!ns || c->development_emulator || strcasecmp(ns->text, c->host) == 0)
    return;
  sd_problems_add(&job->problems, SD_PROBLEM_ERROR, ns->name,
                  "EVENTHUB_NAMESPACE is \"%.200s\", but the Endpoint of %s names \"%s\": remove "
                  "EVENTHUB_NAMESPACE or correct one of them",
                  ns->text, variable, c->host);
}

static void check_entity_path(sd_job *job, const sd_job_mapping *mapping, const char *variable)
{
  const char *path = mapping->connection.hub;
  if (!path[0] || !mapping->stream.hub || strcasecmp(path, mapping->stream.hub) == 0)
    return;
  sd_problems_add(
      &job->problems, SD_PROBLEM_ERROR, variable,
      "EVENTHUBNAME_%d is \"%.200s\", but the EntityPath of %s names \"%s\": remove EntityPath, or give "
      "this hub its own EVENTHUBNAME_%d_CONNECTION_STRING",
      mapping->number, mapping->stream.hub, variable, path, mapping->number);
}

static sd_status judge_connection(sd_job *job, sd_job_mapping *mapping, sd_scrubber *scrubber)
{
  const sd_setting *setting = find_connection(job, mapping->number);
  if (!setting) {
    report_no_connection(job, mapping->number);
    return SD_OK;
  }
  /* An invalid value has its problem already. */
  if (!setting->valid)
    return SD_OK;
  sd_error error;
  sd_connection_string *c = &mapping->connection;
  if (sd_connection_string_parse(setting->text, c, &error) != SD_OK) {
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, setting->name, "%s: %s", setting->name, error.message);
    return SD_OK;
  }
  const char *secrets[] = {c->key, c->signature};
  for (size_t i = 0; scrubber && i < sizeof secrets / sizeof *secrets; i++) {
    if (secrets[i][0] && sd_scrubber_add(scrubber, secrets[i]) == SD_NOMEM)
      return SD_NOMEM;
  }
  mapping->connection_variable = setting->name;
  check_namespace(job, mapping, setting->name);
  check_entity_path(job, mapping, setting->name);

  sd_stream_mapping *stream = &mapping->stream;
  stream->host = c->host;
  stream->port = c->port;
  stream->tls = !c->development_emulator;
  stream->sas_key_name = c->key_name[0] ? c->key_name : NULL;
  stream->sas_key = c->key[0] ? c->key : NULL;
  stream->sas_token = c->signature[0] ? c->signature : NULL;
  return SD_OK;
}

static sd_status judge_source(sd_job *job, sd_job_mapping *mapping, sd_scrubber *scrubber)
{
  const sd_settings *settings = job->settings;
  sd_stream_mapping *stream = &mapping->stream;
  int n = mapping->number;
  const sd_setting *hub = need(job, "EVENTHUBNAME_{N}", n);
  const sd_setting *group = need(job, "EVENTHUBNAME_{N}_CONSUMER_GROUP", n);
  stream->hub = hub ? hub->text : NULL;
  stream->consumer_group = group ? group->text : NULL;
  stream->ca_file = sd_settings_text(settings, "EVENTHUBNAME_{N}_CA_FILE", n);
  if (!stream->ca_file)
    stream->ca_file = sd_settings_text(settings, "EVENTHUB_CA_FILE", 0);

  const sd_setting *start = sd_settings_find(settings, "EVENTHUBNAME_{N}_START", n);
  if (start) {
    stream->start = (sd_start_kind)start->value.number;
    stream->start_time_us = start->value.time_us;
    stream->start_offset = start->value.text;
  }
  stream->earliest_on_offset_lost =
      sd_settings_number(settings, "EVENTHUBNAME_{N}_ON_OFFSET_LOST", n, 0) == 1;
  return judge_connection(job, mapping, scrubber);
}

/* --- destination
 * -------------------------------------------------------------------------------------------- */

static bool is_json_web_token(const char *token)
{
  int dots = 0;
  for (const char *p = token; *p; p++) {
    if (*p == '.')
      dots++;
    else if (!isalnum((unsigned char)*p) && !strchr("-_=", *p))
      return false;
  }
  return dots == 2;
}

static void judge_token(sd_job *job, sd_job_mapping *mapping)
{
  const sd_setting *token = sd_settings_find_any(job->settings, "MOTHERDUCK_{N}_TOKEN", mapping->number);
  if (!token || !token->text[0])
    token = sd_settings_find_any(job->settings, "MOTHERDUCK_TOKEN", 0);
  bool is_set = token && token->text[0];
  if (is_set && token->valid)
    mapping->stream.motherduck_token = token->text;
  if (!mapping->stream.motherduck)
    return;
  if (!is_set)
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, "MOTHERDUCK_TOKEN",
                    "MOTHERDUCK_%d_TOKEN is missing: \"%.200s\" is a MotherDuck database and needs it or "
                    "MOTHERDUCK_TOKEN in %s; a local file's name contains a / or ends in .duckdb",
                    mapping->number, mapping->stream.database, file_name(job));
  else if (token->valid && !is_json_web_token(token->text))
    sd_problems_add(
        &job->problems, SD_PROBLEM_WARNING, token->name,
        "%s does not look like a MotherDuck token (three parts with dots between them): copy it anew",
        token->name);
}

static void judge_database(sd_job *job, sd_job_mapping *mapping, const sd_setting *database)
{
  sd_stream_mapping *stream = &mapping->stream;
  const char *text = database->text;
  stream->motherduck = !sd_job_is_local_file(text);
  if (stream->motherduck && strncmp(text, "md:", 3) == 0)
    text += 3;
  if (!text[0]) {
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, database->name,
                    "%s is \"%s\": write the name of a MotherDuck database behind md:", database->name,
                    database->text);
    return;
  }
  stream->database = text;
  if (text[strlen(text) - 1] == '/')
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, database->name,
                    "%s is \"%.200s\", a folder: add the file's name, as %.200sevents.duckdb", database->name,
                    text, text);
  if (strncmp(text, "~/", 2) == 0)
    sd_problems_add(&job->problems, SD_PROBLEM_WARNING, database->name,
                    "%s begins with ~, which is taken as it stands: write the whole path", database->name);
  judge_token(job, mapping);
}

static void judge_destination(sd_job *job, sd_job_mapping *mapping)
{
  const sd_settings *settings = job->settings;
  sd_stream_mapping *stream = &mapping->stream;
  int n = mapping->number;
  const sd_setting *database = need(job, "MOTHERDUCK_{N}_DATABASE", n);
  const sd_setting *table = need(job, "MOTHERDUCK_{N}_TABLE", n);
  if (database)
    judge_database(job, mapping, database);
  stream->table = table ? table->text : NULL;
  stream->schema = sd_settings_text(settings, "MOTHERDUCK_{N}_SCHEMA", n);
  stream->body_is_blob = sd_settings_number(settings, "MOTHERDUCK_{N}_BODY", n, 0) == 1;
  stream->batch_rows = (uint32_t)sd_settings_number(settings, "MOTHERDUCK_{N}_BATCH", n, 1000);
  stream->batch_bytes = (size_t)sd_settings_number(settings, "MOTHERDUCK_{N}_BATCH_BYTES", n, 24000000);
  stream->batch_timeout_ms =
      (uint32_t)sd_settings_number(settings, "MOTHERDUCK_{N}_BATCH_TIMEOUT_SECONDS", n,
                                   stream->motherduck ? MOTHERDUCK_TIMEOUT_MS : LOCAL_TIMEOUT_MS);

  if (sd_settings_find(settings, "TARGET_DB", 0) || sd_settings_find(settings, "TARGET_SCHEMA", 0) ||
      sd_settings_find(settings, "TARGET_TABLE", 0)) {
    stream->legacy_database = sd_settings_text(settings, "TARGET_DB", 0);
    if (!stream->legacy_database)
      stream->legacy_database = sd_settings_text(settings, "MOTHERDUCK_DATABASE", 0);
    stream->legacy_schema = sd_settings_text(settings, "TARGET_SCHEMA", 0);
    stream->legacy_table = sd_settings_text(settings, "TARGET_TABLE", 0);
    if (stream->legacy_database && stream->database && !stream->motherduck &&
        !sd_job_is_local_file(stream->legacy_database))
      sd_problems_add(
          &job->problems, SD_PROBLEM_WARNING, "TARGET_DB",
          "TARGET_DB \"%.200s\" is a MotherDuck database, which mapping %d cannot reach because it writes "
          "to a local file: its checkpoints are neither imported nor written there",
          stream->legacy_database, n);
  }
}

void sd_job_mapping_judge_original(sd_job *job)
{
  const sd_settings *settings = job->settings;
  const sd_setting *schema = sd_settings_find(settings, "TARGET_SCHEMA", 0);
  const sd_setting *table = sd_settings_find(settings, "TARGET_TABLE", 0);
  const char *database = sd_settings_text(settings, "TARGET_DB", 0);
  if (!database && !schema && !table)
    return;
  if (!database)
    database = sd_settings_text(settings, "MOTHERDUCK_DATABASE", 0);
  if (!database) {
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, "TARGET_DB",
                    "TARGET_DB is missing: add it to %s, or remove %s", file_name(job),
                    table ? table->name : schema->name);
    return;
  }
  sd_problems_add(
      &job->problems, SD_PROBLEM_NOTICE, "TARGET_DB",
      "%s.%s.%s (TARGET_DB, TARGET_SCHEMA, TARGET_TABLE) is the Python original's control table: "
      "imported from once where streamduck has no checkpoint yet, and written to after each commit, "
      "best effort; streamduck's own table _streamduck_checkpoints beside the target decides",
      database, sd_settings_text(settings, "TARGET_SCHEMA", 0),
      sd_settings_text(settings, "TARGET_TABLE", 0));
}

sd_status sd_job_mapping_judge(sd_job *job, sd_job_mapping *mapping, sd_scrubber *scrubber)
{
  size_t errors = sd_problems_errors(&job->problems);
  mapping->stream.struct_size = sizeof mapping->stream;
  mapping->stream.number = mapping->number;
  sd_status status = judge_source(job, mapping, scrubber);
  if (status != SD_OK)
    return status;
  judge_destination(job, mapping);
  const sd_stream_mapping *stream = &mapping->stream;
  mapping->complete = sd_problems_errors(&job->problems) == errors && stream->host && stream->hub &&
                      stream->consumer_group && stream->database && stream->table;
  return SD_OK;
}
