/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* AMQP values as JSON text, for the columns that hold properties. */
#include "amqp/wire.h"
#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char hex[] = "0123456789abcdef";

static void put_escaped(sd_buf *out, sd_bytes text)
{
  size_t from = 0;
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.data[i];
    if (c >= 0x20 && c != '"' && c != '\\')
      continue;
    sd_buf_append(out, text.data + from, i - from);
    from = i + 1;
    if (c == '"' || c == '\\') {
      char pair[2] = {'\\', (char)c};
      sd_buf_append(out, pair, sizeof pair);
    } else if (c == '\n') {
      sd_buf_append_text(out, "\\n");
    } else if (c == '\r') {
      sd_buf_append_text(out, "\\r");
    } else if (c == '\t') {
      sd_buf_append_text(out, "\\t");
    } else {
      char unit[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
      sd_buf_append(out, unit, sizeof unit);
    }
  }
  if (from < text.len)
    sd_buf_append(out, text.data + from, text.len - from);
}

static void put_base64(sd_buf *out, sd_bytes bytes)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.len; i += 3) {
    size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
    uint32_t group = (uint32_t)bytes.data[i] << 16;
    if (n > 1)
      group |= (uint32_t)bytes.data[i + 1] << 8;
    if (n > 2)
      group |= bytes.data[i + 2];
    char four[4] = {digits[group >> 18], digits[group >> 12 & 63], n > 1 ? digits[group >> 6 & 63] : '=',
                    n > 2 ? digits[group & 63] : '='};
    sd_buf_append(out, four, sizeof four);
  }
}

static void put_hex(sd_buf *out, sd_bytes bytes)
{
  for (size_t i = 0; i < bytes.len; i++) {
    char pair[2] = {hex[bytes.data[i] >> 4], hex[bytes.data[i] & 15]};
    sd_buf_append(out, pair, sizeof pair);
  }
}

static void put_uuid(sd_buf *out, const uint8_t *uuid)
{
  static const uint8_t groups[] = {4, 2, 2, 2, 6};
  for (size_t i = 0; i < sizeof groups; i++) {
    if (i > 0)
      sd_buf_append_byte(out, '-');
    put_hex(out, sd_bytes_make(uuid, groups[i]));
    uuid += groups[i];
  }
}

/* The fewest digits that read back as the same number. A locale's decimal comma becomes a point. */
static void put_real(sd_buf *out, double value, bool single)
{
  if (!isfinite(value)) {
    sd_buf_append_text(out, "null");
    return;
  }
  char text[40];
  for (int digits = single ? 6 : 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    double again = strtod(text, NULL);
    if (single ? (float)again == (float)value : again == value)
      break;
  }
  bool integral = true;
  for (char *p = text; *p; p++) {
    if (*p == ',')
      *p = '.';
    if (*p == '.' || *p == 'e')
      integral = false;
  }
  sd_buf_append_text(out, text);
  if (integral)
    sd_buf_append_text(out, ".0");
}

static void put_char(sd_buf *out, uint64_t code)
{
  uint8_t utf8[4];
  size_t n;
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    code = 0xfffd;
  if (code < 0x80) {
    utf8[0] = (uint8_t)code;
    n = 1;
  } else if (code < 0x800) {
    utf8[0] = (uint8_t)(0xc0 | code >> 6);
    utf8[1] = (uint8_t)(0x80 | (code & 63));
    n = 2;
  } else if (code < 0x10000) {
    utf8[0] = (uint8_t)(0xe0 | code >> 12);
    utf8[1] = (uint8_t)(0x80 | (code >> 6 & 63));
    utf8[2] = (uint8_t)(0x80 | (code & 63));
    n = 3;
  } else {
    utf8[0] = (uint8_t)(0xf0 | code >> 18);
    utf8[1] = (uint8_t)(0x80 | (code >> 12 & 63));
    utf8[2] = (uint8_t)(0x80 | (code >> 6 & 63));
    utf8[3] = (uint8_t)(0x80 | (code & 63));
    n = 4;
  }
  put_escaped(out, sd_bytes_make(utf8, n));
}

/* ISO 8601 where the calendar reaches (years 1 to 9999); a number of milliseconds beyond. */
static void put_timestamp(sd_buf *out, int64_t ms)
{
  static const int64_t first_ms = -62135596800000, last_ms = 253402300799999;
  if (ms < first_ms || ms > last_ms) {
    sd_buf_appendf(out, "%" PRId64, ms);
    return;
  }
  char text[SD_CLOCK_ISO8601_SIZE];
  sd_buf_appendf(out, "\"%s\"", sd_clock_iso8601(ms * 1000, text));
}

static sd_status put_json(const sd_amqp_value *value, unsigned depth, sd_buf *out);

