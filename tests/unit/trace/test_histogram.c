/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One reader's part of a histogram point. */
#include "trace/histogram.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static _Alignas(sd_histogram) char memory[4096];
static const double bounds[] = {1, 2, 5};

static sd_histogram *make(sd_histogram_form form, size_t boundary_count)
{
  assert_true(sd_histogram_size(form, boundary_count) <= sizeof memory);
  sd_histogram *histogram = sd_histogram_init(memory, form);
  sd_histogram_reset(histogram, boundary_count);
  return histogram;
}

static void an_upper_bound_belongs_to_its_bucket(void **state)
{
  (void)state;
  sd_histogram *histogram = make(SD_HISTOGRAM_EXPLICIT, 3);
  static const double values[] = {0, 1, 1.5, 2, 2.0000001, 5, 5.1, 1e300};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    sd_histogram_add(histogram, values[i], bounds, 3);
  uint64_t counts[4];
  sd_point_value point;
  memset(&point, 0, sizeof point);
  assert_int_equal(sd_histogram_counts(SD_HISTOGRAM_EXPLICIT, 3), 4);
  sd_histogram_read(histogram, bounds, 3, counts, &point);
  static const uint64_t expected[] = {2, 2, 2, 2};
  assert_memory_equal(counts, expected, sizeof counts);
  assert_ptr_equal(point.bucket_counts, counts);
  assert_ptr_equal(point.boundaries, bounds);
  assert_int_equal(point.boundary_count, 3);
  assert_int_equal(point.count, 8);
  assert_true(point.min == 0 && point.max == 1e300);
}

static void without_boundaries_there_is_one_bucket(void **state)
{
  (void)state;
  sd_histogram *histogram = make(SD_HISTOGRAM_EXPLICIT, 0);
  sd_histogram_add(histogram, 3, NULL, 0);
  uint64_t counts[1];
  sd_point_value point;
  memset(&point, 0, sizeof point);
  sd_histogram_read(histogram, NULL, 0, counts, &point);
  assert_int_equal(counts[0], 1);
  assert_true(point.sum == 3);
}

static void exponential_ones_count_zeros_apart(void **state)
{
  (void)state;
  sd_histogram *histogram = make(SD_HISTOGRAM_EXPONENTIAL, 3);
  uint64_t counts[SD_EXPONENTIAL_BUCKETS_MAX];
  sd_point_value point;
  memset(&point, 0, sizeof point);
  sd_histogram_add(histogram, 0, bounds, 3);
  sd_histogram_add(histogram, -0.0, bounds, 3);
  sd_histogram_read(histogram, bounds, 3, counts, &point);
  assert_int_equal(point.zero_count, 2);
  assert_int_equal(point.scale, 0);
  assert_int_equal(point.positive.count, 0);
  sd_histogram_add(histogram, 4, bounds, 3);
  sd_histogram_read(histogram, bounds, 3, counts, &point);
  assert_int_equal(point.count, 3);
  assert_int_equal(point.scale, SD_EXPONENTIAL_SCALE_MAX);
  assert_int_equal(point.positive.offset, 2 * (1 << SD_EXPONENTIAL_SCALE_MAX) - 1);
  assert_int_equal(point.positive.count, 1);
  assert_int_equal(counts[0], 1);
  assert_int_equal(point.negative.count, 0);
  assert_true(point.sum == 4 && point.min == 0 && point.max == 4);
}

static void a_reset_one_is_empty(void **state)
{
  (void)state;
  for (int form = SD_HISTOGRAM_EXPLICIT; form <= SD_HISTOGRAM_EXPONENTIAL; form++) {
    sd_histogram *histogram = make((sd_histogram_form)form, 3);
    sd_histogram_add(histogram, 100, bounds, 3);
    sd_histogram_add(histogram, 1e-9, bounds, 3);
    sd_histogram_reset(histogram, 3);
    sd_histogram_add(histogram, 3, bounds, 3);
    uint64_t counts[SD_EXPONENTIAL_BUCKETS_MAX];
    sd_point_value point;
    memset(&point, 0, sizeof point);
    sd_histogram_read(histogram, bounds, 3, counts, &point);
    assert_int_equal(point.count, 1);
    assert_true(point.min == 3 && point.max == 3 && point.sum == 3);
    if (form == SD_HISTOGRAM_EXPONENTIAL)
      assert_int_equal(point.scale, SD_EXPONENTIAL_SCALE_MAX);
    else
      assert_int_equal(counts[2], 1);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_upper_bound_belongs_to_its_bucket),
      cmocka_unit_test(without_boundaries_there_is_one_bucket),
      cmocka_unit_test(exponential_ones_count_zeros_apart),
      cmocka_unit_test(a_reset_one_is_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
