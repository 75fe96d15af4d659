/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The answers of a telemetry check, for people and as JSON. */
#include "cli/output.h"
#include "cli/telemetry_check.h"

enum { PRINT_MAX = 256 * 1024 };

void sd_telemetry_check_print(const sd_telemetry_check *check, const sd_command_context *context)
{
  static const char *const marks[] = {"✅", "❌", "➖"};
  const char *list = NULL;
  int number = 0;
  sd_buf text;
  sd_buf_init(&text, PRINT_MAX);
  for (size_t i = 0; i < check->count; i++) {
    const sd_check_point *point = &check->points[i];
    if (point->list != list) {
      list = point->list;
      number = 0;
      sd_buf_appendf(&text, "%s:\n", list);
    }
    sd_buf_appendf(&text, "   %s %d. %s\n", marks[point->result], ++number, point->text);
  }
  sd_buf_append_bytes(&text, sd_buf_bytes(&check->tree));
  sd_output_text(context, context->out, &text);
  sd_buf_release(&text);
}

json_t *sd_telemetry_check_to_json(const sd_telemetry_check *check)
{
  json_t *points = json_array();
  for (size_t i = 0; points && i < check->count; i++) {
    const sd_check_point *point = &check->points[i];
    json_t *ok =
        point->result == SD_CHECK_NOT_ASKED ? json_null() : json_boolean(point->result == SD_CHECK_GOOD);
    json_t *item = json_pack("{s:s, s:o, s:s}", "list", point->list, "ok", ok, "text", point->text);
    if (json_array_append_new(points, item) != 0) {
      json_decref(points);
      points = NULL;
    }
  }
  return json_pack("{s:b, s:o, s:s%}", "ok", (int)(check->bad == 0), "points", points, "tree",
                   check->tree.data ? (const char *)check->tree.data : "", check->tree.len);
}
