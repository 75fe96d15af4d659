/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Status documents as tables for people. */
#include "base/clock.h"
#include "cli/status_client.h"
#include "cli/totals.h"

#include <inttypes.h>
#include <stdio.h>

enum { CELL_MAX = 64 };

static const char *text_of(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* A number with separators, or "-" when it is not known. */
static const char *count_cell(const json_t *object, const char *key, char *cell)
{
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) {
    snprintf(cell, CELL_MAX, "-");
    return cell;
  }
  sd_buf text;
  sd_buf_init(&text, CELL_MAX);
  json_int_t number = json_integer_value(value);
  if (number < 0)
    sd_buf_append_byte(&text, '-');
  sd_totals_append_count((uint64_t)(number < 0 ? -number : number), &text);
  snprintf(cell, CELL_MAX, "%s", sd_buf_text(&text));
  sd_buf_release(&text);
  return cell;
}

/* "4s", "12m", "3h", "5d" since a time, "-" when there is none. */
static const char *age_cell(const json_t *object, const char *key, char *cell)
{
  int64_t then;
  const char *time = json_string_value(json_object_get(object, key));
  if (!time || sd_clock_parse_iso8601(time, &then) != SD_OK) {
    snprintf(cell, CELL_MAX, "-");
    return cell;
  }
  int64_t seconds = (sd_clock_unix_us() - then) / 1000000;
  if (seconds < 0)
    seconds = 0;
  if (seconds < 120)
    snprintf(cell, CELL_MAX, "%" PRId64 "s", seconds);
  else if (seconds < 2 * 3600)
    snprintf(cell, CELL_MAX, "%" PRId64 "m", seconds / 60);
  else if (seconds < 2 * 86400)
    snprintf(cell, CELL_MAX, "%" PRId64 "h", seconds / 3600);
  else
    snprintf(cell, CELL_MAX, "%" PRId64 "d", seconds / 86400);
  return cell;
}

static void format_mapping(const json_t *mapping, sd_buf *out)
{
  size_t i;
  const json_t *partition;
  char landed[CELL_MAX], last[CELL_MAX], lag[CELL_MAX], age[CELL_MAX];
  const json_t *partitions = json_object_get(mapping, "partitions");
  sd_buf_appendf(out, "mapping %" JSON_INTEGER_FORMAT "  %s (%s) into %s %s.%s  %s, lag %s, ",
                 json_integer_value(json_object_get(mapping, "mapping")), text_of(mapping, "hub"),
                 text_of(mapping, "consumer_group"), text_of(mapping, "database"), text_of(mapping, "schema"),
                 text_of(mapping, "table"), text_of(mapping, "state"), count_cell(mapping, "lag", lag));
  if (text_of(mapping, "last_commit")[0])
    sd_buf_appendf(out, "last commit %s ago\n", age_cell(mapping, "last_commit", age));
  else if (json_is_null(json_object_get(mapping, "landed")))
    sd_buf_append_text(out, "last commit unknown\n");
  else
    sd_buf_append_text(out, "no commit yet\n");
  const json_t *error = json_object_get(mapping, "error");
  if (json_is_object(error))
    sd_buf_appendf(out, "  error: %s\n", text_of(error, "message"));
  if (json_array_size(partitions) == 0)
    return;
  sd_buf_appendf(out, "  %-10s %-10s %16s %16s %12s %6s  %s\n", "partition", "state", "landed",
                 "broker's last", "lag", "age", "owner");
  json_array_foreach(partitions, i, partition)
  {
    const char *owner = text_of(partition, "owner");
    if (!owner[0] && strcmp(text_of(partition, "state"), "owned") == 0)
      owner = text_of(mapping, "owner");
    sd_buf_appendf(out, "  %-10s %-10s %16s %16s %12s %6s  %s\n", text_of(partition, "partition"),
                   text_of(partition, "state"), count_cell(partition, "landed_sequence", landed),
                   count_cell(partition, "broker_last_sequence", last), count_cell(partition, "lag", lag),
                   age_cell(partition, "landed_enqueued", age), owner[0] ? owner : "-");
  }
}

void sd_status_format(json_t *collected, sd_buf *out)
{
  size_t i, j;
  const json_t *instance, *mapping, *text;
  json_array_foreach(json_object_get(collected, "instances"), i, instance)
  {
    sd_buf_appendf(out, "instance %" JSON_INTEGER_FORMAT ", streamduck %s, up %" JSON_INTEGER_FORMAT " s\n",
                   json_integer_value(json_object_get(instance, "pid")), text_of(instance, "version"),
                   json_integer_value(json_object_get(instance, "uptime_ms")) / 1000);
    json_array_foreach(json_object_get(instance, "mappings"), j, mapping)
    {
      format_mapping(mapping, out);
    }
  }
  json_array_foreach(json_object_get(collected, "stored"), i, mapping)
  {
    format_mapping(mapping, out);
  }
  json_array_foreach(json_object_get(collected, "notes"), i, text)
  {
    sd_buf_appendf(out, "note: %s\n", json_string_value(text));
  }
}
