/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values as text, in any style. */
#include "trace/value.h"

static void write_at(const sd_any_view *value, const sd_any_style *style, unsigned depth, sd_buf *out);

static void write_members(const sd_any_view *value, const sd_any_style *style, unsigned depth, sd_buf *out)
{
  bool is_array = value->type == SD_ANY_ARRAY;
  sd_bytes rest = value->bytes;
  sd_any_view member;
  sd_attribute_view pair;
  sd_buf_append_byte(out, is_array ? '[' : '{');
  for (bool is_first = true;; is_first = false) {
    if (is_array ? !sd_any_next(&rest, &member) : !sd_attribute_next(&rest, &pair))
      break;
    if (!is_first)
      sd_buf_append_text(out, style->comma);
    if (!is_array) {
      style->put_key(pair.key, out);
      sd_buf_append_text(out, style->colon);
    }
    write_at(is_array ? &member : &pair.value, style, depth + 1, out);
  }
  sd_buf_append_byte(out, is_array ? ']' : '}');
}

static void write_at(const sd_any_view *value, const sd_any_style *style, unsigned depth, sd_buf *out)
{
  bool is_composite = value->type == SD_ANY_ARRAY || value->type == SD_ANY_MAP;
  if (value->type == SD_ANY_NULL || (is_composite && depth >= SD_VALUE_DEPTH_MAX))
    sd_buf_append_text(out, style->null);
  else if (is_composite)
    write_members(value, style, depth, out);
  else
    style->put_plain(value, out);
}

void sd_any_write(const sd_any_view *value, const sd_any_style *style, sd_buf *out)
{
  write_at(value, style, 0, out);
}
