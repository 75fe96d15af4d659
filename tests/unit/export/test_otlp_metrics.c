/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Metrics into requests: each kind of point, grouping, splitting. */
#include "base/alloc.h"
#include "export/otlp_frame.h"
#include "export/otlp_split.h"
#include "fake_tracer.h"
#include "walk.h"

#include <float.h>

enum { REQUESTS_MAX = 64 };

static sd_attribute resource[] = {{.key = "r", .value = {.type = SD_ANY_INT, .as.integer = 7}}};
static sd_telemetry telemetry = {resource, 1};
static sd_tracer one = {"one", "1.0", &telemetry}, two = {"two", "", &telemetry};
static sd_attribute label[] = {{.key = "k", .value = {.type = SD_ANY_STRING, .len = 1, .as.string = "v"}}};

typedef struct requests {
  sd_buf data[REQUESTS_MAX];
  size_t points[REQUESTS_MAX];
  size_t count;
} requests;

static void on_request(void *user, sd_bytes request, size_t points)
{
  requests *seen = user;
  assert_true(seen->count < REQUESTS_MAX);
  sd_buf_init(&seen->data[seen->count], request.len);
  assert_int_equal(sd_buf_append_bytes(&seen->data[seen->count], request), SD_OK);
  seen->points[seen->count++] = points;
}

static void release(requests *seen)
{
  for (size_t i = 0; i < seen->count; i++)
    sd_buf_release(&seen->data[i]);
  seen->count = 0;
}

