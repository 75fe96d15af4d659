/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the json room promises. */
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void parse_and_write_keep_order_and_integers(void **state)
{
  (void)state;
  const char *text = "{\"b\":9007199254740993,\"a\":[true,null,\"é\"]}";
  json_t *value = NULL;
  sd_buf out;
  sd_buf_init(&out, 1024);
  assert_int_equal(sd_json_parse(sd_bytes_of(text), &value, NULL), SD_OK);
  assert_int_equal(sd_json_write(value, &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), text);
  json_decref(value);
  sd_buf_release(&out);
}

static void malformed_text_is_refused_with_its_place(void **state)
{
  (void)state;
  json_t *value = NULL;
  sd_error error;
  assert_int_equal(sd_json_parse(sd_bytes_of("{\"a\":\n oops}"), &value, &error), SD_INVALID);
  assert_non_null(strstr(error.message, "line 2"));
  assert_null(value);
}

static void duplicate_keys_are_refused(void **state)
{
  (void)state;
  json_t *value = NULL;
  assert_int_equal(sd_json_parse(sd_bytes_of("{\"a\":1,\"a\":2}"), &value, NULL), SD_INVALID);
}

static void writing_past_the_buffers_maximum_fails(void **state)
{
  (void)state;
  json_t *value = json_string("a text of more than sixteen bytes");
  sd_buf out;
  sd_buf_init(&out, 16);
  assert_int_equal(sd_json_write(value, &out), SD_LIMIT);
  json_decref(value);
  sd_buf_release(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parse_and_write_keep_order_and_integers),
      cmocka_unit_test(malformed_text_is_refused_with_its_place),
      cmocka_unit_test(duplicate_keys_are_refused),
      cmocka_unit_test(writing_past_the_buffers_maximum_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
