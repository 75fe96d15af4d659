/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Writing into a span's message: room, text, attributes that are set again, lists of attributes. */
#include "base/alloc.h"
#include "trace/otlp_fields.h"
#include "trace/short_bytes.h"
#include "trace/span.h"
#include "trace/text.h"
#include "trace/value.h"

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
  span->held_bytes += is_own ? cap : cap - span->cap;
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

bool sd_span_put_text(sd_span *span, uint32_t field, sd_bytes text)
{
  bool plain = sd_is_ascii(text.data, text.len);
  size_t size = plain ? text.len : sd_text_size(text, 0);
  if (!sd_span_reserve(span, 1 + SD_PB_VARINT_MAX + size))
    return false;
  uint8_t *at = span->bytes + span->len;
  at = sd_pb_put_tag(at, field, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  at = plain ? sd_put_short(at, text.data, text.len) : sd_text_put(text, 0, at);
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
  span->held_bytes += (is_own ? cap : cap - span->index_cap) * (uint32_t)sizeof *index;
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

static void put_attribute(sd_span *span, sd_bytes key, const sd_any *value)
{
  const sd_span_limits *limits = &span->telemetry->limits;
  size_t size = sd_any_size(value, limits->value_length);
  size_t pair = 1 + sd_pb_varint_size(key.len) + key.len + 1 + sd_pb_varint_size(size) + size;
  size_t whole = 1 + sd_pb_varint_size(pair) + pair;
  uint32_t print = sd_print_of(key.data, key.len);
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
  at = sd_pb_put_tag(at, SD_OTLP_SPAN_ATTRIBUTES, SD_PB_BYTES);
  at = sd_pb_put_varint(at, pair);
  at = sd_pb_put_bytes(at, SD_OTLP_KEY_VALUE_KEY, key.data, key.len);
  at = sd_pb_put_tag(at, SD_OTLP_KEY_VALUE_VALUE, SD_PB_BYTES);
  at = sd_pb_put_varint(at, size);
  sd_any_encode(value, limits->value_length, at);
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
  else if (sd_is_ascii(text.data, text.len) || sd_utf8_valid(text.data, text.len))
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
