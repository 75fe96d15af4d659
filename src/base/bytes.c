/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Comparing and converting borrowed bytes; UTF-8 validation. */
#include "base/bytes.h"

static uint8_t fold(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool equal_nocase(const uint8_t *a, const uint8_t *b, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    if (fold(a[i]) != fold(b[i]))
      return false;
  }
  return true;
}

bool sd_bytes_equal(sd_bytes a, sd_bytes b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool sd_bytes_equal_text(sd_bytes a, const char *text)
{
  return sd_bytes_equal(a, sd_bytes_of(text));
}

bool sd_bytes_equal_nocase(sd_bytes a, sd_bytes b)
{
  return a.len == b.len && equal_nocase(a.data, b.data, a.len);
}

bool sd_bytes_starts_with_nocase(sd_bytes a, const char *prefix)
{
  sd_bytes p = sd_bytes_of(prefix);
  return a.len >= p.len && equal_nocase(a.data, p.data, p.len);
}

bool sd_bytes_to_text(sd_bytes b, char *dst, size_t size)
{
  if (size == 0)
    return false;
  size_t len = b.len < size ? b.len : size - 1;
  if (len > 0)
    memcpy(dst, b.data, len);
  dst[len] = '\0';
  return len == b.len;
}

bool sd_bytes_to_int64(sd_bytes b, int64_t *ret)
{
  size_t i = 0;
  bool negative = b.len > 0 && b.data[0] == '-';
  if (negative)
    i++;
  if (i == b.len)
    return false;
  /* Counted downwards, because INT64_MIN has no positive counterpart. */
  int64_t value = 0;
  for (; i < b.len; i++) {
    if (b.data[i] < '0' || b.data[i] > '9')
      return false;
    int64_t digit = b.data[i] - '0';
    if (value < (INT64_MIN + digit) / 10)
      return false;
    value = value * 10 - digit;
  }
  if (!negative && value == INT64_MIN)
    return false;
  *ret = negative ? value : -value;
  return true;
}

#define HIGH_BITS UINT64_C(0x8080808080808080)

static uint64_t load64(const uint8_t *p)
{
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

/* The number of ASCII bytes at the start, found 32 and then 8 at a time; up to 7 more may follow. */
static size_t skip_ascii(const uint8_t *p, size_t len)
{
  size_t i = 0;
  while (len - i >= 32 &&
         ((load64(p + i) | load64(p + i + 8) | load64(p + i + 16) | load64(p + i + 24)) & HIGH_BITS) == 0)
    i += 32;
  while (len - i >= 8 && (load64(p + i) & HIGH_BITS) == 0)
    i += 8;
  return i;
}

static bool is_tail(uint8_t c)
{
  return (c & 0xC0) == 0x80;
}

/* The length of the well-formed character at p (len >= 1), 0 when there is none: the table of RFC 3629
 * section 4. */
static size_t utf8_char_len(const uint8_t *p, size_t len)
{
  uint8_t c = p[0];
  if (c < 0x80)
    return 1;
  if (c < 0xC2)
    return 0;
  if (c < 0xE0)
    return len >= 2 && is_tail(p[1]) ? 2 : 0;
  if (c < 0xF0) {
    uint8_t low = c == 0xE0 ? 0xA0 : 0x80;
    uint8_t high = c == 0xED ? 0x9F : 0xBF;
    return len >= 3 && p[1] >= low && p[1] <= high && is_tail(p[2]) ? 3 : 0;
  }
  if (c < 0xF5) {
    uint8_t low = c == 0xF0 ? 0x90 : 0x80;
    uint8_t high = c == 0xF4 ? 0x8F : 0xBF;
    return len >= 4 && p[1] >= low && p[1] <= high && is_tail(p[2]) && is_tail(p[3]) ? 4 : 0;
  }
  return 0;
}

bool sd_utf8_valid(const uint8_t *data, size_t len)
{
  size_t i = 0;
  while (i < len) {
    if (data[i] < 0x80) {
      i += skip_ascii(data + i, len - i);
      while (i < len && data[i] < 0x80)
        i++;
    } else {
      size_t n = utf8_char_len(data + i, len - i);
      if (n == 0)
        return false;
      i += n;
    }
  }
  return true;
}

size_t sd_utf8_cut(const void *text, size_t len, size_t max)
{
  if (len <= max)
    return len;
  const uint8_t *p = text;
  size_t cut = max;
  while (cut > 0 && max - cut < 4 && is_tail(p[cut]))
    cut--;
  /* Malformed text has no characters to keep whole. */
  return is_tail(p[cut]) ? max : cut;
}

void sd_utf8_repair(char *text, size_t len)
{
  uint8_t *p = (uint8_t *)text;
  for (size_t i = 0; i < len;) {
    size_t n = utf8_char_len(p + i, len - i);
    if (n == 0) {
      p[i] = '?';
      n = 1;
    }
    i += n;
  }
}
