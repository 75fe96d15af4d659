/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The vectors of W3C's trace-context tests for traceparent. */
#include "carrier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TRACE_ID "12345678901234567890123456789012"
#define SPAN_ID  "1234567890123456"
#define IDS      TRACE_ID "-" SPAN_ID

static sd_status parse(const char *text, sd_context *context)
{
  return sd_context_parse_traceparent(text, strlen(text), context);
}

/* What is sent on for this header. */
static void becomes(const char *text, const char *expected)
{
  sd_context context = SD_CONTEXT_NONE;
  char sent[SD_TRACEPARENT_SIZE];
  assert_int_equal(parse(text, &context), SD_OK);
  assert_true(sd_context_is_valid(&context));
  assert_int_equal(context.remote, 1);
  assert_int_equal(context.flags & ~(SD_TRACE_FLAG_SAMPLED | SD_TRACE_FLAG_RANDOM), 0);
  assert_null(context.data);
  assert_string_equal(sd_context_traceparent(&context, sent), expected);
}

static void refused(const char *text)
{
  sd_context context = SD_CONTEXT_NONE;
  context.flags = 0x55;
  sd_context before = context;
  if (parse(text, &context) != SD_INVALID)
    fail_msg("accepted: %s", text);
  assert_memory_equal(&context, &before, CONTEXT_IDS_SIZE);
}

static void version_00_is_read_and_written_again(void **state)
{
  (void)state;
  becomes("00-" IDS "-00", "00-" IDS "-00");
  becomes("00-" IDS "-01", "00-" IDS "-01");
  becomes("00-" IDS "-02", "00-" IDS "-02");
  becomes("00-" IDS "-03", "00-" IDS "-03");
  becomes("00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01",
          "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01");
  sd_context context = SD_CONTEXT_NONE;
  assert_int_equal(parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &context), SD_OK);
  static const uint8_t trace_id[] = {0x0A, 0xF7, 0x65, 0x19, 0x16, 0xCD, 0x43, 0xDD,
                                     0x84, 0x48, 0xEB, 0x21, 0x1C, 0x80, 0x31, 0x9C};
  static const uint8_t span_id[] = {0xB7, 0xAD, 0x6B, 0x71, 0x69, 0x20, 0x33, 0x31};
  assert_memory_equal(context.trace_id, trace_id, sizeof trace_id);
  assert_memory_equal(context.span_id, span_id, sizeof span_id);
  assert_int_equal(context.flags, SD_TRACE_FLAG_SAMPLED);
}

static void unknown_flags_are_cleared(void **state)
{
  (void)state;
  becomes("00-" IDS "-ff", "00-" IDS "-03");
  becomes("00-" IDS "-fc", "00-" IDS "-00");
  becomes("cc-" IDS "-08", "00-" IDS "-00");
  sd_context context = SD_CONTEXT_NONE;
  char sent[SD_TRACEPARENT_SIZE];
  assert_int_equal(parse("00-" IDS "-01", &context), SD_OK);
  context.flags = 0xFD;
  assert_string_equal(sd_context_traceparent(&context, sent), "00-" IDS "-01");
}

static void higher_versions_are_read_as_far_as_known(void **state)
{
  (void)state;
  becomes("01-" IDS "-00", "00-" IDS "-00");
  becomes("cc-" IDS "-01", "00-" IDS "-01");
  becomes("cc-" IDS "-01-what-the-future-will-be-like", "00-" IDS "-01");
  becomes("fe-" IDS "-01-", "00-" IDS "-01");
  refused("cc-" IDS "-01.what-the-future-will-be-like");
  refused("cc-" IDS "-011");
  refused("cc-" IDS "-0");
  refused("ff-" IDS "-01");
}

static void version_00_has_55_characters(void **state)
{
  (void)state;
  refused("00-" IDS "-01.");
  refused("00-" IDS "-01-");
  refused("00-" IDS "-01-what-the-future-will-be-like");
  refused("00-" IDS "-0");
  refused("00-" IDS "-");
  refused("");
}

