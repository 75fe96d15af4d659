/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values: kinds, ownership, access, equality, printing. */
#include "base/alloc.h"
#include "opaque.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static sd_value text(const char *content)
{
  sd_value value;
  assert_int_equal(sd_value_string(content, strlen(content), &value), SD_OK);
  return value;
}

static sd_value list(const sd_value *items, size_t count)
{
  sd_value value;
  assert_int_equal(sd_value_list(items, count, &value), SD_OK);
  return value;
}

static void small_kinds_allocate_nothing(void **state)
{
  (void)state;
  assert_int_equal(sizeof(sd_value), 16);
  sd_alloc_fail_nth(0);
  sd_value values[] = {sd_value_null(), sd_value_bool(true), sd_value_int(-5), sd_value_double(2.5)};
  for (size_t i = 0; i < 4; i++)
    sd_value_release(sd_value_retain(values[i]));
  assert_int_equal(sd_alloc_calls(), 0);
  assert_int_equal(sd_value_kind_of(values[0]), SD_VALUE_NULL);
  assert_true(sd_value_as_bool(values[1]));
  assert_int_equal(sd_value_as_int(values[2]), -5);
  assert_true(sd_value_as_double(values[3]) == 2.5);
}

static void numbers_convert_without_undefined_behaviour(void **state)
{
  (void)state;
  assert_int_equal(sd_value_as_int(sd_value_double(-2.9)), -2);
  assert_int_equal(sd_value_as_int(sd_value_double(1e300)), INT64_MAX);
  assert_int_equal(sd_value_as_int(sd_value_double(-1e300)), INT64_MIN);
  assert_int_equal(sd_value_as_int(sd_value_double((double)NAN)), 0);
  assert_true(sd_value_as_double(sd_value_int(7)) == 7.0);
  assert_int_equal(sd_value_as_int(sd_value_bool(true)), 0);
  assert_false(sd_value_as_bool(sd_value_int(1)));
}

static void strings_are_utf8_and_bytes_are_anything(void **state)
{
  (void)state;
  sd_value value = sd_value_int(1);
  assert_int_equal(sd_value_string("\xff", 1, &value), SD_INVALID);
  assert_int_equal(sd_value_kind_of(value), SD_VALUE_NULL);
  assert_int_equal(sd_value_bytes("\xff\0z", 3, &value), SD_OK);
  size_t len;
  assert_memory_equal(sd_value_data(value, &len), "\xff\0z", 4);
  assert_int_equal(len, 3);
  sd_value_release(value);
  assert_null(sd_value_data(sd_value_int(1), &len));
  assert_int_equal(len, 0);
}

static void a_list_owns_its_items(void **state)
{
  (void)state;
  sd_value items[] = {box_new(&box_type, "x"), sd_value_int(2)};
  sd_value value = list(items, 2);
  sd_value again = sd_value_retain(value);
  assert_int_equal(sd_value_count(value), 2);
  assert_string_equal(box_text(sd_value_at(value, 0), &box_type), "x");
  assert_int_equal(sd_value_kind_of(sd_value_at(value, 2)), SD_VALUE_NULL);
  sd_value_release(value);
  assert_int_equal(box_count, 1);
  sd_value_release(again);
  assert_int_equal(box_count, 0);
}

static void a_map_finds_its_keys_and_keeps_their_order(void **state)
{
  (void)state;
  enum { COUNT = 200 };
  char names[COUNT][8];
  const char *keys[COUNT];
  sd_value values[COUNT];
  for (int i = 0; i < COUNT; i++) {
    (void)snprintf(names[i], sizeof names[i], "k%d", i * 37 % COUNT);
    keys[i] = names[i];
    values[i] = sd_value_int(i);
  }
  sd_value map;
  assert_int_equal(sd_value_map(keys, values, COUNT, &map), SD_OK);
  for (int i = 0; i < COUNT; i++) {
    bool found = false;
    assert_string_equal(sd_value_key_at(map, (size_t)i), names[i]);
    assert_int_equal(sd_value_as_int(sd_value_get(map, names[i], &found)), i);
    assert_true(found);
  }
  bool found = true;
  assert_int_equal(sd_value_kind_of(sd_value_get(map, "absent", &found)), SD_VALUE_NULL);
  assert_false(found);
  assert_null(sd_value_key_at(map, COUNT));
  sd_value_release(map);
}

static void a_key_twice_is_a_conflict_and_the_values_are_released(void **state)
{
  (void)state;
  const char *keys[] = {"b", "a", "b"};
  sd_value values[] = {box_new(&box_type, "1"), box_new(&box_type, "2"), box_new(&box_type, "3")};
  sd_value map = sd_value_int(1);
  assert_int_equal(sd_value_map(keys, values, 3, &map), SD_CONFLICT);
  assert_int_equal(sd_value_kind_of(map), SD_VALUE_NULL);
  assert_int_equal(box_count, 0);
  const char *malformed[] = {"\xc3"};
  sd_value one = box_new(&box_type, "1");
  assert_int_equal(sd_value_map(malformed, &one, 1, &map), SD_INVALID);
  assert_int_equal(box_count, 0);
}

