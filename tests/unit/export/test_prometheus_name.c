/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Names of metrics and labels. */
#include "export/prometheus_name.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void is(const char *name, const char *unit, sd_instrument_kind kind, const char *expected)
{
  char dst[SD_PROMETHEUS_NAME_MAX];
  sd_prometheus_metric_name(name, unit, kind, dst);
  assert_string_equal(dst, expected);
}

static void other_characters_become_one_underscore(void **state)
{
  (void)state;
  is("http.server-duration/x", "", SD_GAUGE, "http_server_duration_x");
  is("a._-b", "", SD_GAUGE, "a_b");
  is("a__b", "", SD_GAUGE, "a_b");
}

static void units_are_appended_in_words(void **state)
{
  (void)state;
  is("a", "s", SD_GAUGE, "a_seconds");
  is("a", "ms", SD_HISTOGRAM, "a_milliseconds");
  is("a", "By", SD_UP_DOWN_COUNTER, "a_bytes");
  is("a", "%", SD_GAUGE, "a_percent");
  is("a", "1", SD_GAUGE, "a");
  is("a", "{packet}", SD_GAUGE, "a");
  is("a", "By{transit}", SD_GAUGE, "a_bytes");
  is("a", "m/s", SD_GAUGE, "a_meters_per_second");
  is("a", "{event}/s", SD_GAUGE, "a_per_second");
  is("a", "1/min", SD_GAUGE, "a_per_minute");
  is("a", "furlongs", SD_GAUGE, "a_furlongs");
  is("a", "kg.m", SD_GAUGE, "a_kg_m");
  is("a", "///", SD_GAUGE, "a");
}

static void a_unit_that_is_there_already_is_not_appended(void **state)
{
  (void)state;
  is("a.seconds", "s", SD_GAUGE, "a_seconds");
  is("seconds", "s", SD_GAUGE, "seconds");
  is("milliseconds", "s", SD_GAUGE, "milliseconds_seconds");
  is("a_", "s", SD_GAUGE, "a_seconds");
}

static void counters_end_in_total(void **state)
{
  (void)state;
  is("a", "", SD_COUNTER, "a_total");
  is("a_total", "", SD_COUNTER, "a_total");
  is("a.total", "s", SD_COUNTER, "a_seconds_total");
  is("a_seconds_total", "s", SD_COUNTER, "a_seconds_total");
  is("total", "", SD_COUNTER, "total_total");
  is("a_total", "", SD_GAUGE, "a_total");
}

static void the_longest_name_and_unit_fit(void **state)
{
  (void)state;
  char name[SD_INSTRUMENT_NAME_MAX + 1];
  char unit[SD_INSTRUMENT_UNIT_MAX + 1];
  char dst[SD_PROMETHEUS_NAME_MAX];
  memset(name, 'n', sizeof name - 1);
  memset(unit, 'u', sizeof unit - 1);
  name[sizeof name - 1] = unit[sizeof unit - 1] = '\0';
  sd_prometheus_metric_name(name, unit, SD_COUNTER, dst);
  assert_int_equal(strlen(dst), SD_INSTRUMENT_NAME_MAX + 1 + SD_INSTRUMENT_UNIT_MAX + strlen("_total"));
  unit[30] = '/';
  sd_prometheus_metric_name(name, unit, SD_COUNTER, dst);
  assert_non_null(strstr(dst, "_per_"));
  assert_string_equal(dst + strlen(dst) - 6, "_total");
}

static void label_is(const char *key, const char *expected)
{
  sd_buf buf;
  sd_buf_init(&buf, 1024);
  sd_prometheus_label_name(key, &buf);
  assert_string_equal(sd_buf_text(&buf), expected);
  sd_buf_release(&buf);
}

static void labels_begin_with_no_digit(void **state)
{
  (void)state;
  label_is("http.method", "http_method");
  label_is("9lives", "_9lives");
  label_is("__name__", "_name_");
  label_is("a:b", "a_b");
  label_is("\xC3\xA4", "_");
  label_is("", "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_characters_become_one_underscore),
      cmocka_unit_test(units_are_appended_in_words),
      cmocka_unit_test(a_unit_that_is_there_already_is_not_appended),
      cmocka_unit_test(counters_end_in_total),
      cmocka_unit_test(the_longest_name_and_unit_fit),
      cmocka_unit_test(labels_begin_with_no_digit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
