/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Text as a JSON string: runs of plain characters are copied whole. */
#include "base/json_text.h"

enum { CHARACTER_BYTES_MAX = 4 };

static bool is_plain(uint8_t c)
{
  return c >= ' ' && c != '"' && c != '\\';
}

static void put_escaped(uint8_t c, sd_buf *out)
{
  static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (size_t i = 0; i + 1 < sizeof named; i += 2) {
    if ((uint8_t)named[i] == c) {
      char pair[2] = {'\\', named[i + 1]};
      sd_buf_append(out, pair, 2);
      return;
    }
  }
  sd_buf_appendf(out, "\\u%04x", c);
}

static void put_valid(const uint8_t *data, size_t len, sd_buf *out)
{
  size_t done = 0;
  for (size_t i = 0; i < len; i++) {
    if (is_plain(data[i]))
      continue;
    sd_buf_append(out, data + done, i - done);
    put_escaped(data[i], out);
    done = i + 1;
  }
  sd_buf_append(out, data + done, len - done);
}

/* Bytes of the well-formed character at the start; 0 when there is none. */
static size_t character(const uint8_t *data, size_t len)
{
  for (size_t n = 1; n <= CHARACTER_BYTES_MAX && n <= len; n++) {
    if (sd_utf8_valid(data, n))
      return n;
  }
  return 0;
}

sd_status sd_json_text(sd_bytes text, sd_buf *out)
{
  sd_buf_append_byte(out, '"');
  if (text.len == 0 || sd_utf8_valid(text.data, text.len)) {
    put_valid(text.data, text.len, out);
  } else {
    for (size_t i = 0; i < text.len;) {
      size_t n = character(text.data + i, text.len - i);
      if (n)
        put_valid(text.data + i, n, out);
      else
        sd_buf_append_text(out, "\xef\xbf\xbd");
      i += n ? n : 1;
    }
  }
  sd_buf_append_byte(out, '"');
  return sd_buf_status(out);
}
