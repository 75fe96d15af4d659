/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Quoting for SQL text: the only way in which names and values get into a statement. */
#ifndef SD_DUCK_QUOTE_H
#define SD_DUCK_QUOTE_H

#include "base/buf.h"

/* Appends the name in double quotes, its own doubled. SD_INVALID for an empty name or one with a NUL. */
sd_status sd_duck_quote_identifier(sd_buf *sql, const char *name);

/* Appends catalog.schema.table, each quoted. */
sd_status sd_duck_quote_table(sd_buf *sql, const char *catalog, const char *schema, const char *table);

/* Appends the text in single quotes, its own doubled; NULL for data == NULL. A literal cannot hold a NUL byte
 * or bytes that are not UTF-8: SD_INVALID, and nothing is appended. */
sd_status sd_duck_quote_literal(sd_buf *sql, sd_bytes text);
/* As above for a C string; NULL gives NULL. */
sd_status sd_duck_quote_text(sd_buf *sql, const char *text);

/* Appends a TIMESTAMPTZ literal of microseconds since 1970; NULL for a time outside years 1 to 9999. */
sd_status sd_duck_quote_time(sd_buf *sql, int64_t unix_us);

#endif
