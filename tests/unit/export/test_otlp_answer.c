/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What receivers answer, in protobuf and JSON. */
#include "base/alloc.h"
#include "export/otlp_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Bytes of a literal, which may hold zeros. */
#define BYTES(text) sd_bytes_make(text, sizeof(text) - 1)

static void nothing_is_a_full_success(void **state)
{
  (void)state;
  static const char *const empty[] = {"", "{}", "{\"partialSuccess\":{}}", "{\"partialSuccess\":null}",
                                      "{\"other\":[1]}"};
  sd_otlp_answer answer;
  for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
    assert_int_equal(sd_otlp_answer_response(true, sd_bytes_of(empty[i]), &answer), SD_OK);
    assert_false(answer.partial);
  }
  assert_int_equal(sd_otlp_answer_response(false, sd_bytes_of(NULL), &answer), SD_OK);
  assert_false(answer.partial);
  assert_int_equal(sd_otlp_answer_response(false, BYTES("\x0a\x00"), &answer), SD_OK);
  assert_false(answer.partial);
  assert_int_equal(answer.rejected, 0);
  assert_string_equal(answer.message, "");
}

static void a_partial_success_has_a_number_and_a_message(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(sd_otlp_answer_response(false, BYTES("\x0a\x08\x08\xac\x02\x12\x03too"), &answer), SD_OK);
  assert_true(answer.partial);
  assert_int_equal(answer.rejected, 300);
  assert_string_equal(answer.message, "too");
  static const char *const bodies[] = {
      "{\"partialSuccess\":{\"rejectedSpans\":\"300\",\"errorMessage\":\"too\"}}",
      "{\"partialSuccess\":{\"errorMessage\":\"too\",\"rejectedDataPoints\":300,\"new\":{}}}",
      "{\"partialSuccess\":{\"rejectedLogRecords\":\"300\",\"errorMessage\":\"too\"}}"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    assert_int_equal(sd_otlp_answer_response(true, sd_bytes_of(bodies[i]), &answer), SD_OK);
    assert_true(answer.partial);
    assert_int_equal(answer.rejected, 300);
    assert_string_equal(answer.message, "too");
  }
}

static void a_message_without_rejected_records_is_a_warning(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(sd_otlp_answer_response(false, BYTES("\x0a\x05\x12\x03old"), &answer), SD_OK);
  assert_true(answer.partial);
  assert_int_equal(answer.rejected, 0);
  assert_string_equal(answer.message, "old");
}

static void a_negative_number_of_records_is_none(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(
      sd_otlp_answer_response(false, BYTES("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &answer),
      SD_OK);
  assert_int_equal(answer.rejected, 0);
  assert_false(answer.partial);
  assert_int_equal(
      sd_otlp_answer_response(true, sd_bytes_of("{\"partialSuccess\":{\"rejectedSpans\":\"-4\"}}"), &answer),
      SD_OK);
  assert_int_equal(answer.rejected, 0);
}

static void a_status_has_code_message_and_retry_delay(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  /* code 8, "full", details: a stranger's, then RetryInfo of 1.5 s */
  assert_int_equal(
      sd_otlp_answer_status(
          false,
          BYTES("\x08\x08\x12\x04"
                "full\x1a\x05\x0a\x01x\x12\x00\x1a\x36\x0a\x28"
                "type.googleapis.com/google.rpc.RetryInfo\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01"),
          &answer),
      SD_OK);
  assert_int_equal(answer.code, 8);
  assert_string_equal(answer.message, "full");
  assert_true(answer.has_retry_delay);
  assert_true(answer.retry_delay_ns == 1500000000);
  assert_int_equal(
      sd_otlp_answer_status(
          true,
          sd_bytes_of("{\"code\":8,\"message\":\"full\",\"details\":[{\"@type\":\"x\"},"
                      "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1.5s\"}]}"),
          &answer),
      SD_OK);
  assert_int_equal(answer.code, 8);
  assert_string_equal(answer.message, "full");
  assert_true(answer.has_retry_delay);
  assert_true(answer.retry_delay_ns == 1500000000);
}

static void a_status_may_be_empty(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(sd_otlp_answer_status(false, sd_bytes_of(NULL), &answer), SD_OK);
  assert_int_equal(answer.code, 0);
  assert_false(answer.has_retry_delay);
  assert_int_equal(sd_otlp_answer_status(true, sd_bytes_of("{}"), &answer), SD_OK);
  assert_int_equal(answer.code, 0);
}

static void delays_in_json_are_read_or_are_no_wait(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    uint64_t ns;
  } delays[] = {{"0s", 0},
                {"3s", 3000000000},
                {"0.000000001s", 1},
                {"2.250s", 2250000000},
                {"86400s", 86400000000000},
                {"99999999999999999999s", 86400000000000},
                {"-1s", 0},
                {"1.2.3s", 0},
                {"3", 0},
                {"s", 0},
                {"", 0},
                {"1.5s ", 0},
                {"soon", 0}};
  for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
    char body[200];
    snprintf(body, sizeof body, "{\"details\":[{\"@type\":\"google.rpc.RetryInfo\",\"retryDelay\":\"%s\"}]}",
             delays[i].text);
    sd_otlp_answer answer;
    assert_int_equal(sd_otlp_answer_status(true, sd_bytes_of(body), &answer), SD_OK);
    assert_true(answer.has_retry_delay);
    assert_true(answer.retry_delay_ns == delays[i].ns);
  }
}

