/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading OTEL_* variables as OpenTelemetry's specification wants it ("Parsing empty value", "Boolean",
 * "Numeric", "Enum"): an empty value is none, and what cannot be read is told and then counts as none.
 */
#ifndef SD_EXPORT_ENVIRONMENT_VALUE_H
#define SD_EXPORT_ENVIRONMENT_VALUE_H

#include "base/arena.h"

#include <streamduck/export.h>

enum { SD_ENVIRONMENT_NAME_MAX = 80, SD_ENVIRONMENT_BYTES_MAX = 1 << 20, SD_ENVIRONMENT_WARNINGS_MAX = 64 };

typedef struct sd_environment {
  sd_environment_fn *get;
  void *get_user;
  sd_telemetry_diagnostic_fn *diagnostic; /* may be NULL */
  void *diagnostic_user;
  sd_arena arena;                                    /* what values point to */
  bool no_memory;                                    /* a value could not be kept */
  const char *warnings[SD_ENVIRONMENT_WARNINGS_MAX]; /* given so far */
  size_t warning_count;
} sd_environment;

/* The value without white space around it; NULL when there is none. Good until the arena is released. */
const char *sd_environment_get(sd_environment *environment, const char *name);

/* "<name>: <text>", without secrets; the same text once, though each signal reads the variable. */
void sd_environment_warn(sd_environment *environment, const char *name, const char *format, ...)
    SD_PRINTF(3, 4);

/* Only "true" is true, without case. */
bool sd_environment_is_true(sd_environment *environment, const char *name);

/* A whole number from 1 to max. *ret is written only on true. */
bool sd_environment_number(sd_environment *environment, const char *name, int64_t max, uint32_t *ret);

/* One of the choices (the array ends with NULL), without case. *ret is written only on true. */
bool sd_environment_choice(sd_environment *environment, const char *name, const char *const *choices,
                           int *ret_index);

/* The same for a value that was got already. */
bool sd_environment_match(sd_environment *environment, const char *name, const char *value,
                          const char *const *choices, int *ret_index);

#endif
