/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A run's traces. */
#include "stream/segment.h"

#include "stream/stream_internal.h"

enum { MS_PER_MINUTE = 60000 };

static sd_mapping_totals totals_of(const sd_stream *stream)
{
  sd_mapping_totals sum = {0};
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    sd_mapping_totals of = sd_mapping_get_totals(stream->mappings[i]);
    sum.messages += of.messages;
    sum.batches += of.batches;
    sum.retries += of.retries;
    sum.transactions += of.transactions;
    sum.attempts_failed += of.attempts_failed;
  }
  return sum;
}

static int64_t minutes_of(uint64_t ms)
{
  return (int64_t)((ms + MS_PER_MINUTE / 2) / MS_PER_MINUTE);
}

/* Also tells the context of a span that is not recorded, so that nothing below it is recorded either. */
static sd_span *start(sd_tracer *tracer, const char *name, const sd_span_options *options,
                      sd_context *ret_context)
{
  sd_context previous;
  sd_span *span = sd_span_start_in(tracer, name, options, &previous);
  sd_context current = sd_context_current();
  *ret_context = sd_context_copy(&current);
  sd_context_restore(&previous);
  return span;
}

static void start_run(sd_stream *stream)
{
  sd_segment *segment = &stream->segment;
  const sd_context none = SD_CONTEXT_NONE;
  const sd_link before = {.context = segment->run_context};
  const sd_attribute attribute = sd_attribute_int("minutes", minutes_of(stream->timings.segment_ms));
  const sd_span_options options = {.struct_size = sizeof options,
                                   .parent = &none,
                                   .attributes = &attribute,
                                   .attribute_count = 1,
                                   .links = &before,
                                   .link_count = sd_context_is_valid(&before.context) ? 1 : 0,
                                   .level = SD_LEVEL_INFO,
                                   .message = "Pipeline Run ({minutes} minutes)"};
  sd_context context;
  segment->run = start(segment->tracer, "Pipeline Run", &options, &context);
  sd_context_release(&segment->run_context);
  segment->run_context = context;
}

static void start_orchestrator(sd_stream *stream)
{
  sd_segment *segment = &stream->segment;
  const sd_attribute attribute = sd_attribute_int("total_mappings", (int64_t)stream->settings.mapping_count);
  const sd_span_options options = {.struct_size = sizeof options,
                                   .parent = &segment->run_context,
                                   .attributes = &attribute,
                                   .attribute_count = 1,
                                   .level = SD_LEVEL_INFO};
  segment->orchestrator = start(segment->tracer, "orchestrator.run_async", &options, &segment->context);
}

void sd_segment_begin(sd_stream *stream)
{
  sd_segment *segment = &stream->segment;
  if (!segment->tracer)
    return;
  uint64_t now = uv_now(&stream->loop);
  segment->begun_ms = now;
  segment->due_ms = stream->timings.segment_ms ? now + stream->timings.segment_ms : UINT64_MAX;
  segment->before = totals_of(stream);
  segment->started = 0;
  start_run(stream);
  start_orchestrator(stream);
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    if (sd_mapping_ended(stream->mappings[i]))
      continue;
    sd_mapping_begin_segment(stream->mappings[i], &segment->context);
    segment->started++;
  }
}

/* Percent of the attempts to write that were committed. */
static double success_rate(const sd_mapping_totals *before, const sd_mapping_totals *now)
{
  uint64_t good = now->transactions - before->transactions;
  uint64_t all = good + now->attempts_failed - before->attempts_failed;
  return all ? 100.0 * (double)good / (double)all : 100.0;
}

/* Marks a span of which `errors` parts have failed. */
static void mark(sd_span *span, int64_t errors)
{
  if (errors == 0)
    return;
  sd_span_set_status(span, SD_SPAN_ERROR, "a mapping has halted");
  sd_span_set_level(span, SD_LEVEL_ERROR);
}

void sd_segment_end(sd_stream *stream)
{
  sd_segment *segment = &stream->segment;
  if (!segment->tracer)
    return;
  int64_t active = 0;
  int64_t errors = 0;
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    sd_mapping *mapping = stream->mappings[i];
    active += !sd_mapping_ended(mapping);
    errors += sd_mapping_halt_error(mapping) != NULL;
    sd_mapping_end_segment(mapping);
  }
  const sd_attribute orchestrator[] = {
      sd_attribute_int("active_mappings", active),
      sd_attribute_int("tasks_started", segment->started),
      sd_attribute_bool("cancelled", stream->cancelled),
      sd_attribute_int("errors", errors),
  };
  sd_span_set_all(segment->orchestrator, orchestrator, sizeof orchestrator / sizeof *orchestrator);
  mark(segment->orchestrator, errors);
  sd_span_end(segment->orchestrator);
  segment->orchestrator = NULL;
  sd_context_release(&segment->context);

  sd_mapping_totals now = totals_of(stream);
  const sd_attribute run[] = {
      sd_attribute_int("minutes", minutes_of(uv_now(&stream->loop) - segment->begun_ms)),
      sd_attribute_int("mappings", (int64_t)stream->settings.mapping_count),
      sd_attribute_int("messages", (int64_t)(now.messages - segment->before.messages)),
      sd_attribute_int("batches", (int64_t)(now.batches - segment->before.batches)),
      sd_attribute_int("retries", (int64_t)(now.retries - segment->before.retries)),
      sd_attribute_double("success_rate", success_rate(&segment->before, &now)),
  };
  sd_span_set_all(segment->run, run, sizeof run / sizeof *run);
  mark(segment->run, errors);
  sd_span_end(segment->run);
  segment->run = NULL;
}

void sd_segment_step(sd_stream *stream)
{
  if (!stream->segment.tracer || uv_now(&stream->loop) < stream->segment.due_ms)
    return;
  sd_segment_end(stream);
  sd_segment_begin(stream);
}

void sd_segment_release(sd_segment *segment)
{
  sd_span_end(segment->orchestrator);
  sd_span_end(segment->run);
  sd_context_release(&segment->context);
  sd_context_release(&segment->run_context);
}
