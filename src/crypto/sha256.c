/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 piece by piece over libcrypto's EVP, buffered. */
#include "crypto/sha256.h"

#include <openssl/evp.h>

void sd_sha256_init(sd_sha256_stream *stream)
{
  stream->context = NULL;
  sd_sha256_begin(stream);
}

void sd_sha256_release(sd_sha256_stream *stream)
{
  EVP_MD_CTX_free(stream->context);
  stream->context = NULL;
}

void sd_sha256_begin(sd_sha256_stream *stream)
{
  stream->failed = SD_OK;
  stream->flushed = false;
  stream->len = 0;
}

/* Makes the context ready for a text. Without a digest's name libcrypto keeps the one that it has found. */
static sd_status begin_context(sd_sha256_stream *stream)
{
  bool is_new = !stream->context;
  if (is_new)
    stream->context = EVP_MD_CTX_new();
  if (!stream->context)
    return SD_NOMEM;
  if (!EVP_DigestInit_ex2(stream->context, is_new ? EVP_sha256() : NULL, NULL)) {
    sd_sha256_release(stream);
    return SD_NOMEM;
  }
  return SD_OK;
}

static void hand_over(sd_sha256_stream *stream, const void *data, size_t len)
{
  if (stream->failed == SD_OK && !stream->flushed)
    stream->failed = begin_context(stream);
  stream->flushed = true;
  if (stream->failed == SD_OK && len > 0 && !EVP_DigestUpdate(stream->context, data, len))
    stream->failed = SD_INTERNAL;
}

void sd_sha256_overflow(sd_sha256_stream *stream, const void *data, size_t len)
{
  hand_over(stream, stream->buffer, stream->len);
  stream->len = 0;
  if (len > sizeof stream->buffer)
    hand_over(stream, data, len);
  else
    sd_sha256_update(stream, data, len);
}

sd_status sd_sha256_end(sd_sha256_stream *stream, uint8_t ret_digest[SD_SHA256_SIZE])
{
  hand_over(stream, stream->buffer, stream->len);
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (stream->failed == SD_OK &&
      (!EVP_DigestFinal_ex(stream->context, digest, &size) || size != SD_SHA256_SIZE))
    stream->failed = SD_INTERNAL;
  sd_status status = stream->failed;
  if (status == SD_OK)
    memcpy(ret_digest, digest, SD_SHA256_SIZE);
  sd_sha256_begin(stream);
  return status;
}
