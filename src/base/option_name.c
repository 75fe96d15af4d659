/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Names of options: patterns with {N}, and how near a misspelt name is. */
#include "base/option.h"

#include <ctype.h>
#include <stdio.h>

static const char placeholder[] = "{N}";

bool sd_option_match(const sd_option *option, const char *variable, int *ret_number)
{
  if (!option->variable)
    return false;
  const char *hole = strstr(option->variable, placeholder);
  if (!hole) {
    if (strcmp(option->variable, variable) != 0)
      return false;
    *ret_number = 0;
    return true;
  }
  size_t head = (size_t)(hole - option->variable);
  if (strncmp(option->variable, variable, head) != 0)
    return false;
  const char *p = variable + head;
  const char *digits = p;
  int number = 0;
  for (; isdigit((unsigned char)*p); p++) {
    number = number * 10 + (*p - '0');
    if (number > SD_OPTION_NUMBER_MAX)
      return false;
  }
  if (p == digits || (*digits == '0' && p - digits > 1))
    return false;
  if (strcmp(p, hole + sizeof placeholder - 1) != 0)
    return false;
  *ret_number = number;
  return true;
}

bool sd_option_name(const sd_option *option, int number, char *dst, size_t size)
{
  const char *hole = strstr(option->variable, placeholder);
  int n = hole ? snprintf(dst, size, "%.*s%d%s", (int)(hole - option->variable), option->variable, number,
                          hole + sizeof placeholder - 1)
               : snprintf(dst, size, "%s", option->variable);
  return n >= 0 && (size_t)n < size;
}

static unsigned smaller(unsigned a, unsigned b)
{
  return a < b ? a : b;
}

unsigned sd_option_distance(const char *a, const char *b)
{
  enum { MAX = SD_OPTION_NAME_MAX };
  size_t la = strnlen(a, MAX - 1), lb = strnlen(b, MAX - 1);
  /* Three rows of the table: two back for swaps, one back, the current one. */
  unsigned rows[3][MAX];
  unsigned *before = rows[0], *previous = rows[1], *current = rows[2];
  for (size_t j = 0; j <= lb; j++) {
    before[j] = 0;
    previous[j] = (unsigned)j;
  }
  for (size_t i = 1; i <= la; i++) {
    current[0] = (unsigned)i;
    for (size_t j = 1; j <= lb; j++) {
      int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
      unsigned best = smaller(previous[j] + 1, current[j - 1] + 1);
      best = smaller(best, previous[j - 1] + (ca != cb));
      if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) && cb == tolower((unsigned char)a[i - 2]))
        best = smaller(best, before[j - 2] + 1);
      current[j] = best;
    }
    unsigned *oldest = before;
    before = previous;
    previous = current;
    current = oldest;
  }
  return previous[lb];
}

bool sd_option_is_near(unsigned distance, const char *name)
{
  size_t allowed = strlen(name) / 4;
  return distance <= (allowed < 1 ? 1 : allowed > 5 ? 5 : allowed);
}
