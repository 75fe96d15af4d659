/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Which answers are tried again, and when. */
#include "export/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NS_PER_MS UINT64_C(1000000)

static void only_the_statuses_of_the_specification_are_tried_again(void **state)
{
  (void)state;
  for (int status = 100; status < 600; status++)
    assert_int_equal(sd_retry_http_status(status),
                     status == 429 || status == 502 || status == 503 || status == 504);
}

static void only_the_grpc_codes_of_the_specification_are_tried_again(void **state)
{
  (void)state;
  static const bool plain[] = {false, true, false, false, true,  false, false, false, false,
                               false, true, true,  false, false, true,  true,  false};
  for (int code = 0; code < 17; code++) {
    assert_int_equal(sd_retry_grpc_code(code, false), plain[code]);
    assert_int_equal(sd_retry_grpc_code(code, true), plain[code] || code == 8);
    assert_non_null(sd_grpc_code_name(code));
  }
  assert_false(sd_retry_grpc_code(99, true));
  assert_false(sd_retry_grpc_code(-1, true));
  assert_null(sd_grpc_code_name(17));
  assert_string_equal(sd_grpc_code_name(14), "UNAVAILABLE");
}

static void an_http_status_stands_for_a_missing_grpc_status(void **state)
{
  (void)state;
  static const int pairs[][2] = {{400, 13}, {401, 16}, {403, 7},  {404, 12}, {429, 14},
                                 {502, 14}, {503, 14}, {504, 14}, {200, 2},  {500, 2}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    assert_int_equal(sd_grpc_code_of_http(pairs[i][0]), pairs[i][1]);
}

static void waits_grow_to_the_cap_and_end_at_the_deadline(void **state)
{
  (void)state;
  for (int run = 0; run < 200; run++) {
    sd_retry retry;
    uint64_t now = 1000 * NS_PER_MS, at;
    uint64_t ceiling = 100;
    unsigned attempts = 0;
    sd_retry_init(&retry, now, 10000, 100, 1000);
    while (sd_retry_next(&retry, now, 0, &at)) {
      assert_true(at >= now && at - now <= ceiling * NS_PER_MS);
      assert_true(at < 11000 * NS_PER_MS);
      ceiling = ceiling * 2 < 1000 ? ceiling * 2 : 1000;
      now = at + NS_PER_MS; /* the attempt */
      attempts++;
    }
    assert_true(attempts >= 10);
  }
}

static void the_peers_delay_is_the_least_wait(void **state)
{
  (void)state;
  sd_retry retry;
  uint64_t at;
  sd_retry_init(&retry, 0, 10000, 100, 1000);
  assert_true(sd_retry_next(&retry, 0, 3000, &at));
  assert_true(at >= 3000 * NS_PER_MS);
  /* What would end behind the deadline is not waited for. */
  assert_false(sd_retry_next(&retry, 0, 10000, &at));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_the_statuses_of_the_specification_are_tried_again),
      cmocka_unit_test(only_the_grpc_codes_of_the_specification_are_tried_again),
      cmocka_unit_test(an_http_status_stands_for_a_missing_grpc_status),
      cmocka_unit_test(waits_grow_to_the_cap_and_end_at_the_deadline),
      cmocka_unit_test(the_peers_delay_is_the_least_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
