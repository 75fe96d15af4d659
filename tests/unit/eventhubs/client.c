/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The owner of a source in tests. */
#include "client.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>

enum { GUARD_MS = 3000 };

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count,
                     const char *incarnation)
{
  client *c = owner;
  assert_false(c->ready);
  c->ready = true;
  c->count = count;
  assert_true(count <= SERVER_PARTITIONS_MAX);
  memcpy(c->partitions, partitions, count * sizeof *partitions);
  snprintf(c->incarnation, sizeof c->incarnation, "%s", incarnation);
  if (c->open_on_ready) {
    for (uint32_t i = 0; i < count; i++)
      c->source->vtable->open_partition(c->source, i, &c->from, c->epoch);
  }
  if (c->grant > 0)
    c->source->vtable->grant(c->source, c->grant);
}

static sd_status on_event(void *owner, uint32_t partition, const sd_event *event)
{
  client *c = owner;
  char expected[64];
  assert_false(c->stopped);
  c->calls++;
  if (c->refuse_at > 0 && c->calls == c->refuse_at)
    return SD_AGAIN;
  if (c->next[partition] >= 0)
    assert_int_equal(event->sequence_number, c->next[partition]);
  c->next[partition] = event->sequence_number + 1;
  snprintf(expected, sizeof expected, "at-%d", (int)event->sequence_number);
  assert_true(sd_bytes_equal_text(event->offset, expected));
  assert_int_equal(event->dead, SD_DEAD_NONE);
  static char body[1024 * 1024];
  assert_true(event->body.len <= sizeof body);
  server_body(partition, (uint32_t)event->sequence_number, (uint32_t)event->body.len, body);
  assert_memory_equal(event->body.data, body, event->body.len);
  sd_bytes_to_text(event->offset, c->last_offset[partition], sizeof c->last_offset[partition]);
  c->events++;
  c->bytes += event->body.len + event->offset.len + SD_RECEIVER_ROW_COST;
  if (c->stop_on_event)
    c->source->vtable->stop(c->source);
  return SD_OK;
}

static void on_idle(void *owner)
{
  client *c = owner;
  if (!c->hold_grant && c->grant > 0)
    c->source->vtable->grant(c->source, c->grant);
}

static void on_trouble(void *owner, uint32_t partition, sd_trouble trouble, const sd_error *error)
{
  client *c = owner;
  c->troubles[trouble]++;
  c->last_trouble_partition = partition;
  c->last_error = *error;
}

static void on_recovered(void *owner)
{
  client *c = owner;
  c->recovered++;
}

static void on_refreshed(void *owner, const sd_source_partition *partitions, uint32_t count,
                         const sd_error *error)
{
  client *c = owner;
  c->refreshed++;
  c->refresh_failed = error != NULL;
  if (!error) {
    assert_int_equal(count, c->count);
    memcpy(c->partitions, partitions, count * sizeof *partitions);
  }
}

static void on_stopped(void *owner)
{
  client *c = owner;
  assert_false(c->stopped);
  c->stopped = true;
}

sd_eventhubs_timing client_timing(void)
{
  const sd_eventhubs_timing defaults = SD_EVENTHUBS_TIMING_DEFAULT;
  sd_eventhubs_timing timing = defaults;
  timing.backoff_base_ms = 5;
  timing.backoff_cap_ms = 40;
  timing.busy_wait_ms = 20;
  timing.timeout_wait_ms = 10;
  timing.pause_ms = 20;
  timing.settle_ms = 20;
  timing.window_idle_ms = 20;
  timing.stop_timeout_ms = 2000;
  return timing;
}

void client_init(client *c, uint32_t partitions)
{
  signal(SIGPIPE, SIG_IGN); /* as every program does that writes to connections the other side may cut */
  memset(c, 0, sizeof *c);
  assert_int_equal(uv_loop_init(&c->loop), 0);
  uv_timer_init(&c->loop, &c->guard);
  c->guard.data = c;
  if (partitions > 0)
    server_start(&c->server, &c->loop, partitions);
  c->open_on_ready = true;
  c->epoch = 7;
  c->grant = 8 * 1024 * 1024;
  if (partitions > 0)
    client_new_source(c);
}

void client_new_source(client *c)
{
  const sd_source_handler handler = {.struct_size = sizeof handler,
                                     .on_ready = on_ready,
                                     .on_event = on_event,
                                     .on_idle = on_idle,
                                     .on_trouble = on_trouble,
                                     .on_recovered = on_recovered,
                                     .on_refreshed = on_refreshed,
                                     .on_stopped = on_stopped};
  const sd_eventhubs_options options = {.struct_size = sizeof options,
                                        .host = "127.0.0.1",
                                        .port = c->server.port,
                                        .hub = "hub",
                                        .consumer_group = "$Default",
                                        .sas_key_name = "rule",
                                        .sas_key = "the key",
                                        .receiver_name = "test receiver"};
  sd_error error;
  if (sd_eventhubs_source_new(&c->loop, &options, &handler, c, NULL, &c->source, &error) != SD_OK)
    fail_msg("%s", error.message);
  sd_eventhubs_timing timing = client_timing();
  sd_eventhubs_source_set_timing(c->source, &timing);
}

void client_start(client *c)
{
  sd_error error;
  if (c->source->vtable->start(c->source, &error) != SD_OK)
    fail_msg("%s", error.message);
}

static void on_guard(uv_timer_t *timer)
{
  client *c = timer->data;
  uv_stop(&c->loop);
}

void client_turn(client *c, const char *waiting_for)
{
  if (!uv_is_active((uv_handle_t *)&c->guard)) {
    uv_update_time(&c->loop);
    uv_timer_start(&c->guard, on_guard, GUARD_MS, 0);
  }
  uv_run(&c->loop, UV_RUN_ONCE);
  if (!uv_is_active((uv_handle_t *)&c->guard))
    fail_msg("waited in vain for %s; last trouble: %s", waiting_for, c->last_error.message);
}

void client_release(client *c)
{
  if (c->source && !c->stopped) {
    c->source->vtable->stop(c->source);
    run_until(c, c->stopped);
  }
  if (c->source)
    c->source->vtable->free(c->source);
  server_stop(&c->server);
  uv_close((uv_handle_t *)&c->guard, NULL);
  uv_run(&c->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&c->loop), 0);
}
