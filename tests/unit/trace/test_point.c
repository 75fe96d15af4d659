/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Points: what recording does, and how attributes find their point. */
#include "base/alloc.h"
#include "metrics_rig.h"

#include <math.h>
#include <pthread.h>
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

static sd_point *point_of(const char *name, sd_instrument_kind kind, bool floating)
{
  return sd_instrument_point(rig_instrument(telemetry, name, kind, floating), NULL, 0);
}

static int64_t integer_of(const char *name)
{
  rig_collect(cumulative, &all);
  return rig_find(&all, name, "")->value.integer;
}

static double number_of(const char *name)
{
  rig_collect(cumulative, &all);
  return rig_find(&all, name, "")->value.number;
}

static void counters_add_what_is_not_negative(void **state)
{
  (void)state;
  sd_point *point = point_of("c", SD_COUNTER, false);
  sd_point_add(point, 5);
  sd_point_add(point, 0);
  sd_point_add(point, -3);
  sd_point_add_double(point, 2.9);
  sd_point_add_double(point, -1);
  sd_point_add_double(point, NAN);
  sd_point_add_double(point, INFINITY);
  sd_point_add_double(point, 1e300);
  sd_point_set(point, 99);
  sd_point_record(point, 99);
  assert_int_equal(integer_of("c"), 7);
}

static void floating_counters_add_doubles(void **state)
{
  (void)state;
  sd_point *point = point_of("c", SD_COUNTER, true);
  sd_point_add_double(point, 0.5);
  sd_point_add(point, 2);
  sd_point_add_double(point, -0.25);
  sd_point_add_double(point, NAN);
  sd_point_add_double(point, INFINITY);
  assert_true(number_of("c") == 2.5);
}

static void up_down_counters_go_both_ways(void **state)
{
  (void)state;
  sd_point *point = point_of("u", SD_UP_DOWN_COUNTER, false);
  sd_point_add(point, 5);
  sd_point_add(point, -8);
  assert_int_equal(integer_of("u"), -3);
  point = point_of("f", SD_UP_DOWN_COUNTER, true);
  sd_point_add_double(point, -0.5);
  assert_true(number_of("f") == -0.5);
}

static void gauges_keep_the_last_value(void **state)
{
  (void)state;
  sd_point *point = point_of("g", SD_GAUGE, false);
  sd_point_set(point, 5);
  sd_point_set(point, -7);
  sd_point_add(point, 100);
  sd_point_set_double(point, 1e300);
  sd_point_set_double(point, -2.5);
  assert_int_equal(integer_of("g"), -2);
  point = point_of("f", SD_GAUGE, true);
  sd_point_set(point, 5);
  assert_true(number_of("f") == 5);
  sd_point_set_double(point, -INFINITY);
  assert_true(isinf(number_of("f")));
}

static void histograms_ignore_what_has_no_place(void **state)
{
  (void)state;
  sd_point *point = point_of("h", SD_HISTOGRAM, false);
  sd_point_record(point, -1);
  sd_point_record(point, NAN);
  sd_point_record(point, INFINITY);
  sd_point_add(point, 1);
  sd_point_set(point, 1);
  rig_collect(cumulative, &all);
  assert_int_equal(all.count, 0);
  sd_point_record(point, 0);
  sd_point_record(point, 7);
  rig_collect(cumulative, &all);
  const sd_point_value *value = &rig_find(&all, "h", "")->value;
  assert_int_equal(value->count, 2);
  assert_int_equal(value->bucket_counts[0], 1);
  assert_int_equal(value->bucket_counts[2], 1);
}

static void what_was_never_recorded_is_not_reported(void **state)
{
  (void)state;
  point_of("c", SD_COUNTER, false);
  point_of("g", SD_GAUGE, false);
  point_of("h", SD_HISTOGRAM, false);
  rig_collect(cumulative, &all);
  rig_collect(delta, &all);
  assert_int_equal(all.count, 0);
  sd_point_add(point_of("c", SD_COUNTER, false), 0);
  assert_int_equal(integer_of("c"), 0);
}

