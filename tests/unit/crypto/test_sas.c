/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180), HMAC (RFC 4231) and shared access signatures. */
#include "base/alloc.h"
#include "crypto/sas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Computed with Python's hmac, hashlib and urllib.parse. */
#define EXAMPLE_RESOURCE "sb://localhost:5699/hub"
#define EXAMPLE_KEY      "s3cret/Key+with=signs"
#define EXAMPLE_EXPIRY   1893456000
#define EXAMPLE_TOKEN                                                                                        \
  "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%3A5699%2Fhub&sig=P4kWPiZaO4P2ehh%2FBOqEhQS2%2FQ7063UFfqUa"  \
  "XF6lm80%3D&se=1893456000&skn=Root%20Rule"

static void assert_hex(const uint8_t digest[SD_SHA256_SIZE], const char *hex)
{
  char text[2 * SD_SHA256_SIZE + 1];
  for (size_t i = 0; i < SD_SHA256_SIZE; i++)
    (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
  assert_string_equal(text, hex);
}

static void sha256_fits_the_vectors_of_fips_180(void **state)
{
  (void)state;
  uint8_t digest[SD_SHA256_SIZE];
  assert_int_equal(sd_sha256(sd_bytes_of("abc"), digest), SD_OK);
  assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_int_equal(sd_sha256(sd_bytes_make(NULL, 0), digest), SD_OK);
  assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_fits_the_vectors_of_rfc_4231(void **state)
{
  (void)state;
  uint8_t digest[SD_SHA256_SIZE];
  uint8_t key[131];
  uint8_t data[50];
  memset(key, 0x0b, 20);
  assert_int_equal(sd_hmac_sha256(sd_bytes_make(key, 20), sd_bytes_of("Hi There"), digest), SD_OK);
  assert_hex(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  assert_int_equal(sd_hmac_sha256(sd_bytes_of("Jefe"), sd_bytes_of("what do ya want for nothing?"), digest),
                   SD_OK);
  assert_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof key);
  memset(data, 0xdd, sizeof data);
  assert_int_equal(sd_hmac_sha256(sd_bytes_make(key, 20), sd_bytes_make(data, sizeof data), digest), SD_OK);
  assert_hex(digest, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  assert_int_equal(sd_hmac_sha256(sd_bytes_make(key, sizeof key),
                                  sd_bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"),
                                  digest),
                   SD_OK);
  assert_hex(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void a_token_is_signed_as_the_service_expects(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 1024);
  assert_int_equal(sd_sas_sign(EXAMPLE_RESOURCE, "Root Rule", EXAMPLE_KEY, EXAMPLE_EXPIRY, &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), EXAMPLE_TOKEN);
  sd_buf_release(&out);
}

static void a_good_token_verifies_until_it_expires(void **state)
{
  (void)state;
  sd_sas_token token;
  assert_int_equal(sd_sas_parse(sd_bytes_of(EXAMPLE_TOKEN), &token), SD_OK);
  assert_int_equal(token.expiry_unix_s, EXAMPLE_EXPIRY);
  assert_true(sd_bytes_equal_text(token.resource_encoded, "sb%3A%2F%2Flocalhost%3A5699%2Fhub"));
  assert_true(sd_bytes_equal_text(token.key_name_encoded, "Root%20Rule"));
  assert_int_equal(sd_sas_verify(&token, EXAMPLE_KEY, EXAMPLE_EXPIRY), SD_OK);
  assert_int_equal(sd_sas_verify(&token, EXAMPLE_KEY, EXAMPLE_EXPIRY + 1), SD_TIMEOUT);
  assert_int_equal(sd_sas_verify(&token, "another key", EXAMPLE_EXPIRY + 1), SD_DENIED);
}

static void a_token_with_any_field_changed_is_denied(void **state)
{
  (void)state;
  static const char *const changed[] = {
      "SharedAccessSignature "
      "sr=sb%3A%2F%2Flocalhost%3A5699%2Fhuc&sig=P4kWPiZaO4P2ehh%2FBOqEhQS2%2FQ7063UFfqUa"
      "XF6lm80%3D&se=1893456000&skn=Root%20Rule",
      "SharedAccessSignature "
      "sr=sb%3A%2F%2Flocalhost%3A5699%2Fhub&sig=P4kWPiZaO4P2ehh%2FBOqEhQS2%2FQ7063UFfqUa"
      "XF6lm80%3D&se=1893456001&skn=Root%20Rule",
      "SharedAccessSignature "
      "sr=sb%3A%2F%2Flocalhost%3A5699%2Fhub&sig=Q4kWPiZaO4P2ehh%2FBOqEhQS2%2FQ7063UFfqUa"
      "XF6lm80%3D&se=1893456000&skn=Root%20Rule",
      "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%3A5699%2Fhub&sig=short&se=1893456000&skn=Root%20Rule",
      "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%3A5699%2Fhub&sig=%&se=1893456000&skn=Root%20Rule",
  };
  for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
    sd_sas_token token;
    assert_int_equal(sd_sas_parse(sd_bytes_of(changed[i]), &token), SD_OK);
    assert_int_equal(sd_sas_verify(&token, EXAMPLE_KEY, 0), SD_DENIED);
  }
}

static void fields_are_found_in_any_order_and_others_ignored(void **state)
{
  (void)state;
  sd_sas_token token;
  assert_int_equal(sd_sas_parse(sd_bytes_of("sharedaccesssignature skn=n&x=1&se=5&sig=a%3D&sr=r"), &token),
                   SD_OK);
  assert_int_equal(token.expiry_unix_s, 5);
  assert_true(sd_bytes_equal_text(token.signature_encoded, "a%3D"));
}

static void what_is_no_token_is_refused(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "",
      "SharedAccessSignature",
      "SharedAccessSignature ",
      "eyJhbGciOi.x.y",
      "SharedAccessSignature sr=r&sig=s&se=5",
      "SharedAccessSignature sr=r&sig=s&se=five&skn=n",
      "SharedAccessSignature sr=r&sig=s&se=-5&skn=n",
      "SharedAccessSignature sr=r&sig=s&se=99999999999999999999&skn=n",
      "SharedAccessSignature sr=&sig=s&se=5&skn=n",
      "SharedAccessSignature sr=r&sr=r&sig=s&se=5&skn=n",
      "SharedAccessSignature sr=r&sig&se=5&skn=n",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sd_sas_token token;
    assert_int_equal(sd_sas_parse(sd_bytes_of(bad[i]), &token), SD_INVALID);
  }
}

static void short_memory_fails_without_a_trace(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 1024);
  sd_alloc_fail_nth(0);
  assert_int_equal(sd_sas_sign(EXAMPLE_RESOURCE, "n", EXAMPLE_KEY, EXAMPLE_EXPIRY, &out), SD_OK);
  uint64_t calls = sd_alloc_calls();
  sd_buf_release(&out);
  assert_true(calls > 0);
  for (uint64_t n = 1; n <= calls; n++) {
    sd_buf_init(&out, 1024);
    sd_alloc_fail_nth(n);
    assert_int_equal(sd_sas_sign(EXAMPLE_RESOURCE, "n", EXAMPLE_KEY, EXAMPLE_EXPIRY, &out), SD_NOMEM);
    assert_int_equal(out.len, 0);
    sd_buf_release(&out);
  }
  sd_alloc_fail_nth(0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sha256_fits_the_vectors_of_fips_180),
      cmocka_unit_test(hmac_fits_the_vectors_of_rfc_4231),
      cmocka_unit_test(a_token_is_signed_as_the_service_expects),
      cmocka_unit_test(a_good_token_verifies_until_it_expires),
      cmocka_unit_test(a_token_with_any_field_changed_is_denied),
      cmocka_unit_test(fields_are_found_in_any_order_and_others_ignored),
      cmocka_unit_test(what_is_no_token_is_refused),
      cmocka_unit_test(short_memory_fails_without_a_trace),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
