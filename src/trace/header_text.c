/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Characters of header fields. */
#include "trace/header_text.h"

static bool is_ows(uint8_t c)
{
  return c == ' ' || c == '\t';
}

sd_bytes sd_header_trim(sd_bytes text)
{
  while (text.len > 0 && is_ows(text.data[text.len - 1]))
    text.len--;
  while (text.len > 0 && is_ows(text.data[0])) {
    text.data++;
    text.len--;
  }
  return text;
}

bool sd_header_next(sd_bytes *rest, char separator, sd_bytes *ret_part)
{
  if (rest->len == 0)
    return false;
  const uint8_t *end = memchr(rest->data, separator, rest->len);
  size_t len = end ? (size_t)(end - rest->data) : rest->len;
  size_t taken = end ? len + 1 : len;
  *ret_part = sd_header_trim(sd_bytes_make(rest->data, len));
  *rest = sd_bytes_make(rest->data + taken, rest->len - taken);
  return true;
}

static bool is_token_byte(uint8_t c)
{
  return c > 0x20 && c < 0x7F && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

bool sd_header_is_token(sd_bytes text)
{
  for (size_t i = 0; i < text.len; i++) {
    if (!is_token_byte(text.data[i]))
      return false;
  }
  return text.len > 0;
}

static int hex_digit(uint8_t c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool sd_percent_decode_at(sd_bytes text, size_t at, uint8_t *ret_byte)
{
  if (at >= text.len || text.len - at < 3 || text.data[at] != '%')
    return false;
  int high = hex_digit(text.data[at + 1]);
  int low = hex_digit(text.data[at + 2]);
  if (high < 0 || low < 0)
    return false;
  *ret_byte = (uint8_t)(high << 4 | low);
  return true;
}
