/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Flush, shutdown and free: what is exported, what is counted, and that each keeps to its deadline. */
#include "base/clock.h"
#include "recorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NEVER_MS = 3600 * 1000, SHORT_MS = 50, FAR_TOO_LONG_MS = 10000 };

static sd_telemetry *make(recorder *r)
{
  sd_telemetry_options options = {.struct_size = sizeof options, .delay_ms = NEVER_MS, .batch_records = 10};
  recorder_init(r);
  return recorder_telemetry(r, &options);
}

static void make_spans(sd_telemetry *telemetry, size_t count)
{
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  for (size_t i = 0; i < count; i++)
    sd_span_end(sd_span_start(tracer, "span", NULL));
}

static void free_exports_what_waits(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  make_spans(telemetry, 25);
  sd_telemetry_free(telemetry);
  assert_int_equal(r.count, 25);
  assert_int_equal(r.flushes, 1);
  assert_int_equal(r.stops, 1);
  assert_int_equal(r.frees, 1);
  recorder_release(&r);
}

static void free_without_any_record_is_fine(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  assert_int_equal(sd_telemetry_flush(telemetry, 0, NULL), SD_OK);
  sd_telemetry_free(telemetry);
  assert_int_equal(r.count, 0);
  assert_int_equal(r.stops, 1);
  assert_int_equal(r.frees, 1);
  recorder_release(&r);
}

static void after_shutdown_nothing_is_recorded(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  sd_span *open = sd_span_start(tracer, "open", NULL);
  make_spans(telemetry, 5);
  assert_int_equal(sd_telemetry_shutdown(telemetry, RECORDER_TIMEOUT_MS, NULL), SD_OK);
  assert_int_equal(r.count, 5);
  assert_null(sd_span_start(tracer, "late", NULL));
  sd_tracer_log(tracer, SD_LEVEL_ERROR, "late", NULL, 0);
  sd_span_end(open);
  sd_error error;
  assert_int_equal(sd_telemetry_shutdown(telemetry, RECORDER_TIMEOUT_MS, &error), SD_STATE);
  assert_int_equal(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, NULL), SD_OK);
  sd_telemetry_free(telemetry);
  assert_int_equal(r.count, 5);
  assert_int_equal(r.stops, 1);
  recorder_release(&r);
}

