/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The engine from outside: made, observed, stopped, freed. */
#include "base/alloc.h"
#include "base/clock.h"
#include "stream/batcher.h"
#include "stream/stream_internal.h"

#include <stdio.h>

static void write_log(void *user, sd_log_level level, const char *subsystem, const char *message)
{
  sd_stream *stream = user;
  stream->log_fn(stream->log_user, (int)level, subsystem, message);
}

static sd_status init_log(sd_stream *stream, const sd_stream_options *options, sd_error *error)
{
  if (sd_scrubber_new(&stream->scrubber) != SD_OK)
    return sd_error_set(error, SD_NOMEM, "no memory for the log");
  sd_status status = sd_settings_hide(&stream->settings, stream->scrubber, error);
  if (status != SD_OK || !options->log)
    return status;
  stream->log_fn = options->log;
  stream->log_user = options->log_user;
  if (sd_log_new((sd_log_level)options->log_level, stream->scrubber, write_log, stream, &stream->log) !=
      SD_OK)
    return sd_error_set(error, SD_NOMEM, "no memory for the log");
  return SD_OK;
}

static sd_status init_loop(sd_stream *stream, sd_error *error)
{
  int rc = uv_loop_init(&stream->loop);
  if (rc != 0)
    return sd_error_set(error, SD_IO, "the event loop cannot be made: %s", uv_strerror(rc));
  rc = uv_async_init(&stream->loop, &stream->wake, sd_stream_on_wake);
  if (rc != 0) {
    uv_loop_close(&stream->loop);
    return sd_error_set(error, SD_IO, "the event loop's wake handle cannot be made: %s", uv_strerror(rc));
  }
  stream->wake.data = stream;
  uv_prepare_init(&stream->loop, &stream->prepare);
  stream->prepare.data = stream;
  uv_timer_init(&stream->loop, &stream->tick);
  stream->tick.data = stream;
  uv_timer_init(&stream->loop, &stream->observe);
  stream->observe.data = stream;
  uv_timer_init(&stream->loop, &stream->measure);
  stream->measure.data = stream;
  stream->loop_works = true;
  return SD_OK;
}

static void wake_loop(void *user)
{
  sd_stream *stream = user;
  uv_async_send(&stream->wake);
}

static sd_status init_tables(sd_stream *stream, sd_error *error)
{
  size_t count = stream->settings.mapping_count;
  stream->sinks = sd_calloc(count, sizeof(sd_sink *));
  stream->mappings = sd_calloc(count, sizeof(sd_mapping *));
  stream->mapping_snapshots = sd_calloc(count, sizeof *stream->mapping_snapshots);
  /* Each mapping's ops can all be answered at once: its batches, one OPEN and one of its lease. */
  sd_status status = sd_queue_new(count * (SD_BATCHER_QUEUED_MAX + 2), wake_loop, stream, &stream->replies);
  if (!stream->sinks || !stream->mappings || !stream->mapping_snapshots || status != SD_OK)
    return sd_error_set(error, SD_NOMEM, "no memory for %zu mappings", count);
  stream->snapshot = (sd_stream_snapshot){.struct_size = sizeof(sd_stream_snapshot),
                                          .mappings = stream->mapping_snapshots,
                                          .mapping_count = count};
  return SD_OK;
}

static uint64_t now_ms(void *user)
{
  const sd_stream *stream = user;
  return uv_now(&stream->loop);
}

static int64_t unix_us(void *user)
{
  (void)user;
  return sd_clock_unix_us();
}

static sd_status make_mappings(sd_stream *stream, sd_error *error)
{
  const sd_mapping_env env = {.now_ms = now_ms,
                              .unix_us = unix_us,
                              .user = stream,
                              .source_new = sd_stream_new_source,
                              .log = stream->log,
                              .replies = stream->replies,
                              .timings = stream->timings,
                              .tracer = stream->segment.tracer,
                              .metrics = &stream->metrics};
  for (size_t i = 0; i < stream->settings.mapping_count; i++) {
    const sd_mapping_options options = {.settings = &stream->settings.mappings[i],
                                        .share = stream->settings.share,
                                        .until_caught_up = stream->settings.until_caught_up,
                                        .owner = stream->owner};
    if (sd_mapping_new(&options, &env, &stream->mappings[i]) != SD_OK)
      return sd_error_set(error, SD_NOMEM, "no memory for mapping %d", options.settings->number);
  }
  return SD_OK;
}

