/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The list of what is wrong with a configuration. */
#include "config/problems.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

void sd_problems_init(sd_problems *problems)
{
  *problems = (sd_problems){.items = NULL};
}

void sd_problems_release(sd_problems *problems)
{
  for (size_t i = 0; i < problems->count; i++)
    sd_free(problems->items[i].text);
  sd_free(problems->items);
  sd_problems_init(problems);
}

static bool is_known(const sd_problems *problems, sd_problem_level level, const char *text)
{
  for (size_t i = 0; i < problems->count; i++) {
    if (problems->items[i].level == level && strcmp(problems->items[i].text, text) == 0)
      return true;
  }
  return false;
}

static bool make_room(sd_problems *problems)
{
  if (problems->count < problems->capacity)
    return true;
  if (problems->count >= SD_PROBLEMS_MAX)
    return false;
  size_t capacity = problems->capacity ? problems->capacity * 2 : 16;
  sd_problem *items = sd_realloc(problems->items, capacity * sizeof *items);
  if (!items)
    return false;
  problems->items = items;
  problems->capacity = capacity;
  return true;
}

void sd_problems_add(sd_problems *problems, sd_problem_level level, const char *variable, const char *format,
                     ...)
{
  char text[SD_PROBLEM_TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (is_known(problems, level, text))
    return;
  /* Counted even when it cannot be kept: an error must not get lost. */
  problems->count_of[level]++;
  char *copy = make_room(problems) ? sd_strdup(text) : NULL;
  if (!copy) {
    problems->incomplete = true;
    return;
  }
  sd_problem *problem = &problems->items[problems->count++];
  problem->level = level;
  problem->text = copy;
  sd_bytes_to_text(sd_bytes_of(variable), problem->variable, sizeof problem->variable);
}

const char *sd_problem_level_name(sd_problem_level level)
{
  switch (level) {
  case SD_PROBLEM_ERROR:
    return "error";
  case SD_PROBLEM_WARNING:
    return "warning";
  case SD_PROBLEM_NOTICE:
    break;
  }
  return "notice";
}
