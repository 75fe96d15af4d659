/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* AnyValue and KeyValue: encoding. Sizes are computed first, so that every length is written in its place. */
#include "trace/value.h"

#include "trace/otlp_fields.h"
#include "trace/text.h"

static size_t any_size(const sd_any *any, uint32_t value_length, unsigned depth);
static uint8_t *any_encode(const sd_any *any, uint32_t value_length, unsigned depth, uint8_t *at);

/* Size of a length-delimited field with a one-byte tag. */
static size_t field_size(size_t content)
{
  return 1 + sd_pb_varint_size(content) + content;
}

static uint8_t *put_header(uint8_t *at, uint32_t field, size_t len)
{
  at = sd_pb_put_tag(at, field, SD_PB_BYTES);
  return sd_pb_put_varint(at, len);
}

static sd_bytes text_of(const sd_any *any)
{
  return sd_bytes_make(any->as.string, any->as.string ? any->len : 0);
}

static size_t blob_len(const sd_any *any, uint32_t value_length)
{
  size_t len = any->as.bytes ? any->len : 0;
  return value_length && len > value_length ? value_length : len;
}

static size_t pair_size(const char *key, const sd_any *value, uint32_t value_length, unsigned depth)
{
  return field_size(sd_text_size(sd_bytes_of(key), 0)) + field_size(any_size(value, value_length, depth));
}

static uint8_t *pair_encode(const char *key, const sd_any *value, uint32_t value_length, unsigned depth,
                            uint8_t *at)
{
  sd_bytes text = sd_bytes_of(key);
  at = put_header(at, SD_OTLP_KEY_VALUE_KEY, sd_text_size(text, 0));
  at = sd_text_put(text, 0, at);
  at = put_header(at, SD_OTLP_KEY_VALUE_VALUE, any_size(value, value_length, depth));
  return any_encode(value, value_length, depth, at);
}

/* Arrays and maps are as many levels deep as they stand inside each other. */
static bool is_too_deep(const sd_any *any, unsigned depth)
{
  return depth >= SD_VALUE_DEPTH_MAX && (any->type == SD_ANY_ARRAY || any->type == SD_ANY_MAP);
}

/* Content of the ArrayValue or KeyValueList. */
static size_t members_size(const sd_any *any, uint32_t value_length, unsigned depth)
{
  size_t size = 0;
  for (size_t i = 0; i < any->len; i++) {
    if (any->type == SD_ANY_ARRAY)
      size += field_size(any_size(&any->as.array[i], value_length, depth + 1));
    else
      size += field_size(pair_size(any->as.map[i].key, &any->as.map[i].value, value_length, depth + 1));
  }
  return size;
}

static uint8_t *members_encode(const sd_any *any, uint32_t value_length, unsigned depth, uint8_t *at)
{
  for (size_t i = 0; i < any->len; i++) {
    if (any->type == SD_ANY_ARRAY) {
      const sd_any *member = &any->as.array[i];
      at = put_header(at, SD_OTLP_VALUES, any_size(member, value_length, depth + 1));
      at = any_encode(member, value_length, depth + 1, at);
    } else {
      const sd_attribute *member = &any->as.map[i];
      at = put_header(at, SD_OTLP_VALUES, pair_size(member->key, &member->value, value_length, depth + 1));
      at = pair_encode(member->key, &member->value, value_length, depth + 1, at);
    }
  }
  return at;
}

static size_t any_size(const sd_any *any, uint32_t value_length, unsigned depth)
{
  if (is_too_deep(any, depth))
    return 0;
  switch (any->type) {
  case SD_ANY_STRING:
    return field_size(sd_text_size(text_of(any), value_length));
  case SD_ANY_BOOL:
    return 2;
  case SD_ANY_INT:
    return 1 + sd_pb_varint_size((uint64_t)any->as.integer);
  case SD_ANY_DOUBLE:
    return 1 + sizeof(uint64_t);
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
    return field_size(members_size(any, value_length, depth));
  case SD_ANY_BYTES:
    return field_size(blob_len(any, value_length));
  case SD_ANY_NULL:
    break;
  }
  return 0;
}

static uint8_t *any_encode(const sd_any *any, uint32_t value_length, unsigned depth, uint8_t *at)
{
  if (is_too_deep(any, depth))
    return at;
  uint64_t bits;
  switch (any->type) {
  case SD_ANY_STRING:
    at = put_header(at, SD_ANY_STRING, sd_text_size(text_of(any), value_length));
    return sd_text_put(text_of(any), value_length, at);
  case SD_ANY_BOOL:
    at = sd_pb_put_tag(at, SD_ANY_BOOL, SD_PB_VARINT);
    *at = any->as.boolean;
    return at + 1;
  case SD_ANY_INT:
    at = sd_pb_put_tag(at, SD_ANY_INT, SD_PB_VARINT);
    return sd_pb_put_varint(at, (uint64_t)any->as.integer);
  case SD_ANY_DOUBLE:
    at = sd_pb_put_tag(at, SD_ANY_DOUBLE, SD_PB_FIXED64);
    memcpy(&bits, &any->as.number, sizeof bits);
    return sd_pb_put_fixed64(at, bits);
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
    at = put_header(at, any->type, members_size(any, value_length, depth));
    return members_encode(any, value_length, depth, at);
  case SD_ANY_BYTES:
    return sd_pb_put_bytes(at, SD_ANY_BYTES, any->as.bytes, blob_len(any, value_length));
  case SD_ANY_NULL:
    break;
  }
  return at;
}

size_t sd_any_size(const sd_any *any, uint32_t value_length)
{
  return any_size(any, value_length, 0);
}

uint8_t *sd_any_encode(const sd_any *any, uint32_t value_length, uint8_t *at)
{
  return any_encode(any, value_length, 0, at);
}

size_t sd_attribute_size(const sd_attribute *attribute, uint32_t value_length)
{
  return pair_size(attribute->key, &attribute->value, value_length, 0);
}

uint8_t *sd_attribute_encode(const sd_attribute *attribute, uint32_t value_length, uint8_t *at)
{
  return pair_encode(attribute->key, &attribute->value, value_length, 0, at);
}
