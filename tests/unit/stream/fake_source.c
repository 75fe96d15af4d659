/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A broker in memory and a source that reads it. */
#include "fake_source.h"

#include "base/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { BODY_MAX = 4 * 1024 * 1024, EVENT_OVERHEAD = 100 };

void fake_broker_init(fake_broker *broker, uint32_t partitions, int64_t events_each)
{
  memset(broker, 0, sizeof *broker);
  broker->partitions = partitions;
  snprintf(broker->incarnation, sizeof broker->incarnation, "2026-11-22T00:00:00Z");
  for (uint32_t i = 0; i < partitions; i++)
    broker->last[i] = events_each - 1;
}

static void describe(const fake_broker *broker, sd_source_partition *said)
{
  for (uint32_t i = 0; i < broker->partitions; i++) {
    memset(&said[i], 0, sizeof said[i]);
    snprintf(said[i].id, sizeof said[i].id, "%u", i);
    said[i].begin_sequence = broker->begin[i];
    said[i].last_sequence = broker->last[i];
    said[i].empty = broker->last[i] < broker->begin[i];
    said[i].last_enqueued_us = broker->last[i] * 1000000;
  }
}

static fake_source *cast(sd_source *source)
{
  return (fake_source *)source;
}

static sd_status source_start(sd_source *base, sd_error *error)
{
  fake_source *source = cast(base);
  if (source->start_error.code != SD_OK) {
    *error = source->start_error;
    return error->code;
  }
  source->start_asked = true;
  return SD_OK;
}

static int64_t sequence_of(const char *offset)
{
  int64_t value = -1;
  bool is_number = sd_bytes_to_int64(sd_bytes_of(offset), &value);
  assert(is_number);
  (void)is_number;
  return value / 10;
}

static int64_t first_of(const fake_broker *broker, uint32_t partition, const sd_position *position)
{
  switch (position->kind) {
  case SD_POSITION_LATEST:
    return broker->last[partition] + 1;
  case SD_POSITION_TIME:
    return position->unix_us / 1000000 + 1;
  case SD_POSITION_OFFSET:
    return sequence_of(position->offset) + 1;
  case SD_POSITION_SEQUENCE:
    return position->sequence + 1;
  case SD_POSITION_EARLIEST:
  default:
    return broker->begin[partition];
  }
}

static void source_open_partition(sd_source *base, uint32_t partition, const sd_position *position,
                                  int64_t epoch)
{
  fake_source *source = cast(base);
  assert(source->working && !source->partition[partition].open);
  int64_t first = first_of(source->broker, partition, position);
  source->last_position[partition] = position->kind;
  source->last_position_sequence[partition] = first;
  source->partition[partition].open = true;
  source->partition[partition].waits = false;
  source->partition[partition].epoch = epoch;
  source->partition[partition].next = first;
  source->opens++;
}

static void source_close_partition(sd_source *base, uint32_t partition)
{
  fake_source *source = cast(base);
  assert(source->working);
  source->partition[partition].open = false;
  source->closes++;
}

static void source_grant(sd_source *base, size_t free_bytes)
{
  fake_source *source = cast(base);
  source->credit = free_bytes;
  source->last_grant = free_bytes;
  source->grants++;
  for (uint32_t i = 0; i < source->broker->partitions; i++)
    source->partition[i].waits = false;
}

static bool source_refresh(sd_source *base)
{
  fake_source *source = cast(base);
  if (source->refresh_asked)
    return false;
  source->refresh_asked = true;
  return true;
}

static void source_stop(sd_source *base)
{
  fake_source *source = cast(base);
  assert(!source->stop_asked);
  source->stop_asked = true;
  source->working = false;
}

static void free_memory(uv_handle_t *handle)
{
  sd_free(handle->data);
}

static void source_abort(sd_source *base)
{
  fake_source *source = cast(base);
  source->silent = false;
  source->stop_asked = true;
  source->working = false;
}

static void source_free(sd_source *base)
{
  fake_source *source = cast(base);
  if (source->has_timer)
    uv_close((uv_handle_t *)&source->timer, free_memory);
  else
    sd_free(source);
}

static const sd_source_vtable vtable = {.struct_size = sizeof(sd_source_vtable),
                                        .start = source_start,
                                        .open_partition = source_open_partition,
                                        .close_partition = source_close_partition,
                                        .grant = source_grant,
                                        .refresh = source_refresh,
                                        .stop = source_stop,
                                        .abort = source_abort,
                                        .free = source_free};

fake_source *fake_source_new(fake_broker *broker, const sd_source_handler *handler, void *owner)
{
  fake_source *source = sd_calloc(1, sizeof *source);
  assert(source);
  source->base.vtable = &vtable;
  source->broker = broker;
  source->handler = handler;
  source->owner = owner;
  return source;
}

static void deliver(fake_source *source, uint32_t partition)
{
  static char body[BODY_MAX];
  char offset[32];
  int64_t sequence = source->partition[partition].next;
  int len = snprintf(body, sizeof body, "%u:%" PRId64, partition, sequence);
  size_t size = (size_t)len;
  if (source->broker->body_bytes > size) {
    memset(body + size, '.', source->broker->body_bytes - size);
    size = source->broker->body_bytes;
  }
  snprintf(offset, sizeof offset, "%" PRId64, sequence * 10);
  char properties[128] = "";
  if (source->broker->trace_property)
    snprintf(properties, sizeof properties, "{\"%s\":\"00-%016x%016" PRIx64 "-%016" PRIx64 "-01\"}",
             source->broker->trace_property, partition + 1, sequence, sequence + 1);
  const sd_event event = {.properties = sd_bytes_of(properties),
                          .body = sd_bytes_make(body, size),
                          .sequence_number = sequence,
                          .offset = sd_bytes_of(offset),
                          .enqueued_us = sequence * 1000000};
  sd_status status = source->handler->on_event(source->owner, partition, &event);
  if (status == SD_AGAIN) {
    source->partition[partition].waits = true;
    source->refused++;
    return;
  }
  assert(status == SD_OK);
  source->partition[partition].next++;
  source->delivered++;
  source->credit -= source->credit < size + EVENT_OVERHEAD ? source->credit : size + EVENT_OVERHEAD;
}

