/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Labels as text. */
#include "base/alloc.h"
#include "export/prometheus_label.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_prometheus_labels labels;

static int begin(void **state)
{
  (void)state;
  sd_prometheus_labels_init(&labels, 64 * 1024);
  return 0;
}

static int end(void **state)
{
  (void)state;
  sd_prometheus_labels_release(&labels);
  return 0;
}

static void written(const char *reserved, const char *expected)
{
  sd_buf out;
  sd_buf_init(&out, 64 * 1024);
  assert_int_equal(sd_prometheus_labels_write(&labels, reserved, &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), expected);
  sd_buf_release(&out);
}

static void labels_are_ordered_by_key_and_escaped(void **state)
{
  (void)state;
  written(NULL, "");
  sd_prometheus_labels_add(&labels, "b", sd_any_string("a\"b\\c\nd"));
  sd_prometheus_labels_add(&labels, "a", sd_any_string(""));
  written(NULL, "a=\"\",b=\"a\\\"b\\\\c\\nd\"");
  sd_prometheus_labels_clear(&labels);
  written(NULL, "");
}

static void values_of_all_types_are_text(void **state)
{
  (void)state;
  const sd_any members[] = {sd_any_string("x"), sd_any_null()};
  sd_prometheus_labels_add(&labels, "a", sd_any_bool(false));
  sd_prometheus_labels_add(&labels, "b", sd_any_int(INT64_MIN));
  sd_prometheus_labels_add(&labels, "c", sd_any_double(0.1));
  sd_prometheus_labels_add(&labels, "d", sd_any_double(-INFINITY));
  sd_prometheus_labels_add(&labels, "e", sd_any_bytes("", 0));
  sd_prometheus_labels_add(&labels, "f", sd_any_array(members, 2));
  sd_prometheus_labels_add(&labels, "g", sd_any_null());
  sd_prometheus_labels_add(&labels, "h", sd_any_text("a\0b\xFF", 4));
  written(
      NULL,
      "a=\"false\",b=\"-9223372036854775808\",c=\"0.1\",d=\"-Infinity\",e=\"\",f=\"[\\\"x\\\",null]\",g=\"\","
      "h=\"ab\xEF\xBF\xBD\"");
}

static void keys_that_become_one_name_are_joined(void **state)
{
  (void)state;
  sd_prometheus_labels_add(&labels, "k_1", sd_any_string("c"));
  sd_prometheus_labels_add(&labels, "z", sd_any_string("z"));
  sd_prometheus_labels_add(&labels, "k.1", sd_any_string("b"));
  sd_prometheus_labels_add(&labels, "k-1", sd_any_string("a"));
  written(NULL, "k_1=\"a;b;c\",z=\"z\"");
}

static void a_reserved_name_is_not_given(void **state)
{
  (void)state;
  sd_prometheus_labels_add(&labels, "le", sd_any_string("1"));
  sd_prometheus_labels_add(&labels, "exported.le", sd_any_string("0"));
  written("le", "exported_le=\"0;1\"");
  written(NULL, "exported_le=\"0\",le=\"1\"");
}

static void past_the_maximum_labels_are_left_out(void **state)
{
  (void)state;
  static char keys[SD_PROMETHEUS_LABELS_MAX + 5][8];
  for (size_t i = 0; i < SD_PROMETHEUS_LABELS_MAX + 5; i++) {
    snprintf(keys[i], sizeof keys[i], "k%03zu", i);
    sd_prometheus_labels_add(&labels, keys[i], sd_any_int(1));
  }
  assert_int_equal(labels.count, SD_PROMETHEUS_LABELS_MAX);
}

static void without_memory_or_room_it_says_so(void **state)
{
  (void)state;
  const sd_any members[] = {sd_any_string("x")};
  sd_prometheus_labels_add(&labels, "some.key", sd_any_array(members, 1));
  sd_prometheus_labels_add(&labels, "text", sd_any_string("some text"));
  for (uint64_t nth = 1;; nth++) {
    sd_buf out;
    sd_buf_init(&out, 64 * 1024);
    sd_prometheus_labels_release(&labels);
    labels.count = 2;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_prometheus_labels_write(&labels, NULL, &out);
    uint64_t calls = sd_alloc_calls();
    sd_alloc_fail_nth(0);
    sd_buf_release(&out);
    if (calls < nth) {
      assert_int_equal(status, SD_OK);
      assert_true(nth > 3);
      break;
    }
    assert_int_equal(status, SD_NOMEM);
  }
  sd_buf small;
  sd_buf_init(&small, 8);
  assert_int_equal(sd_prometheus_labels_write(&labels, NULL, &small), SD_LIMIT);
  sd_buf_release(&small);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(labels_are_ordered_by_key_and_escaped, begin, end),
      cmocka_unit_test_setup_teardown(values_of_all_types_are_text, begin, end),
      cmocka_unit_test_setup_teardown(keys_that_become_one_name_are_joined, begin, end),
      cmocka_unit_test_setup_teardown(a_reserved_name_is_not_given, begin, end),
      cmocka_unit_test_setup_teardown(past_the_maximum_labels_are_left_out, begin, end),
      cmocka_unit_test_setup_teardown(without_memory_or_room_it_says_so, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
