/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Words of secrets: each one, where it counts and where it does not. What is expected was compared with the
 * expressions of Logfire's Python SDK 5.4.0. */
#include "base/alloc.h"
#include "trace/scrub_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static sd_scrub_words words;

static int set_up(void **state)
{
  (void)state;
  return sd_scrub_words_init(&words, NULL, NULL);
}

static int tear_down(void **state)
{
  (void)state;
  sd_scrub_words_release(&words);
  return 0;
}

static void assert_match(const char *text, const char *expected)
{
  sd_bytes match;
  if (!sd_scrub_words_find(&words, sd_bytes_of(text), &match)) {
    if (expected)
      fail_msg("nothing found in \"%s\"", text);
    return;
  }
  if (!expected || !sd_bytes_equal_text(match, expected))
    fail_msg("\"%.*s\" found in \"%s\"", (int)match.len, (const char *)match.data, text);
}

static void every_word_is_found(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"password", "password"},
      {"db_Password_2", "Password"},
      {"PASSWD", "PASSWD"},
      {"MYSQL_PWD", "MYSQL_PWD"},
      {"my secrets", "secret"},
      {"auth", "auth"},
      {"Authorization", "Auth"},
      {"author_id", "auth"},
      {"authored", "auth"},
      {"credentials", "credential"},
      {"privatekey", "privatekey"},
      {"private key", "private key"},
      {"private.key", "private.key"},
      {"a-private_key", "private_key"},
      {"passphrase", "passphrase"},
      {"signing-key", "signing-key"},
      {"HMACKey", "HMACKey"},
      {"x-api-key", "api-key"},
      {"apikey", "apikey"},
      {"session_id", "session"},
      {"set-cookie", "cookie"},
      {"social security", "social security"},
      {"creditCard", "creditCard"},
      {"LOGFIRE_TOKEN", "LOGFIRE_TOKEN"},
      {"access_token", "access_token"},
      {"refresh.token", "refresh.token"},
      {"bearer token", "bearer token"},
      {"id_token", "id_token"},
      {"my_id_token", "_id_token"},
      {"an id-token", "id-token"},
      {"pylf_v1_us_abc", "pylf_v1_"},
      {"pylf_v22_x", "pylf_v22_"},
      {"csrf", "csrf"},
      {"x_csrf_y", "_csrf_"},
      {"the xsrf.", "xsrf"},
      {"_jwt", "_jwt"},
      {"SSN:", "SSN"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_match(cases[i][0], cases[i][1]);
}

static void similar_texts_are_kept(void **state)
{
  (void)state;
  static const char *const texts[] = {"",
                                      "p",
                                      "passwor",
                                      "pass word",
                                      "author",
                                      "Authors",
                                      "the author, and authors.",
                                      "private__key",
                                      "api  key",
                                      "input_tokens",
                                      "token",
                                      "valid_token",
                                      "paid token",
                                      "pylf_v_",
                                      "pylf_v1",
                                      "acsrfb",
                                      "xjwtx",
                                      "assn",
                                      "messn",
                                      "8ssn8",
                                      "classname"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_match(texts[i], NULL);
}

static void the_first_match_counts(void **state)
{
  (void)state;
  assert_match("secret password", "secret");
  assert_match("author of the secret", "secret");
  assert_match("mysql_pwd and password", "mysql_pwd");
}

static void characters_beyond_ascii_bound_words(void **state)
{
  (void)state;
  assert_match("\xe2\x80\x9cjwt\xe2\x80\x9d", "jwt");
  assert_match("\xc3\xa9ssn", "ssn");
}

static void further_words_are_found_without_case(void **state)
{
  (void)state;
  static const char *const extra[] = {"PIN-code", "\xc3\xa4", "q", NULL};
  sd_scrub_words more;
  sd_bytes match;
  assert_int_equal(sd_scrub_words_init(&more, extra, NULL), SD_OK);
  assert_true(sd_scrub_words_find(&more, sd_bytes_of("my Pin-Code"), &match));
  assert_true(sd_bytes_equal_text(match, "Pin-Code"));
  assert_true(sd_scrub_words_find(&more,
                                  sd_bytes_of("m\xc3\xa4"
                                              "n"),
                                  &match));
  assert_true(sd_scrub_words_find(&more, sd_bytes_of("faQ"), &match));
  assert_true(sd_bytes_equal_text(match, "Q"));
  assert_true(sd_scrub_words_find(&more, sd_bytes_of("passwd"), &match));
  assert_false(sd_scrub_words_find(&more, sd_bytes_of("pin code"), &match));
  sd_scrub_words_release(&more);
}

static void further_words_are_bounded(void **state)
{
  (void)state;
  sd_scrub_words more;
  sd_error error;
  static const char *const empty[] = {"", NULL};
  assert_int_equal(sd_scrub_words_init(&more, empty, &error), SD_INVALID);
  char longest[SD_SCRUB_EXTRA_MAX_LEN + 2];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  const char *const too_long[] = {longest, NULL};
  assert_int_equal(sd_scrub_words_init(&more, too_long, &error), SD_LIMIT);
  const char *many[SD_SCRUB_EXTRA_MAX + 2];
  for (size_t i = 0; i <= SD_SCRUB_EXTRA_MAX; i++)
    many[i] = "word";
  many[SD_SCRUB_EXTRA_MAX + 1] = NULL;
  assert_int_equal(sd_scrub_words_init(&more, many, &error), SD_LIMIT);
  for (uint64_t nth = 1; nth <= 2; nth++) {
    const char *const one[] = {"word", NULL};
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_scrub_words_init(&more, one, &error), SD_NOMEM);
    sd_alloc_fail_nth(0);
  }
}

static void safe_keys_are_known_by_their_whole_name(void **state)
{
  (void)state;
  static const char *const safe[] = {"agent_session_id",  "url.query",        "logfire.msg_template",
                                     "exception.message", "gen_ai.usage.raw", "db.plan"};
  static const char *const others[] = {"",
                                       "a",
                                       "agent_session_i",
                                       "agent_session_id2",
                                       "URL.query",
                                       "logfire.metrics",
                                       "logfire.logging_args",
                                       "zzz"};
  for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
    assert_true(sd_scrub_key_is_safe(sd_bytes_of(safe[i])));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_false(sd_scrub_key_is_safe(sd_bytes_of(others[i])));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_word_is_found),
      cmocka_unit_test(similar_texts_are_kept),
      cmocka_unit_test(the_first_match_counts),
      cmocka_unit_test(characters_beyond_ascii_bound_words),
      cmocka_unit_test(further_words_are_found_without_case),
      cmocka_unit_test(further_words_are_bounded),
      cmocka_unit_test(safe_keys_are_known_by_their_whole_name),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
