/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The scrubber: canaries that must go, ordinary text that must stay. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/scrub.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define CANARY "cAnArY7f3a9b2e"
#define JWT    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5"

/* The cleaned text, to be freed. */
static char *scrubbed(const sd_scrubber *scrubber, const char *text)
{
  sd_buf out;
  sd_buf_init(&out, 4 * 1024 * 1024);
  assert_int_equal(sd_scrub(scrubber, sd_bytes_of(text), &out), SD_OK);
  char *clean = sd_buf_take_text(&out);
  assert_non_null(clean);
  /* Finding and hiding agree; what is hidden already may be found again. */
  if (!strstr(text, "***"))
    assert_int_equal(sd_scrub_finds(scrubber, SD_SCRUB_ALL, sd_bytes_of(text)), strcmp(clean, text) != 0);
  return clean;
}

static void assert_scrubbed(const sd_scrubber *scrubber, const char *text, const char *expected)
{
  char *clean = scrubbed(scrubber, text);
  assert_string_equal(clean, expected);
  char *twice = scrubbed(scrubber, clean);
  assert_string_equal(twice, expected);
  sd_free(twice);
  sd_free(clean);
}

static void assert_kept(const char *text)
{
  assert_scrubbed(NULL, text, text);
}

static void well_known_secrets_are_hidden(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"md:db?motherduck_token=" CANARY "&x=1", "md:db?motherduck_token=***&x=1"},
      {"MOTHERDUCK_TOKEN=" CANARY "\nNEXT=1", "MOTHERDUCK_TOKEN=***\nNEXT=1"},
      {"motherduck_token: " CANARY, "motherduck_token: ***"},
      {"SET motherduck_token = '" CANARY " with ''quotes'' " CANARY "'; SELECT 1",
       "SET motherduck_token = '***'; SELECT 1"},
      {"--motherduck-token=" CANARY " run", "--motherduck-token=*** run"},
      {"md%3Adb%3Fmotherduck_token%3D" CANARY "%26x%3D1", "md%3Adb%3Fmotherduck_token%3D***%26x%3D1"},
      {"Endpoint=sb://ns.example.net/;SharedAccessKeyName=Root;SharedAccessKey=ab+/cAnArY==;EntityPath=hub",
       "Endpoint=sb://ns.example.net/;SharedAccessKeyName=Root;SharedAccessKey=***;EntityPath=hub"},
      {"sharedaccesskey=" CANARY, "sharedaccesskey=***"},
      {"SharedAccessSignature sr=sb%3A%2F%2Fns%2Fhub&sig=cAnArY%2Bx%3D&se=17&skn=Root",
       "SharedAccessSignature sr=sb%3A%2F%2Fns%2Fhub&sig=***&se=17&skn=Root"},
      {"SharedAccessSignature=SharedAccessSignature sr=a&sig=" CANARY "&se=1;EntityPath=h",
       "SharedAccessSignature=***;EntityPath=h"},
      {"https://s.blob/x?sv=1&sig=" CANARY, "https://s.blob/x?sv=1&sig=***"},
      {"x%26sig%3D" CANARY "%26se%3D1", "x%26sig%3D***%26se%3D1"},
      {"AccountName=a;AccountKey=" CANARY "==;EndpointSuffix=x",
       "AccountName=a;AccountKey=***;EndpointSuffix=x"},
      {"Authorization: Bearer " CANARY, "Authorization: Bearer ***"},
      {"Bearer x", "Bearer ***"},
      {"bearer%20" CANARY " end", "bearer%20*** end"},
      {"{\"Authorization\":\"Bearer " CANARY "\",\"n\":1}", "{\"Authorization\":\"Bearer ***\",\"n\":1}"},
      {"Authorization: Basic dXNlcjpjYW5hcnk=", "Authorization: Basic ***"},
      {"api-key: " CANARY "\r\nHost: x", "api-key: ***\r\nHost: x"},
      {"x-api-key:" CANARY, "x-api-key:***"},
      {"x-goog-api-key: " CANARY, "x-goog-api-key: ***"},
      {"OPENAI_API_KEY=" CANARY, "OPENAI_API_KEY=***"},
      {"{\"api_key\": \"" CANARY "\\\"x\", \"a\": 1}", "{\"api_key\": \"***\", \"a\": 1}"},
      {"{\\\"apiKey\\\":\\\"" CANARY "\\\",\\\"a\\\":1}", "{\\\"apiKey\\\":\\\"***\\\",\\\"a\\\":1}"},
      {"api-key: Bearer " CANARY, "api-key: Bearer ***"},
      {"grant_type=x&client_secret=" CANARY "&scope=y", "grant_type=x&client_secret=***&scope=y"},
      {"{\"access_token\":\"" CANARY "\"}", "{\"access_token\":\"***\"}"},
      {"host=h password=" CANARY " user=u", "host=h password=*** user=u"},
      {"token " JWT " end", "token *** end"},
      {"x=" JWT ", y", "x=***, y"},
      {"a%20" JWT, "a%20***"},
      {"cut: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5h", "cut: ***"},
      {"key sk-proj-" CANARY "_x-y rejected", "key *** rejected"},
      {"sk-abcdefghijklmnopqrstuvwxyz", "***"},
      {"write token pylf_v1_us_" CANARY ".", "write token ***."},
      {"postgres://user:" CANARY "@host:5432/db", "postgres://***@host:5432/db"},
      {"https://" CANARY "@host/x", "https://***@host/x"},
      {"amqps://u:p@ss" CANARY "@host", "amqps://***@host"},
      {"postgres://user:pa/ss" CANARY "@host/db and more", "postgres://***@host/db and more"},
      {"{\"u\":\"https:\\/\\/user:" CANARY "@host\"}", "{\"u\":\"https:\\/\\/***@host\"}"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_scrubbed(NULL, cases[i][0], cases[i][1]);
}

