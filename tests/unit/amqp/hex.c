/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Bytes of codec tests: see hex.h. */
#include "hex.h"

#include <ctype.h>

static int digit(char c)
{
  return c <= '9' ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

size_t hex_bytes(const char *hex, uint8_t *bytes, size_t size)
{
  size_t n = 0, open[8], depth = 0;
  while (*hex) {
    if (*hex == ' ') {
      hex++;
    } else if (*hex == '<') {
      assert_true(depth < 8 && n < size);
      open[depth++] = n++;
      hex++;
    } else if (*hex == '>') {
      assert_true(depth > 0);
      depth--;
      bytes[open[depth]] = (uint8_t)(n - open[depth] - 1);
      hex++;
    } else if (*hex == '"') {
      for (hex++; *hex != '"'; hex++) {
        assert_true(*hex && n < size);
        bytes[n++] = (uint8_t)*hex;
      }
      hex++;
    } else {
      assert_true(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]) && n < size);
      bytes[n++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
      hex += 2;
    }
  }
  return n;
}
