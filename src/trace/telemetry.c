/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A telemetry's life: made, flushed, shut down under one deadline, freed. */
#include "base/alloc.h"
#include "base/clock.h"
#include "trace/fork.h"
#include "trace/span.h"
#include "trace/text.h"

#include <stdarg.h>
#include <stdio.h>

#define NS_PER_MS UINT64_C(1000000)

enum { LIMIT_DEFAULT = 128, REPORT_SIZE = 512 };

/* ---- Making
 * ------------------------------------------------------------------------------------------------- */

static uint32_t or_default(uint32_t value)
{
  return value ? value : LIMIT_DEFAULT;
}

static sd_status check_exporters(const sd_telemetry_options *options, sd_error *error)
{
  if (options->exporter_count > SD_EXPORTERS_MAX)
    return sd_error_set(error, SD_LIMIT, "%zu exporters: at most %d", options->exporter_count,
                        SD_EXPORTERS_MAX);
  for (size_t i = 0; i < options->exporter_count; i++) {
    if (!options->exporters[i])
      return sd_error_set(error, SD_INVALID, "exporter %zu is NULL", i);
  }
  return SD_OK;
}

static void take_options(sd_telemetry *telemetry, const sd_telemetry_options *options)
{
  const sd_span_limits *limits = &options->limits;
  telemetry->limits = (sd_span_limits){
      .attributes = or_default(limits->attributes),
      .events = or_default(limits->events),
      .links = or_default(limits->links),
      .attributes_per_event = or_default(limits->attributes_per_event),
      .attributes_per_link = or_default(limits->attributes_per_link),
      .value_length = limits->value_length,
  };
  telemetry->min_level = options->min_level;
  telemetry->logfire_ids = options->logfire_ids;
  telemetry->diagnostic = options->diagnostic;
  telemetry->diagnostic_user = options->diagnostic_user;
  telemetry->wants_starts = options->tail.enabled;
  for (size_t i = 0; i < options->exporter_count; i++) {
    telemetry->exporters[i] = options->exporters[i];
    telemetry->wants_starts |= options->exporters[i]->traits.wants_pending;
  }
  telemetry->exporter_count = options->exporter_count;
}

static sd_status init_ring(sd_telemetry *telemetry, const sd_telemetry_options *options, sd_error *error)
{
  size_t bytes = options->ring_bytes ? options->ring_bytes : SD_TELEMETRY_RING_DEFAULT;
  if (bytes > SD_RING_BYTES_MAX)
    return sd_error_set(error, SD_INVALID, "ring_bytes %zu: at most %d", bytes, SD_RING_BYTES_MAX);
  uint32_t batch = options->batch_records ? options->batch_records : SD_TELEMETRY_BATCH_DEFAULT;
  if (sd_ring_init(&telemetry->ring, bytes, batch) != SD_OK)
    return sd_error_set(error, SD_NOMEM, "no memory for a ring of %zu bytes", bytes);
  return SD_OK;
}

/* Everything but the exporters. */
static void release(sd_telemetry *telemetry)
{
  sd_registry_free(telemetry->registry);
  sd_processor_release(telemetry);
  sd_record_scrubber_free(telemetry->scrubber);
  sd_resource_release(&telemetry->resource);
  sd_ring_release(&telemetry->ring);
  for (size_t i = 0; i < telemetry->tracer_count; i++)
    sd_free(telemetry->tracers[i]);
  while (telemetry->spare) {
    sd_span *span = telemetry->spare;
    telemetry->spare = span->next;
    sd_span_free(span);
  }
  pthread_mutex_destroy(&telemetry->lock);
  sd_free(telemetry);
}

