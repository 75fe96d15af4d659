/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Telemetry of one `run`: made from LOGFIRE_… and OTEL_…, told about on standard error, ended under one
 * deadline. Trouble with it never stops the pipeline. One thread; the telemetry inside is for all.
 */
#ifndef SD_CLI_TELEMETRY_H
#define SD_CLI_TELEMETRY_H

#include "cli/job.h"
#include "cli/progress.h"

#include <streamduck/trace.h>

typedef struct sd_cli_telemetry sd_cli_telemetry;

enum { SD_CLI_TELEMETRY_SHUTDOWN_MS = 3000 };

/* metrics_address ("PORT" or "HOST:PORT", NULL: none) is where to serve the metrics; then there is telemetry
 * also when nothing else is configured. *ret_telemetry is NULL when all is off. job and progress are borrowed
 * until free. Fails when the metrics cannot be served; what else cannot be made is left out with a warning.
 */
SD_MUST_CHECK sd_status sd_cli_telemetry_start(sd_job *job, const sd_command_context *context,
                                               sd_progress *progress, const char *metrics_address,
                                               sd_cli_telemetry **ret_telemetry, sd_error *error);

/* What the rooms record with; NULL for NULL. */
sd_telemetry *sd_cli_telemetry_get(const sd_cli_telemetry *telemetry);

/* Sends what is recorded for at most timeout_ms, then says what was dropped and where the project is. False
 * when a thread could not be waited for: the process must end by _exit. NULL is allowed. */
bool sd_cli_telemetry_stop(sd_cli_telemetry *telemetry, uint32_t timeout_ms);

/* Stops at once where that was not done. NULL is allowed. */
void sd_cli_telemetry_free(sd_cli_telemetry *telemetry);

/* A check of the option --metrics-port. */
sd_status sd_cli_telemetry_check_address(const char *text, sd_error *error);

/* The exporter of the console tree; write gets whole trees. */
SD_MUST_CHECK sd_status sd_cli_telemetry_console(const sd_command_context *context, int min_level,
                                                 void (*write)(void *user, const char *text, size_t len),
                                                 void *user, sd_exporter **ret_exporter, sd_error *error);

#endif
