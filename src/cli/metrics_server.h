/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `run --metrics-port`: GET /metrics answers with all metrics as Prometheus text, collected at that moment.
 */
#ifndef SD_CLI_METRICS_SERVER_H
#define SD_CLI_METRICS_SERVER_H

#include "base/scrub.h"

#include <streamduck/trace.h>

typedef struct sd_metrics_server sd_metrics_server;

enum { SD_METRICS_URL_MAX = 320 };

/* The telemetry and the scrubber must outlive the server. url (SD_METRICS_URL_MAX bytes) is where it answers.
 */
SD_MUST_CHECK sd_status sd_metrics_server_start(const char *host, uint16_t port, sd_telemetry *telemetry,
                                                const sd_scrubber *scrubber, sd_metrics_server **ret_server,
                                                char *url, sd_error *error);
/* NULL is allowed. */
void sd_metrics_server_stop(sd_metrics_server *server);

#endif
