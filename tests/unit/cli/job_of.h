/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* For tests: a job from lines as a .env has them, and what it says is wrong. Include behind cmocka's needs.
 */
#ifndef SD_TEST_JOB_OF_H
#define SD_TEST_JOB_OF_H

#include "base/alloc.h"
#include "cli/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CONNECTION                                                                                           \
  "Endpoint=sb://Example.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=CANARY-KEY-0123="
#define EMULATOR                                                                                             \
  "Endpoint=sb://127.0.0.1:7777;SharedAccessKeyName=root;SharedAccessKey=CANARY-KEY-0123=;"                  \
  "UseDevelopmentEmulator=true;"
#define GOOD                                                                                                 \
  "EVENTHUB_CONNECTION_STRING=" CONNECTION, "EVENTHUBNAME_1=orders",                                         \
      "EVENTHUBNAME_1_CONSUMER_GROUP=$Default", "MOTHERDUCK_1_DATABASE=x.duckdb",                            \
      "MOTHERDUCK_1_TABLE=orders"

enum { LINES_MAX = 32 };

/* A job from NAME=VALUE lines, as if they stood in the environment; the last one is NULL. */
static inline sd_job *job_of(const char *const *lines)
{
  char *environment[LINES_MAX] = {NULL};
  size_t n = 0;
  for (; lines[n]; n++)
    environment[n] = sd_strdup(lines[n]);
  sd_job *job = sd_calloc(1, sizeof *job);
  sd_settings_sources sources = {.environment = environment};
  sd_scrubber *scrubber;
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  sd_problems_init(&job->problems);
  sd_arena_init(&job->arena, 1024, 65536);
  assert_int_equal(sd_settings_load(&sources, scrubber, &job->problems, &job->settings), SD_OK);
  assert_int_equal(sd_job_judge(job, scrubber), SD_OK);
  /* Whatever is wrong, no message holds a secret. */
  for (size_t i = 0; i < job->problems.count; i++)
    assert_null(strstr(job->problems.items[i].text, "CANARY"));
  sd_scrubber_free(scrubber);
  for (size_t i = 0; i < n; i++)
    sd_free(environment[i]);
  return job;
}

#define JOB(...) job_of((const char *const[]){__VA_ARGS__, NULL})

static inline void expect(const sd_job *job, sd_problem_level level, const char *part)
{
  for (size_t i = 0; i < job->problems.count; i++) {
    if (job->problems.items[i].level == level && strstr(job->problems.items[i].text, part))
      return;
  }
  for (size_t i = 0; i < job->problems.count; i++)
    print_error("%s: %s\n", sd_problem_level_name(job->problems.items[i].level), job->problems.items[i].text);
  fail_msg("no %s says \"%s\"", sd_problem_level_name(level), part);
}

#endif
