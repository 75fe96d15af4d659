/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The engine's instruments and the points of its mappings. */
#include "stream/metrics.h"

#include "base/alloc.h"
#include "stream/mapping_internal.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* As the semantic conventions have them. */
static const double messaging_seconds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                           0.5,   0.75, 1,     2.5,  5,     7.5, 10};
static const double database_seconds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10};
/* From an event's arrival at the broker: while a backlog is read, hours. */
static const double latency_seconds[] = {0.01, 0.05, 0.1, 0.5,  1,    5,     10,
                                         30,   60,   300, 1800, 3600, 21600, 86400};
static const double batch_sizes[] = {1,    2,    5,    10,    20,    50,    100,    200,   500,
                                     1000, 2000, 5000, 10000, 20000, 50000, 100000, 122880};

static const struct {
  const char *name, *unit, *description;
} counters[SD_COUNTS] = {
    [SD_COUNT_RECEIVED] = {"messaging.client.consumed.messages", "{message}", "Events received."},
    [SD_COUNT_RECEIVED_BYTES] = {"streamduck.received", "By", "Bytes of the bodies of the events received."},
    [SD_COUNT_LANDED] = {"streamduck.landed", "{event}", "Events committed to their table."},
    [SD_COUNT_DEAD_LETTERS] = {"streamduck.dead_letters", "{event}",
                               "Events committed to the table of dead letters."},
    [SD_COUNT_BATCHES] = {"streamduck.batches", "{batch}", "Batches committed."},
    [SD_COUNT_TRANSACTIONS] = {"streamduck.transactions", "{transaction}",
                               "Transactions committed; one may hold several batches."},
    [SD_COUNT_CHECKPOINTS] = {"streamduck.checkpoints", "{checkpoint}",
                              "Checkpoints moved with their events (streamduck.outcome=committed), and those "
                              "of attempts that failed (failed)."},
    [SD_COUNT_CHECKPOINTS_FAILED] =
        {"streamduck.checkpoints", "{checkpoint}",
         "Checkpoints moved with their events (streamduck.outcome=committed), and "
         "those of attempts that failed (failed)."},
    [SD_COUNT_RETRIES] = {"streamduck.retries", "{retry}",
                          "Times that a mapping began again after a failure."},
    [SD_COUNT_FENCED] = {"streamduck.fenced", "{partition}", "Partitions lost to another owner."},
    [SD_COUNT_GAPS] = {"streamduck.gaps", "{event}", "Sequence numbers that never came."},
    [SD_COUNT_RECONNECTS] = {"streamduck.reconnects", "{reconnect}",
                             "Times that the broker was lost and found."},
};

static sd_instrument *make(sd_tracer *tracer, sd_instrument_kind kind, const char *name, const char *unit,
                           const char *description, const double *boundaries, size_t count)
{
  const sd_instrument_options options = {.struct_size = sizeof options,
                                         .name = name,
                                         .unit = unit,
                                         .description = description,
                                         .kind = kind,
                                         .boundaries = boundaries,
                                         .boundary_count = count};
  sd_instrument *instrument = NULL;
  return sd_instrument_new(tracer, &options, &instrument, NULL) == SD_OK ? instrument : NULL;
}

#define MAKE_HISTOGRAM(tracer, name, unit, description, boundaries)                                          \
  make(tracer, SD_HISTOGRAM, name, unit, description, boundaries, COUNT_OF(boundaries))
#define MAKE_GAUGE(tracer, name, unit, description) make(tracer, SD_GAUGE, name, unit, description, NULL, 0)

void sd_stream_metrics_init(sd_stream_metrics *metrics, sd_tracer *tracer)
{
  memset(metrics, 0, sizeof *metrics);
  if (!tracer)
    return;
  for (size_t i = 0; i < SD_COUNTS; i++)
    metrics->counters[i] =
        make(tracer, SD_COUNTER, counters[i].name, counters[i].unit, counters[i].description, NULL, 0);
  metrics->batch_size =
      MAKE_HISTOGRAM(tracer, "streamduck.batch.size", "{event}", "Events of a batch.", batch_sizes);
  metrics->receive_latency = MAKE_HISTOGRAM(
      tracer, "streamduck.receive.latency", "s",
      "From an event's arrival at the broker until its batch was closed (the batch's last event).",
      latency_seconds);
  metrics->process_duration = MAKE_HISTOGRAM(
      tracer, "messaging.process.duration", "s",
      "From a batch's closing until it was committed, waiting and retries included.", messaging_seconds);
  metrics->transaction_duration = MAKE_HISTOGRAM(tracer, "db.client.operation.duration", "s",
                                                 "Transactions that land batches.", database_seconds);
  metrics->commit_duration =
      MAKE_HISTOGRAM(tracer, "streamduck.commit.duration", "s", "Their COMMIT alone.", database_seconds);
  metrics->lag = MAKE_GAUGE(tracer, "streamduck.lag", "{event}",
                            "Events at the broker that have not landed, as it last said.");
  metrics->queue_batches = MAKE_GAUGE(tracer, "streamduck.queue.batches", "{batch}",
                                      "Closed batches that wait for the database or are in it.");
  metrics->queue_bytes = MAKE_GAUGE(tracer, "streamduck.queue.size", "By", "Memory that batches hold.");
  metrics->running = MAKE_GAUGE(tracer, "streamduck.mapping.running", "1",
                                "1 while the mapping receives and lands, else 0.");
}

