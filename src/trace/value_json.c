/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON text. */
#include "base/coding.h"
#include "base/json_text.h"
#include "base/number.h"
#include "trace/value.h"

#include <inttypes.h>
#include <math.h>

static void put_string(sd_bytes text, sd_buf *out)
{
  sd_json_text(text, out);
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

static void put_plain(const sd_any_view *value, sd_buf *out)
{
  if (value->type == SD_ANY_STRING) {
    put_string(value->bytes, out);
  } else if (value->type == SD_ANY_BOOL) {
    sd_buf_append_text(out, value->integer ? "true" : "false");
  } else if (value->type == SD_ANY_INT) {
    sd_buf_appendf(out, "%" PRId64, value->integer);
  } else if (value->type == SD_ANY_DOUBLE) {
    put_double(value->number, out);
  } else {
    sd_buf_append_byte(out, '"');
    sd_base64_encode(value->bytes, out);
    sd_buf_append_byte(out, '"');
  }
}

sd_status sd_any_to_json(const sd_any_view *value, sd_buf *out)
{
  size_t before = out->len;
  sd_status failed_before = sd_buf_status(out);
  static const sd_any_style style = {
      .comma = ",", .colon = ":", .null = "null", .put_key = put_string, .put_plain = put_plain};
  sd_any_write(value, &style, out);
  sd_status status = sd_buf_status(out);
  if (status != SD_OK && failed_before == SD_OK)
    sd_buf_truncate(out, before);
  return status;
}
