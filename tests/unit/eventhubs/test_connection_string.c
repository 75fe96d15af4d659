/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the connection string parser promises. */
#include "eventhubs/connection_string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "c2VjcmV0IGtleSBvZiB0aGUgdGVzdA=="

static sd_connection_string good(const char *text)
{
  sd_connection_string result;
  sd_error error;
  if (sd_connection_string_parse(text, &result, &error) != SD_OK)
    fail_msg("refused: %s", error.message);
  return result;
}

static void refused(const char *text, const char *expected)
{
  sd_connection_string result;
  memset(&result, 0x5a, sizeof result);
  sd_connection_string before = result;
  sd_error error;
  assert_int_equal(sd_connection_string_parse(text, &result, &error), SD_CONFIG);
  assert_memory_equal(&result, &before, sizeof result);
  if (!strstr(error.message, expected))
    fail_msg("\"%s\" does not contain \"%s\"", error.message, expected);
  assert_null(strstr(error.message, "c2Vj"));
  assert_int_equal(sd_connection_string_parse(text, &result, NULL), SD_CONFIG);
}

static void the_portals_string_is_understood(void **state)
{
  (void)state;
  sd_connection_string s = good("Endpoint=sb://MyNs.servicebus.windows.net/;SharedAccessKeyName=Root;"
                                "SharedAccessKey=" SECRET ";EntityPath=Hub-1");
  assert_string_equal(s.host, "myns.servicebus.windows.net");
  assert_int_equal(s.port, 0);
  assert_string_equal(s.hub, "Hub-1");
  assert_string_equal(s.key_name, "Root");
  assert_string_equal(s.key, SECRET);
  assert_string_equal(s.signature, "");
  assert_false(s.development_emulator);
}

static void names_match_without_case_and_spaces_around_are_ignored(void **state)
{
  (void)state;
  sd_connection_string s =
      good(" ENDPOINT = sb://h/ ; sharedaccesskeyname=N ;SHAREDACCESSKEY=" SECRET " ;;\n");
  assert_string_equal(s.host, "h");
  assert_string_equal(s.key_name, "N");
  assert_string_equal(s.key, SECRET);
}

static void a_ready_signature_keeps_its_equal_signs(void **state)
{
  (void)state;
  sd_connection_string s =
      good("Endpoint=sb://h/;SharedAccessSignature=SharedAccessSignature sr=a&sig=b%3D&se=1&skn=n");
  assert_string_equal(s.signature, "SharedAccessSignature sr=a&sig=b%3D&se=1&skn=n");
  assert_string_equal(s.key, "");
}

static void the_emulators_strings_are_understood(void **state)
{
  (void)state;
  sd_connection_string s = good("Endpoint=sb://localhost:7765;SharedAccessKeyName=n;SharedAccessKey=k;"
                                "UseDevelopmentEmulator=true;");
  assert_string_equal(s.host, "localhost");
  assert_int_equal(s.port, 7765);
  assert_true(s.development_emulator);
  s = good("Endpoint=localhost:6765;UseDevelopmentEmulator=True");
  assert_string_equal(s.host, "localhost");
  assert_int_equal(s.port, 6765);
  assert_string_equal(s.key, "");
  assert_true(s.development_emulator);
  s = good("Endpoint=sb://127.0.0.1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=false");
  assert_false(s.development_emulator);
}

