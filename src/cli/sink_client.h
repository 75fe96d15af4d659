/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A sink used step by step: each call sends one op and waits for its answer. One thread. */
#ifndef SD_CLI_SINK_CLIENT_H
#define SD_CLI_SINK_CLIENT_H

#include "base/log.h"
#include "batch/sink.h"
#include "cli/job.h"

typedef struct sd_sink_client sd_sink_client;

/* The sink of a mapping's database, with its tables made where they are missing. The mapping lives longer
 * than the client; log is borrowed and may be NULL. */
SD_MUST_CHECK sd_status sd_sink_client_open(const sd_job *job, const sd_job_mapping *mapping,
                                            const sd_scrubber *scrubber, sd_log *log,
                                            sd_sink_client **ret_client, sd_error *error);
/* NULL is allowed. */
void sd_sink_client_close(sd_sink_client *client);

/* Claims partitions (their ids are set), which imports the Python original's checkpoints where there are none
 * yet; the claims' out fields are filled. */
SD_MUST_CHECK sd_status sd_sink_client_claim(sd_sink_client *client, const char *incarnation,
                                             sd_claim *claims, uint32_t count, sd_error *error);
/* Gives claimed partitions up. */
SD_MUST_CHECK sd_status sd_sink_client_release(sd_sink_client *client, const char *incarnation,
                                               sd_claim *claims, uint32_t count, sd_error *error);

#endif
