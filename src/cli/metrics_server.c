/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The metrics endpoint of `run`. */
#include "cli/metrics_server.h"

#include "base/alloc.h"
#include "cli/address.h"
#include "httpd/server.h"

#include <stdio.h>
#include <streamduck/export.h>
#include <unistd.h>

struct sd_metrics_server {
  sd_httpd *httpd;
  sd_telemetry *telemetry;
  sd_metric_reader *reader;
  const sd_scrubber *scrubber;
};

/* Server's thread. */
static int answer_metrics(void *user, sd_buf *body)
{
  sd_metrics_server *server = user;
  uint8_t *text = NULL;
  size_t len = 0;
  sd_error error;
  sd_status status = sd_prometheus_text(server->reader, server->telemetry, &text, &len, &error);
  if (status == SD_OK)
    status = sd_scrub(server->scrubber, sd_bytes_make(text, len), body);
  sd_memory_release(text);
  return status == SD_OK ? 200 : 503;
}

sd_status sd_metrics_server_start(const char *host, uint16_t port, sd_telemetry *telemetry,
                                  const sd_scrubber *scrubber, sd_metrics_server **ret_server, char *url,
                                  sd_error *error)
{
  int fd = -1;
  sd_metrics_server *server = sd_calloc(1, sizeof *server);
  if (!server)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  server->telemetry = telemetry;
  server->scrubber = scrubber;
  sd_status status =
      sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT, &server->reader, error);
  if (status == SD_OK)
    status = sd_address_listen(host, port, &fd, &port, error);
  sd_httpd_route route = {"/metrics", "text/plain; version=0.0.4; charset=utf-8", answer_metrics, server};
  if (status == SD_OK)
    status = sd_httpd_start(fd, &route, 1, &server->httpd, error);
  if (status != SD_OK) {
    sd_free(server);
    return status;
  }
  bool is_v6 = strchr(host, ':') != NULL;
  snprintf(url, SD_METRICS_URL_MAX, "http://%s%s%s:%u/metrics", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
           (unsigned)port);
  *ret_server = server;
  return SD_OK;
}

void sd_metrics_server_stop(sd_metrics_server *server)
{
  if (!server)
    return;
  sd_httpd_stop(server->httpd);
  sd_free(server);
}
