/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Snapshot to JSON. */
#include "cli/status_json.h"

#include "base/clock.h"

#include <string.h>
#include <unistd.h>

const char *sd_partition_state_name(int state)
{
  return state == SD_PARTITION_OWNED ? "owned" : state == SD_PARTITION_ELSEWHERE ? "elsewhere" : "closed";
}

static json_t *time_or_null(int64_t unix_us)
{
  char text[SD_CLOCK_ISO8601_SIZE];
  return unix_us ? json_string(sd_clock_iso8601(unix_us, text)) : json_null();
}

static json_t *sequence_or_null(int64_t sequence)
{
  return sequence >= 0 ? json_integer(sequence) : json_null();
}

static json_t *partition_to_json(const sd_partition_snapshot *p)
{
  return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:I, s:o, s:I}", "partition", p->partition_id, "state",
                   sd_partition_state_name(p->state), "epoch", (json_int_t)p->epoch, "received_sequence",
                   sequence_or_null(p->received_sequence), "landed_sequence",
                   sequence_or_null(p->landed_sequence), "broker_last_sequence",
                   sequence_or_null(p->broker_last_sequence), "lag", (json_int_t)p->lag, "landed_enqueued",
                   time_or_null(p->landed_enqueued_us), "gaps", (json_int_t)p->gaps);
}

static json_t *partitions_to_json(const sd_mapping_snapshot *m)
{
  json_t *array = json_array();
  for (size_t i = 0; array && i < m->partition_count; i++) {
    if (json_array_append_new(array, partition_to_json(&m->partitions[i])) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *error_to_json(const sd_error *error)
{
  char message[SD_ERROR_MESSAGE_MAX];
  if (error->code == SD_OK)
    return json_null();
  memcpy(message, error->message, sizeof message);
  sd_utf8_repair(message, strlen(message));
  return json_pack("{s:s, s:s, s:s}", "status", sd_status_name(error->code), "condition", error->condition,
                   "message", message);
}

static const char *text(const char *value)
{
  return value ? value : "";
}

static json_t *mapping_to_json(const sd_mapping_snapshot *m)
{
  return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, "                         /* to owner */
                   "s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, " /* to buffered_bytes */
                   "s:o, s:o, s:o}",
                   "mapping", m->number, "state", sd_mapping_state_name(m->state), "hub", text(m->hub),
                   "consumer_group", text(m->consumer_group), "database", text(m->database), "schema",
                   text(m->schema), "table", text(m->table), "owner", text(m->owner), "received",
                   (json_int_t)m->received, "received_bytes", (json_int_t)m->received_bytes, "landed",
                   (json_int_t)m->landed, "dead_letters", (json_int_t)m->dead_letters, "batches",
                   (json_int_t)m->batches, "transactions", (json_int_t)m->transactions, "retries",
                   (json_int_t)m->retries, "attempts_failed", (json_int_t)m->attempts_failed, "fenced",
                   (json_int_t)m->fenced, "gaps", (json_int_t)m->gaps, "reconnects",
                   (json_int_t)m->reconnects, "lag", (json_int_t)m->lag, "buffered_bytes",
                   (json_int_t)m->buffered_bytes, "last_commit", time_or_null(m->last_commit_us), "error",
                   error_to_json(&m->last_error), "partitions", partitions_to_json(m));
}

json_t *sd_status_to_json(const sd_stream_snapshot *snapshot)
{
  char now[SD_CLOCK_ISO8601_SIZE];
  json_t *mappings = json_array();
  for (size_t i = 0; mappings && i < snapshot->mapping_count; i++) {
    if (json_array_append_new(mappings, mapping_to_json(&snapshot->mappings[i])) != 0) {
      json_decref(mappings);
      mappings = NULL;
    }
  }
  return json_pack("{s:i, s:s, s:i, s:s, s:I, s:o}", "format", 1, "version", SD_VERSION, "pid", (int)getpid(),
                   "time", sd_clock_iso8601(sd_clock_unix_us(), now), "uptime_ms",
                   (json_int_t)snapshot->uptime_ms, "mappings", mappings);
}
