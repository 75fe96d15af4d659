/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Clocks and time stamps. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <streamduck/error.h>
#include <time.h>

#include <cmocka.h>

static void the_monotonic_clock_never_goes_back(void **state)
{
  (void)state;
  uint64_t last = sd_clock_monotonic_ns();
  for (int i = 0; i < 10000; i++) {
    uint64_t now = sd_clock_monotonic_ns();
    assert_true(now >= last);
    last = now;
  }
  assert_true(sd_clock_monotonic_ms() >= last / 1000000);
}

static void the_wall_clock_counts_microseconds(void **state)
{
  (void)state;
  time_t before = time(NULL);
  int64_t now = sd_clock_unix_us();
  assert_true(now / 1000000 >= before - 1 && now / 1000000 <= time(NULL) + 1);
}

static const struct {
  const char *text;
  int64_t us;
} stamps[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:00.000001Z", 1},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"2026-11-22T17:40:00.123456Z", INT64_C(1795369200123456)},
    {"2024-02-29T12:00:00Z", INT64_C(1709208000000000)},
    {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
    {"0001-01-01T00:00:00Z", INT64_C(-62135596800000000)},
    {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
};

static void stamps_are_written_and_read_back(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
    char text[SD_CLOCK_ISO8601_SIZE];
    assert_ptr_equal(sd_clock_iso8601(stamps[i].us, text), text);
    assert_string_equal(text, stamps[i].text);
    int64_t us = 42;
    assert_int_equal(sd_clock_parse_iso8601(stamps[i].text, &us), SD_OK);
    assert_true(us == stamps[i].us);
  }
}

static void years_outside_the_calendar_are_invalid(void **state)
{
  (void)state;
  char text[SD_CLOCK_ISO8601_SIZE];
  assert_string_equal(sd_clock_iso8601(INT64_MIN, text), "invalid");
  assert_string_equal(sd_clock_iso8601(INT64_MAX, text), "invalid");
  assert_string_equal(sd_clock_iso8601(INT64_C(-62135596800000001), text), "invalid");
  assert_string_equal(sd_clock_iso8601(INT64_C(253402300800000000), text), "invalid");
}

static void offsets_fractions_and_leap_seconds_are_understood(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    const char *same;
  } pairs[] = {
      {"2026-11-22T18:40:00+01:00", "2026-11-22T17:40:00Z"},
      {"2026-11-22T12:10:00.5-05:30", "2026-11-22T17:40:00.500000Z"},
      {"2026-11-22T17:40:00.123456789Z", "2026-11-22T17:40:00.123456Z"},
      {"2026-11-22t17:40:00z", "2026-11-22T17:40:00Z"},
      {"2026-11-22T17:40:00-00:00", "2026-11-22T17:40:00Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
      {"2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00Z"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    int64_t us;
    char text[SD_CLOCK_ISO8601_SIZE];
    assert_int_equal(sd_clock_parse_iso8601(pairs[i].text, &us), SD_OK);
    assert_string_equal(sd_clock_iso8601(us, text), pairs[i].same);
  }
}

static void anything_else_is_invalid_and_writes_nothing(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "",
      "2026",
      "2026-11-22",
      "2026-11-22T17:40:00",
      "2026-11-22T17:40Z",
      "2026-11-22 17:40:00Z",
      "2026-11-22T17:40:00.Z",
      "2026-11-22T17:40:00.1234567890Z",
      "2026-11-22T17:40:00Zx",
      " 2026-11-22T17:40:00Z",
      "2026-13-01T00:00:00Z",
      "2026-00-01T00:00:00Z",
      "2026-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z",
      "2026-04-31T00:00:00Z",
      "2026-01-00T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:60:00Z",
      "2026-01-01T00:00:61Z",
      "2026-01-01T12:00:60Z",
      "2026-01-01T00:00:00+24:00",
      "2026-01-01T00:00:00+01:60",
      "2026-01-01T00:00:00+0100",
      "0000-01-01T00:00:00Z",
      "0001-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59-00:01",
      "+026-01-01T00:00:00Z",
  };
  int64_t us = 42;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(sd_clock_parse_iso8601(bad[i], &us), SD_INVALID);
  assert_int_equal(sd_clock_parse_iso8601(NULL, &us), SD_INVALID);
  assert_true(us == 42);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_monotonic_clock_never_goes_back),
      cmocka_unit_test(the_wall_clock_counts_microseconds),
      cmocka_unit_test(stamps_are_written_and_read_back),
      cmocka_unit_test(years_outside_the_calendar_are_invalid),
      cmocka_unit_test(offsets_fractions_and_leap_seconds_are_understood),
      cmocka_unit_test(anything_else_is_invalid_and_writes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
