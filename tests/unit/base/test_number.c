/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text. */
#include "base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(double value, const char *expected)
{
  char text[SD_DOUBLE_TEXT_SIZE];
  size_t len = sd_double_to_text(value, text);
  assert_string_equal(text, expected);
  assert_int_equal(len, strlen(expected));
}

static void the_shortest_text_that_reads_back_is_taken(void **state)
{
  (void)state;
  assert_text(0, "0");
  assert_text(-0.0, "-0.0");
  assert_text(1, "1");
  assert_text(0.1, "0.1");
  assert_text(-2.5, "-2.5");
  assert_text(0.1 + 0.2, "0.30000000000000004");
  assert_text(1e300, "1e+300");
  assert_text(DBL_MAX, "1.7976931348623157e+308");
  assert_text(DBL_TRUE_MIN, "4.94065645841247e-324");
}

static void what_is_not_finite_has_a_name(void **state)
{
  (void)state;
  assert_text((double)NAN, "NaN");
  assert_text((double)INFINITY, "Infinity");
  assert_text((double)-INFINITY, "-Infinity");
}

static void every_double_reads_back(void **state)
{
  (void)state;
  uint64_t bits = 88172645463325252u;
  for (int i = 0; i < 100000; i++) {
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    double value;
    memcpy(&value, &bits, sizeof value);
    char text[SD_DOUBLE_TEXT_SIZE];
    sd_double_to_text(value, text);
    double back = strtod(text, NULL);
    assert_true(isnan(value) ? isnan(back) != 0 : memcmp(&back, &value, sizeof back) == 0);
  }
}

static void the_decimal_point_is_a_point_in_every_locale(void **state)
{
  (void)state;
  static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8", "C"};
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    if (!setlocale(LC_NUMERIC, locales[i]))
      continue; /* not installed here */
    assert_text(0.5, "0.5");
    assert_text(-1.25e-30, "-1.25e-30");
  }
  setlocale(LC_NUMERIC, "C");
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_shortest_text_that_reads_back_is_taken),
      cmocka_unit_test(what_is_not_finite_has_a_name),
      cmocka_unit_test(every_double_reads_back),
      cmocka_unit_test(the_decimal_point_is_a_point_in_every_locale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
