/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 piece by piece, over and over with one context. Short texts (up to SD_SHA256_BUFFER bytes) reach
 * libcrypto in one call. One thread at a time.
 */
#ifndef SD_CRYPTO_SHA256_H
#define SD_CRYPTO_SHA256_H

#include "base/bytes.h"
#include "crypto/sas.h"

enum { SD_SHA256_BUFFER = 1024 };

typedef struct sd_sha256_stream {
  void *context;                    /* private: EVP_MD_CTX; NULL until the first use */
  sd_status failed;                 /* private */
  bool flushed;                     /* private: part of the text has left the buffer */
  size_t len;                       /* bytes in the buffer */
  uint8_t buffer[SD_SHA256_BUFFER]; /* the text, as long as `flushed` is false */
} sd_sha256_stream;

/* Allocates nothing yet. */
void sd_sha256_init(sd_sha256_stream *stream);
void sd_sha256_release(sd_sha256_stream *stream);

/* Begins a new text; also forgets one that was not finished. */
void sd_sha256_begin(sd_sha256_stream *stream);

/* Private: what does not fit into the buffer. */
void sd_sha256_overflow(sd_sha256_stream *stream, const void *data, size_t len);

/* A failure is remembered and comes with _end. */
static inline void sd_sha256_update(sd_sha256_stream *stream, const void *data, size_t len)
{
  if (len > sizeof stream->buffer || stream->len > sizeof stream->buffer - len) {
    sd_sha256_overflow(stream, data, len);
    return;
  }
  if (len > 0)
    memcpy(stream->buffer + stream->len, data, len);
  stream->len += len;
}

/* The whole text so far, where it is still in the buffer. */
static inline bool sd_sha256_text(const sd_sha256_stream *stream, sd_bytes *ret_text)
{
  if (stream->flushed)
    return false;
  *ret_text = sd_bytes_make(stream->buffer, stream->len);
  return true;
}

/* SD_NOMEM when libcrypto had none. */
SD_MUST_CHECK sd_status sd_sha256_end(sd_sha256_stream *stream, uint8_t ret_digest[SD_SHA256_SIZE]);

#endif