sd_status sd_telemetry_new(const sd_telemetry_options *options, sd_telemetry **ret_telemetry, sd_error *error)
{
  if (!options || options->struct_size < sizeof *options)
    return sd_error_set(error, SD_INVALID, "sd_telemetry_options: struct_size is not set");
  sd_status status = check_exporters(options, error);
  if (status != SD_OK)
    return status;
  sd_telemetry *telemetry = sd_calloc(1, sizeof *telemetry);
  if (!telemetry)
    return sd_error_set(error, SD_NOMEM, "no memory for telemetry");
  take_options(telemetry, options);
  pthread_mutex_init(&telemetry->lock, NULL);
  status = sd_processor_init(telemetry, options, error);
  if (status == SD_OK)
    status = sd_head_sampler_init(&telemetry->sampler, &options->sampler, error);
  if (status == SD_OK)
    status = init_ring(telemetry, options, error);
  if (status == SD_OK)
    status = sd_resource_init(&telemetry->resource, options, error);
  if (status == SD_OK)
    status = sd_record_scrubber_new(options, &telemetry->scrubber, error);
  if (status == SD_OK) {
    telemetry->registry = sd_registry_new(telemetry);
    status = telemetry->registry ? SD_OK : sd_error_set(error, SD_NOMEM, "no memory for metrics");
  }
  if (status == SD_OK) {
    status = sd_fork_add(telemetry);
    if (status != SD_OK)
      sd_error_set(error, status, "no memory for the handlers of fork");
  }
  if (status != SD_OK) {
    release(telemetry);
    return status;
  }
  atomic_store(&telemetry->is_recording, true);
  *ret_telemetry = telemetry;
  return SD_OK;
}

/* ---- Using
 * -------------------------------------------------------------------------------------------------- */

sd_status sd_telemetry_add_secret(sd_telemetry *telemetry, const char *secret)
{
  return telemetry ? sd_record_scrubber_add(telemetry->scrubber, secret) : SD_OK;
}

static sd_tracer *find_tracer(const sd_telemetry *telemetry, const char *name, const char *version)
{
  for (size_t i = 0; i < telemetry->tracer_count; i++) {
    sd_tracer *tracer = telemetry->tracers[i];
    if (strcmp(tracer->name, name) == 0 && strcmp(tracer->version, version) == 0)
      return tracer;
  }
  return NULL;
}

/* The object with both texts behind it, repaired to UTF-8. */
static sd_tracer *new_tracer(sd_telemetry *telemetry, const char *name, const char *version)
{
  sd_bytes texts[] = {sd_bytes_of(name), sd_bytes_of(version)};
  size_t name_size = sd_text_size(texts[0], 0);
  size_t version_size = sd_text_size(texts[1], 0);
  sd_tracer *tracer = sd_alloc(sizeof *tracer + name_size + 1 + version_size + 1);
  if (!tracer)
    return NULL;
  uint8_t *at = (uint8_t *)(tracer + 1);
  tracer->telemetry = telemetry;
  tracer->name = (const char *)at;
  at = sd_text_put(texts[0], 0, at);
  *at++ = '\0';
  tracer->version = (const char *)at;
  at = sd_text_put(texts[1], 0, at);
  *at = '\0';
  return tracer;
}

sd_tracer *sd_telemetry_tracer(sd_telemetry *telemetry, const char *name, const char *version)
{
  if (!telemetry)
    return NULL;
  name = name ? name : "";
  version = version ? version : "";
  pthread_mutex_lock(&telemetry->lock);
  sd_tracer *tracer = find_tracer(telemetry, name, version);
  if (!tracer && telemetry->tracer_count < SD_TRACERS_MAX) {
    tracer = new_tracer(telemetry, name, version);
    if (tracer)
      telemetry->tracers[telemetry->tracer_count++] = tracer;
  }
  pthread_mutex_unlock(&telemetry->lock);
  return tracer;
}

const char *sd_tracer_name(const sd_tracer *tracer)
{
  return tracer ? tracer->name : "";
}

const char *sd_tracer_version(const sd_tracer *tracer)
{
  return tracer ? tracer->version : "";
}

