/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Compression of requests (RFC 1952). */
#ifndef SD_EXPORT_GZIP_H
#define SD_EXPORT_GZIP_H

#include "base/buf.h"

/* Appends data as one gzip member. SD_NOMEM; SD_LIMIT when out is full; out is then as it was. Any thread. */
SD_MUST_CHECK sd_status sd_gzip(sd_bytes data, sd_buf *out);

#endif
