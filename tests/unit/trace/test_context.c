/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Contexts: references, and the current one of each thread. */
#include "base/alloc.h"
#include "carrier.h"
#include "trace/context.h"

#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_context context_with(uint8_t id, const char *baggage)
{
  sd_context context = SD_CONTEXT_NONE;
  memset(context.trace_id, id, sizeof context.trace_id);
  memset(context.span_id, id, sizeof context.span_id);
  assert_int_equal(sd_context_data_new(sd_bytes_of("t=1"), sd_bytes_of(baggage), &context.data), SD_OK);
  return context;
}

static void a_context_is_valid_with_both_ids(void **state)
{
  (void)state;
  sd_context context = SD_CONTEXT_NONE;
  assert_false(sd_context_is_valid(NULL));
  assert_false(sd_context_is_valid(&context));
  context.trace_id[0] = 1;
  assert_false(sd_context_is_valid(&context));
  context.span_id[7] = 1;
  assert_true(sd_context_is_valid(&context));
  context.trace_id[0] = 0;
  assert_false(sd_context_is_valid(&context));
}

static void a_context_without_data_has_empty_texts(void **state)
{
  (void)state;
  sd_context context = SD_CONTEXT_NONE;
  assert_string_equal(sd_context_tracestate(&context), "");
  assert_string_equal(sd_context_baggage(&context), "");
  assert_string_equal(sd_context_tracestate(NULL), "");
  assert_string_equal(sd_context_baggage(NULL), "");
  assert_int_equal(sd_context_data_new(sd_bytes_of(""), sd_bytes_of(NULL), &context.data), SD_OK);
  assert_null(context.data);
}

static void a_copy_outlives_its_original(void **state)
{
  (void)state;
  sd_context context = context_with(1, "a=1");
  sd_context copy = sd_context_copy(&context);
  assert_memory_equal(&copy, &context, CONTEXT_IDS_SIZE);
  assert_ptr_equal(copy.data, context.data);
  sd_context_release(&context);
  assert_false(sd_context_is_valid(&context));
  assert_null(context.data);
  assert_string_equal(sd_context_tracestate(&copy), "t=1");
  assert_string_equal(sd_context_baggage(&copy), "a=1");
  sd_context_release(&copy);
  sd_context_release(&copy);
  sd_context_release(NULL);
  copy = sd_context_copy(NULL);
  assert_false(sd_context_is_valid(&copy));
}

static void attach_and_restore_nest(void **state)
{
  (void)state;
  sd_context one = context_with(1, "a=1");
  sd_context two = context_with(2, "a=2");
  assert_false(sd_context_is_valid(&(sd_context[]){sd_context_current()}[0]));
  sd_context before_one = sd_context_attach(&one);
  sd_context before_two = sd_context_attach(&two);
  sd_context_release(&one);
  sd_context_release(&two);
  sd_context current = sd_context_current();
  assert_int_equal(current.trace_id[0], 2);
  assert_string_equal(sd_context_baggage(&current), "a=2");
  sd_context before_none = sd_context_attach(NULL);
  current = sd_context_current();
  assert_false(sd_context_is_valid(&current));
  sd_context_restore(&before_none);
  assert_int_equal(sd_context_current().trace_id[0], 2);
  sd_context_restore(&before_two);
  current = sd_context_current();
  assert_int_equal(current.trace_id[0], 1);
  assert_string_equal(sd_context_baggage(&current), "a=1");
  sd_context_restore(&before_one);
  current = sd_context_current();
  assert_false(sd_context_is_valid(&current));
  assert_null(current.data);
}

static void the_current_context_may_be_attached_again(void **state)
{
  (void)state;
  sd_context one = context_with(1, "a=1");
  sd_context before_one = sd_context_attach(&one);
  sd_context_release(&one);
  sd_context current = sd_context_current();
  sd_context before = sd_context_attach(&current);
  assert_string_equal(sd_context_baggage(&(sd_context[]){sd_context_current()}[0]), "a=1");
  sd_context_restore(&before);
  sd_context_restore(&before_one);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *attach_on_a_thread(void *shared)
{
  uintptr_t wrong = sd_context_is_valid(&(sd_context[]){sd_context_current()}[0]);
  for (int i = 0; i < ROUNDS; i++) {
    sd_context copy = sd_context_copy(shared);
    sd_context previous = sd_context_attach(&copy);
    sd_context_release(&copy);
    sd_context current = sd_context_current();
    wrong += strcmp(sd_context_baggage(&current), "shared=1") != 0;
    sd_context_restore(&previous);
    current = sd_context_current();
    wrong += sd_context_is_valid(&current);
  }
  return (void *)wrong;
}

static void each_thread_has_its_own_and_data_is_shared(void **state)
{
  (void)state;
  pthread_t threads[THREADS];
  sd_context context = context_with(9, "shared=1");
  sd_context previous = sd_context_attach(&context);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, attach_on_a_thread, &context), 0);
  for (int i = 0; i < THREADS; i++) {
    void *wrong = NULL;
    assert_int_equal(pthread_join(threads[i], &wrong), 0);
    assert_null(wrong);
  }
  assert_int_equal(sd_context_current().trace_id[0], 9);
  sd_context_restore(&previous);
  assert_int_equal(atomic_load(&context.data->references), 1);
  sd_context_release(&context);
}

static void without_memory_there_is_no_data(void **state)
{
  (void)state;
  sd_context_data *data = NULL;
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_context_data_new(sd_bytes_of("a=1"), sd_bytes_of(""), &data), SD_NOMEM);
  sd_alloc_fail_nth(0);
  assert_null(data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_context_is_valid_with_both_ids),
      cmocka_unit_test(a_context_without_data_has_empty_texts),
      cmocka_unit_test(a_copy_outlives_its_original),
      cmocka_unit_test(attach_and_restore_nest),
      cmocka_unit_test(the_current_context_may_be_attached_again),
      cmocka_unit_test(each_thread_has_its_own_and_data_is_shared),
      cmocka_unit_test(without_memory_there_is_no_data),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
