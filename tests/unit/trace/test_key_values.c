/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Lists of keys and values in environment variables. */
#include "base/alloc.h"
#include "trace/key_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The list as "[key]=[value]" one after another. */
static void becomes(const char *text, unsigned flags, const char *expected)
{
  char shown[1024] = "";
  size_t len = 0;
  sd_key_values list;
  sd_error error;
  if (sd_key_values_parse(sd_bytes_of(text), flags, &list, &error) != SD_OK)
    fail_msg("%s: %s", text, error.message);
  for (size_t i = 0; i < list.count; i++)
    len += (size_t)snprintf(shown + len, sizeof shown - len, "[%s]=[%s]", list.items[i].key,
                            list.items[i].value);
  sd_key_values_release(&list);
  assert_null(list.items);
  assert_string_equal(shown, expected);
}

static void refused(const char *text, unsigned flags, const char *message)
{
  sd_key_values list = {NULL, 77};
  sd_error error;
  assert_int_equal(sd_key_values_parse(sd_bytes_of(text), flags, &list, &error), SD_INVALID);
  assert_int_equal(list.count, 77);
  if (!strstr(error.message, message))
    fail_msg("%s: %s", text, error.message);
  assert_null(strstr(error.message, "c2VjcmV0"));
}

static void members_are_decoded_in_their_order(void **state)
{
  (void)state;
  becomes("", 0, "");
  becomes("k=v", 0, "[k]=[v]");
  becomes("service.name=shop,service.version=1.2,k=", 0,
          "[service.name]=[shop][service.version]=[1.2][k]=[]");
  becomes("k=a%2Cb%3Dc%20d,a%2Cb=1", 0, "[k]=[a,b=c d][a,b]=[1]");
  becomes("k=Am%C3%A9lie", 0, "[k]=[Am\xC3\xA9lie]");
  becomes("k=1,k=2", 0, "[k]=[1][k]=[2]");
}

static void white_space_and_empty_members_do_not_count(void **state)
{
  (void)state;
  becomes(" k = v w , l=2 ,, ", 0, "[k]=[v w][l]=[2]");
  becomes(" \t", 0, "");
  becomes("k=%20v%20", 0, "[k]=[ v ]");
}

static void a_value_may_hold_equal_signs(void **state)
{
  (void)state;
  becomes("authorization=Basic c2VjcmV0==,x-k=a;b", SD_KEY_VALUES_HEADERS,
          "[authorization]=[Basic c2VjcmV0==][x-k]=[a;b]");
}

static void any_error_refuses_the_whole_and_names_the_member_only(void **state)
{
  (void)state;
  refused("a=1,c2VjcmV0", 0, "member number 2 has no '='");
  refused("a=1,,=c2VjcmV0", 0, "member number 3 has no key");
  refused("a=c2VjcmV0%", 0, "member number 1 has a '%'");
  refused("a=c2VjcmV0%4", 0, "write %25");
  refused("a%zz=c2VjcmV0", 0, "hexadecimal");
  refused("a=c2VjcmV0%FF", 0, "not UTF-8");
  refused("a=c2VjcmV0%00", 0, "NUL");
}

static void headers_must_be_fit_for_a_request(void **state)
{
  (void)state;
  refused("a=1,b%20c=c2VjcmV0", SD_KEY_VALUES_HEADERS, "member number 2 has a key that is no header name");
  refused("a=c2VjcmV0%0D%0Ab: 1", SD_KEY_VALUES_HEADERS, "control character");
  becomes("a=1%0A2,b%20c=1", 0, "[a]=[1\n2][b c]=[1]");
}

static void limits_are_kept(void **state)
{
  (void)state;
  sd_key_values list;
  sd_error error;
  static char text[SD_KEY_VALUES_BYTES_MAX + 2];
  memset(text, 'v', sizeof text - 1);
  memcpy(text, "k=", 2);
  assert_int_equal(sd_key_values_parse(sd_bytes_make(text, SD_KEY_VALUES_BYTES_MAX), 0, &list, &error),
                   SD_OK);
  assert_int_equal(strlen(list.items[0].value), SD_KEY_VALUES_BYTES_MAX - 2);
  sd_key_values_release(&list);
  assert_int_equal(sd_key_values_parse(sd_bytes_of(text), 0, &list, &error), SD_LIMIT);
  size_t len = 0;
  for (int i = 0; i < SD_KEY_VALUES_MAX; i++)
    len += (size_t)snprintf(text + len, sizeof text - len, "k%d=1,", i);
  assert_int_equal(sd_key_values_parse(sd_bytes_make(text, len), 0, &list, &error), SD_OK);
  assert_int_equal(list.count, SD_KEY_VALUES_MAX);
  sd_key_values_release(&list);
  len += (size_t)snprintf(text + len, sizeof text - len, "more=1");
  assert_int_equal(sd_key_values_parse(sd_bytes_make(text, len), 0, &list, &error), SD_LIMIT);
}

static void without_memory_nothing_is_written(void **state)
{
  (void)state;
  sd_key_values list = {NULL, 77};
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_key_values_parse(sd_bytes_of("k=v"), 0, &list, NULL), SD_NOMEM);
  sd_alloc_fail_nth(0);
  assert_int_equal(list.count, 77);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_are_decoded_in_their_order),
      cmocka_unit_test(white_space_and_empty_members_do_not_count),
      cmocka_unit_test(a_value_may_hold_equal_signs),
      cmocka_unit_test(any_error_refuses_the_whole_and_names_the_member_only),
      cmocka_unit_test(headers_must_be_fit_for_a_request),
      cmocka_unit_test(limits_are_kept),
      cmocka_unit_test(without_memory_nothing_is_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
