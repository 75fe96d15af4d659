/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping's telemetry: the spans that last as long as a segment (orchestrator._process_messages with
 * eventhub.start and motherduck.start below it), those of its batches, and what it has to say in between.
 * docs/telemetry lists names and attributes. Everything is free where no telemetry was given. Loop thread.
 */
#ifndef SD_STREAM_MAPPING_SPANS_H
#define SD_STREAM_MAPPING_SPANS_H

#include "stream/batcher.h"
#include "stream/mapping.h"
#include "stream/metrics.h"
#include "stream/partition.h"

enum {
  SD_TRACE_LINKS_MAX = 32,       /* producers' traces that a batch links to */
  SD_TRACE_LINK_EVENTS_MAX = 64, /* events of a batch that are searched for them */
  SD_TRACE_EVENTS_MAX = 16       /* attributes of one thing said */
};

typedef struct sd_mapping_spans {
  sd_tracer *tracer; /* NULL: no telemetry */
  bool each_event;   /* a span for every event */
  bool in_segment;
  sd_span *process; /* orchestrator._process_messages */
  sd_span *source;  /* eventhub.start */
  sd_span *sink;    /* motherduck.start */
  /* Of those spans, or of what is above them where they are not recorded. */
  sd_context process_context;
  sd_context source_context;
  sd_context sink_context;
  sd_mapping_totals before; /* at the segment's begin */
  uint64_t closed_rows;     /* events of all batches closed so far */
  sd_mapping_metrics metrics;
} sd_mapping_spans;

/* Of the mapping whose batcher was just made: closed batches get their spans from now on. */
void sd_mapping_spans_watch(sd_mapping *mapping);
/* An event that was taken and closed no batch. Only where each_event is set. */
void sd_mapping_spans_event(sd_mapping *mapping, uint32_t partition, const sd_event *event);
/* The batch goes to the sink. */
void sd_mapping_spans_submit(sd_batch_node *node);
/* The batch has landed; `partitions`: checkpoints that moved with it. */
void sd_mapping_spans_landed(sd_mapping *mapping, sd_batch_node *node, uint32_t partitions);

/* Counts a partition that another owner has taken, and says so. */
void sd_mapping_fenced(sd_mapping *mapping, const sd_partition *partition);

/* Records that something happened, under orchestrator._process_messages: a template, and `count` attributes
 * of it; mapping_key is added. */
void sd_mapping_say(sd_mapping *mapping, int level, const char *message, const sd_attribute *attributes,
                    size_t count);
/* The same with what is known of an error: error.type and error.message. */
void sd_mapping_say_error(sd_mapping *mapping, int level, const char *message, const sd_error *error,
                          const sd_attribute *attributes, size_t count);

#endif
