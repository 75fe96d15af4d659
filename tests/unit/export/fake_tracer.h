/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Tracers and telemetries without the trace room's threads: a name, a version, a resource. */
#ifndef SD_TEST_FAKE_TRACER_H
#define SD_TEST_FAKE_TRACER_H

#include <streamduck/export.h>

struct sd_telemetry {
  const sd_attribute *resource;
  size_t resource_count;
};

struct sd_tracer {
  const char *name, *version;
  sd_telemetry *telemetry;
};

#endif
