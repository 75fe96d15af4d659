/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text. */
#include "base/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MIN = 15, DIGITS_MAX = 17 };

/* The C library writes the decimal point of the process's locale, which may be several bytes. */
static size_t with_point(const char *text, char *dst)
{
  size_t len = 0;
  for (bool in_point = false; *text; text++) {
    bool is_plain = (*text >= '0' && *text <= '9') || *text == '-' || *text == '+' || *text == 'e';
    if (is_plain || !in_point)
      dst[len++] = is_plain ? *text : '.';
    in_point = !is_plain;
  }
  dst[len] = '\0';
  return len;
}

static size_t named(const char *name, char *dst)
{
  size_t len = strlen(name);
  memcpy(dst, name, len + 1);
  return len;
}

size_t sd_double_to_text(double value, char *dst)
{
  if (!isfinite(value))
    return named(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", dst);
  if (value == 0 && signbit(value))
    return named("-0.0", dst); /* readers take -0 for the integer */
  char text[SD_DOUBLE_TEXT_SIZE];
  for (int digits = DIGITS_MIN; digits <= DIGITS_MAX; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    double back = strtod(text, NULL);
    if (memcmp(&back, &value, sizeof back) == 0)
      break;
  }
  return with_point(text, dst);
}
