/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What exception.type and error.type say about one of our own errors. */
#ifndef SD_TRACE_ERROR_TYPE_H
#define SD_TRACE_ERROR_TYPE_H

#include <streamduck/error.h>

#define SD_ERROR_TYPE_SIZE 96

/* "duckdb.IO", "amqp:link:stolen", "errno.ECONNREFUSED", "http.503", "SD_TIMEOUT": few values, the same for
 * the same cause. Into dst of SD_ERROR_TYPE_SIZE bytes where it is not static; returns it. */
const char *sd_error_type(const sd_error *error, char *dst);

#endif
