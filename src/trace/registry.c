/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The registry of one telemetry, and the public functions that begin at a telemetry or a tracer. */
#include "base/alloc.h"
#include "trace/metrics_internal.h"
#include "trace/span.h"

static bool takes_metrics(const sd_exporter *exporter)
{
  return exporter->vtable->export_metric != NULL;
}

/* A reader for each exporter that takes metrics. */
static sd_status add_readers(sd_registry *registry, sd_error *error)
{
  const sd_telemetry *telemetry = registry->telemetry;
  sd_status status = SD_OK;
  for (size_t i = 0; status == SD_OK && i < telemetry->exporter_count; i++) {
    sd_exporter *exporter = telemetry->exporters[i];
    sd_metric_reader *reader;
    if (takes_metrics(exporter))
      status = sd_registry_reader(registry, exporter, exporter->traits.temporality,
                                  exporter->traits.histogram_form, &reader, error);
  }
  return status;
}

sd_registry *sd_registry_new(sd_telemetry *telemetry)
{
  sd_registry *registry = sd_calloc(1, sizeof *registry);
  if (!registry)
    return NULL;
  registry->telemetry = telemetry;
  pthread_mutex_init(&registry->lock, NULL);
  pthread_mutex_init(&registry->observing, NULL);
  for (size_t i = 0; i < SD_METRIC_STRIPES; i++)
    pthread_mutex_init(&registry->stripes[i].lock, NULL);
  sd_arena_init(&registry->arena, SD_METRIC_BLOCK_BYTES, SD_METRIC_BYTES_MAX);
  if (add_readers(registry, NULL) != SD_OK || sd_self_metrics_register(registry, NULL) != SD_OK) {
    sd_registry_free(registry);
    return NULL;
  }
  return registry;
}

void sd_registry_free(sd_registry *registry)
{
  if (!registry)
    return;
  for (size_t i = 0; i < registry->reader_count; i++)
    sd_metric_reader_free(registry->readers[i]);
  for (size_t i = 0; i < registry->instrument_count; i++) {
    sd_free(registry->instruments[i]->points);
    sd_free(registry->instruments[i]->slots);
  }
  sd_arena_release(&registry->arena);
  for (size_t i = 0; i < SD_METRIC_STRIPES; i++)
    pthread_mutex_destroy(&registry->stripes[i].lock);
  pthread_mutex_destroy(&registry->observing);
  pthread_mutex_destroy(&registry->lock);
  sd_free(registry);
}

static void export_metric(void *user, const sd_metric *metric)
{
  const sd_exporter *exporter = user;
  exporter->vtable->export_metric(exporter->self, metric);
}

static bool exports_metrics(const sd_registry *registry)
{
  const sd_telemetry *telemetry = registry->telemetry;
  for (size_t i = 0; i < telemetry->exporter_count; i++) {
    if (takes_metrics(telemetry->exporters[i]))
      return true;
  }
  return false;
}

void sd_registry_export(sd_registry *registry, sd_exporter *exporter)
{
  sd_metric_reader *reader = NULL;
  pthread_mutex_lock(&registry->lock);
  for (size_t i = 0; i < registry->reader_count; i++) {
    if (registry->readers[i]->exporter == exporter)
      reader = registry->readers[i];
  }
  pthread_mutex_unlock(&registry->lock);
  if (!reader)
    return;
  if (sd_metric_reader_collect(reader, export_metric, exporter) != SD_OK)
    sd_telemetry_report(registry->telemetry, SD_LEVEL_WARN,
                        "metrics were not collected for lack of memory; they are sent with the next ones");
  exporter->vtable->export_metric(exporter->self, NULL);
}

/* All locks in their order but for the stripes: what they guard is emptied in the child, and they are made
 * anew. A reader that is made meanwhile is seen once registry.lock is held. */
void sd_registry_before_fork(sd_registry *registry)
{
  size_t locked = 0;
  pthread_mutex_lock(&registry->observing);
  pthread_mutex_lock(&registry->lock);
  while (locked < registry->reader_count) {
    sd_metric_reader *reader = registry->readers[locked++];
    pthread_mutex_unlock(&registry->lock);
    pthread_mutex_unlock(&registry->observing);
    pthread_mutex_lock(&reader->collecting);
    pthread_mutex_lock(&registry->observing);
    pthread_mutex_lock(&registry->lock);
  }
}

void sd_registry_after_fork_parent(sd_registry *registry)
{
  size_t count = registry->reader_count;
  pthread_mutex_unlock(&registry->lock);
  pthread_mutex_unlock(&registry->observing);
  for (size_t i = 0; i < count; i++)
    pthread_mutex_unlock(&registry->readers[i]->collecting);
}

void sd_registry_after_fork(sd_registry *registry)
{
  int64_t now = sd_unix_ns();
  for (size_t i = 0; i < SD_METRIC_STRIPES; i++)
    pthread_mutex_init(&registry->stripes[i].lock, NULL);
  for (size_t i = 0; i < registry->reader_count; i++)
    atomic_store(&registry->readers[i]->made_unix_ns, now);
  for (size_t i = 0; i < registry->instrument_count; i++) {
    sd_instrument *instrument = registry->instruments[i];
    /* What has no mark of this round was not reported: none has. */
    atomic_store(&instrument->round, 1);
    memset(instrument->collected_unix_ns, 0, sizeof instrument->collected_unix_ns);
    for (size_t j = 0; j < instrument->point_count; j++)
      sd_point_after_fork(instrument->points[j], now);
  }
  sd_registry_after_fork_parent(registry);
}

/* ---- Public functions ---- */

sd_status sd_instrument_new(sd_tracer *tracer, const sd_instrument_options *options,
                            sd_instrument **ret_instrument, sd_error *error)
{
  if (!tracer) {
    *ret_instrument = NULL;
    return SD_OK;
  }
  sd_registry *registry = tracer->telemetry->registry;
  sd_status status = sd_registry_instrument(registry, tracer, options, ret_instrument, error);
  if (status != SD_OK)
    return status;
  /* So that it is exported though no span is ever recorded. */
  if (exports_metrics(registry))
    sd_telemetry_start_thread(tracer->telemetry);
  return SD_OK;
}

sd_status sd_metric_reader_new(sd_telemetry *telemetry, sd_temporality temporality, sd_histogram_form form,
                               sd_metric_reader **ret_reader, sd_error *error)
{
  if (!telemetry)
    return sd_error_set(error, SD_INVALID, "a metric reader needs a telemetry");
  return sd_registry_reader(telemetry->registry, NULL, temporality, form, ret_reader, error);
}
