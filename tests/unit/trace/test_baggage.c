/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The vectors of W3C's baggage tests, its limits, and setting members. */
#include "base/alloc.h"
#include "carrier.h"
#include "trace/baggage.h"
#include "trace/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_baggage baggage_of_test;

static const char *list_of(const char *const *headers, size_t count)
{
  sd_baggage_release(&baggage_of_test);
  sd_baggage_init(&baggage_of_test);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(sd_baggage_add(&baggage_of_test, sd_bytes_of(headers[i])), SD_OK);
  return sd_buf_text(&baggage_of_test.list);
}

static void becomes(const char *header, const char *expected)
{
  assert_string_equal(list_of(&header, 1), expected);
}

static sd_context context_of(const char *header)
{
  sd_context context = SD_CONTEXT_NONE;
  const char *list = list_of(&header, 1);
  assert_int_equal(sd_context_data_new(sd_bytes_of("t=1"), sd_bytes_of(list), &context.data), SD_OK);
  return context;
}

static void value_is(const char *header, const char *key, const char *expected)
{
  char value[256] = "before";
  sd_context context = context_of(header);
  assert_int_equal(sd_context_baggage_get(&context, key, value, sizeof value), SD_OK);
  assert_string_equal(value, expected);
  sd_context_release(&context);
}

static void members_and_properties_are_kept(void **state)
{
  (void)state;
  becomes("SomeKey=SomeValue", "SomeKey=SomeValue");
  becomes("SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
          "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal");
  becomes("SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue",
          "SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue");
  becomes("SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal",
          "SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal");
  becomes("a=,b=;p=", "a=,b=;p=");
}

static void white_space_is_left_out(void **state)
{
  (void)state;
  becomes("SomeKey \t = \t SomeValue \t ", "SomeKey=SomeValue");
  becomes(
      "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = "
      "\t PropVal",
      "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal");
  becomes("key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue",
          "key1=value1;property1;property2,key2=value2,key3=value3;propertyKey=propertyValue");
  becomes(" , ,a=1,\t", "a=1");
}

static void several_headers_are_one_list(void **state)
{
  (void)state;
  static const char *const headers[] = {"userId =   alice", "serverNode = DF%2028, isProduction = false"};
  assert_string_equal(list_of(headers, 2), "userId=alice,serverNode=DF%2028,isProduction=false");
}

static void a_malformed_member_is_left_out_alone(void **state)
{
  (void)state;
  becomes("a=1,b,c=3", "a=1,c=3");
  becomes("a=1,=2,c=3", "a=1,c=3");
  becomes("a=1,b b=2,c=3", "a=1,c=3");
  becomes("a=1,b=2 2,c=3", "a=1,c=3");
  becomes("a=1,b=\"2\",c=3", "a=1,c=3");
  becomes("a=1,b=2\\,c=3", "a=1,c=3");
  becomes("a=1,b=\xC3\xA4,c=3", "a=1,c=3");
  becomes("a=1,b@=2,c=3", "a=1,c=3");
  becomes("a=1,b=2;,c=3", "a=1,c=3");
  becomes("a=1,b=2;;p,c=3", "a=1,c=3");
  becomes("a=1,b=2;p p,c=3", "a=1,c=3");
  becomes("a=1,b=2;p=\x7F,c=3", "a=1,c=3");
  becomes("nothing", "");
}

static void values_are_decoded(void **state)
{
  (void)state;
  value_is("SomeKey=SomeValue=equals", "SomeKey", "SomeValue=equals");
  value_is("SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29;p=1", "SomeKey",
           "\t \"';=asdf!@#$%^&*()");
  value_is("a=1,userId=Am%C3%A9lie", "userId", "Am\xC3\xA9lie");
  value_is("a=%c3%a9", "a", "\xC3\xA9");
  value_is("a=,b=2", "a", "");
  value_is("a=100%,b=%4", "a", "100%");
  value_is("a=100%,b=%4", "b", "%4");
}

