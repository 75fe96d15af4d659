/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Addresses of links in the spellings of the SDKs. */
#include "emulator/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static emu_address parse(const char *text)
{
  emu_address address;
  emu_address_parse(sd_bytes_of(text), &address);
  return address;
}

static void every_form_is_told_apart(void **state)
{
  (void)state;
  assert_int_equal(parse("$cbs").kind, EMU_ADDRESS_CBS);
  assert_int_equal(parse("$management").kind, EMU_ADDRESS_MANAGEMENT);
  assert_int_equal(parse("hub/$management").kind, EMU_ADDRESS_MANAGEMENT);
  emu_address a = parse("events");
  assert_int_equal(a.kind, EMU_ADDRESS_HUB);
  assert_string_equal(a.hub, "events");
  a = parse("events/Partitions/3");
  assert_int_equal(a.kind, EMU_ADDRESS_PARTITION);
  assert_string_equal(a.partition, "3");
  a = parse("events/publishers/device-7");
  assert_int_equal(a.kind, EMU_ADDRESS_PUBLISHER);
  assert_string_equal(a.publisher, "device-7");
  a = parse("events/ConsumerGroups/$Default/Partitions/0");
  assert_int_equal(a.kind, EMU_ADDRESS_RECEIVER);
  assert_string_equal(a.hub, "events");
  assert_string_equal(a.group, "$Default");
  assert_string_equal(a.partition, "0");
}

static void urls_slashes_case_and_escapes_do_not_matter(void **state)
{
  (void)state;
  static const char *const same[] = {
      "amqps://host:5671/events/ConsumerGroups/$Default/Partitions/0",
      "sb://host/events/consumergroups/%24Default/partitions/0/",
      "/events/CONSUMERGROUPS/$Default/PARTITIONS/0",
  };
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    emu_address a = parse(same[i]);
    assert_int_equal(a.kind, EMU_ADDRESS_RECEIVER);
    assert_string_equal(a.hub, "events");
    assert_string_equal(a.group, "$Default");
    assert_string_equal(a.partition, "0");
  }
}

static void anything_else_is_unknown(void **state)
{
  (void)state;
  static const char *const bad[] = {"",
                                    "/",
                                    "amqps://host",
                                    "a//b",
                                    "hub/Partitions",
                                    "hub/Partition/0",
                                    "hub/ConsumerGroups/g/Partitions",
                                    "hub/ConsumerGroups/g/Partitions/0/x",
                                    "a/b/c/d/e/f/g/h"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(parse(bad[i]).kind, EMU_ADDRESS_UNKNOWN);
  emu_address address;
  char nul[] = "a\0b";
  emu_address_parse(sd_bytes_make(nul, 3), &address);
  assert_int_equal(address.kind, EMU_ADDRESS_UNKNOWN);
}

static void a_scope_covers_itself_and_what_lies_under_it(void **state)
{
  (void)state;
  assert_true(emu_address_covers("hub", "hub"));
  assert_true(emu_address_covers("HUB", "hub/Partitions/1"));
  assert_true(emu_address_covers("", "hub"));
  assert_false(emu_address_covers("hub", "hub2"));
  assert_false(emu_address_covers("hub/Partitions/1", "hub"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form_is_told_apart),
      cmocka_unit_test(urls_slashes_case_and_escapes_do_not_matter),
      cmocka_unit_test(anything_else_is_unknown),
      cmocka_unit_test(a_scope_covers_itself_and_what_lies_under_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