static void nesting_ends_at_its_limit(void **state)
{
  (void)state;
  sd_value value = box_new(&box_type, "deep");
  const char *key = "k";
  for (int i = 0; i < SD_VALUE_NESTING_MAX; i++) {
    sd_value inner = value;
    assert_int_equal(i % 2 ? sd_value_list(&inner, 1, &value) : sd_value_map(&key, &inner, 1, &value), SD_OK);
  }
  sd_value inner = sd_value_retain(value);
  sd_value outer;
  assert_int_equal(sd_value_list(&inner, 1, &outer), SD_LIMIT);
  inner = sd_value_retain(value);
  assert_int_equal(sd_value_map(&key, &inner, 1, &outer), SD_LIMIT);
  assert_int_equal(box_count, 1);
  sd_value_release(value);
  assert_int_equal(box_count, 0);
}

static void each_failing_allocation_releases_what_was_handed_over(void **state)
{
  (void)state;
  enum { COUNT = 40 };
  char names[COUNT][8];
  const char *keys[COUNT];
  for (int i = 0; i < COUNT; i++) {
    (void)snprintf(names[i], sizeof names[i], "%d", i);
    keys[i] = names[i];
  }
  for (uint64_t nth = 1; nth <= 2; nth++) {
    sd_value values[COUNT];
    for (int i = 0; i < COUNT; i++)
      values[i] = box_new(&box_type, "v");
    sd_value map = sd_value_int(1);
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_value_map(keys, values, COUNT, &map), SD_NOMEM);
    sd_alloc_fail_nth(0);
    assert_int_equal(sd_value_kind_of(map), SD_VALUE_NULL);
    assert_int_equal(box_count, 0);
  }
  sd_value item = box_new(&box_type, "v");
  sd_value value = sd_value_int(1);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_value_list(&item, 1, &value), SD_NOMEM);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_value_string("x", 1, &value), SD_NOMEM);
  sd_alloc_fail_nth(0);
  assert_int_equal(sd_value_kind_of(value), SD_VALUE_NULL);
  assert_int_equal(box_count, 0);
}

static void assert_equality(sd_value a, sd_value b, bool equal)
{
  assert_int_equal(sd_value_equal(a, b), equal);
  assert_int_equal(sd_value_equal(b, a), equal);
  sd_value_release(a);
  sd_value_release(b);
}

static void equality_is_by_kind_and_content(void **state)
{
  (void)state;
  assert_equality(sd_value_null(), sd_value_null(), true);
  assert_equality(sd_value_null(), sd_value_bool(false), false);
  assert_equality(sd_value_int(1), sd_value_double(1), false);
  assert_equality(sd_value_int(1), text("1"), false);
  assert_equality(sd_value_double(0.0), sd_value_double(-0.0), false);
  assert_equality(sd_value_double((double)NAN), sd_value_double((double)NAN), true);
  assert_equality(text("a"), text("a"), true);
  assert_equality(text("a"), text("b"), false);
  assert_equality(box_new(&box_type, "a"), box_new(&box_type, "a"), true);
  assert_equality(box_new(&box_type, "a"), box_new(&box_type, "b"), false);
  assert_equality(box_new(&box_type, "a"), box_new(&other_type, "a"), false);
  assert_equality(box_new(&closed_type, "a"), box_new(&closed_type, "a"), false);
  sd_value closed = box_new(&closed_type, "a");
  assert_equality(sd_value_retain(closed), closed, true);
}

static void maps_are_equal_whatever_their_order(void **state)
{
  (void)state;
  const char *one[] = {"a", "b"};
  const char *two[] = {"b", "a"};
  sd_value first;
  sd_value second;
  assert_int_equal(sd_value_map(one, (sd_value[]){sd_value_int(1), sd_value_int(2)}, 2, &first), SD_OK);
  assert_int_equal(sd_value_map(two, (sd_value[]){sd_value_int(2), sd_value_int(1)}, 2, &second), SD_OK);
  assert_equality(sd_value_retain(first), second, true);
  assert_int_equal(sd_value_map(two, (sd_value[]){sd_value_int(1), sd_value_int(2)}, 2, &second), SD_OK);
  assert_equality(first, second, false);
}

static void random_values_equal_themselves(void **state)
{
  (void)state;
  uint64_t seed = random_seed();
  for (int i = 0; i < 500; i++) {
    uint64_t one = seed + (uint64_t)i;
    uint64_t two = one;
    assert_equality(random_value(&one, 4), random_value(&two, 4), true);
  }
  assert_int_equal(box_count, 0);
}

static void assert_printed(sd_value value, size_t size, const char *expected)
{
  char dst[128];
  memset(dst, 'x', sizeof dst);
  assert_ptr_equal(sd_value_print(value, dst, size), dst);
  assert_string_equal(dst, expected);
  assert_int_equal(dst[size], 'x');
}