static void what_is_not_utf8_becomes_the_replacement_character(void **state)
{
  (void)state;
  value_is("a=x%FFy", "a", "x\xEF\xBF\xBDy");
  value_is("a=%E2%82", "a", "\xEF\xBF\xBD");
  value_is("a=%E2%82%41", "a", "\xEF\xBF\xBD\x41");
  value_is("a=%E2%28%A1", "a", "\xEF\xBF\xBD(\xEF\xBF\xBD");
  value_is("a=%F0%9F%A6", "a", "\xEF\xBF\xBD");
  value_is("a=%F0%9F%A6%86", "a", "\xF0\x9F\xA6\x86");
  value_is("a=%ED%A0%80", "a", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  value_is("a=%C0%80", "a", "\xEF\xBF\xBD\xEF\xBF\xBD");
  value_is("a=x%00y", "a", "x\xEF\xBF\xBDy");
}

static void the_last_of_several_members_counts(void **state)
{
  (void)state;
  becomes("a=1,b=2,a=3", "a=1,b=2,a=3");
  value_is("a=1,b=2,a=3", "a", "3");
}

static void keys_are_compared_with_case(void **state)
{
  (void)state;
  char value[8] = "before";
  sd_context context = context_of("Key=1;key");
  assert_int_equal(sd_context_baggage_get(&context, "key", value, sizeof value), SD_NOT_FOUND);
  assert_int_equal(sd_context_baggage_get(&context, "Ke", value, sizeof value), SD_NOT_FOUND);
  assert_int_equal(sd_context_baggage_get(NULL, "key", value, sizeof value), SD_NOT_FOUND);
  assert_string_equal(value, "before");
  sd_context_release(&context);
}

static void a_value_is_cut_between_characters(void **state)
{
  (void)state;
  char value[6];
  sd_context context = context_of("a=abc%C3%A9%C3%A9");
  assert_int_equal(sd_context_baggage_get(&context, "a", value, 5), SD_OK);
  assert_string_equal(value, "abc");
  assert_int_equal(sd_context_baggage_get(&context, "a", value, 6), SD_OK);
  assert_string_equal(value, "abc\xC3\xA9");
  assert_int_equal(sd_context_baggage_get(&context, "a", value, 1), SD_OK);
  assert_string_equal(value, "");
  assert_int_equal(sd_context_baggage_get(&context, "a", NULL, 0), SD_OK);
  sd_context_release(&context);
}

static void the_limits_drop_whole_members(void **state)
{
  (void)state;
  char *header = sd_alloc(20000);
  assert_non_null(header);
  size_t len = 0;
  for (int i = 0; i < 64; i++)
    len += (size_t)snprintf(header + len, 20000 - len, "%skey%d=value", i ? "," : "", i);
  char *sixty_four = sd_strdup(header);
  becomes(header, sixty_four);
  snprintf(header + len, 20000 - len, ",more=1");
  becomes(header, sixty_four);
  sd_free(sixty_four);

  snprintf(header, 20000, "a=%08190d", 0);
  assert_int_equal(strlen(header), SD_BAGGAGE_BYTES_MAX);
  char *whole = sd_strdup(header);
  becomes(header, whole);
  sd_free(whole);
  snprintf(header, 20000, "a=%08191d", 0);
  becomes(header, "");
  snprintf(header, 20000, "small=1,a=%08183d,b=2", 0);
  becomes(header, "small=1,b=2");
  snprintf(header, 20000, "  a  =  %08190d ;", 0);
  becomes(header, "");
  sd_free(header);
}

static void setting_replaces_adds_and_removes(void **state)
{
  (void)state;
  sd_context context = context_of("a=1;p,b=2,a=3");
  memset(context.trace_id, 7, sizeof context.trace_id);
  memset(context.span_id, 8, sizeof context.span_id);
  context.flags = SD_TRACE_FLAG_SAMPLED;
  sd_context changed = SD_CONTEXT_NONE;
  assert_int_equal(sd_context_baggage_set(&context, "a", "x y", &changed, NULL), SD_OK);
  assert_string_equal(sd_context_baggage(&changed), "b=2,a=x%20y");
  assert_string_equal(sd_context_tracestate(&changed), "t=1");
  assert_memory_equal(&changed, &context, CONTEXT_IDS_SIZE);
  assert_string_equal(sd_context_baggage(&context), "a=1;p,b=2,a=3");
  sd_context_release(&context);
  sd_context without = SD_CONTEXT_NONE;
  assert_int_equal(sd_context_baggage_set(&changed, "b", NULL, &without, NULL), SD_OK);
  assert_string_equal(sd_context_baggage(&without), "a=x%20y");
  sd_context_release(&changed);
  sd_context_release(&without);
}

static void what_is_set_can_be_read_again(void **state)
{
  (void)state;
  static const char *const texts[] = {"", "plain", "\t \"';=asdf!@#$%^&*()\\,;",
                                      "Am\xC3\xA9lie \xF0\x9F\xA6\x86", "%41"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    char value[64];
    sd_context context = SD_CONTEXT_NONE;
    assert_int_equal(sd_context_baggage_set(NULL, "key", texts[i], &context, NULL), SD_OK);
    assert_int_equal(sd_context_baggage_get(&context, "key", value, sizeof value), SD_OK);
    assert_string_equal(value, texts[i]);
    char sent[256];
    snprintf(sent, sizeof sent, "%s", sd_context_baggage(&context));
    becomes(sent, sent);
    sd_context_release(&context);
  }
  sd_context context = SD_CONTEXT_NONE;
  assert_int_equal(sd_context_baggage_set(NULL, "key", "a\xFFz", &context, NULL), SD_OK);
  assert_string_equal(sd_context_baggage(&context), "key=a%EF%BF%BDz");
  sd_context_release(&context);
}

static void the_last_member_removed_leaves_no_data(void **state)
{
  (void)state;
  sd_context context = SD_CONTEXT_NONE;
  sd_context empty = SD_CONTEXT_NONE;
  assert_int_equal(sd_context_baggage_set(NULL, "k", "v", &context, NULL), SD_OK);
  assert_int_equal(sd_context_baggage_set(&context, "k", NULL, &empty, NULL), SD_OK);
  assert_null(empty.data);
  assert_string_equal(sd_context_baggage(&empty), "");
  sd_context_release(&context);
}

static void keys_that_are_no_tokens_and_too_much_are_refused(void **state)
{
  (void)state;
  sd_error error;
  sd_context context = SD_CONTEXT_NONE;
  static const char *const keys[] = {"", "a b", "a=b", "a,b", "a;b", "\xC3\xA9", NULL};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    assert_int_equal(sd_context_baggage_set(NULL, keys[i], "v", &context, &error), SD_INVALID);
  char *big = sd_alloc(SD_BAGGAGE_BYTES_MAX + 1);
  memset(big, 'v', SD_BAGGAGE_BYTES_MAX);
  big[SD_BAGGAGE_BYTES_MAX - 2] = '\0';
  assert_int_equal(sd_context_baggage_set(NULL, "k", big, &context, &error), SD_OK);
  sd_context_release(&context);
  big[SD_BAGGAGE_BYTES_MAX - 2] = 'v';
  big[SD_BAGGAGE_BYTES_MAX - 1] = '\0';
  assert_int_equal(sd_context_baggage_set(NULL, "k", big, &context, &error), SD_LIMIT);
  sd_free(big);
  for (int i = 0; i < SD_BAGGAGE_MEMBERS_MAX; i++) {
    char key[16];
    sd_context next = SD_CONTEXT_NONE;
    snprintf(key, sizeof key, "k%d", i);
    assert_int_equal(sd_context_baggage_set(&context, key, "v", &next, &error), SD_OK);
    sd_context_release(&context);
    context = next;
  }
  sd_context next = SD_CONTEXT_NONE;
  assert_int_equal(sd_context_baggage_set(&context, "one_more", "v", &next, &error), SD_LIMIT);
  assert_int_equal(sd_context_baggage_set(&context, "k0", "w", &next, &error), SD_OK);
  sd_context_release(&next);
  sd_context_release(&context);
}

static void without_memory_setting_changes_nothing(void **state)
{
  (void)state;
  sd_context context = context_of("a=1,b=2");
  for (uint64_t nth = 1;; nth++) {
    sd_context changed = SD_CONTEXT_NONE;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_context_baggage_set(&context, "c", "3", &changed, NULL);
    uint64_t calls = sd_alloc_calls();
    sd_alloc_fail_nth(0);
    if (calls < nth) {
      assert_int_equal(status, SD_OK);
      assert_true(nth > 2);
      sd_context_release(&changed);
      break;
    }
    assert_int_equal(status, SD_NOMEM);
    assert_null(changed.data);
  }
  sd_context_release(&context);
}

static int release(void **state)
{
  (void)state;
  sd_baggage_release(&baggage_of_test);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_and_properties_are_kept),
      cmocka_unit_test(white_space_is_left_out),
      cmocka_unit_test(several_headers_are_one_list),
      cmocka_unit_test(a_malformed_member_is_left_out_alone),
      cmocka_unit_test(values_are_decoded),
      cmocka_unit_test(what_is_not_utf8_becomes_the_replacement_character),
      cmocka_unit_test(the_last_of_several_members_counts),
      cmocka_unit_test(keys_are_compared_with_case),
      cmocka_unit_test(a_value_is_cut_between_characters),
      cmocka_unit_test(the_limits_drop_whole_members),
      cmocka_unit_test(setting_replaces_adds_and_removes),
      cmocka_unit_test(what_is_set_can_be_read_again),
      cmocka_unit_test(the_last_member_removed_leaves_no_data),
      cmocka_unit_test(keys_that_are_no_tokens_and_too_much_are_refused),
      cmocka_unit_test(without_memory_setting_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
