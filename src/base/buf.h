/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a hard maximum that is given when it is made. One thread at a time.
 *
 * An append that would pass the maximum, or for which memory is short, changes nothing, returns SD_LIMIT or
 * SD_NOMEM, and sets `failed`, so that a chain of appends may be checked once at its end (sd_buf_status).
 * Later appends that fit still succeed. What is appended must not lie in the buffer itself.
 */
#ifndef SD_BASE_BUF_H
#define SD_BASE_BUF_H

#include "base/bytes.h"

#include <stdarg.h>
#include <streamduck/error.h>

typedef struct sd_buf {
  uint8_t *data; /* NULL until the first append */
  size_t len;
  size_t cap;       /* private */
  size_t max;       /* private */
  sd_status failed; /* private: first failure, SD_OK when none */
} sd_buf;

void sd_buf_init(sd_buf *buf, size_t max);
void sd_buf_release(sd_buf *buf);

/* Empties, keeps the memory, forgets a failure. */
void sd_buf_clear(sd_buf *buf);

/* SD_OK, or the first failure since init or clear. */
sd_status sd_buf_status(const sd_buf *buf);

/* Room for n more bytes; *ret_space points to them. Then sd_buf_commit says how many were filled (<= n). */
SD_MUST_CHECK sd_status sd_buf_reserve(sd_buf *buf, size_t n, uint8_t **ret_space);
void sd_buf_commit(sd_buf *buf, size_t n);

sd_status sd_buf_append(sd_buf *buf, const void *data, size_t len);
sd_status sd_buf_append_bytes(sd_buf *buf, sd_bytes bytes);
sd_status sd_buf_append_text(sd_buf *buf, const char *text);
sd_status sd_buf_append_byte(sd_buf *buf, uint8_t byte);
sd_status sd_buf_appendf(sd_buf *buf, const char *format, ...) SD_PRINTF(2, 3);
sd_status sd_buf_vappendf(sd_buf *buf, const char *format, va_list args) SD_PRINTF(2, 0);

/* Removes n bytes at the front (n <= len) by moving the rest down. */
void sd_buf_consume(sd_buf *buf, size_t n);

/* Shortens to len (<= the current one). */
void sd_buf_truncate(sd_buf *buf, size_t len);

/* The content as a C string, good until the next change; "" when memory is short. The NUL is not counted. */
const char *sd_buf_text(sd_buf *buf);

/* Hands the memory to the caller (sd_free), NUL terminated, and leaves the buffer empty. NULL when it failed
 * before or memory is short; then the buffer is empty all the same. */
char *sd_buf_take_text(sd_buf *buf);

static inline sd_bytes sd_buf_bytes(const sd_buf *buf)
{
  return sd_bytes_make(buf->data, buf->len);
}

#endif
