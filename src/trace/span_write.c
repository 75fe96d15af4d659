/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Writing into a span's message: room, text, attributes that are set again, lists of attributes. */
#include "base/alloc.h"
#include "trace/otlp_fields.h"
#include "trace/span.h"
#include "trace/text.h"
#include "trace/value.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

bool sd_span_grow(sd_span *span, size_t n)
{
  if (n > SD_SPAN_BYTES_MAX || span->len + n + SD_SPAN_TAIL_MAX > SD_SPAN_BYTES_MAX)
    return false;
  uint32_t need = span->len + (uint32_t)n + SD_SPAN_TAIL_MAX;
  uint32_t cap = span->cap * 2;
  if (cap < need)
    cap = need;
  if (cap > SD_SPAN_BYTES_MAX)
    cap = SD_SPAN_BYTES_MAX;
  bool is_own = span->bytes == span->own_bytes;
  uint8_t *bytes = sd_realloc(is_own ? NULL : span->bytes, cap);
  if (!bytes)
    return false;
  if (is_own)
    memcpy(bytes, span->own_bytes, span->len);
  span->bytes = bytes;
  span->cap = cap;
  return true;
}

sd_bytes sd_span_cut(const char *text)
{
  sd_bytes bytes = sd_bytes_of(text);
  bytes.len = sd_utf8_cut(bytes.data, bytes.len, SD_SPAN_NAME_MAX);
  return bytes;
}

/* memcpy without a call for the lengths that keys and most values have. */
static inline uint8_t *put_short(uint8_t *at, const void *from, size_t len)
{
  const uint8_t *p = from;
  if (len > 32) {
    memcpy(at, p, len);
  } else if (len >= 16) {
    memcpy(at, p, 16);
    memcpy(at + len - 16, p + len - 16, 16);
  } else if (len >= 8) {
    memcpy(at, p, 8);
    memcpy(at + len - 8, p + len - 8, 8);
  } else if (len >= 4) {
    memcpy(at, p, 4);
    memcpy(at + len - 4, p + len - 4, 4);
  } else if (len > 0) {
    at[0] = p[0];
    at[len / 2] = p[len / 2];
    at[len - 1] = p[len - 1];
  }
  return at + len;
}

