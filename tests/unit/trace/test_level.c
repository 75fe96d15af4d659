/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Names of levels. */
#include <streamduck/trace.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void each_name_gives_its_level_without_case(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    sd_level level;
  } names[] = {{"trace", SD_LEVEL_TRACE},   {"Debug", SD_LEVEL_DEBUG}, {"INFO", SD_LEVEL_INFO},
               {"notice", SD_LEVEL_NOTICE}, {"warn", SD_LEVEL_WARN},   {"Warning", SD_LEVEL_WARN},
               {"error", SD_LEVEL_ERROR},   {"fatal", SD_LEVEL_FATAL}, {"critical", SD_LEVEL_FATAL}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    sd_level level = SD_LEVEL_NONE;
    assert_int_equal(sd_level_parse(names[i].name, &level), SD_OK);
    assert_int_equal(level, names[i].level);
  }
}

static void other_words_are_refused_and_leave_the_level_alone(void **state)
{
  (void)state;
  sd_level level = SD_LEVEL_NOTICE;
  static const char *const words[] = {"", "warn ", "warnings", "9", "none", NULL};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    assert_int_equal(sd_level_parse(words[i], &level), SD_INVALID);
  assert_int_equal(level, SD_LEVEL_NOTICE);
}

static void a_number_between_two_levels_has_the_lower_ones_name(void **state)
{
  (void)state;
  assert_string_equal(sd_level_name(0), "none");
  assert_string_equal(sd_level_name(-3), "none");
  assert_string_equal(sd_level_name(1), "trace");
  assert_string_equal(sd_level_name(8), "debug");
  assert_string_equal(sd_level_name(9), "info");
  assert_string_equal(sd_level_name(10), "notice");
  assert_string_equal(sd_level_name(13), "warn");
  assert_string_equal(sd_level_name(16), "warn");
  assert_string_equal(sd_level_name(17), "error");
  assert_string_equal(sd_level_name(21), "fatal");
  assert_string_equal(sd_level_name(99), "fatal");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_name_gives_its_level_without_case),
      cmocka_unit_test(other_words_are_refused_and_leave_the_level_alone),
      cmocka_unit_test(a_number_between_two_levels_has_the_lower_ones_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
