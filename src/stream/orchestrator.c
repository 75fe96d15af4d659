/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine at work: one loop that carries replies, time and stops to the mappings, until all have ended.
 * The mappings' sources live on the same loop.
 */
#include "stream/stream_internal.h"

#include <inttypes.h>

static sd_mapping *mapping_of(const sd_sink_op *op)
{
  return op->user;
}

static void take_replies(sd_stream *stream)
{
  for (sd_op *op = sd_queue_pop(stream->replies, 0); op; op = sd_queue_pop(stream->replies, 0)) {
    sd_sink_op *reply = (sd_sink_op *)op;
    sd_mapping_reply(mapping_of(reply), reply);
  }
}

static void for_mappings(sd_stream *stream, void (*act)(sd_mapping *))
{
  for (size_t i = 0; i < stream->settings.mapping_count; i++)
    act(stream->mappings[i]);
}

static void free_sinks(sd_stream *stream, bool abort)
{
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    if (stream->sinks[i])
      stream->sinks[i]->vtable->free(stream->sinks[i], abort);
    stream->sinks[i] = NULL;
  }
  take_replies(stream);
}

static void obey_stops(sd_stream *stream)
{
  int stops = atomic_load(&stream->stops);
  if (stops >= 1 && stream->stops_seen == 0) {
    sd_log_info(stream->log, "stream", "stopping: what is in flight lands first; a second stop aborts");
    stream->cancelled = true;
    for_mappings(stream, sd_mapping_stop);
  }
  if (stops >= 2 && !stream->aborted) {
    sd_log_warning(stream->log, "stream", "aborting: what has not been committed is read again next time");
    stream->aborted = true;
    for_mappings(stream, sd_mapping_abort);
    free_sinks(stream, true);
  }
  stream->stops_seen = stops;
}

void sd_stream_on_wake(uv_async_t *wake)
{
  sd_stream *stream = wake->data;
  /* A stop that came before run waits for it. */
  if (!stream->ran)
    return;
  obey_stops(stream);
  take_replies(stream);
}

static void on_tick(uv_timer_t *timer)
{
  sd_stream *stream = timer->data;
  uint64_t now = uv_now(&stream->loop);
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    if (sd_mapping_due_ms(stream->mappings[i]) <= now)
      sd_mapping_tick(stream->mappings[i]);
  }
}

static void on_observe(uv_timer_t *timer)
{
  sd_stream *stream = timer->data;
  sd_stream_take_snapshot(stream);
  stream->observer(stream->observer_user, &stream->snapshot);
}

static void on_measure(uv_timer_t *timer)
{
  for_mappings(timer->data, sd_mapping_metrics_update);
}

/* until_caught_up: all mappings that still work are up to date at one time. */
static void stop_when_caught_up(sd_stream *stream)
{
  if (!stream->settings.until_caught_up || stream->stops_seen > 0)
    return;
  uint64_t now = uv_now(&stream->loop);
  bool any = false;
  bool fresh = true;
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    const sd_mapping *mapping = stream->mappings[i];
    if (sd_mapping_ended(mapping) || sd_mapping_halt_error(mapping))
      continue;
    uint64_t at = sd_mapping_caught_up_ms(mapping);
    if (at == 0 || now - at > stream->timings.together_ms)
      return;
    any = true;
    fresh = fresh && now - at <= stream->timings.fresh_ms;
  }
  if (!any)
    return;
  if (!fresh) {
    /* All have been up to date not long ago: whether they are so now is worth a question. */
    for_mappings(stream, sd_mapping_ask_anew);
    return;
  }
  sd_log_info(stream->log, "stream", "caught up: everything that the broker holds has landed");
  stream->stops_seen = 1;
  atomic_fetch_add(&stream->stops, 1);
  for_mappings(stream, sd_mapping_stop);
}

static bool all_ended(sd_stream *stream)
{
  bool ended = true;
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    sd_mapping *mapping = stream->mappings[i];
    if (sd_mapping_ended(mapping))
      sd_mapping_end_segment(mapping);
    else
      ended = false;
    if (!stream->first_halted && sd_mapping_halt_error(mapping)) {
      stream->first_halted = mapping;
      stream->first_halted_number = stream->settings.mappings[i].number;
    }
  }
  return ended;
}

static void arm_tick(sd_stream *stream)
{
  uint64_t due = UINT64_MAX;
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    uint64_t mapping_due = sd_mapping_due_ms(stream->mappings[i]);
    due = mapping_due < due ? mapping_due : due;
  }
  if (stream->segment.tracer && stream->segment.due_ms < due)
    due = stream->segment.due_ms;
  uint64_t now = uv_now(&stream->loop);
  if (due == UINT64_MAX)
    uv_timer_stop(&stream->tick);
  else
    uv_timer_start(&stream->tick, on_tick, due > now ? due - now : 0, 0);
}

