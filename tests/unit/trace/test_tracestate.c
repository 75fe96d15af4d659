/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The vectors of W3C's trace-context tests for tracestate, and its limits. */
#include "base/alloc.h"
#include "trace/tracestate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_tracestate state_of_test;

/* The list that these headers make; NULL when it is given up. */
static const char *list_of(const char *const *headers, size_t count)
{
  sd_tracestate_release(&state_of_test);
  sd_tracestate_init(&state_of_test);
  for (size_t i = 0; i < count; i++) {
    sd_status status = sd_tracestate_add(&state_of_test, sd_bytes_of(headers[i]));
    if (status == SD_INVALID)
      return NULL;
    assert_int_equal(status, SD_OK);
  }
  sd_tracestate_shrink(&state_of_test);
  return sd_buf_text(&state_of_test.list);
}

static const char *one(const char *header)
{
  return list_of(&header, 1);
}

static void becomes(const char *header, const char *expected)
{
  const char *list = one(header);
  if (!list)
    fail_msg("given up: %s", header);
  assert_string_equal(list, expected);
}

static void given_up(const char *header)
{
  if (one(header))
    fail_msg("accepted: %s", header);
}

/* count times c, then rest; good until the next call but one. */
static const char *repeated(char c, size_t count, const char *rest)
{
  static char texts[2][2048];
  static unsigned turn;
  char *text = texts[turn++ % 2];
  assert_true(count + strlen(rest) < sizeof texts[0]);
  memset(text, c, count);
  snprintf(text + count, sizeof texts[0] - count, "%s", rest);
  return text;
}

