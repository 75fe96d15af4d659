/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Tail sampling: traces that are kept whole or not at all. */
#include "recorder.h"
#include "trace/sampling.h"
#include "trace/tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

typedef struct fixture {
  recorder recorder;
  sd_telemetry *telemetry;
  sd_tracer *tracer;
} fixture;

/* A moment in the next hour: a trace that began before now is kept by the clock alone. */
static int64_t moment(int64_t offset_ns)
{
  static int64_t base;
  struct timespec now;
  if (base == 0) {
    clock_gettime(CLOCK_REALTIME, &now);
    base = ((int64_t)now.tv_sec + 3600) * SECOND;
  }
  return base + offset_ns;
}

static void begin(fixture *f, sd_tail_sampling tail, bool wants_pending)
{
  recorder_init(&f->recorder);
  tail.enabled = true;
  sd_exporter *exporter = recorder_exporter(&f->recorder, wants_pending);
  sd_telemetry_options options = {
      .struct_size = sizeof options, .tail = tail, .exporters = &exporter, .exporter_count = 1};
  assert_int_equal(sd_telemetry_new(&options, &f->telemetry, NULL), SD_OK);
  f->tracer = sd_telemetry_tracer(f->telemetry, "test", NULL);
}

static void finish(fixture *f)
{
  sd_telemetry_free(f->telemetry);
  recorder_release(&f->recorder);
}

static sd_span *start_at(fixture *f, const char *name, const sd_span *parent, int64_t at, int level)
{
  sd_context context = sd_span_context(parent);
  sd_span_options options = {
      .struct_size = sizeof options, .parent = &context, .start_unix_ns = at, .level = level};
  sd_span *span = sd_span_start(f->tracer, name, &options);
  assert_non_null(span);
  return span;
}

static void a_dull_trace_is_dropped_whole(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.level = 0}, false);
  sd_span *root = start_at(&f, "root", NULL, moment(SECOND), 0);
  sd_span *child = start_at(&f, "child", root, moment(2 * SECOND), SD_LEVEL_INFO);
  sd_span_end_at(child, moment(3 * SECOND));
  sd_span_end_at(root, moment(6 * SECOND)); /* exactly the 5 s: not longer */
  flush(f.telemetry);
  assert_int_equal(sd_telemetry_shutdown(f.telemetry, RECORDER_TIMEOUT_MS, NULL), SD_OK);
  assert_int_equal(f.recorder.count, 0);
  assert_int_equal(stats_of(f.telemetry).dropped_queue_full, 0);
  finish(&f);
}

static void a_level_keeps_the_whole_trace_in_order(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.level = SD_LEVEL_WARN}, false);
  sd_span *root = start_at(&f, "root", NULL, moment(SECOND), 0);
  sd_span_end_at(start_at(&f, "before", root, moment(SECOND), SD_LEVEL_NOTICE), moment(SECOND + 1));
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 0);
  sd_span_end_at(start_at(&f, "warns", root, moment(SECOND), SD_LEVEL_WARN), moment(SECOND + 2));
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 2);
  sd_span_end_at(start_at(&f, "after", root, moment(SECOND), 0), moment(SECOND + 3));
  sd_span_end_at(root, moment(SECOND + 4));
  flush(f.telemetry);
  static const char *const order[] = {"before", "warns", "after", "root"};
  assert_int_equal(f.recorder.count, 4);
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(f.recorder.records[i].name, order[i]);
  finish(&f);
}

static void a_log_of_the_level_keeps_its_trace(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.level = SD_LEVEL_WARN}, false);
  sd_span *root = sd_span_start(f.tracer, "root", NULL);
  sd_context previous = sd_span_attach(root);
  sd_tracer_log(f.tracer, SD_LEVEL_INFO, "info", NULL, 0);
  sd_tracer_log(f.tracer, SD_LEVEL_ERROR, "error", NULL, 0);
  sd_context_restore(&previous);
  sd_span_end(root);
  sd_tracer_log(f.tracer, SD_LEVEL_INFO, "alone", NULL, 0);
  sd_tracer_log(f.tracer, SD_LEVEL_ERROR, "alone too", NULL, 0);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 4);
  assert_int_equal(count_named(&f.recorder, "alone"), 0);
  assert_int_equal(count_named(&f.recorder, "alone too"), 1);
  finish(&f);
}