/* Before the loop waits: what has changed decides how long. */
static void on_prepare(uv_prepare_t *prepare)
{
  sd_stream *stream = prepare->data;
  stop_when_caught_up(stream);
  if (all_ended(stream)) {
    uv_stop(&stream->loop);
    return;
  }
  sd_segment_step(stream);
  arm_tick(stream);
}

static sd_status make_sink(sd_stream *stream, size_t index, sd_error *error)
{
  const sd_stream_mapping *settings = &stream->settings.mappings[index];
  const sd_stream_database database = {.database = settings->database,
                                       .motherduck = settings->motherduck,
                                       .motherduck_token = settings->motherduck_token,
                                       .libduckdb = stream->settings.libduckdb,
                                       .motherduck_extension = stream->settings.motherduck_extension,
                                       .owner = stream->owner,
                                       .scrubber = stream->scrubber,
                                       .telemetry = stream->telemetry};
  return stream->factory.sink_new(stream->factory.user, &database, stream->log, &stream->sinks[index], error);
}

sd_status sd_stream_new_source(void *user, sd_mapping *mapping, sd_source **ret_source, sd_error *error)
{
  sd_stream *stream = user;
  size_t index = 0;
  while (stream->mappings[index] != mapping)
    index++;
  return stream->factory.source_new(stream->factory.user, &stream->loop, &stream->settings.mappings[index],
                                    stream->receiver_name, sd_mapping_source_handler(), mapping, stream->log,
                                    ret_source, error);
}

/* Makes a mapping's source, and its sink unless another mapping has it already. */
static sd_status equip(sd_stream *stream, size_t index, sd_error *error)
{
  size_t first = stream->settings.database_of[index];
  if (!stream->sinks[first]) {
    sd_status status = make_sink(stream, first, error);
    if (status != SD_OK)
      return status;
  }
  sd_source *source;
  sd_mapping *mapping = stream->mappings[index];
  sd_status status = sd_stream_new_source(stream, mapping, &source, error);
  if (status == SD_OK)
    sd_mapping_attach(mapping, source, stream->sinks[first]);
  return status;
}

static void start_mappings(sd_stream *stream)
{
  enum { WATCHING_INTERVAL_MS = 1000 };
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    sd_error error;
    if (stream->observer && stream->observe_ms <= WATCHING_INTERVAL_MS)
      sd_mapping_watch(stream->mappings[i]);
    if (equip(stream, i, &error) != SD_OK)
      sd_mapping_refuse(stream->mappings[i], &error);
    else
      sd_mapping_start(stream->mappings[i]);
  }
}

static sd_status outcome(sd_stream *stream, sd_error *error)
{
  if (stream->aborted)
    return sd_error_set(error, SD_CANCELLED, "aborted by a second stop");
  if (!stream->first_halted)
    return SD_OK;
  const sd_error *halt_error = sd_mapping_halt_error(stream->first_halted);
  if (error) {
    *error = *halt_error;
    sd_error_prefix(error, "mapping %d halted", stream->first_halted_number);
  }
  return halt_error->code;
}

sd_status sd_stream_run(sd_stream *stream, sd_error *error)
{
  if (stream->ran)
    return sd_error_set(error, SD_STATE, "this engine has run already: make a new one");
  stream->ran = true;
  uv_update_time(&stream->loop);
  stream->started_ms = uv_now(&stream->loop);
  uv_prepare_start(&stream->prepare, on_prepare);
  if (stream->observer)
    uv_timer_start(&stream->observe, on_observe, stream->observe_ms, stream->observe_ms);
  if (stream->telemetry)
    uv_timer_start(&stream->measure, on_measure, stream->timings.metrics_ms, stream->timings.metrics_ms);
  sd_segment_begin(stream);
  start_mappings(stream);
  obey_stops(stream);
  uv_run(&stream->loop, UV_RUN_DEFAULT);
  uv_prepare_stop(&stream->prepare);
  uv_timer_stop(&stream->tick);
  uv_timer_stop(&stream->observe);
  uv_timer_stop(&stream->measure);
  free_sinks(stream, false);
  uv_update_time(&stream->loop);
  for_mappings(stream, sd_mapping_metrics_update);
  sd_segment_end(stream);
  stream->ended_ms = uv_now(&stream->loop);
  sd_stream_take_snapshot(stream);
  return outcome(stream, error);
}
