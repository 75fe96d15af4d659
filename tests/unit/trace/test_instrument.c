/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Instruments: their names, finding them again, limits. */
#include "base/alloc.h"
#include "metrics_rig.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_telemetry *telemetry;
static seen all;

static int begin(void **state)
{
  (void)state;
  telemetry = rig_telemetry(NULL);
  return 0;
}

static int end(void **state)
{
  (void)state;
  sd_telemetry_free(telemetry);
  return 0;
}

static sd_status make(sd_instrument_options options, sd_instrument **instrument, sd_error *error)
{
  options.struct_size = sizeof options;
  return sd_instrument_new(rig_tracer(telemetry), &options, instrument, error);
}

static void names_follow_the_specification(void **state)
{
  (void)state;
  char longest[SD_INSTRUMENT_NAME_MAX + 2];
  memset(longest, 'n', sizeof longest - 1);
  longest[SD_INSTRUMENT_NAME_MAX] = '\0';
  const char *const good[] = {"a", "Z9", "http.server-duration/x_y", longest};
  sd_instrument *instrument = NULL;
  sd_error error;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    assert_int_equal(make((sd_instrument_options){.name = good[i], .kind = SD_COUNTER}, &instrument, NULL),
                     SD_OK);
  char too_long[SD_INSTRUMENT_NAME_MAX + 2];
  memset(too_long, 'n', sizeof too_long - 1);
  too_long[SD_INSTRUMENT_NAME_MAX + 1] = '\0';
  const char *const bad[] = {NULL, "", "1a", "_a", ".a", "a b", "a\xC3\xA4", "a:b", "a\n", too_long};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(make((sd_instrument_options){.name = bad[i], .kind = SD_COUNTER}, &instrument, &error),
                     SD_INVALID);
    assert_non_null(strstr(error.message, "name"));
  }
}

static void units_are_printable_ascii(void **state)
{
  (void)state;
  char unit[SD_INSTRUMENT_UNIT_MAX + 2];
  memset(unit, 'u', sizeof unit);
  unit[SD_INSTRUMENT_UNIT_MAX] = '\0';
  sd_instrument *instrument = NULL;
  assert_int_equal(
      make((sd_instrument_options){.name = "a", .kind = SD_GAUGE, .unit = unit}, &instrument, NULL), SD_OK);
  unit[SD_INSTRUMENT_UNIT_MAX] = 'u';
  unit[SD_INSTRUMENT_UNIT_MAX + 1] = '\0';
  assert_int_equal(
      make((sd_instrument_options){.name = "b", .kind = SD_GAUGE, .unit = unit}, &instrument, NULL),
      SD_INVALID);
  assert_int_equal(
      make((sd_instrument_options){.name = "b", .kind = SD_GAUGE, .unit = "\xC2\xB5s"}, &instrument, NULL),
      SD_INVALID);
}

static void impossible_options_are_refused(void **state)
{
  (void)state;
  sd_instrument *instrument = NULL;
  sd_instrument_options unset = {.name = "a", .kind = SD_COUNTER};
  assert_int_equal(sd_instrument_new(rig_tracer(telemetry), &unset, &instrument, NULL), SD_INVALID);
  assert_int_equal(sd_instrument_new(rig_tracer(telemetry), NULL, &instrument, NULL), SD_INVALID);
  assert_int_equal(make((sd_instrument_options){.name = "a"}, &instrument, NULL), SD_INVALID);
  assert_int_equal(
      make((sd_instrument_options){.name = "a", .kind = (sd_instrument_kind)9}, &instrument, NULL),
      SD_INVALID);
  const double falling[] = {1, 3, 2};
  const double same[] = {1, 1};
  const double endless[] = {1, INFINITY};
  double many[SD_HISTOGRAM_BOUNDS_MAX + 1];
  for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
    many[i] = (double)i;
  sd_instrument_options options = {
      .name = "h", .kind = SD_HISTOGRAM, .boundaries = falling, .boundary_count = 3};
  assert_int_equal(make(options, &instrument, NULL), SD_INVALID);
  options.boundaries = same;
  options.boundary_count = 2;
  assert_int_equal(make(options, &instrument, NULL), SD_INVALID);
  options.boundaries = endless;
  assert_int_equal(make(options, &instrument, NULL), SD_INVALID);
  options.boundaries = many;
  options.boundary_count = SD_HISTOGRAM_BOUNDS_MAX + 1;
  assert_int_equal(make(options, &instrument, NULL), SD_LIMIT);
  options.boundary_count = SD_HISTOGRAM_BOUNDS_MAX;
  assert_int_equal(make(options, &instrument, NULL), SD_OK);
}

static void the_same_name_gives_the_same_instrument(void **state)
{
  (void)state;
  sd_instrument *first = NULL;
  sd_instrument *second = NULL;
  assert_int_equal(
      make((sd_instrument_options){.name = "req.count", .kind = SD_COUNTER, .unit = "s"}, &first, NULL),
      SD_OK);
  assert_int_equal(
      make((sd_instrument_options){.name = "REQ.Count", .kind = SD_COUNTER, .unit = "s"}, &second, NULL),
      SD_OK);
  assert_ptr_equal(first, second);
  sd_error error;
  assert_int_equal(
      make((sd_instrument_options){.name = "req.count", .kind = SD_GAUGE, .unit = "s"}, &second, &error),
      SD_CONFLICT);
  assert_non_null(strstr(error.message, "req.count"));
  assert_int_equal(make((sd_instrument_options){.name = "req.count", .kind = SD_COUNTER}, &second, NULL),
                   SD_CONFLICT);
  assert_int_equal(
      make((sd_instrument_options){.name = "req.count", .kind = SD_COUNTER, .unit = "s", .floating = true},
           &second, NULL),
      SD_CONFLICT);
  assert_ptr_equal(first, second);
}

