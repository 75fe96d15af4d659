/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The caller's options, checked and copied. */
#ifndef SD_STREAM_SETTINGS_H
#define SD_STREAM_SETTINGS_H

#include "base/arena.h"
#include "base/scrub.h"

#include <streamduck/stream.h>

enum {
  SD_SETTINGS_BYTES_MAX = 64 * 1024 * 1024, /* of all copied strings */
  SD_SETTINGS_BATCH_ROWS = 1000,            /* where a mapping says 0 */
  SD_SETTINGS_BATCH_BYTES = 24 * 1024 * 1024,
  SD_SETTINGS_TIMEOUT_LOCAL_MS = 1000,
  SD_SETTINGS_TIMEOUT_SHARED_MS = 60000
};

typedef struct sd_settings {
  sd_arena arena; /* of everything below */
  sd_stream_mapping *mappings;
  size_t mapping_count;
  size_t *database_of; /* per mapping: the first mapping that writes to the same database */
  const char *libduckdb;
  const char *motherduck_extension;
  bool until_caught_up;
  size_t share; /* bytes of memory of one mapping */
} sd_settings;

/* SD_CONFIG names the mapping and the option. */
SD_MUST_CHECK sd_status sd_settings_init(sd_settings *settings, const sd_stream_options *options,
                                         sd_error *error);
/* A zeroed one is allowed. */
void sd_settings_release(sd_settings *settings);

/* Registers every secret. */
SD_MUST_CHECK sd_status sd_settings_hide(const sd_settings *settings, sd_scrubber *scrubber, sd_error *error);
/* The same for what telemetry records. */
SD_MUST_CHECK sd_status sd_settings_hide_from(const sd_settings *settings, sd_telemetry *telemetry,
                                              sd_error *error);

#endif
