/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* An engine with one mapping whose telemetry a recorder keeps, and looking into what it got. */
#ifndef TESTS_STREAM_TRACED_H
#define TESTS_STREAM_TRACED_H

#include "fake_sink.h"
#include "fake_source.h"
#include "stream/factory.h"
#include "trace/recorder.h"

typedef struct traced {
  recorder recorder;
  sd_telemetry *telemetry;
  sd_telemetry_options telemetry_options;
  fake_broker broker;
  fake_db db;
  fake_sink *sink; /* the newest; NULL with real_database */
  fake_source *source;
  uint32_t events_per_tick;
  const char *real_database; /* NULL: the fake one */
  void (*before_run)(void *user, sd_telemetry *telemetry);
  sd_error first_write; /* code SD_OK: the first write succeeds */
  sd_stream_mapping mapping;
  sd_stream_options options;
  sd_stream_timings timings;
  sd_stream *stream;
} traced;

/* Three partitions with so many events each, batches of 150; tests change things before traced_run. */
void traced_init(traced *t, int64_t events_each);
/* Runs until caught up and flushes; returns what run returned. */
sd_status traced_run(traced *t);
void traced_release(traced *t);

/* The record of the span with that id; NULL when there is none. */
const sd_record *record_of(const traced *t, const uint8_t *span_id);
/* The parent's name, "-" for a root, "?" when it was not recorded. */
const char *parent_of(const traced *t, const sd_record *record);
/* The index-th span or log of that name; NULL when there are fewer. */
const sd_record *nth_named(const traced *t, const char *name, size_t index);
int64_t int_of(const sd_record *record, const char *key);
bool bool_of(const sd_record *record, const char *key);
bool text_is(const sd_record *record, const char *key, const char *text);

#endif
