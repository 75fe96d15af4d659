/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What an exporter says about itself. */
#include "export/diagnostic.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct lines {
  size_t count;
  char last[SD_DIAGNOSTIC_TEXT_MAX + 200];
} lines;

static void on_line(void *user, int level, const char *message)
{
  lines *got = user;
  assert_int_equal(level, SD_LEVEL_WARN);
  got->count++;
  snprintf(got->last, sizeof got->last, "%s", message);
}

static sd_diagnostic *make(lines *got)
{
  sd_diagnostic *diagnostic;
  assert_int_equal(sd_diagnostic_new(on_line, got, &diagnostic), SD_OK);
  return diagnostic;
}

static void a_kind_of_trouble_is_told_once_a_minute_and_the_rest_at_the_end(void **state)
{
  (void)state;
  lines got = {0};
  sd_diagnostic *diagnostic = make(&got);
  sd_diagnostic_report(diagnostic, SD_TROUBLE_GIVEN_UP, SD_UNIT_RECORDS, 5, "http://h: refused");
  assert_int_equal(got.count, 1);
  assert_string_equal(got.last, "telemetry export: 5 records dropped after retries: http://h: refused");
  sd_diagnostic_report(diagnostic, SD_TROUBLE_GIVEN_UP, SD_UNIT_RECORDS, 7, "http://h: refused");
  sd_diagnostic_report(diagnostic, SD_TROUBLE_GIVEN_UP, SD_UNIT_RECORDS, 1, "http://h: timed out");
  assert_int_equal(got.count, 1);
  sd_diagnostic_report(diagnostic, SD_TROUBLE_QUEUE_FULL, SD_UNIT_RECORDS, 1, "slow");
  assert_int_equal(got.count, 2);
  assert_string_equal(got.last, "telemetry export: 1 record dropped, too many requests wait: slow");
  sd_diagnostic_finish(diagnostic);
  assert_int_equal(got.count, 3);
  assert_string_equal(got.last, "telemetry export: 8 records dropped after retries: http://h: timed out");
  sd_diagnostic_finish(diagnostic);
  assert_int_equal(got.count, 3);
  sd_diagnostic_report(diagnostic, SD_TROUBLE_GIVEN_UP, SD_UNIT_POINTS, 2, "x");
  assert_string_equal(got.last, "telemetry export: 2 data points dropped after retries: x");
  sd_diagnostic_free(diagnostic);
}

static void a_warning_is_shown_once_per_text(void **state)
{
  (void)state;
  lines got = {0};
  char text[32];
  sd_diagnostic *diagnostic = make(&got);
  sd_diagnostic_warn_once(diagnostic, "one");
  sd_diagnostic_warn_once(diagnostic, "two");
  sd_diagnostic_warn_once(diagnostic, "one");
  assert_int_equal(got.count, 2);
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "%d", i);
    sd_diagnostic_warn_once(diagnostic, text);
  }
  assert_int_equal(got.count, SD_DIAGNOSTIC_WARNINGS_MAX);
  sd_diagnostic_free(diagnostic);
}

static void secrets_and_control_characters_are_not_shown(void **state)
{
  (void)state;
  lines got = {0};
  sd_diagnostic *diagnostic = make(&got);
  assert_int_equal(sd_diagnostic_add_secret(diagnostic, "CANARY-value"), SD_OK);
  assert_int_equal(sd_diagnostic_add_secret(diagnostic, "a"), SD_OK);
  sd_diagnostic_report(diagnostic, SD_TROUBLE_REFUSED, SD_UNIT_RECORDS, 1,
                       "bad token CANARY-value\r\nX:\x1b Bearer abc.def");
  assert_null(strstr(got.last, "CANARY"));
  assert_null(strstr(got.last, "abc.def"));
  assert_null(strpbrk(got.last, "\r\n\x1b"));
  sd_diagnostic_warn_once(diagnostic, "CANARY-value");
  assert_null(strstr(got.last, "CANARY"));
  sd_diagnostic_free(diagnostic);
}

static void nobody_needs_to_listen(void **state)
{
  (void)state;
  sd_diagnostic *diagnostic;
  assert_int_equal(sd_diagnostic_new(NULL, NULL, &diagnostic), SD_OK);
  sd_diagnostic_report(diagnostic, SD_TROUBLE_REFUSED, SD_UNIT_RECORDS, 1, "x");
  sd_diagnostic_warn_once(diagnostic, "x");
  sd_diagnostic_finish(diagnostic);
  sd_diagnostic_free(diagnostic);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_kind_of_trouble_is_told_once_a_minute_and_the_rest_at_the_end),
      cmocka_unit_test(a_warning_is_shown_once_per_text),
      cmocka_unit_test(secrets_and_control_characters_are_not_shown),
      cmocka_unit_test(nobody_needs_to_listen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