static void what_is_not_lower_case_hex_is_refused(void **state)
{
  (void)state;
  refused(".0-" IDS "-01");
  refused("0.-" IDS "-01");
  refused("0A-" IDS "-01");
  refused("00-.2345678901234567890123456789012-" SPAN_ID "-01");
  refused("00-1234567890123456789012345678901.-" SPAN_ID "-01");
  refused("00-A2345678901234567890123456789012-" SPAN_ID "-01");
  refused("00-" TRACE_ID "-.234567890123456-01");
  refused("00-" TRACE_ID "-123456789012345.-01");
  refused("00-" TRACE_ID "-123456789012345A-01");
  refused("00-" IDS "-.0");
  refused("00-" IDS "-0.");
  refused("00-" IDS "-0A");
  refused("00-" IDS "- 1");
}

static void fields_of_another_length_are_refused(void **state)
{
  (void)state;
  refused("0-" IDS "-01");
  refused("000-" IDS "-01");
  refused("0000-" IDS "-01");
  refused("00-" TRACE_ID "3-" SPAN_ID "-01");
  refused("00-1234567890123456789012345678901-" SPAN_ID "-01");
  refused("00-" TRACE_ID "-" SPAN_ID "7-01");
  refused("00-" TRACE_ID "-123456789012345-01");
  refused("00-" IDS "-001");
  refused("00-" IDS "-1");
  refused("00 " IDS "-01");
  refused("00-" TRACE_ID "_" SPAN_ID "-01");
  refused("00-" IDS "_01");
}

static void ids_of_zeros_are_refused(void **state)
{
  (void)state;
  refused("00-00000000000000000000000000000000-" SPAN_ID "-01");
  refused("00-" TRACE_ID "-0000000000000000-01");
}

static void white_space_around_is_ignored(void **state)
{
  (void)state;
  becomes(" 00-" IDS "-01", "00-" IDS "-01");
  becomes("\t00-" IDS "-01", "00-" IDS "-01");
  becomes("00-" IDS "-01 ", "00-" IDS "-01");
  becomes("00-" IDS "-01\t", "00-" IDS "-01");
  becomes("\t 00-" IDS "-01 \t", "00-" IDS "-01");
  refused("\n00-" IDS "-01");
}

static void the_length_counts_and_not_a_nul(void **state)
{
  (void)state;
  sd_context context = SD_CONTEXT_NONE;
  static const char longer[] = "00-" IDS "-01rest";
  assert_int_equal(sd_context_parse_traceparent(longer, SD_TRACEPARENT_SIZE - 1, &context), SD_OK);
  assert_int_equal(sd_context_parse_traceparent(longer, SD_TRACEPARENT_SIZE, &context), SD_INVALID);
  assert_int_equal(sd_context_parse_traceparent(NULL, 0, &context), SD_INVALID);
}

static void a_context_without_ids_has_no_traceparent(void **state)
{
  (void)state;
  char sent[SD_TRACEPARENT_SIZE] = "x";
  sd_context context = SD_CONTEXT_NONE;
  assert_string_equal(sd_context_traceparent(&context, sent), "");
  context.trace_id[15] = 1;
  assert_string_equal(sd_context_traceparent(&context, sent), "");
  assert_string_equal(sd_context_traceparent(NULL, sent), "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(version_00_is_read_and_written_again),
      cmocka_unit_test(unknown_flags_are_cleared),
      cmocka_unit_test(higher_versions_are_read_as_far_as_known),
      cmocka_unit_test(version_00_has_55_characters),
      cmocka_unit_test(what_is_not_lower_case_hex_is_refused),
      cmocka_unit_test(fields_of_another_length_are_refused),
      cmocka_unit_test(ids_of_zeros_are_refused),
      cmocka_unit_test(white_space_around_is_ignored),
      cmocka_unit_test(the_length_counts_and_not_a_nul),
      cmocka_unit_test(a_context_without_ids_has_no_traceparent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