static void ordinary_text_is_kept(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;EntityPath=hub",
      "the bearer of this letter, the Bearer token is missing",
      "WWW-Authenticate: Bearer realm=\"example\"",
      "Bearer token. Bearer authentication failed",
      "password authentication failed for user \"duck\"; wrong password: try again",
      "authorization: denied by the server",
      "config=1 sigma=2 design=3 signal 11 sig: 9 assigned",
      "task-force risk-averse-2024-report sk-learn sk-SK disk-usage-percent-1234",
      "api-key is missing; see --api-key",
      "https://example.net:443/path?a=b#c mailto:someone@example.net",
      "sb://localhost:5672/hub and user@host",
      "http://[::1]:8080/a@b",
      "eyJ eyJhbGciOiJIUzI1NiJ9 eyJhbGciOiJIUzI1NiJ9.x",
      "Conversion Error: Could not convert string 'abc' to INT32 at row 17",
      "motherduck_token",
      "motherduck_token=",
      "SharedAccessKey=;",
      "100% sure, 50%2 done, %",
      "\xC3\xA4\xE2\x82\xAC",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_kept(texts[i]);
}

static sd_scrubber *scrubber_of(const char *const *secrets, size_t count)
{
  sd_scrubber *scrubber;
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(sd_scrubber_add(scrubber, secrets[i]), SD_OK);
  return scrubber;
}

