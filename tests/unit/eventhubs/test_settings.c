/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the options, and which tokens are made from them. */
#include "eventhubs/settings.h"

#include "base/clock.h"
#include "crypto/sas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static sd_eventhubs_options good_options(void)
{
  sd_eventhubs_options options = {.struct_size = sizeof options,
                                  .host = "ns.example",
                                  .hub = "orders",
                                  .consumer_group = "loader",
                                  .sas_key_name = "rule",
                                  .sas_key = "c2VjcmV0"};
  return options;
}

static void refused(const sd_eventhubs_options *options, const char *expected)
{
  sd_hub_settings settings;
  sd_error error;
  assert_int_equal(sd_hub_settings_init(&settings, NULL, options, true, NULL, &error), SD_CONFIG);
  if (!strstr(error.message, expected))
    fail_msg("\"%s\" does not contain \"%s\"", error.message, expected);
  assert_null(strstr(error.message, "c2Vj"));
}

static void ports_and_frame_size_have_defaults(void **state)
{
  (void)state;
  sd_hub_settings settings;
  sd_eventhubs_options options = good_options();
  assert_int_equal(sd_hub_settings_init(&settings, NULL, &options, true, NULL, NULL), SD_OK);
  assert_int_equal(settings.port, 5672);
  assert_int_equal(settings.max_frame_size, 65536);
  assert_null(settings.tls);
  sd_hub_settings_release(&settings);
  options.port = 7;
  options.max_frame_size = 4096;
  assert_int_equal(sd_hub_settings_init(&settings, NULL, &options, true, NULL, NULL), SD_OK);
  assert_int_equal(settings.port, 7);
  assert_int_equal(settings.max_frame_size, 4096);
  sd_hub_settings_release(&settings);
}

static void a_shorter_struct_of_an_older_caller_is_understood(void **state)
{
  (void)state;
  sd_hub_settings settings;
  sd_eventhubs_options options = good_options();
  options.receiver_name = "beyond the older struct";
  options.struct_size = offsetof(sd_eventhubs_options, receiver_name);
  assert_int_equal(sd_hub_settings_init(&settings, NULL, &options, true, NULL, NULL), SD_OK);
  assert_string_equal(settings.receiver_name, "");
  sd_hub_settings_release(&settings);
}

static void what_is_missing_or_wrong_is_named(void **state)
{
  (void)state;
  sd_eventhubs_options options = good_options();
  options.host = NULL;
  refused(&options, "host");
  options = good_options();
  options.hub = "";
  refused(&options, "hub");
  options = good_options();
  options.consumer_group = NULL;
  refused(&options, "consumer group");
  options = good_options();
  options.sas_key_name = NULL;
  refused(&options, "one is missing");
  options = good_options();
  options.max_frame_size = 100;
  refused(&options, "frame size");
  options = good_options();
  options.sas_token = "SharedAccessSignature sr=a&sig=b&se=1&skn=n";
  refused(&options, "not both");
  options = good_options();
  options.sas_key_name = options.sas_key = NULL;
  options.sas_token = "c2VjcmV0";
  refused(&options, "SharedAccessSignature is not of the form");
  char long_name[SD_EVENTHUBS_NAME_MAX + 1];
  memset(long_name, 'h', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  options = good_options();
  options.hub = long_name;
  refused(&options, "longer");
}

static void a_token_is_signed_for_the_hub_and_verifies_with_the_key(void **state)
{
  (void)state;
  sd_hub_settings settings;
  sd_sas_token parts;
  sd_buf token, resource;
  uint64_t lifetime_ms = 0;
  sd_eventhubs_options options = good_options();
  int64_t now_s = sd_clock_unix_us() / 1000000;
  sd_buf_init(&token, SD_EVENTHUBS_TOKEN_MAX);
  sd_buf_init(&resource, 256);
  assert_int_equal(sd_hub_settings_init(&settings, NULL, &options, true, NULL, NULL), SD_OK);
  assert_int_equal(sd_hub_token(&settings, &token, &lifetime_ms, NULL), SD_OK);
  assert_int_equal(lifetime_ms, 3600 * 1000);
  assert_int_equal(sd_sas_parse(sd_buf_bytes(&token), &parts), SD_OK);
  assert_int_equal(sd_percent_decode(parts.resource_encoded, &resource), SD_OK);
  assert_string_equal(sd_buf_text(&resource), "sb://ns.example/orders");
  assert_true(parts.expiry_unix_s >= now_s + 3600);
  assert_int_equal(sd_sas_verify(&parts, "c2VjcmV0", now_s), SD_OK);
  assert_int_equal(sd_sas_verify(&parts, "another", now_s), SD_DENIED);
  sd_hub_settings_release(&settings);
  sd_buf_release(&token);
  sd_buf_release(&resource);
}

static void a_ready_token_is_used_as_it_is_until_it_expires(void **state)
{
  (void)state;
  sd_hub_settings settings;
  sd_buf token;
  uint64_t lifetime_ms = 0;
  char text[128];
  sd_error error;
  sd_eventhubs_options options = good_options();
  options.sas_key_name = options.sas_key = NULL;
  sd_buf_init(&token, SD_EVENTHUBS_TOKEN_MAX);
  for (int i = 0; i < 2; i++) {
    long long expiry = sd_clock_unix_us() / 1000000 + (i == 0 ? 600 : -600);
    snprintf(text, sizeof text, "SharedAccessSignature sr=a&sig=c2Vj&se=%lld&skn=n", expiry);
    options.sas_token = text;
    assert_int_equal(sd_hub_settings_init(&settings, NULL, &options, true, NULL, NULL), SD_OK);
    sd_status status = sd_hub_token(&settings, &token, &lifetime_ms, &error);
    assert_int_equal(status, i == 0 ? SD_OK : SD_DENIED);
    if (status == SD_OK) {
      assert_string_equal(sd_buf_text(&token), text);
      assert_in_range(lifetime_ms, 590 * 1000, 600 * 1000);
    } else {
      assert_non_null(strstr(error.message, "expired at"));
      assert_null(strstr(error.message, "c2Vj"));
    }
    sd_hub_settings_release(&settings);
  }
  sd_buf_release(&token);
}

static void without_credentials_an_emulator_is_asked_with_a_key_that_means_nothing(void **state)
{
  (void)state;
  sd_hub_settings settings;
  sd_buf token;
  uint64_t lifetime_ms = 0;
  sd_eventhubs_options options = good_options();
  options.sas_key_name = options.sas_key = NULL;
  sd_buf_init(&token, SD_EVENTHUBS_TOKEN_MAX);
  assert_int_equal(sd_hub_settings_init(&settings, NULL, &options, true, NULL, NULL), SD_OK);
  assert_int_equal(sd_hub_token(&settings, &token, &lifetime_ms, NULL), SD_OK);
  assert_non_null(strstr(sd_buf_text(&token), "&skn=RootManageSharedAccessKey"));
  sd_hub_settings_release(&settings);
  sd_buf_release(&token);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ports_and_frame_size_have_defaults),
      cmocka_unit_test(a_shorter_struct_of_an_older_caller_is_understood),
      cmocka_unit_test(what_is_missing_or_wrong_is_named),
      cmocka_unit_test(a_token_is_signed_for_the_hub_and_verifies_with_the_key),
      cmocka_unit_test(a_ready_token_is_used_as_it_is_until_it_expires),
      cmocka_unit_test(without_credentials_an_emulator_is_asked_with_a_key_that_means_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
