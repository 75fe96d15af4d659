/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Text as a JSON string (RFC 8259). Any thread. */
#ifndef SD_BASE_JSON_TEXT_H
#define SD_BASE_JSON_TEXT_H

#include "base/buf.h"

/* Appends the text in quotes, UTF-8 as it is; each byte that belongs to no well-formed character becomes
 * U+FFFD. */
sd_status sd_json_text(sd_bytes text, sd_buf *out);

#endif