static bool can_deliver(const fake_source *source, uint32_t partition)
{
  return source->working && !source->away && source->credit > 0 && source->partition[partition].open &&
         !source->partition[partition].waits &&
         source->partition[partition].next <= source->broker->last[partition];
}

static void skip_expired(fake_source *source, uint32_t partition)
{
  if (source->partition[partition].next < source->broker->begin[partition])
    source->partition[partition].next = source->broker->begin[partition];
}

static void deliver_some(fake_source *source, uint32_t events)
{
  uint32_t count = source->broker->partitions;
  uint32_t idle = 0;
  bool any = false;
  while (events > 0 && idle < count) {
    uint32_t partition = source->turn++ % count;
    skip_expired(source, partition);
    if (!can_deliver(source, partition)) {
      idle++;
      continue;
    }
    idle = 0;
    deliver(source, partition);
    any = true;
    events--;
  }
  if (any && source->working)
    source->handler->on_idle(source->owner);
}

static void answer_refresh(fake_source *source)
{
  sd_source_partition said[FAKE_PARTITIONS_MAX];
  source->refresh_asked = false;
  source->refreshes++;
  describe(source->broker, said);
  if (source->away || source->unusable) {
    sd_error error;
    sd_error_set(&error, SD_TIMEOUT, "not connected");
    source->handler->on_refreshed(source->owner, NULL, 0, &error);
  } else {
    source->handler->on_refreshed(source->owner, said, source->broker->partitions, NULL);
  }
}

void fake_source_step(fake_source *source, uint32_t events)
{
  if (source->stop_asked) {
    if (source->silent)
      return;
    source->start_asked = false;
    source->stop_asked = false;
    source->handler->on_stopped(source->owner);
    return;
  }
  if (source->away && source->start_asked)
    return;
  if (source->start_asked) {
    sd_source_partition said[FAKE_PARTITIONS_MAX];
    source->start_asked = false;
    source->working = true;
    describe(source->broker, said);
    source->handler->on_ready(source->owner, said, source->broker->partitions, source->broker->incarnation);
    return;
  }
  if (!source->working)
    return;
  if (source->refresh_asked)
    answer_refresh(source);
  if (source->working)
    deliver_some(source, events);
}

static void on_timer(uv_timer_t *timer)
{
  fake_source *source = timer->data;
  fake_source_step(source, source->events_per_tick);
}

void fake_source_run_by(fake_source *source, uv_loop_t *loop, uint32_t events_per_tick)
{
  uv_timer_init(loop, &source->timer);
  source->timer.data = source;
  source->has_timer = true;
  source->events_per_tick = events_per_tick;
  uv_timer_start(&source->timer, on_timer, 1, 1);
}

void fake_source_disconnect(fake_source *source, uint32_t again)
{
  if (source->away || source->stop_asked)
    return;
  source->away = true;
  for (uint32_t i = 0; i < source->broker->partitions; i++) {
    source->partition[i].next -= again;
    skip_expired(source, i);
  }
  sd_error error;
  sd_error_set(&error, SD_IO, "connection reset by peer");
  source->handler->on_trouble(source->owner, SD_SOURCE_ALL_PARTITIONS, SD_TROUBLE_RETRYING, &error);
}

void fake_source_reconnect(fake_source *source)
{
  if (!source->away)
    return;
  source->away = false;
  if (source->working)
    source->handler->on_recovered(source->owner);
}

static void tell(fake_source *source, uint32_t partition, sd_trouble trouble, sd_status code,
                 const char *message)
{
  sd_error error;
  sd_error_set(&error, code, "%s", message);
  source->handler->on_trouble(source->owner, partition, trouble, &error);
}

void fake_source_steal(fake_source *source, uint32_t partition)
{
  if (!source->partition[partition].open || !source->working)
    return;
  source->partition[partition].open = false;
  tell(source, partition, SD_TROUBLE_PARTITION_LOST, SD_FENCED, "New receiver with higher epoch");
}

void fake_source_refuse_offset(fake_source *source, uint32_t partition)
{
  source->partition[partition].open = false;
  tell(source, partition, SD_TROUBLE_OFFSET_LOST, SD_NOT_FOUND, "The supplied offset is invalid");
}

void fake_source_recreate(fake_source *source, int64_t events_each)
{
  fake_broker *broker = source->broker;
  fake_broker_init(broker, broker->partitions, events_each);
  snprintf(broker->incarnation, sizeof broker->incarnation, "2026-11-23T00:00:00Z");
  for (uint32_t i = 0; i < broker->partitions; i++)
    source->partition[i].open = false;
  tell(source, SD_SOURCE_ALL_PARTITIONS, SD_TROUBLE_OFFSET_LOST, SD_NOT_FOUND, "the hub was made anew");
}

void fake_source_halt(fake_source *source, const char *message)
{
  tell(source, SD_SOURCE_ALL_PARTITIONS, SD_TROUBLE_STOP, SD_DENIED, message);
}
