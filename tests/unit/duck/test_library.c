/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Finding, checking and refusing libduckdb. */
#include "duck_test.h"

static void layouts_are_those_of_the_real_header(void **state)
{
  (void)state;
  assert_int_equal(sizeof(duckdb_result), 48);
  assert_int_equal(offsetof(duckdb_result, internal_data), 40);
  assert_int_equal(sizeof(duckdb_string_t), 16);
  assert_int_equal(offsetof(duckdb_string_t, value.pointer.ptr), 8);
  assert_int_equal(offsetof(duckdb_string_t, value.inlined.inlined), 4);
}

static void versions_1_5_and_2_are_accepted_for_files(void **state)
{
  (void)state;
  sd_error error;
  assert_int_equal(sd_duck_version_check("v1.5.5", false, &error), SD_OK);
  assert_int_equal(sd_duck_version_check("v1.5.6", false, &error), SD_OK);
  assert_int_equal(sd_duck_version_check("v2.0.0", false, &error), SD_OK);
  assert_int_equal(sd_duck_version_check("v1.4.4", false, &error), SD_UNSUPPORTED);
  assert_non_null(strstr(error.message, "v1.4.4"));
  assert_non_null(strstr(error.message, "--libduckdb"));
  assert_int_equal(sd_duck_version_check("v3.0.0", false, &error), SD_UNSUPPORTED);
  assert_int_equal(sd_duck_version_check("nightly", false, &error), SD_UNSUPPORTED);
}

static void motherduck_refuses_version_2(void **state)
{
  (void)state;
  sd_error error;
  assert_int_equal(sd_duck_version_check("v1.5.5", true, &error), SD_OK);
  assert_int_equal(sd_duck_version_check("v2.0.0", true, &error), SD_UNSUPPORTED);
  assert_non_null(strstr(error.message, "MotherDuck accepts DuckDB 1.5.x only"));
}

static void a_missing_library_is_named_with_what_to_do(void **state)
{
  (void)state;
  const sd_duck_api *api = NULL;
  sd_error error;
  assert_int_equal(sd_duck_library_load("/nowhere/libduckdb.so", &api, &error), SD_NOT_FOUND);
  assert_null(api);
  assert_non_null(strstr(error.message, "/nowhere/libduckdb.so"));
  assert_non_null(strstr(error.message, "STREAMDUCK_LIBDUCKDB"));
}

static void a_library_that_is_not_duckdb_is_told_with_all_missing_names(void **state)
{
  (void)state;
  const sd_duck_api *api = NULL;
  sd_error error;
  assert_int_equal(sd_duck_library_load("libm.so.6", &api, &error), SD_UNSUPPORTED);
  assert_null(api);
  assert_non_null(strstr(error.message, "libm.so.6"));
  assert_non_null(strstr(error.message, "duckdb_library_version"));
  assert_non_null(strstr(error.message, "duckdb_create_config"));
}

static void the_library_is_loaded_once(void **state)
{
  (void)state;
  const char *path = getenv("STREAMDUCK_LIBDUCKDB");
  const sd_duck_api *first = NULL;
  const sd_duck_api *second = NULL;
  sd_error error;
  check_ok(sd_duck_library_load(path, &first, &error), &error, "load");
  check_ok(sd_duck_library_load(NULL, &second, &error), &error, "load");
  assert_ptr_equal(first, second);
  assert_int_equal(strncmp(first->library_version(), "v", 1), 0);
  assert_int_equal(sd_duck_library_load("/nowhere/libduckdb.so", &second, &error), SD_STATE);
  assert_ptr_equal(first, second);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layouts_are_those_of_the_real_header),
      cmocka_unit_test(versions_1_5_and_2_are_accepted_for_files),
      cmocka_unit_test(motherduck_refuses_version_2),
      cmocka_unit_test(a_missing_library_is_named_with_what_to_do),
      cmocka_unit_test(a_library_that_is_not_duckdb_is_told_with_all_missing_names),
      cmocka_unit_test(the_library_is_loaded_once), /* last: only where there is one */
  };
  size_t count = sizeof tests / sizeof *tests;
  const char *path = getenv("STREAMDUCK_LIBDUCKDB");
  if (!path || !*path)
    count--;
  return _cmocka_run_group_tests("library", tests, count, NULL, NULL);
}
