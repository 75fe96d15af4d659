/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Serialized values: what goes out comes back, and what is not ours is refused. */
#include "base/alloc.h"
#include "base/buf.h"
#include "opaque.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SERIAL_MAX = 1 << 20 };

static sd_status append(void *user, const void *data, size_t len)
{
  return sd_buf_append(user, data, len);
}

static void serialize(sd_value value, sd_buf *out)
{
  sd_error error;
  sd_buf_init(out, SERIAL_MAX);
  assert_int_equal(sd_value_serialize(value, append, out, &error), SD_OK);
}

static void random_values_come_back(void **state)
{
  (void)state;
  uint64_t random = random_seed();
  for (int i = 0; i < 1000; i++) {
    sd_error error;
    sd_buf out;
    sd_value back;
    sd_value value = random_value(&random, 5);
    serialize(value, &out);
    assert_int_equal(sd_value_deserialize(out.data, out.len, &back, &error), SD_OK);
    assert_true(sd_value_equal(value, back));
    sd_value_release(back);
    sd_value_release(value);
    sd_buf_release(&out);
  }
  assert_int_equal(box_count, 0);
}

static void the_form_is_as_documented(void **state)
{
  (void)state;
  const char *keys[] = {"b", "a"};
  sd_value items[2];
  sd_value value;
  items[0] = sd_value_int(-150);
  items[1] = box_new(&box_type, "nine byte");
  assert_int_equal(sd_value_map(keys, items, 2, &value), SD_OK);
  sd_buf out;
  serialize(value, &out);
  static const char expected[] = "SDV\x01"
                                 "\x08\x02"
                                 "\x01"
                                 "b\x03\xab\x02"
                                 "\x01"
                                 "a\x09\x08test/box\x07nine by\x02te\x00";
  assert_int_equal(out.len, sizeof expected - 1);
  assert_memory_equal(out.data, expected, out.len);
  sd_buf_release(&out);
  sd_value_release(value);
}

static void no_beginning_of_a_value_is_a_value(void **state)
{
  (void)state;
  uint64_t random = random_seed();
  for (int i = 0; i < 100; i++) {
    sd_error error;
    sd_buf out;
    sd_value value = random_value(&random, 4);
    serialize(value, &out);
    for (size_t len = 0; len < out.len; len++) {
      sd_value back = sd_value_int(77);
      assert_int_equal(sd_value_deserialize(out.data, len, &back, &error), SD_CORRUPT);
      assert_int_equal(sd_value_as_int(back), 77);
    }
    assert_int_equal(sd_buf_append_byte(&out, 0), SD_OK);
    sd_value back;
    assert_int_equal(sd_value_deserialize(out.data, out.len, &back, &error), SD_CORRUPT);
    sd_buf_release(&out);
    sd_value_release(value);
  }
  assert_int_equal(box_count, 0);
}

static void assert_refused(const char *data, size_t len, sd_status expected, const char *message)
{
  sd_error error;
  sd_value value;
  assert_int_equal(sd_value_deserialize(data, len, &value, &error), expected);
  if (!strstr(error.message, message))
    fail_msg("\"%s\" lacks \"%s\"", error.message, message);
  assert_int_equal(sd_value_deserialize(data, len, &value, NULL), expected);
}
#define REFUSED(text, expected, message) assert_refused(text, sizeof(text) - 1, expected, message)

static void malformed_values_are_refused(void **state)
{
  (void)state;
  REFUSED("", SD_CORRUPT, "not a serialized value");
  REFUSED("SDX\x01\x00", SD_CORRUPT, "not a serialized value");
  REFUSED("SDV\x02\x00", SD_CORRUPT, "version 2");
  REFUSED("SDV\x01\x0a", SD_CORRUPT, "unknown tag");
  REFUSED("SDV\x01\x03\x80\x00", SD_CORRUPT, "malformed number");
  REFUSED("SDV\x01\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", SD_CORRUPT, "malformed number");
  REFUSED("SDV\x01\x05\x01\xff", SD_CORRUPT, "not UTF-8");
  REFUSED("SDV\x01\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", SD_CORRUPT, "length beyond its end");
  REFUSED("SDV\x01\x07\xff\xff\xff\xff\x0f\x00", SD_CORRUPT, "count beyond its end");
  REFUSED("SDV\x01\x08\x02\x01"
          "a\x00\x01"
          "a\x00",
          SD_CORRUPT, "key");
  REFUSED("SDV\x01\x08\x01\x01\x00\x00", SD_CORRUPT, "key");
  REFUSED("SDV\x01\x09\x04none\x00", SD_NOT_FOUND, "\"none\"");
  REFUSED("SDV\x01\x09\x08test/box\x01!\x00", SD_CORRUPT, "exclamation mark");
}

