/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* An exporter for tests that keeps copies of what it gets, and can be held inside a call. */
#ifndef SD_TEST_TRACE_RECORDER_H
#define SD_TEST_TRACE_RECORDER_H

#include "trace/value.h"

#include <pthread.h>
#include <streamduck/export.h>

enum { RECORDER_TIMEOUT_MS = 20000 };

typedef struct recorder {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  sd_record *records; /* deep copies */
  size_t count;
  size_t cap;
  size_t calls;
  size_t largest_call;
  bool only_counts; /* set before the first record: nothing is copied */
  bool is_held;     /* calls wait */
  bool is_inside;   /* a call waits */
  size_t flushes;
  size_t stops;
  size_t frees;
  bool is_freed;
  size_t forks;
  sd_status flush_status;
} recorder;

void recorder_init(recorder *r);
void recorder_release(recorder *r);
sd_exporter *recorder_exporter(recorder *r, bool wants_pending);

/* A telemetry with this recorder as its exporter; options may be NULL. */
sd_telemetry *recorder_telemetry(recorder *r, const sd_telemetry_options *options);

/* Lets calls wait inside the exporter, until release; recorder_wait_inside returns once one does. */
void recorder_hold(recorder *r);
void recorder_wait_inside(recorder *r);
void recorder_let_go(recorder *r);
/* Returns once n records came. */
void recorder_wait_count(recorder *r, size_t n);
/* Returns once the telemetry has freed its exporter. */
void recorder_wait_freed(recorder *r);

void flush(sd_telemetry *telemetry);
sd_telemetry_stats stats_of(const sd_telemetry *telemetry);

/* The only record with that name; fails when there is none or more. */
const sd_record *record_named(recorder *r, const char *name);
size_t count_named(recorder *r, const char *name);

/* The index-th field `number` of the record's message; false when there is none. */
bool field_of(sd_bytes message, uint32_t number, size_t index, sd_pb_field *ret_field);
size_t count_fields(sd_bytes message, uint32_t number);
static inline sd_bytes otlp_of(const sd_record *record)
{
  return sd_bytes_make(record->otlp, record->otlp_len);
}
/* The value of the only attribute `key` among fields `number`; fails when there is none or more. */
sd_any_view attribute_of(sd_bytes message, uint32_t number, const char *key);
void assert_text(sd_bytes bytes, const char *expected);
uint64_t number_of(sd_bytes message, uint32_t number);

#endif
