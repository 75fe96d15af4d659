/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A run as traces: "Pipeline Run" and orchestrator.run_async, with the mappings' spans below them. A stream
 * runs for weeks, but receivers drop spans that began a day ago and show nothing of a trace that never ends:
 * after sd_stream_timings.segment_ms these spans end, and begin anew in a new trace, which links to the one
 * before. Batches keep the trace in which they were closed. Loop thread.
 */
#ifndef SD_STREAM_SEGMENT_H
#define SD_STREAM_SEGMENT_H

#include "stream/mapping.h"

typedef struct sd_stream sd_stream;

typedef struct sd_segment {
  sd_tracer *tracer; /* NULL: no telemetry */
  sd_span *run;
  sd_span *orchestrator;
  sd_context run_context; /* kept after the end, for the next one's link */
  sd_context context;     /* of orchestrator.run_async, recorded or not */
  uint64_t begun_ms;
  uint64_t due_ms; /* UINT64_MAX: not by time */
  sd_mapping_totals before;
  uint32_t started; /* mappings that were started in it */
} sd_segment;

/* Begins one, for all mappings that have not ended. */
void sd_segment_begin(sd_stream *stream);
/* Ends it, with all that is open below it. */
void sd_segment_end(sd_stream *stream);
/* Ends it and begins the next when it is time. */
void sd_segment_step(sd_stream *stream);
void sd_segment_release(sd_segment *segment);

#endif
