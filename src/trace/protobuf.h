/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's wire format, as far as OTLP needs it: a writer into memory that the caller has checked to be
 * large enough, and a reader that trusts nothing. Nested messages written in place get a length of fixed
 * width, patched when they end (legal: a varint may be longer than needed).
 */
#ifndef SD_TRACE_PROTOBUF_H
#define SD_TRACE_PROTOBUF_H

#include "base/bytes.h"

#include <string.h>

enum {
  SD_PB_VARINT = 0,
  SD_PB_FIXED64 = 1,
  SD_PB_BYTES = 2,
  SD_PB_FIXED32 = 5,
  SD_PB_VARINT_MAX = 10 /* bytes */
};

static inline uint32_t sd_pb_tag(uint32_t field, uint32_t wire_type)
{
  return field << 3 | wire_type;
}

/* Bytes of value as a varint. */
static inline size_t sd_pb_varint_size(uint64_t value)
{
  return ((size_t)(63 - __builtin_clzll(value | 1)) * 9 + 73) / 64;
}

static inline uint8_t *sd_pb_put_varint(uint8_t *at, uint64_t value)
{
  while (value >= 0x80) {
    *at++ = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  *at++ = (uint8_t)value;
  return at;
}

static inline uint8_t *sd_pb_put_tag(uint8_t *at, uint32_t field, uint32_t wire_type)
{
  return sd_pb_put_varint(at, sd_pb_tag(field, wire_type));
}

static inline uint8_t *sd_pb_put_fixed64(uint8_t *at, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

static inline uint64_t sd_pb_get_fixed64(const uint8_t *at)
{
  uint64_t value;
  memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

static inline uint8_t *sd_pb_put_fixed32(uint8_t *at, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap32(value);
#endif
  memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

static inline uint8_t *sd_pb_put_bytes(uint8_t *at, uint32_t field, const void *data, size_t len)
{
  at = sd_pb_put_tag(at, field, SD_PB_BYTES);
  at = sd_pb_put_varint(at, len);
  if (len)
    memcpy(at, data, len);
  return at + len;
}

static inline uint64_t sd_pb_zigzag(int64_t value)
{
  return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

/* One field as read. */
typedef struct sd_pb_field {
  uint32_t number;
  uint32_t wire_type;
  uint64_t integer; /* varint, fixed64, fixed32 */
  sd_bytes bytes;   /* length-delimited; a view into the message */
} sd_pb_field;

/* Takes the next field off *message. False at its end and at malformed bytes (then message->data becomes NULL
 * and message->len 0; at a good end data is not NULL unless the message was empty to begin with). */
bool sd_pb_next(sd_bytes *message, sd_pb_field *ret_field);

/* Takes the next number off the content of a packed field whose numbers have this wire type. False at its end
 * and at malformed bytes (then numbers->len is not 0). */
bool sd_pb_next_packed(sd_bytes *numbers, uint32_t wire_type, uint64_t *ret_number);

#endif
