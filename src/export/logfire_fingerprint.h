/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What Logfire groups errors by: the same for errors of one type from one place in the program, whatever
 * their message, addresses and line numbers are. */
#ifndef SD_EXPORT_LOGFIRE_FINGERPRINT_H
#define SD_EXPORT_LOGFIRE_FINGERPRINT_H

#include "base/bytes.h"

#define SD_LOGFIRE_FINGERPRINT_SIZE 65

/* 64 hexadecimal digits from a Span message's first exception event, with NUL, into dst of that size. False
 * when it has none. */
bool sd_logfire_fingerprint(sd_bytes span, char *dst);

#endif
