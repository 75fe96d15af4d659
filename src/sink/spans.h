/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to sink. The spans of a landing: motherduck.ingest_batch for what a turn takes,
 * motherduck._ingest_batch_impl for the database's part, motherduck._ensure_target_table for the tables.
 * docs/telemetry lists names and attributes. NULL spans everywhere without telemetry. Writer thread.
 */
#ifndef SD_SINK_SPANS_H
#define SD_SINK_SPANS_H

#include "sink/sink_private.h"

enum { SD_SINK_LINKS_MAX = 32 /* further batches of a transaction that its span links to */ };

typedef struct sd_sink_spans {
  sd_span *ingest;
  sd_span *landing;
  sd_context context; /* of ingest, or of what is above it where it is not recorded */
  uint64_t rows;      /* of all batches */
} sd_sink_spans;

/* Before the batches of the ops are landed: below the first one's context, with links to the others. */
void sd_sink_spans_begin(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_write *const *ops,
                         uint32_t count, sd_sink_spans *ret_spans);
/* After it, with the ops' out fields set. */
void sd_sink_spans_end(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_write *const *ops,
                       uint32_t count, sd_sink_spans *spans);

/* The tables were opened, beginning at start_unix_ns. That it went well is told with the next landing, below
 * its span; a failure at once, below the op's context. */
void sd_sink_spans_opened(sd_duck_sink *sink, sd_sink_mapping *mapping, const sd_sink_op *op,
                          int64_t start_unix_ns);

/* Something that happened while a landing went on. */
void sd_sink_spans_note(sd_sink_mapping *mapping, const char *name, const sd_error *error);

#endif
