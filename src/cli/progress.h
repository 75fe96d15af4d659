/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What `run` shows while it works and at its end: on a terminal one line in place, elsewhere a line per
 * interval, with --json objects (docs/status.md); messages of the log between them.
 *
 * sd_progress_show and _finish belong to one thread; the others may be called from any.
 */
#ifndef SD_CLI_PROGRESS_H
#define SD_CLI_PROGRESS_H

#include "cli/command.h"
#include "json/json.h"

#include <streamduck/stream.h>

typedef struct sd_progress sd_progress;

/* interval_ms: between two lines. The context is borrowed. NULL when memory is short. */
sd_progress *sd_progress_new(const sd_command_context *context, bool json, uint32_t interval_ms);
/* NULL is allowed. */
void sd_progress_free(sd_progress *progress);

/* Prints when the interval is over. */
void sd_progress_show(sd_progress *progress, const sd_stream_snapshot *snapshot);

/* The work is over: what happens from now on does not count as its time. */
void sd_progress_stop_clock(sd_progress *progress);

/* The block of statistics. code is what run returns; error why, or NULL. */
void sd_progress_finish(sd_progress *progress, const sd_stream_snapshot *snapshot, sd_exit code,
                        const sd_error *error);

/* An sd_stream_log_fn; user is the sd_progress. */
void sd_progress_log(void *user, int level, const char *subsystem, const char *message);

/* Writes whole lines (ends with a newline) to standard error, between the others. user is the sd_progress. */
void sd_progress_write(void *user, const char *text, size_t len);
/* With --json: prints an object, `event` first. Takes over members (NULL: memory was short). */
void sd_progress_event(sd_progress *progress, const char *event, json_t *members);
bool sd_progress_is_json(const sd_progress *progress);

#endif
