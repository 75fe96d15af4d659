/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values of options: text to typed value and back. */
#include "base/option.h"

#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

typedef struct unit {
  const char *name;
  int64_t factor;
} unit;

static const unit size_units[] = {
    {"", 1},          {"B", 1},           {"kB", 1000},  {"KB", 1000},
    {"MB", 1000000},  {"GB", 1000000000}, {"KiB", 1024}, {"MiB", 1024 * 1024},
    {"GiB", 1 << 30}, {NULL, 0},
};

static const unit duration_units[] = {
    {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"min", 60 * 1000}, {"h", 3600 * 1000}, {NULL, 0},
};

/* Digits with '_' between them, a fraction where `units` is given, a unit. False when malformed or beyond
 * INT64_MAX. */
static bool parse_number(const char *text, const unit *units, int64_t *ret)
{
  const char *p = text;
  int64_t whole = 0;
  if (!isdigit((unsigned char)*p))
    return false;
  for (; isdigit((unsigned char)*p) || (*p == '_' && isdigit((unsigned char)p[1])); p++) {
    if (*p == '_')
      continue;
    int digit = *p - '0';
    if (whole > (INT64_MAX - digit) / 10)
      return false;
    whole = whole * 10 + digit;
  }
  if (!units) {
    if (*p)
      return false;
    *ret = whole;
    return true;
  }

  int64_t fraction = 0, scale = 1;
  if (*p == '.') {
    p++;
    if (!isdigit((unsigned char)*p))
      return false;
    for (; isdigit((unsigned char)*p); p++) {
      if (scale < 1000000000) {
        fraction = fraction * 10 + (*p - '0');
        scale *= 10;
      }
    }
  }
  while (*p == ' ')
    p++;
  for (const unit *u = units; u->name; u++) {
    if (strcasecmp(p, u->name) != 0)
      continue;
    if (whole > INT64_MAX / u->factor)
      return false;
    /* fraction < 10^9 and factor < 2^31: no overflow. */
    int64_t part = fraction * u->factor / scale;
    if (whole * u->factor > INT64_MAX - part)
      return false;
    *ret = whole * u->factor + part;
    return true;
  }
  return false;
}

static bool parse_boolean(const char *text, int64_t *ret)
{
  static const char *const on[] = {"true", "1", "yes", "on", "t", "y", NULL};
  static const char *const off[] = {"false", "0", "no", "off", "f", "n", NULL};
  for (size_t i = 0; on[i]; i++) {
    if (strcasecmp(text, on[i]) == 0) {
      *ret = 1;
      return true;
    }
    if (strcasecmp(text, off[i]) == 0) {
      *ret = 0;
      return true;
    }
  }
  return false;
}

static bool parse_choice(const char *choices, const char *text, int64_t *ret)
{
  size_t len = strlen(text);
  int64_t index = 0;
  for (const char *p = choices; *p; index++) {
    size_t n = strcspn(p, "|");
    if (n == len && strncasecmp(p, text, n) == 0) {
      *ret = index;
      return true;
    }
    p += n;
    if (*p == '|')
      p++;
  }
  return false;
}

static bool parse_position(const char *text, sd_option_value *value)
{
  const char *bare = text[0] == '@' ? text + 1 : text;
  if (strcasecmp(bare, "earliest") == 0 || strcmp(text, "-1") == 0) {
    value->number = SD_OPTION_POSITION_EARLIEST;
    return true;
  }
  if (strcasecmp(bare, "latest") == 0) {
    value->number = SD_OPTION_POSITION_LATEST;
    return true;
  }
  if (text[0] == '@') {
    if (sd_clock_parse_iso8601(bare, &value->time_us) != SD_OK)
      return false;
    value->number = SD_OPTION_POSITION_TIME;
    return true;
  }
  if (strncasecmp(text, "offset:", 7) == 0 && text[7]) {
    value->number = SD_OPTION_POSITION_OFFSET;
    value->text = text + 7;
    return true;
  }
  return false;
}

static sd_status append_bounds(const sd_option *option, int64_t value, sd_buf *out)
{
  if (option->type == SD_OPTION_SIZE)
    return sd_option_format_size(value, out);
  if (option->type == SD_OPTION_DURATION)
    return sd_option_format_duration(value, out);
  return sd_buf_appendf(out, "%" PRId64, value);
}

static bool has_bounds(const sd_option *option)
{
  return option->min != 0 || option->max != 0;
}

