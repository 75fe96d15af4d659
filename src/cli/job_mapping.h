/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The parts of sd_job_judge that look at mappings. */
#ifndef SD_CLI_JOB_MAPPING_H
#define SD_CLI_JOB_MAPPING_H

#include "cli/job.h"

/* Fills one mapping whose number is set and says what is missing. SD_NOMEM is the only failure. */
SD_MUST_CHECK sd_status sd_job_mapping_judge(sd_job *job, sd_job_mapping *mapping, sd_scrubber *scrubber);

/* TARGET_DB, TARGET_SCHEMA, TARGET_TABLE. */
void sd_job_mapping_judge_original(sd_job *job);

/* Mappings that get into each other's way. */
void sd_job_mapping_compare(sd_job *job);

#endif
