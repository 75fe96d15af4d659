/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Asking running instances. */
#include "cli/status_client.h"

#include "cli/instance.h"
#include "cli/stored_status.h"
#include "http/client.h"

enum { ASK_TIMEOUT_MS = 3000 };

typedef struct collector {
  sd_http_client *client; /* made at the first instance */
  json_t *instances;
  json_t *notes;
  bool starting; /* an instance has no state to show yet */
} collector;

static void note(collector *collect, const char *text)
{
  json_array_append_new(collect->notes, json_string(text));
}

static void ask(void *user, const char *socket_path)
{
  collector *collect = user;
  sd_error error;
  sd_http_answer answer;
  if (!collect->client && sd_http_client_new(&collect->client, &error) != SD_OK) {
    note(collect, error.message);
    return;
  }
  sd_http_request request = {.struct_size = sizeof request,
                             .url = "http://streamduck/status",
                             .unix_socket = socket_path,
                             .timeout_ms = ASK_TIMEOUT_MS};
  if (sd_http_client_perform(collect->client, &request, &answer, &error) != SD_OK) {
    note(collect, error.message);
    return;
  }
  json_t *state = NULL;
  if (answer.status == 200 && sd_json_parse(sd_buf_bytes(&answer.body), &state, &error) == SD_OK)
    json_array_append_new(collect->instances, state);
  else if (answer.status == 503)
    collect->starting = true;
  else
    note(collect, "an instance gave an answer that is not understood: is it another version?");
  sd_buf_release(&answer.body);
}

static const char *text_of(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* True when some instance has a mapping with the same source and destination. */
static bool is_running(const json_t *instances, const sd_stream_mapping *m)
{
  size_t i, j;
  const json_t *instance, *mapping;
  json_array_foreach(instances, i, instance)
  {
    json_array_foreach(json_object_get(instance, "mappings"), j, mapping)
    {
      if (strcmp(text_of(mapping, "hub"), m->hub) == 0 &&
          strcmp(text_of(mapping, "consumer_group"), m->consumer_group) == 0 &&
          strcmp(text_of(mapping, "database"), m->database) == 0 &&
          strcmp(text_of(mapping, "schema"), m->schema) == 0 &&
          strcmp(text_of(mapping, "table"), m->table) == 0)
        return true;
    }
  }
  return false;
}

json_t *sd_status_collect(const char *state_dir, const sd_job *job, bool with_stored)
{
  sd_error error;
  collector collect = {.instances = json_array(), .notes = json_array()};
  json_t *stored = json_array();
  if (!collect.instances || !collect.notes || !stored)
    goto fail;
  if (sd_instance_each(state_dir, ask, &collect, &error) != SD_OK)
    note(&collect, error.message);
  sd_http_client_free(collect.client);
  if (collect.starting)
    note(&collect, "an instance is starting: ask again in a moment");
  /* The one that is starting may hold the databases. */
  if (job && with_stored && !collect.starting && job->mapping_count <= SD_STREAM_MAPPINGS_MAX) {
    bool wanted[SD_STREAM_MAPPINGS_MAX] = {false};
    for (size_t i = 0; i < job->mapping_count; i++)
      wanted[i] = job->mappings[i].complete && !is_running(collect.instances, &job->mappings[i].stream);
    if (sd_stored_status_read(job, wanted, stored, collect.notes) != SD_OK)
      goto fail;
  }
  return json_pack("{s:o, s:o, s:o}", "instances", collect.instances, "stored", stored, "notes",
                   collect.notes);
fail:
  json_decref(collect.instances);
  json_decref(collect.notes);
  json_decref(stored);
  return NULL;
}
