/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One mapping between a fake source and a fake sink, in virtual time. */
#include "rig.h"

#include <assert.h>
#include <stdio.h>

static uint64_t now_ms(void *user)
{
  return ((test_rig *)user)->now_ms;
}

static int64_t unix_us(void *user)
{
  return (int64_t)((test_rig *)user)->now_ms * 1000;
}

static sd_status new_source(void *user, sd_mapping *mapping, sd_source **ret_source, sd_error *error)
{
  test_rig *rig = user;
  (void)error;
  rig->source = fake_source_new(&rig->broker, sd_mapping_source_handler(), mapping);
  *ret_source = &rig->source->base;
  return SD_OK;
}

static void keep_log(void *user, sd_log_level level, const char *subsystem, const char *message)
{
  test_rig *rig = user;
  (void)subsystem;
  size_t len = strlen(message);
  if (level == SD_LOG_DEBUG || rig->log_len + len + 2 > sizeof rig->log_text)
    return;
  memcpy(rig->log_text + rig->log_len, message, len);
  rig->log_len += len;
  rig->log_text[rig->log_len++] = '\n';
  rig->log_text[rig->log_len] = '\0';
}

void rig_init(test_rig *rig, uint32_t partitions, int64_t events_each)
{
  memset(rig, 0, sizeof *rig);
  rig->now_ms = 1000000;
  rig->share = 16 * 1024 * 1024;
  rig->events_per_step = 100;
  fake_broker_init(&rig->broker, partitions, events_each);
  rig->timings = sd_stream_timings_default;
  fake_db_init(&rig->db, (int64_t)rig->timings.lease_shared_ms * 1000);
  rig->db.unix_us = unix_us;
  rig->db.user = rig;
  rig->settings = (sd_stream_mapping){.struct_size = sizeof(sd_stream_mapping),
                                      .number = 1,
                                      .host = "Broker.Example",
                                      .hub = "flights",
                                      .consumer_group = "$Default",
                                      .database = "test.duckdb",
                                      .schema = "main",
                                      .table = "events",
                                      .batch_rows = 50,
                                      .batch_bytes = 1024 * 1024,
                                      .batch_timeout_ms = 1000};
  sd_status status = sd_log_new(SD_LOG_DEBUG, NULL, keep_log, rig, &rig->log);
  if (status == SD_OK)
    status = sd_queue_new(4096, NULL, NULL, &rig->replies);
  assert(status == SD_OK);
  (void)status;
}

void rig_start(test_rig *rig, const char *owner)
{
  const sd_mapping_env env = {.now_ms = now_ms,
                              .unix_us = unix_us,
                              .user = rig,
                              .source_new = new_source,
                              .log = rig->log,
                              .replies = rig->replies,
                              .timings = rig->timings};
  const sd_mapping_options options = {.settings = &rig->settings,
                                      .share = rig->share,
                                      .until_caught_up = rig->until_caught_up,
                                      .owner = owner};
  sd_status status = sd_mapping_new(&options, &env, &rig->mapping);
  assert(status == SD_OK);
  (void)status;
  rig->sink = fake_sink_new(&rig->db, owner, false);
  rig->source = fake_source_new(&rig->broker, sd_mapping_source_handler(), rig->mapping);
  sd_mapping_attach(rig->mapping, &rig->source->base, &rig->sink->base);
  sd_mapping_start(rig->mapping);
}

static bool take_replies(test_rig *rig)
{
  bool any = false;
  for (sd_op *op = sd_queue_pop(rig->replies, 0); op; op = sd_queue_pop(rig->replies, 0)) {
    sd_mapping_reply(rig->mapping, (sd_sink_op *)op);
    any = true;
  }
  return any;
}

bool rig_step(test_rig *rig)
{
  bool any = false;
  if (!rig->source_rests) {
    uint64_t before = rig->source->delivered;
    bool asked = rig->source->start_asked || rig->source->stop_asked;
    fake_source_step(rig->source, rig->events_per_step);
    any = rig->source->delivered != before || asked;
  }
  if (!rig->sink_rests)
    any |= fake_sink_step(rig->sink);
  any |= take_replies(rig);
  if (sd_mapping_due_ms(rig->mapping) <= rig->now_ms) {
    sd_mapping_tick(rig->mapping);
    any = true;
  }
  return any;
}

bool rig_until(test_rig *rig, bool (*holds)(test_rig *rig), uint64_t max_ms)
{
  uint64_t end = rig->now_ms + max_ms;
  uint32_t at_once = 0;
  while (!holds || !holds(rig)) {
    bool any = rig_step(rig);
    /* Work that never comes to rest at one moment would be a busy loop. */
    at_once = any ? at_once + 1 : 0;
    assert(at_once < 1000000);
    if (any)
      continue;
    if (rig->now_ms >= end)
      return holds && holds(rig);
    rig->now_ms++;
  }
  return true;
}

void rig_pass(test_rig *rig, uint64_t ms)
{
  (void)rig_until(rig, NULL, ms);
}

void rig_crash(test_rig *rig)
{
  if (!rig->mapping)
    return;
  sd_mapping_abort(rig->mapping);
  rig->sink->base.vtable->free(&rig->sink->base, true);
  rig->sink = NULL;
  take_replies(rig);
  if (!sd_mapping_ended(rig->mapping))
    fake_source_step(rig->source, 0);
  assert(sd_mapping_ended(rig->mapping));
  sd_mapping_free(rig->mapping);
  rig->mapping = NULL;
}

void rig_release(test_rig *rig)
{
  rig_crash(rig);
  sd_queue_free(rig->replies);
  sd_log_free(rig->log);
  fake_db_release(&rig->db);
}

bool rig_ended(test_rig *rig)
{
  return sd_mapping_ended(rig->mapping);
}

bool rig_landed_all(test_rig *rig)
{
  int64_t expected = 0;
  for (uint32_t i = 0; i < rig->broker.partitions; i++)
    expected += rig->broker.last[i] + 1;
  return (int64_t)fake_db_rows(&rig->db) == expected;
}

sd_mapping_snapshot rig_snapshot(test_rig *rig)
{
  sd_mapping_snapshot snapshot;
  sd_mapping_take_snapshot(rig->mapping, &snapshot);
  return snapshot;
}

bool rig_logged(const test_rig *rig, const char *text)
{
  return strstr(rig->log_text, text) != NULL;
}

bool rig_complete(test_rig *rig)
{
  return fake_db_is_complete(&rig->db, rig->settings.table, rig->broker.partitions, rig->broker.last);
}
