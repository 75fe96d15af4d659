/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values and their schemas for Logfire. */
#include "export/logfire_value.h"

#include "base/json_text.h"
#include "export/value_text.h"

#include <math.h>

enum {
  SMALL_MAP = 10,  /* members up to which a map's schema names each */
  LARGE_MAP = 100, /* members above which it names none */
  LONG_KEY = 100,  /* characters */
  BYTES_TEXT_MAX = 4 * SD_SPAN_BYTES_MAX + 16
};

bool sd_logfire_needs_text(const sd_any_view *value)
{
  switch (value->type) {
  case SD_ANY_NULL:
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
  case SD_ANY_BYTES:
    return true;
  case SD_ANY_DOUBLE:
    return !isfinite(value->number);
  case SD_ANY_STRING:
  case SD_ANY_BOOL:
  case SD_ANY_INT:
    break;
  }
  return false;
}

/* ---- JSON
 * ------------------------------------------------------------------------------------------------------- */

/* Python's escapes in a JSON string. */
static void put_bytes(const sd_any_view *value, sd_buf *out)
{
  sd_buf text;
  sd_buf_init(&text, BYTES_TEXT_MAX);
  if (sd_value_text(value, true, &text) == SD_OK)
    sd_json_text(sd_bytes_make(text.data + 2, text.len - 3), out); /* without b'' */
  else
    sd_buf_append_text(out, "null");
  sd_buf_release(&text);
}

static void put_key(sd_bytes key, sd_buf *out)
{
  sd_json_text(key, out);
}

static void put_plain(const sd_any_view *value, sd_buf *out)
{
  bool is_text_number = value->type == SD_ANY_DOUBLE && !isfinite(value->number);
  if (value->type == SD_ANY_STRING) {
    sd_json_text(value->bytes, out);
  } else if (value->type == SD_ANY_BYTES) {
    put_bytes(value, out);
  } else if (value->type == SD_ANY_BOOL) {
    sd_buf_append_text(out, value->integer ? "true" : "false");
  } else {
    sd_buf_append_text(out, is_text_number ? "\"" : "");
    sd_value_text(value, false, out);
    sd_buf_append_text(out, is_text_number ? "\"" : "");
  }
}

sd_status sd_logfire_put_text(const sd_any_view *value, sd_buf *out)
{
  if (value->type == SD_ANY_DOUBLE)
    return sd_value_text(value, false, out);
  static const sd_any_style style = {
      .comma = ",", .colon = ":", .null = "null", .put_key = put_key, .put_plain = put_plain};
  sd_any_write(value, &style, out);
  return sd_buf_status(out);
}

/* ---- Schemas
 * ---------------------------------------------------------------------------------------------------- */

static void put_schema(const sd_any_view *value, unsigned depth, sd_buf *out);

static sd_bytes behind(const sd_buf *out, size_t from)
{
  return sd_bytes_make(out->data + from, out->len - from);
}

/* Schemas that say no more than the JSON itself. */
static bool is_plain(sd_bytes schema)
{
  static const char *const plain[] = {"{}", "{\"type\":\"object\"}", "{\"type\":\"array\"}",
                                      "{\"type\":\"null\"}"};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    if (sd_bytes_equal_text(schema, plain[i]))
      return true;
  }
  return false;
}

/* Replaces what was appended from `from` on by prefix, the part [at, at + len) of it, and "}". */
static void keep_one(sd_buf *out, size_t from, const char *prefix, size_t at, size_t len)
{
  size_t prefix_len = strlen(prefix);
  /* The prefix is never longer than what stood before the part. */
  memcpy(out->data + from, prefix, prefix_len);
  memmove(out->data + from + prefix_len, out->data + at, len);
  sd_buf_truncate(out, from + prefix_len + len);
  sd_buf_append_byte(out, '}');
}

