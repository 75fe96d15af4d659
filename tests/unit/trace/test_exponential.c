/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Exponential buckets: their bounds, and lowering the scale. */
#include "trace/exponential.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_exponential buckets;

static uint64_t total(void)
{
  uint64_t sum = 0;
  for (uint32_t i = 0; i < buckets.used; i++)
    sum += buckets.counts[i];
  return sum;
}

/* The count of the bucket with this index at the present scale. */
static uint64_t at(int32_t index)
{
  int64_t i = (int64_t)index - buckets.start;
  return i >= 0 && i < buckets.used ? buckets.counts[i] : 0;
}

static void at_scale_0_bounds_are_powers_of_two_and_belong_below(void **state)
{
  (void)state;
  assert_int_equal(sd_exponential_index(1, 0), -1);
  assert_int_equal(sd_exponential_index(1.0000001, 0), 0);
  assert_int_equal(sd_exponential_index(2, 0), 0);
  assert_int_equal(sd_exponential_index(2.5, 0), 1);
  assert_int_equal(sd_exponential_index(4, 0), 1);
  assert_int_equal(sd_exponential_index(0.5, 0), -2);
  assert_int_equal(sd_exponential_index(0.75, 0), -1);
}

static void powers_of_two_are_upper_bounds_at_every_scale(void **state)
{
  (void)state;
  for (int32_t scale = 1; scale <= SD_EXPONENTIAL_SCALE_MAX; scale++) {
    for (int exponent = -1021; exponent <= 1023; exponent++) {
      double power = ldexp(1, exponent);
      int32_t index = sd_exponential_index(power, scale);
      assert_int_equal(index, exponent * (1 << scale) - 1);
      /* A value just above is never lower; the logarithm does not tell neighbours apart everywhere. */
      assert_true(sd_exponential_index(nextafter(power, INFINITY), scale) >= index);
      assert_true(sd_exponential_index(nextafter(power, 0), scale) <= index + 1);
    }
  }
}

static void a_value_lies_within_the_bounds_of_its_bucket(void **state)
{
  (void)state;
  double value = 1e-300;
  while (value < 1e300) {
    for (int32_t scale = -4; scale <= 10; scale++) {
      double base = exp2(ldexp(1, -scale));
      int32_t index = sd_exponential_index(value, scale);
      double lower = exp2(ldexp(index, -scale));
      assert_true(value > lower * (1 - 1e-9) && value <= lower * base * (1 + 1e-9));
    }
    value *= 1.37;
  }
}

static void the_ends_of_the_range_have_buckets(void **state)
{
  (void)state;
  for (int32_t scale = 1; scale <= SD_EXPONENTIAL_SCALE_MAX; scale++) {
    assert_int_equal(sd_exponential_index(DBL_MAX, scale), ((int64_t)1024 << scale) - 1);
    assert_int_equal(sd_exponential_index(DBL_MIN, scale), -1022 * (1 << scale) - 1);
    assert_int_equal(sd_exponential_index(5e-324, scale), -1022 * (1 << scale) - 1);
  }
  for (int32_t scale = 0; scale >= -10; scale--) {
    assert_int_equal(sd_exponential_index(DBL_MAX, scale), 1023 >> -scale);
    assert_int_equal(sd_exponential_index(DBL_MIN, scale), -1023 >> -scale);
    assert_int_equal(sd_exponential_index(5e-324, scale), -1023 >> -scale);
  }
}

static void one_value_keeps_the_finest_scale(void **state)
{
  (void)state;
  sd_exponential_init(&buckets);
  for (int i = 0; i < 5; i++)
    sd_exponential_add(&buckets, 3.25);
  assert_int_equal(buckets.scale, SD_EXPONENTIAL_SCALE_MAX);
  assert_int_equal(buckets.used, 1);
  assert_int_equal(buckets.counts[0], 5);
  assert_int_equal(buckets.start, sd_exponential_index(3.25, SD_EXPONENTIAL_SCALE_MAX));
}

static void the_scale_goes_down_only_as_far_as_needed(void **state)
{
  (void)state;
  sd_exponential_init(&buckets);
  for (int exponent = 0; exponent < SD_EXPONENTIAL_BUCKETS_MAX; exponent++)
    sd_exponential_add(&buckets, ldexp(1, exponent));
  assert_int_equal(buckets.scale, 0);
  assert_int_equal(buckets.used, SD_EXPONENTIAL_BUCKETS_MAX);
  for (int exponent = 0; exponent < SD_EXPONENTIAL_BUCKETS_MAX; exponent++)
    assert_int_equal(at(exponent - 1), 1);
  sd_exponential_add(&buckets, ldexp(1, SD_EXPONENTIAL_BUCKETS_MAX));
  assert_int_equal(buckets.scale, -1);
  assert_int_equal(total(), SD_EXPONENTIAL_BUCKETS_MAX + 1);
  assert_int_equal(at(-1), 1);
  assert_int_equal(at(0), 2);
}

static void any_order_gives_the_same_buckets(void **state)
{
  (void)state;
  static sd_exponential upwards;
  double values[300];
  for (int i = 0; i < 300; i++)
    values[i] = exp2(i * 0.7 - 100) * 1.1;
  sd_exponential_init(&upwards);
  for (int i = 0; i < 300; i++)
    sd_exponential_add(&upwards, values[i]);
  sd_exponential_init(&buckets);
  for (int i = 299; i >= 0; i--)
    sd_exponential_add(&buckets, values[i]);
  assert_int_equal(buckets.scale, upwards.scale);
  assert_int_equal(buckets.start, upwards.start);
  assert_int_equal(buckets.used, upwards.used);
  assert_memory_equal(buckets.counts, upwards.counts, sizeof buckets.counts);
  sd_exponential_init(&buckets);
  for (int i = 0; i < 300; i++)
    sd_exponential_add(&buckets, values[(i * 7) % 300]);
  assert_int_equal(buckets.start, upwards.start);
  assert_memory_equal(buckets.counts, upwards.counts, sizeof buckets.counts);
}

static void the_whole_range_of_doubles_fits(void **state)
{
  (void)state;
  sd_exponential_init(&buckets);
  sd_exponential_add(&buckets, DBL_MAX);
  sd_exponential_add(&buckets, 5e-324);
  for (int exponent = -1074; exponent < 1024; exponent++)
    sd_exponential_add(&buckets, ldexp(1.5, exponent));
  assert_int_equal(total(), 2 + 2098);
  assert_true(buckets.used <= SD_EXPONENTIAL_BUCKETS_MAX);
  assert_int_equal(buckets.scale, -4);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(at_scale_0_bounds_are_powers_of_two_and_belong_below),
      cmocka_unit_test(powers_of_two_are_upper_bounds_at_every_scale),
      cmocka_unit_test(a_value_lies_within_the_bounds_of_its_bucket),
      cmocka_unit_test(the_ends_of_the_range_have_buckets),
      cmocka_unit_test(one_value_keeps_the_finest_scale),
      cmocka_unit_test(the_scale_goes_down_only_as_far_as_needed),
      cmocka_unit_test(any_order_gives_the_same_buckets),
      cmocka_unit_test(the_whole_range_of_doubles_fits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
