/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sets of attributes as keys. */
#include "base/alloc.h"
#include "trace/attribute_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static bool same(const sd_attribute *a, size_t a_count, const sd_attribute *b, size_t b_count)
{
  sd_attribute_set x;
  sd_attribute_set y;
  assert_int_equal(sd_attribute_set_init(&x, a, a_count), SD_OK);
  assert_int_equal(sd_attribute_set_init(&y, b, b_count), SD_OK);
  bool equal = x.hash == y.hash && x.key_len == y.key_len && memcmp(x.key, y.key, x.key_len) == 0;
  sd_attribute_set_release(&x);
  sd_attribute_set_release(&y);
  return equal;
}

static void order_does_not_matter(void **state)
{
  (void)state;
  const sd_attribute a[] = {sd_attribute_string("a", "1"), sd_attribute_int("b", 2),
                            sd_attribute_bool("c", true)};
  const sd_attribute b[] = {a[2], a[0], a[1]};
  assert_true(same(a, 3, b, 3));
  assert_false(same(a, 3, b, 2));
  assert_true(same(NULL, 0, a, 0));
}

static void types_and_values_do(void **state)
{
  (void)state;
  const sd_attribute all[] = {sd_attribute_string("a", "1"), sd_attribute_int("a", 1),
                              sd_attribute_double("a", 1),   sd_attribute_bool("a", true),
                              sd_attribute_string("a", ""),  sd_attribute_make("a", sd_any_null()),
                              sd_attribute_string("b", "1"), sd_attribute_make("a", sd_any_bytes("1", 1))};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    for (size_t j = 0; j < sizeof all / sizeof all[0]; j++)
      assert_int_equal(same(&all[i], 1, &all[j], 1), i == j);
  }
}

static void a_key_counts_once_with_its_last_value(void **state)
{
  (void)state;
  const sd_attribute twice[] = {sd_attribute_int("k", 1), sd_attribute_int("a", 3), sd_attribute_int("k", 2)};
  const sd_attribute once[] = {sd_attribute_int("k", 2), sd_attribute_int("a", 3)};
  assert_true(same(twice, 3, once, 2));
}

static void attributes_without_a_key_are_left_out(void **state)
{
  (void)state;
  const sd_attribute some[] = {sd_attribute_int("", 1), sd_attribute_int(NULL, 2), sd_attribute_int("k", 3)};
  assert_true(same(some, 3, &some[2], 1));
}

static void neighbours_are_not_taken_for_each_other(void **state)
{
  (void)state;
  const sd_attribute a[] = {sd_attribute_string("a", "bc"), sd_attribute_string("d", "e")};
  const sd_attribute b[] = {sd_attribute_string("a", "b"), sd_attribute_string("cd", "e")};
  assert_false(same(a, 2, b, 2));
}

static void more_than_the_maximum_are_left_out(void **state)
{
  (void)state;
  static char keys[SD_ATTRIBUTE_SET_MAX + 10][8];
  sd_attribute attributes[SD_ATTRIBUTE_SET_MAX + 10];
  for (size_t i = 0; i < SD_ATTRIBUTE_SET_MAX + 10; i++) {
    snprintf(keys[i], sizeof keys[i], "k%03zu", i);
    attributes[i] = sd_attribute_int(keys[i], (int64_t)i);
  }
  sd_attribute_set set;
  assert_int_equal(sd_attribute_set_init(&set, attributes, SD_ATTRIBUTE_SET_MAX + 10), SD_OK);
  assert_int_equal(set.count, SD_ATTRIBUTE_SET_MAX);
  sd_attribute_set_release(&set);
}

static void a_copy_holds_all_values_deeply(void **state)
{
  (void)state;
  char text[] = "text";
  const sd_any members[] = {sd_any_int(1), sd_any_string(text)};
  const sd_attribute inner[] = {sd_attribute_string("x", text),
                                sd_attribute_make("y", sd_any_array(members, 2))};
  sd_any broken = sd_any_text(NULL, 7);
  const sd_attribute attributes[] = {sd_attribute_make("map", sd_any_map(inner, 2)),
                                     sd_attribute_make("bytes", sd_any_bytes("\0\1", 2)),
                                     sd_attribute_double("double", 1.5), sd_attribute_make("broken", broken)};
  sd_attribute_set set;
  sd_arena arena;
  sd_arena_init(&arena, 1024, 64 * 1024);
  assert_int_equal(sd_attribute_set_init(&set, attributes, 4), SD_OK);
  const sd_attribute *copy = sd_attribute_set_copy(&set, &arena);
  assert_non_null(copy);
  memset(text, 'z', 4);
  assert_string_equal(copy[0].key, "broken");
  assert_int_equal(copy[0].value.len, 0);
  assert_string_equal(copy[1].key, "bytes");
  assert_memory_equal(copy[1].value.as.bytes, "\0\1", 2);
  assert_true(copy[2].value.as.number == 1.5);
  assert_string_equal(copy[3].value.as.map[0].key, "x");
  assert_string_equal(copy[3].value.as.map[0].value.as.string, "text");
  assert_string_equal(copy[3].value.as.map[1].value.as.array[1].as.string, "text");
  sd_attribute_set_release(&set);
  sd_arena_release(&arena);
}

static void values_that_are_too_deep_become_null(void **state)
{
  (void)state;
  sd_any levels[20];
  levels[19] = sd_any_int(1);
  for (int i = 18; i >= 0; i--)
    levels[i] = sd_any_array(&levels[i + 1], 1);
  const sd_attribute attribute = sd_attribute_make("deep", levels[0]);
  sd_attribute_set set;
  sd_arena arena;
  sd_arena_init(&arena, 1024, 64 * 1024);
  assert_int_equal(sd_attribute_set_init(&set, &attribute, 1), SD_OK);
  const sd_any *value = &sd_attribute_set_copy(&set, &arena)->value;
  unsigned depth = 0;
  while (value->type == SD_ANY_ARRAY) {
    value = value->as.array;
    depth++;
  }
  assert_int_equal(value->type, SD_ANY_NULL);
  assert_int_equal(depth, SD_VALUE_DEPTH_MAX);
  sd_attribute_set_release(&set);
  sd_arena_release(&arena);
}

static void a_long_set_needs_memory(void **state)
{
  (void)state;
  static char text[2 * SD_ATTRIBUTE_SET_STACK_BYTES];
  memset(text, 'x', sizeof text - 1);
  const sd_attribute attribute = sd_attribute_string("k", text);
  sd_attribute_set set;
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_attribute_set_init(&set, &attribute, 1), SD_NOMEM);
  sd_alloc_fail_nth(0);
  assert_int_equal(sd_attribute_set_init(&set, &attribute, 1), SD_OK);
  sd_arena arena;
  sd_arena_init(&arena, 256, 512);
  assert_null(sd_attribute_set_copy(&set, &arena));
  sd_arena_release(&arena);
  sd_attribute_set_release(&set);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(order_does_not_matter),
      cmocka_unit_test(types_and_values_do),
      cmocka_unit_test(a_key_counts_once_with_its_last_value),
      cmocka_unit_test(attributes_without_a_key_are_left_out),
      cmocka_unit_test(neighbours_are_not_taken_for_each_other),
      cmocka_unit_test(more_than_the_maximum_are_left_out),
      cmocka_unit_test(a_copy_holds_all_values_deeply),
      cmocka_unit_test(values_that_are_too_deep_become_null),
      cmocka_unit_test(a_long_set_needs_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
