/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The Prometheus page; tests/metrics reads it with a real parser. */
#include "base/alloc.h"

#include <streamduck/export.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_telemetry *telemetry;
static sd_metric_reader *reader;

static int begin(void **state)
{
  (void)state;
  sd_telemetry_options options = {.struct_size = sizeof options, .service_name = "page"};
  assert_int_equal(sd_telemetry_new(&options, &telemetry, NULL), SD_OK);
  assert_int_equal(sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT, &reader, NULL),
                   SD_OK);
  return 0;
}

static int end(void **state)
{
  (void)state;
  sd_telemetry_free(telemetry);
  return 0;
}

static sd_point *point_of(const char *name, sd_instrument_kind kind)
{
  sd_instrument_options options = {.struct_size = sizeof options, .name = name, .kind = kind};
  sd_instrument *instrument = NULL;
  assert_int_equal(
      sd_instrument_new(sd_telemetry_tracer(telemetry, "scope", NULL), &options, &instrument, NULL), SD_OK);
  return sd_instrument_point(instrument, NULL, 0);
}

static void holds(const char *line)
{
  uint8_t *text = NULL;
  size_t len = 0;
  assert_int_equal(sd_prometheus_text(reader, telemetry, &text, &len, NULL), SD_OK);
  assert_int_equal(strlen((const char *)text), len);
  if (!strstr((const char *)text, line))
    fail_msg("%s is not in\n%s", line, (const char *)text);
  sd_memory_release(text);
}

static void the_page_shows_what_was_recorded_each_time(void **state)
{
  (void)state;
  sd_point *counter = point_of("events", SD_COUNTER);
  sd_point_add(counter, 5);
  holds("# TYPE events_total counter\nevents_total{otel_scope_name=\"scope\"} 5\n");
  sd_point_add(counter, 2);
  holds("events_total{otel_scope_name=\"scope\"} 7\n");
  holds("service_name=\"page\"");
  sd_point_record(point_of("sizes", SD_HISTOGRAM), 5);
  holds("sizes_bucket{otel_scope_name=\"scope\",le=\"0\"} "
        "0\nsizes_bucket{otel_scope_name=\"scope\",le=\"5\"} 1\n");
  holds("sizes_bucket{otel_scope_name=\"scope\",le=\"+Inf\"} 1\nsizes_sum{otel_scope_name=\"scope\"} 5\n"
        "sizes_count{otel_scope_name=\"scope\"} 1\n");
}

static void other_readers_are_refused(void **state)
{
  (void)state;
  sd_metric_reader *other = NULL;
  uint8_t *text = NULL;
  size_t len = 77;
  sd_error error;
  assert_int_equal(sd_metric_reader_new(telemetry, SD_DELTA, SD_HISTOGRAM_EXPLICIT, &other, NULL), SD_OK);
  assert_int_equal(sd_prometheus_text(other, telemetry, &text, &len, &error), SD_INVALID);
  assert_int_equal(sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPONENTIAL, &other, NULL),
                   SD_OK);
  assert_int_equal(sd_prometheus_text(other, telemetry, &text, &len, &error), SD_INVALID);
  assert_null(text);
  assert_int_equal(len, 77);
}

static void without_memory_there_is_no_page(void **state)
{
  (void)state;
  sd_point_add(point_of("events", SD_COUNTER), 5);
  sd_point_record(point_of("sizes", SD_HISTOGRAM), 5);
  holds("events"); /* makes the points of callbacks */
  for (uint64_t nth = 1;; nth++) {
    uint8_t *text = NULL;
    size_t len;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_prometheus_text(reader, telemetry, &text, &len, NULL);
    uint64_t calls = sd_alloc_calls();
    sd_alloc_fail_nth(0);
    if (calls < nth) {
      assert_int_equal(status, SD_OK);
      sd_memory_release(text);
      break;
    }
    assert_int_equal(status, SD_NOMEM);
    assert_null(text);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_page_shows_what_was_recorded_each_time, begin, end),
      cmocka_unit_test_setup_teardown(other_readers_are_refused, begin, end),
      cmocka_unit_test_setup_teardown(without_memory_there_is_no_page, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
