/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Readers: temporality, histogram forms, callbacks, readers that come late. */
#include "base/alloc.h"
#include "metrics_rig.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_telemetry *telemetry;
static sd_metric_reader *cumulative;
static sd_metric_reader *delta;
static seen all;

static int begin(void **state)
{
  (void)state;
  telemetry = rig_telemetry(NULL);
  cumulative = rig_reader(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  delta = rig_reader(telemetry, SD_DELTA, SD_HISTOGRAM_EXPONENTIAL);
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
  return sd_instrument_point(rig_instrument(telemetry, name, kind, false), NULL, 0);
}

static void delta_gives_the_change_and_leaves_out_what_has_none(void **state)
{
  (void)state;
  sd_point *point = point_of("c", SD_COUNTER);
  sd_point_add(point, 5);
  rig_collect(delta, &all);
  const seen_point *first = rig_find(&all, "c", "");
  assert_int_equal(first->value.integer, 5);
  assert_int_equal(first->temporality, SD_DELTA);
  int64_t until = first->value.unix_ns;
  sd_point_add(point, 3);
  rig_collect(delta, &all);
  const seen_point *second = rig_find(&all, "c", "");
  assert_int_equal(second->value.integer, 3);
  assert_int_equal(second->value.start_unix_ns, until);
  assert_true(second->value.unix_ns >= second->value.start_unix_ns);
  rig_collect(delta, &all);
  assert_int_equal(all.count, 0);
}

static void cumulative_gives_the_total_from_one_start(void **state)
{
  (void)state;
  sd_point *point = point_of("c", SD_COUNTER);
  sd_point_add(point, 5);
  rig_collect(cumulative, &all);
  int64_t start = rig_find(&all, "c", "")->value.start_unix_ns;
  assert_true(start > 0);
  sd_point_add(point, 3);
  rig_collect(cumulative, &all);
  const seen_point *second = rig_find(&all, "c", "");
  assert_int_equal(second->value.integer, 8);
  assert_int_equal(second->temporality, SD_CUMULATIVE);
  assert_int_equal(second->value.start_unix_ns, start);
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "c", "")->value.integer, 8);
}

static void readers_do_not_take_from_each_other(void **state)
{
  (void)state;
  sd_metric_reader *second = rig_reader(telemetry, SD_DELTA, SD_HISTOGRAM_EXPLICIT);
  sd_point *counter = point_of("c", SD_COUNTER);
  sd_point *histogram = point_of("h", SD_HISTOGRAM);
  sd_point *gauge = point_of("g", SD_GAUGE);
  sd_point_add(counter, 1);
  sd_point_record(histogram, 3);
  sd_point_set(gauge, 9);
  rig_collect(delta, &all);
  sd_point_add(counter, 1);
  sd_point_record(histogram, 3);
  rig_collect(second, &all);
  assert_int_equal(rig_find(&all, "c", "")->value.integer, 2);
  assert_int_equal(rig_find(&all, "h", "")->value.count, 2);
  assert_int_equal(rig_find(&all, "g", "")->value.integer, 9);
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "c", "")->value.integer, 1);
  assert_int_equal(rig_find(&all, "h", "")->value.count, 1);
  assert_false(rig_has(&all, "g", ""));
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "c", "")->value.integer, 2);
}

static void up_down_counters_are_cumulative_for_every_reader(void **state)
{
  (void)state;
  sd_point *point = point_of("u", SD_UP_DOWN_COUNTER);
  sd_point_add(point, 5);
  rig_collect(delta, &all);
  sd_point_add(point, -2);
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "u", "")->value.integer, 3);
  assert_int_equal(rig_find(&all, "u", "")->temporality, SD_CUMULATIVE);
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "u", "")->value.integer, 3);
}

static void gauges_come_with_delta_only_when_they_were_set(void **state)
{
  (void)state;
  sd_point *point = point_of("g", SD_GAUGE);
  sd_point_set(point, 4);
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "g", "")->value.integer, 4);
  assert_int_equal(rig_find(&all, "g", "")->value.start_unix_ns, 0);
  rig_collect(delta, &all);
  assert_int_equal(all.count, 0);
  sd_point_set(point, 4);
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "g", "")->value.integer, 4);
  rig_collect(cumulative, &all);
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "g", "")->value.integer, 4);
}

