/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking Logfire once, in the background, whether it takes the tokens and which projects they belong to.
 * Nothing waits for the answer but the end of the run, and that no longer than it wants to.
 */
#ifndef SD_CLI_TOKEN_CHECK_H
#define SD_CLI_TOKEN_CHECK_H

#include "cli/job_telemetry.h"

#include <streamduck/export.h>

enum { SD_TOKEN_CHECK_TIMEOUT_MS = 10000 };

typedef struct sd_token_check sd_token_check;

/* One token's answer. project is NULL when error tells what is wrong. The check's thread. */
typedef void sd_token_check_fn(void *user, const sd_job_logfire *target, const sd_logfire_project *project,
                               const sd_error *error);

/* Starts the thread. The targets' texts are copied. */
SD_MUST_CHECK sd_status sd_token_check_start(const sd_job_logfire *targets, size_t count,
                                             sd_token_check_fn *answer, void *user,
                                             sd_token_check **ret_check, sd_error *error);

/* Waits until all answers are there or deadline_ns (CLOCK_MONOTONIC) has come; answer is not called after
 * that. False when the thread is still inside a request: it lives on, touches nothing of the caller's, and
 * the process should end by _exit. Frees the check. NULL is allowed. */
bool sd_token_check_end(sd_token_check *check, uint64_t deadline_ns);

#endif
