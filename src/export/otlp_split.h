/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Counting what an encoded OTLP request holds, and cutting one in two where a peer refuses its size. */
#ifndef SD_EXPORT_OTLP_SPLIT_H
#define SD_EXPORT_OTLP_SPLIT_H

#include "base/buf.h"

#include <streamduck/export.h>

/* Spans, log records or data points in a request of this signal (SD_SIGNAL_…). SD_INVALID when malformed. */
SD_MUST_CHECK sd_status sd_otlp_count(int signal, sd_bytes request, size_t *ret_count);

/* Appends to *first a request with the first half of the records (or data points), to *second one with the
 * rest. SD_LIMIT when there is only one record (or none); SD_INVALID when malformed, SD_NOMEM. What the
 * buffers hold after a failure is undefined. */
SD_MUST_CHECK sd_status sd_otlp_split(int signal, sd_bytes request, sd_buf *first, sd_buf *second);

#endif
