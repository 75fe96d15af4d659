/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The attributes of the process: what OpenTelemetry calls its resource. */
#ifndef SD_TRACE_RESOURCE_H
#define SD_TRACE_RESOURCE_H

#include "base/arena.h"

#include <streamduck/trace.h>

enum { SD_RESOURCE_ATTRIBUTES_MAX = 256, SD_RESOURCE_BYTES_MAX = 256 * 1024 };

typedef struct sd_resource {
  sd_attribute *attributes; /* keys are unique */
  size_t count;
  char *instance_id; /* the value's text, rewritten in place after a fork; NULL when given by the program */
  sd_attribute *pid; /* NULL when given by the program */
  sd_arena arena;
} sd_resource;

/* Detects the process, the machine and the program's options, which replace what was detected. Everything is
 * copied, text repaired to UTF-8. SD_INVALID for an empty key, SD_LIMIT past the maxima. */
SD_MUST_CHECK sd_status sd_resource_init(sd_resource *resource, const sd_telemetry_options *options,
                                         sd_error *error);
void sd_resource_release(sd_resource *resource);

/* In the child of a fork: its own process.pid and service.instance.id. */
void sd_resource_after_fork(sd_resource *resource);

#endif
