/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The parts of sd_plan_judge that look at mappings. */
#ifndef SD_CLI_PLAN_MAPPING_H
#define SD_CLI_PLAN_MAPPING_H

#include "cli/plan.h"

/* Fills one mapping whose number is set and says what is missing. SD_NOMEM is the only failure. */
SD_MUST_CHECK sd_status sd_plan_mapping_judge(sd_plan *plan, sd_plan_mapping *mapping, sd_scrubber *scrubber);

/* TARGET_DB, TARGET_SCHEMA, TARGET_TABLE. */
void sd_plan_mapping_judge_original(sd_plan *plan);

/* Mappings that get into each other's way. */
void sd_plan_mapping_compare(sd_plan *plan);

#endif