static void nesting_beyond_the_limit_is_refused(void **state)
{
  (void)state;
  char deep[4 + 2 * 100000 + 1] = "SDV\x01";
  for (size_t i = 0; i < 100000; i++) {
    deep[4 + 2 * i] = 7;
    deep[5 + 2 * i] = 1;
  }
  assert_refused(deep, sizeof deep, SD_CORRUPT, "too deeply");
}

static void what_cannot_leave_the_process_is_named(void **state)
{
  (void)state;
  sd_error error;
  sd_buf out;
  sd_buf_init(&out, SERIAL_MAX);
  sd_value item = box_new(&closed_type, "");
  sd_value value;
  assert_int_equal(sd_value_list(&item, 1, &value), SD_OK);
  assert_int_equal(sd_value_serialize(value, append, &out, &error), SD_UNSUPPORTED);
  assert_string_equal(error.message, "item 0: a value of type \"test/closed\" cannot be serialized");
  sd_value_release(value);
  sd_buf_release(&out);
}

static void a_failing_writer_ends_it(void **state)
{
  (void)state;
  sd_error error;
  sd_buf out;
  sd_buf_init(&out, 3000);
  sd_value value;
  char text[5000];
  memset(text, 'x', sizeof text);
  assert_int_equal(sd_value_string(text, sizeof text, &value), SD_OK);
  assert_int_equal(sd_value_serialize(value, append, &out, &error), SD_LIMIT);
  assert_int_equal(error.code, SD_LIMIT);
  sd_value_release(value);
  sd_buf_release(&out);
}

static void each_failing_allocation_leaves_nothing(void **state)
{
  (void)state;
  sd_buf out;
  const char *keys[] = {"one", "two"};
  sd_value items[2] = {box_new(&box_type, "a text of several pieces"), sd_value_null()};
  assert_int_equal(sd_value_string("text", 4, &items[1]), SD_OK);
  sd_value value;
  assert_int_equal(sd_value_map(keys, items, 2, &value), SD_OK);
  sd_value inner = value;
  assert_int_equal(sd_value_list(&inner, 1, &value), SD_OK);
  serialize(value, &out);
  sd_value_release(value);
  sd_status status = SD_NOMEM;
  uint64_t nth = 0;
  while (status != SD_OK) {
    sd_error error;
    sd_value back = sd_value_int(5);
    sd_alloc_fail_nth(++nth);
    status = sd_value_deserialize(out.data, out.len, &back, &error);
    sd_alloc_fail_nth(0);
    if (status == SD_OK) {
      sd_value_release(back);
    } else {
      assert_int_equal(status, SD_NOMEM);
      assert_int_equal(error.code, SD_NOMEM);
      assert_int_equal(sd_value_as_int(back), 5);
    }
    assert_int_equal(box_count, 0);
  }
  assert_true(nth > 6);
  sd_buf_release(&out);
}

static int register_types(void **state)
{
  (void)state;
  return sd_value_type_register(&box_type, NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_values_come_back),
      cmocka_unit_test(the_form_is_as_documented),
      cmocka_unit_test(no_beginning_of_a_value_is_a_value),
      cmocka_unit_test(malformed_values_are_refused),
      cmocka_unit_test(nesting_beyond_the_limit_is_refused),
      cmocka_unit_test(what_cannot_leave_the_process_is_named),
      cmocka_unit_test(a_failing_writer_ends_it),
      cmocka_unit_test(each_failing_allocation_leaves_nothing),
  };
  return cmocka_run_group_tests_name("pipeline/value_serialize", tests, register_types, NULL);
}
