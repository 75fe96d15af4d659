/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * MotherDuck as far as it goes without a network: the real extension is loaded
 * (STREAMDUCK_MOTHERDUCK_EXTENSION names its file), cannot reach its service, and the error says what failed
 * and what to do, without the token.
 */
#include "duck_test.h"

#define TOKEN "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXRva2VuLXBheWxvYWQ.c2lnbmF0dXJlLW9mLXRva2Vu"

static void check_no_token(const sd_error *error)
{
  assert_null(strstr(error->message, "c2VjcmV0"));
  assert_null(strstr(error->message, "eyJhbGci"));
}

static void a_missing_extension_file_is_told_without_the_token(void **state)
{
  (void)state;
  sd_duck_instance_options options = {.motherduck_token = TOKEN,
                                      .motherduck_extension = "/nowhere/motherduck.duckdb_extension"};
  sd_duck_instance *instance = NULL;
  sd_error error;
  assert_int_not_equal(sd_duck_instance_acquire(&options, &instance, &error), SD_OK);
  assert_null(instance);
  assert_non_null(strstr(error.message, "/nowhere/motherduck.duckdb_extension"));
  assert_non_null(strstr(error.message, "MotherDuck extension"));
  check_no_token(&error);
}

static void names_that_hide_parameters_are_refused(void **state)
{
  (void)state;
  sd_error error;
  const char *const bad[] = {"db?motherduck_token=x", "md:db", "", "a'b", "a;b", "a/b"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(sd_duck_motherduck_name_check(bad[i], &error), SD_CONFIG);
  assert_int_equal(sd_duck_motherduck_name_check("my_db-2", &error), SD_OK);
}

static void without_a_network_the_error_says_what_failed_and_what_to_do(void **state)
{
  (void)state;
  sd_duck_instance_options options = {.motherduck_token = TOKEN};
  sd_duck_instance *instance = NULL;
  sd_duck_database *database = NULL;
  sd_error error;
  sd_status status = sd_duck_instance_acquire(&options, &instance, &error);
  if (status == SD_OK) /* a machine with a network: the token is refused instead */
    status = sd_duck_database_attach(instance, "streamduck_test", false, &database, &error);
  assert_int_not_equal(status, SD_OK);
  print_message("%s\n", error.message);
  check_no_token(&error);
  assert_non_null(strstr(error.message, "MotherDuck"));
  assert_non_null(strstr(error.message, instance ? "token" : "check the network"));
  sd_duck_instance_release(instance);
}

int main(void)
{
  if (skip_without_library())
    return 0;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_missing_extension_file_is_told_without_the_token),
      cmocka_unit_test(names_that_hide_parameters_are_refused),
      cmocka_unit_test(without_a_network_the_error_says_what_failed_and_what_to_do),
  };
  size_t count = sizeof tests / sizeof *tests;
  const char *extension = getenv("STREAMDUCK_MOTHERDUCK_EXTENSION");
  if (!extension || !*extension) {
    printf("# STREAMDUCK_MOTHERDUCK_EXTENSION is not set: the extension itself is not tried\n");
    count--;
  }
  return _cmocka_run_group_tests("motherduck", tests, count, NULL, NULL);
}
