/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The state of mappings that do not run. */
#include "cli/stored_status.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/control_options.h"
#include "cli/probe.h"

#include <ctype.h>
#include <strings.h>

enum { BROKER_TIMEOUT_MS = 5000 };

sd_control_options sd_control_options_of(const sd_job *job, const sd_job_mapping *mapping)
{
  const sd_stream_mapping *m = &mapping->stream;
  return (sd_control_options){.database = m->database,
                              .motherduck = m->motherduck,
                              .motherduck_token = m->motherduck_token,
                              .motherduck_extension =
                                  sd_settings_text(job->settings, "STREAMDUCK_MOTHERDUCK_EXTENSION", 0),
                              .libduckdb = sd_settings_text(job->settings, "STREAMDUCK_LIBDUCKDB", 0)};
}

const char *sd_control_group_of(const sd_stream_mapping *mapping, char *dst)
{
  sd_bytes_to_text(sd_bytes_of(mapping->consumer_group), dst, SD_SINK_NAME_MAX);
  for (char *p = dst; *p; p++)
    *p = (char)tolower((unsigned char)*p);
  return dst;
}

static json_t *time_or_null(int64_t unix_us)
{
  char text[SD_CLOCK_ISO8601_SIZE];
  return unix_us ? json_string(sd_clock_iso8601(unix_us, text)) : json_null();
}

static const sd_source_partition *find_partition(const sd_probe_result *hub, const char *id)
{
  for (uint32_t i = 0; hub && i < hub->partition_count; i++) {
    if (strcmp(hub->partitions[i].id, id) == 0)
      return &hub->partitions[i];
  }
  return NULL;
}

static bool is_row_of(const sd_control_row *row, const sd_stream_mapping *m)
{
  return strcasecmp(row->ns, m->host) == 0 && strcasecmp(row->hub, m->hub) == 0 &&
         strcasecmp(row->consumer_group, m->consumer_group) == 0 && strcasecmp(row->target, m->table) == 0;
}

static json_t *partition_to_json(const sd_control_row *row, const sd_probe_result *hub, int64_t *lag)
{
  const sd_source_partition *broker = find_partition(hub, row->partition_id);
  bool owned = row->owner && row->lease_until_us > sd_clock_unix_us();
  json_t *json =
      json_pack("{s:s, s:s, s:I, s:o, s:o, s:s}", "partition", row->partition_id, "state",
                owned ? "owned" : "free", "epoch", (json_int_t)row->epoch, "landed_sequence",
                row->sequence_number >= 0 ? json_integer(row->sequence_number) : json_null(),
                "landed_enqueued", time_or_null(row->enqueued_us), "owner", row->owner ? row->owner : "");
  if (!json || !broker)
    return json;
  /* Before the oldest event that is kept there is nothing to land. */
  int64_t from = row->sequence_number;
  if (from < broker->begin_sequence - 1)
    from = broker->begin_sequence - 1;
  int64_t behind = broker->empty || broker->last_sequence <= from ? 0 : broker->last_sequence - from;
  *lag += behind;
  json_object_set_new(json, "broker_last_sequence",
                      broker->last_sequence >= 0 ? json_integer(broker->last_sequence) : json_null());
  json_object_set_new(json, "lag", json_integer(behind));
  return json;
}

/* Events of the hub that no checkpoint speaks of: all of them, of partitions that nobody has read yet. */
static int64_t unread_events(const sd_probe_result *hub, const json_t *partitions)
{
  int64_t events = 0;
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    const sd_source_partition *broker = &hub->partitions[i];
    bool known = false;
    for (size_t j = 0; j < json_array_size(partitions) && !known; j++) {
      const json_t *id = json_object_get(json_array_get(partitions, j), "partition");
      known = strcmp(json_string_value(id), broker->id) == 0;
    }
    if (!known && !broker->empty)
      events += broker->last_sequence - broker->begin_sequence + 1;
  }
  return events;
}

/* readable: the control table was read (it may be missing or empty); else landed and lag are not known. */
static json_t *mapping_to_json(const sd_stream_mapping *m, bool readable, const sd_control_row *rows,
                               size_t count, const sd_probe_result *hub)
{
  int64_t lag = 0, landed = 0, committed_us = 0;
  json_t *partitions = json_array();
  for (size_t i = 0; partitions && i < count; i++) {
    if (!is_row_of(&rows[i], m))
      continue;
    landed += rows[i].rows_total;
    if (rows[i].updated_us > committed_us)
      committed_us = rows[i].updated_us;
    if (json_array_append_new(partitions, partition_to_json(&rows[i], hub, &lag)) != 0) {
      json_decref(partitions);
      partitions = NULL;
    }
  }
  bool has_lag = readable && hub && hub->error.code == SD_OK;
  if (has_lag)
    lag += unread_events(hub, partitions);
  return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "mapping", m->number, "state",
                   readable ? "not running" : "not readable", "hub", m->hub, "consumer_group",
                   m->consumer_group, "database", m->database, "schema", m->schema, "table", m->table,
                   "landed", readable ? json_integer(landed) : json_null(), "lag",
                   has_lag ? json_integer(lag) : json_null(), "last_commit", time_or_null(committed_us),
                   "partitions", partitions);
}

static void note(json_t *notes, const sd_stream_mapping *m, const sd_error *error)
{
  sd_buf text;
  sd_buf_init(&text, 2048);
  sd_buf_appendf(&text, "mapping %d: %s", m->number, error->message);
  json_array_append_new(notes, json_string(sd_buf_text(&text)));
  sd_buf_release(&text);
}

static sd_status read_mapping(const sd_job *job, const sd_job_mapping *mapping, const sd_probe_result *hub,
                              json_t *stored, json_t *notes)
{
  sd_error error;
  sd_control_row *rows = NULL;
  size_t count = 0;
  sd_control_options options = sd_control_options_of(job, mapping);
  sd_status status = sd_control_list(&options, mapping->stream.schema, &rows, &count, &error);
  if (status != SD_OK)
    note(notes, &mapping->stream, &error);
  if (hub && hub->error.code != SD_OK)
    note(notes, &mapping->stream, &hub->error);
  json_t *json = mapping_to_json(&mapping->stream, status == SD_OK, rows, count, hub);
  sd_control_rows_free(rows, count);
  return json_array_append_new(stored, json) == 0 ? SD_OK : SD_NOMEM;
}

sd_status sd_stored_status_read(const sd_job *job, const bool *wanted, json_t *stored, json_t *notes)
{
  size_t hubs = 0;
  sd_error error;
  bool any = false;
  sd_status status = SD_OK;
  for (size_t i = 0; i < job->mapping_count; i++)
    any = any || wanted[i];
  if (!any)
    return SD_OK;
  sd_probe_result *results = sd_calloc(job->mapping_count, sizeof *results);
  if (!results)
    return SD_NOMEM;
  status = sd_probe_run(job, BROKER_TIMEOUT_MS, NULL, results, &hubs, &error);
  for (size_t i = 0; status == SD_OK && i < job->mapping_count; i++) {
    const sd_probe_result *hub = NULL;
    for (size_t j = 0; j < hubs; j++) {
      if (results[j].mapping == &job->mappings[i])
        hub = &results[j];
    }
    if (wanted[i])
      status = read_mapping(job, &job->mappings[i], hub, stored, notes);
  }
  sd_probe_release(results, hubs);
  sd_free(results);
  return status;
}
