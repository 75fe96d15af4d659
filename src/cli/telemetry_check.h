/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * `validate-config --online`: a test span through every configured exporter, and an answer to each point of
 * the lists that one goes through when no traces appear. One thread; waits for every answer.
 */
#ifndef SD_CLI_TELEMETRY_CHECK_H
#define SD_CLI_TELEMETRY_CHECK_H

#include "cli/job.h"

enum {
  SD_CHECK_POINTS_MAX = 32,
  SD_CHECK_TEXT_MAX = 640,
  SD_CHECK_WAIT_MS = 15000 /* for one exporter's answer */
};

typedef enum sd_check_result {
  SD_CHECK_GOOD = 0,
  SD_CHECK_BAD = 1,
  SD_CHECK_NOT_ASKED = 2 /* switched off by the configuration, or pointless after the point before */
} sd_check_result;

typedef struct sd_check_point {
  const char *list; /* heading, static */
  sd_check_result result;
  char text[SD_CHECK_TEXT_MAX];
} sd_check_point;

typedef struct sd_telemetry_check {
  sd_check_point points[SD_CHECK_POINTS_MAX]; /* those of a list stand together */
  size_t count;
  size_t bad;
  sd_buf tree; /* what the console's test span looks like; released by sd_telemetry_check_release */
} sd_telemetry_check;

void sd_telemetry_check_run(sd_job *job, const sd_command_context *context, sd_telemetry_check *check);
void sd_telemetry_check_release(sd_telemetry_check *check);

/* Prints the lists for people. */
void sd_telemetry_check_print(const sd_telemetry_check *check, const sd_command_context *context);
/* {ok, points: [{list, ok, text}], tree}; ok is null for what was not asked. NULL when memory is short. */
json_t *sd_telemetry_check_to_json(const sd_telemetry_check *check);

#endif
