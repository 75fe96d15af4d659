/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The console exporter: trees of spans on a terminal, in a file, or handed to the program. */
#include "base/alloc.h"
#include "export/console_tree.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct console {
  sd_console_tree *tree;
  FILE *file;
  sd_console_write_fn *write;
  void *user;
  bool has_failed; /* the last write did */
  _Atomic uint64_t exported;
  _Atomic uint64_t dropped;
} console;

/* A tree in one piece, so that what other threads print does not come between. */
static void write_file(void *self, const char *text, size_t len)
{
  console *c = self;
  c->has_failed = fwrite(text, 1, len, c->file) != len || fflush(c->file) != 0;
  if (c->has_failed)
    clearerr(c->file);
}

static void write_text(void *self, const char *text, size_t len)
{
  console *c = self;
  if (c->write)
    c->write(c->user, text, len);
  else
    write_file(c, text, len);
}

static void export_records(void *self, const sd_record *records, size_t count)
{
  console *c = self;
  for (size_t i = 0; i < count; i++) {
    if (records[i].kind == SD_RECORD_LOG)
      continue;
    c->has_failed = false;
    bool is_good = sd_console_tree_add(c->tree, &records[i]) && !c->has_failed;
    if (records[i].kind == SD_RECORD_SPAN)
      atomic_fetch_add_explicit(is_good ? &c->exported : &c->dropped, 1, memory_order_relaxed);
  }
}

static void stop(void *self, uint64_t deadline_ns)
{
  console *c = self;
  (void)deadline_ns;
  sd_console_tree_finish(c->tree);
}

static void after_fork(void *self)
{
  console *c = self;
  sd_console_tree_clear(c->tree);
}

static void add_stats(void *self, sd_telemetry_stats *stats)
{
  console *c = self;
  stats->records_exported += atomic_load_explicit(&c->exported, memory_order_relaxed);
  stats->dropped_export += atomic_load_explicit(&c->dropped, memory_order_relaxed);
}

static void free_console(void *self)
{
  console *c = self;
  sd_console_tree_free(c->tree);
  sd_free(c);
}

/* no-color.org: set and not empty. */
static bool has_colors(const sd_console_options *options, FILE *file)
{
  const char *none = getenv("NO_COLOR");
  const char *term = getenv("TERM");
  if (options->colors != SD_COLORS_AUTO)
    return options->colors == SD_COLORS_ALWAYS;
  return !options->write && isatty(fileno(file)) && !(none && *none) && !(term && strcmp(term, "dumb") == 0);
}

sd_status sd_console_exporter_new(const sd_console_options *options, sd_exporter **ret_exporter,
                                  sd_error *error)
{
  static const sd_exporter_vtable vtable = {
      .struct_size = sizeof vtable,
      .export_records = export_records,
      .stop = stop,
      .after_fork = after_fork,
      .add_stats = add_stats,
      .free = free_console,
  };
  static const sd_console_options defaults = {.struct_size = sizeof defaults};
  if (!options)
    options = &defaults;
  console *c = sd_calloc(1, sizeof *c);
  if (!c)
    return sd_error_set(error, SD_NOMEM, "no memory for the console exporter");
  c->file = options->file ? options->file : stdout;
  c->write = options->write;
  c->user = options->write_user;
  const sd_console_tree_options tree_options = {
      .min_level = options->min_level ? options->min_level : SD_LEVEL_INFO,
      .palette = sd_console_palette_of(has_colors(options, c->file)),
      .tree_names = options->tree_names,
      .write = write_text,
      .user = c,
  };
  /* Starts tell which trees are open, so that a log outside of all is shown at once. */
  const sd_exporter_traits traits = {.struct_size = sizeof traits,
                                     .wants_pending = options->tree_names != NULL};
  sd_status status = sd_console_tree_new(&tree_options, &c->tree);
  if (status != SD_OK) {
    sd_error_set(error, status,
                 status == SD_LIMIT ? "too many names of trees for the console exporter"
                                    : "no memory for the console exporter");
    goto free_object;
  }
  status = sd_exporter_new(&vtable, c, &traits, ret_exporter, error);
  if (status == SD_OK)
    return SD_OK;
  sd_console_tree_free(c->tree);
free_object:
  sd_free(c);
  return status;
}
