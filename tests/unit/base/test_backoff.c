/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Back-off. */
#include "base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_ceiling_doubles_up_to_the_cap(void **state)
{
  (void)state;
  static const uint32_t ceilings[] = {100, 200, 400, 800, 1000, 1000, 1000};
  uint32_t highest[7] = {0};
  for (int round = 0; round < 2000; round++) {
    sd_backoff backoff;
    sd_backoff_init(&backoff, 100, 1000);
    for (size_t i = 0; i < 7; i++) {
      uint32_t wait = sd_backoff_next_ms(&backoff, 0);
      assert_true(wait <= ceilings[i]);
      if (wait > highest[i])
        highest[i] = wait;
      assert_int_equal(backoff.attempt, i + 1);
    }
  }
  for (size_t i = 0; i < 7; i++)
    assert_true(highest[i] > ceilings[i] / 2);
}

static void the_wait_is_at_least_the_minimum(void **state)
{
  (void)state;
  sd_backoff backoff;
  sd_backoff_init(&backoff, 100, 1000);
  for (int i = 0; i < 200; i++) {
    uint32_t wait = sd_backoff_next_ms(&backoff, 300);
    assert_true(wait >= 300 && wait <= 1000);
  }
  assert_int_equal(sd_backoff_next_ms(&backoff, 5000), 5000);
}

static void a_success_starts_again(void **state)
{
  (void)state;
  sd_backoff backoff;
  sd_backoff_init(&backoff, 10, 100000);
  for (int i = 0; i < 10; i++)
    sd_backoff_next_ms(&backoff, 0);
  sd_backoff_reset(&backoff);
  assert_int_equal(backoff.attempt, 0);
  assert_true(sd_backoff_next_ms(&backoff, 0) <= 10);
}

static void extreme_values_do_not_overflow(void **state)
{
  (void)state;
  sd_backoff backoff;
  sd_backoff_init(&backoff, UINT32_MAX, UINT32_MAX);
  for (int i = 0; i < 100; i++)
    sd_backoff_next_ms(&backoff, 1);
  backoff.attempt = UINT32_MAX;
  sd_backoff_next_ms(&backoff, 0);
  assert_int_equal(backoff.attempt, UINT32_MAX);
  assert_int_equal(sd_backoff_next_ms(&backoff, UINT32_MAX), UINT32_MAX);
  sd_backoff_init(&backoff, 0, 0);
  assert_int_equal(sd_backoff_next_ms(&backoff, 0), 0);
  sd_backoff_init(&backoff, 0, 1000);
  backoff.attempt = 40;
  assert_true(sd_backoff_next_ms(&backoff, 0) <= 1000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_ceiling_doubles_up_to_the_cap),
      cmocka_unit_test(the_wait_is_at_least_the_minimum),
      cmocka_unit_test(a_success_starts_again),
      cmocka_unit_test(extreme_values_do_not_overflow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