static void scopes_are_apart(void **state)
{
  (void)state;
  sd_instrument_options options = {.struct_size = sizeof options, .name = "n", .kind = SD_COUNTER};
  sd_instrument *first = NULL;
  sd_instrument *second = NULL;
  sd_instrument *third = NULL;
  assert_int_equal(sd_instrument_new(sd_telemetry_tracer(telemetry, "x", "1"), &options, &first, NULL),
                   SD_OK);
  assert_int_equal(sd_instrument_new(sd_telemetry_tracer(telemetry, "x", "2"), &options, &second, NULL),
                   SD_OK);
  options.kind = SD_GAUGE;
  assert_int_equal(sd_instrument_new(sd_telemetry_tracer(telemetry, "y", "1"), &options, &third, NULL),
                   SD_OK);
  assert_ptr_not_equal(first, second);
  assert_ptr_not_equal(first, third);
}

static void metrics_come_ordered_by_scope_and_name(void **state)
{
  (void)state;
  sd_metric_reader *reader = rig_reader(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  static const char *const names[] = {"m", "B", "z", "a", "c"};
  for (size_t i = 0; i < 5; i++)
    sd_point_add(sd_instrument_point(rig_instrument(telemetry, names[i], SD_COUNTER, false), NULL, 0), 1);
  sd_instrument_options options = {.struct_size = sizeof options, .name = "q", .kind = SD_COUNTER};
  sd_instrument *other = NULL;
  assert_int_equal(sd_instrument_new(sd_telemetry_tracer(telemetry, "before", NULL), &options, &other, NULL),
                   SD_OK);
  sd_point_add(sd_instrument_point(other, NULL, 0), 1);
  rig_collect(reader, &all);
  static const char *const expected[] = {"q", "a", "B", "c", "m", "z"};
  assert_int_equal(all.count, 6);
  for (size_t i = 0; i < 6; i++)
    assert_string_equal(all.points[i].name, expected[i]);
}

static void there_are_only_so_many(void **state)
{
  (void)state;
  sd_status status = SD_OK;
  size_t made = 0;
  while (status == SD_OK) {
    char name[16];
    sd_instrument *instrument = NULL;
    snprintf(name, sizeof name, "n%zu", made);
    status = make((sd_instrument_options){.name = name, .kind = SD_COUNTER}, &instrument, NULL);
    made += status == SD_OK;
  }
  assert_int_equal(status, SD_LIMIT);
  assert_true(made <= SD_INSTRUMENTS_MAX && made > SD_INSTRUMENTS_MAX - 20);
}

static void null_is_allowed_everywhere(void **state)
{
  (void)state;
  sd_instrument_options options = {.struct_size = sizeof options, .name = "n", .kind = SD_COUNTER};
  sd_instrument *instrument = (sd_instrument *)(void *)&options;
  assert_int_equal(sd_instrument_new(NULL, &options, &instrument, NULL), SD_OK);
  assert_null(instrument);
  sd_point *point = sd_instrument_point(NULL, NULL, 0);
  assert_null(point);
  sd_point_add(point, 1);
  sd_point_add_double(point, 1);
  sd_point_set(point, 1);
  sd_point_set_double(point, 1);
  sd_point_record(point, 1);
}

static void without_memory_nothing_is_made(void **state)
{
  (void)state;
  bool was_made = false;
  for (uint64_t nth = 1; !was_made; nth++) {
    char text[20000];
    memset(text, 'd', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    sd_instrument *instrument = NULL;
    sd_tracer *tracer = rig_tracer(telemetry);
    sd_instrument_options options = {
        .struct_size = sizeof options, .name = "n", .kind = SD_COUNTER, .description = text};
    sd_alloc_fail_nth(nth);
    sd_status status = sd_instrument_new(tracer, &options, &instrument, NULL);
    was_made = sd_alloc_calls() < nth;
    sd_alloc_fail_nth(0);
    assert_int_equal(status, was_made ? SD_OK : SD_NOMEM);
    assert_int_equal(instrument != NULL, was_made);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(names_follow_the_specification, begin, end),
      cmocka_unit_test_setup_teardown(units_are_printable_ascii, begin, end),
      cmocka_unit_test_setup_teardown(impossible_options_are_refused, begin, end),
      cmocka_unit_test_setup_teardown(the_same_name_gives_the_same_instrument, begin, end),
      cmocka_unit_test_setup_teardown(scopes_are_apart, begin, end),
      cmocka_unit_test_setup_teardown(metrics_come_ordered_by_scope_and_name, begin, end),
      cmocka_unit_test_setup_teardown(there_are_only_so_many, begin, end),
      cmocka_unit_test(null_is_allowed_everywhere),
      cmocka_unit_test_setup_teardown(without_memory_nothing_is_made, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
