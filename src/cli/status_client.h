/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of what runs, and of what does not: running instances are asked over their sockets; for mappings
 * of the configuration that none of them has, the control table is read from the database.
 */
#ifndef SD_CLI_STATUS_CLIENT_H
#define SD_CLI_STATUS_CLIENT_H

#include "cli/job.h"

/*
 * {"instances": [status documents], "stored": [mappings that do not run], "notes": [texts]}; see
 * docs/status.md. job may be NULL or have errors: only its complete mappings count. with_stored: also read
 * control tables and ask the brokers. NULL when memory is short.
 */
json_t *sd_status_collect(const char *state_dir, const sd_job *job, bool with_stored);

/* Appends tables for people. */
void sd_status_format(json_t *collected, sd_buf *out);

#endif
