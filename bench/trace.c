/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds that a span costs the thread that records it, beside the two clock reads that it cannot do
 * without.
 *
 * usage: trace [rounds]
 * Each case runs in every round, in turn, so that a slow moment of the machine hits all of them; the smallest
 * and the median of the rounds are printed as JSON, one case a line.
 */
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <streamduck/export.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_DEFAULT = 15, ROUNDS_MAX = 1001, SPANS = 100000, CASES_MAX = 16 };

static double now_ns(clockid_t clock)
{
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ---- An exporter that takes everything and does nothing with it */

static void null_export(void *self, const sd_record *records, size_t count)
{
  (void)records;
  *(size_t *)self += count;
}

static void null_free(void *self)
{
  (void)self;
}

static const sd_exporter_vtable NULL_EXPORTER = {
    .struct_size = sizeof NULL_EXPORTER,
    .export_records = null_export,
    .free = null_free,
};

static size_t exported;

static sd_telemetry *make_telemetry(sd_sampler_kind sampler)
{
  sd_exporter *exporter = NULL;
  sd_telemetry *telemetry = NULL;
  sd_error error;
  sd_telemetry_options options = {
      .struct_size = sizeof options,
      .service_name = "bench",
      .sampler = {.kind = sampler, .parent_based = true, .ratio = 1e-9},
      .exporters = &exporter,
      .exporter_count = 1,
      .ring_bytes = 256u << 20,
  };
  if (sd_exporter_new(&NULL_EXPORTER, &exported, NULL, &exporter, &error) != SD_OK ||
      sd_telemetry_new(&options, &telemetry, &error) != SD_OK) {
    fprintf(stderr, "trace: %s\n", error.message);
    exit(1);
  }
  return telemetry;
}

/* ---- The cases */

static void two_clock_reads(sd_tracer *tracer)
{
  (void)tracer;
  struct timespec at;
  for (int i = 0; i < SPANS; i++) {
    clock_gettime(CLOCK_REALTIME, &at);
    clock_gettime(CLOCK_REALTIME, &at);
  }
}

static void bare_span(sd_tracer *tracer)
{
  for (int i = 0; i < SPANS; i++)
    sd_span_end(sd_span_start(tracer, "orders.process", NULL));
}

static void set_five(sd_tracer *tracer)
{
  for (int i = 0; i < SPANS; i++) {
    sd_span *span = sd_span_start(tracer, "orders.process", NULL);
    sd_span_set_string(span, "messaging.system", "eventhubs");
    sd_span_set_string(span, "messaging.destination.name", "orders");
    sd_span_set_int(span, "messaging.batch.message_count", i);
    sd_span_set_double(span, "duration_seconds", 0.25);
    sd_span_set_bool(span, "retried", false);
    sd_span_end(span);
  }
}

static void five_at_start(sd_tracer *tracer)
{
  for (int i = 0; i < SPANS; i++) {
    sd_attribute attributes[] = {
        sd_attribute_string("messaging.system", "eventhubs"),
        sd_attribute_string("messaging.destination.name", "orders"),
        sd_attribute_int("messaging.batch.message_count", i),
        sd_attribute_double("duration_seconds", 0.25),
        sd_attribute_bool("retried", false),
    };
    sd_span_options options = {.struct_size = sizeof options, .attributes = attributes, .attribute_count = 5};
    sd_span_end(sd_span_start(tracer, "orders.process", &options));
  }
}

static void five_as_current(sd_tracer *tracer)
{
  for (int i = 0; i < SPANS; i++) {
    sd_context previous;
    sd_span *span = sd_span_start_in(tracer, "orders.process", NULL, &previous);
    sd_span_set_string(span, "messaging.system", "eventhubs");
    sd_span_set_string(span, "messaging.destination.name", "orders");
    sd_span_set_int(span, "messaging.batch.message_count", i);
    sd_span_set_double(span, "duration_seconds", 0.25);
    sd_span_set_bool(span, "retried", false);
    sd_context_restore(&previous);
    sd_span_end(span);
  }
}

typedef struct bench_case {
  const char *name;
  void (*run)(sd_tracer *tracer);
  int tracer; /* index of TRACERS */
} bench_case;

enum { NONE, ALWAYS, NEVER, RATIO, TRACERS };

static const bench_case CASES[] = {
    {"two clock reads", two_clock_reads, NONE},
    {"exported, 5 attributes", set_five, ALWAYS},
    {"exported, 5 attributes given at the start", five_at_start, ALWAYS},
    {"exported, 5 attributes, made current", five_as_current, ALWAYS},
    {"exported, no attributes", bare_span, ALWAYS},
    {"not sampled, 5 attributes", set_five, NEVER},
    {"not sampled, no attributes", bare_span, NEVER},
    {"not sampled by ratio, no attributes", bare_span, RATIO},
    {"disabled, 5 attributes", set_five, NONE},
    {"disabled, no attributes", bare_span, NONE},
};
enum { CASES_COUNT = sizeof CASES / sizeof CASES[0] };

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  static double ns[CASES_COUNT][ROUNDS_MAX];
  static double cpu_ns[CASES_COUNT][ROUNDS_MAX];
  long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS_DEFAULT;
  if (rounds < 1 || rounds > ROUNDS_MAX) {
    fprintf(stderr, "usage: trace [rounds, at most %d]\n", ROUNDS_MAX);
    return 2;
  }
  static const sd_sampler_kind kinds[TRACERS] = {SD_SAMPLER_ALWAYS_ON, SD_SAMPLER_ALWAYS_ON,
                                                 SD_SAMPLER_ALWAYS_OFF, SD_SAMPLER_RATIO};
  sd_telemetry *telemetries[TRACERS] = {NULL};
  sd_tracer *tracers[TRACERS] = {NULL};
  for (int i = ALWAYS; i < TRACERS; i++) {
    telemetries[i] = make_telemetry(kinds[i]);
    tracers[i] = sd_telemetry_tracer(telemetries[i], "bench", NULL);
  }
  uint64_t allocations = 0;
  for (long round = -1; round < rounds; round++) { /* the first one only warms up */
    for (int i = 0; i < CASES_COUNT; i++) {
      sd_tracer *tracer = tracers[CASES[i].tracer];
      sd_alloc_fail_nth(0);
      double start = now_ns(CLOCK_MONOTONIC);
      double cpu_start = now_ns(CLOCK_THREAD_CPUTIME_ID);
      CASES[i].run(tracer);
      double cpu_spent = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
      double spent = now_ns(CLOCK_MONOTONIC) - start;
      if (round >= 0) {
        ns[i][round] = spent / SPANS;
        cpu_ns[i][round] = cpu_spent / SPANS;
        allocations += sd_alloc_calls();
      }
      if (tracer && sd_telemetry_flush(telemetries[CASES[i].tracer], 60000, NULL) != SD_OK)
        fprintf(stderr, "trace: flush timed out\n");
    }
  }
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(telemetries[ALWAYS], &stats);
  for (int i = 0; i < CASES_COUNT; i++) {
    qsort(ns[i], (size_t)rounds, sizeof ns[i][0], compare);
    qsort(cpu_ns[i], (size_t)rounds, sizeof cpu_ns[i][0], compare);
    printf("{\"case\": \"%s\", \"min_ns\": %.1f, \"median_ns\": %.1f, \"min_cpu_ns\": %.1f, "
           "\"median_cpu_ns\": %.1f}\n",
           CASES[i].name, ns[i][0], ns[i][rounds / 2], cpu_ns[i][0], cpu_ns[i][rounds / 2]);
  }
  printf("{\"spans\": %llu, \"exported\": %zu, \"dropped\": %llu, \"allocations\": %llu}\n",
         (unsigned long long)stats.spans_started, exported, (unsigned long long)stats.dropped_queue_full,
         (unsigned long long)allocations);
  for (int i = ALWAYS; i < TRACERS; i++)
    sd_telemetry_free(telemetries[i]);
  return 0;
}
