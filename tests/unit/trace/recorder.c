/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The recording exporter and looking into what it got. */
#include "recorder.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void keep(recorder *r, const sd_record *record)
{
  if (r->count == r->cap) {
    r->cap = r->cap ? r->cap * 2 : 64;
    r->records = sd_realloc(r->records, r->cap * sizeof *record);
  }
  sd_record *copy = &r->records[r->count++];
  *copy = *record;
  copy->otlp = memcpy(sd_alloc(record->otlp_len), record->otlp, record->otlp_len);
  copy->name = sd_strndup(record->name, record->name_len);
  copy->message = record->message ? sd_strndup(record->message, record->message_len) : NULL;
}

static void export_records(void *self, const sd_record *records, size_t count)
{
  recorder *r = self;
  pthread_mutex_lock(&r->mutex);
  r->calls++;
  if (count > r->largest_call)
    r->largest_call = count;
  for (size_t i = 0; i < count; i++) {
    if (r->only_counts)
      r->count++;
    else
      keep(r, &records[i]);
  }
  while (r->is_held) {
    r->is_inside = true;
    pthread_cond_broadcast(&r->changed);
    pthread_cond_wait(&r->changed, &r->mutex);
  }
  r->is_inside = false;
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->mutex);
}

static sd_status on_flush(void *self, uint64_t deadline_ns)
{
  (void)deadline_ns;
  recorder *r = self;
  r->flushes++;
  return r->flush_status;
}

static void on_stop(void *self, uint64_t deadline_ns)
{
  (void)deadline_ns;
  ((recorder *)self)->stops++;
}

static void on_fork(void *self)
{
  recorder *r = self;
  pthread_mutex_init(&r->mutex, NULL);
  pthread_cond_init(&r->changed, NULL);
  r->is_held = false;
  r->forks++;
}

static void add_stats(void *self, sd_telemetry_stats *stats)
{
  recorder *r = self;
  pthread_mutex_lock(&r->mutex);
  stats->records_exported += r->count;
  stats->export_calls += r->calls;
  pthread_mutex_unlock(&r->mutex);
}

static void on_free(void *self)
{
  recorder *r = self;
  pthread_mutex_lock(&r->mutex);
  r->frees++;
  r->is_freed = true;
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->mutex);
}

static const sd_exporter_vtable VTABLE = {
    .struct_size = sizeof VTABLE,
    .export_records = export_records,
    .flush = on_flush,
    .stop = on_stop,
    .after_fork = on_fork,
    .add_stats = add_stats,
    .free = on_free,
};

void recorder_init(recorder *r)
{
  memset(r, 0, sizeof *r);
  pthread_mutex_init(&r->mutex, NULL);
  pthread_cond_init(&r->changed, NULL);
}

void recorder_release(recorder *r)
{
  for (size_t i = 0; i < r->count && !r->only_counts; i++) {
    sd_free((void *)(uintptr_t)r->records[i].otlp);
    sd_free((void *)(uintptr_t)r->records[i].name);
    sd_free((void *)(uintptr_t)r->records[i].message);
  }
  sd_free(r->records);
  pthread_mutex_destroy(&r->mutex);
  pthread_cond_destroy(&r->changed);
}

sd_exporter *recorder_exporter(recorder *r, bool wants_pending)
{
  sd_exporter_traits traits = {.struct_size = sizeof traits, .wants_pending = wants_pending};
  sd_exporter *exporter = NULL;
  assert_int_equal(sd_exporter_new(&VTABLE, r, &traits, &exporter, NULL), SD_OK);
  return exporter;
}

sd_telemetry *recorder_telemetry(recorder *r, const sd_telemetry_options *options)
{
  sd_telemetry_options mine = {.struct_size = sizeof mine};
  if (options)
    mine = *options;
  sd_exporter *exporter = recorder_exporter(r, false);
  mine.exporters = &exporter;
  mine.exporter_count = 1;
  sd_telemetry *telemetry = NULL;
  sd_error error;
  assert_int_equal(sd_telemetry_new(&mine, &telemetry, &error), SD_OK);
  return telemetry;
}

void recorder_hold(recorder *r)
{
  pthread_mutex_lock(&r->mutex);
  r->is_held = true;
  pthread_mutex_unlock(&r->mutex);
}

void recorder_let_go(recorder *r)
{
  pthread_mutex_lock(&r->mutex);
  r->is_held = false;
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->mutex);
}

/* Waits until *condition or count >= n, fails after RECORDER_TIMEOUT_MS. */
static void wait_for(recorder *r, const bool *condition, size_t n)
{
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += RECORDER_TIMEOUT_MS / 1000;
  pthread_mutex_lock(&r->mutex);
  int waited = 0;
  while ((condition ? !*condition : r->count < n) && waited == 0)
    waited = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
  pthread_mutex_unlock(&r->mutex);
  assert_int_equal(waited, 0);
}

void recorder_wait_inside(recorder *r)
{
  wait_for(r, &r->is_inside, 0);
}

void recorder_wait_freed(recorder *r)
{
  wait_for(r, &r->is_freed, 0);
}

void recorder_wait_count(recorder *r, size_t n)
{
  wait_for(r, NULL, n);
}

void flush(sd_telemetry *telemetry)
{
  sd_error error;
  assert_int_equal(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, &error), SD_OK);
}

sd_telemetry_stats stats_of(const sd_telemetry *telemetry)
{
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(telemetry, &stats);
  return stats;
}

size_t count_named(recorder *r, const char *name)
{
  size_t n = 0;
  for (size_t i = 0; i < r->count; i++)
    n += strcmp(r->records[i].name, name) == 0;
  return n;
}

const sd_record *record_named(recorder *r, const char *name)
{
  assert_int_equal(count_named(r, name), 1);
  const sd_record *found = NULL;
  for (size_t i = 0; i < r->count && !found; i++)
    found = strcmp(r->records[i].name, name) == 0 ? &r->records[i] : NULL;
  return found;
}

bool field_of(sd_bytes message, uint32_t number, size_t index, sd_pb_field *ret_field)
{
  sd_pb_field field;
  while (sd_pb_next(&message, &field)) {
    if (field.number == number && index-- == 0) {
      *ret_field = field;
      return true;
    }
  }
  assert_non_null(message.data);
  return false;
}

size_t count_fields(sd_bytes message, uint32_t number)
{
  size_t n = 0;
  sd_pb_field field;
  while (field_of(message, number, n, &field))
    n++;
  return n;
}

sd_any_view attribute_of(sd_bytes message, uint32_t number, const char *key)
{
  sd_attribute_view attribute;
  sd_any_view value = {0};
  size_t found = 0;
  while (sd_attribute_next_field(&message, number, &attribute)) {
    if (sd_bytes_equal_text(attribute.key, key)) {
      value = attribute.value;
      found++;
    }
  }
  assert_non_null(message.data);
  assert_int_equal(found, 1);
  return value;
}

void assert_text(sd_bytes bytes, const char *expected)
{
  assert_int_equal(bytes.len, strlen(expected));
  assert_memory_equal(bytes.data, expected, bytes.len);
}

uint64_t number_of(sd_bytes message, uint32_t number)
{
  sd_pb_field field;
  assert_true(field_of(message, number, 0, &field));
  return field.integer;
}
