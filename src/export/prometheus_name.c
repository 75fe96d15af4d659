/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Names of metrics and labels. */
#include "export/prometheus_name.h"

#include <stdio.h>

typedef struct unit_word {
  const char *unit; /* UCUM */
  const char *word;
} unit_word;

static const unit_word WORDS[] = {{"d", "days"},          {"h", "hours"},
                                  {"min", "minutes"},     {"s", "seconds"},
                                  {"ms", "milliseconds"}, {"us", "microseconds"},
                                  {"ns", "nanoseconds"},  {"By", "bytes"},
                                  {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},
                                  {"GiBy", "gibibytes"},  {"TiBy", "tebibytes"},
                                  {"kBy", "kilobytes"},   {"MBy", "megabytes"},
                                  {"GBy", "gigabytes"},   {"TBy", "terabytes"},
                                  {"m", "meters"},        {"V", "volts"},
                                  {"A", "amperes"},       {"J", "joules"},
                                  {"W", "watts"},         {"g", "grams"},
                                  {"Cel", "celsius"},     {"Hz", "hertz"},
                                  {"%", "percent"},       {"1", ""}};

/* Behind a '/'. */
static const unit_word WORDS_PER[] = {{"s", "second"}, {"m", "minute"}, {"min", "minute"}, {"h", "hour"},
                                      {"d", "day"},    {"w", "week"},   {"wk", "week"},    {"mo", "month"},
                                      {"y", "year"},   {"a", "year"},   {"By", "byte"}};

static bool is_alphanumeric(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Copies to dst of size bytes; a run of other characters than letters, digits (and ':') becomes one '_'. */
static void clean(const char *text, bool allow_colon, char *dst, size_t size)
{
  size_t len = 0;
  for (; *text && len + 1 < size; text++) {
    bool good = is_alphanumeric(*text) || (allow_colon && *text == ':');
    if (good)
      dst[len++] = *text;
    else if (len == 0 || dst[len - 1] != '_')
      dst[len++] = '_';
  }
  dst[len] = '\0';
}

static const char *look_up(const unit_word *words, size_t count, const char *unit)
{
  for (size_t i = 0; i < count; i++) {
    if (strcmp(words[i].unit, unit) == 0)
      return words[i].word;
  }
  return unit;
}

/* The unit without what stands in braces. */
static void strip_annotations(const char *unit, char *dst)
{
  size_t len = 0;
  unsigned depth = 0;
  for (; *unit; unit++) {
    if (*unit == '{')
      depth++;
    else if (*unit == '}' && depth > 0)
      depth--;
    else if (depth == 0)
      dst[len++] = *unit;
  }
  dst[len] = '\0';
}

/* Without '_' at both ends, in place. */
static char *trim(char *text)
{
  while (*text == '_')
    text++;
  size_t len = strlen(text);
  while (len > 0 && text[len - 1] == '_')
    text[--len] = '\0';
  return text;
}

enum { UNIT_TEXT_MAX = SD_INSTRUMENT_UNIT_MAX + 32 };

static void unit_in_words(const char *unit, char *dst, size_t size)
{
  char plain[SD_INSTRUMENT_UNIT_MAX + 1];
  char words[UNIT_TEXT_MAX];
  char words_per[UNIT_TEXT_MAX];
  strip_annotations(unit, plain);
  char *per = strchr(plain, '/');
  if (per)
    *per++ = '\0';
  clean(look_up(WORDS, sizeof WORDS / sizeof WORDS[0], plain), false, words, sizeof words);
  clean(per ? look_up(WORDS_PER, sizeof WORDS_PER / sizeof WORDS_PER[0], per) : "", false, words_per,
        sizeof words_per);
  const char *first = trim(words);
  const char *second = trim(words_per);
  snprintf(dst, size, "%s%s%s%s", first, *first && *second ? "_" : "", *second ? "per_" : "", second);
}

/* True when name is the word, or ends in '_' and the word. */
static bool ends_with_word(const char *name, const char *word)
{
  size_t name_len = strlen(name);
  size_t word_len = strlen(word);
  if (name_len < word_len || strcmp(name + name_len - word_len, word) != 0)
    return false;
  return name_len == word_len || name[name_len - word_len - 1] == '_';
}

static void append_word(char *name, const char *word)
{
  size_t len = strlen(name);
  const char *gap = len > 0 && name[len - 1] == '_' ? "" : "_";
  snprintf(name + len, SD_PROMETHEUS_NAME_MAX - len, "%s%s", gap, word);
}

void sd_prometheus_metric_name(const char *name, const char *unit, sd_instrument_kind kind,
                               char dst[SD_PROMETHEUS_NAME_MAX])
{
  static const char TOTAL[] = "_total";
  char words[2 * UNIT_TEXT_MAX + 8];
  clean(name, true, dst, SD_PROMETHEUS_NAME_MAX);
  size_t len = strlen(dst);
  bool had_total = kind == SD_COUNTER && len > strlen(TOTAL) && ends_with_word(dst, TOTAL + 1);
  if (had_total)
    dst[len - strlen(TOTAL)] = '\0';
  unit_in_words(unit, words, sizeof words);
  if (words[0] && !ends_with_word(dst, words))
    append_word(dst, words);
  if (kind == SD_COUNTER)
    append_word(dst, TOTAL + 1);
}

void sd_prometheus_label_name(const char *key, sd_buf *out)
{
  char last = '\0';
  if (*key >= '0' && *key <= '9')
    sd_buf_append_byte(out, (uint8_t)(last = '_'));
  for (; *key; key++) {
    char c = is_alphanumeric(*key) ? *key : '_';
    if (c != '_' || last != '_')
      sd_buf_append_byte(out, (uint8_t)c);
    last = c;
  }
}