static void a_list_is_kept_in_its_order(void **state)
{
  (void)state;
  becomes("foo=1", "foo=1");
  becomes("foo=1,bar=2,baz=3", "foo=1,bar=2,baz=3");
  becomes("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
}

static void several_headers_are_one_list(void **state)
{
  (void)state;
  static const char *const headers[] = {"foo=1,bar=2", "rojo=1,congo=2", "baz=3"};
  assert_string_equal(list_of(headers, 3), "foo=1,bar=2,rojo=1,congo=2,baz=3");
  static const char *const empty_first[] = {"", "foo=1"};
  assert_string_equal(list_of(empty_first, 2), "foo=1");
  static const char *const empty_last[] = {"foo=1", ""};
  assert_string_equal(list_of(empty_last, 2), "foo=1");
}

static void white_space_and_empty_members_are_left_out(void **state)
{
  (void)state;
  becomes("", "");
  becomes(" ,\t, ", "");
  becomes("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3");
  becomes("foo=1\t \t,\t \tbar=2,\t \tbaz=3", "foo=1,bar=2,baz=3");
  becomes("\t foo=1 \t", "foo=1");
  becomes(",foo=1,,bar=2,", "foo=1,bar=2");
}

static void leading_spaces_of_a_value_belong_to_it(void **state)
{
  (void)state;
  becomes("foo=  1 , bar=2", "foo=  1,bar=2");
  given_up("foo=\t1");
  given_up("foo= ");
}

static void every_allowed_character_passes(void **state)
{
  (void)state;
  char header[512] = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/=";
  size_t len = strlen(header);
  for (int c = 0x20; c <= 0x7E; c++) {
    if (c != ',' && c != '=')
      header[len++] = (char)c;
  }
  header[len] = '\0';
  becomes(header, header);
}

static void an_at_sign_may_stand_anywhere_but_first(void **state)
{
  (void)state;
  becomes("foo@=1,bar=2", "foo@=1,bar=2");
  becomes("foo@@bar=1,bar=2", "foo@@bar=1,bar=2");
  becomes("foo@bar@baz=1,bar=2", "foo@bar@baz=1,bar=2");
  becomes("1special=a", "1special=a");
  given_up("@foo=1,bar=2");
}

static void one_bad_member_gives_the_list_up(void **state)
{
  (void)state;
  given_up("foobarbaz");
  given_up("foo =1");
  given_up("FOO=1");
  given_up("foo.bar=1");
  given_up("=1");
  given_up("_foo=1");
  given_up("foo=bar=baz");
  given_up("foo=,bar=3");
  given_up("bar=3,foo=");
  given_up("foo=a\x7F");
  given_up("foo=\xC3\xA4");
  given_up("foo=a\x01z");
}

static void keys_and_values_have_at_most_256_characters(void **state)
{
  (void)state;
  const char *key = repeated('z', 256, "=1");
  becomes(key, key);
  given_up(repeated('z', 257, "=1"));
  key = repeated('t', 242, "@v=1");
  becomes(key, key);
  key = repeated('t', 1, "@vvvvvvvvvvvvvvv=1");
  becomes(key, key);
  char header[600];
  snprintf(header, sizeof header, "foo=%s", repeated('x', 256, ""));
  becomes(header, header);
  snprintf(header, sizeof header, "foo=%s", repeated('x', 257, ""));
  given_up(header);
}

static void thirty_two_members_pass_and_33_do_not(void **state)
{
  (void)state;
  char header[512] = "";
  size_t len = 0;
  for (int i = 1; i <= 32; i++)
    len += (size_t)snprintf(header + len, sizeof header - len, "%sbar%02d=%02d", i > 1 ? "," : "", i, i);
  becomes(header, header);
  snprintf(header + len, sizeof header - len, ", ,");
  assert_non_null(one(header));
  snprintf(header + len, sizeof header - len, ",bar33=33");
  given_up(header);
  static const char *const twice[] = {"a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1",
                                      "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1"};
  assert_null(list_of(twice, 2));
}

static void of_one_key_the_first_member_is_kept(void **state)
{
  (void)state;
  becomes("foo=1,foo=1", "foo=1");
  becomes("foo=1,bar=0,foo=2", "foo=1,bar=0");
  becomes("foo=1,fo=2,foob=3,o=4", "foo=1,fo=2,foob=3,o=4");
  static const char *const headers[] = {"foo=1", "foo=2"};
  assert_string_equal(list_of(headers, 2), "foo=1");
}

static void a_list_of_512_bytes_is_kept_whole(void **state)
{
  (void)state;
  char header[600] = "";
  size_t len = 0;
  for (int i = 0; i < 4; i++)
    len += (size_t)snprintf(header + len, sizeof header - len, "%sk%d=%s", i ? "," : "", i,
                            repeated('v', 124, ""));
  header[len++] = 'v';
  header[len] = '\0';
  assert_int_equal(len, 512);
  becomes(header, header);
  /* One byte more: the last member, which is the only long one, goes. */
  char expected[600];
  snprintf(expected, sizeof expected, "%s", header);
  *strrchr(expected, ',') = '\0';
  snprintf(header + len, sizeof header - len, "v");
  becomes(header, expected);
}

static void long_members_go_first_and_then_the_right_ones(void **state)
{
  (void)state;
  char header[10000];
  char text[3][600];
  snprintf(text[0], sizeof text[0], "a=%s", repeated('1', 127, "")); /* 129: long */
  snprintf(text[1], sizeof text[1], "b=%s", repeated('2', 126, "")); /* 128: not */
  snprintf(text[2], sizeof text[2], "c=%s", repeated('3', 256, ""));
  snprintf(header, sizeof header, "%s,%s,%s,d=4", text[0], text[1], text[2]);
  char expected[10000];
  snprintf(expected, sizeof expected, "%s,%s,d=4", text[0], text[1]);
  becomes(header, expected);
  const char *v = repeated('v', 124, "");
  snprintf(expected, sizeof expected, "k0=%s,k1=%s,k2=%s,k3=%s", v, v, v, v);
  snprintf(header, sizeof header, "%s,k0=%s,k1=%s,k2=%s,k3=%s", text[0], v, v, v, v);
  becomes(header, expected);
  snprintf(header, sizeof header, "k0=%s,k1=%s,k2=%s,k3=%s,k4=%s", v, v, v, v, v);
  becomes(header, expected);
  snprintf(header, sizeof header, "%s=%s", repeated('k', 256, ""), repeated('v', 256, ""));
  becomes(header, "");
}

static void without_memory_nothing_is_leaked(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    sd_tracestate list;
    sd_tracestate_init(&list);
    sd_alloc_fail_nth(nth);
    sd_status status =
        sd_tracestate_add(&list, sd_bytes_of("a=1234567890123456789012345678901234567890,b=1234"
                                             "567890123456789012345678901234567890"));
    uint64_t calls = sd_alloc_calls();
    sd_alloc_fail_nth(0);
    sd_tracestate_release(&list);
    if (calls < nth) {
      assert_int_equal(status, SD_OK);
      assert_true(nth > 2);
      break;
    }
    assert_int_equal(status, SD_NOMEM);
  }
}

static int release(void **state)
{
  (void)state;
  sd_tracestate_release(&state_of_test);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_list_is_kept_in_its_order),
      cmocka_unit_test(several_headers_are_one_list),
      cmocka_unit_test(white_space_and_empty_members_are_left_out),
      cmocka_unit_test(leading_spaces_of_a_value_belong_to_it),
      cmocka_unit_test(every_allowed_character_passes),
      cmocka_unit_test(an_at_sign_may_stand_anywhere_but_first),
      cmocka_unit_test(one_bad_member_gives_the_list_up),
      cmocka_unit_test(keys_and_values_have_at_most_256_characters),
      cmocka_unit_test(thirty_two_members_pass_and_33_do_not),
      cmocka_unit_test(of_one_key_the_first_member_is_kept),
      cmocka_unit_test(a_list_of_512_bytes_is_kept_whole),
      cmocka_unit_test(long_members_go_first_and_then_the_right_ones),
      cmocka_unit_test(without_memory_nothing_is_leaked),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