static void each_reader_has_its_histogram_form(void **state)
{
  (void)state;
  sd_point *point = point_of("h", SD_HISTOGRAM);
  sd_point_record(point, 10);
  sd_point_record(point, 10.5);
  rig_collect(cumulative, &all);
  const seen_point *bounded = rig_find(&all, "h", "");
  assert_int_equal(bounded->value.boundary_count, 15);
  assert_int_equal(bounded->counts[2], 1);
  assert_int_equal(bounded->counts[3], 1);
  assert_true(bounded->value.sum == 20.5 && bounded->value.min == 10 && bounded->value.max == 10.5);
  rig_collect(delta, &all);
  const seen_point *exponential = rig_find(&all, "h", "");
  assert_null(exponential->value.boundaries);
  assert_int_equal(exponential->value.count, 2);
  assert_true(exponential->value.positive.count > 1);
  rig_collect(delta, &all);
  assert_int_equal(all.count, 0);
  sd_point_record(point, 1);
  rig_collect(delta, &all);
  assert_true(rig_find(&all, "h", "")->value.max == 1);
  rig_collect(cumulative, &all);
  assert_true(rig_find(&all, "h", "")->value.max == 10.5);
  assert_int_equal(rig_find(&all, "h", "")->value.count, 3);
}

static void own_boundaries_replace_the_default(void **state)
{
  (void)state;
  const double boundaries[] = {0.5};
  sd_instrument_options options = {.struct_size = sizeof options,
                                   .name = "h",
                                   .kind = SD_HISTOGRAM,
                                   .boundaries = boundaries,
                                   .boundary_count = 1};
  sd_instrument *instrument = NULL;
  assert_int_equal(sd_instrument_new(rig_tracer(telemetry), &options, &instrument, NULL), SD_OK);
  sd_point_record(sd_instrument_point(instrument, NULL, 0), 0.5);
  sd_point_record(sd_instrument_point(instrument, NULL, 0), 0.6);
  rig_collect(cumulative, &all);
  const seen_point *point = rig_find(&all, "h", "");
  assert_int_equal(point->value.boundary_count, 1);
  assert_int_equal(point->counts[0], 1);
  assert_int_equal(point->counts[1], 1);
}

static void for_a_reader_that_comes_late_points_count_from_then_on(void **state)
{
  (void)state;
  sd_point *counter = point_of("c", SD_COUNTER);
  sd_point *up_down = point_of("u", SD_UP_DOWN_COUNTER);
  sd_point *histogram = point_of("h", SD_HISTOGRAM);
  sd_point *quiet = point_of("q", SD_COUNTER);
  sd_point_add(counter, 100);
  sd_point_add(quiet, 100);
  sd_point_add(up_down, 100);
  sd_point_record(histogram, 100);
  sd_metric_reader *late = rig_reader(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPONENTIAL);
  sd_metric_reader *late_delta = rig_reader(telemetry, SD_DELTA, SD_HISTOGRAM_EXPLICIT);
  sd_point_add(counter, 1);
  sd_point_add(up_down, -1);
  sd_point_record(histogram, 1);
  for (int i = 0; i < 2; i++) {
    rig_collect(i ? late_delta : late, &all);
    assert_int_equal(rig_find(&all, "c", "")->value.integer, 1);
    assert_int_equal(rig_find(&all, "u", "")->value.integer, -1);
    assert_int_equal(rig_find(&all, "h", "")->value.count, 1);
    assert_false(rig_has(&all, "q", ""));
  }
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "c", "")->value.integer, 101);
}

typedef struct observed {
  int64_t values[3]; /* INT64_MIN: not reported */
  unsigned calls;
} observed;

static void observe(void *user, sd_instrument *instrument)
{
  observed *source = user;
  source->calls++;
  for (int i = 0; i < 3; i++) {
    const sd_attribute attribute = sd_attribute_int("i", i);
    if (source->values[i] != INT64_MIN)
      sd_point_set(sd_instrument_point(instrument, &attribute, 1), source->values[i]);
  }
}

