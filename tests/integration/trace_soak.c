/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer under load, as a program uses it: very many spans towards a collector that is not there, many
 * threads at once, fork in the middle of recording. Meant for the sanitizers.
 *
 * usage: trace_soak [spans of the long test]
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamduck/export.h>
#include <streamduck/metrics.h>
#include <streamduck/trace.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define THREADS_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREADS_WATCHED 1
#endif
#endif

enum {
  SPANS_DEFAULT = 300000,
  THREADS = 8,
  SPANS_PER_THREAD = 20000,
  FORKS = 20,
  SPANS_PER_CHILD = 100,
  MEMORY_MAX_KB = 20 * 1024,
  TIMEOUT_MS = 60000
};

static uint64_t long_count = SPANS_DEFAULT;
static char long_text[3000]; /* filled by main */

/* ---- An exporter that counts */

typedef struct counter {
  _Atomic uint64_t spans;
  _Atomic uint64_t bytes;
} counter;

static void count_records(void *self, const sd_record *records, size_t count)
{
  counter *c = self;
  for (size_t i = 0; i < count; i++) {
    c->spans += records[i].kind == SD_RECORD_SPAN;
    c->bytes += records[i].otlp_len;
  }
}

static void count_free(void *self)
{
  (void)self;
}

static const sd_exporter_vtable COUNTING = {
    .struct_size = sizeof COUNTING, .export_records = count_records, .free = count_free};

static sd_exporter *counting_exporter(counter *c)
{
  sd_exporter *exporter;
  assert_int_equal(sd_exporter_new(&COUNTING, c, NULL, &exporter, NULL), SD_OK);
  return exporter;
}

static sd_telemetry *telemetry_with(sd_exporter *exporter)
{
  sd_telemetry *telemetry;
  sd_error error;
  sd_telemetry_options options = {
      .struct_size = sizeof options, .service_name = "soak", .exporters = &exporter, .exporter_count = 1};
  if (sd_telemetry_new(&options, &telemetry, &error) != SD_OK)
    fail_msg("%s", error.message);
  return telemetry;
}

static sd_telemetry_stats stats_of(const sd_telemetry *telemetry)
{
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(telemetry, &stats);
  return stats;
}

/* One span as programs make them; every hundredth is large, so that buffers grow and come back. */
static void record(sd_tracer *tracer, uint64_t i)
{
  sd_context previous;
  sd_span *span = sd_span_start_in(tracer, "soak", NULL, &previous);
  sd_span_set_string(span, "messaging.system", "eventhubs");
  sd_span_set_int(span, "i", (int64_t)i);
  sd_span_set_double(span, "half", (double)i / 2);
  sd_span_set_bool(span, "even", i % 2 == 0);
  sd_span_set_string(span, "text", i % 100 ? "short" : long_text);
  if (i % 10 == 0) {
    sd_attribute attribute = sd_attribute_int("i", (int64_t)i);
    sd_span_add_event(span, "tenth", 0, &attribute, 1);
  }
  if (i % 1000 == 0)
    sd_tracer_log(tracer, SD_LEVEL_INFO, "{i} so far", NULL, 0);
  sd_context_restore(&previous);
  sd_span_end(span);
}

static uint64_t records_for(uint64_t spans)
{
  return spans + (spans + 999) / 1000;
}

/* ---- Memory */

static long resident_kb(void)
{
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%*s %ld", &pages), 1);
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A port at which nobody listens: taken, so that nobody else gets it meanwhile. */
static int closed_port(uint16_t *ret_port)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  *ret_port = ntohs(address.sin_port);
  return fd;
}

static void a_dead_collector_costs_bounded_memory_and_every_span_is_accounted_for(void **state)
{
  (void)state;
  uint16_t port;
  int fd = closed_port(&port);
  char endpoint[64];
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", (unsigned)port);
  sd_otlp_options otlp = {.struct_size = sizeof otlp, .endpoint = endpoint, .gzip = true};
  sd_exporter *exporter;
  sd_error error;
  sd_status status = sd_otlp_exporter_new(&otlp, &exporter, &error);
  if (status == SD_UNSUPPORTED) {
    close(fd);
    skip();
  }
  assert_int_equal(status, SD_OK);
  sd_telemetry *telemetry = telemetry_with(exporter);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "soak", "1");

  long before = resident_kb();
  long most = 0;
  for (uint64_t i = 0; i < long_count; i++) {
    record(tracer, i);
    if (i % 10000 == 0) {
      long now = resident_kb() - before;
      most = now > most ? now : most;
    }
  }
  sd_telemetry_stats stats = stats_of(telemetry);
  assert_int_equal(stats.spans_started, records_for(long_count));
  assert_int_equal(stats.spans_live, 0);
#ifndef SANITIZED /* they keep freed memory for themselves */
  assert_in_range(most, 0, MEMORY_MAX_KB);
#endif

  /* What is still queued cannot be sent: shutting down gives it up and counts it. */
  (void)sd_telemetry_shutdown(telemetry, 1000, &error);
  stats = stats_of(telemetry);
  assert_int_equal(stats.records_exported, 0);
  assert_int_equal(stats.records_queued, 0);
  assert_int_equal(stats.dropped_queue_full + stats.dropped_export + stats.dropped_shutdown,
                   stats.spans_started);
  print_message("# %llu spans, %ld kB at the most\n", (unsigned long long)long_count, most);
  sd_telemetry_free(telemetry);
  close(fd);
}

