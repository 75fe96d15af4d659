/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Borrowed views of bytes and text. A view owns nothing; whoever makes one says how long it is good for. */
#ifndef SD_BASE_BYTES_H
#define SD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct sd_bytes {
  const uint8_t *data; /* may be NULL when len is 0 */
  size_t len;
} sd_bytes;

/* A view of a C string without its NUL; NULL gives an empty view. */
static inline sd_bytes sd_bytes_of(const char *text)
{
  sd_bytes b = {(const uint8_t *)text, text ? strlen(text) : 0};
  return b;
}

static inline sd_bytes sd_bytes_make(const void *data, size_t len)
{
  sd_bytes b = {(const uint8_t *)data, len};
  return b;
}

bool sd_bytes_equal(sd_bytes a, sd_bytes b);
bool sd_bytes_equal_text(sd_bytes a, const char *text);
/* ASCII case folded. */
bool sd_bytes_equal_nocase(sd_bytes a, sd_bytes b);
bool sd_bytes_starts_with_nocase(sd_bytes a, const char *prefix);

/* Copies at most size - 1 bytes and a NUL into dst. Returns false when it had to cut. */
bool sd_bytes_to_text(sd_bytes b, char *dst, size_t size);

/* Decimal text to int64: optional '-', digits, nothing else, no overflow. *ret is written only on true. */
bool sd_bytes_to_int64(sd_bytes b, int64_t *ret);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, at most U+10FFFF). NUL
 * bytes are well-formed. Runs at memory speed over ASCII. */
bool sd_utf8_valid(const uint8_t *data, size_t len);

/* The greatest length <= max at which a text of len bytes may be cut without splitting a character. */
size_t sd_utf8_cut(const void *text, size_t len, size_t max);

/* Replaces each byte that belongs to no well-formed character by '?', in place. */
void sd_utf8_repair(char *text, size_t len);

#endif