static void put_array_schema(const sd_any_view *value, unsigned depth, sd_buf *out)
{
  static const char SAME[] = "{\"type\":\"array\",\"items\":";
  size_t from = out->len;
  size_t first = 0;
  size_t first_len = 0;
  bool is_same = true;
  bool has_special = false;
  sd_bytes rest = value->bytes;
  sd_any_view member;
  sd_buf_append_text(out, "{\"type\":\"array\",\"prefixItems\":[");
  for (size_t index = 0; sd_any_next(&rest, &member); index++) {
    if (index > 0)
      sd_buf_append_byte(out, ',');
    size_t at = out->len;
    put_schema(&member, depth + 1, out);
    if (sd_buf_status(out) != SD_OK)
      return;
    if (index == 0) {
      first = at;
      first_len = out->len - at;
    }
    is_same = is_same && sd_bytes_equal(behind(out, at), sd_bytes_make(out->data + first, first_len));
    has_special = has_special || !is_plain(behind(out, at));
  }
  if (!has_special) {
    sd_buf_truncate(out, from);
    sd_buf_append_text(out, "{\"type\":\"array\"}");
  } else if (is_same) {
    keep_one(out, from, SAME, first, first_len);
  } else {
    sd_buf_append_text(out, "]}");
  }
}

/* One schema for all members, when they have one and it says something. */
static bool put_common_schema(const sd_any_view *value, unsigned depth, sd_buf *out)
{
  static const char COMMON[] = "{\"type\":\"object\",\"additionalProperties\":";
  size_t from = out->len;
  size_t first_len = 0;
  sd_bytes rest = value->bytes;
  sd_attribute_view pair;
  bool is_same = true;
  sd_buf_append_text(out, COMMON);
  size_t first = out->len;
  for (size_t index = 0; is_same && sd_attribute_next(&rest, &pair); index++) {
    size_t at = out->len;
    put_schema(&pair.value, depth + 1, out);
    if (sd_buf_status(out) != SD_OK)
      return true;
    if (index == 0)
      first_len = out->len - at;
    is_same = sd_bytes_equal(behind(out, at), sd_bytes_make(out->data + first, first_len));
    sd_buf_truncate(out, first + first_len);
  }
  if (is_same && !is_plain(sd_bytes_make(out->data + first, first_len))) {
    sd_buf_append_byte(out, '}');
    return true;
  }
  sd_buf_truncate(out, from);
  return false;
}

static void put_map_schema(const sd_any_view *value, unsigned depth, sd_buf *out)
{
  size_t count = 0;
  bool has_long_key = false;
  sd_bytes rest = value->bytes;
  sd_attribute_view pair;
  for (; sd_attribute_next(&rest, &pair); count++)
    has_long_key = has_long_key || sd_text_characters(pair.key) > LONG_KEY;
  bool is_small = count <= SMALL_MAP && !has_long_key;
  if (!is_small && put_common_schema(value, depth, out))
    return;
  sd_buf_append_text(out, "{\"type\":\"object\"");
  size_t before = out->len;
  bool has_special = false;
  sd_buf_append_text(out, ",\"properties\":{");
  rest = count > LARGE_MAP || has_long_key ? sd_bytes_make(NULL, 0) : value->bytes;
  while (sd_attribute_next(&rest, &pair)) {
    size_t member = out->len;
    if (has_special)
      sd_buf_append_byte(out, ',');
    sd_json_text(pair.key, out);
    sd_buf_append_byte(out, ':');
    size_t at = out->len;
    put_schema(&pair.value, depth + 1, out);
    if (sd_buf_status(out) != SD_OK)
      return;
    if (is_plain(behind(out, at)))
      sd_buf_truncate(out, member);
    else
      has_special = true;
  }
  if (!has_special)
    sd_buf_truncate(out, before);
  sd_buf_append_text(out, has_special ? "}}" : "}");
}

static void put_schema(const sd_any_view *value, unsigned depth, sd_buf *out)
{
  switch (value->type) {
  case SD_ANY_BYTES:
    sd_buf_append_text(out, "{\"type\":\"string\",\"x-python-datatype\":\"bytes\"}");
    return;
  case SD_ANY_ARRAY:
    if (depth < SD_VALUE_DEPTH_MAX) {
      put_array_schema(value, depth, out);
      return;
    }
    break;
  case SD_ANY_MAP:
    if (depth < SD_VALUE_DEPTH_MAX) {
      put_map_schema(value, depth, out);
      return;
    }
    break;
  case SD_ANY_NULL:
    break;
  case SD_ANY_STRING:
  case SD_ANY_BOOL:
  case SD_ANY_INT:
  case SD_ANY_DOUBLE:
    sd_buf_append_text(out, "{}");
    return;
  }
  sd_buf_append_text(out, "{\"type\":\"null\"}");
}

sd_status sd_logfire_put_schema(const sd_any_view *value, sd_buf *out)
{
  put_schema(value, 0, out);
  return sd_buf_status(out);
}
