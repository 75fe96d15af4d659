/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of the plain types. Setting them is most of what a span costs, so a short key that is new with a
 * short value is written straight to the end of the message, its lengths (one byte each) when they are known.
 * Everything else goes the general way.
 */
#include "trace/otlp_fields.h"
#include "trace/protobuf.h"
#include "trace/short_bytes.h"
#include "trace/span.h"

enum {
  KEY_MAX = 48,
  TEXT_MAX = 72,   /* with the longest key still a length of one byte */
  FIXED_BYTES = 8, /* tags and lengths around key and value */
  VALUE_MAX = TEXT_MAX,
  ONE_BYTE_MAX = 127
};
_Static_assert(KEY_MAX + TEXT_MAX + FIXED_BYTES - 2 <= ONE_BYTE_MAX, "the length of a pair has one byte");

static bool has_print(const sd_span *span, uint32_t print)
{
  for (uint32_t i = 0; i < span->attribute_count; i++) {
    if (span->index[i].print == print)
      return true;
  }
  return false;
}

/* Writes all but the value's content, for which VALUE_MAX bytes are there. NULL: go the general way. */
static inline __attribute__((always_inline)) uint8_t *open_pair(sd_span *span, const char *key)
{
  size_t len = key ? strlen(key) : 0;
  const uint8_t *p = (const uint8_t *)key;
  if (len - 1 >= KEY_MAX || !sd_is_ascii(p, len))
    return NULL;
  uint32_t print = sd_print_of(p, len);
  uint64_t bit = UINT64_C(1) << (print & 63);
  uint32_t count = span->attribute_count;
  if (((span->filter & bit) && has_print(span, print)) || count >= span->telemetry->limits.attributes ||
      count >= span->index_cap ||
      span->cap - span->len < KEY_MAX + VALUE_MAX + FIXED_BYTES + SD_SPAN_TAIL_MAX)
    return NULL;
  span->filter |= bit;
  span->index[count].print = print;
  span->index[count].at = span->len;
  span->attribute_count = count + 1;
  uint8_t *at = span->bytes + span->len;
  at[0] = SD_OTLP_SPAN_ATTRIBUTES << 3 | SD_PB_BYTES;
  at[2] = SD_OTLP_KEY_VALUE_KEY << 3 | SD_PB_BYTES;
  at[3] = (uint8_t)len;
  at = sd_put_short(at + 4, p, len);
  at[0] = SD_OTLP_KEY_VALUE_VALUE << 3 | SD_PB_BYTES;
  return at + 2;
}

/* Fills in the lengths. value: what open_pair gave. */
static inline void close_pair(sd_span *span, uint8_t *value, const uint8_t *end)
{
  uint8_t *start = span->bytes + span->len;
  value[-1] = (uint8_t)(end - value);
  start[1] = (uint8_t)(end - start - 2);
  span->len = (uint32_t)(end - span->bytes);
}

/* Apart, so that the short way needs no room on the stack for what it does not use. */
static __attribute__((noinline)) void put_text(sd_span *span, const char *key, const char *text, size_t len)
{
  sd_any any = sd_any_text(text, len);
  sd_span_put_attribute(span, key, &any);
}

static __attribute__((noinline)) void put_bool(sd_span *span, const char *key, bool value)
{
  sd_any any = sd_any_bool(value);
  sd_span_put_attribute(span, key, &any);
}

static __attribute__((noinline)) void put_int(sd_span *span, const char *key, int64_t value)
{
  sd_any any = sd_any_int(value);
  sd_span_put_attribute(span, key, &any);
}

static __attribute__((noinline)) void put_double(sd_span *span, const char *key, double value)
{
  sd_any any = sd_any_double(value);
  sd_span_put_attribute(span, key, &any);
}

void sd_span_write_text(sd_span *span, const char *key, const char *text, size_t len)
{
  uint32_t max = span->telemetry->limits.value_length;
  bool is_plain = len <= TEXT_MAX && (max == 0 || len <= max) && sd_is_ascii((const uint8_t *)text, len);
  uint8_t *value = is_plain ? open_pair(span, key) : NULL;
  if (!value) {
    put_text(span, key, text, len);
    return;
  }
  value[0] = SD_ANY_STRING << 3 | SD_PB_BYTES;
  value[1] = (uint8_t)len;
  close_pair(span, value, sd_put_short(value + 2, text, len));
}

void sd_span_write_bool(sd_span *span, const char *key, bool value)
{
  uint8_t *at = open_pair(span, key);
  if (!at) {
    put_bool(span, key, value);
    return;
  }
  at[0] = SD_ANY_BOOL << 3 | SD_PB_VARINT;
  at[1] = value;
  close_pair(span, at, at + 2);
}

void sd_span_write_int(sd_span *span, const char *key, int64_t value)
{
  uint8_t *at = open_pair(span, key);
  if (!at) {
    put_int(span, key, value);
    return;
  }
  at[0] = SD_ANY_INT << 3 | SD_PB_VARINT;
  close_pair(span, at, sd_pb_put_varint(at + 1, (uint64_t)value));
}

void sd_span_write_double(sd_span *span, const char *key, double value)
{
  uint8_t *at = open_pair(span, key);
  if (!at) {
    put_double(span, key, value);
    return;
  }
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  at[0] = SD_ANY_DOUBLE << 3 | SD_PB_FIXED64;
  close_pair(span, at, sd_pb_put_fixed64(at + 1, bits));
}

void sd_span_put_value(sd_span *span, const char *key, const sd_any *value)
{
  if (value->type == SD_ANY_STRING && value->as.string)
    sd_span_write_text(span, key, value->as.string, value->len);
  else if (value->type == SD_ANY_INT)
    sd_span_write_int(span, key, value->as.integer);
  else if (value->type == SD_ANY_BOOL)
    sd_span_write_bool(span, key, value->as.boolean);
  else if (value->type == SD_ANY_DOUBLE)
    sd_span_write_double(span, key, value->as.number);
  else
    sd_span_put_attribute(span, key, value);
}
