/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP's JSON encoding of what is there in protobuf (opentelemetry-proto, "JSON Protobuf Encoding"): ids in
 * hex, lowerCamelCase names, 64-bit integers as strings, enums as numbers, bytes in base64, NaN and
 * infinities as strings.
 */
#ifndef SD_EXPORT_OTLP_JSON_H
#define SD_EXPORT_OTLP_JSON_H

#include "base/buf.h"

#include <streamduck/export.h>

enum { SD_OTLP_JSON_DEPTH_MAX = 64 }; /* messages inside each other */

/* Appends the request (or TracesData, MetricsData, LogsData: the same) of this signal (SD_SIGNAL_…) as one
 * JSON object without line breaks. Unknown fields are left out; of a field that may stand once the last one
 * counts; text that is not UTF-8 becomes U+FFFD. SD_INVALID: malformed protobuf; SD_LIMIT: nested too deep,
 * or out is full; SD_NOMEM. After a failure out is as it was. */
SD_MUST_CHECK sd_status sd_otlp_to_json(int signal, sd_bytes request, sd_buf *out);

#endif
