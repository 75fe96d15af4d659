/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The registry of one telemetry, and the public functions that begin at a telemetry or a tracer. */
#include "base/alloc.h"
#include "base/clock.h"
#include "trace/metrics_internal.h"
#include "trace/telemetry.h"

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

typedef struct export_run {
  const sd_exporter *exporter;
} export_run;

static void export_metric(void *user, const sd_metric *metric)
{
  const export_run *run = user;
  run->exporter->vtable->export_metric(run->exporter->self, metric);
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
  export_run run = {exporter};
  if (sd_metric_reader_collect(reader, export_metric, &run) != SD_OK)
    sd_telemetry_report(registry->telemetry, SD_LEVEL_WARN,
                        "metrics were not collected for lack of memory; they are sent with the next ones");
  exporter->vtable->export_metric(exporter->self, NULL);
}

/* All locks, in their order. Readers are never taken out, so that the list can be walked while it is locked.
 */
void sd_registry_before_fork(sd_registry *registry)
{
  pthread_mutex_lock(&registry->lock);
  size_t count = registry->reader_count;
  pthread_mutex_unlock(&registry->lock);
  for (size_t i = 0; i < count; i++)
    pthread_mutex_lock(&registry->readers[i]->collecting);
  pthread_mutex_lock(&registry->observing);
  pthread_mutex_lock(&registry->lock);
  for (size_t i = 0; i < SD_METRIC_STRIPES; i++)
    pthread_mutex_lock(&registry->stripes[i].lock);
}
