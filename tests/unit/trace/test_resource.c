/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The resource: what is detected, what the program's options replace. */
#include "recorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

static sd_telemetry *make(sd_telemetry_options options)
{
  sd_telemetry *telemetry = NULL;
  options.struct_size = sizeof options;
  assert_int_equal(sd_telemetry_new(&options, &telemetry, NULL), SD_OK);
  return telemetry;
}

/* The value of a key that must be there once; *ret_found false allows none. */
static sd_any value_of(const sd_telemetry *telemetry, const char *key, bool must)
{
  size_t count;
  const sd_attribute *attributes = sd_telemetry_resource(telemetry, &count);
  sd_any found = sd_any_null();
  size_t times = 0;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(attributes[i].key, key) == 0) {
      found = attributes[i].value;
      times++;
    }
  }
  assert_int_equal(times, must);
  return found;
}

static void assert_value(const sd_telemetry *telemetry, const char *key, const char *expected)
{
  sd_any value = value_of(telemetry, key, true);
  assert_int_equal(value.type, SD_ANY_STRING);
  assert_string_equal(value.as.string, expected);
  assert_int_equal(value.len, strlen(expected));
}

static void the_process_and_the_machine_are_detected(void **state)
{
  (void)state;
  sd_telemetry *telemetry = make((sd_telemetry_options){0});
  struct utsname system;
  assert_int_equal(uname(&system), 0);
  assert_value(telemetry, "service.name", "unknown_service:test_trace_resource");
  assert_value(telemetry, "process.executable.name", "test_trace_resource");
  assert_value(telemetry, "telemetry.sdk.language", "c");
  assert_value(telemetry, "telemetry.sdk.name", "streamduck");
  assert_value(telemetry, "host.name", system.nodename);
  assert_value(telemetry, "os.type", "linux");
  if (strcmp(system.machine, "x86_64") == 0)
    assert_value(telemetry, "host.arch", "amd64");
  assert_true(value_of(telemetry, "telemetry.sdk.version", true).len > 0);
  assert_int_equal(value_of(telemetry, "service.instance.id", true).len, 36);
  sd_any pid = value_of(telemetry, "process.pid", true);
  assert_int_equal(pid.type, SD_ANY_INT);
  assert_int_equal(pid.as.integer, getpid());
  value_of(telemetry, "service.version", false);
  value_of(telemetry, "deployment.environment.name", false);
  sd_telemetry_free(telemetry);
}

static void options_win_over_attributes_and_these_over_what_is_detected(void **state)
{
  (void)state;
  sd_any members[] = {sd_any_int(1), sd_any_string("two")};
  sd_attribute attributes[] = {
      sd_attribute_string("service.name", "not this"),
      sd_attribute_string("service.version", "1"),
      sd_attribute_string("host.name", "elsewhere"),
      sd_attribute_make("list", sd_any_array(members, 2)),
      sd_attribute_string("service.instance.id", "mine"),
      sd_attribute_string("twice", "a"),
      sd_attribute_string("twice", "b\xff"),
  };
  sd_telemetry *telemetry = make((sd_telemetry_options){.service_name = "orders",
                                                        .service_version = "2.1",
                                                        .environment = "prod",
                                                        .resource = attributes,
                                                        .resource_count = 7});
  attributes[2].value.as.string = "changed afterwards";
  members[1] = sd_any_null();
  assert_value(telemetry, "service.name", "orders");
  assert_value(telemetry, "service.version", "2.1");
  assert_value(telemetry, "deployment.environment.name", "prod");
  assert_value(telemetry, "host.name", "elsewhere");
  assert_value(telemetry, "service.instance.id", "mine");
  assert_value(telemetry, "twice", "b\xef\xbf\xbd");
  sd_any list = value_of(telemetry, "list", true);
  assert_int_equal(list.len, 2);
  assert_int_equal(list.as.array[0].as.integer, 1);
  assert_string_equal(list.as.array[1].as.string, "two");
  sd_telemetry_free(telemetry);
}

static void too_many_attributes_are_refused(void **state)
{
  (void)state;
  static char keys[300][8];
  static sd_attribute attributes[300];
  for (size_t i = 0; i < 300; i++) {
    snprintf(keys[i], sizeof keys[i], "k%zu", i);
    attributes[i] = sd_attribute_int(keys[i], 1);
  }
  sd_telemetry_options options = {
      .struct_size = sizeof options, .resource = attributes, .resource_count = 300};
  sd_telemetry *telemetry = NULL;
  assert_int_equal(sd_telemetry_new(&options, &telemetry, NULL), SD_LIMIT);
}

static void two_telemetries_are_two_instances(void **state)
{
  (void)state;
  sd_telemetry *one = make((sd_telemetry_options){0});
  sd_telemetry *two = make((sd_telemetry_options){0});
  assert_string_not_equal(value_of(one, "service.instance.id", true).as.string,
                          value_of(two, "service.instance.id", true).as.string);
  sd_telemetry_free(one);
  sd_telemetry_free(two);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_process_and_the_machine_are_detected),
      cmocka_unit_test(options_win_over_attributes_and_these_over_what_is_detected),
      cmocka_unit_test(too_many_attributes_are_refused),
      cmocka_unit_test(two_telemetries_are_two_instances),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
