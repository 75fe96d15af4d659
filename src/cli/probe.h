/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Asking the brokers of mappings about their hubs ($management) without receiving anything. */
#ifndef SD_CLI_PROBE_H
#define SD_CLI_PROBE_H

#include "base/log.h"
#include "batch/source.h"
#include "cli/job.h"

typedef struct sd_probe_result {
  const sd_job_mapping *mapping;
  sd_error error; /* SD_OK: the broker answered */
  sd_source_partition *partitions;
  uint32_t partition_count;
} sd_probe_result;

enum { SD_PROBE_TIMEOUT_MS = 20000 };

/* Connects to all complete mappings' hubs at once and waits until each has answered, failed for good or
 * timeout_ms are over. results has job->mapping_count places, of which the first *ret_count are filled;
 * release them. */
SD_MUST_CHECK sd_status sd_probe_run(const sd_job *job, uint32_t timeout_ms, sd_log *log,
                                     sd_probe_result *results, size_t *ret_count, sd_error *error);
void sd_probe_release(sd_probe_result *results, size_t count);

#endif
