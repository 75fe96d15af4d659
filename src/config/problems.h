/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a configuration: collected, so that all of it can be listed at once. One thread at a
 * time. */
#ifndef SD_CONFIG_PROBLEMS_H
#define SD_CONFIG_PROBLEMS_H

#include "base/option.h"

typedef enum sd_problem_level {
  SD_PROBLEM_ERROR = 0,   /* nothing starts */
  SD_PROBLEM_WARNING = 1, /* it starts, but probably not as meant */
  SD_PROBLEM_NOTICE = 2   /* worth knowing */
} sd_problem_level;

enum { SD_PROBLEMS_MAX = 1000, SD_PROBLEM_TEXT_MAX = 1024 };

typedef struct sd_problem {
  sd_problem_level level;
  char variable[SD_OPTION_NAME_MAX]; /* "" when it is about no single one */
  char *text;                        /* names the variable and the next step; holds no secret */
} sd_problem;

typedef struct sd_problems {
  sd_problem *items;
  size_t count;
  size_t capacity;    /* private */
  size_t count_of[3]; /* by level */
  bool incomplete;    /* memory was short or SD_PROBLEMS_MAX was reached: some are not in items */
} sd_problems;

void sd_problems_init(sd_problems *problems);
void sd_problems_release(sd_problems *problems);

/* variable may be NULL. The same text twice is kept once. */
void sd_problems_add(sd_problems *problems, sd_problem_level level, const char *variable, const char *format,
                     ...) SD_PRINTF(4, 5);

static inline size_t sd_problems_errors(const sd_problems *problems)
{
  return problems->count_of[SD_PROBLEM_ERROR];
}

/* "error", "warning", "notice" */
const char *sd_problem_level_name(sd_problem_level level);

#endif
