/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The heap wrapper and its injected failures. */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_allocation_can_be_written_whole(void **state)
{
  (void)state;
  char *memory = sd_alloc(100);
  assert_non_null(memory);
  memset(memory, 'x', 100);
  sd_free(memory);
}

static void a_size_of_zero_still_gives_a_byte(void **state)
{
  (void)state;
  char *memory = sd_alloc(0);
  assert_non_null(memory);
  memory[0] = 'x';
  memory = sd_realloc(memory, 0);
  assert_non_null(memory);
  memory[0] = 'y';
  sd_free(memory);
  char *zeroed = sd_calloc(0, 8);
  assert_non_null(zeroed);
  assert_int_equal(zeroed[0], 0);
  sd_free(zeroed);
}

static void calloc_gives_zeroes(void **state)
{
  (void)state;
  static const char zeroes[64];
  char *memory = sd_calloc(8, 8);
  assert_memory_equal(memory, zeroes, sizeof zeroes);
  sd_free(memory);
}

static void sizes_that_overflow_are_refused(void **state)
{
  (void)state;
  volatile size_t huge = SIZE_MAX;
  assert_null(sd_calloc(huge / 2, 3));
  assert_null(sd_alloc(huge));
  char *memory = sd_alloc(4);
  memcpy(memory, "abc", 4);
  assert_null(sd_realloc(memory, huge));
  assert_string_equal(memory, "abc");
  sd_free(memory);
}

static void realloc_keeps_the_content(void **state)
{
  (void)state;
  char *memory = sd_realloc(NULL, 4);
  assert_non_null(memory);
  memcpy(memory, "abc", 4);
  memory = sd_realloc(memory, 4096);
  assert_string_equal(memory, "abc");
  sd_free(memory);
}

static void strdup_copies_text(void **state)
{
  (void)state;
  char *copy = sd_strdup("duck");
  assert_string_equal(copy, "duck");
  sd_free(copy);
}

static void strndup_stops_at_the_length_or_at_the_nul(void **state)
{
  (void)state;
  const char unterminated[3] = {'a', 'b', 'c'};
  char *copy = sd_strndup(unterminated, 3);
  assert_string_equal(copy, "abc");
  sd_free(copy);
  copy = sd_strndup("ab\0cd", 5);
  assert_string_equal(copy, "ab");
  sd_free(copy);
}

static void only_the_nth_allocation_fails(void **state)
{
  (void)state;
  sd_alloc_fail_nth(3);
  char *first = sd_alloc(1);
  char *second = sd_strdup("x");
  assert_non_null(first);
  assert_non_null(second);
  assert_null(sd_realloc(first, 2));
  char *fourth = sd_calloc(1, 1);
  assert_non_null(fourth);
  assert_int_equal(sd_alloc_calls(), 4);
  sd_alloc_fail_nth(0);
  assert_int_equal(sd_alloc_calls(), 0);
  sd_free(first);
  sd_free(second);
  sd_free(fourth);
}

static void zero_switches_failures_off(void **state)
{
  (void)state;
  sd_alloc_fail_nth(1);
  sd_alloc_fail_nth(0);
  for (int i = 0; i < 10; i++) {
    void *memory = sd_alloc(1);
    assert_non_null(memory);
    sd_free(memory);
  }
  assert_int_equal(sd_alloc_calls(), 10);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_allocation_can_be_written_whole),
      cmocka_unit_test(a_size_of_zero_still_gives_a_byte),
      cmocka_unit_test(calloc_gives_zeroes),
      cmocka_unit_test(sizes_that_overflow_are_refused),
      cmocka_unit_test(realloc_keeps_the_content),
      cmocka_unit_test(strdup_copies_text),
      cmocka_unit_test(strndup_stops_at_the_length_or_at_the_nul),
      cmocka_unit_test(only_the_nth_allocation_fails),
      cmocka_unit_test(zero_switches_failures_off),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
