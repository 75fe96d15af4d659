/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Telemetry of the demo, by the standard OTEL_* variables alone. */
#ifndef SD_CLI_DEMO_TELEMETRY_H
#define SD_CLI_DEMO_TELEMETRY_H

#include <stdio.h>
#include <streamduck/trace.h>

enum { SD_DEMO_TELEMETRY_STOP_MS = 3000 };

/* *ret_telemetry is NULL where no variable names an exporter, and where it cannot be made, which is said on
 * err: the demo goes on without. */
void sd_demo_telemetry_start(FILE *err, sd_telemetry **ret_telemetry);

/* Sends what is left, says on err what was lost, and frees it. NULL is allowed. */
void sd_demo_telemetry_stop(sd_telemetry *telemetry, FILE *err);

#endif
