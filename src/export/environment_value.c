/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values of OTEL_* variables. */
#include "export/environment_value.h"

#include "base/scrub.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_MAX = 512, SHOWN_MAX = 80 /* bytes of a value in a message */ };

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

const char *sd_environment_get(sd_environment *environment, const char *name)
{
  const char *value = environment->get(environment->get_user, name);
  if (!value)
    return NULL;
  while (is_blank(*value))
    value++;
  size_t len = strlen(value);
  while (len && is_blank(value[len - 1]))
    len--;
  if (!len)
    return NULL;
  const char *copy = sd_arena_copy(&environment->arena, value, len);
  if (!copy)
    environment->no_memory = true;
  return copy;
}

static bool is_new(sd_environment *environment, const char *text)
{
  for (size_t i = 0; i < environment->warning_count; i++) {
    if (strcmp(environment->warnings[i], text) == 0)
      return false;
  }
  if (environment->warning_count < SD_ENVIRONMENT_WARNINGS_MAX) {
    const char *copy = sd_arena_copy(&environment->arena, text, strlen(text));
    if (copy)
      environment->warnings[environment->warning_count++] = copy;
  }
  return true;
}

void sd_environment_warn(sd_environment *environment, const char *name, const char *format, ...)
{
  if (!environment->diagnostic)
    return;
  char text[MESSAGE_MAX];
  int n = snprintf(text, sizeof text, "%s: ", name);
  va_list args;
  va_start(args, format);
  if (n > 0 && (size_t)n < sizeof text)
    vsnprintf(text + n, sizeof text - (size_t)n, format, args);
  va_end(args);
  sd_scrub_text(NULL, text, sizeof text);
  if (is_new(environment, text))
    environment->diagnostic(environment->diagnostic_user, SD_LEVEL_WARN, text);
}

bool sd_environment_is_true(sd_environment *environment, const char *name)
{
  static const char *const choices[] = {"false", "true", NULL};
  int index = 0;
  return sd_environment_choice(environment, name, choices, &index) && index == 1;
}

bool sd_environment_number(sd_environment *environment, const char *name, int64_t max, uint32_t *ret)
{
  const char *value = sd_environment_get(environment, name);
  int64_t number;
  if (!value)
    return false;
  if (!sd_bytes_to_int64(sd_bytes_of(value), &number) || number < 1 || number > max) {
    sd_environment_warn(environment, name,
                        "\"%.*s\" is ignored, a whole number from 1 to %" PRId64 " is expected", SHOWN_MAX,
                        value, max);
    return false;
  }
  *ret = (uint32_t)number;
  return true;
}

bool sd_environment_match(sd_environment *environment, const char *name, const char *value,
                          const char *const *choices, int *ret_index)
{
  char expected[256] = "";
  size_t used = 0;
  for (int i = 0; choices[i]; i++) {
    if (sd_bytes_equal_nocase(sd_bytes_of(value), sd_bytes_of(choices[i]))) {
      *ret_index = i;
      return true;
    }
    int n = snprintf(expected + used, sizeof expected - used, "%s%s",
                     i == 0           ? ""
                     : choices[i + 1] ? ", "
                                      : " or ",
                     choices[i]);
    used += n > 0 && (size_t)n < sizeof expected - used ? (size_t)n : 0;
  }
  sd_environment_warn(environment, name, "\"%.*s\" is ignored, %s is expected", SHOWN_MAX, value, expected);
  return false;
}

bool sd_environment_choice(sd_environment *environment, const char *name, const char *const *choices,
                           int *ret_index)
{
  const char *value = sd_environment_get(environment, name);
  return value && sd_environment_match(environment, name, value, choices, ret_index);
}
