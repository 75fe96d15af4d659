/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's telemetry: what OTEL_* says, and nothing where it says nothing. */
#include "cli/demo_telemetry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <streamduck/export.h>

static void tell(void *user, int level, const char *message)
{
  fprintf(user, "%s: %s\n", sd_level_name(level), message);
}

/* Recording for nobody would still cost. */
static bool is_wanted(void)
{
  static const char *const names[] = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                                      "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_TRACES_EXPORTER",
                                      "OTEL_METRICS_EXPORTER"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    if (value && value[0])
      return true;
  }
  return false;
}

void sd_demo_telemetry_start(FILE *err, sd_telemetry **ret_telemetry)
{
  sd_error error;
  *ret_telemetry = NULL;
  if (!is_wanted())
    return;
  const sd_telemetry_options base = {.struct_size = sizeof base,
                                     .service_name = "streamduck demo",
                                     .service_version = SD_VERSION,
                                     .environment = "demo",
                                     .min_level = SD_LEVEL_INFO, /* below: a span for each event */
                                     .diagnostic = tell,
                                     .diagnostic_user = err};
  const sd_environment_options options = {.struct_size = sizeof options, .base = &base};
  if (sd_telemetry_new_from_environment(&options, ret_telemetry, &error) != SD_OK)
    fprintf(err, "no telemetry: %s\n", error.message);
}

void sd_demo_telemetry_stop(sd_telemetry *telemetry, FILE *err)
{
  sd_error error;
  if (!telemetry)
    return;
  if (sd_telemetry_shutdown(telemetry, SD_DEMO_TELEMETRY_STOP_MS, &error) != SD_OK)
    fprintf(err, "telemetry: %s\n", error.message);
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(telemetry, &stats);
  uint64_t dropped = stats.dropped_queue_full + stats.dropped_export + stats.dropped_shutdown;
  if (dropped)
    fprintf(err, "telemetry: %" PRIu64 " records were dropped\n", dropped);
  sd_telemetry_free(telemetry);
}
