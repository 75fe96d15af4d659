/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Finding the producer's trace in an event's properties. */
#include "stream/producer_link.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TRACE_A       "4bf92f3577b34da6a3ce929d0e0e4736"
#define TRACE_B       "0af7651916cd43dd8448eb211c80319c"
#define PARENT(trace) "00-" trace "-00f067aa0ba902b7-01"

static bool is_linked_to(const char *properties, uint8_t first_byte)
{
  sd_context context = SD_CONTEXT_NONE;
  bool found = sd_producer_link_find(sd_bytes_of(properties), &context);
  return found && context.trace_id[0] == first_byte && context.remote;
}

static bool has_none(const char *properties)
{
  sd_context context = SD_CONTEXT_NONE;
  return !sd_producer_link_find(sd_bytes_of(properties), &context);
}

static void both_properties_are_found_wherever_they_stand(void **state)
{
  (void)state;
  assert_true(is_linked_to("{\"traceparent\":\"" PARENT(TRACE_A) "\"}", 0x4b));
  assert_true(is_linked_to("{\"Diagnostic-Id\":\"" PARENT(TRACE_A) "\",\"x\":1}", 0x4b));
  assert_true(is_linked_to("{\"x\":\"\\\\\",\"traceparent\":\"" PARENT(TRACE_A) "\"}", 0x4b));
}

static void traceparent_goes_before_diagnostic_id(void **state)
{
  (void)state;
  assert_true(is_linked_to(
      "{\"Diagnostic-Id\":\"" PARENT(TRACE_A) "\",\"traceparent\":\"" PARENT(TRACE_B) "\"}", 0x0a));
  assert_true(is_linked_to("{\"Diagnostic-Id\":\"" PARENT(TRACE_A) "\",\"traceparent\":\"nonsense\"}", 0x4b));
}

static void what_is_malformed_or_quoted_is_none(void **state)
{
  (void)state;
  assert_true(has_none(""));
  assert_true(has_none("{}"));
  assert_true(has_none("{\"traceparent\":\"00-" TRACE_A "\"}"));
  assert_true(has_none("{\"traceparent\":\"" PARENT("00000000000000000000000000000000") "\"}"));
  assert_true(has_none("{\"traceparent\":\"" PARENT(TRACE_A)));
  assert_true(has_none("{\"traceparent\":17}"));
  assert_true(has_none("{\"text\":\"\\\"traceparent\\\":\\\"" PARENT(TRACE_A) "\\\"\"}"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_properties_are_found_wherever_they_stand),
      cmocka_unit_test(traceparent_goes_before_diagnostic_id),
      cmocka_unit_test(what_is_malformed_or_quoted_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