static void a_failed_span_counts_as_an_error(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.level = SD_LEVEL_ERROR}, false);
  sd_span *span = sd_span_start(f.tracer, "failed", NULL);
  sd_span_set_status(span, SD_SPAN_ERROR, NULL);
  sd_span_end(span);
  span = sd_span_start(f.tracer, "failed on purpose", NULL);
  sd_span_set_level(span, SD_LEVEL_INFO);
  sd_span_set_status(span, SD_SPAN_ERROR, NULL);
  sd_span_end(span);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 1);
  assert_string_equal(f.recorder.records[0].name, "failed");
  finish(&f);
}

static void duration_counts_from_the_first_start_of_the_trace(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.duration_ns = 2 * SECOND}, false);
  sd_span *root = start_at(&f, "root", NULL, moment(10 * SECOND), 0);
  sd_span *child = start_at(&f, "short but late", root, moment(12 * SECOND), 0);
  sd_span_end_at(child, moment(12 * SECOND + 1));
  sd_span_end_at(root, moment(12 * SECOND + 1));
  sd_span_end_at(start_at(&f, "short", NULL, moment(20 * SECOND), 0), moment(22 * SECOND));
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 2);
  assert_int_equal(count_named(&f.recorder, "short"), 0);
  finish(&f);
}

static void a_trace_open_for_longer_is_kept_before_it_ends(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.duration_ns = 2 * SECOND}, false);
  sd_span *root = start_at(&f, "root", NULL, moment(-7200 * SECOND), 0);
  sd_span_end_at(start_at(&f, "child", root, moment(-7200 * SECOND), 0), moment(-7199 * SECOND));
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 1);
  sd_span_end(root);
  finish(&f);
}

static void a_remote_parent_keeps_its_trace(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.level = SD_LEVEL_FATAL}, false);
  sd_context remote = {.flags = 1, .remote = 1};
  memset(remote.trace_id, 1, sizeof remote.trace_id);
  memset(remote.span_id, 1, sizeof remote.span_id);
  sd_span_options options = {.struct_size = sizeof options, .parent = &remote};
  sd_span *span = sd_span_start(f.tracer, "served", &options);
  sd_context previous = sd_span_attach(span);
  sd_span_end(sd_span_start(f.tracer, "below", NULL));
  sd_context_restore(&previous);
  sd_span_end(span);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 2);
  finish(&f);
}

static void the_background_ratio_decides_by_trace_id(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.background_ratio = 0.5}, false);
  for (int i = 0; i < 400; i++) {
    sd_span *root = sd_span_start(f.tracer, "root", NULL);
    sd_context previous = sd_span_attach(root);
    sd_span_end(sd_span_start(f.tracer, "child", NULL));
    sd_context_restore(&previous);
    sd_span_end(root);
  }
  flush(f.telemetry);
  assert_int_equal(count_named(&f.recorder, "root"), count_named(&f.recorder, "child"));
  assert_in_range(count_named(&f.recorder, "root"), 130, 270); /* 200, standard deviation 10 */
  for (size_t i = 0; i < f.recorder.count; i++)
    assert_true(f.recorder.records[i].trace_id[8] < 0x80);
  finish(&f);
}

