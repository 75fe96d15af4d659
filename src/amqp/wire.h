/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: constructor bytes of the type system (part 1, §1.6) and big-endian loads and stores.
 */
#ifndef SD_AMQP_WIRE_H
#define SD_AMQP_WIRE_H

#include "amqp/performative.h"

enum {
  WIRE_DESCRIBED = 0x00,
  WIRE_NULL = 0x40,
  WIRE_TRUE = 0x41,
  WIRE_FALSE = 0x42,
  WIRE_UINT0 = 0x43,
  WIRE_ULONG0 = 0x44,
  WIRE_LIST0 = 0x45,
  WIRE_UBYTE = 0x50,
  WIRE_BYTE = 0x51,
  WIRE_SMALLUINT = 0x52,
  WIRE_SMALLULONG = 0x53,
  WIRE_SMALLINT = 0x54,
  WIRE_SMALLLONG = 0x55,
  WIRE_BOOLEAN = 0x56,
  WIRE_USHORT = 0x60,
  WIRE_SHORT = 0x61,
  WIRE_UINT = 0x70,
  WIRE_INT = 0x71,
  WIRE_FLOAT = 0x72,
  WIRE_CHAR = 0x73,
  WIRE_DECIMAL32 = 0x74,
  WIRE_ULONG = 0x80,
  WIRE_LONG = 0x81,
  WIRE_DOUBLE = 0x82,
  WIRE_TIMESTAMP = 0x83,
  WIRE_DECIMAL64 = 0x84,
  WIRE_DECIMAL128 = 0x94,
  WIRE_UUID = 0x98,
  WIRE_BINARY8 = 0xa0,
  WIRE_STRING8 = 0xa1,
  WIRE_SYMBOL8 = 0xa3,
  WIRE_BINARY32 = 0xb0,
  WIRE_STRING32 = 0xb1,
  WIRE_SYMBOL32 = 0xb3,
  WIRE_LIST8 = 0xc0,
  WIRE_MAP8 = 0xc1,
  WIRE_LIST32 = 0xd0,
  WIRE_MAP32 = 0xd1,
  WIRE_ARRAY8 = 0xe0,
  WIRE_ARRAY32 = 0xf0
};

static inline uint16_t wire_get16(const uint8_t *p)
{
  return (uint16_t)((uint16_t)(p[0] << 8) | p[1]);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t wire_get64(const uint8_t *p)
{
  return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);
}

static inline void wire_set16(uint8_t *p, uint16_t v)
{
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}

static inline void wire_set32(uint8_t *p, uint32_t v)
{
  p[0] = (uint8_t)(v >> 24);
  p[1] = (uint8_t)(v >> 16);
  p[2] = (uint8_t)(v >> 8);
  p[3] = (uint8_t)v;
}

static inline void wire_set64(uint8_t *p, uint64_t v)
{
  wire_set32(p, (uint32_t)(v >> 32));
  wire_set32(p + 4, (uint32_t)v);
}

/* The code of a descriptor that the specification defines, given as a number or as its symbol
 * ("amqp:open:list"). The descriptor is that of `value`. False: none, or not one of ours. */
bool sd_amqp_descriptor_known(const sd_amqp_value *value, uint8_t *ret_code);

#endif
