/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The growing byte buffer. One byte more than `cap` is always allocated, so that a NUL fits behind the
 * content. */
#include "base/buf.h"

#include "base/alloc.h"

#include <stdio.h>

enum { FIRST_CAP = 64 };

void sd_buf_init(sd_buf *buf, size_t max)
{
  memset(buf, 0, sizeof *buf);
  buf->max = max < PTRDIFF_MAX ? max : PTRDIFF_MAX - 1;
}

void sd_buf_release(sd_buf *buf)
{
  sd_free(buf->data);
  sd_buf_init(buf, buf->max);
}

void sd_buf_clear(sd_buf *buf)
{
  buf->len = 0;
  buf->failed = SD_OK;
}

sd_status sd_buf_status(const sd_buf *buf)
{
  return buf->failed;
}

static sd_status fail(sd_buf *buf, sd_status status)
{
  if (buf->failed == SD_OK)
    buf->failed = status;
  return status;
}

sd_status sd_buf_reserve(sd_buf *buf, size_t n, uint8_t **ret_space)
{
  if (n > buf->max - buf->len)
    return fail(buf, SD_LIMIT);
  size_t need = buf->len + n;
  if (need > buf->cap || !buf->data) {
    size_t cap = buf->cap > buf->max / 2 ? buf->max : buf->cap * 2;
    if (cap < FIRST_CAP)
      cap = FIRST_CAP < buf->max ? FIRST_CAP : buf->max;
    if (cap < need)
      cap = need;
    uint8_t *data = sd_realloc(buf->data, cap + 1);
    if (!data)
      return fail(buf, SD_NOMEM);
    buf->data = data;
    buf->cap = cap;
  }
  *ret_space = buf->data + buf->len;
  return SD_OK;
}

void sd_buf_commit(sd_buf *buf, size_t n)
{
  buf->len += n;
}

sd_status sd_buf_append(sd_buf *buf, const void *data, size_t len)
{
  if (len == 0)
    return SD_OK;
  uint8_t *space;
  sd_status status = sd_buf_reserve(buf, len, &space);
  if (status != SD_OK)
    return status;
  memcpy(space, data, len);
  buf->len += len;
  return SD_OK;
}

sd_status sd_buf_append_bytes(sd_buf *buf, sd_bytes bytes)
{
  return sd_buf_append(buf, bytes.data, bytes.len);
}

sd_status sd_buf_append_text(sd_buf *buf, const char *text)
{
  return sd_buf_append_bytes(buf, sd_bytes_of(text));
}

sd_status sd_buf_append_byte(sd_buf *buf, uint8_t byte)
{
  return sd_buf_append(buf, &byte, 1);
}

sd_status sd_buf_appendf(sd_buf *buf, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  sd_status status = sd_buf_vappendf(buf, format, args);
  va_end(args);
  return status;
}

sd_status sd_buf_vappendf(sd_buf *buf, const char *format, va_list args)
{
  va_list again;
  va_copy(again, args);
  size_t room = buf->data ? buf->cap - buf->len + 1 : 0;
  int written = vsnprintf(room ? (char *)buf->data + buf->len : NULL, room, format, args);
  sd_status status = written < 0 ? fail(buf, SD_INVALID) : SD_OK;
  size_t len = written < 0 ? 0 : (size_t)written;
  if (status == SD_OK && len >= room) {
    uint8_t *space;
    status = sd_buf_reserve(buf, len, &space);
    if (status == SD_OK)
      vsnprintf((char *)space, len + 1, format, again);
  }
  va_end(again);
  if (status == SD_OK)
    buf->len += len;
  return status;
}

void sd_buf_consume(sd_buf *buf, size_t n)
{
  if (n == 0)
    return;
  buf->len -= n;
  if (buf->len > 0)
    memmove(buf->data, buf->data + n, buf->len);
}

void sd_buf_truncate(sd_buf *buf, size_t len)
{
  buf->len = len;
}

const char *sd_buf_text(sd_buf *buf)
{
  if (!buf->data)
    return "";
  buf->data[buf->len] = '\0';
  return (const char *)buf->data;
}

char *sd_buf_take_text(sd_buf *buf)
{
  uint8_t *space;
  if (buf->failed != SD_OK || sd_buf_reserve(buf, 0, &space) != SD_OK) {
    sd_buf_release(buf);
    return NULL;
  }
  *space = '\0';
  char *text = (char *)buf->data;
  sd_buf_init(buf, buf->max);
  return text;
}
