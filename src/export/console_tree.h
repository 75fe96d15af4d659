/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans that wait for the end of their tree, and the tree drawn as text. Spans end before their parents, so a
 * parent is known by its id first and filled in later. One thread at a time.
 */
#ifndef SD_EXPORT_CONSOLE_TREE_H
#define SD_EXPORT_CONSOLE_TREE_H

#include "export/console_text.h"

typedef struct sd_console_tree sd_console_tree;

typedef struct sd_console_tree_options {
  int min_level;
  const sd_console_palette *palette;
  const char *const *tree_names; /* copied; NULL: roots only */
  sd_console_write_fn *write;
  void *user;
} sd_console_tree_options;

SD_MUST_CHECK sd_status sd_console_tree_new(const sd_console_tree_options *options,
                                            sd_console_tree **ret_tree);
/* NULL is allowed. Writes nothing. */
void sd_console_tree_free(sd_console_tree *tree);

/* Takes a span, a pending one or a log as sd_tracer_log makes it; writes what is complete by it. False when
 * memory is short: the record is not shown. */
bool sd_console_tree_add(sd_console_tree *tree, const sd_record *record);

/* Writes everything that waits, as it is. */
void sd_console_tree_finish(sd_console_tree *tree);
/* Forgets everything that waits. */
void sd_console_tree_clear(sd_console_tree *tree);

/* Spans and logs that wait, with the parents that are known by their ids only, and bytes of them. */
size_t sd_console_tree_count(const sd_console_tree *tree);
size_t sd_console_tree_bytes(const sd_console_tree *tree);

#endif