/* ---- Threads */

typedef struct work {
  sd_telemetry *telemetry;
  sd_tracer *tracer;
  sd_point *point;
  sd_span *handed_over; /* started by the main thread, ended by this one */
  int failed_flushes;
} work;

static void *record_many(void *argument)
{
  work *w = argument;
  sd_context previous = sd_span_attach(w->handed_over);
  for (uint64_t i = 0; i < SPANS_PER_THREAD; i++) {
    record(w->tracer, i);
    sd_point_add(w->point, 1);
    if (i % 5000 == 0)
      w->failed_flushes += sd_telemetry_flush(w->telemetry, TIMEOUT_MS, NULL) != SD_OK;
  }
  sd_context_restore(&previous);
  sd_span_end(w->handed_over);
  return NULL;
}

static void sum_point(void *user, const sd_metric *metric)
{
  for (size_t i = 0; strcmp(metric->name, "soak.spans") == 0 && i < metric->point_count; i++)
    *(int64_t *)user += metric->points[i].integer;
}

static void eight_threads_at_once_lose_nothing(void **state)
{
  (void)state;
  counter counted = {0};
  sd_telemetry *telemetry = telemetry_with(counting_exporter(&counted));
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "soak", "1");
  sd_instrument *instrument;
  sd_metric_reader *reader;
  sd_instrument_options what = {.struct_size = sizeof what, .name = "soak.spans", .kind = SD_COUNTER};
  assert_int_equal(sd_instrument_new(tracer, &what, &instrument, NULL), SD_OK);
  assert_int_equal(sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT, &reader, NULL),
                   SD_OK);

  pthread_t threads[THREADS];
  work works[THREADS];
  for (int i = 0; i < THREADS; i++) {
    works[i] = (work){telemetry, tracer, sd_instrument_point(instrument, NULL, 0),
                      sd_span_start(tracer, "thread", NULL), 0};
    assert_int_equal(pthread_create(&threads[i], NULL, record_many, &works[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(works[i].failed_flushes, 0);
  }

  assert_int_equal(sd_telemetry_flush(telemetry, TIMEOUT_MS, NULL), SD_OK);
  sd_telemetry_stats stats = stats_of(telemetry);
  uint64_t wanted = THREADS * (records_for(SPANS_PER_THREAD) + 1);
  assert_int_equal(stats.spans_started, wanted);
  assert_int_equal(counted.spans + stats.dropped_queue_full, wanted);
  int64_t sum = 0;
  assert_int_equal(sd_metric_reader_collect(reader, sum_point, &sum), SD_OK);
  assert_int_equal(sum, THREADS * SPANS_PER_THREAD);
  sd_telemetry_free(telemetry);
}

/* ---- Fork */

typedef struct recorder {
  sd_tracer *tracer;
  _Atomic bool must_stop;
} recorder;

static void *record_until_told(void *argument)
{
  recorder *r = argument;
  for (uint64_t i = 0; !r->must_stop; i++)
    record(r->tracer, i);
  return NULL;
}

/* In the child: exactly its own spans arrive, in a counter that begins at what the parent had. */
static int child(sd_telemetry *telemetry, sd_tracer *tracer, counter *counted)
{
  uint64_t before = counted->spans;
  for (uint64_t i = 0; i < SPANS_PER_CHILD; i++)
    record(tracer, i);
  if (sd_telemetry_shutdown(telemetry, TIMEOUT_MS, NULL) != SD_OK)
    return 2;
  return counted->spans - before == records_for(SPANS_PER_CHILD) ? 0 : 3;
}

static void children_forked_while_threads_record_have_telemetry_of_their_own(void **state)
{
  (void)state;
#ifdef THREADS_WATCHED
  skip(); /* ThreadSanitizer does not follow a fork of several threads */
#endif
  counter counted = {0};
  sd_telemetry *telemetry = telemetry_with(counting_exporter(&counted));
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "soak", "1");
  recorder r = {tracer, false};
  pthread_t threads[2];
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, record_until_told, &r), 0);
  for (int i = 0; i < FORKS; i++) {
    pid_t pid = fork();
    if (pid == 0)
      _exit(child(telemetry, tracer, &counted));
    assert_true(pid > 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
  r.must_stop = true;
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_int_equal(sd_telemetry_flush(telemetry, TIMEOUT_MS, NULL), SD_OK);
  sd_telemetry_stats stats = stats_of(telemetry);
  assert_int_equal(counted.spans + stats.dropped_queue_full, stats.spans_started);
  sd_telemetry_free(telemetry);
}

int main(int argc, char **argv)
{
  memset(long_text, 'x', sizeof long_text - 1);
  if (argc > 1)
    long_count = strtoull(argv[1], NULL, 10);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_dead_collector_costs_bounded_memory_and_every_span_is_accounted_for),
      cmocka_unit_test(eight_threads_at_once_lose_nothing),
      cmocka_unit_test(children_forked_while_threads_record_have_telemetry_of_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