static void pending_spans_wait_too_and_those_that_ended_get_none(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.level = SD_LEVEL_WARN}, true);
  sd_span *root = sd_span_start(f.tracer, "root", NULL);
  sd_context previous = sd_span_attach(root);
  sd_span_end(sd_span_start(f.tracer, "done", NULL));
  sd_span *open = sd_span_start(f.tracer, "open", NULL);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 0);
  sd_tracer_log(f.tracer, SD_LEVEL_WARN, "warn", NULL, 0);
  flush(f.telemetry);
  static const struct {
    const char *name;
    sd_record_kind kind;
  } expected[] = {{"root", SD_RECORD_PENDING}, {"done", SD_RECORD_SPAN},     {"open", SD_RECORD_PENDING},
                  {"warn", SD_RECORD_SPAN},    {"later", SD_RECORD_PENDING}, {"later", SD_RECORD_SPAN}};
  sd_span_end(sd_span_start(f.tracer, "later", NULL));
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 6);
  for (size_t i = 0; i < 6; i++) {
    assert_string_equal(f.recorder.records[i].name, expected[i].name);
    assert_int_equal(f.recorder.records[i].kind, expected[i].kind);
  }
  sd_context_restore(&previous);
  sd_span_end(open);
  sd_span_end(root);
  finish(&f);
}

static void log_records_are_not_sampled(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.level = 0}, false);
  sd_log_record log = {.struct_size = sizeof log, .severity = SD_LEVEL_INFO};
  sd_tracer_emit_log_record(f.tracer, &log);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 1);
  finish(&f);
}

static void what_does_not_fit_is_kept(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.duration_ns = INT64_MAX}, false);
  sd_span *root = sd_span_start(f.tracer, "root", NULL);
  sd_context previous = sd_span_attach(root);
  char text[1024];
  memset(text, 'x', sizeof text);
  enum { SPANS = 2 * SD_TAIL_BYTES_MAX / 1024 };
  for (int i = 0; i < SPANS; i++) {
    sd_span *span = sd_span_start(f.tracer, "child", NULL);
    sd_span_set(span, "text", sd_any_text(text, sizeof text));
    sd_span_end(span);
    if (i % 100 == 0)
      flush(f.telemetry);
  }
  sd_context_restore(&previous);
  sd_span_end(root);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, SPANS + 1);
  finish(&f);
}

static void more_traces_than_the_table_holds_keep_the_oldest(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.duration_ns = INT64_MAX}, false);
  f.recorder.only_counts = true;
  enum { TRACES = SD_TAIL_TRACES_MAX + 100 };
  static sd_span *roots[TRACES];
  for (size_t i = 0; i < TRACES; i++) {
    roots[i] = sd_span_start(f.tracer, "root", NULL);
    sd_context previous = sd_span_attach(roots[i]);
    sd_span_end(sd_span_start(f.tracer, "child", NULL));
    sd_context_restore(&previous);
    if (i % 100 == 0)
      flush(f.telemetry);
  }
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 100); /* their children; the roots are open */
  for (size_t i = 0; i < TRACES; i++)
    sd_span_end(roots[i]);
  finish(&f);
}

static void shutdown_decides_what_still_waits(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_tail_sampling){.background_ratio = 1}, false);
  sd_span *root = sd_span_start(f.tracer, "root", NULL);
  sd_context previous = sd_span_attach(root);
  sd_span_end(sd_span_start(f.tracer, "child", NULL));
  sd_context_restore(&previous);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 0);
  assert_int_equal(sd_telemetry_shutdown(f.telemetry, RECORDER_TIMEOUT_MS, NULL), SD_OK);
  assert_int_equal(f.recorder.count, 1);
  sd_span_end(root);
  finish(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_dull_trace_is_dropped_whole),
      cmocka_unit_test(a_level_keeps_the_whole_trace_in_order),
      cmocka_unit_test(a_log_of_the_level_keeps_its_trace),
      cmocka_unit_test(a_failed_span_counts_as_an_error),
      cmocka_unit_test(duration_counts_from_the_first_start_of_the_trace),
      cmocka_unit_test(a_trace_open_for_longer_is_kept_before_it_ends),
      cmocka_unit_test(a_remote_parent_keeps_its_trace),
      cmocka_unit_test(the_background_ratio_decides_by_trace_id),
      cmocka_unit_test(pending_spans_wait_too_and_those_that_ended_get_none),
      cmocka_unit_test(log_records_are_not_sampled),
      cmocka_unit_test(what_does_not_fit_is_kept),
      cmocka_unit_test(more_traces_than_the_table_holds_keep_the_oldest),
      cmocka_unit_test(shutdown_decides_what_still_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
