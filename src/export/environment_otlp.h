/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* OTLP exporters from OTEL_EXPORTER_OTLP_* (OTLP exporter specification, "Configuration Options"). */
#ifndef SD_EXPORT_ENVIRONMENT_OTLP_H
#define SD_EXPORT_ENVIRONMENT_OTLP_H

#include "export/environment_value.h"
#include "trace/key_values.h"

enum { SD_ENVIRONMENT_SIGNALS = 3 };

/* Traces, metrics, logs. */
extern const int sd_environment_signals[SD_ENVIRONMENT_SIGNALS];
/* "TRACES" … */
extern const char *const sd_environment_signal_names[SD_ENVIRONMENT_SIGNALS];

/* The settings of one or several signals that have all but their endpoints in common. */
typedef struct sd_environment_otlp {
  sd_otlp_options options;
  sd_key_values headers;    /* release it */
  const char **header_list; /* in the arena; options.headers */
} sd_environment_otlp;

/* True when an endpoint is set, for this signal or for all. */
bool sd_environment_has_endpoint(sd_environment *environment, size_t signal);

/* Reads the settings of each of these signals (SD_SIGNAL_…) into ret[0 … *ret_count). SD_NOMEM. Release them
 * also after a failure. */
SD_MUST_CHECK sd_status sd_environment_otlp_read(sd_environment *environment, int signals,
                                                 sd_environment_otlp ret[SD_ENVIRONMENT_SIGNALS],
                                                 size_t *ret_count);
void sd_environment_otlp_release(sd_environment_otlp *all, size_t count);

#endif
