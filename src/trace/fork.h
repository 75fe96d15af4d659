/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The telemetries of this process, which fork must know. */
#ifndef SD_TRACE_FORK_H
#define SD_TRACE_FORK_H

#include <streamduck/trace.h>

/* SD_NOMEM when the handlers could not be registered. */
SD_MUST_CHECK sd_status sd_fork_add(sd_telemetry *telemetry);
void sd_fork_remove(sd_telemetry *telemetry);

#endif