static void hosts_and_ports_of_all_forms(void **state)
{
  (void)state;
  assert_string_equal(good("Endpoint=amqps://H:1/;UseDevelopmentEmulator=true").host, "h");
  sd_connection_string s = good("Endpoint=sb://[::1]:5673/;UseDevelopmentEmulator=true");
  assert_string_equal(s.host, "::1");
  assert_int_equal(s.port, 5673);
  assert_string_equal(good("Endpoint=sb://[fe80::1]/;UseDevelopmentEmulator=true").host, "fe80::1");
  refused("Endpoint=sb://h:0/;UseDevelopmentEmulator=true", "port");
  refused("Endpoint=sb://h:65536;UseDevelopmentEmulator=true", "port");
  refused("Endpoint=sb://h:;UseDevelopmentEmulator=true", "port");
  refused("Endpoint=sb:///;UseDevelopmentEmulator=true", "no host");
  refused("Endpoint=sb://h/hub;UseDevelopmentEmulator=true", "EntityPath");
  refused("Endpoint=sb://[::1;UseDevelopmentEmulator=true", "']'");
  refused("Endpoint=sb://[::1]x;UseDevelopmentEmulator=true", "']'");
  refused("Endpoint=sb://a b/;UseDevelopmentEmulator=true", "host name");
  char text[400] = "UseDevelopmentEmulator=true;Endpoint=";
  size_t len = strlen(text);
  memset(text + len, 'h', 256);
  refused(text, "255");
}

static void missing_fields_are_named(void **state)
{
  (void)state;
  refused("", "Endpoint is missing");
  refused("SharedAccessKeyName=n;SharedAccessKey=" SECRET, "Endpoint is missing");
  refused("Endpoint=sb://h/", "SharedAccessKeyName and SharedAccessKey");
  refused("Endpoint=sb://h/;SharedAccessKey=" SECRET, "SharedAccessKeyName is missing");
  refused("Endpoint=sb://h/;SharedAccessKeyName=n", "SharedAccessKey is missing");
  refused("Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=", "SharedAccessKey is empty");
  refused("Endpoint=sb://h/;SharedAccessKeyName=n;UseDevelopmentEmulator=true", "SharedAccessKey is missing");
}

static void contradictions_and_unknown_fields_are_named_without_values(void **state)
{
  (void)state;
  refused("Endpoint=sb://h/;EntityPth=" SECRET, "unknown field EntityPth");
  refused("Endpoint=sb://h/;c2VjcmV0=1", "field number 2 has an unknown name");
  refused("Endpoint=sb://h/;"
          "c2VjcmV0",
          "field number 2 is not of the form");
  refused("Endpoint=sb://h/;Endpoint=sb://i/", "Endpoint stands there twice");
  refused("Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=" SECRET ";SharedAccessSignature=x",
          "keep one of the two");
  refused("Endpoint=sb://h/;UseDevelopmentEmulator=yes", "true or false");
  refused("Endpoint=sb://h/;EntityPath=a\x01"
          "b",
          "control character");
  refused("Endpoint=sb://h/;UseDevelopmentEmulator=true;TransportType=AmqpWebSockets", "TransportType");
  assert_string_equal(good("Endpoint=sb://h/;UseDevelopmentEmulator=true;TransportType=Amqp").host, "h");
}

static void limits_are_kept(void **state)
{
  (void)state;
  static char text[SD_CONNECTION_STRING_MAX + 64];
  int len = snprintf(text, sizeof text, "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=");
  memset(text + len, 'k', SD_CONNECTION_FIELD_MAX - 1);
  assert_int_equal(strlen(good(text).key), SD_CONNECTION_FIELD_MAX - 1);
  text[len + SD_CONNECTION_FIELD_MAX - 1] = 'k';
  refused(text, "SharedAccessKey is longer than 1023 bytes");
  memset(text, ' ', SD_CONNECTION_STRING_MAX + 1);
  refused(text, "longer than 4096 bytes");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_portals_string_is_understood),
      cmocka_unit_test(names_match_without_case_and_spaces_around_are_ignored),
      cmocka_unit_test(a_ready_signature_keeps_its_equal_signs),
      cmocka_unit_test(the_emulators_strings_are_understood),
      cmocka_unit_test(hosts_and_ports_of_all_forms),
      cmocka_unit_test(missing_fields_are_named),
      cmocka_unit_test(contradictions_and_unknown_fields_are_named_without_values),
      cmocka_unit_test(limits_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
