/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The memory exporter: a queue of requests, bounded by bytes. */
#include "base/alloc.h"
#include "export/otlp_frame.h"

#include <pthread.h>

enum { DEFAULT_BYTES_MAX = 16 << 20, REQUEST_BYTES_MAX = 4 << 20 };

typedef struct kept_request {
  struct kept_request *next;
  size_t len;
  int signal;
  uint8_t data[];
} kept_request;

/* The list is consistent after each single store, so that a child may walk it whatever its parent's threads
 * were doing at the fork. */
typedef struct memory_exporter {
  pthread_mutex_t lock; /* guards what follows but metrics */
  kept_request *first;
  kept_request **end;
  size_t bytes, max_bytes;
  uint64_t exported, dropped, calls;
  sd_otlp_metrics metrics; /* telemetry's thread */
} memory_exporter;

static bool keep(memory_exporter *memory, kept_request *request)
{
  pthread_mutex_lock(&memory->lock);
  bool fits = request->len <= memory->max_bytes - memory->bytes;
  if (fits) {
    memory->bytes += request->len;
    *memory->end = request;
    memory->end = &request->next;
  }
  pthread_mutex_unlock(&memory->lock);
  return fits;
}

static void count(memory_exporter *memory, size_t calls, size_t exported, size_t dropped)
{
  pthread_mutex_lock(&memory->lock);
  memory->calls += calls;
  memory->exported += exported;
  memory->dropped += dropped;
  pthread_mutex_unlock(&memory->lock);
}

static bool add(memory_exporter *memory, int signal, sd_bytes bytes)
{
  kept_request *request = sd_alloc(sizeof *request + bytes.len);
  if (!request)
    return false;
  request->next = NULL;
  request->signal = signal;
  request->len = bytes.len;
  memcpy(request->data, bytes.data, bytes.len);
  if (keep(memory, request))
    return true;
  sd_free(request);
  return false;
}

static void add_records(void *self, int signal, sd_bytes request, size_t records)
{
  bool is_kept = add(self, signal, request);
  count(self, 1, is_kept ? records : 0, is_kept ? 0 : records);
}

static void export_records(void *self, const sd_record *records, size_t n)
{
  size_t dropped = sd_otlp_frame_all(records, n, REQUEST_BYTES_MAX, add_records, self);
  count(self, 0, 0, dropped);
}

static void add_metrics(void *self, sd_bytes request, size_t points)
{
  (void)points; /* statistics count spans and logs */
  (void)add(self, SD_SIGNAL_METRICS, request);
  count(self, 1, 0, 0);
}

static void export_metric(void *self, const sd_metric *metric)
{
  memory_exporter *memory = self;
  if (metric)
    sd_otlp_metrics_add(&memory->metrics, metric);
  else
    sd_otlp_metrics_end(&memory->metrics);
}

static kept_request *take_first(memory_exporter *memory)
{
  kept_request *request = memory->first;
  if (!request)
    return NULL;
  memory->bytes -= request->len;
  if (!request->next)
    memory->end = &memory->first;
  memory->first = request->next;
  return request;
}

static void free_all(memory_exporter *memory)
{
  for (kept_request *request; (request = take_first(memory)) != NULL;)
    sd_free(request);
}

/* What the parent's threads held at that moment is left alone: their locks, and a request half made. */
static void after_fork(void *self)
{
  memory_exporter *memory = self;
  pthread_mutex_init(&memory->lock, NULL);
  free_all(memory);
  memory->bytes = 0;
  memory->exported = memory->dropped = memory->calls = 0;
  sd_otlp_metrics_init(&memory->metrics, REQUEST_BYTES_MAX, add_metrics, memory);
}

static void add_stats(void *self, sd_telemetry_stats *stats)
{
  memory_exporter *memory = self;
  pthread_mutex_lock(&memory->lock);
  stats->records_exported += memory->exported;
  stats->dropped_export += memory->dropped;
  stats->export_calls += memory->calls;
  pthread_mutex_unlock(&memory->lock);
}

static void free_memory(void *self)
{
  memory_exporter *memory = self;
  free_all(memory);
  sd_otlp_metrics_release(&memory->metrics);
  pthread_mutex_destroy(&memory->lock);
  sd_free(memory);
}

static const sd_exporter_vtable memory_vtable = {
    .struct_size = sizeof memory_vtable,
    .export_records = export_records,
    .export_metric = export_metric,
    .after_fork = after_fork,
    .add_stats = add_stats,
    .free = free_memory,
};

sd_status sd_memory_exporter_new(size_t max_bytes, sd_exporter **ret_exporter, sd_error *error)
{
  memory_exporter *memory = sd_calloc(1, sizeof *memory);
  if (!memory)
    return sd_error_set(error, SD_NOMEM, "no memory for a memory exporter");
  pthread_mutex_init(&memory->lock, NULL);
  memory->end = &memory->first;
  memory->max_bytes = max_bytes ? max_bytes : DEFAULT_BYTES_MAX;
  sd_otlp_metrics_init(&memory->metrics, REQUEST_BYTES_MAX, add_metrics, memory);
  sd_status status = sd_exporter_new(&memory_vtable, memory, NULL, ret_exporter, error);
  if (status != SD_OK)
    free_memory(memory);
  return status;
}

/* The content moves to the front of its allocation: taking never fails for lack of memory. */
sd_status sd_memory_exporter_take(sd_exporter *exporter, int *ret_signal, uint8_t **ret_data, size_t *ret_len)
{
  memory_exporter *memory = sd_exporter_self(exporter);
  pthread_mutex_lock(&memory->lock);
  kept_request *request = take_first(memory);
  pthread_mutex_unlock(&memory->lock);
  if (!request)
    return SD_NOT_FOUND;
  size_t len = request->len;
  *ret_signal = request->signal;
  *ret_len = len;
  *ret_data = memmove(request, request->data, len);
  return SD_OK;
}

void sd_memory_release(uint8_t *data)
{
  sd_free(data);
}