sd_telemetry *sd_tracer_telemetry(const sd_tracer *tracer)
{
  return tracer ? tracer->telemetry : NULL;
}

const sd_attribute *sd_telemetry_resource(const sd_telemetry *telemetry, size_t *ret_count)
{
  *ret_count = telemetry ? telemetry->resource.count : 0;
  return telemetry ? telemetry->resource.attributes : NULL;
}

void sd_telemetry_start_thread(sd_telemetry *telemetry)
{
  pthread_mutex_lock(&telemetry->processor.mutex);
  if (!telemetry->processor.must_stop)
    sd_processor_start(telemetry);
  pthread_mutex_unlock(&telemetry->processor.mutex);
}

void sd_telemetry_report(sd_telemetry *telemetry, int level, const char *format, ...)
{
  if (!telemetry->diagnostic)
    return;
  char text[REPORT_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  telemetry->diagnostic(telemetry->diagnostic_user, level, text);
}

void sd_telemetry_get_stats(const sd_telemetry *telemetry, sd_telemetry_stats *ret_stats)
{
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  size_t size = ret_stats->struct_size < sizeof stats ? ret_stats->struct_size : sizeof stats;
  if (telemetry) {
    uint64_t ended = 0;
    stats.dropped_fork = telemetry->dropped_fork;
    for (size_t i = 0; i < SD_THREAD_SLOTS; i++) {
      const sd_cell *cell = &telemetry->cells[i];
      ended += atomic_load_explicit(&cell->ended, memory_order_relaxed);
      stats.dropped_attributes += atomic_load_explicit(&cell->dropped_attributes, memory_order_relaxed);
      stats.dropped_fork += atomic_load_explicit(&cell->dropped_fork, memory_order_relaxed);
    }
    for (size_t i = 0; i < SD_THREAD_SLOTS; i++)
      stats.spans_started += atomic_load_explicit(&telemetry->cells[i].started, memory_order_relaxed);
    stats.spans_live = stats.spans_started > ended ? stats.spans_started - ended : 0;
    uint64_t taken = atomic_load_explicit(&telemetry->ring.taken, memory_order_relaxed);
    uint64_t pushed = sd_ring_pushed(&telemetry->ring);
    uint64_t queued = pushed > taken ? pushed - taken : 0;
    bool is_over = atomic_load_explicit(&telemetry->ring.state, memory_order_relaxed) == SD_RING_CLOSED;
    *(is_over ? &stats.dropped_shutdown : &stats.records_queued) = queued;
    stats.dropped_queue_full = sd_ring_dropped(&telemetry->ring);
    stats.dropped_export = atomic_load_explicit(&telemetry->dropped_unclean, memory_order_relaxed);
    stats.dropped_shutdown += atomic_load_explicit(&telemetry->dropped_shutdown, memory_order_relaxed);
    for (size_t i = 0; i < telemetry->exporter_count; i++) {
      const sd_exporter *exporter = telemetry->exporters[i];
      if (exporter->vtable->add_stats)
        exporter->vtable->add_stats(exporter->self, &stats);
    }
  }
  memcpy(ret_stats, &stats, size);
  ret_stats->struct_size = size;
}

/* ---- Ending
 * ------------------------------------------------------------------------------------------------- */

/* Waits for the exporters one after the other; those behind one that is slow work on meanwhile. */
static sd_status flush_exporters(sd_telemetry *telemetry, uint64_t deadline_ns)
{
  sd_status first = SD_OK;
  if (!sd_processor_enter_flush(telemetry, deadline_ns))
    return SD_TIMEOUT;
  for (size_t i = 0; i < telemetry->exporter_count; i++) {
    const sd_exporter *exporter = telemetry->exporters[i];
    sd_status status = exporter->vtable->flush ? exporter->vtable->flush(exporter->self, deadline_ns) : SD_OK;
    if (first == SD_OK)
      first = status;
  }
  sd_processor_leave_flush(telemetry);
  return first;
}

static sd_status fail(sd_error *error, sd_status status, const char *what, uint32_t timeout_ms)
{
  if (status == SD_OK)
    return SD_OK;
  if (status == SD_TIMEOUT)
    return sd_error_set(error, status, "telemetry: %s was not done after %u ms: an exporter is slow", what,
                        timeout_ms);
  return sd_error_set(error, status, "telemetry: %s failed: %s", what, sd_status_text(status));
}

sd_status sd_telemetry_flush(sd_telemetry *telemetry, uint32_t timeout_ms, sd_error *error)
{
  if (!telemetry)
    return SD_OK;
  if (sd_processor_is_self(telemetry))
    return sd_error_set(error, SD_STATE, "an exporter cannot flush the telemetry that calls it");
  uint64_t deadline = sd_clock_monotonic_ns() + timeout_ms * NS_PER_MS;
  sd_status status = sd_processor_flush(telemetry, deadline);
  if (status == SD_OK)
    status = flush_exporters(telemetry, deadline);
  return fail(error, status, "flush", timeout_ms);
}

/* An exporter that is being called at this moment is left alone. */
static sd_status stop_exporters(sd_telemetry *telemetry, uint64_t deadline_ns, const sd_exporter *stuck,
                                bool may_flush)
{
  sd_status first = SD_OK;
  for (size_t i = 0; i < telemetry->exporter_count; i++) {
    const sd_exporter *exporter = telemetry->exporters[i];
    if (exporter == stuck || !may_flush || !exporter->vtable->flush)
      continue;
    sd_status status = exporter->vtable->flush(exporter->self, deadline_ns);
    if (first == SD_OK)
      first = status;
  }
  for (size_t i = 0; i < telemetry->exporter_count; i++) {
    const sd_exporter *exporter = telemetry->exporters[i];
    if (exporter != stuck && exporter->vtable->stop)
      exporter->vtable->stop(exporter->self, deadline_ns);
  }
  return first;
}

sd_status sd_telemetry_shutdown(sd_telemetry *telemetry, uint32_t timeout_ms, sd_error *error)
{
  if (!telemetry)
    return SD_OK;
  if (sd_processor_is_self(telemetry))
    return sd_error_set(error, SD_STATE, "an exporter cannot shut the telemetry down that calls it");
  uint64_t deadline = sd_clock_monotonic_ns() + timeout_ms * NS_PER_MS;
  if (!atomic_exchange(&telemetry->is_recording, false))
    return sd_error_set(error, SD_STATE, "telemetry was shut down before");
  sd_status status = sd_processor_stop(telemetry, deadline);
  const sd_exporter *stuck = sd_processor_stuck(telemetry);
  telemetry->left_behind = stuck;
  bool may = sd_processor_enter_flush(telemetry, deadline);
  sd_status stopped = stop_exporters(telemetry, deadline, stuck, may);
  if (may)
    sd_processor_leave_flush(telemetry);
  if (status == SD_OK)
    status = stopped;
  return fail(error, status, "shutdown", timeout_ms);
}

void sd_telemetry_destroy(sd_telemetry *telemetry)
{
  const sd_exporter *late = telemetry->left_behind;
  if (late && late->vtable->stop)
    late->vtable->stop(late->self, sd_clock_monotonic_ns());
  for (size_t i = 0; i < telemetry->exporter_count; i++)
    sd_exporter_free(telemetry->exporters[i]);
  release(telemetry);
}

void sd_telemetry_free(sd_telemetry *telemetry)
{
  if (!telemetry)
    return;
  if (atomic_load(&telemetry->is_recording))
    sd_telemetry_shutdown(telemetry, SD_TELEMETRY_FREE_TIMEOUT_MS, NULL);
  sd_fork_remove(telemetry);
  sd_thread_drop_cache();
  /* A thread that an exporter still holds up frees it when it comes back. */
  if (sd_processor_join(telemetry))
    sd_telemetry_destroy(telemetry);
}
