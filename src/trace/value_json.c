/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON text. */
#include "base/coding.h"
#include "base/number.h"
#include "trace/value.h"

#include <inttypes.h>
#include <math.h>

static void put_string(sd_bytes text, sd_buf *out)
{
  sd_buf_append_byte(out, '"');
  size_t start = 0;
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.data[i];
    if (c >= 0x20 && c != '"' && c != '\\')
      continue;
    sd_buf_append(out, text.data + start, i - start);
    start = i + 1;
    static const char shorthand[] = "\bb\nn\tt\ff\rr\"\"\\\\";
    const char *found = NULL;
    for (const char *p = shorthand; *p && !found; p += 2)
      found = (uint8_t)*p == c ? p + 1 : NULL;
    if (found)
      sd_buf_appendf(out, "\\%c", *found);
    else
      sd_buf_appendf(out, "\\u%04x", c);
  }
  sd_buf_append(out, text.data + start, text.len - start);
  sd_buf_append_byte(out, '"');
}

static void put_double(double value, sd_buf *out)
{
  if (!isfinite(value)) {
    sd_buf_append_text(out, isnan(value) ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\"");
    return;
  }
  char text[SD_DOUBLE_TEXT_SIZE];
  size_t len = sd_double_to_text(value, text);
  sd_buf_append(out, text, len);
  if (!strpbrk(text, ".e"))
    sd_buf_append_text(out, ".0");
}

static void put_any(const sd_any_view *value, unsigned depth, sd_buf *out);

static void put_members(const sd_any_view *value, unsigned depth, sd_buf *out)
{
  bool is_array = value->type == SD_ANY_ARRAY;
  sd_bytes rest = value->bytes;
  sd_any_view member;
  sd_attribute_view pair;
  sd_buf_append_byte(out, is_array ? '[' : '{');
  for (bool first = true;; first = false) {
    if (is_array ? !sd_any_next(&rest, &member) : !sd_attribute_next(&rest, &pair))
      break;
    if (!first)
      sd_buf_append_byte(out, ',');
    if (!is_array) {
      put_string(pair.key, out);
      sd_buf_append_byte(out, ':');
    }
    put_any(is_array ? &member : &pair.value, depth + 1, out);
  }
  sd_buf_append_byte(out, is_array ? ']' : '}');
}

static void put_any(const sd_any_view *value, unsigned depth, sd_buf *out)
{
  switch (value->type) {
  case SD_ANY_STRING:
    put_string(value->bytes, out);
    return;
  case SD_ANY_BOOL:
    sd_buf_append_text(out, value->integer ? "true" : "false");
    return;
  case SD_ANY_INT:
    sd_buf_appendf(out, "%" PRId64, value->integer);
    return;
  case SD_ANY_DOUBLE:
    put_double(value->number, out);
    return;
  case SD_ANY_BYTES:
    sd_buf_append_byte(out, '"');
    sd_base64_encode(value->bytes, out);
    sd_buf_append_byte(out, '"');
    return;
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
    if (depth < SD_VALUE_DEPTH_MAX) {
      put_members(value, depth, out);
      return;
    }
    break;
  case SD_ANY_NULL:
    break;
  }
  sd_buf_append_text(out, "null");
}

sd_status sd_any_to_json(const sd_any_view *value, sd_buf *out)
{
  size_t before = out->len;
  sd_status failed_before = sd_buf_status(out);
  put_any(value, 0, out);
  sd_status status = sd_buf_status(out);
  if (status != SD_OK && failed_before == SD_OK)
    sd_buf_truncate(out, before);
  return status;
}
