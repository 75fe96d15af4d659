/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values as Logfire shows them in messages: as Python's str and repr write them, and by its format
 * specifications. Any thread. */
#ifndef SD_EXPORT_VALUE_TEXT_H
#define SD_EXPORT_VALUE_TEXT_H

#include "trace/value.h"

enum { SD_FORMAT_WIDTH_MAX = 1024, SD_FORMAT_PRECISION_MAX = 100 };

/* Appends the text of a value: strings as they are (in a list or with `is_quoted` in quotes), True,
 * None, 2.0, [1, 'a'], {'k': b'\x00'}. */
sd_status sd_value_text(const sd_any_view *value, bool is_quoted, sd_buf *out);

/* Appends the value by a specification as "", ">10", "+08.2f", ",d", "x", ".1%" . False when it cannot be
 * applied; then nothing is appended. */
bool sd_value_format(const sd_any_view *value, sd_bytes specification, sd_buf *out);

/* Characters of a text in UTF-8. */
size_t sd_text_characters(sd_bytes text);

#endif
