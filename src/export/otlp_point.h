/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Data points of OTLP metrics. */
#ifndef SD_EXPORT_OTLP_POINT_H
#define SD_EXPORT_OTLP_POINT_H

#include <streamduck/metrics.h>

/* Writes the NumberDataPoint, HistogramDataPoint or ExponentialHistogramDataPoint (without its own tag and
 * length) and returns its size; `at` NULL: only the size. */
size_t sd_otlp_point_put(uint8_t *at, const sd_metric *metric, const sd_point_value *point);

#endif