static void printing_is_like_json_on_one_line(void **state)
{
  (void)state;
  const char *keys[] = {"a\"b", "c"};
  sd_value bytes;
  sd_value items;
  assert_int_equal(sd_value_bytes("\xff", 1, &bytes), SD_OK);
  sd_value of[] = {sd_value_null(), sd_value_bool(true),       sd_value_int(-3),        sd_value_double(2),
                   bytes,           box_new(&closed_type, ""), box_new(&box_type, "in")};
  items = list(of, 7);
  sd_value map;
  sd_value values[] = {items, text("x\n\x01\\\xc3\xa9")};
  assert_int_equal(sd_value_map(keys, values, 2, &map), SD_OK);
  assert_printed(map, 120,
                 "{\"a\\\"b\": [null, true, -3, 2.0, <1 bytes>, <test/closed>, box in], "
                 "\"c\": \"x\\n\\u0001\\\\\xc3\xa9\"}");
  sd_value_release(map);
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
  (void)state;
  sd_value value = text("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
  assert_printed(value, 11, "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"");
  assert_printed(value, 10, "\"\xc3\xa9\xc3\xa9\xe2\x80\xa6");
  assert_printed(value, 9, "\"\xc3\xa9\xc3\xa9\xe2\x80\xa6");
  assert_printed(value, 8, "\"\xc3\xa9\xe2\x80\xa6");
  assert_printed(value, 4, "\xe2\x80\xa6");
  assert_printed(value, 3, "");
  assert_printed(value, 1, "");
  sd_value_release(value);
  value = box_new(&box_type, "\xc3\xa9\xc3\xa9");
  assert_printed(value, 8, "box \xe2\x80\xa6");
  sd_value_release(value);
}

static void every_size_gives_utf8_that_ends(void **state)
{
  (void)state;
  uint64_t random = random_seed();
  for (int i = 0; i < 300; i++) {
    sd_value value = random_value(&random, 4);
    for (size_t size = 1; size < 60; size++) {
      char dst[64];
      memset(dst, 'x', sizeof dst);
      sd_value_print(value, dst, size);
      assert_true(strlen(dst) < size);
      sd_value copy;
      assert_int_equal(sd_value_string(dst, strlen(dst), &copy), SD_OK);
      sd_value_release(copy);
    }
    sd_value_release(value);
  }
}

static void a_description_shows_no_content(void **state)
{
  (void)state;
  char dst[64];
  sd_value value = text("secret");
  assert_string_equal(sd_value_describe(value, dst, sizeof dst), "string of 6 bytes");
  value = list(&value, 1);
  assert_string_equal(sd_value_describe(value, dst, sizeof dst), "list of 1");
  assert_string_equal(sd_value_describe(value, dst, 5), "list");
  sd_value_release(value);
  assert_string_equal(sd_value_describe(sd_value_null(), dst, sizeof dst), "null");
  assert_string_equal(sd_value_describe(sd_value_int(5), dst, sizeof dst), "int");
  value = box_new(&box_type, "secret");
  assert_string_equal(sd_value_describe(value, dst, sizeof dst), "test/box");
  assert_null(sd_value_object(value, &other_type));
  sd_value_release(value);
}

static void a_type_is_registered_under_one_name(void **state)
{
  (void)state;
  sd_error error;
  sd_value_type twin = other_type;
  sd_value_type bad = other_type;
  bad.release = NULL;
  assert_int_equal(sd_value_type_register(&other_type, &error), SD_OK);
  assert_int_equal(sd_value_type_register(&other_type, &error), SD_OK);
  assert_int_equal(sd_value_type_register(&twin, &error), SD_CONFLICT);
  assert_non_null(strstr(error.message, "test/other"));
  assert_int_equal(sd_value_type_register(&bad, &error), SD_INVALID);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_kinds_allocate_nothing),
      cmocka_unit_test(numbers_convert_without_undefined_behaviour),
      cmocka_unit_test(strings_are_utf8_and_bytes_are_anything),
      cmocka_unit_test(a_list_owns_its_items),
      cmocka_unit_test(a_map_finds_its_keys_and_keeps_their_order),
      cmocka_unit_test(a_key_twice_is_a_conflict_and_the_values_are_released),
      cmocka_unit_test(nesting_ends_at_its_limit),
      cmocka_unit_test(each_failing_allocation_releases_what_was_handed_over),
      cmocka_unit_test(equality_is_by_kind_and_content),
      cmocka_unit_test(maps_are_equal_whatever_their_order),
      cmocka_unit_test(random_values_equal_themselves),
      cmocka_unit_test(printing_is_like_json_on_one_line),
      cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
      cmocka_unit_test(every_size_gives_utf8_that_ends),
      cmocka_unit_test(a_description_shows_no_content),
      cmocka_unit_test(a_type_is_registered_under_one_name),
  };
  return cmocka_run_group_tests_name("pipeline/value", tests, NULL, NULL);
}
