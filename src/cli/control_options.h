/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A mapping's place in a control table, as sink/control_read.h wants it. */
#ifndef SD_CLI_CONTROL_OPTIONS_H
#define SD_CLI_CONTROL_OPTIONS_H

#include "cli/job.h"
#include "sink/control_read.h"

/* Borrows from the job. */
sd_control_options sd_control_options_of(const sd_job *job, const sd_job_mapping *mapping);

/* The consumer group in lower case, as the control table has it; dst has SD_SINK_NAME_MAX bytes and is
 * returned. */
const char *sd_control_group_of(const sd_stream_mapping *mapping, char *dst);

#endif
