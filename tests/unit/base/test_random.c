/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Randomness. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void exactly_the_bytes_asked_for_are_filled(void **state)
{
  (void)state;
  uint8_t bytes[1002];
  uint8_t seen[1000] = {0};
  for (int round = 0; round < 8; round++) {
    memset(bytes, 0, sizeof bytes);
    sd_random_bytes(bytes + 1, 1000);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[1001], 0);
    for (size_t i = 0; i < sizeof seen; i++)
      seen[i] |= bytes[i + 1];
  }
  for (size_t i = 0; i < sizeof seen; i++)
    assert_int_not_equal(seen[i], 0);
  sd_random_bytes(NULL, 0);
}

static void a_bound_is_kept_and_every_value_comes(void **state)
{
  (void)state;
  unsigned seen[7] = {0};
  for (int i = 0; i < 7000; i++) {
    uint64_t value = sd_random_below(7);
    assert_true(value < 7);
    seen[value]++;
  }
  /* 1000 each is expected; 700 is ten standard deviations away. */
  for (int i = 0; i < 7; i++)
    assert_true(seen[i] > 700 && seen[i] < 1300);
  assert_int_equal(sd_random_below(0), 0);
  assert_int_equal(sd_random_below(1), 0);
  uint64_t big = (UINT64_C(1) << 63) + 1;
  for (int i = 0; i < 100; i++)
    assert_true(sd_random_below(big) < big);
  assert_true(sd_random_u64() != sd_random_u64());
}

static void a_uuid_has_the_form_of_version_4(void **state)
{
  (void)state;
  char first[SD_UUID_TEXT_SIZE];
  char text[SD_UUID_TEXT_SIZE];
  sd_random_uuid(first);
  for (int round = 0; round < 100; round++) {
    assert_ptr_equal(sd_random_uuid(text), text);
    assert_int_equal(strlen(text), 36);
    for (size_t i = 0; i < 36; i++) {
      if (i == 8 || i == 13 || i == 18 || i == 23)
        assert_int_equal(text[i], '-');
      else
        assert_non_null(strchr("0123456789abcdef", text[i]));
    }
    assert_int_equal(text[14], '4');
    assert_non_null(strchr("89ab", text[19]));
    assert_string_not_equal(text, first);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exactly_the_bytes_asked_for_are_filled),
      cmocka_unit_test(a_bound_is_kept_and_every_value_comes),
      cmocka_unit_test(a_uuid_has_the_form_of_version_4),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
