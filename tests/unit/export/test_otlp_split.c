/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Counting and halving requests. */
#include "base/alloc.h"
#include "export/otlp_frame.h"
#include "export/otlp_split.h"
#include "fake_tracer.h"
#include "walk.h"

enum { RECORDS = 7 };

static sd_attribute resource[] = {{.key = "r", .value = {.type = SD_ANY_INT, .as.integer = 7}}};
static sd_telemetry telemetry = {resource, 1};
static sd_tracer one = {"one", "1.0", &telemetry}, two = {"two", "", &telemetry};

/* Spans named "a" … "g", alternating between two scopes: a c e g, b d f. */
static void make_spans(sd_buf *out)
{
  static const char names[RECORDS][2] = {"a", "b", "c", "d", "e", "f", "g"};
  sd_record records[RECORDS];
  memset(records, 0, sizeof records);
  for (size_t i = 0; i < RECORDS; i++) {
    records[i].kind = SD_RECORD_SPAN;
    records[i].tracer = i % 2 ? &two : &one;
    records[i].otlp = (const uint8_t *)names[i];
    records[i].otlp_len = 1;
  }
  sd_otlp_taken taken;
  sd_buf_init(out, 1000);
  assert_int_equal(sd_otlp_frame_records(SD_SIGNAL_TRACES, records, RECORDS, 1000, out, &taken), SD_OK);
}

static void keep(void *user, sd_bytes request, size_t points)
{
  (void)points;
  assert_int_equal(sd_buf_append_bytes(user, request), SD_OK);
}

static void make_metrics(sd_buf *out)
{
  sd_point_value points[] = {{.unix_ns = 1}, {.unix_ns = 2}, {.unix_ns = 3}};
  sd_metric metric = {.tracer = &one,
                      .name = "n",
                      .kind = SD_COUNTER,
                      .temporality = SD_DELTA,
                      .points = points,
                      .point_count = 3};
  sd_otlp_metrics metrics;
  sd_buf_init(out, 1000);
  sd_otlp_metrics_init(&metrics, 1000, keep, out);
  sd_otlp_metrics_add(&metrics, &metric);
  metric.kind = SD_GAUGE;
  metric.tracer = &two;
  sd_otlp_metrics_add(&metrics, &metric);
  sd_otlp_metrics_end(&metrics);
  sd_otlp_metrics_release(&metrics);
}

static size_t count(int signal, const sd_buf *request)
{
  size_t found = 99;
  assert_int_equal(sd_otlp_count(signal, sd_buf_bytes(request), &found), SD_OK);
  return found;
}

static void halves_hold_the_records_in_order_with_their_scope_and_resource(void **state)
{
  (void)state;
  sd_buf request, first, second;
  make_spans(&request);
  assert_int_equal(count(SD_SIGNAL_TRACES, &request), RECORDS);
  sd_buf_init(&first, 1000);
  sd_buf_init(&second, 1000);
  assert_int_equal(sd_otlp_split(SD_SIGNAL_TRACES, sd_buf_bytes(&request), &first, &second), SD_OK);
  assert_int_equal(count(SD_SIGNAL_TRACES, &first), 3);
  assert_int_equal(count(SD_SIGNAL_TRACES, &second), 4);
  sd_bytes resources = get_bytes(sd_buf_bytes(&first), 1, 0);
  assert_bytes(get_bytes(get_bytes(get_bytes(resources, 1, 0), 1, 0), 1, 0), "r");
  assert_int_equal(count_fields(resources, 2), 1);
  sd_bytes scope = get_bytes(resources, 2, 0);
  assert_bytes(get_bytes(get_bytes(scope, 1, 0), 1, 0), "one");
  assert_bytes(get_bytes(scope, 2, 0), "a");
  assert_bytes(get_bytes(scope, 2, 1), "c");
  assert_bytes(get_bytes(scope, 2, 2), "e");
  resources = get_bytes(sd_buf_bytes(&second), 1, 0);
  assert_bytes(get_bytes(get_bytes(get_bytes(resources, 1, 0), 1, 0), 1, 0), "r");
  assert_bytes(get_bytes(get_bytes(resources, 2, 0), 2, 0), "g");
  assert_bytes(get_bytes(get_bytes(get_bytes(resources, 2, 1), 1, 0), 1, 0), "two");
  assert_bytes(get_bytes(get_bytes(resources, 2, 1), 2, 2), "f");
  sd_buf_release(&request);
  sd_buf_release(&first);
  sd_buf_release(&second);
}

