/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * receive CONNECTION_STRING HUB: the AMQP path alone. Receives every event that the hub holds into batches
 * that are thrown away, and prints {"events":N,"bytes":N,"seconds":S,"cpu_seconds":S}.
 */
#include "base/clock.h"
#include "eventhubs/connection_string.h"
#include "eventhubs/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { GRANT = 48 * 1024 * 1024, BATCH_BYTES = 24 * 1024 * 1024 };

typedef struct receiving {
  uv_loop_t loop;
  sd_source *source;
  sd_batch *batch;
  uint32_t partitions;
  uint64_t expected, events, bytes;
  uint64_t started_ns, ended_ns;
  bool failed;
} receiving;

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count,
                     const char *incarnation)
{
  (void)incarnation;
  receiving *r = owner;
  r->partitions = count;
  if (sd_batch_new(count, BATCH_BYTES, &r->batch) != SD_OK) {
    abort();
  }
  r->started_ns = sd_clock_monotonic_ns();
  for (uint32_t i = 0; i < count; i++) {
    if (!partitions[i].empty) {
      r->expected += (uint64_t)(partitions[i].last_sequence - partitions[i].begin_sequence + 1);
    }
    sd_position earliest = {.kind = SD_POSITION_EARLIEST};
    r->source->vtable->open_partition(r->source, i, &earliest, 1);
  }
  r->source->vtable->grant(r->source, GRANT);
  if (r->expected == 0) {
    r->source->vtable->stop(r->source);
  }
}

static sd_status on_event(void *owner, uint32_t partition, const sd_event *event)
{
  receiving *r = owner;
  sd_status status = sd_batch_append(r->batch, partition, "0", 1, event, false);
  if (status == SD_LIMIT) {
    sd_batch_reset(r->batch);
    status = sd_batch_append(r->batch, partition, "0", 1, event, false);
  }
  r->events++;
  r->bytes += event->body.len;
  return status;
}

static void on_idle(void *owner)
{
  receiving *r = owner;
  if (r->events >= r->expected && r->ended_ns == 0) {
    r->ended_ns = sd_clock_monotonic_ns();
    r->source->vtable->stop(r->source);
  } else {
    r->source->vtable->grant(r->source, GRANT);
  }
}

static void on_trouble(void *owner, uint32_t partition, sd_trouble trouble, const sd_error *error)
{
  (void)partition;
  receiving *r = owner;
  fprintf(stderr, "receive: %s\n", error->message);
  if (trouble != SD_TROUBLE_RETRYING && !r->failed) {
    r->failed = true;
    r->source->vtable->stop(r->source);
  }
}

static void on_recovered(void *owner)
{
  (void)owner;
}

static void on_refreshed(void *owner, const sd_source_partition *partitions, uint32_t count,
                         const sd_error *error)
{
  (void)owner;
  (void)partitions;
  (void)count;
  (void)error;
}

static void on_stopped(void *owner)
{
  receiving *r = owner;
  if (r->ended_ns == 0 && r->started_ns > 0) { /* nothing was to come, or it failed */
    r->ended_ns = sd_clock_monotonic_ns();
  }
  uv_stop(&r->loop);
}

int main(int argc, char **argv)
{
  sd_connection_string parsed;
  sd_error error;
  if (argc != 3) {
    fprintf(stderr, "usage: receive CONNECTION_STRING HUB\n");
    return 2;
  }
  if (sd_connection_string_parse(argv[1], &parsed, &error) != SD_OK) {
    fprintf(stderr, "receive: %s\n", error.message);
    return 1;
  }
  static const sd_source_handler handler = {.struct_size = sizeof handler,
                                            .on_ready = on_ready,
                                            .on_event = on_event,
                                            .on_idle = on_idle,
                                            .on_trouble = on_trouble,
                                            .on_recovered = on_recovered,
                                            .on_refreshed = on_refreshed,
                                            .on_stopped = on_stopped};
  sd_eventhubs_options options = {.struct_size = sizeof options,
                                  .host = parsed.host,
                                  .port = parsed.port,
                                  .tls = !parsed.development_emulator,
                                  .hub = argv[2],
                                  .consumer_group = "$Default",
                                  .sas_key_name = parsed.key_name,
                                  .sas_key = parsed.key,
                                  .receiver_name = "bench-receive"};
  receiving r = {0};
  uv_loop_init(&r.loop);
  if (sd_eventhubs_source_new(&r.loop, &options, &handler, &r, NULL, &r.source, &error) != SD_OK ||
      r.source->vtable->start(r.source, &error) != SD_OK) {
    fprintf(stderr, "receive: %s\n", error.message);
    return 1;
  }
  uv_run(&r.loop, UV_RUN_DEFAULT);
  r.source->vtable->free(r.source);
  sd_batch_free(r.batch);
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  printf("{\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.4f,\"cpu_seconds\":%.4f}\n", r.events,
         r.bytes, (double)(r.ended_ns - r.started_ns) / 1e9, cpu);
  return r.failed || r.events != r.expected ? 1 : 0;
}
