/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Base64 and percent encoding. Nothing is appended on failure. Any thread. */
#ifndef SD_BASE_CODING_H
#define SD_BASE_CODING_H

#include "base/buf.h"

/* RFC 4648 §4, with padding. Decoding also takes the URL alphabet and missing padding; SD_INVALID otherwise.
 */
sd_status sd_base64_encode(sd_bytes data, sd_buf *out);
SD_MUST_CHECK sd_status sd_base64_decode(sd_bytes text, sd_buf *out);

/* RFC 3986 §2.1: all but unreserved characters, upper-case hex. */
sd_status sd_percent_encode(sd_bytes data, sd_buf *out);
SD_MUST_CHECK sd_status sd_percent_decode(sd_bytes text, sd_buf *out);

#endif
