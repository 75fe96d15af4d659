/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The arena. */
#include "base/alloc.h"
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BLOCK = 1024, MAX = 16 * 1024 };

static void nothing_is_held_before_the_first_piece(void **state)
{
  (void)state;
  sd_arena arena;
  sd_alloc_fail_nth(0);
  sd_arena_init(&arena, BLOCK, MAX);
  assert_int_equal(sd_alloc_calls(), 0);
  assert_int_equal(sd_arena_held(&arena), 0);
  sd_arena_release(&arena);
}

static void pieces_are_aligned_disjoint_and_stay_where_they_are(void **state)
{
  (void)state;
  enum { COUNT = 300 };
  sd_arena arena;
  sd_arena_init(&arena, BLOCK, 256 * 1024);
  uint8_t *pieces[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    size_t align = (size_t)1 << (i % 5);
    pieces[i] = sd_arena_alloc(&arena, 1 + i % 97, align);
    assert_non_null(pieces[i]);
    assert_int_equal((uintptr_t)pieces[i] % align, 0);
    memset(pieces[i], (int)(i % 251), 1 + i % 97);
  }
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t k = 0; k < 1 + i % 97; k++)
      assert_int_equal(pieces[i][k], i % 251);
  }
  sd_arena_release(&arena);
}

static void a_copy_ends_with_a_nul(void **state)
{
  (void)state;
  sd_arena arena;
  sd_arena_init(&arena, BLOCK, MAX);
  assert_string_equal(sd_arena_copy(&arena, "duckling", 4), "duck");
  assert_string_equal(sd_arena_copy(&arena, NULL, 0), "");
  assert_int_equal(sd_arena_used(&arena), 6);
  assert_null(sd_arena_copy(&arena, "x", SIZE_MAX));
  sd_arena_release(&arena);
}

static void a_big_piece_does_not_waste_the_current_block(void **state)
{
  (void)state;
  sd_arena arena;
  sd_arena_init(&arena, BLOCK, MAX);
  uint8_t *first = sd_arena_alloc(&arena, 16, 16);
  assert_non_null(sd_arena_alloc(&arena, 4 * BLOCK, 16));
  uint8_t *second = sd_arena_alloc(&arena, 16, 16);
  assert_ptr_equal(second, first + 16);
  sd_arena_release(&arena);
}

static void never_more_than_the_maximum_is_held(void **state)
{
  (void)state;
  sd_arena arena;
  sd_arena_init(&arena, BLOCK, 3 * BLOCK + 200);
  char *kept = sd_arena_copy(&arena, "kept", 4);
  size_t count = 0;
  while (sd_arena_alloc(&arena, 100, 1))
    count++;
  assert_true(count >= 27);
  assert_true(sd_arena_held(&arena) <= 3 * BLOCK + 200);
  assert_null(sd_arena_alloc(&arena, SIZE_MAX, 1));
  assert_string_equal(kept, "kept");
  assert_int_equal(sd_arena_used(&arena), 5 + 100 * count);
  sd_arena_release(&arena);
}

static void a_maximum_below_the_block_size_is_kept_too(void **state)
{
  (void)state;
  sd_arena arena;
  sd_arena_init(&arena, BLOCK, 256);
  assert_non_null(sd_arena_alloc(&arena, 64, 1));
  assert_true(sd_arena_held(&arena) <= 256);
  assert_null(sd_arena_alloc(&arena, 256, 1));
  sd_arena_release(&arena);
  sd_arena_init(&arena, BLOCK, 0);
  assert_null(sd_arena_alloc(&arena, 1, 1));
  sd_arena_release(&arena);
}

static void reset_keeps_one_ordinary_block(void **state)
{
  (void)state;
  sd_arena arena;
  sd_arena_init(&arena, BLOCK, MAX);
  assert_non_null(sd_arena_alloc(&arena, 2 * BLOCK, 1));
  for (int i = 0; i < 50; i++)
    assert_non_null(sd_arena_alloc(&arena, 100, 1));
  sd_arena_reset(&arena);
  assert_int_equal(sd_arena_held(&arena), BLOCK);
  assert_int_equal(sd_arena_used(&arena), 0);
  sd_alloc_fail_nth(0);
  assert_non_null(sd_arena_alloc(&arena, 800, 1));
  assert_int_equal(sd_alloc_calls(), 0);
  sd_arena_release(&arena);
}

static void a_zeroed_and_a_released_arena_may_be_released(void **state)
{
  (void)state;
  sd_arena arena;
  memset(&arena, 0, sizeof arena);
  sd_arena_release(&arena);
  sd_arena_init(&arena, BLOCK, MAX);
  assert_non_null(sd_arena_alloc(&arena, 1, 1));
  sd_arena_release(&arena);
  assert_int_equal(sd_arena_held(&arena), 0);
  assert_non_null(sd_arena_alloc(&arena, 1, 1));
  sd_arena_release(&arena);
}

static void a_failed_allocation_changes_nothing(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    sd_arena arena;
    sd_arena_init(&arena, BLOCK, MAX);
    sd_alloc_fail_nth(nth);
    bool failed = false;
    char *pieces[12] = {0};
    for (size_t i = 0; i < 12; i++) {
      sd_arena before = arena;
      pieces[i] = sd_arena_copy(&arena, "0123456789", 10);
      char *big = pieces[i] ? sd_arena_alloc(&arena, i % 4 == 3 ? 2 * BLOCK : 300, 8) : NULL;
      if (!pieces[i])
        assert_memory_equal(&arena, &before, sizeof arena);
      failed = failed || !pieces[i] || !big;
    }
    for (size_t i = 0; i < 12; i++) {
      if (pieces[i])
        assert_string_equal(pieces[i], "0123456789");
    }
    sd_alloc_fail_nth(0);
    sd_arena_release(&arena);
    if (!failed)
      break;
    assert_true(nth < 100);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_held_before_the_first_piece),
      cmocka_unit_test(pieces_are_aligned_disjoint_and_stay_where_they_are),
      cmocka_unit_test(a_copy_ends_with_a_nul),
      cmocka_unit_test(a_big_piece_does_not_waste_the_current_block),
      cmocka_unit_test(never_more_than_the_maximum_is_held),
      cmocka_unit_test(a_maximum_below_the_block_size_is_kept_too),
      cmocka_unit_test(reset_keeps_one_ordinary_block),
      cmocka_unit_test(a_zeroed_and_a_released_arena_may_be_released),
      cmocka_unit_test(a_failed_allocation_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
