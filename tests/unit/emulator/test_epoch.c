/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Who may read: epochs, stealing and the limit of five. */
#include "emulator/epoch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int owners[8];

static emu_claim claim(int owner, bool has_epoch, int64_t epoch)
{
  emu_claim c = {.has_epoch = has_epoch, .epoch = epoch, .owner = &owners[owner]};
  (void)snprintf(c.name, sizeof c.name, "reader-%d", owner);
  return c;
}

static void five_readers_without_epoch_fit_and_no_sixth(void **state)
{
  (void)state;
  emu_claims claims = {0};
  sd_error error;
  for (int i = 0; i < 5; i++) {
    emu_claim c = claim(i, false, 0);
    assert_int_equal(emu_claims_judge(&claims, &c, &error), EMU_ADMIT);
    emu_claims_add(&claims, &c);
  }
  emu_claim sixth = claim(5, false, 0);
  assert_int_equal(emu_claims_judge(&claims, &sixth, &error), EMU_REFUSE);
  assert_string_equal(error.condition, "amqp:resource-limit-exceeded");
  assert_non_null(strstr(error.message, "Exceeded the maximum number of allowed receivers per partition"));
  emu_claims_remove(&claims, &owners[2]);
  assert_int_equal(claims.count, 4);
  assert_int_equal(emu_claims_judge(&claims, &sixth, &error), EMU_ADMIT);
}

static void the_first_epoch_drives_out_readers_without(void **state)
{
  (void)state;
  emu_claims claims = {0};
  emu_claim plain = claim(0, false, 0);
  emu_claim exclusive = claim(1, true, 0);
  emu_claims_add(&claims, &plain);
  assert_int_equal(emu_claims_judge(&claims, &exclusive, NULL), EMU_STEAL);
}

static void an_equal_or_higher_epoch_steals_with_the_services_text(void **state)
{
  (void)state;
  emu_claims claims = {0};
  emu_claim holder = claim(0, true, 3);
  emu_claim equal = claim(1, true, 3);
  emu_claim higher = claim(2, true, 4);
  char text[512];
  assert_int_equal(emu_claims_judge(&claims, &holder, NULL), EMU_ADMIT);
  emu_claims_add(&claims, &holder);
  assert_int_equal(emu_claims_judge(&claims, &equal, NULL), EMU_STEAL);
  assert_int_equal(emu_claims_judge(&claims, &higher, NULL), EMU_STEAL);
  emu_claims_stolen_text(&holder, &higher, text, sizeof text);
  assert_string_equal(
      text, "New receiver 'reader-2' with higher epoch of '4' is created hence current receiver 'reader-0' "
            "with epoch '3' is getting disconnected. If you are recreating the receiver, make sure a "
            "higher epoch is used.");
}

static void a_lower_epoch_and_none_are_refused_beside_an_epoch(void **state)
{
  (void)state;
  emu_claims claims = {0};
  emu_claim holder = claim(0, true, 22);
  emu_claim lower = claim(1, true, 21);
  emu_claim plain = claim(2, false, 0);
  sd_error error;
  emu_claims_add(&claims, &holder);
  assert_int_equal(emu_claims_judge(&claims, &lower, &error), EMU_REFUSE);
  assert_string_equal(error.condition, "amqp:link:stolen");
  assert_non_null(strstr(error.message, "with a higher epoch '22' already exists"));
  assert_int_equal(emu_claims_judge(&claims, &plain, &error), EMU_REFUSE);
  assert_string_equal(error.condition, "amqp:link:stolen");
  assert_non_null(strstr(error.message,
                         "At least one receiver for the endpoint is created with epoch of '22', and so "
                         "non-epoch receiver is not allowed."));
  emu_claims_remove(&claims, &owners[0]);
  assert_int_equal(emu_claims_judge(&claims, &plain, &error), EMU_ADMIT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(five_readers_without_epoch_fit_and_no_sixth),
      cmocka_unit_test(the_first_epoch_drives_out_readers_without),
      cmocka_unit_test(an_equal_or_higher_epoch_steals_with_the_services_text),
      cmocka_unit_test(a_lower_epoch_and_none_are_refused_beside_an_epoch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
