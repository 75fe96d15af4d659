/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What runs and maps from outside share: which outputs, which inputs, which aspects. */
#ifndef SD_PIPELINE_EXECUTE_H
#define SD_PIPELINE_EXECUTE_H

#include "pipeline/run.h"

/* *ret_wanted is NULL for all. Both are the caller's (sd_free). */
SD_MUST_CHECK sd_status sd_outputs_select(const sd_pipeline *pipeline, const char *const *names, size_t count,
                                          uint32_t **ret_outputs, size_t *ret_count, uint8_t **ret_wanted,
                                          sd_error *error);
SD_MUST_CHECK sd_status sd_inputs_check(const sd_pipeline *pipeline, const bool *given, const uint8_t *wanted,
                                        sd_error *error);
SD_MUST_CHECK sd_status sd_input_find(const sd_pipeline *pipeline, const char *name, uint32_t *ret_input,
                                      sd_error *error);
sd_effective sd_aspects_of_run(const sd_pipeline *pipeline, const sd_aspects *instead);
/* The aspects whose time-out counts. */
sd_aspects sd_timeout_of_run(const sd_pipeline *pipeline, const sd_aspects *instead);

#endif
