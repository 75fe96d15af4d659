/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Contexts from carriers and back. */
#include "base/alloc.h"
#include "carrier.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define PARENT "00-12345678901234567890123456789012-1234567890123456-01"

static carrier in;
static carrier out;

static int clear(void **state)
{
  (void)state;
  memset(&in, 0, sizeof in);
  memset(&out, 0, sizeof out);
  return 0;
}

static void add(const char *name, const char *value)
{
  assert_int_equal(carrier_set(&in, name, value), SD_OK);
}

static sd_context extract(void)
{
  sd_context context = SD_CONTEXT_NONE;
  assert_int_equal(sd_context_extract(carrier_get, &in, &context), SD_OK);
  return context;
}

static void inject(const sd_context *context)
{
  assert_int_equal(sd_context_inject(context, carrier_set, &out), SD_OK);
}

static void all_three_headers_pass_through(void **state)
{
  (void)state;
  add("traceparent", PARENT);
  add("tracestate", "foo=1, bar=2");
  add("tracestate", "baz=3");
  add("baggage", "user = alice; p");
  add("baggage", "n=%41");
  sd_context context = extract();
  assert_true(sd_context_is_valid(&context));
  assert_int_equal(context.remote, 1);
  assert_int_equal(context.flags, SD_TRACE_FLAG_SAMPLED);
  inject(&context);
  assert_int_equal(out.count, 3);
  assert_string_equal(carrier_get(&out, "traceparent", 0), PARENT);
  assert_string_equal(carrier_get(&out, "tracestate", 0), "foo=1,bar=2,baz=3");
  assert_string_equal(carrier_get(&out, "baggage", 0), "user=alice;p,n=%41");
  sd_context_release(&context);
}

static void header_names_of_any_case_are_found(void **state)
{
  (void)state;
  add("TrAcEpArEnT", PARENT);
  add("TRACESTATE", "foo=1");
  sd_context context = extract();
  assert_string_equal(sd_context_tracestate(&context), "foo=1");
  sd_context_release(&context);
}

static void an_empty_carrier_gives_no_context_and_nothing_is_written(void **state)
{
  (void)state;
  sd_context context = extract();
  assert_false(sd_context_is_valid(&context));
  assert_null(context.data);
  inject(&context);
  inject(NULL);
  assert_int_equal(out.count, 0);
}

static void without_a_good_traceparent_tracestate_is_dropped_and_baggage_kept(void **state)
{
  static const char *const bad[] = {NULL, "", "00-12345678901234567890123456789012-0000000000000000-01",
                                    PARENT ".", PARENT "," PARENT};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    clear(state);
    if (bad[i])
      add("traceparent", bad[i]);
    add("tracestate", "foo=1");
    add("baggage", "a=1");
    sd_context context = extract();
    assert_false(sd_context_is_valid(&context));
    assert_int_equal(context.remote, 0);
    assert_string_equal(sd_context_tracestate(&context), "");
    inject(&context);
    assert_int_equal(out.count, 1);
    assert_string_equal(carrier_get(&out, "baggage", 0), "a=1");
    sd_context_release(&context);
  }
}

static void two_traceparents_are_as_good_as_none(void **state)
{
  (void)state;
  add("traceparent", PARENT);
  add("traceparent", PARENT);
  add("tracestate", "foo=1");
  sd_context context = extract();
  assert_false(sd_context_is_valid(&context));
  assert_null(context.data);
}

static void a_bad_tracestate_does_not_touch_the_traceparent(void **state)
{
  (void)state;
  add("traceparent", PARENT);
  add("tracestate", "foo=1");
  add("tracestate", "BAR=1");
  sd_context context = extract();
  assert_true(sd_context_is_valid(&context));
  assert_string_equal(sd_context_tracestate(&context), "");
  sd_context_release(&context);
}