static inline uint64_t load64(const uint8_t *p)
{
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

static inline uint32_t load32(const uint8_t *p)
{
  uint32_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

/* All bytes or'ed together. */
static inline uint64_t mix_bytes(const uint8_t *p, size_t len)
{
  if (len >= 8) {
    uint64_t all = load64(p + len - 8);
    for (size_t i = 0; i + 8 < len; i += 8)
      all |= load64(p + i);
    return all;
  }
  if (len >= 4)
    return load32(p) | load32(p + len - 4);
  return len > 0 ? (uint64_t)(p[0] | p[len / 2] | p[len - 1]) : 0;
}

static inline bool is_ascii(const uint8_t *p, size_t len)
{
  return (mix_bytes(p, len) & HIGH_BITS) == 0;
}

/* A number that equal keys share and others hardly ever do: of the length, the first and the last bytes. */
static inline uint32_t key_print(const uint8_t *p, size_t len)
{
  uint64_t first;
  uint64_t last;
  if (len >= 8) {
    first = load64(p);
    last = load64(p + len - 8);
  } else if (len >= 4) {
    first = load32(p);
    last = load32(p + len - 4);
  } else {
    first = p[0];
    last = (uint64_t)p[len / 2] << 8 | p[len - 1];
  }
  uint64_t mixed = (first ^ (last << 29 | last >> 35) ^ len) * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(mixed >> 32);
}

bool sd_span_put_text(sd_span *span, uint32_t field, sd_bytes text)
{
  bool plain = is_ascii(text.data, text.len);
  size_t size = plain ? text.len : sd_text_size(text, 0);
  if (!sd_span_reserve(span, 1 + SD_PB_VARINT_MAX + size))
    return false;
  uint8_t *at = span->bytes + span->len;
  at = sd_pb_put_tag(at, field, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  at = plain ? put_short(at, text.data, text.len) : sd_text_put(text, 0, at);
  span->len = (uint32_t)(at - span->bytes);
  return true;
}

uint8_t *sd_span_splice(sd_span *span, uint32_t at, uint32_t old, uint32_t size)
{
  if (size > old && !sd_span_reserve(span, size - old))
    return NULL;
  if (size != old) {
    memmove(span->bytes + at + size, span->bytes + at + old, span->len - at - old);
    uint32_t shift = size - old; /* modulo 2^32 where it shrinks */
    span->len += shift;
    for (uint32_t i = 0; i < span->attribute_count; i++) {
      if (span->index[i].at > at)
        span->index[i].at += shift;
    }
    if (span->status_at > at)
      span->status_at += shift;
  }
  return span->bytes + at;
}

static bool grow_index(sd_span *span)
{
  uint32_t cap = span->index_cap * 2;
  bool is_own = span->index == span->own_index;
  sd_span_slot *index = sd_realloc(is_own ? NULL : span->index, cap * sizeof *index);
  if (!index)
    return false;
  if (is_own)
    memcpy(index, span->own_index, sizeof span->own_index);
  span->index = index;
  span->index_cap = cap;
  return true;
}

/* The key of the attribute whose tag stands at `at`, and the size of the whole field. */
static sd_bytes read_key(const sd_span *span, uint32_t at, uint32_t *ret_size)
{
  sd_bytes rest = sd_bytes_make(span->bytes + at, span->len - at);
  sd_pb_field field = {0};
  sd_pb_field key = {0};
  if (sd_pb_next(&rest, &field))
    sd_pb_next(&field.bytes, &key);
  *ret_size = (uint32_t)(rest.data - (span->bytes + at));
  return key.bytes;
}

static sd_span_slot *find(const sd_span *span, uint32_t print, sd_bytes key, uint32_t *ret_size)
{
  for (uint32_t i = 0; i < span->attribute_count; i++) {
    if (span->index[i].print == print && sd_bytes_equal(read_key(span, span->index[i].at, ret_size), key))
      return &span->index[i];
  }
  return NULL;
}

static inline bool is_plain_text(const sd_any *value, uint32_t value_length)
{
  return value->type == SD_ANY_STRING && value->as.string &&
         (value_length == 0 || value->len <= value_length) &&
         is_ascii((const uint8_t *)value->as.string, value->len);
}

/* Attributes are set far more often than anything else is done: the plain values are written here. */
static inline size_t value_size(const sd_any *value, bool plain_text, uint32_t value_length)
{
  if (plain_text)
    return 1 + sd_pb_varint_size(value->len) + value->len;
  if (value->type == SD_ANY_INT)
    return 1 + sd_pb_varint_size((uint64_t)value->as.integer);
  return sd_any_size(value, value_length);
}

static inline uint8_t *put_length(uint8_t *at, size_t len)
{
  if (__builtin_expect(len < 0x80, 1)) {
    *at = (uint8_t)len;
    return at + 1;
  }
  return sd_pb_put_varint(at, len);
}

static inline uint8_t *put_value(uint8_t *at, const sd_any *value, bool plain_text, uint32_t value_length)
{
  if (plain_text) {
    *at++ = (uint8_t)sd_pb_tag(SD_ANY_STRING, SD_PB_BYTES);
    at = put_length(at, value->len);
    return put_short(at, value->as.string, value->len);
  }
  if (value->type == SD_ANY_INT) {
    *at++ = (uint8_t)sd_pb_tag(SD_ANY_INT, SD_PB_VARINT);
    return sd_pb_put_varint(at, (uint64_t)value->as.integer);
  }
  return sd_any_encode(value, value_length, at);
}

static void put_attribute(sd_span *span, sd_bytes key, const sd_any *value)
{
  const sd_span_limits *limits = &span->tracer->telemetry->limits;
  bool plain = is_plain_text(value, limits->value_length);
  size_t size = value_size(value, plain, limits->value_length);
  size_t pair = 1 + sd_pb_varint_size(key.len) + key.len + 1 + sd_pb_varint_size(size) + size;
  size_t whole = 1 + sd_pb_varint_size(pair) + pair;
  uint32_t print = key_print(key.data, key.len);
  uint64_t bit = UINT64_C(1) << (print & 63);
  uint32_t old_size = 0;
  sd_span_slot *slot = span->filter & bit ? find(span, print, key, &old_size) : NULL;
  uint8_t *at = NULL;
  if (slot) {
    if (whole <= SD_SPAN_BYTES_MAX)
      at = sd_span_splice(span, slot->at, old_size, (uint32_t)whole);
  } else if (span->attribute_count < limits->attributes &&
             (span->attribute_count < span->index_cap || grow_index(span)) && sd_span_reserve(span, whole)) {
    at = span->bytes + span->len;
    span->index[span->attribute_count++] = (sd_span_slot){.print = print, .at = span->len};
    span->filter |= bit;
    span->len += (uint32_t)whole;
  }
  if (!at) {
    span->dropped_attributes++;
    return;
  }
  *at++ = (uint8_t)sd_pb_tag(SD_OTLP_SPAN_ATTRIBUTES, SD_PB_BYTES);
  at = put_length(at, pair);
  *at++ = (uint8_t)sd_pb_tag(SD_OTLP_KEY_VALUE_KEY, SD_PB_BYTES);
  at = put_length(at, key.len);
  at = put_short(at, key.data, key.len);
  *at++ = (uint8_t)sd_pb_tag(SD_OTLP_KEY_VALUE_VALUE, SD_PB_BYTES);
  at = put_length(at, size);
  put_value(at, value, plain, limits->value_length);
}

/* A key that is not UTF-8 is repaired before it is looked up. */
static void put_with_repaired_key(sd_span *span, sd_bytes key, const sd_any *value)
{
  size_t size = sd_text_size(key, 0);
  uint8_t *repaired = size <= SD_SPAN_BYTES_MAX ? sd_alloc(size) : NULL;
  if (!repaired) {
    span->dropped_attributes++;
    return;
  }
  sd_text_put(key, 0, repaired);
  put_attribute(span, sd_bytes_make(repaired, size), value);
  sd_free(repaired);
}

void sd_span_put_attribute(sd_span *span, const char *key, const sd_any *value)
{
  sd_bytes text = sd_bytes_of(key);
  if (text.len == 0)
    span->dropped_attributes++;
  else if (is_ascii(text.data, text.len) || sd_utf8_valid(text.data, text.len))
    put_attribute(span, text, value);
  else
    put_with_repaired_key(span, text, value);
}

static bool is_set_again(const sd_attribute *attributes, size_t count, size_t i)
{
  for (size_t j = i + 1; j < count; j++) {
    if (attributes[j].key && strcmp(attributes[i].key, attributes[j].key) == 0)
      return true;
  }
  return false;
}

static bool has_key(const sd_attribute *attribute)
{
  return attribute->key && attribute->key[0];
}

size_t sd_attributes_size(const sd_attribute *attributes, size_t count, uint32_t max, uint32_t number,
                          uint32_t value_length, uint32_t *ret_dropped)
{
  size_t size = 0;
  uint32_t kept = 0;
  uint32_t dropped = 0;
  for (size_t i = 0; i < count; i++) {
    if (kept == max || !has_key(&attributes[i])) {
      dropped++;
    } else if (!is_set_again(attributes, count, i)) {
      size_t pair = sd_attribute_size(&attributes[i], value_length);
      size += sd_pb_varint_size(sd_pb_tag(number, SD_PB_BYTES)) + sd_pb_varint_size(pair) + pair;
      kept++;
    }
  }
  *ret_dropped = dropped;
  return size;
}

uint8_t *sd_attributes_put(const sd_attribute *attributes, size_t count, uint32_t max, uint32_t number,
                           uint32_t value_length, uint8_t *at)
{
  uint32_t kept = 0;
  for (size_t i = 0; i < count && kept < max; i++) {
    if (has_key(&attributes[i]) && !is_set_again(attributes, count, i)) {
      at = sd_pb_put_tag(at, number, SD_PB_BYTES);
      at = sd_pb_put_varint(at, sd_attribute_size(&attributes[i], value_length));
      at = sd_attribute_encode(&attributes[i], value_length, at);
      kept++;
    }
  }
  return at;
}