static void a_metric_is_cut_between_its_points(void **state)
{
  (void)state;
  sd_buf request, first, second, quarter, rest;
  make_metrics(&request);
  assert_int_equal(count(SD_SIGNAL_METRICS, &request), 6);
  sd_buf_init(&first, 1000);
  sd_buf_init(&second, 1000);
  sd_buf_init(&quarter, 1000);
  sd_buf_init(&rest, 1000);
  assert_int_equal(sd_otlp_split(SD_SIGNAL_METRICS, sd_buf_bytes(&request), &first, &second), SD_OK);
  assert_int_equal(count(SD_SIGNAL_METRICS, &first), 3);
  assert_int_equal(sd_otlp_split(SD_SIGNAL_METRICS, sd_buf_bytes(&first), &quarter, &rest), SD_OK);
  assert_int_equal(count(SD_SIGNAL_METRICS, &quarter), 1);
  assert_int_equal(count(SD_SIGNAL_METRICS, &rest), 2);
  sd_bytes metric = get_bytes(get_bytes(get_bytes(sd_buf_bytes(&rest), 1, 0), 2, 0), 2, 0);
  assert_bytes(get_bytes(metric, 1, 0), "n");
  sd_bytes sum = get_bytes(metric, 7, 0);
  assert_int_equal(get_field(sum, 2, 0).integer, 1); /* temporality and monotony are in both */
  assert_int_equal(get_field(sum, 3, 0).integer, 1);
  assert_int_equal(get_field(get_bytes(sum, 1, 0), 3, 0).integer, 2);
  assert_int_equal(get_field(get_bytes(sum, 1, 1), 3, 0).integer, 3);
  sd_buf_release(&request);
  sd_buf_release(&first);
  sd_buf_release(&second);
  sd_buf_release(&quarter);
  sd_buf_release(&rest);
}

static void one_record_cannot_be_halved(void **state)
{
  (void)state;
  static const uint8_t single[] = {0x0a, 0x04, 0x12, 0x02, 0x12, 0x00};
  size_t found = 0;
  sd_buf first, second;
  sd_buf_init(&first, 100);
  sd_buf_init(&second, 100);
  sd_bytes request = sd_bytes_make(single, sizeof single);
  assert_int_equal(sd_otlp_count(SD_SIGNAL_LOGS, request, &found), SD_OK);
  assert_int_equal(found, 1);
  assert_int_equal(sd_otlp_split(SD_SIGNAL_LOGS, request, &first, &second), SD_LIMIT);
  assert_int_equal(sd_otlp_split(SD_SIGNAL_LOGS, sd_bytes_make(NULL, 0), &first, &second), SD_LIMIT);
}

static void malformed_requests_are_refused(void **state)
{
  (void)state;
  static const char *const bad[] = {"\x0a", "\x0a\x05\x12", "\x0a\x02\x12\x05", "\x0a\x04\x12\x02\x12\x05"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    size_t found = 99;
    sd_buf first, second;
    sd_buf_init(&first, 100);
    sd_buf_init(&second, 100);
    assert_int_equal(sd_otlp_count(SD_SIGNAL_TRACES, sd_bytes_of(bad[i]), &found), SD_INVALID);
    assert_int_equal(found, 99);
    assert_int_equal(sd_otlp_split(SD_SIGNAL_TRACES, sd_bytes_of(bad[i]), &first, &second), SD_INVALID);
    sd_buf_release(&first);
    sd_buf_release(&second);
  }
}

static void each_allocation_may_fail(void **state)
{
  (void)state;
  sd_buf request;
  make_metrics(&request);
  sd_status status = SD_NOMEM;
  for (uint64_t nth = 1; status == SD_NOMEM; nth++) {
    sd_buf first, second;
    sd_buf_init(&first, 1000);
    sd_buf_init(&second, 1000);
    sd_alloc_fail_nth(nth);
    status = sd_otlp_split(SD_SIGNAL_METRICS, sd_buf_bytes(&request), &first, &second);
    sd_alloc_fail_nth(0);
    assert_true(status == SD_OK ? nth > 2 : status == SD_NOMEM);
    sd_buf_release(&first);
    sd_buf_release(&second);
  }
  sd_buf_release(&request);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(halves_hold_the_records_in_order_with_their_scope_and_resource),
      cmocka_unit_test(a_metric_is_cut_between_its_points),
      cmocka_unit_test(one_record_cannot_be_halved),
      cmocka_unit_test(malformed_requests_are_refused),
      cmocka_unit_test(each_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
