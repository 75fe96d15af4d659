/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as Logfire's own SDKs send them: plain ones as they are, everything else as compact JSON text, with
 * a JSON schema that says what the text was. Any thread.
 */
#ifndef SD_EXPORT_LOGFIRE_VALUE_H
#define SD_EXPORT_LOGFIRE_VALUE_H

#include "trace/value.h"

/* Whether Logfire takes the value as text only: lists, maps, bytes, null, numbers that are not finite. */
bool sd_logfire_needs_text(const sd_any_view *value);

/* Appends the text that stands for such a value. */
sd_status sd_logfire_put_text(const sd_any_view *value, sd_buf *out);

/* Appends the schema of any value: "{}" for plain ones. */
sd_status sd_logfire_put_schema(const sd_any_view *value, sd_buf *out);

#endif