static void observe_with(const char *name, sd_instrument_kind kind, observed *source)
{
  sd_instrument_options options = {
      .struct_size = sizeof options, .name = name, .kind = kind, .observe = observe, .user = source};
  sd_instrument *instrument = NULL;
  assert_int_equal(sd_instrument_new(rig_tracer(telemetry), &options, &instrument, NULL), SD_OK);
}

static void observed_totals_become_what_each_reader_wants(void **state)
{
  (void)state;
  observed source = {{10, 20, INT64_MIN}, 0};
  observe_with("o", SD_COUNTER, &source);
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "o", "i=0")->value.integer, 10);
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "o", "i=1")->value.integer, 20);
  source.values[0] = 13;
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "o", "i=0")->value.integer, 3);
  assert_false(rig_has(&all, "o", "i=1"));
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "o", "i=0")->value.integer, 13);
  assert_int_equal(rig_find(&all, "o", "i=1")->value.integer, 20);
  assert_int_equal(source.calls, 4);
}

static void what_a_callback_does_not_report_is_left_out(void **state)
{
  (void)state;
  observed source = {{1, 2, 3}, 0};
  observed gauge = {{1, 2, 3}, 0};
  observe_with("o", SD_UP_DOWN_COUNTER, &source);
  observe_with("g", SD_GAUGE, &gauge);
  rig_collect(cumulative, &all);
  assert_int_equal(all.count, 6);
  source.values[1] = INT64_MIN;
  gauge.values[0] = INT64_MIN;
  for (int i = 0; i < 2; i++) {
    rig_collect(i ? delta : cumulative, &all);
    assert_true(rig_has(&all, "o", "i=0"));
    assert_false(rig_has(&all, "o", "i=1"));
    assert_false(rig_has(&all, "g", "i=0"));
    assert_int_equal(rig_find(&all, "g", "i=2")->value.integer, 3);
  }
}

static void an_observed_total_that_goes_back_begins_anew(void **state)
{
  (void)state;
  observed source = {{100, INT64_MIN, INT64_MIN}, 0};
  observe_with("o", SD_COUNTER, &source);
  rig_collect(delta, &all);
  source.values[0] = 4;
  rig_collect(delta, &all);
  assert_int_equal(rig_find(&all, "o", "i=0")->value.integer, 4);
}

static void a_late_reader_gets_observed_totals_whole(void **state)
{
  (void)state;
  observed source = {{100, INT64_MIN, INT64_MIN}, 0};
  observe_with("o", SD_COUNTER, &source);
  rig_collect(cumulative, &all);
  sd_metric_reader *late = rig_reader(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  rig_collect(late, &all);
  assert_int_equal(rig_find(&all, "o", "i=0")->value.integer, 100);
}

static void instruments_with_a_callback_take_no_additions(void **state)
{
  (void)state;
  observed source = {{5, -5, INT64_MIN}, 0};
  sd_instrument_options options = {
      .struct_size = sizeof options, .name = "o", .kind = SD_COUNTER, .observe = observe, .user = &source};
  sd_instrument *instrument = NULL;
  assert_int_equal(sd_instrument_new(rig_tracer(telemetry), &options, &instrument, NULL), SD_OK);
  const sd_attribute attribute = sd_attribute_int("i", 0);
  sd_point_add(sd_instrument_point(instrument, &attribute, 1), 1000);
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "o", "i=0")->value.integer, 5);
  assert_false(rig_has(&all, "o", "i=1"));
}

static void there_are_only_so_many_readers(void **state)
{
  (void)state;
  sd_metric_reader *reader = NULL;
  sd_error error;
  for (int i = 2; i < SD_METRIC_READERS_MAX; i++)
    rig_reader(telemetry, SD_DELTA, SD_HISTOGRAM_EXPLICIT);
  assert_int_equal(sd_metric_reader_new(telemetry, SD_DELTA, SD_HISTOGRAM_EXPLICIT, &reader, &error),
                   SD_LIMIT);
  assert_int_equal(sd_metric_reader_new(telemetry, (sd_temporality)0, SD_HISTOGRAM_EXPLICIT, &reader, &error),
                   SD_INVALID);
  assert_int_equal(sd_metric_reader_new(NULL, SD_DELTA, SD_HISTOGRAM_EXPLICIT, &reader, &error), SD_INVALID);
  assert_null(reader);
}