sd_status sd_option_describe_type(const sd_option *option, sd_buf *out)
{
  switch (option->type) {
  case SD_OPTION_TEXT:
    return sd_buf_append_text(out, "text");
  case SD_OPTION_SECRET:
    return sd_buf_append_text(out, "secret");
  case SD_OPTION_BOOLEAN:
    return sd_buf_append_text(out, "true or false");
  case SD_OPTION_POSITION:
    return sd_buf_append_text(
        out, "earliest, latest, @TIME (as @2026-01-31T08:00:00Z) or offset:TEXT (an offset of the hub)");
  case SD_OPTION_CHOICE:
    for (const char *p = option->choices; *p;) {
      size_t n = strcspn(p, "|");
      sd_buf_append(out, p, n);
      p += n;
      if (*p == '|') {
        p++;
        sd_buf_append_text(out, strchr(p, '|') ? ", " : " or ");
      }
    }
    return sd_buf_status(out);
  case SD_OPTION_INTEGER:
  case SD_OPTION_SIZE:
  case SD_OPTION_DURATION:
    break;
  }
  sd_buf_append_text(out, option->type == SD_OPTION_INTEGER ? "a whole number"
                          : option->type == SD_OPTION_SIZE  ? "a size as 24MB or 24MiB"
                                                            : "seconds, or a time as 500ms, 10s, 2m");
  if (has_bounds(option)) {
    sd_buf_append_text(out, " from ");
    append_bounds(option, option->min, out);
    sd_buf_append_text(out, " to ");
    append_bounds(option, option->max, out);
  }
  return sd_buf_status(out);
}

const char *sd_option_value_name(const sd_option *option)
{
  if (option->value_name)
    return option->value_name;
  switch (option->type) {
  case SD_OPTION_INTEGER:
    return "N";
  case SD_OPTION_SIZE:
    return "SIZE";
  case SD_OPTION_DURATION:
    return "SECONDS";
  case SD_OPTION_BOOLEAN:
    return "";
  case SD_OPTION_CHOICE:
    return option->choices;
  case SD_OPTION_POSITION:
    return "POSITION";
  case SD_OPTION_SECRET:
    return "SECRET";
  case SD_OPTION_TEXT:
    break;
  }
  return "TEXT";
}

static bool parse_by_type(const sd_option *option, const char *text, sd_option_value *value)
{
  switch (option->type) {
  case SD_OPTION_TEXT:
  case SD_OPTION_SECRET:
    return true;
  case SD_OPTION_INTEGER:
    return parse_number(text, NULL, &value->number);
  case SD_OPTION_SIZE:
    return parse_number(text, size_units, &value->number);
  case SD_OPTION_DURATION:
    return parse_number(text, duration_units, &value->number);
  case SD_OPTION_BOOLEAN:
    return parse_boolean(text, &value->number);
  case SD_OPTION_CHOICE:
    return parse_choice(option->choices, text, &value->number);
  case SD_OPTION_POSITION:
    value->text = NULL;
    return parse_position(text, value);
  }
  return false;
}

static bool within_bounds(const sd_option *option, int64_t number)
{
  bool numeric = option->type == SD_OPTION_INTEGER || option->type == SD_OPTION_SIZE ||
                 option->type == SD_OPTION_DURATION;
  return !numeric || !has_bounds(option) || (number >= option->min && number <= option->max);
}

enum { QUOTED_MAX = 60 /* characters of a wrong value in a message */ };

sd_status sd_option_parse(const sd_option *option, const char *name, const char *text,
                          sd_option_value *ret_value, sd_error *error)
{
  sd_option_value value = {.text = text};
  if (!text[0])
    return sd_error_set(error, SD_CONFIG, "%s is empty: give it a value or remove it", name);
  if (strlen(text) > SD_OPTION_TEXT_MAX)
    return sd_error_set(error, SD_CONFIG, "%s is longer than %d bytes", name, (int)SD_OPTION_TEXT_MAX);
  if (!sd_utf8_valid((const uint8_t *)text, strlen(text)))
    return sd_error_set(error, SD_CONFIG, "%s is not valid UTF-8: save the value as UTF-8", name);

  if (!parse_by_type(option, text, &value) || !within_bounds(option, value.number)) {
    sd_buf allowed;
    sd_buf_init(&allowed, 1024);
    sd_option_describe_type(option, &allowed);
    sd_error_set(error, SD_CONFIG, "%s is \"%.*s\": it must be %s", name, QUOTED_MAX, text,
                 sd_buf_text(&allowed));
    if (option->wrong)
      sd_error_prefix(error, "%s: %.*s", option->wrong, QUOTED_MAX, text);
    sd_buf_release(&allowed);
    return SD_CONFIG;
  }
  if (option->check) {
    sd_status status = option->check(text, error);
    if (status != SD_OK) {
      if (error) {
        sd_error inner = *error;
        sd_error_set(error, status, "%s %s", name, inner.message);
      }
      return status;
    }
  }
  *ret_value = value;
  return SD_OK;
}

static sd_status format_with_units(int64_t value, const unit *units, sd_buf *out)
{
  const unit *best = NULL;
  for (const unit *u = units; u->name; u++) {
    if (u->name[0] && value != 0 && value % u->factor == 0 && (!best || u->factor > best->factor))
      best = u;
  }
  return sd_buf_appendf(out, "%" PRId64 "%s", best ? value / best->factor : value,
                        best ? best->name : units[1].name);
}

sd_status sd_option_format_size(int64_t bytes, sd_buf *out)
{
  return format_with_units(bytes, size_units, out);
}

sd_status sd_option_format_duration(int64_t ms, sd_buf *out)
{
  static const unit shown[] = {{"", 1},          {"ms", 1},          {"s", 1000},
                               {"m", 60 * 1000}, {"h", 3600 * 1000}, {NULL, 0}};
  return format_with_units(ms, shown, out);
}
