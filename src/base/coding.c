/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648) and percent encoding (RFC 3986). */
#include "base/coding.h"

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

sd_status sd_base64_encode(sd_bytes data, sd_buf *out)
{
  if (data.len > (SIZE_MAX / 4) * 3 - 3)
    return SD_LIMIT;
  size_t size = (data.len + 2) / 3 * 4;
  uint8_t *to = NULL;
  sd_status status = sd_buf_reserve(out, size, &to);
  if (status != SD_OK)
    return status;
  size_t i = 0;
  for (; i + 3 <= data.len; i += 3) {
    uint32_t v = (uint32_t)data.data[i] << 16 | (uint32_t)data.data[i + 1] << 8 | data.data[i + 2];
    *to++ = (uint8_t)base64_alphabet[v >> 18];
    *to++ = (uint8_t)base64_alphabet[v >> 12 & 63];
    *to++ = (uint8_t)base64_alphabet[v >> 6 & 63];
    *to++ = (uint8_t)base64_alphabet[v & 63];
  }
  size_t rest = data.len - i;
  if (rest > 0) {
    uint32_t v = (uint32_t)data.data[i] << 16 | (rest == 2 ? (uint32_t)data.data[i + 1] << 8 : 0);
    *to++ = (uint8_t)base64_alphabet[v >> 18];
    *to++ = (uint8_t)base64_alphabet[v >> 12 & 63];
    *to++ = rest == 2 ? (uint8_t)base64_alphabet[v >> 6 & 63] : '=';
    *to++ = '=';
  }
  sd_buf_commit(out, size);
  return SD_OK;
}

/* The 6 bits that a character stands for, -1 for any other character. */
static int base64_value(uint8_t c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == '+' || c == '-')
    return 62;
  if (c == '/' || c == '_')
    return 63;
  return -1;
}

sd_status sd_base64_decode(sd_bytes text, sd_buf *out)
{
  size_t len = text.len;
  while (len > 0 && text.len - len < 2 && text.data[len - 1] == '=')
    len--;
  /* Padding, where there is any, completes a group of four. */
  if ((len != text.len && text.len % 4 != 0) || len % 4 == 1)
    return SD_INVALID;
  uint8_t *to = NULL;
  sd_status status = sd_buf_reserve(out, len / 4 * 3 + 3, &to);
  if (status != SD_OK)
    return status;
  uint32_t bits = 0;
  unsigned have = 0;
  size_t made = 0;
  for (size_t i = 0; i < len; i++) {
    int v = base64_value(text.data[i]);
    if (v < 0)
      return SD_INVALID;
    bits = (bits << 6 | (uint32_t)v) & 0xffffff;
    have += 6;
    if (have >= 8) {
      have -= 8;
      to[made++] = (uint8_t)(bits >> have);
    }
  }
  if ((bits & ((1u << have) - 1)) != 0)
    return SD_INVALID; /* left-over bits must be zero, so that each value has one spelling */
  sd_buf_commit(out, made);
  return SD_OK;
}

static bool is_unreserved(uint8_t c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

sd_status sd_percent_encode(sd_bytes data, sd_buf *out)
{
  static const char hex[] = "0123456789ABCDEF";
  if (data.len > SIZE_MAX / 3)
    return SD_LIMIT;
  uint8_t *to = NULL;
  sd_status status = sd_buf_reserve(out, data.len * 3, &to);
  if (status != SD_OK)
    return status;
  size_t made = 0;
  for (size_t i = 0; i < data.len; i++) {
    uint8_t c = data.data[i];
    if (is_unreserved(c)) {
      to[made++] = c;
    } else {
      to[made++] = '%';
      to[made++] = (uint8_t)hex[c >> 4];
      to[made++] = (uint8_t)hex[c & 15];
    }
  }
  sd_buf_commit(out, made);
  return SD_OK;
}

static int hex_value(uint8_t c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

sd_status sd_percent_decode(sd_bytes text, sd_buf *out)
{
  uint8_t *to = NULL;
  sd_status status = sd_buf_reserve(out, text.len, &to);
  if (status != SD_OK)
    return status;
  size_t made = 0;
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.data[i];
    if (c == '%') {
      if (text.len - i < 3)
        return SD_INVALID;
      int high = hex_value(text.data[i + 1]);
      int low = hex_value(text.data[i + 2]);
      if (high < 0 || low < 0)
        return SD_INVALID;
      c = (uint8_t)(high << 4 | low);
      i += 2;
    }
    to[made++] = c;
  }
  sd_buf_commit(out, made);
  return SD_OK;
}
