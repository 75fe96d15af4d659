/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values as Python's str and repr write them. */
#include "export/value_text.h"

#include "base/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

size_t sd_text_characters(sd_bytes text)
{
  size_t count = 0;
  for (size_t i = 0; i < text.len; i++)
    count += (text.data[i] & 0xc0) != 0x80;
  return count;
}

/* The shortest digits that read back as the same number, and the power of ten of the first. */
static size_t shortest_digits(double value, char digits[SD_DOUBLE_TEXT_SIZE], int *ret_exponent)
{
  char text[SD_DOUBLE_TEXT_SIZE];
  size_t count = 0;
  int point = -1;
  int exponent = 0;
  sd_double_to_text(fabs(value), text);
  for (const char *p = text; *p; p++) {
    if (*p == 'e' || *p == 'E') {
      exponent = (int)strtol(p + 1, NULL, 10);
      break;
    }
    if (*p == '.')
      point = (int)count;
    else
      digits[count++] = *p;
  }
  if (point < 0)
    point = (int)count;
  size_t zeros = 0;
  while (zeros + 1 < count && digits[zeros] == '0')
    zeros++;
  memmove(digits, digits + zeros, count - zeros);
  count -= zeros;
  point -= (int)zeros;
  while (count > 1 && digits[count - 1] == '0')
    count--;
  *ret_exponent = point - 1 + exponent;
  return count;
}

static void put_double(double value, sd_buf *out)
{
  if (isnan(value)) {
    sd_buf_append_text(out, "nan");
    return;
  }
  if (signbit(value))
    sd_buf_append_byte(out, '-');
  if (isinf(value)) {
    sd_buf_append_text(out, "inf");
    return;
  }
  if (value == 0) {
    sd_buf_append_text(out, "0.0");
    return;
  }
  char digits[SD_DOUBLE_TEXT_SIZE];
  int exponent;
  int count = (int)shortest_digits(value, digits, &exponent);
  if (exponent < -4 || exponent >= 16) {
    sd_buf_append(out, digits, 1);
    if (count > 1)
      sd_buf_append_byte(out, '.');
    sd_buf_append(out, digits + 1, (size_t)count - 1);
    sd_buf_appendf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
  } else if (exponent < 0) {
    sd_buf_append_text(out, "0.");
    for (int i = exponent + 1; i < 0; i++)
      sd_buf_append_byte(out, '0');
    sd_buf_append(out, digits, (size_t)count);
  } else {
    for (int i = 0; i <= exponent; i++)
      sd_buf_append_byte(out, i < count ? (uint8_t)digits[i] : '0');
    sd_buf_append_byte(out, '.');
    if (count > exponent + 1)
      sd_buf_append(out, digits + exponent + 1, (size_t)(count - exponent - 1));
    else
      sd_buf_append_byte(out, '0');
  }
}

static void put_quoted(sd_bytes text, bool is_bytes, sd_buf *out)
{
  bool has_single = memchr(text.len ? text.data : (const uint8_t *)"", '\'', text.len) != NULL;
  bool has_double = memchr(text.len ? text.data : (const uint8_t *)"", '"', text.len) != NULL;
  uint8_t quote = has_single && !has_double ? '"' : '\'';
  sd_buf_append_text(out, is_bytes ? "b" : "");
  sd_buf_append_byte(out, quote);
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.data[i];
    if (c == quote || c == '\\')
      sd_buf_appendf(out, "\\%c", c);
    else if (c == '\n' || c == '\r' || c == '\t')
      sd_buf_append_text(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    else if (c < 0x20 || c == 0x7f || (is_bytes && c >= 0x80))
      sd_buf_appendf(out, "\\x%02x", c);
    else if (c == 0xc2 && i + 1 < text.len && (text.data[i + 1] <= 0xa0 || text.data[i + 1] == 0xad))
      sd_buf_appendf(out, "\\x%02x", text.data[++i]);
    else
      sd_buf_append_byte(out, c);
  }
  sd_buf_append_byte(out, quote);
}

static void put_key(sd_bytes key, sd_buf *out)
{
  put_quoted(key, false, out);
}

static void put_plain(const sd_any_view *value, sd_buf *out)
{
  if (value->type == SD_ANY_BOOL)
    sd_buf_append_text(out, value->integer ? "True" : "False");
  else if (value->type == SD_ANY_INT)
    sd_buf_appendf(out, "%" PRId64, value->integer);
  else if (value->type == SD_ANY_DOUBLE)
    put_double(value->number, out);
  else
    put_quoted(value->bytes, value->type == SD_ANY_BYTES, out);
}

sd_status sd_value_text(const sd_any_view *value, bool is_quoted, sd_buf *out)
{
  static const sd_any_style style = {
      .comma = ", ", .colon = ": ", .null = "None", .put_key = put_key, .put_plain = put_plain};
  if (value->type == SD_ANY_STRING && !is_quoted)
    sd_buf_append_bytes(out, value->bytes);
  else
    sd_any_write(value, &style, out);
  return sd_buf_status(out);
}