static void init_points(sd_mapping *mapping)
{
  const sd_stream_mapping *settings = mapping->settings;
  sd_mapping_metrics *metrics = &mapping->spans.metrics;
  const sd_stream_metrics *of = metrics->instruments;
  const sd_attribute hub[] = {
      sd_attribute_string("messaging.system", "eventhubs"),
      sd_attribute_string("messaging.destination.name", settings->hub),
      sd_attribute_string("messaging.consumer.group.name", settings->consumer_group),
      sd_attribute_string("messaging.operation.name", "process"),
      sd_attribute_string("server.address", mapping->ns),
      sd_attribute_int("streamduck.mapping", settings->number),
      sd_attribute_string("streamduck.outcome", "committed"),
  };
  enum { PLAIN = COUNT_OF(hub) - 1 };
  sd_attribute failed[COUNT_OF(hub)];
  memcpy(failed, hub, sizeof failed);
  failed[PLAIN] = sd_attribute_string("streamduck.outcome", "failed");
  const sd_attribute database[] = {
      sd_attribute_string("db.system.name", settings->motherduck ? "motherduck" : "duckdb"),
      sd_attribute_string("db.namespace", settings->database),
      sd_attribute_string("db.collection.name", settings->table),
      sd_attribute_string("db.operation.name", "INSERT"),
      sd_attribute_int("streamduck.mapping", settings->number),
  };
  for (size_t i = 0; i < SD_COUNTS; i++)
    metrics->counters[i] = sd_instrument_point(of->counters[i], hub, PLAIN);
  metrics->counters[SD_COUNT_CHECKPOINTS] =
      sd_instrument_point(of->counters[SD_COUNT_CHECKPOINTS], hub, COUNT_OF(hub));
  metrics->counters[SD_COUNT_CHECKPOINTS_FAILED] =
      sd_instrument_point(of->counters[SD_COUNT_CHECKPOINTS_FAILED], failed, COUNT_OF(failed));
  metrics->batch_size = sd_instrument_point(of->batch_size, hub, PLAIN);
  metrics->receive_latency = sd_instrument_point(of->receive_latency, hub, PLAIN);
  metrics->process_duration = sd_instrument_point(of->process_duration, hub, PLAIN);
  metrics->queue_batches = sd_instrument_point(of->queue_batches, hub, PLAIN);
  metrics->queue_bytes = sd_instrument_point(of->queue_bytes, hub, PLAIN);
  metrics->running = sd_instrument_point(of->running, hub, PLAIN);
  metrics->transaction_duration = sd_instrument_point(of->transaction_duration, database, COUNT_OF(database));
  metrics->commit_duration = sd_instrument_point(of->commit_duration, database, COUNT_OF(database));
}

void sd_mapping_metrics_init(sd_mapping *mapping, const sd_stream_metrics *instruments)
{
  mapping->spans.metrics.instruments = instruments;
  if (instruments)
    init_points(mapping);
}

void sd_mapping_metrics_release(sd_mapping *mapping)
{
  sd_free(mapping->spans.metrics.lag);
  mapping->spans.metrics.lag = NULL;
  mapping->spans.metrics.lag_count = 0;
}

static void make_lag_points(sd_mapping *mapping)
{
  sd_mapping_metrics *metrics = &mapping->spans.metrics;
  sd_mapping_metrics_release(mapping);
  metrics->lag = sd_calloc(mapping->partition_count, sizeof(sd_point *));
  if (!metrics->lag)
    return;
  metrics->lag_count = mapping->partition_count;
  for (uint32_t i = 0; i < metrics->lag_count; i++) {
    const sd_attribute attributes[] = {
        sd_attribute_string("messaging.system", "eventhubs"),
        sd_attribute_string("messaging.destination.name", mapping->settings->hub),
        sd_attribute_string("messaging.destination.partition.id", mapping->partitions[i].id),
        sd_attribute_string("messaging.consumer.group.name", mapping->settings->consumer_group),
        sd_attribute_string("server.address", mapping->ns),
        sd_attribute_int("streamduck.mapping", mapping->settings->number),
    };
    metrics->lag[i] = sd_instrument_point(metrics->instruments->lag, attributes, COUNT_OF(attributes));
  }
}

void sd_mapping_metrics_update(sd_mapping *mapping)
{
  sd_mapping_metrics *metrics = &mapping->spans.metrics;
  const mapping_counters *counts = &mapping->counters;
  if (!metrics->instruments)
    return;
  const uint64_t now[SD_COUNTS] = {
      [SD_COUNT_RECEIVED] = counts->received,
      [SD_COUNT_RECEIVED_BYTES] = counts->received_bytes,
      [SD_COUNT_LANDED] = counts->landed,
      [SD_COUNT_DEAD_LETTERS] = counts->dead_letters,
      [SD_COUNT_BATCHES] = counts->batches,
      [SD_COUNT_TRANSACTIONS] = counts->transactions,
      [SD_COUNT_CHECKPOINTS] = metrics->checkpoints,
      [SD_COUNT_CHECKPOINTS_FAILED] = metrics->checkpoints_failed,
      [SD_COUNT_RETRIES] = counts->retries,
      [SD_COUNT_FENCED] = counts->fenced,
      [SD_COUNT_GAPS] = counts->gaps,
      [SD_COUNT_RECONNECTS] = counts->reconnects,
  };
  for (size_t i = 0; i < SD_COUNTS; i++) {
    sd_point_add(metrics->counters[i], (int64_t)(now[i] - metrics->told[i]));
    metrics->told[i] = now[i];
  }
  sd_point_set(metrics->queue_batches, mapping->batcher.queued);
  sd_point_set(metrics->queue_bytes, (int64_t)sd_batcher_held(&mapping->batcher));
  sd_point_set(metrics->running, mapping->state == SD_MAPPING_RUNNING);
  if (metrics->lag_count != mapping->partition_count)
    make_lag_points(mapping);
  for (uint32_t i = 0; i < metrics->lag_count; i++)
    sd_point_set(metrics->lag[i], sd_partition_lag(&mapping->partitions[i]));
}
