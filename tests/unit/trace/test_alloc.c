/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The heap: not touched by spans once there are some to use again, and short of memory without harm. */
#include "base/alloc.h"
#include "recorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void record(sd_tracer *tracer, size_t text_len)
{
  static char text[60000];
  sd_context previous;
  sd_span *span = sd_span_start_in(tracer, "span", NULL, &previous);
  sd_span_set_string(span, "string", "value");
  sd_span_set_int(span, "int", 7);
  sd_span_set_double(span, "double", 0.5);
  sd_span_set_bool(span, "bool", true);
  sd_span_set_string(span, "string", "replaced by something longer");
  sd_span_set(span, "text", sd_any_text(text, text_len));
  sd_attribute attribute = sd_attribute_int("n", 1);
  sd_span_add_event(span, "event", 0, &attribute, 1);
  sd_tracer_log(tracer, SD_LEVEL_INFO, "log {n}", &attribute, 1);
  sd_log_record log = {.struct_size = sizeof log, .body = sd_any_string("body")};
  sd_tracer_emit_log_record(tracer, &log);
  sd_context_restore(&previous);
  sd_span_end(span);
}

/* With nothing for the telemetry's thread to do meanwhile, every allocation is the recording thread's. */
static void spans_do_not_allocate_in_steady_state(void **state)
{
  (void)state;
  static const size_t lengths[] = {0, 500, 5000, 50000};
  recorder r;
  recorder_init(&r);
  r.only_counts = true;
  sd_telemetry_options options = {
      .struct_size = sizeof options, .delay_ms = 3600 * 1000, .batch_records = 1 << 20};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  for (size_t i = 0; i < 4; i++) {
    record(tracer, lengths[i]);
    flush(telemetry);
    record(tracer, lengths[i]); /* the thread is awake and waits its delay */
    sd_alloc_fail_nth(0);
    for (int n = 0; n < 20; n++)
      record(tracer, lengths[i]);
    assert_int_equal(sd_alloc_calls(), 0);
    flush(telemetry);
  }
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void spans_that_are_open_together_are_used_again_too(void **state)
{
  (void)state;
  enum { OPEN = 40 };
  recorder r;
  recorder_init(&r);
  r.only_counts = true;
  sd_telemetry_options options = {
      .struct_size = sizeof options, .delay_ms = 3600 * 1000, .batch_records = 1 << 20};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  sd_span *spans[OPEN];
  for (int round = 0; round < 3; round++) {
    sd_alloc_fail_nth(0);
    for (size_t i = 0; i < OPEN; i++)
      spans[i] = sd_span_start(tracer, "span", NULL);
    for (size_t i = 0; i < OPEN; i++)
      sd_span_end(spans[i]);
    if (round > 0)
      assert_int_equal(sd_alloc_calls(), 0);
  }
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void a_telemetry_that_finds_no_memory_leaves_nothing_behind(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    recorder r;
    recorder_init(&r);
    sd_exporter *exporter = recorder_exporter(&r, false);
    sd_telemetry_options options = {.struct_size = sizeof options,
                                    .tail = {.enabled = true},
                                    .exporters = &exporter,
                                    .exporter_count = 1};
    sd_telemetry *telemetry = NULL;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_telemetry_new(&options, &telemetry, NULL);
    bool is_past = sd_alloc_calls() < nth;
    sd_alloc_fail_nth(0);
    if (status == SD_OK) {
      sd_telemetry_free(telemetry);
    } else {
      assert_true(status == SD_NOMEM || status == SD_LIMIT);
      assert_null(telemetry);
      assert_int_equal(r.frees, 0); /* it is still the caller's */
      sd_exporter_free(exporter);
    }
    assert_int_equal(r.frees, 1);
    recorder_release(&r);
    if (is_past) {
      assert_int_equal(status, SD_OK);
      assert_in_range(nth, 5, 1000);
      return;
    }
  }
}

static void a_span_that_finds_no_memory_is_left_out_or_loses_what_did_not_fit(void **state)
{
  (void)state;
  for (uint64_t nth = 1; nth <= 12; nth++) {
    recorder r;
    recorder_init(&r);
    r.only_counts = true;
    sd_telemetry_options options = {.struct_size = sizeof options, .delay_ms = 3600 * 1000};
    sd_telemetry *telemetry = recorder_telemetry(&r, &options);
    sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
    sd_alloc_fail_nth(nth);
    record(tracer, 5000);
    char key[16];
    sd_span *span = sd_span_start(tracer, "many keys", NULL);
    for (int i = 0; i < 128; i++) {
      snprintf(key, sizeof key, "key \xff %d", i);
      sd_span_set_int(span, key, i);
    }
    sd_span_end(span);
    sd_alloc_fail_nth(0);
    record(tracer, 5000);
    flush(telemetry);
    assert_in_range(r.count, 4, 7);
    sd_telemetry_free(telemetry);
    recorder_release(&r);
  }
}

static void memory_short_in_the_telemetrys_thread_drops_and_counts(void **state)
{
  (void)state;
  for (uint64_t nth = 1; nth <= 20; nth++) {
    recorder r;
    recorder_init(&r);
    r.only_counts = true;
    sd_telemetry_options options = {.struct_size = sizeof options,
                                    .delay_ms = 3600 * 1000,
                                    .tail = {.enabled = true, .background_ratio = 1}};
    sd_telemetry *telemetry = recorder_telemetry(&r, &options);
    sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
    for (int i = 0; i < 10; i++) {
      sd_span *span = sd_span_start(tracer, "span", NULL);
      sd_span_set_string(span, "password", "is scrubbed, which takes memory");
      sd_span_end(span);
    }
    sd_alloc_fail_nth(nth);
    flush(telemetry);
    sd_alloc_fail_nth(0);
    sd_telemetry_stats stats = stats_of(telemetry);
    assert_int_equal(r.count + stats.dropped_export, 10);
    sd_telemetry_free(telemetry);
    recorder_release(&r);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spans_do_not_allocate_in_steady_state),
      cmocka_unit_test(spans_that_are_open_together_are_used_again_too),
      cmocka_unit_test(a_telemetry_that_finds_no_memory_leaves_nothing_behind),
      cmocka_unit_test(a_span_that_finds_no_memory_is_left_out_or_loses_what_did_not_fit),
      cmocka_unit_test(memory_short_in_the_telemetrys_thread_drops_and_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