/* The caller's struct may be that of an older header. */
static sd_status init_telemetry(sd_stream *stream, const sd_stream_options *options, sd_error *error)
{
  if (options->struct_size < offsetof(sd_stream_options, telemetry) + sizeof options->telemetry ||
      !options->telemetry)
    return SD_OK;
  stream->telemetry = options->telemetry;
  stream->segment.tracer = sd_telemetry_tracer(stream->telemetry, "streamduck", SD_VERSION);
  sd_stream_metrics_init(&stream->metrics, stream->segment.tracer);
  return sd_settings_hide_from(&stream->settings, stream->telemetry, error);
}

sd_status sd_stream_new_with(const sd_stream_options *options, const sd_stream_factory *factory,
                             const sd_stream_timings *timings, sd_stream **ret_stream, sd_error *error)
{
  sd_stream *stream = sd_calloc(1, sizeof *stream);
  if (!stream)
    return sd_error_set(error, SD_NOMEM, "no memory for the engine");
  stream->factory = *factory;
  stream->timings = *timings;
  sd_random_uuid(stream->owner);
  snprintf(stream->receiver_name, sizeof stream->receiver_name, "streamduck-%.8s", stream->owner);
  sd_status status = sd_settings_init(&stream->settings, options, error);
  if (status == SD_OK)
    status = init_log(stream, options, error);
  if (status == SD_OK)
    status = init_telemetry(stream, options, error);
  if (status == SD_OK)
    status = init_loop(stream, error);
  if (status == SD_OK)
    status = init_tables(stream, error);
  if (status == SD_OK)
    status = make_mappings(stream, error);
  if (status != SD_OK) {
    sd_stream_free(stream);
    return status;
  }
  sd_stream_take_snapshot(stream);
  *ret_stream = stream;
  return SD_OK;
}

void sd_stream_observe(sd_stream *stream, uint32_t interval_ms, sd_stream_observer_fn *observer, void *user)
{
  enum { INTERVAL_MIN_MS = 10 };
  stream->observe_ms = interval_ms > INTERVAL_MIN_MS ? interval_ms : INTERVAL_MIN_MS;
  stream->observer = observer;
  stream->observer_user = user;
}

void sd_stream_stop(sd_stream *stream)
{
  /* Called from signal handlers too: an atomic and a write to a descriptor, nothing else. */
  atomic_fetch_add(&stream->stops, 1);
  uv_async_send(&stream->wake);
}

void sd_stream_take_snapshot(sd_stream *stream)
{
  uint64_t now = stream->ended_ms ? stream->ended_ms : uv_now(&stream->loop);
  stream->snapshot.uptime_ms = stream->started_ms ? now - stream->started_ms : 0;
  for (size_t i = 0; i < stream->snapshot.mapping_count; i++)
    sd_mapping_take_snapshot(stream->mappings[i], &stream->mapping_snapshots[i]);
}

const sd_stream_snapshot *sd_stream_last_snapshot(sd_stream *stream)
{
  return &stream->snapshot;
}

static void close_handle(uv_handle_t *handle, void *user)
{
  (void)user;
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

void sd_stream_free(sd_stream *stream)
{
  if (!stream)
    return;
  for (size_t i = 0; stream->mappings && i < stream->settings.mapping_count; i++)
    sd_mapping_free(stream->mappings[i]);
  sd_segment_release(&stream->segment);
  if (stream->loop_works) {
    uv_walk(&stream->loop, close_handle, NULL);
    uv_run(&stream->loop, UV_RUN_DEFAULT);
    uv_loop_close(&stream->loop);
  }
  sd_queue_free(stream->replies);
  sd_free(stream->sinks);
  sd_free(stream->mappings);
  sd_free(stream->mapping_snapshots);
  sd_log_free(stream->log);
  sd_scrubber_free(stream->scrubber);
  sd_settings_release(&stream->settings);
  sd_free(stream);
}

const char *sd_mapping_state_name(sd_mapping_state state)
{
  switch (state) {
  case SD_MAPPING_STARTING:
    return "starting";
  case SD_MAPPING_RUNNING:
    return "running";
  case SD_MAPPING_BACKING_OFF:
    return "backing off";
  case SD_MAPPING_STOPPING:
    return "stopping";
  case SD_MAPPING_STOPPED:
    return "stopped";
  case SD_MAPPING_HALTED:
    return "halted";
  }
  return "?";
}