static void what_is_injected_and_read_again_is_the_same(void **state)
{
  /* Each turn: pieces of headers, good and bad, put together at random. */
  static const char *const pieces[] = {"foo=1",   "bar=2",    " ",     ",", "\t",
                                       "a@b=  x", "k=%41%zz", ";p=1",  "=", "\"",
                                       "0=~",     "e=%E2%82", "Key=v", ";", "x=1,x=2"};
  uint64_t random = 0x9E3779B97F4A7C15u;
  for (int turn = 0; turn < 2000; turn++) {
    clear(state);
    for (int header = 0; header < 4; header++) {
      char text[400] = "";
      size_t len = 0;
      for (int n = 0; n < 24; n++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const char *piece = pieces[(random >> 33) % (sizeof pieces / sizeof pieces[0])];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", piece, random >> 63 ? "," : "");
      }
      add(header % 2 ? "baggage" : "tracestate", text);
    }
    add("traceparent", PARENT);
    sd_context first = extract();
    inject(&first);
    in = out;
    sd_context second = extract();
    assert_memory_equal(&first, &second, CONTEXT_IDS_SIZE);
    assert_string_equal(sd_context_tracestate(&first), sd_context_tracestate(&second));
    assert_string_equal(sd_context_baggage(&first), sd_context_baggage(&second));
    sd_context_release(&first);
    sd_context_release(&second);
  }
}

static void a_carrier_that_refuses_ends_the_injection(void **state)
{
  (void)state;
  add("traceparent", PARENT);
  add("tracestate", "foo=1");
  add("baggage", "a=1");
  sd_context context = extract();
  for (size_t at = 1; at <= 3; at++) {
    memset(&out, 0, sizeof out);
    out.refuse_at = at;
    assert_int_equal(sd_context_inject(&context, carrier_set, &out), SD_CLOSED);
    assert_int_equal(out.count, at - 1);
  }
  sd_context_release(&context);
}

static void the_environment_is_a_carrier(void **state)
{
  (void)state;
  setenv("TRACEPARENT", PARENT, 1);
  setenv("TRACESTATE", "foo=1", 1);
  setenv("BAGGAGE", "a=1", 1);
  sd_context context = SD_CONTEXT_NONE;
  assert_int_equal(sd_context_from_environment(&context), SD_OK);
  char traceparent[SD_TRACEPARENT_SIZE];
  assert_string_equal(sd_context_traceparent(&context, traceparent), PARENT);
  assert_string_equal(sd_context_tracestate(&context), "foo=1");
  assert_string_equal(sd_context_baggage(&context), "a=1");
  sd_context_release(&context);
  unsetenv("TRACEPARENT");
  unsetenv("TRACESTATE");
  unsetenv("BAGGAGE");
  assert_int_equal(sd_context_from_environment(&context), SD_OK);
  assert_false(sd_context_is_valid(&context));
  assert_null(context.data);
}

static void without_memory_the_result_is_untouched_and_nothing_leaks(void **state)
{
  (void)state;
  add("traceparent", PARENT);
  add("tracestate",
      "foo=1,bar=12345678901234567890123456789012345678901234567890123456789012345678901234567890");
  add("baggage", "a=1,bar=12345678901234567890123456789012345678901234567890123456789012345678901234567890");
  for (uint64_t nth = 1;; nth++) {
    sd_context context = SD_CONTEXT_NONE;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_context_extract(carrier_get, &in, &context);
    uint64_t calls = sd_alloc_calls();
    sd_alloc_fail_nth(0);
    if (calls < nth) {
      assert_int_equal(status, SD_OK);
      assert_true(nth > 4);
      sd_context_release(&context);
      break;
    }
    assert_int_equal(status, SD_NOMEM);
    assert_false(sd_context_is_valid(&context));
    assert_null(context.data);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(all_three_headers_pass_through, clear),
      cmocka_unit_test_setup(header_names_of_any_case_are_found, clear),
      cmocka_unit_test_setup(an_empty_carrier_gives_no_context_and_nothing_is_written, clear),
      cmocka_unit_test_setup(without_a_good_traceparent_tracestate_is_dropped_and_baggage_kept, clear),
      cmocka_unit_test_setup(two_traceparents_are_as_good_as_none, clear),
      cmocka_unit_test_setup(a_bad_tracestate_does_not_touch_the_traceparent, clear),
      cmocka_unit_test_setup(what_is_injected_and_read_again_is_the_same, clear),
      cmocka_unit_test_setup(a_carrier_that_refuses_ends_the_injection, clear),
      cmocka_unit_test_setup(the_environment_is_a_carrier, clear),
      cmocka_unit_test_setup(without_memory_the_result_is_untouched_and_nothing_leaks, clear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
