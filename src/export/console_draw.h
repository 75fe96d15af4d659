/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A tree of spans as lines of text. */
#ifndef SD_EXPORT_CONSOLE_DRAW_H
#define SD_EXPORT_CONSOLE_DRAW_H

#include "export/console_text.h"

enum { SD_CONSOLE_DEPTH_MAX = 64 /* deeper spans stand no further to the right */ };

typedef struct sd_console_node {
  struct sd_console_node *same_bucket;
  struct sd_console_node *parent, *before, *next, *first, *last;
  uint64_t id; /* of the span; 0: a log */
  int64_t start_unix_ns;
  char *text; /* title and lines */
  size_t len;
  const char *marker; /* before the title; static */
  bool is_open;       /* has not ended: only its id is known, or its start */
  bool is_log;
  bool is_late; /* its parent was written before */
  bool is_tree; /* is written though its parent is open */
} sd_console_node;

/* Appends the node and all below it; a tree ends with an empty line. What does not fit into out is left out
 * at the end. */
void sd_console_draw(const sd_console_node *top, const sd_console_palette *palette, sd_buf *out);

#endif