static void the_order_of_attributes_does_not_matter(void **state)
{
  (void)state;
  sd_instrument *instrument = rig_instrument(telemetry, "c", SD_COUNTER, false);
  const sd_attribute one[] = {sd_attribute_string("a", "x"), sd_attribute_int("b", 2)};
  const sd_attribute two[] = {sd_attribute_int("b", 2), sd_attribute_string("a", "x")};
  const sd_attribute other[] = {sd_attribute_int("b", 3), sd_attribute_string("a", "x")};
  sd_point *point = sd_instrument_point(instrument, one, 2);
  assert_non_null(point);
  assert_ptr_equal(sd_instrument_point(instrument, two, 2), point);
  assert_ptr_not_equal(sd_instrument_point(instrument, other, 2), point);
  assert_ptr_not_equal(sd_instrument_point(instrument, one, 1), point);
  assert_ptr_not_equal(sd_instrument_point(instrument, NULL, 0), point);
  sd_point_add(point, 1);
  rig_collect(cumulative, &all);
  assert_true(rig_has(&all, "c", "a=x,b=2"));
}

static void attributes_are_copied(void **state)
{
  (void)state;
  char key[] = "key";
  char value[] = "value";
  sd_instrument *instrument = rig_instrument(telemetry, "c", SD_COUNTER, false);
  const sd_attribute attribute = sd_attribute_string(key, value);
  sd_point_add(sd_instrument_point(instrument, &attribute, 1), 1);
  memset(key, 'x', 3);
  memset(value, 'x', 5);
  rig_collect(cumulative, &all);
  assert_true(rig_has(&all, "c", "key=value"));
}

static char last_report[512];

static void report(void *user, int level, const char *message)
{
  (void)level;
  ++*(unsigned *)user;
  snprintf(last_report, sizeof last_report, "%s", message);
}

static void past_the_cardinality_limit_one_point_is_shared_and_said_once(void **state)
{
  (void)state;
  unsigned reports = 0;
  sd_telemetry_options options = {
      .struct_size = sizeof options, .diagnostic = report, .diagnostic_user = &reports};
  sd_telemetry *other = rig_telemetry(&options);
  sd_metric_reader *reader = rig_reader(other, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  sd_instrument *instrument = rig_instrument(other, "many", SD_COUNTER, false);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < SD_METRIC_POINTS_MAX + 50; i++) {
      const sd_attribute attribute = sd_attribute_int("i", i);
      sd_point_add(sd_instrument_point(instrument, &attribute, 1), 1);
    }
  }
  rig_collect(reader, &all);
  assert_int_equal(all.count, SD_METRIC_POINTS_MAX + 1);
  assert_int_equal(rig_find(&all, "many", "otel.metric.overflow=true")->value.integer, 2 * 50);
  for (int i = 0; i < SD_METRIC_POINTS_MAX; i++)
    assert_int_equal(all.points[i].value.integer, 2);
  assert_int_equal(reports, 1);
  assert_non_null(strstr(last_report, "many"));
  sd_telemetry_free(other);
}

