/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Names as Prometheus has them (OpenTelemetry, Prometheus and OpenMetrics compatibility: metric metadata,
 * metric attributes). */
#ifndef SD_EXPORT_PROMETHEUS_NAME_H
#define SD_EXPORT_PROMETHEUS_NAME_H

#include "base/buf.h"

#include <streamduck/metrics.h>

enum {
  /* Bytes: name, unit in words, "_total". */
  SD_PROMETHEUS_NAME_MAX = SD_INSTRUMENT_NAME_MAX + 4 * SD_INSTRUMENT_UNIT_MAX + 16
};

/* The family's name: other characters become '_', the unit in words and, for counters, "_total" are appended.
 */
void sd_prometheus_metric_name(const char *name, const char *unit, sd_instrument_kind kind,
                               char dst[SD_PROMETHEUS_NAME_MAX]);

/* Appends a label's name: other characters become '_', and one goes in front of a digit. */
void sd_prometheus_label_name(const char *key, sd_buf *out);

#endif