static void a_registered_secret_is_hidden_plain_and_encoded(void **state)
{
  (void)state;
  static const char *const secrets[] = {"p+ss/w=rd ok%41!", "simple" CANARY};
  sd_scrubber *scrubber = scrubber_of(secrets, 2);
  static const char *const cases[][2] = {
      {"a p+ss/w=rd ok%41! b", "a *** b"},
      {"a p%2Bss%2Fw%3Drd%20ok%2541%21 b", "a *** b"},
      {"a p%2bss%2fw%3drd+ok%2541! b", "a *** b"},
      {"a p%2Bss/w=rd%20ok%2541! b", "a *** b"},
      {"a %70%2Bss/w=rd%20ok%2541! b", "a *** b"},
      {"xsimple" CANARY "y", "x***y"},
      {"simple" CANARY "simple" CANARY, "***"},
      {"%73imple" CANARY, "***"},
      {"simple", "simple"},
      {"simplecAnArY7f3a9b2", "simplecAnArY7f3a9b2"},
      {"p+ss/w=rd ok%41", "p+ss/w=rd ok%41"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_scrubbed(scrubber, cases[i][0], cases[i][1]);
  sd_scrubber_free(scrubber);
}

static void names_of_secrets_are_known(void **state)
{
  (void)state;
  static const char *const names[] = {
      "motherduck_token", "MOTHERDUCK-TOKEN", "app.SharedAccessKey", "x-api-key", "sig",
      "url.sig",          "client_secret"};
  static const char *const others[] = {"", "token", "SharedAccessKeyName", "design", "api_keys", "sig2"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    assert_true(sd_scrub_names_secret(sd_bytes_of(names[i])));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_false(sd_scrub_names_secret(sd_bytes_of(others[i])));
}

static void note_secret(void *user, const char *secret)
{
  char *seen = user;
  size_t len = strlen(seen);
  snprintf(seen + len, 64 - len, "%s,", secret);
}

static void every_registered_secret_is_handed_out_once(void **state)
{
  (void)state;
  sd_scrubber *scrubber;
  char seen[64] = "";
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  sd_scrubber_each(scrubber, note_secret, seen);
  assert_string_equal(seen, "");
  assert_int_equal(sd_scrubber_add(scrubber, "secret-1"), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "another"), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "secret-1"), SD_OK);
  sd_scrubber_each(scrubber, note_secret, seen);
  assert_non_null(strstr(seen, "secret-1,"));
  assert_non_null(strstr(seen, "another,"));
  assert_int_equal(strlen(seen), strlen("secret-1,another,"));
  sd_scrubber_free(scrubber);
}

static void rules_apply_by_themselves(void **state)
{
  (void)state;
  static const char text[] = "my registered, and AccountKey=abcd";
  static const struct {
    int rules;
    const char *expected;
  } cases[] = {
      {SD_SCRUB_REGISTERED, "my ***, and AccountKey=abcd"},
      {SD_SCRUB_PATTERNS, "my registered, and AccountKey=***"},
      {SD_SCRUB_ALL, "my ***, and AccountKey=***"},
      {0, text},
  };
  sd_scrubber *scrubber;
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "registered"), SD_OK);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_buf out;
    sd_buf_init(&out, 1024);
    assert_int_equal(sd_scrub_by(scrubber, cases[i].rules, sd_bytes_of(text), &out), SD_OK);
    assert_string_equal(sd_buf_text(&out), cases[i].expected);
    assert_int_equal(sd_scrub_finds(scrubber, cases[i].rules, sd_bytes_of(text)), cases[i].rules != 0);
    sd_buf_release(&out);
  }
  assert_false(sd_scrub_finds(scrubber, SD_SCRUB_ALL, sd_bytes_of("regis")));
  assert_false(sd_scrub_finds(scrubber, SD_SCRUB_ALL, sd_bytes_make(NULL, 0)));
  sd_scrubber_free(scrubber);
}

static void overlapping_secrets_are_hidden_whole(void **state)
{
  (void)state;
  static const char *const secrets[] = {"abcdef", "abcdefghij", "hijklmno", "aaaaaa"};
  sd_scrubber *scrubber = scrubber_of(secrets, 4);
  assert_scrubbed(scrubber, "<abcdef>", "<***>");
  assert_scrubbed(scrubber, "<abcdefghij>", "<***>");
  assert_scrubbed(scrubber, "<abcdefghijklmno>", "<***>");
  assert_scrubbed(scrubber, "<aaaaaaaaaaaaa>", "<***>");
  assert_scrubbed(scrubber, "sig=xabcdef&hijklmno", "sig=***&***");
  sd_scrubber_free(scrubber);
}

static void a_secret_that_crosses_a_pattern_is_hidden_whole(void **state)
{
  (void)state;
  static const char *const secrets[] = {"key;part two of it"};
  sd_scrubber *scrubber = scrubber_of(secrets, 1);
  assert_scrubbed(scrubber, "AccountKey=somekey;part two of it;x", "AccountKey=***;x");
  sd_scrubber_free(scrubber);
}

static void values_are_checked_when_they_are_registered(void **state)
{
  (void)state;
  sd_scrubber *scrubber = scrubber_of(NULL, 0);
  char big[SD_SCRUB_SECRET_MAX_LEN + 2];
  memset(big, 'b', sizeof big);
  big[sizeof big - 1] = '\0';
  assert_int_equal(sd_scrubber_add(scrubber, big), SD_LIMIT);
  big[SD_SCRUB_SECRET_MAX_LEN] = '\0';
  assert_int_equal(sd_scrubber_add(scrubber, big), SD_OK);
  assert_scrubbed(scrubber, big, "***");
  assert_int_equal(sd_scrubber_add(scrubber, "12345"), SD_INVALID);
  assert_int_equal(sd_scrubber_add(scrubber, ""), SD_INVALID);
  assert_int_equal(sd_scrubber_add(scrubber, NULL), SD_INVALID);
  assert_int_equal(sd_scrubber_add(scrubber, "123456"), SD_OK);
  sd_scrubber_free(scrubber);
  sd_scrubber_free(NULL);
}

