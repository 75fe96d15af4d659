/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Text as a JSON string. */
#include "base/alloc.h"
#include "base/json_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_json(const char *text, size_t len, const char *expected)
{
  sd_buf buf;
  sd_buf_init(&buf, 256);
  assert_int_equal(sd_json_text(sd_bytes_make(text, len), &buf), SD_OK);
  assert_string_equal(sd_buf_text(&buf), expected);
  sd_buf_release(&buf);
}

static void text_stands_in_quotes(void **state)
{
  (void)state;
  assert_json(NULL, 0, "\"\"");
  assert_json("abc", 3, "\"abc\"");
  assert_json("gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x86", 11, "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x86\"");
}

static void what_json_forbids_is_escaped(void **state)
{
  (void)state;
  assert_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
  assert_json("\b\f\n\r\t\x01\x1f\x7f", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
  assert_json("a\0b", 3, "\"a\\u0000b\"");
}

static void bytes_that_are_no_character_become_the_replacement(void **state)
{
  (void)state;
  assert_json("a\xff\"b", 4, "\"a\xef\xbf\xbd\\\"b\"");
  assert_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  assert_json("\xc3\xbc\xf0\x9f\xa6", 5, "\"\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void a_full_buffer_and_short_memory_are_reported(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 4);
  assert_int_equal(sd_json_text(sd_bytes_of("abc"), &buf), SD_LIMIT);
  sd_buf_release(&buf);
  sd_buf_init(&buf, 64);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_json_text(sd_bytes_of("abc"), &buf), SD_NOMEM);
  sd_alloc_fail_nth(0);
  sd_buf_release(&buf);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_stands_in_quotes),
      cmocka_unit_test(what_json_forbids_is_escaped),
      cmocka_unit_test(bytes_that_are_no_character_become_the_replacement),
      cmocka_unit_test(a_full_buffer_and_short_memory_are_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
