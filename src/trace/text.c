/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Repairing and cutting text. */
#include "trace/text.h"

static const uint8_t REPLACEMENT[] = {0xEF, 0xBF, 0xBD}; /* U+FFFD */

/* The character at p (len >= 1): its bytes if it is well formed, otherwise how many bytes the replacement
 * stands for (RFC 3629 §4). */
static size_t take_character(const uint8_t *p, size_t len, bool *ret_good)
{
  uint8_t c = p[0];
  size_t want = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
  *ret_good = want != 0;
  if (want == 0)
    return 1;
  for (size_t i = 1; i < want; i++) {
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    if (i == 1) {
      low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
      high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    }
    if (i == len || p[i] < low || p[i] > high) {
      *ret_good = false;
      return i;
    }
  }
  return want;
}

size_t sd_text_size(sd_bytes text, uint32_t max_characters)
{
  /* As many bytes are at most as many characters. */
  if ((max_characters == 0 || text.len <= max_characters) && sd_utf8_valid(text.data, text.len))
    return text.len;
  size_t size = 0;
  size_t characters = 0;
  for (size_t i = 0; i < text.len && (max_characters == 0 || characters < max_characters); characters++) {
    bool good;
    size_t n = take_character(text.data + i, text.len - i, &good);
    size += good ? n : sizeof REPLACEMENT;
    i += n;
  }
  return size;
}

uint8_t *sd_text_put(sd_bytes text, uint32_t max_characters, uint8_t *at)
{
  if ((max_characters == 0 || text.len <= max_characters) && sd_utf8_valid(text.data, text.len)) {
    if (text.len > 0)
      memcpy(at, text.data, text.len);
    return at + text.len;
  }
  size_t characters = 0;
  for (size_t i = 0; i < text.len && (max_characters == 0 || characters < max_characters); characters++) {
    bool good;
    size_t n = take_character(text.data + i, text.len - i, &good);
    size_t put = good ? n : sizeof REPLACEMENT;
    memcpy(at, good ? text.data + i : REPLACEMENT, put);
    at += put;
    i += n;
  }
  return at;
}