static void the_number_of_secrets_is_limited_and_the_known_ones_stay(void **state)
{
  (void)state;
  sd_scrubber *scrubber = scrubber_of(NULL, 0);
  char text[32];
  for (int i = 0; i < SD_SCRUB_SECRETS_MAX; i++) {
    snprintf(text, sizeof text, "secret-%06d", i);
    assert_int_equal(sd_scrubber_add(scrubber, text), SD_OK);
  }
  assert_int_equal(sd_scrubber_add(scrubber, "secret-000000"), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "one too many"), SD_LIMIT);
  assert_scrubbed(scrubber, "a secret-000000 b secret-001023 c secret-001024", "a *** b *** c secret-001024");
  sd_scrubber_free(scrubber);
}

static void bytes_after_a_nul_are_cleaned_too(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 100);
  sd_buf_append_text(&out, "before ");
  assert_int_equal(sd_scrub(NULL, sd_bytes_make("a\0sig=" CANARY, 6 + sizeof CANARY - 1), &out), SD_OK);
  assert_true(sd_bytes_equal(sd_buf_bytes(&out), sd_bytes_make("before a\0sig=***", 16)));
  sd_buf_release(&out);
}

static void text_is_cleaned_in_place_and_cut_to_size(void **state)
{
  (void)state;
  char text[] = "url postgres://user:" CANARY "@host";
  sd_scrub_text(NULL, text, sizeof text);
  assert_string_equal(text, "url postgres://***@host");
  char grows[] = "Bearer x, y";
  sd_scrub_text(NULL, grows, sizeof grows);
  assert_string_equal(grows, "Bearer ***,");
  char none[] = "x";
  sd_scrub_text(NULL, none, 0);
  assert_string_equal(none, "x");
  char empty[] = "";
  sd_scrub_text(NULL, empty, sizeof empty);
  assert_string_equal(empty, "");
}

/* Every repetition and every cut of each piece must end, stay inside the text, and take linear time: 2 MB of
 * any of them in the time that a quadratic pass would need for a small part of it. */
static void hostile_texts_take_linear_time(void **state)
{
  (void)state;
  static const char *const pieces[] = {"eyJ",
                                       "eyJhbGciOi",
                                       "eyJhbGciOi.",
                                       "eyJhbGci.eyJh",
                                       "://a:b/",
                                       "://",
                                       "://a@",
                                       ":\\/\\/",
                                       "sig=",
                                       "sig= ",
                                       "sig='",
                                       "sig=\"\\",
                                       "bearer ",
                                       "bearer+token=",
                                       "sk-",
                                       "sk-a",
                                       "pylf_",
                                       "password:",
                                       "%",
                                       "%2",
                                       "%61",
                                       "api-key",
                                       "api-key\\\"",
                                       "a",
                                       "aaaaa%61",
                                       "authorization: ",
                                       "motherduck_token=",
                                       "SharedAccessSignature=",
                                       "@",
                                       "Authorization: Bearer ",
                                       "sig%3D%27",
                                       "\\\"",
                                       "+"};
  static const char *const secrets[] = {"aaaaaaaaaaaaaaaaaaaaaaab", "sig=sig=sig=x", "%61%61%61x"};
  sd_scrubber *scrubber = scrubber_of(secrets, 3);
  enum { SIZE = 256 * 1024 };
  char *text = sd_alloc(SIZE);
  assert_non_null(text);
  uint64_t start = sd_clock_monotonic_ms();
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    size_t n = strlen(pieces[i]);
    for (size_t k = 0; k < SIZE; k++)
      text[k] = pieces[i][k % n];
    for (size_t cut = 0; cut <= n; cut++) {
      sd_buf out;
      sd_buf_init(&out, 4 * SIZE);
      char *exact = sd_alloc(64 + cut);
      memcpy(exact, text, 64 + cut);
      assert_int_equal(sd_scrub(scrubber, sd_bytes_make(exact, 64 + cut), &out), SD_OK);
      sd_free(exact);
      sd_buf_release(&out);
    }
    sd_buf out;
    sd_buf_init(&out, 4 * SIZE);
    assert_int_equal(sd_scrub(scrubber, sd_bytes_make(text, SIZE), &out), SD_OK);
    sd_buf_release(&out);
  }
  /* Linear: well under a second. Quadratic: 33 times 3 * 10^10 steps. */
  assert_true(sd_clock_monotonic_ms() - start < 40000);
  sd_free(text);
  sd_scrubber_free(scrubber);
}