static uint64_t bits_of(double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* The only metric of a single request. */
static sd_bytes frame_one(const sd_metric *metric, requests *seen)
{
  sd_otlp_metrics metrics;
  sd_otlp_metrics_init(&metrics, 10000, on_request, seen);
  sd_otlp_metrics_add(&metrics, metric);
  assert_int_equal(seen->count, 0);
  sd_otlp_metrics_end(&metrics);
  assert_int_equal(metrics.dropped, 0);
  sd_otlp_metrics_release(&metrics);
  assert_int_equal(seen->count, 1);
  assert_int_equal(seen->points[0], metric->point_count);
  sd_bytes resources = get_bytes(sd_buf_bytes(&seen->data[0]), 1, 0);
  assert_bytes(get_bytes(get_bytes(get_bytes(resources, 1, 0), 1, 0), 1, 0), "r");
  sd_bytes scope = get_bytes(resources, 2, 0);
  assert_bytes(get_bytes(get_bytes(scope, 1, 0), 1, 0), "one");
  return get_bytes(scope, 2, 0);
}

static void a_counter_is_a_monotonic_sum(void **state)
{
  (void)state;
  sd_point_value point = {
      .attributes = label, .attribute_count = 1, .start_unix_ns = 5, .unix_ns = 9, .integer = INT64_MIN};
  sd_metric metric = {.tracer = &one,
                      .name = "n",
                      .unit = "By",
                      .description = "d",
                      .kind = SD_COUNTER,
                      .temporality = SD_DELTA,
                      .points = &point,
                      .point_count = 1};
  requests seen = {.count = 0};
  sd_bytes m = frame_one(&metric, &seen);
  assert_bytes(get_bytes(m, 1, 0), "n");
  assert_bytes(get_bytes(m, 2, 0), "d");
  assert_bytes(get_bytes(m, 3, 0), "By");
  sd_bytes sum = get_bytes(m, 7, 0);
  assert_int_equal(get_field(sum, 2, 0).integer, 1);
  assert_int_equal(get_field(sum, 3, 0).integer, 1);
  sd_bytes p = get_bytes(sum, 1, 0);
  assert_int_equal(get_field(p, 2, 0).integer, 5);
  assert_int_equal(get_field(p, 3, 0).integer, 9);
  assert_int_equal(get_field(p, 6, 0).wire_type, SD_PB_FIXED64);
  assert_true((int64_t)get_field(p, 6, 0).integer == INT64_MIN);
  assert_int_equal(count_fields(p, 4), 0);
  assert_bytes(get_bytes(get_bytes(p, 7, 0), 1, 0), "k");
  release(&seen);
}

static void an_up_down_counter_is_a_sum_and_not_monotonic(void **state)
{
  (void)state;
  sd_point_value point = {.start_unix_ns = 5, .unix_ns = 9, .number = -0.5};
  sd_metric metric = {.tracer = &one,
                      .name = "n",
                      .kind = SD_UP_DOWN_COUNTER,
                      .floating = true,
                      .temporality = SD_CUMULATIVE,
                      .points = &point,
                      .point_count = 1};
  requests seen = {.count = 0};
  sd_bytes sum = get_bytes(frame_one(&metric, &seen), 7, 0);
  assert_int_equal(get_field(sum, 2, 0).integer, 2);
  assert_int_equal(count_fields(sum, 3), 0);
  sd_bytes p = get_bytes(sum, 1, 0);
  assert_true(get_field(p, 4, 0).integer == bits_of(-0.5));
  assert_int_equal(count_fields(p, 6), 0);
  assert_int_equal(count_fields(p, 7), 0);
  release(&seen);
}

static void a_gauge_has_neither_start_nor_temporality(void **state)
{
  (void)state;
  sd_point_value point = {.unix_ns = 9, .integer = 0};
  sd_metric metric = {.tracer = &one,
                      .name = "n",
                      .unit = "",
                      .kind = SD_GAUGE,
                      .temporality = SD_CUMULATIVE,
                      .points = &point,
                      .point_count = 1};
  requests seen = {.count = 0};
  sd_bytes m = frame_one(&metric, &seen);
  assert_int_equal(count_fields(m, 2), 0);
  assert_int_equal(count_fields(m, 3), 0);
  sd_bytes gauge = get_bytes(m, 5, 0);
  assert_int_equal(count_fields(gauge, 2), 0);
  sd_bytes p = get_bytes(gauge, 1, 0);
  assert_int_equal(count_fields(p, 2), 0);
  assert_int_equal(count_fields(p, 6), 1); /* zero is a value */
  release(&seen);
}

static void an_explicit_histogram_has_its_buckets_packed(void **state)
{
  (void)state;
  static const uint64_t counts[] = {1, 0, UINT64_MAX};
  static const double bounds[] = {0.5, DBL_MAX};
  static const uint8_t packed_counts[] = {1, 0, 0, 0, 0,   0,   0,   0,   0,   0,   0,   0,
                                          0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
  sd_point_value point = {.attributes = label,
                          .attribute_count = 1,
                          .start_unix_ns = 5,
                          .unix_ns = 9,
                          .count = 2,
                          .sum = 3.5,
                          .min = 0.25,
                          .max = 3.25,
                          .bucket_counts = counts,
                          .boundaries = bounds,
                          .boundary_count = 2};
  sd_metric metric = {.tracer = &one,
                      .name = "n",
                      .kind = SD_HISTOGRAM,
                      .floating = true,
                      .temporality = SD_CUMULATIVE,
                      .points = &point,
                      .point_count = 1};
  requests seen = {.count = 0};
  sd_bytes histogram = get_bytes(frame_one(&metric, &seen), 9, 0);
  assert_int_equal(get_field(histogram, 2, 0).integer, 2);
  sd_bytes p = get_bytes(histogram, 1, 0);
  assert_int_equal(get_field(p, 4, 0).integer, 2);
  assert_int_equal(get_field(p, 4, 0).wire_type, SD_PB_FIXED64);
  assert_true(get_field(p, 5, 0).integer == bits_of(3.5));
  assert_int_equal(get_bytes(p, 6, 0).len, 24);
  assert_memory_equal(get_bytes(p, 6, 0).data, packed_counts, 24);
  assert_int_equal(get_bytes(p, 7, 0).len, 16);
  assert_bytes(get_bytes(get_bytes(p, 9, 0), 1, 0), "k");
  assert_true(get_field(p, 11, 0).integer == bits_of(0.25));
  assert_true(get_field(p, 12, 0).integer == bits_of(3.25));
  release(&seen);
}

static void an_empty_histogram_has_no_least_and_greatest_value(void **state)
{
  (void)state;
  static const uint64_t none = 0;
  sd_point_value point = {.start_unix_ns = 5, .unix_ns = 9, .bucket_counts = &none};
  sd_metric metric = {.tracer = &one,
                      .name = "n",
                      .kind = SD_HISTOGRAM,
                      .temporality = SD_DELTA,
                      .points = &point,
                      .point_count = 1};
  requests seen = {.count = 0};
  sd_bytes p = get_bytes(get_bytes(frame_one(&metric, &seen), 9, 0), 1, 0);
  assert_int_equal(get_bytes(p, 6, 0).len, 8);
  assert_int_equal(count_fields(p, 7), 0);
  assert_int_equal(count_fields(p, 11) + count_fields(p, 12), 0);
  release(&seen);
}

static void an_exponential_histogram_has_zigzag_scale_and_varint_buckets(void **state)
{
  (void)state;
  static const uint64_t positive[] = {1, 0, 300}, negative[] = {7};
  sd_point_value point = {.attributes = label,
                          .attribute_count = 1,
                          .start_unix_ns = 5,
                          .unix_ns = 9,
                          .count = 310,
                          .sum = -1,
                          .min = -8,
                          .max = 8,
                          .scale = -3,
                          .zero_count = 2,
                          .positive = {-70000, positive, 3},
                          .negative = {2147483647, negative, 1}};
  sd_metric metric = {.tracer = &one,
                      .name = "n",
                      .kind = SD_HISTOGRAM,
                      .form = SD_HISTOGRAM_EXPONENTIAL,
                      .temporality = SD_DELTA,
                      .points = &point,
                      .point_count = 1};
  requests seen = {.count = 0};
  sd_bytes histogram = get_bytes(frame_one(&metric, &seen), 10, 0);
  assert_int_equal(get_field(histogram, 2, 0).integer, 1);
  sd_bytes p = get_bytes(histogram, 1, 0);
  assert_bytes(get_bytes(get_bytes(p, 1, 0), 1, 0), "k");
  assert_int_equal(get_field(p, 4, 0).integer, 310);
  assert_int_equal(get_field(p, 6, 0).integer, 5); /* zigzag of -3 */
  assert_int_equal(get_field(p, 7, 0).wire_type, SD_PB_FIXED64);
  assert_int_equal(get_field(p, 7, 0).integer, 2);
  sd_bytes buckets = get_bytes(p, 8, 0);
  assert_int_equal(get_field(buckets, 1, 0).integer, 139999);
  assert_bytes(sd_bytes_make(get_bytes(buckets, 2, 0).data + 2, 2), "\xac\x02");
  assert_int_equal(get_bytes(buckets, 2, 0).len, 4);
  assert_true(get_field(get_bytes(p, 9, 0), 1, 0).integer == UINT32_MAX - 1);
  assert_true(get_field(p, 12, 0).integer == bits_of(-8));
  assert_true(get_field(p, 13, 0).integer == bits_of(8));
  release(&seen);
}

static void metrics_of_a_scope_stand_together(void **state)
{
  (void)state;
  sd_point_value points[] = {{.unix_ns = 1}, {.unix_ns = 2}};
  sd_metric metric = {.tracer = &one, .name = "a", .kind = SD_GAUGE, .points = points, .point_count = 2};
  requests seen = {.count = 0};
  sd_otlp_metrics metrics;
  sd_otlp_metrics_init(&metrics, 10000, on_request, &seen);
  sd_otlp_metrics_add(&metrics, &metric);
  metric.name = "b";
  sd_otlp_metrics_add(&metrics, &metric);
  metric.tracer = &two;
  sd_otlp_metrics_add(&metrics, &metric);
  sd_otlp_metrics_end(&metrics);
  sd_otlp_metrics_end(&metrics); /* nothing is left */
  sd_otlp_metrics_release(&metrics);
  assert_int_equal(seen.count, 1);
  assert_int_equal(seen.points[0], 6);
  assert_int_equal(count_fields(sd_buf_bytes(&seen.data[0]), 1), 1);
  sd_bytes resources = get_bytes(sd_buf_bytes(&seen.data[0]), 1, 0);
  assert_int_equal(count_fields(resources, 1), 1);
  assert_int_equal(count_fields(resources, 2), 2);
  assert_int_equal(count_fields(get_bytes(resources, 2, 0), 2), 2);
  assert_int_equal(count_fields(get_bytes(resources, 2, 1), 2), 1);
  sd_bytes gauge = get_bytes(get_bytes(get_bytes(resources, 2, 0), 2, 1), 5, 0);
  assert_int_equal(count_fields(gauge, 1), 2);
  assert_int_equal(get_field(get_bytes(gauge, 1, 1), 3, 0).integer, 2);
  release(&seen);
}

static void at_every_limit_each_point_is_in_one_request_or_counted(void **state)
{
  (void)state;
  sd_point_value points[10];
  memset(points, 0, sizeof points);
  for (size_t i = 0; i < 10; i++)
    points[i] = (sd_point_value){.attributes = label, .attribute_count = i % 2, .unix_ns = 1 + (int64_t)i};
  for (size_t max = 0; max < 700; max += 3) {
    requests seen = {.count = 0};
    sd_otlp_metrics metrics;
    sd_otlp_metrics_init(&metrics, max, on_request, &seen);
    for (int i = 0; i < 3; i++) {
      sd_metric metric = {.tracer = i < 2 ? &one : &two,
                          .name = "name",
                          .kind = SD_COUNTER,
                          .temporality = SD_DELTA,
                          .points = points,
                          .point_count = 10};
      sd_otlp_metrics_add(&metrics, &metric);
    }
    sd_otlp_metrics_end(&metrics);
    size_t sum = 0;
    for (size_t i = 0; i < seen.count; i++) {
      size_t counted = 0;
      assert_true(seen.data[i].len <= max);
      assert_int_equal(sd_otlp_count(SD_SIGNAL_METRICS, sd_buf_bytes(&seen.data[i]), &counted), SD_OK);
      assert_int_equal(counted, seen.points[i]);
      sum += counted;
    }
    assert_int_equal(sum + metrics.dropped, 30);
    assert_true(max < 110 || metrics.dropped == 0);
    assert_true(max > 50 || seen.count == 0);
    sd_otlp_metrics_release(&metrics);
    release(&seen);
  }
}

static void short_memory_costs_points_and_nothing_else(void **state)
{
  (void)state;
  sd_point_value points[] = {{.unix_ns = 1}, {.unix_ns = 2}, {.unix_ns = 3}};
  sd_metric metric = {.tracer = &one, .name = "a", .kind = SD_GAUGE, .points = points, .point_count = 3};
  for (uint64_t nth = 1; nth <= 2; nth++) {
    requests seen = {.count = 0};
    sd_otlp_metrics metrics;
    sd_otlp_metrics_init(&metrics, 10000, on_request, &seen);
    sd_alloc_fail_nth(nth);
    sd_otlp_metrics_add(&metrics, &metric);
    sd_alloc_fail_nth(0);
    assert_int_equal(metrics.dropped, 1);
    sd_otlp_metrics_end(&metrics);
    sd_otlp_metrics_release(&metrics);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.points[0], 2);
    size_t counted = 0;
    assert_int_equal(sd_otlp_count(SD_SIGNAL_METRICS, sd_buf_bytes(&seen.data[0]), &counted), SD_OK);
    assert_int_equal(counted, 2);
    release(&seen);
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_counter_is_a_monotonic_sum),
      cmocka_unit_test(an_up_down_counter_is_a_sum_and_not_monotonic),
      cmocka_unit_test(a_gauge_has_neither_start_nor_temporality),
      cmocka_unit_test(an_explicit_histogram_has_its_buckets_packed),
      cmocka_unit_test(an_empty_histogram_has_no_least_and_greatest_value),
      cmocka_unit_test(an_exponential_histogram_has_zigzag_scale_and_varint_buckets),
      cmocka_unit_test(metrics_of_a_scope_stand_together),
      cmocka_unit_test(at_every_limit_each_point_is_in_one_request_or_counted),
      cmocka_unit_test(short_memory_costs_points_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
