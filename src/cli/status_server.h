/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A running instance's status: `GET /status` on its Unix socket answers with the state that was published
 * last. Publish from one thread; answers are given by the server's own.
 */
#ifndef SD_CLI_STATUS_SERVER_H
#define SD_CLI_STATUS_SERVER_H

#include "base/scrub.h"

#include <streamduck/stream.h>

typedef struct sd_status_server sd_status_server;

/* The scrubber is borrowed. */
SD_MUST_CHECK sd_status sd_status_server_start(const char *state_dir, const sd_scrubber *scrubber,
                                               sd_status_server **ret_server, sd_error *error);
/* Without effect when memory is short: the state before stays. server may be NULL. */
void sd_status_server_publish(sd_status_server *server, const sd_stream_snapshot *snapshot);
/* NULL is allowed. */
void sd_status_server_stop(sd_status_server *server);

#endif
