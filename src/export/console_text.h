/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the console shows of one record: a title and lines below it, without the tree's frame. Any thread. */
#ifndef SD_EXPORT_CONSOLE_TEXT_H
#define SD_EXPORT_CONSOLE_TEXT_H

#include "base/buf.h"

#include <streamduck/export.h>

enum {
  SD_CONSOLE_TITLE_MAX = 512, /* bytes; longer titles and values are cut */
  SD_CONSOLE_VALUE_MAX = 1024,
  SD_CONSOLE_STACK_LINES_MAX = 32
};

/* SGR sequences, "" without colours. */
typedef struct sd_console_palette {
  const char *frame;
  const char *key;
  const char *time;
  const char *note;
  const char *quiet; /* titles: below info */
  const char *plain; /* info, notice */
  const char *warn;
  const char *error;
  const char *end;
} sd_console_palette;

const sd_console_palette *sd_console_palette_of(bool has_colors);

/* The level that counts: an error's without one, else info. */
int sd_console_level(const sd_record *record);

/* Appends the title and the lines, each ending with a newline. */
sd_status sd_console_describe(const sd_record *record, const sd_console_palette *palette, sd_buf *out);

/* What stands before the title: "▶ ", or the sign of a log's level. */
const char *sd_console_marker(const sd_record *record);

/* Appends text so that a terminal only shows it: control characters and those that change its direction
 * become escapes; cut to about max bytes, with "…" at the end. */
void sd_console_put_clean(sd_bytes text, size_t max, sd_buf *out);

/* "412µs", "12.5ms", "287ms", "2.3s", "600s", "1h 02m". */
void sd_console_put_duration(int64_t ns, sd_buf *out);

#endif