static void only_retry_info_is_a_retry_delay(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(
      sd_otlp_answer_status(
          true,
          sd_bytes_of("{\"details\":[{\"@type\":\"a/my.google.rpc.RetryInfo\",\"retryDelay\":\"1s\"},"
                      "{\"retryDelay\":\"1s\"},7]}"),
          &answer),
      SD_OK);
  assert_false(answer.has_retry_delay);
}

static void strange_delays_in_protobuf_are_bounded(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  /* seconds: the greatest int64 */
  assert_int_equal(
      sd_otlp_answer_status(
          false,
          BYTES("\x1a\x25\x0a\x14google.rpc.RetryInfo\x12\x0c\x0a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
                "\x10\x00"),
          &answer),
      SD_PROTOCOL); /* a length that lies */
  assert_int_equal(
      sd_otlp_answer_status(
          false,
          BYTES(
              "\x1a\x24\x0a\x14google.rpc.RetryInfo\x12\x0c\x0a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
          &answer),
      SD_OK);
  assert_true(answer.retry_delay_ns == SD_OTLP_RETRY_DELAY_MAX_S * UINT64_C(1000000000));
  /* without a duration: at once */
  assert_int_equal(sd_otlp_answer_status(false, BYTES("\x1a\x16\x0a\x14google.rpc.RetryInfo"), &answer),
                   SD_OK);
  assert_true(answer.has_retry_delay);
  assert_true(answer.retry_delay_ns == 0);
}

static void messages_are_one_line_of_utf8_and_cut(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(sd_otlp_answer_status(false,
                                         BYTES("\x12\x06"
                                               "a\n\x1b[\xff\x7f"),
                                         &answer),
                   SD_OK);
  assert_string_equal(answer.message, "a  [? ");
  char body[2000];
  size_t len = 3;
  memcpy(body, "\x12\xe8\x07", 3); /* 1000 bytes */
  for (; len < 1003; len += 2)
    memcpy(body + len, "\xc3\xbc", 2);
  assert_int_equal(sd_otlp_answer_status(false, sd_bytes_make(body, 1003), &answer), SD_OK);
  assert_int_equal(strlen(answer.message), SD_OTLP_MESSAGE_MAX - 2);
  assert_true(sd_utf8_valid((const uint8_t *)answer.message, strlen(answer.message)));
}

static void what_is_no_answer_is_refused_and_nothing_is_written(void **state)
{
  (void)state;
  static const char *const bodies[] = {"<html>Bad Gateway</html>", "[]", "\"x\"", "{", "{}x", "\xff", "nul"};
  sd_otlp_answer answer;
  memset(&answer, 7, sizeof answer);
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    assert_int_equal(sd_otlp_answer_response(true, sd_bytes_of(bodies[i]), &answer), SD_PROTOCOL);
    assert_int_equal(sd_otlp_answer_status(true, sd_bytes_of(bodies[i]), &answer), SD_PROTOCOL);
    assert_int_equal(sd_otlp_answer_status(false, sd_bytes_of(bodies[i]), &answer), SD_PROTOCOL);
  }
  assert_int_equal(sd_otlp_answer_response(false, BYTES("\x0a\x05\x08"), &answer), SD_PROTOCOL);
  assert_int_equal(sd_otlp_answer_response(false, BYTES("\x0a\x01\x08"), &answer), SD_PROTOCOL);
  assert_int_equal(answer.code, 0x07070707);
}

static void fields_of_another_type_are_unknown(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(sd_otlp_answer_status(false, BYTES("\x0a\x01x\x10\x05\x18\x01"), &answer), SD_OK);
  assert_int_equal(answer.code, 0);
  assert_string_equal(answer.message, "");
  assert_int_equal(
      sd_otlp_answer_status(true, sd_bytes_of("{\"code\":\"x\",\"message\":5,\"details\":{}}"), &answer),
      SD_OK);
  assert_int_equal(answer.code, 0);
}

static void details_come_as_base64(void **state)
{
  (void)state;
  sd_otlp_answer answer;
  assert_int_equal(sd_otlp_answer_details(sd_bytes_of("CAgSBGZ1bGw="), &answer), SD_OK);
  assert_int_equal(answer.code, 8);
  assert_string_equal(answer.message, "full");
  assert_int_equal(sd_otlp_answer_details(sd_bytes_of("CAgSBGZ1bGw"), &answer), SD_OK);
  assert_int_equal(sd_otlp_answer_details(sd_bytes_of("!"), &answer), SD_PROTOCOL);
  assert_int_equal(sd_otlp_answer_details(sd_bytes_of("/////w"), &answer), SD_PROTOCOL);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_otlp_answer_details(sd_bytes_of("CAgSBGZ1bGw"), &answer), SD_NOMEM);
  sd_alloc_fail_nth(0);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_a_full_success),
      cmocka_unit_test(a_partial_success_has_a_number_and_a_message),
      cmocka_unit_test(a_message_without_rejected_records_is_a_warning),
      cmocka_unit_test(a_negative_number_of_records_is_none),
      cmocka_unit_test(a_status_has_code_message_and_retry_delay),
      cmocka_unit_test(a_status_may_be_empty),
      cmocka_unit_test(delays_in_json_are_read_or_are_no_wait),
      cmocka_unit_test(only_retry_info_is_a_retry_delay),
      cmocka_unit_test(strange_delays_in_protobuf_are_bounded),
      cmocka_unit_test(messages_are_one_line_of_utf8_and_cut),
      cmocka_unit_test(what_is_no_answer_is_refused_and_nothing_is_written),
      cmocka_unit_test(fields_of_another_type_are_unknown),
      cmocka_unit_test(details_come_as_base64),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
