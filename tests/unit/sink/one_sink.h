/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* For tests of one sink on one scratch file: both are made before each test and removed after it; the test
 * starts the sink. */
#ifndef SD_TESTS_ONE_SINK_H
#define SD_TESTS_ONE_SINK_H

#include "sink_test.h"

static char path[512];
static fixture f;

static int begin(void **state)
{
  if (make_scratch(state) != 0)
    return -1;
  snprintf(path, sizeof path, "%s", scratch_path("a.duckdb"));
  fixture_init(&f);
  return 0;
}

static int end(void **state)
{
  fixture_end(&f);
  return remove_scratch(state);
}

#endif
