/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The rule table from DuckDB's errors to ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "duck/duck_error.h"

#include <string.h>

static sd_error map(duckdb_error_type type, const char *text)
{
  sd_error error;
  sd_status code = sd_duck_error_set(&error, type, text, NULL);
  assert_int_equal(code, error.code);
  assert_int_equal(error.source, SD_SOURCE_DUCKDB);
  assert_int_equal(error.source_code, type);
  return error;
}

static void conflicts_and_connections_are_retried(void **state)
{
  (void)state;
  sd_error error = map(DUCKDB_ERROR_TRANSACTION, "TransactionContext Error: Conflict on update!");
  assert_int_equal(error.code, SD_CONFLICT);
  assert_true(error.retriable && !error.fatal);
  assert_true(sd_duck_error_is_conflict(&error));
  assert_true(map(DUCKDB_ERROR_CONNECTION, "gone").retriable);
  assert_true(map(DUCKDB_ERROR_NETWORK, "gone").retriable);
  assert_true(map(DUCKDB_ERROR_HTTP, "HTTP 503").retriable);
}

static void an_invalidated_database_must_be_opened_anew(void **state)
{
  (void)state;
  sd_error error = map(DUCKDB_ERROR_FATAL, "FATAL Error: …");
  assert_true(error.fatal && error.retriable);
  assert_true(map(DUCKDB_ERROR_INTERNAL, "INTERNAL Error").fatal);
  assert_true(
      map(DUCKDB_ERROR_INVALID, "database has been invalidated because of a previous fatal error").fatal);
}

static void errors_of_schema_and_rights_stop(void **state)
{
  (void)state;
  const duckdb_error_type types[] = {DUCKDB_ERROR_CATALOG,    DUCKDB_ERROR_BINDER,
                                     DUCKDB_ERROR_PARSER,     DUCKDB_ERROR_SYNTAX,
                                     DUCKDB_ERROR_PERMISSION, DUCKDB_ERROR_MISSING_EXTENSION,
                                     DUCKDB_ERROR_AUTOLOAD};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    sd_error error = map(types[i], "no");
    assert_false(error.retriable);
    assert_false(error.fatal);
    assert_false(sd_duck_error_is_data(&error));
  }
}

static void errors_of_rows_are_told_apart(void **state)
{
  (void)state;
  const duckdb_error_type types[] = {DUCKDB_ERROR_CONVERSION, DUCKDB_ERROR_CONSTRAINT,
                                     DUCKDB_ERROR_OUT_OF_RANGE, DUCKDB_ERROR_INVALID_INPUT};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    sd_error error = map(types[i], "no");
    assert_true(sd_duck_error_is_data(&error));
    assert_false(error.retriable);
  }
  sd_error memory = map(DUCKDB_ERROR_OUT_OF_MEMORY, "Out of Memory Error: …");
  assert_true(sd_duck_error_is_memory(&memory));
  assert_true(memory.retriable);
  /* COMMIT says so in its own way, and it is no conflict. */
  sd_error commit;
  sd_status code = sd_duck_error_set(&commit, DUCKDB_ERROR_TRANSACTION,
                                     "TransactionContext Error: Failed to commit: failed to pin block of "
                                     "size 256.0 KiB (63.8 MiB/64.0 MiB used)",
                                     NULL);
  assert_int_equal(code, commit.code);
  assert_true(sd_duck_error_is_memory(&commit));
  assert_false(sd_duck_error_is_conflict(&commit));
}

static void known_texts_get_advice_and_the_right_rule(void **state)
{
  (void)state;
  sd_error error =
      map(DUCKDB_ERROR_IO, "IO Error: Could not set lock on file \"/a.db\": Conflicting lock is held "
                           "in /usr/bin/streamduck (PID 4711).");
  assert_int_equal(error.code, SD_CONFLICT);
  assert_true(error.retriable);
  assert_non_null(strstr(error.message, "PID 4711"));
  assert_non_null(strstr(error.message, "end the process"));
  error = map(DUCKDB_ERROR_IO, "Could not write file \"/a.db.wal\": No space left on device");
  assert_true(error.retriable);
  error = map(DUCKDB_ERROR_IO, "Cannot open file \"/a.db\": Permission denied");
  assert_int_equal(error.code, SD_DENIED);
  assert_false(error.retriable);
  error = map(DUCKDB_ERROR_INVALID_INPUT, "Invalid Input Error: Jwt is expired");
  assert_int_equal(error.code, SD_DENIED);
  assert_non_null(strstr(error.message, "make a new one"));
  error = map(DUCKDB_ERROR_IO, "Could not get default pem root certs");
  assert_non_null(strstr(error.message, "ca-certificates"));
  error = map(DUCKDB_ERROR_IO, "Failed to download extension \"motherduck\" at URL");
  assert_non_null(strstr(error.message, "STREAMDUCK_MOTHERDUCK_EXTENSION"));
}

static void quoted_data_and_statements_are_taken_out(void **state)
{
  (void)state;
  sd_error error = map(DUCKDB_ERROR_CONVERSION,
                       "Conversion Error: Malformed JSON at byte 1 of input: unexpected character.  Input: "
                       "\"{secret \n body\"\n\nLINE 1: SELECT '{secret'");
  assert_null(strstr(error.message, "secret"));
  assert_non_null(strstr(error.message, "Malformed JSON"));
  error = map(DUCKDB_ERROR_CONVERSION, "Could not convert string 'se'cr\net' to INT32\n\nLINE 1: x");
  assert_string_equal(error.message, "Could not convert string '***' to INT32");
  error = map(DUCKDB_ERROR_CONSTRAINT, "Duplicate key \"event_body: secret\" violates unique constraint");
  assert_string_equal(error.message, "Duplicate key \"***\" violates unique constraint");
  error = map(DUCKDB_ERROR_CONVERSION, "Could not convert string 'a");
  assert_string_equal(error.message, "Could not convert string '*");
}

static void secrets_are_taken_out(void **state)
{
  (void)state;
  sd_scrubber *scrubber = NULL;
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "correct-horse"), SD_OK);
  sd_error error;
  sd_duck_error_set(&error, DUCKDB_ERROR_CONNECTION,
                    "cannot open md:x?motherduck_token=abc.def with correct-horse", scrubber);
  assert_null(strstr(error.message, "correct-horse"));
  assert_null(strstr(error.message, "abc.def"));
  sd_scrubber_free(scrubber);
}

static void a_missing_or_endless_text_does_no_harm(void **state)
{
  (void)state;
  char text[10000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  memcpy(text, "No space left on device", 23);
  sd_error error = map(DUCKDB_ERROR_IO, text);
  assert_non_null(strstr(error.message, "free some space"));
  assert_true(strlen(map(DUCKDB_ERROR_IO, NULL).message) > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conflicts_and_connections_are_retried),
      cmocka_unit_test(an_invalidated_database_must_be_opened_anew),
      cmocka_unit_test(errors_of_schema_and_rights_stop),
      cmocka_unit_test(errors_of_rows_are_told_apart),
      cmocka_unit_test(known_texts_get_advice_and_the_right_rule),
      cmocka_unit_test(quoted_data_and_statements_are_taken_out),
      cmocka_unit_test(secrets_are_taken_out),
      cmocka_unit_test(a_missing_or_endless_text_does_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