/* An object's key: text as it is, anything else as the text of its JSON. */
static sd_status put_key(const sd_amqp_value *key, unsigned depth, sd_buf *out)
{
  bool quoted = key->type == SD_AMQP_STRING || key->type == SD_AMQP_SYMBOL || key->type == SD_AMQP_CHAR ||
                key->type == SD_AMQP_BINARY || key->type == SD_AMQP_UUID || key->type == SD_AMQP_DECIMAL32 ||
                key->type == SD_AMQP_DECIMAL64 || key->type == SD_AMQP_DECIMAL128;
  if (quoted)
    return put_json(key, depth, out);
  sd_buf inner;
  sd_buf_init(&inner, SD_AMQP_JSON_KEY_MAX);
  sd_status status = put_json(key, depth, &inner);
  if (status == SD_OK) {
    sd_bytes text = sd_buf_bytes(&inner);
    /* A timestamp's JSON is a string already. */
    if (text.len >= 2 && text.data[0] == '"') {
      sd_buf_append_bytes(out, text);
    } else {
      sd_buf_append_byte(out, '"');
      put_escaped(out, text);
      sd_buf_append_byte(out, '"');
    }
    status = sd_buf_status(out);
  }
  sd_buf_release(&inner);
  return status;
}

static sd_status put_compound(const sd_amqp_value *value, unsigned depth, sd_buf *out)
{
  if (depth >= SD_AMQP_DEPTH_MAX)
    return SD_PROTOCOL;
  bool map = value->type == SD_AMQP_MAP;
  sd_amqp_items items;
  sd_amqp_value item;
  sd_status status;
  bool first = true;
  sd_amqp_items_init(&items, value);
  sd_buf_append_byte(out, map ? '{' : '[');
  while ((status = sd_amqp_items_next(&items, &item)) == SD_OK) {
    if (!first)
      sd_buf_append_byte(out, ',');
    first = false;
    if (map) {
      status = put_key(&item, depth + 1, out);
      if (status == SD_OK)
        status = sd_amqp_items_next(&items, &item);
      if (status != SD_OK)
        return status == SD_NOT_FOUND ? SD_PROTOCOL : status;
      sd_buf_append_byte(out, ':');
    }
    status = put_json(&item, depth + 1, out);
    if (status != SD_OK)
      return status;
  }
  if (status != SD_NOT_FOUND)
    return status;
  sd_buf_append_byte(out, map ? '}' : ']');
  return sd_buf_status(out);
}

static sd_status put_json(const sd_amqp_value *value, unsigned depth, sd_buf *out)
{
  switch (value->type) {
  case SD_AMQP_NULL:
    sd_buf_append_text(out, "null");
    break;
  case SD_AMQP_BOOLEAN:
    sd_buf_append_text(out, value->as.boolean ? "true" : "false");
    break;
  case SD_AMQP_UBYTE:
  case SD_AMQP_USHORT:
  case SD_AMQP_UINT:
  case SD_AMQP_ULONG:
    sd_buf_appendf(out, "%" PRIu64, value->as.u);
    break;
  case SD_AMQP_BYTE:
  case SD_AMQP_SHORT:
  case SD_AMQP_INT:
  case SD_AMQP_LONG:
    sd_buf_appendf(out, "%" PRId64, value->as.i);
    break;
  case SD_AMQP_FLOAT:
    put_real(out, value->as.d, true);
    break;
  case SD_AMQP_DOUBLE:
    put_real(out, value->as.d, false);
    break;
  case SD_AMQP_DECIMAL32:
  case SD_AMQP_DECIMAL64:
  case SD_AMQP_DECIMAL128:
    sd_buf_append_text(out, "\"0x");
    put_hex(out, value->as.bytes);
    sd_buf_append_byte(out, '"');
    break;
  case SD_AMQP_CHAR:
    sd_buf_append_byte(out, '"');
    put_char(out, value->as.u);
    sd_buf_append_byte(out, '"');
    break;
  case SD_AMQP_TIMESTAMP:
    put_timestamp(out, value->as.i);
    break;
  case SD_AMQP_UUID:
    sd_buf_append_byte(out, '"');
    put_uuid(out, value->as.bytes.data);
    sd_buf_append_byte(out, '"');
    break;
  case SD_AMQP_BINARY:
    sd_buf_append_byte(out, '"');
    put_base64(out, value->as.bytes);
    sd_buf_append_byte(out, '"');
    break;
  case SD_AMQP_STRING:
  case SD_AMQP_SYMBOL:
    sd_buf_append_byte(out, '"');
    if (sd_utf8_valid(value->as.bytes.data, value->as.bytes.len))
      put_escaped(out, value->as.bytes);
    else
      put_base64(out, value->as.bytes);
    sd_buf_append_byte(out, '"');
    break;
  case SD_AMQP_LIST:
  case SD_AMQP_MAP:
  case SD_AMQP_ARRAY:
    return put_compound(value, depth, out);
  }
  return sd_buf_status(out);
}

sd_status sd_amqp_value_to_json(const sd_amqp_value *value, sd_buf *out)
{
  size_t before = out->len;
  sd_status status = put_json(value, 0, out);
  if (status != SD_OK)
    sd_buf_truncate(out, before);
  return status;
}
