/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Hashes of values: equal ones are equal everywhere and always, no two others are. */
#include "base/alloc.h"
#include "opaque.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <streamduck/cache.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES_MAX = 64 };

static sd_value text(const char *content)
{
  sd_value value;
  assert_int_equal(sd_value_string(content, strlen(content), &value), SD_OK);
  return value;
}

static sd_value bytes(const char *content)
{
  sd_value value;
  assert_int_equal(sd_value_bytes(content, strlen(content), &value), SD_OK);
  return value;
}

static sd_value list(size_t count, ...)
{
  sd_value items[8];
  va_list args;
  va_start(args, count);
  for (size_t i = 0; i < count; i++)
    items[i] = va_arg(args, sd_value);
  va_end(args);
  sd_value value;
  assert_int_equal(sd_value_list(items, count, &value), SD_OK);
  return value;
}

static sd_value pair(const char *a, sd_value first, const char *b, sd_value second)
{
  sd_value value;
  assert_int_equal(sd_value_map((const char *const[]){a, b}, (sd_value[]){first, second}, b ? 2 : 1, &value),
                   SD_OK);
  return value;
}

static void hash_text(sd_value value, char *dst)
{
  uint8_t digest[SD_SIGNATURE_SIZE];
  sd_error error;
  assert_int_equal(sd_value_hash(value, digest, &error), SD_OK);
  sd_signature_text(digest, dst);
  sd_value_release(value);
}

static void values_that_look_alike_never_collide(void **state)
{
  (void)state;
  sd_value values[] = {
      sd_value_null(),
      text("null"),
      text("None"),
      text(""),
      bytes(""),
      list(0),
      sd_value_bool(true),
      sd_value_bool(false),
      sd_value_int(1),
      sd_value_int(0),
      sd_value_double(1),
      sd_value_double(0),
      sd_value_double(-0.0),
      text("1"),
      bytes("1"),
      text("true"),
      text("True"),
      text("[1]"),
      list(1, sd_value_int(1)),
      list(2, sd_value_int(1), sd_value_int(2)),
      list(1, list(1, sd_value_int(1))),
      list(2, sd_value_int(2), sd_value_int(1)),
      list(1, list(2, sd_value_int(1), sd_value_int(2))),
      list(2, text("ab"), text("c")),
      list(2, text("a"), text("bc")),
      list(1, text("abc")),
      list(2, list(1, sd_value_int(1)), list(0)),
      list(2, list(0), list(1, sd_value_int(1))),
      pair("a", sd_value_int(1), NULL, sd_value_null()),
      list(2, text("a"), sd_value_int(1)),
      list(1, list(2, text("a"), sd_value_int(1))),
      pair("a", sd_value_int(1), "b", sd_value_null()),
      pair("b", sd_value_int(1), "a", sd_value_null()),
      pair("ab", sd_value_int(1), NULL, sd_value_null()),
      box_new(&box_type, "1"),
      box_new(&other_type, "1"),
      box_new(&box_type, ""),
      list(2, box_new(&box_type, "ab"), box_new(&box_type, "c")),
      list(2, box_new(&box_type, "a"), box_new(&box_type, "bc")),
  };
  size_t count = sizeof values / sizeof *values;
  char hashes[VALUES_MAX][SD_SIGNATURE_TEXT_SIZE];
  for (size_t i = 0; i < count; i++)
    hash_text(values[i], hashes[i]);
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(hashes[i], hashes[j]);
  }
}

static void the_order_of_a_maps_keys_does_not_matter(void **state)
{
  (void)state;
  char one[SD_SIGNATURE_TEXT_SIZE];
  char two[SD_SIGNATURE_TEXT_SIZE];
  hash_text(pair("a", text("x"), "b", sd_value_int(2)), one);
  hash_text(pair("b", sd_value_int(2), "a", text("x")), two);
  assert_string_equal(one, two);
}

/* Written out by hand from the canonical form and hashed with Python's hashlib. */
static void the_form_is_the_same_in_every_process(void **state)
{
  (void)state;
  char hash[SD_SIGNATURE_TEXT_SIZE];
  hash_text(sd_value_null(), hash);
  assert_string_equal(hash, "sha256:25ebec2bae8e6d09e5fcf4e9cdf30c748d920759ac6ead65a38ee876f624b96b");
  hash_text(sd_value_int(-2), hash);
  assert_string_equal(hash, "sha256:671b03703bb858a0e3ca0c2eedc91bc1f9586325db44cc806af92bea6de05f20");
  hash_text(pair("z", list(2, sd_value_bool(true), text("\xc3\xa9")), "a", sd_value_double(1.5)), hash);
  assert_string_equal(hash, "sha256:3e611ce4f618fab8b0b5e9169e39fef5d4a2c8967e3809e98f7bdfb8b6956dcc");
  hash_text(box_new(&box_type, "twelve bytes"), hash);
  assert_string_equal(hash, "sha256:a2223a4fc8ffe2a1e8b675a05d3439e348d99b95656f084188f91e63255a1c6a");
}

static void equal_random_values_hash_alike_and_changed_ones_do_not(void **state)
{
  (void)state;
  uint64_t seed = random_seed();
  for (int i = 0; i < 500; i++) {
    uint64_t one = seed + (uint64_t)i * 2;
    uint64_t two = one;
    uint64_t three = one + 1;
    char first[SD_SIGNATURE_TEXT_SIZE];
    char second[SD_SIGNATURE_TEXT_SIZE];
    sd_value a = random_value(&one, 4);
    sd_value b = random_value(&three, 4);
    bool equal = sd_value_equal(a, b);
    hash_text(a, first);
    hash_text(random_value(&two, 4), second);
    assert_string_equal(first, second);
    hash_text(b, second);
    assert_int_equal(strcmp(first, second) == 0, equal);
  }
}

static void what_cannot_be_hashed_is_named_with_its_place(void **state)
{
  (void)state;
  sd_value value = list(2, sd_value_int(1), pair("key", box_new(&closed_type, ""), NULL, sd_value_null()));
  uint8_t digest[SD_SIGNATURE_SIZE];
  sd_error error;
  assert_int_equal(sd_value_hash(value, digest, &error), SD_UNSUPPORTED);
  assert_string_equal(error.message, "item 1: key \"key\": a value of type \"test/closed\" cannot be hashed");
  assert_int_equal(sd_value_hash(value, digest, NULL), SD_UNSUPPORTED);
  sd_value_release(value);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_that_look_alike_never_collide),
      cmocka_unit_test(the_order_of_a_maps_keys_does_not_matter),
      cmocka_unit_test(the_form_is_the_same_in_every_process),
      cmocka_unit_test(equal_random_values_hash_alike_and_changed_ones_do_not),
      cmocka_unit_test(what_cannot_be_hashed_is_named_with_its_place),
  };
  return cmocka_run_group_tests_name("pipeline/value_hash", tests, NULL, NULL);
}