static void without_memory_there_is_no_point_and_later_there_is(void **state)
{
  (void)state;
  sd_instrument *instrument = rig_instrument(telemetry, "h", SD_HISTOGRAM, false);
  char text[40000];
  memset(text, 'v', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  const sd_attribute attribute = sd_attribute_string("k", text);
  bool was_made = false;
  for (uint64_t nth = 1; !was_made; nth++) {
    sd_alloc_fail_nth(nth);
    sd_point *point = sd_instrument_point(instrument, &attribute, 1);
    was_made = sd_alloc_calls() < nth;
    sd_alloc_fail_nth(0);
    assert_int_equal(point != NULL, was_made);
    sd_point_record(point, 1);
  }
  rig_collect(cumulative, &all);
  assert_int_equal(all.count, 1);
  assert_int_equal(all.points[0].value.count, 1);
}

static void recording_allocates_nothing(void **state)
{
  (void)state;
  const sd_attribute attribute = sd_attribute_string("k", "v");
  sd_instrument *instrument = rig_instrument(telemetry, "h", SD_HISTOGRAM, false);
  sd_point *histogram = sd_instrument_point(instrument, &attribute, 1);
  sd_point *counter = point_of("c", SD_COUNTER, false);
  sd_point *gauge = point_of("g", SD_GAUGE, true);
  sd_alloc_fail_nth(0);
  for (int i = 0; i < 1000; i++) {
    sd_point_record(histogram, i * 1e3);
    sd_point_record(sd_instrument_point(instrument, &attribute, 1), i * 1e-3);
    sd_point_add(counter, i);
    sd_point_set_double(gauge, i);
  }
  assert_int_equal(sd_alloc_calls(), 0);
}

enum { THREADS = 8, ADDITIONS = 20000 };

typedef struct work {
  sd_instrument *counter, *floating, *histogram, *gauge;
  int number;
} work;

static void *record_on_a_thread(void *user)
{
  const work *job = user;
  sd_point *counter = sd_instrument_point(job->counter, NULL, 0);
  sd_point *floating = sd_instrument_point(job->floating, NULL, 0);
  sd_point *histogram = sd_instrument_point(job->histogram, NULL, 0);
  sd_point *gauge = sd_instrument_point(job->gauge, NULL, 0);
  for (int i = 0; i < ADDITIONS; i++) {
    const sd_attribute attribute = sd_attribute_int("i", i % 50);
    sd_point_add(counter, 1);
    sd_point_add_double(floating, 0.5);
    sd_point_record(histogram, i % 100);
    sd_point_set(gauge, job->number);
    if (i % 16 == 0)
      sd_point_add(sd_instrument_point(job->counter, &attribute, 1), 1);
  }
  return NULL;
}

static void many_threads_lose_nothing_while_readers_collect(void **state)
{
  (void)state;
  work jobs[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (work){rig_instrument(telemetry, "c", SD_COUNTER, false),
                     rig_instrument(telemetry, "f", SD_COUNTER, true),
                     rig_instrument(telemetry, "h", SD_HISTOGRAM, false),
                     rig_instrument(telemetry, "g", SD_GAUGE, false), i};
    assert_int_equal(pthread_create(&threads[i], NULL, record_on_a_thread, &jobs[i]), 0);
  }
  int64_t sum = 0;
  double floating = 0;
  uint64_t count = 0;
  uint64_t buckets = 0;
  int64_t with_attributes = 0;
  for (int round = 0; round < 30; round++) {
    if (round == 29) {
      for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    rig_collect(delta, &all);
    for (size_t i = 0; i < all.count; i++) {
      const seen_point *point = &all.points[i];
      if (point->kind == SD_HISTOGRAM) {
        count += point->value.count;
        buckets += point->value.zero_count;
        for (size_t j = 0; j < point->value.positive.count; j++)
          buckets += point->counts[j];
      } else if (strcmp(point->name, "f") == 0) {
        floating += point->value.number;
      } else if (strcmp(point->name, "c") == 0) {
        *(point->attributes[0] ? &with_attributes : &sum) += point->value.integer;
      }
    }
  }
  assert_int_equal(sum, THREADS * ADDITIONS);
  assert_true(floating == THREADS * ADDITIONS * 0.5);
  assert_int_equal(count, THREADS * ADDITIONS);
  assert_int_equal(buckets, THREADS * ADDITIONS);
  assert_int_equal(with_attributes, THREADS * ADDITIONS / 16);
  rig_collect(cumulative, &all);
  assert_int_equal(rig_find(&all, "c", "")->value.integer, THREADS * ADDITIONS);
  assert_int_equal(rig_find(&all, "h", "")->value.count, THREADS * ADDITIONS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(counters_add_what_is_not_negative, begin, end),
      cmocka_unit_test_setup_teardown(floating_counters_add_doubles, begin, end),
      cmocka_unit_test_setup_teardown(up_down_counters_go_both_ways, begin, end),
      cmocka_unit_test_setup_teardown(gauges_keep_the_last_value, begin, end),
      cmocka_unit_test_setup_teardown(histograms_ignore_what_has_no_place, begin, end),
      cmocka_unit_test_setup_teardown(what_was_never_recorded_is_not_reported, begin, end),
      cmocka_unit_test_setup_teardown(the_order_of_attributes_does_not_matter, begin, end),
      cmocka_unit_test_setup_teardown(attributes_are_copied, begin, end),
      cmocka_unit_test_setup_teardown(past_the_cardinality_limit_one_point_is_shared_and_said_once, begin,
                                      end),
      cmocka_unit_test_setup_teardown(without_memory_there_is_no_point_and_later_there_is, begin, end),
      cmocka_unit_test_setup_teardown(recording_allocates_nothing, begin, end),
      cmocka_unit_test_setup_teardown(many_threads_lose_nothing_while_readers_collect, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
