/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The growing buffer. */
#include "base/alloc.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void appends_add_up(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 1000);
  assert_string_equal(sd_buf_text(&buf), "");
  sd_buf_append(&buf, "ab", 2);
  sd_buf_append_text(&buf, "cd");
  sd_buf_append_text(&buf, NULL);
  sd_buf_append_byte(&buf, 'e');
  sd_buf_append_bytes(&buf, sd_bytes_of("f"));
  sd_buf_appendf(&buf, "-%d-%s", 42, "x");
  assert_int_equal(sd_buf_status(&buf), SD_OK);
  assert_string_equal(sd_buf_text(&buf), "abcdef-42-x");
  assert_int_equal(sd_buf_bytes(&buf).len, 11);
  sd_buf_release(&buf);
}

static void content_survives_growing(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 100000);
  for (int i = 0; i < 100000; i++)
    assert_int_equal(sd_buf_append_byte(&buf, (uint8_t)(i % 251)), SD_OK);
  for (int i = 0; i < 100000; i++)
    assert_int_equal(buf.data[i], i % 251);
  sd_buf_release(&buf);
}

static void exactly_the_maximum_fits(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 8);
  assert_int_equal(sd_buf_append_text(&buf, "12345678"), SD_OK);
  assert_string_equal(sd_buf_text(&buf), "12345678");
  assert_int_equal(sd_buf_append_byte(&buf, 'x'), SD_LIMIT);
  assert_int_equal(sd_buf_append(&buf, NULL, 0), SD_OK);
  assert_string_equal(sd_buf_text(&buf), "12345678");
  assert_int_equal(sd_buf_status(&buf), SD_LIMIT);
  sd_buf_release(&buf);
}

static void an_append_past_the_maximum_changes_nothing_and_is_remembered(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 8);
  sd_buf_append_text(&buf, "1234");
  assert_int_equal(sd_buf_append_text(&buf, "56789"), SD_LIMIT);
  assert_int_equal(sd_buf_appendf(&buf, "%05d", 1), SD_LIMIT);
  uint8_t *space = NULL;
  assert_int_equal(sd_buf_reserve(&buf, SIZE_MAX, &space), SD_LIMIT);
  assert_null(space);
  assert_string_equal(sd_buf_text(&buf), "1234");
  assert_int_equal(sd_buf_append_text(&buf, "5"), SD_OK);
  assert_int_equal(sd_buf_status(&buf), SD_LIMIT);
  sd_buf_clear(&buf);
  assert_int_equal(sd_buf_status(&buf), SD_OK);
  assert_int_equal(buf.len, 0);
  sd_buf_release(&buf);
}

static void formatted_text_fits_at_every_length(void **state)
{
  (void)state;
  for (int len = 0; len < 300; len++) {
    sd_buf buf;
    sd_buf_init(&buf, 300);
    assert_int_equal(sd_buf_appendf(&buf, "%0*d", len, 7), SD_OK);
    assert_int_equal(buf.len, len > 1 ? len : 1);
    assert_int_equal(buf.data[buf.len - 1], '7');
    assert_int_equal(sd_buf_appendf(&buf, "%s", ""), SD_OK);
    sd_buf_release(&buf);
  }
}

static void reserved_room_is_committed(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 100);
  uint8_t *space;
  assert_int_equal(sd_buf_reserve(&buf, 100, &space), SD_OK);
  memset(space, 'x', 100);
  sd_buf_commit(&buf, 3);
  assert_string_equal(sd_buf_text(&buf), "xxx");
  sd_buf_release(&buf);
}

static void consume_takes_from_the_front_and_truncate_from_the_end(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 100);
  sd_buf_consume(&buf, 0);
  sd_buf_append_text(&buf, "0123456789");
  sd_buf_consume(&buf, 3);
  assert_string_equal(sd_buf_text(&buf), "3456789");
  sd_buf_truncate(&buf, 2);
  assert_string_equal(sd_buf_text(&buf), "34");
  sd_buf_consume(&buf, 2);
  assert_string_equal(sd_buf_text(&buf), "");
  sd_buf_release(&buf);
}

static void taken_text_belongs_to_the_caller(void **state)
{
  (void)state;
  sd_buf buf;
  sd_buf_init(&buf, 10);
  char *empty = sd_buf_take_text(&buf);
  assert_string_equal(empty, "");
  sd_buf_append_text(&buf, "0123456789");
  char *text = sd_buf_take_text(&buf);
  assert_int_equal(buf.len, 0);
  sd_buf_append_text(&buf, "other");
  assert_string_equal(text, "0123456789");
  assert_int_equal(sd_buf_append_text(&buf, "123456"), SD_LIMIT);
  assert_null(sd_buf_take_text(&buf));
  assert_int_equal(buf.len, 0);
  assert_int_equal(sd_buf_status(&buf), SD_OK);
  sd_free(empty);
  sd_free(text);
  sd_buf_release(&buf);
}

static void a_failed_allocation_changes_nothing(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    sd_buf buf;
    char expected[512] = "";
    size_t len = 0;
    sd_buf_init(&buf, 4096);
    sd_alloc_fail_nth(nth);
    bool failed = false;
    for (int i = 0; i < 20; i++) {
      size_t before = buf.len;
      sd_status status =
          i % 2 ? sd_buf_append_text(&buf, "0123456789ABCDEF") : sd_buf_appendf(&buf, "%016d", 7);
      if (status == SD_OK) {
        memcpy(expected + len, i % 2 ? "0123456789ABCDEF" : "0000000000000007", 16);
        len += 16;
      } else {
        assert_int_equal(status, SD_NOMEM);
        assert_int_equal(buf.len, before);
        failed = true;
      }
      assert_memory_equal(sd_buf_text(&buf), expected, len + 1);
    }
    assert_int_equal(sd_buf_status(&buf), failed ? SD_NOMEM : SD_OK);
    sd_alloc_fail_nth(0);
    sd_buf_release(&buf);
    if (!failed)
      break;
    assert_true(nth < 100);
  }
  sd_buf buf;
  sd_buf_init(&buf, 10);
  sd_alloc_fail_nth(1);
  assert_null(sd_buf_take_text(&buf));
  sd_alloc_fail_nth(0);
  assert_null(buf.data);
  sd_buf_release(&buf);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(appends_add_up),
      cmocka_unit_test(content_survives_growing),
      cmocka_unit_test(exactly_the_maximum_fits),
      cmocka_unit_test(an_append_past_the_maximum_changes_nothing_and_is_remembered),
      cmocka_unit_test(formatted_text_fits_at_every_length),
      cmocka_unit_test(reserved_room_is_committed),
      cmocka_unit_test(consume_takes_from_the_front_and_truncate_from_the_end),
      cmocka_unit_test(taken_text_belongs_to_the_caller),
      cmocka_unit_test(a_failed_allocation_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