static void an_exporters_failure_is_the_flushs(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  r.flush_status = SD_IO;
  make_spans(telemetry, 1);
  sd_error error;
  assert_int_equal(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, &error), SD_IO);
  assert_int_equal(error.code, SD_IO);
  assert_int_equal(sd_telemetry_shutdown(telemetry, RECORDER_TIMEOUT_MS, NULL), SD_IO);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void a_flush_gives_up_at_its_deadline(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  recorder_hold(&r);
  make_spans(telemetry, 1);
  uint64_t start = sd_clock_monotonic_ms();
  sd_error error;
  assert_int_equal(sd_telemetry_flush(telemetry, SHORT_MS, &error), SD_TIMEOUT);
  assert_non_null(strstr(error.message, "50 ms"));
  assert_in_range(sd_clock_monotonic_ms() - start, SHORT_MS, FAR_TOO_LONG_MS);
  recorder_let_go(&r);
  flush(telemetry);
  assert_int_equal(r.count, 1);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

/* The thread is inside an exporter that does not come back: shutdown and free return all the same, what
 * waited is counted, and when the exporter comes back the thread cleans up. */
static void shutdown_leaves_a_stuck_exporter_behind(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  recorder_hold(&r);
  make_spans(telemetry, 10);
  recorder_wait_inside(&r);
  make_spans(telemetry, 7);
  uint64_t start = sd_clock_monotonic_ms();
  sd_error error;
  assert_int_equal(sd_telemetry_shutdown(telemetry, SHORT_MS, &error), SD_TIMEOUT);
  assert_in_range(sd_clock_monotonic_ms() - start, SHORT_MS, FAR_TOO_LONG_MS);
  assert_null(sd_span_start(sd_telemetry_tracer(telemetry, "test", NULL), "late", NULL));
  assert_int_equal(r.stops, 0);
  assert_int_equal(r.frees, 0);
  start = sd_clock_monotonic_ms();
  sd_telemetry_free(telemetry);
  assert_in_range(sd_clock_monotonic_ms() - start, 0, FAR_TOO_LONG_MS);
  recorder_let_go(&r);
  /* `free` of the exporter is the thread's last act */
  recorder_wait_freed(&r);
  assert_int_equal(r.stops, 1);
  assert_int_equal(r.count, 10);
  recorder_release(&r);
}

static void what_waits_at_the_deadline_is_counted(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  recorder_hold(&r);
  make_spans(telemetry, 10);
  recorder_wait_inside(&r);
  make_spans(telemetry, 7);
  assert_int_equal(sd_telemetry_shutdown(telemetry, 1, NULL), SD_TIMEOUT);
  recorder_let_go(&r);
  recorder_wait_count(&r, 10);
  sd_telemetry_stats stats = stats_of(telemetry);
  assert_int_equal(stats.dropped_shutdown, 7);
  assert_int_equal(stats.records_queued, 0);
  sd_telemetry_free(telemetry);
  recorder_wait_freed(&r);
  assert_int_equal(r.count, 10);
  recorder_release(&r);
}

typedef struct flusher {
  sd_telemetry *telemetry;
  sd_status status;
} flusher;

static void *run_flush(void *user)
{
  flusher *f = user;
  for (int i = 0; i < 20; i++) {
    make_spans(f->telemetry, 3);
    sd_status status = sd_telemetry_flush(f->telemetry, RECORDER_TIMEOUT_MS, NULL);
    if (status != SD_OK)
      f->status = status;
  }
  return NULL;
}

static void several_threads_flush_at_once(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  pthread_t threads[4];
  flusher flushers[4];
  for (size_t i = 0; i < 4; i++) {
    flushers[i] = (flusher){.telemetry = telemetry};
    assert_int_equal(pthread_create(&threads[i], NULL, run_flush, &flushers[i]), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(flushers[i].status, SD_OK);
  }
  assert_int_equal(r.count, 240);
  assert_int_equal(r.flushes, 80);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void *record_until_refused(void *user)
{
  sd_tracer *tracer = user;
  sd_span *span;
  while ((span = sd_span_start(tracer, "span", NULL)))
    sd_span_end(span);
  return NULL;
}

/* Whatever is recorded at that moment is exported or refused; nothing is lost between. */
static void shutdown_while_threads_record_loses_nothing_silently(void **state)
{
  (void)state;
  recorder r;
  sd_telemetry *telemetry = make(&r);
  r.only_counts = true;
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, record_until_refused, tracer), 0);
  recorder_wait_count(&r, 1000);
  assert_int_equal(sd_telemetry_shutdown(telemetry, RECORDER_TIMEOUT_MS, NULL), SD_OK);
  for (size_t i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  sd_telemetry_stats stats = stats_of(telemetry);
  /* a span that was open at that moment ended in vain: at most one for each thread */
  assert_in_range(stats.spans_started - stats.records_exported - stats.dropped_queue_full, 0, 4);
  assert_int_equal(stats.dropped_shutdown, 0);
  assert_int_equal(stats.spans_live, 0);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(free_exports_what_waits),
      cmocka_unit_test(free_without_any_record_is_fine),
      cmocka_unit_test(after_shutdown_nothing_is_recorded),
      cmocka_unit_test(an_exporters_failure_is_the_flushs),
      cmocka_unit_test(a_flush_gives_up_at_its_deadline),
      cmocka_unit_test(shutdown_leaves_a_stuck_exporter_behind),
      cmocka_unit_test(what_waits_at_the_deadline_is_counted),
      cmocka_unit_test(several_threads_flush_at_once),
      cmocka_unit_test(shutdown_while_threads_record_loses_nothing_silently),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
