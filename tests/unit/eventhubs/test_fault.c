/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Every condition of the service is sorted as the reference says. */
#include "eventhubs/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static sd_error remote(const char *condition, const char *message)
{
  sd_error error;
  sd_error_set(&error, SD_REMOTE, "%s", message);
  error.source = SD_SOURCE_AMQP;
  snprintf(error.condition, sizeof error.condition, "%s", condition);
  return error;
}

static void assert_fault(const char *condition, const char *message, sd_fault expected)
{
  sd_error error = remote(condition, message);
  sd_fault fault = sd_fault_of(&error);
  if (fault != expected)
    fail_msg("%s is sorted as %d, not %d", condition, (int)fault, (int)expected);
}

static void conditions_are_sorted(void **state)
{
  (void)state;
  assert_fault("amqp:link:stolen", "New receiver …", SD_FAULT_PARTITION_LOST);
  assert_fault("amqp:link:detach-forced", "idle", SD_FAULT_QUIET);
  assert_fault("amqp:connection:forced", "idle", SD_FAULT_QUIET);
  assert_fault("com.microsoft:server-busy", "50002", SD_FAULT_BUSY);
  assert_fault("com.microsoft:timeout", "", SD_FAULT_TIMEOUT);
  assert_fault("com.microsoft:operation-cancelled", "", SD_FAULT_RETRY);
  assert_fault("com.microsoft:container-close", "", SD_FAULT_RETRY);
  assert_fault("amqp:internal-error", "", SD_FAULT_RETRY);
  assert_fault("amqp:not-found", "could not be found", SD_FAULT_STOP);
  assert_fault("amqp:unauthorized-access", "", SD_FAULT_UNAUTHORIZED);
  assert_fault("com.microsoft:auth-failed", "", SD_FAULT_UNAUTHORIZED);
  assert_fault("amqp:resource-limit-exceeded", "", SD_FAULT_QUOTA);
  assert_fault("com.microsoft:entity-disabled", "", SD_FAULT_STOP);
  assert_fault("com.microsoft:publisher-revoked", "", SD_FAULT_STOP);
  assert_fault("amqp:link:message-size-exceeded", "", SD_FAULT_STOP);
  assert_fault("amqp:transfer-limit-exceeded", "", SD_FAULT_RETRY);
  assert_fault("amqp:connection:framing-error", "", SD_FAULT_RETRY);
  assert_fault("com.example:never-heard-of", "", SD_FAULT_RETRY);
}

static void an_invalid_position_is_told_from_other_bad_arguments(void **state)
{
  (void)state;
  assert_fault("com.microsoft:argument-error",
               "The supplied offset '9' is invalid. The last offset in the system is '3'",
               SD_FAULT_OFFSET_LOST);
  assert_fault("com.microsoft:argument-out-of-range",
               "The supplied sequence number '9' is invalid. The last sequence number in the system is '3'",
               SD_FAULT_OFFSET_LOST);
  assert_fault("com.microsoft:georeplication:invalid-offset", "x", SD_FAULT_OFFSET_LOST);
  assert_fault("com.microsoft:argument-out-of-range", "The specified partition is invalid", SD_FAULT_STOP);
  assert_fault("com.microsoft:argument-error", "bad filter", SD_FAULT_STOP);
}

static void network_errors_pass_and_a_refused_certificate_stays(void **state)
{
  (void)state;
  sd_error error;
  sd_error_set(&error, SD_IO, "connection reset");
  assert_int_equal(sd_fault_of(&error), SD_FAULT_RETRY);
  error.source = SD_SOURCE_TLS;
  assert_int_equal(sd_fault_of(&error), SD_FAULT_RETRY);
  error.code = SD_DENIED;
  assert_int_equal(sd_fault_of(&error), SD_FAULT_STOP);
}

static void throttling_waits_longer(void **state)
{
  (void)state;
  const sd_eventhubs_timing timing = SD_EVENTHUBS_TIMING_DEFAULT;
  assert_true(sd_fault_wait_ms(SD_FAULT_BUSY, &timing) >= 4000);
  assert_true(sd_fault_wait_ms(SD_FAULT_TIMEOUT, &timing) >= 2000);
  assert_true(sd_fault_wait_ms(SD_FAULT_QUOTA, &timing) >= 30000);
  assert_int_equal(sd_fault_wait_ms(SD_FAULT_RETRY, &timing), 0);
}

static void advice_names_what_to_do_and_keeps_the_brokers_words(void **state)
{
  (void)state;
  const sd_fault_names names = {"ns.example", "orders", "loader"};
  sd_error error = remote("amqp:not-found", "The messaging entity could not be found");
  sd_fault_advise(&error, &names);
  assert_non_null(strstr(error.message, "\"orders\""));
  assert_non_null(strstr(error.message, "\"loader\""));
  assert_non_null(strstr(error.message, "could not be found"));
  assert_string_equal(error.condition, "amqp:not-found");
  error = remote("amqp:unauthorized-access", "Listen claims required");
  sd_fault_advise(&error, &names);
  assert_non_null(strstr(error.message, "grant \"Azure Event Hubs Data Receiver\""));
  assert_non_null(strstr(error.message, "check the key"));
  error = remote("com.microsoft:auth-failed", "x");
  const sd_fault_names sender = {"ns.example", "orders", NULL};
  sd_fault_advise(&error, &sender);
  assert_non_null(strstr(error.message, "Data Sender"));
  error = remote("com.microsoft:entity-disabled", "x");
  sd_fault_advise(&error, &names);
  assert_non_null(strstr(error.message, "enable it"));
  error = remote("com.example:other", "words");
  sd_fault_advise(&error, &names);
  assert_string_equal(error.message, "words");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conditions_are_sorted),
      cmocka_unit_test(an_invalid_position_is_told_from_other_bad_arguments),
      cmocka_unit_test(network_errors_pass_and_a_refused_certificate_stays),
      cmocka_unit_test(throttling_waits_longer),
      cmocka_unit_test(advice_names_what_to_do_and_keeps_the_brokers_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
