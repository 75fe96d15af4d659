/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The state of mappings that do not run: from their control tables and brokers. */
#ifndef SD_CLI_STORED_STATUS_H
#define SD_CLI_STORED_STATUS_H

#include "cli/job.h"

/* Appends to `stored` an object for each mapping i of the job with wanted[i], and to `notes` a text for each
 * thing that could not be read. wanted has job->mapping_count places. SD_NOMEM is the only failure. */
SD_MUST_CHECK sd_status sd_stored_status_read(const sd_job *job, const bool *wanted, json_t *stored,
                                              json_t *notes);

#endif
