/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, HMAC and shared access signatures over libcrypto. */
#include "crypto/sas.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SAS_PREFIX "SharedAccessSignature "

enum {
  SAS_SIGNED_TEXT_MAX = 8192, /* resource, percent-encoded, with the expiry */
  SAS_SIGNATURE_TEXT_MAX = 256
};

static const uint8_t no_bytes[1] = {0};

sd_status sd_sha256(sd_bytes data, uint8_t ret_digest[SD_SHA256_SIZE])
{
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!EVP_Digest(data.len ? data.data : no_bytes, data.len, digest, &size, EVP_sha256(), NULL) ||
      size != SD_SHA256_SIZE)
    return SD_INTERNAL;
  memcpy(ret_digest, digest, SD_SHA256_SIZE);
  return SD_OK;
}

sd_status sd_hmac_sha256(sd_bytes key, sd_bytes data, uint8_t ret_digest[SD_SHA256_SIZE])
{
  if (key.len > INT_MAX)
    return SD_LIMIT;
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!HMAC(EVP_sha256(), key.len ? key.data : no_bytes, (int)key.len, data.len ? data.data : no_bytes,
            data.len, digest, &size) ||
      size != SD_SHA256_SIZE)
    return SD_INTERNAL;
  memcpy(ret_digest, digest, SD_SHA256_SIZE);
  OPENSSL_cleanse(digest, sizeof digest);
  return SD_OK;
}

/* The signature, in base64, over the encoded resource as it stands in the token. */
static sd_status sas_signature(sd_bytes resource_encoded, const char *key, int64_t expiry_unix_s, sd_buf *out)
{
  sd_buf text;
  sd_buf_init(&text, SAS_SIGNED_TEXT_MAX);
  sd_buf_append_bytes(&text, resource_encoded);
  sd_buf_appendf(&text, "\n%lld", (long long)expiry_unix_s);
  sd_status status = sd_buf_status(&text);
  uint8_t digest[SD_SHA256_SIZE];
  if (status == SD_OK)
    status = sd_hmac_sha256(sd_bytes_of(key), sd_buf_bytes(&text), digest);
  if (status == SD_OK)
    status = sd_base64_encode(sd_bytes_make(digest, sizeof digest), out);
  sd_buf_release(&text);
  return status;
}

sd_status sd_sas_sign(const char *resource, const char *key_name, const char *key, int64_t expiry_unix_s,
                      sd_buf *out)
{
  sd_buf encoded;
  sd_buf signature;
  sd_buf_init(&encoded, SAS_SIGNED_TEXT_MAX);
  sd_buf_init(&signature, SAS_SIGNATURE_TEXT_MAX);
  size_t before = out->len;
  sd_status status = sd_percent_encode(sd_bytes_of(resource), &encoded);
  if (status == SD_OK)
    status = sas_signature(sd_buf_bytes(&encoded), key, expiry_unix_s, &signature);
  if (status == SD_OK)
    status = sd_buf_append_text(out, SAS_PREFIX "sr=");
  if (status == SD_OK)
    status = sd_buf_append_bytes(out, sd_buf_bytes(&encoded));
  if (status == SD_OK)
    status = sd_buf_append_text(out, "&sig=");
  if (status == SD_OK)
    status = sd_percent_encode(sd_buf_bytes(&signature), out);
  if (status == SD_OK)
    status = sd_buf_appendf(out, "&se=%lld&skn=", (long long)expiry_unix_s);
  if (status == SD_OK)
    status = sd_percent_encode(sd_bytes_of(key_name), out);
  if (status != SD_OK)
    sd_buf_truncate(out, before);
  sd_buf_release(&encoded);
  sd_buf_release(&signature);
  return status;
}

sd_status sd_sas_parse(sd_bytes token, sd_sas_token *ret_token)
{
  enum { FIELD_RESOURCE = 1, FIELD_SIGNATURE = 2, FIELD_EXPIRY = 4, FIELD_NAME = 8, FIELD_ALL = 15 };
  size_t prefix = sizeof SAS_PREFIX - 1;
  if (token.len < prefix || !sd_bytes_starts_with_nocase(token, SAS_PREFIX))
    return SD_INVALID;
  sd_sas_token parsed = {0};
  unsigned seen = 0;
  const uint8_t *at = token.data + prefix;
  const uint8_t *end = token.data + token.len;
  while (at < end) {
    const uint8_t *stop = memchr(at, '&', (size_t)(end - at));
    if (!stop)
      stop = end;
    const uint8_t *equals = memchr(at, '=', (size_t)(stop - at));
    if (!equals)
      return SD_INVALID;
    sd_bytes name = sd_bytes_make(at, (size_t)(equals - at));
    sd_bytes value = sd_bytes_make(equals + 1, (size_t)(stop - equals - 1));
    unsigned field = 0;
    if (sd_bytes_equal_text(name, "sr")) {
      field = FIELD_RESOURCE;
      parsed.resource_encoded = value;
    } else if (sd_bytes_equal_text(name, "sig")) {
      field = FIELD_SIGNATURE;
      parsed.signature_encoded = value;
    } else if (sd_bytes_equal_text(name, "se")) {
      field = FIELD_EXPIRY;
      if (!sd_bytes_to_int64(value, &parsed.expiry_unix_s) || parsed.expiry_unix_s < 0)
        return SD_INVALID;
    } else if (sd_bytes_equal_text(name, "skn")) {
      field = FIELD_NAME;
      parsed.key_name_encoded = value;
    }
    if (field != 0 && ((seen & field) != 0 || value.len == 0))
      return SD_INVALID;
    seen |= field;
    at = stop < end ? stop + 1 : end;
  }
  if (seen != FIELD_ALL)
    return SD_INVALID;
  *ret_token = parsed;
  return SD_OK;
}

sd_status sd_sas_verify(const sd_sas_token *token, const char *key, int64_t now_unix_s)
{
  sd_buf expected;
  sd_buf given;
  sd_buf_init(&expected, SAS_SIGNATURE_TEXT_MAX);
  sd_buf_init(&given, SAS_SIGNATURE_TEXT_MAX);
  sd_status status = sd_percent_decode(token->signature_encoded, &given);
  if (status == SD_INVALID || status == SD_LIMIT)
    status = SD_DENIED;
  if (status == SD_OK)
    status = sas_signature(token->resource_encoded, key, token->expiry_unix_s, &expected);
  if (status == SD_OK &&
      (given.len != expected.len || CRYPTO_memcmp(given.data, expected.data, given.len) != 0))
    status = SD_DENIED;
  if (status == SD_OK && token->expiry_unix_s < now_unix_s)
    status = SD_TIMEOUT;
  sd_buf_release(&expected);
  sd_buf_release(&given);
  return status;
}
