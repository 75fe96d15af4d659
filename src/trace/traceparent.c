/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* traceparent of W3C Trace Context level 2 (§3.2). */
#include "trace/header_text.h"

#include <streamduck/trace.h>

enum {
  TRACE_ID_AT = 3,
  SPAN_ID_AT = 36,
  FLAGS_AT = 53,
  TRACEPARENT_LEN = SD_TRACEPARENT_SIZE - 1,
  FLAGS_KNOWN = SD_TRACE_FLAG_SAMPLED | SD_TRACE_FLAG_RANDOM
};

/* Lower case only, as the specification wants it. */
static int hex_digit(uint8_t c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

static bool read_hex(const uint8_t *text, uint8_t *dst, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    int high = hex_digit(text[2 * i]);
    int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return false;
    dst[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static char *write_hex(char *at, const uint8_t *bytes, size_t count)
{
  static const char DIGITS[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    *at++ = DIGITS[bytes[i] >> 4];
    *at++ = DIGITS[bytes[i] & 0x0F];
  }
  return at;
}

sd_status sd_context_parse_traceparent(const char *text, size_t len, sd_context *ret_context)
{
  sd_bytes header = sd_header_trim(sd_bytes_make(text, len));
  sd_context context = SD_CONTEXT_NONE;
  uint8_t version;
  uint8_t flags;
  if (header.len < TRACEPARENT_LEN)
    return SD_INVALID;
  const uint8_t *p = header.data;
  if (!read_hex(p, &version, 1) || version == 0xFF || p[TRACE_ID_AT - 1] != '-' || p[SPAN_ID_AT - 1] != '-' ||
      p[FLAGS_AT - 1] != '-')
    return SD_INVALID;
  /* Later versions may add fields behind a dash (§3.2.4). */
  if (header.len > TRACEPARENT_LEN && (version == 0 || p[TRACEPARENT_LEN] != '-'))
    return SD_INVALID;
  if (!read_hex(p + TRACE_ID_AT, context.trace_id, sizeof context.trace_id) ||
      !read_hex(p + SPAN_ID_AT, context.span_id, sizeof context.span_id) ||
      !read_hex(p + FLAGS_AT, &flags, 1))
    return SD_INVALID;
  if (!sd_context_is_valid(&context))
    return SD_INVALID;
  context.flags = flags & FLAGS_KNOWN;
  context.remote = 1;
  *ret_context = context;
  return SD_OK;
}

char *sd_context_traceparent(const sd_context *context, char *dst)
{
  if (!sd_context_is_valid(context)) {
    dst[0] = '\0';
    return dst;
  }
  uint8_t flags = context->flags & FLAGS_KNOWN;
  memcpy(dst, "00-", TRACE_ID_AT);
  char *at = write_hex(dst + TRACE_ID_AT, context->trace_id, sizeof context->trace_id);
  *at++ = '-';
  at = write_hex(at, context->span_id, sizeof context->span_id);
  *at++ = '-';
  at = write_hex(at, &flags, 1);
  *at = '\0';
  return dst;
}
