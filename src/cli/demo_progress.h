/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Shows how far the demo is: one line in place on a terminal, else a line per second; or JSON. */
#ifndef SD_CLI_DEMO_PROGRESS_H
#define SD_CLI_DEMO_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <streamduck/stream.h>

typedef struct sd_demo_progress {
  FILE *out;
  bool json;
  bool terminal;
  /* private */
  uint64_t shown_ms; /* 0: nothing has been shown yet */
  uint64_t last_ms, last_landed;
  double rate; /* events per second, smoothed */
} sd_demo_progress;

/* wanted and accepted: events that the hub shall hold, and that it has taken; landed: rows. snapshot may be
 * NULL. Shows nothing when the last time was just now. */
void sd_demo_progress_show(sd_demo_progress *progress, uint64_t wanted, uint64_t accepted, uint64_t landed,
                           const sd_mapping_snapshot *snapshot);
/* Ends the line on a terminal. */
void sd_demo_progress_end(sd_demo_progress *progress);

#endif