static void a_failed_allocation_shows_nothing_of_the_text(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    sd_scrubber *scrubber = NULL;
    sd_buf out;
    sd_buf_init(&out, 10000);
    sd_buf_append_text(&out, "old");
    sd_alloc_fail_nth(nth);
    sd_status made = sd_scrubber_new(&scrubber);
    sd_status added = made == SD_OK ? sd_scrubber_add(scrubber, CANARY) : made;
    sd_status cleaned = SD_NOMEM;
    if (added == SD_OK) {
      char text[400];
      memset(text, 'x', sizeof text);
      memcpy(text + 10, CANARY, sizeof CANARY - 1);
      memcpy(text + 90, "sig=" CANARY, 4 + sizeof CANARY - 1);
      cleaned = sd_scrub(scrubber, sd_bytes_make(text, sizeof text), &out);
    }
    sd_alloc_fail_nth(0);
    assert_null(strstr(sd_buf_text(&out), CANARY));
    if (cleaned != SD_OK) {
      assert_string_equal(sd_buf_text(&out), "old");
      if (added != SD_OK && made == SD_OK) {
        assert_int_equal(added, SD_NOMEM);
        assert_int_equal(sd_scrubber_add(scrubber, CANARY), SD_OK);
        assert_scrubbed(scrubber, CANARY, "***");
      }
    }
    sd_buf_release(&out);
    sd_scrubber_free(scrubber);
    if (cleaned == SD_OK)
      break;
    assert_true(nth < 100);
  }
  char text[] = "Bearer " CANARY " and some more text";
  sd_alloc_fail_nth(1);
  sd_scrub_text(NULL, text, sizeof text);
  sd_alloc_fail_nth(0);
  assert_string_equal(text, "(text withheld: out of memory)");
}

static void an_output_that_is_full_gets_nothing(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 12);
  sd_buf_append_text(&out, "old");
  assert_int_equal(sd_scrub(NULL, sd_bytes_of("sig=" CANARY "&some more"), &out), SD_LIMIT);
  assert_string_equal(sd_buf_text(&out), "old");
  sd_buf_release(&out);
}

static void *add_many(void *arg)
{
  char text[32];
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "shared-%06d", i);
    if (sd_scrubber_add(arg, text) != SD_OK)
      return arg;
  }
  return NULL;
}

static void secrets_may_be_added_while_others_scrub(void **state)
{
  (void)state;
  sd_scrubber *scrubber = scrubber_of(NULL, 0);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, add_many, scrubber), 0);
  for (int i = 0; i < 200; i++)
    sd_free(scrubbed(scrubber, "x shared-000000 shared-000199 y"));
  for (int i = 0; i < 3; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  assert_scrubbed(scrubber, "x shared-000000 shared-000199 y", "x *** *** y");
  sd_scrubber_free(scrubber);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(well_known_secrets_are_hidden),
      cmocka_unit_test(ordinary_text_is_kept),
      cmocka_unit_test(a_registered_secret_is_hidden_plain_and_encoded),
      cmocka_unit_test(names_of_secrets_are_known),
      cmocka_unit_test(every_registered_secret_is_handed_out_once),
      cmocka_unit_test(rules_apply_by_themselves),
      cmocka_unit_test(overlapping_secrets_are_hidden_whole),
      cmocka_unit_test(a_secret_that_crosses_a_pattern_is_hidden_whole),
      cmocka_unit_test(values_are_checked_when_they_are_registered),
      cmocka_unit_test(the_number_of_secrets_is_limited_and_the_known_ones_stay),
      cmocka_unit_test(bytes_after_a_nul_are_cleaned_too),
      cmocka_unit_test(text_is_cleaned_in_place_and_cut_to_size),
      cmocka_unit_test(hostile_texts_take_linear_time),
      cmocka_unit_test(a_failed_allocation_shows_nothing_of_the_text),
      cmocka_unit_test(an_output_that_is_full_gets_nothing),
      cmocka_unit_test(secrets_may_be_added_while_others_scrub),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
