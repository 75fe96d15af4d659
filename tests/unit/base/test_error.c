/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The error model. */
#include "base/bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <streamduck/error.h>
#include <string.h>

#include <cmocka.h>

static void every_status_has_its_name_number_and_text(void **state)
{
  (void)state;
  assert_string_equal(sd_status_name(SD_OK), "SD_OK");
  assert_string_equal(sd_status_name(-1), "SD_NOMEM");
  assert_string_equal(sd_status_name(-20), "SD_INTERNAL");
  assert_string_equal(sd_status_text(SD_NOMEM), "out of memory");
  for (sd_status s = 0; s >= -20; s--) {
    assert_string_not_equal(sd_status_name(s), "SD_?");
    assert_string_not_equal(sd_status_text(s), "unknown status");
  }
}

static void an_unknown_number_has_a_name_too(void **state)
{
  (void)state;
  assert_string_equal(sd_status_name(1), "SD_?");
  assert_string_equal(sd_status_name(INT32_MIN), "SD_?");
  assert_string_equal(sd_status_text(-21), "unknown status");
}

static void set_returns_the_code_and_clears_the_rest(void **state)
{
  (void)state;
  sd_error error;
  memset(&error, 0x5A, sizeof error);
  assert_int_equal(sd_error_set(&error, SD_LIMIT, "%s has %d", "table", 3), SD_LIMIT);
  assert_int_equal(error.code, SD_LIMIT);
  assert_string_equal(error.message, "table has 3");
  assert_int_equal(error.source, SD_SOURCE_NONE);
  assert_int_equal(error.source_code, 0);
  assert_int_equal(error.retriable, 0);
  assert_int_equal(error.fatal, 0);
  assert_string_equal(error.condition, "");
}

static void a_null_error_is_allowed_everywhere(void **state)
{
  (void)state;
  sd_error_clear(NULL);
  sd_error_prefix(NULL, "x");
  assert_int_equal(sd_error_set(NULL, SD_IO, "x"), SD_IO);
  assert_int_equal(sd_error_set_errno(NULL, SD_IO, EPERM, "x"), SD_IO);
}

static void clear_makes_a_success(void **state)
{
  (void)state;
  sd_error error;
  memset(&error, 0xFF, sizeof error);
  sd_error_clear(&error);
  static const sd_error empty;
  assert_memory_equal(&error, &empty, sizeof error);
}

static void the_message_may_be_made_from_itself(void **state)
{
  (void)state;
  sd_error error;
  sd_error_set(&error, SD_IO, "inner");
  sd_error_set(&error, SD_CONFIG, "outer: %s", error.message);
  assert_string_equal(error.message, "outer: inner");
}

static void an_errno_is_kept_and_explained(void **state)
{
  (void)state;
  sd_error error;
  assert_int_equal(sd_error_set_errno(&error, SD_IO, ENOENT, "cannot open %s", "a.db"), SD_IO);
  assert_int_equal(error.source, SD_SOURCE_SYSTEM);
  assert_int_equal(error.source_code, ENOENT);
  assert_string_equal(error.message, "cannot open a.db: No such file or directory");
  sd_error_set_errno(&error, SD_IO, 99999, "x");
  assert_true(strlen(error.message) > strlen("x: "));
}

static void a_prefix_keeps_everything_else(void **state)
{
  (void)state;
  sd_error error;
  sd_error_set_errno(&error, SD_IO, EACCES, "open");
  error.retriable = 1;
  error.fatal = 1;
  memcpy(error.condition, "amqp:x", 7);
  sd_error_prefix(&error, "mapping %d", 7);
  assert_string_equal(error.message, "mapping 7: open: Permission denied");
  assert_int_equal(error.code, SD_IO);
  assert_int_equal(error.source_code, EACCES);
  assert_int_equal(error.retriable, 1);
  assert_int_equal(error.fatal, 1);
  assert_string_equal(error.condition, "amqp:x");
}

static void a_long_message_is_cut_at_the_limit(void **state)
{
  (void)state;
  char text[1000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  sd_error error;
  sd_error_set(&error, SD_IO, "%s", text);
  assert_int_equal(strlen(error.message), SD_ERROR_MESSAGE_MAX - 1);
  sd_error_prefix(&error, "p");
  assert_int_equal(strlen(error.message), SD_ERROR_MESSAGE_MAX - 1);
  assert_memory_equal(error.message, "p: xxx", 6);
  sd_error_prefix(&error, "%s", text);
  assert_int_equal(strlen(error.message), SD_ERROR_MESSAGE_MAX - 1);
  sd_error_set_errno(&error, SD_IO, EPERM, "%s", text);
  assert_int_equal(strlen(error.message), SD_ERROR_MESSAGE_MAX - 1);
}

static void a_cut_never_splits_a_character(void **state)
{
  (void)state;
  for (size_t pad = 0; pad < 8; pad++) {
    char text[600];
    size_t len = pad;
    memset(text, 'x', pad);
    for (; len + 4 < sizeof text; len += 4)
      memcpy(text + len, "\xF0\x9F\xA6\x86", 4);
    text[len] = '\0';
    sd_error error;
    sd_error_set(&error, SD_IO, "%s", text);
    size_t kept = strlen(error.message);
    assert_true(kept < SD_ERROR_MESSAGE_MAX && kept > SD_ERROR_MESSAGE_MAX - 5);
    assert_memory_equal(error.message, text, kept);
    assert_true(sd_utf8_valid((const uint8_t *)error.message, kept));
  }
}

static void malformed_text_becomes_question_marks(void **state)
{
  (void)state;
  sd_error error;
  sd_error_set(&error, SD_IO, "%s", "a\xFF\xC3(\xC3\xA4");
  assert_string_equal(error.message, "a?\?(\xC3\xA4");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status_has_its_name_number_and_text),
      cmocka_unit_test(an_unknown_number_has_a_name_too),
      cmocka_unit_test(set_returns_the_code_and_clears_the_rest),
      cmocka_unit_test(a_null_error_is_allowed_everywhere),
      cmocka_unit_test(clear_makes_a_success),
      cmocka_unit_test(the_message_may_be_made_from_itself),
      cmocka_unit_test(an_errno_is_kept_and_explained),
      cmocka_unit_test(a_prefix_keeps_everything_else),
      cmocka_unit_test(a_long_message_is_cut_at_the_limit),
      cmocka_unit_test(a_cut_never_splits_a_character),
      cmocka_unit_test(malformed_text_becomes_question_marks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