static void a_reader_without_memory_changes_nothing(void **state)
{
  (void)state;
  sd_instrument *instrument = rig_instrument(telemetry, "h", SD_HISTOGRAM, false);
  for (int i = 0; i < 40; i++) {
    const sd_attribute attribute = sd_attribute_int("i", i);
    sd_point_record(sd_instrument_point(instrument, &attribute, 1), 1);
  }
  bool was_made = false;
  for (uint64_t nth = 1; !was_made; nth++) {
    sd_metric_reader *reader = NULL;
    sd_alloc_fail_nth(nth);
    sd_status status =
        sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPONENTIAL, &reader, NULL);
    was_made = sd_alloc_calls() < nth;
    sd_alloc_fail_nth(0);
    assert_int_equal(status, was_made ? SD_OK : SD_NOMEM);
    const sd_attribute attribute = sd_attribute_int("i", 7);
    sd_point_record(sd_instrument_point(instrument, &attribute, 1), 2);
    if (was_made) {
      rig_collect(reader, &all);
      assert_int_equal(all.count, 1);
      assert_int_equal(all.points[0].value.count, 1);
      assert_true(nth > 2);
    }
  }
}

static void without_memory_a_collection_loses_nothing(void **state)
{
  (void)state;
  rig_collect(delta, &all); /* makes the points of callbacks */
  sd_point_add(point_of("a", SD_COUNTER), 1);
  sd_point_record(point_of("h", SD_HISTOGRAM), 1);
  uint64_t total = 0;
  bool is_done = false;
  for (uint64_t nth = 1; !is_done; nth++) {
    all.count = 0;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_metric_reader_collect(delta, rig_see, &all);
    is_done = sd_alloc_calls() < nth;
    sd_alloc_fail_nth(0);
    assert_int_equal(status, is_done ? SD_OK : SD_NOMEM);
    for (size_t i = 0; i < all.count; i++)
      total += all.points[i].kind == SD_HISTOGRAM ? all.points[i].value.count
                                                  : (uint64_t)all.points[i].value.integer;
  }
  assert_int_equal(total, 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(delta_gives_the_change_and_leaves_out_what_has_none, begin, end),
      cmocka_unit_test_setup_teardown(cumulative_gives_the_total_from_one_start, begin, end),
      cmocka_unit_test_setup_teardown(readers_do_not_take_from_each_other, begin, end),
      cmocka_unit_test_setup_teardown(up_down_counters_are_cumulative_for_every_reader, begin, end),
      cmocka_unit_test_setup_teardown(gauges_come_with_delta_only_when_they_were_set, begin, end),
      cmocka_unit_test_setup_teardown(each_reader_has_its_histogram_form, begin, end),
      cmocka_unit_test_setup_teardown(own_boundaries_replace_the_default, begin, end),
      cmocka_unit_test_setup_teardown(for_a_reader_that_comes_late_points_count_from_then_on, begin, end),
      cmocka_unit_test_setup_teardown(observed_totals_become_what_each_reader_wants, begin, end),
      cmocka_unit_test_setup_teardown(what_a_callback_does_not_report_is_left_out, begin, end),
      cmocka_unit_test_setup_teardown(an_observed_total_that_goes_back_begins_anew, begin, end),
      cmocka_unit_test_setup_teardown(a_late_reader_gets_observed_totals_whole, begin, end),
      cmocka_unit_test_setup_teardown(instruments_with_a_callback_take_no_additions, begin, end),
      cmocka_unit_test_setup_teardown(there_are_only_so_many_readers, begin, end),
      cmocka_unit_test_setup_teardown(a_reader_without_memory_changes_nothing, begin, end),
      cmocka_unit_test_setup_teardown(without_memory_a_collection_loses_nothing, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
