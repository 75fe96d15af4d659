/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Encoding of AMQP values in their shortest form; compounds in the 32-bit form. */
#include "amqp/wire.h"

/* Room for n bytes, or NULL after the buffer has kept the failure. */
static uint8_t *room(sd_buf *buf, size_t n)
{
  uint8_t *p;
  return sd_buf_reserve(buf, n, &p) == SD_OK ? p : NULL;
}

static void put_code(sd_buf *buf, uint8_t code)
{
  sd_buf_append_byte(buf, code);
}

static void put_code8(sd_buf *buf, uint8_t code, uint8_t value)
{
  uint8_t bytes[2] = {code, value};
  sd_buf_append(buf, bytes, sizeof bytes);
}

static void put_code16(sd_buf *buf, uint8_t code, uint16_t value)
{
  uint8_t bytes[3] = {code};
  wire_set16(bytes + 1, value);
  sd_buf_append(buf, bytes, sizeof bytes);
}

static void put_code32(sd_buf *buf, uint8_t code, uint32_t value)
{
  uint8_t bytes[5] = {code};
  wire_set32(bytes + 1, value);
  sd_buf_append(buf, bytes, sizeof bytes);
}

static void put_code64(sd_buf *buf, uint8_t code, uint64_t value)
{
  uint8_t bytes[9] = {code};
  wire_set64(bytes + 1, value);
  sd_buf_append(buf, bytes, sizeof bytes);
}

void sd_amqp_put_null(sd_buf *buf)
{
  put_code(buf, WIRE_NULL);
}

void sd_amqp_put_boolean(sd_buf *buf, bool value)
{
  put_code(buf, value ? WIRE_TRUE : WIRE_FALSE);
}

void sd_amqp_put_ubyte(sd_buf *buf, uint8_t value)
{
  put_code8(buf, WIRE_UBYTE, value);
}

void sd_amqp_put_ushort(sd_buf *buf, uint16_t value)
{
  put_code16(buf, WIRE_USHORT, value);
}

void sd_amqp_put_uint(sd_buf *buf, uint32_t value)
{
  if (value == 0)
    put_code(buf, WIRE_UINT0);
  else if (value <= UINT8_MAX)
    put_code8(buf, WIRE_SMALLUINT, (uint8_t)value);
  else
    put_code32(buf, WIRE_UINT, value);
}

void sd_amqp_put_ulong(sd_buf *buf, uint64_t value)
{
  if (value == 0)
    put_code(buf, WIRE_ULONG0);
  else if (value <= UINT8_MAX)
    put_code8(buf, WIRE_SMALLULONG, (uint8_t)value);
  else
    put_code64(buf, WIRE_ULONG, value);
}

void sd_amqp_put_byte(sd_buf *buf, int8_t value)
{
  put_code8(buf, WIRE_BYTE, (uint8_t)value);
}

void sd_amqp_put_short(sd_buf *buf, int16_t value)
{
  put_code16(buf, WIRE_SHORT, (uint16_t)value);
}

void sd_amqp_put_int(sd_buf *buf, int32_t value)
{
  if (value >= INT8_MIN && value <= INT8_MAX)
    put_code8(buf, WIRE_SMALLINT, (uint8_t)value);
  else
    put_code32(buf, WIRE_INT, (uint32_t)value);
}

void sd_amqp_put_long(sd_buf *buf, int64_t value)
{
  if (value >= INT8_MIN && value <= INT8_MAX)
    put_code8(buf, WIRE_SMALLLONG, (uint8_t)value);
  else
    put_code64(buf, WIRE_LONG, (uint64_t)value);
}

void sd_amqp_put_float(sd_buf *buf, float value)
{
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_code32(buf, WIRE_FLOAT, bits);
}

void sd_amqp_put_double(sd_buf *buf, double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_code64(buf, WIRE_DOUBLE, bits);
}

void sd_amqp_put_char(sd_buf *buf, uint32_t code_point)
{
  put_code32(buf, WIRE_CHAR, code_point);
}

void sd_amqp_put_timestamp(sd_buf *buf, int64_t unix_ms)
{
  put_code64(buf, WIRE_TIMESTAMP, (uint64_t)unix_ms);
}

static void put_fixed(sd_buf *buf, uint8_t code, const uint8_t *data, size_t size)
{
  uint8_t *p = room(buf, 1 + size);
  if (!p)
    return;
  p[0] = code;
  memcpy(p + 1, data, size);
  sd_buf_commit(buf, 1 + size);
}

void sd_amqp_put_uuid(sd_buf *buf, const uint8_t uuid[16])
{
  put_fixed(buf, WIRE_UUID, uuid, 16);
}

/* The 32-bit code of a variable-width type is its 8-bit code plus 0x10. A length above 32 bits cannot be
 * reserved: every buffer's maximum is smaller. */
static void put_variable(sd_buf *buf, uint8_t code8, sd_bytes value)
{
  size_t head = value.len <= UINT8_MAX ? 2 : 5;
  uint8_t *p = room(buf, head + value.len);
  if (!p)
    return;
  if (head == 2) {
    p[0] = code8;
    p[1] = (uint8_t)value.len;
  } else {
    p[0] = (uint8_t)(code8 + 0x10);
    wire_set32(p + 1, (uint32_t)value.len);
  }
  if (value.len > 0)
    memcpy(p + head, value.data, value.len);
  sd_buf_commit(buf, head + value.len);
}

void sd_amqp_put_binary(sd_buf *buf, sd_bytes value)
{
  put_variable(buf, WIRE_BINARY8, value);
}

void sd_amqp_put_string(sd_buf *buf, sd_bytes value)
{
  put_variable(buf, WIRE_STRING8, value);
}

void sd_amqp_put_symbol(sd_buf *buf, sd_bytes value)
{
  put_variable(buf, WIRE_SYMBOL8, value);
}

void sd_amqp_put_descriptor(sd_buf *buf, uint8_t code)
{
  uint8_t bytes[3] = {WIRE_DESCRIBED, WIRE_SMALLULONG, code};
  sd_buf_append(buf, bytes, sizeof bytes);
}

static size_t begin_compound(sd_buf *buf, uint8_t code)
{
  static const uint8_t blank[8] = {0};
  size_t mark = buf->len;
  put_code(buf, code);
  sd_buf_append(buf, blank, sizeof blank);
  return mark;
}

static void end_compound(sd_buf *buf, size_t mark, uint32_t count)
{
  if (sd_buf_status(buf) != SD_OK)
    return;
  wire_set32(buf->data + mark + 1, (uint32_t)(buf->len - mark - 5));
  wire_set32(buf->data + mark + 5, count);
}

size_t sd_amqp_begin_list(sd_buf *buf)
{
  return begin_compound(buf, WIRE_LIST32);
}

void sd_amqp_end_list(sd_buf *buf, size_t mark, uint32_t count)
{
  end_compound(buf, mark, count);
}

size_t sd_amqp_begin_map(sd_buf *buf)
{
  return begin_compound(buf, WIRE_MAP32);
}

void sd_amqp_end_map(sd_buf *buf, size_t mark, uint32_t count)
{
  end_compound(buf, mark, count);
}

static void put_text_array(sd_buf *buf, uint8_t code8, const sd_bytes *items, size_t count)
{
  bool wide = false;
  for (size_t i = 0; i < count; i++)
    wide |= items[i].len > UINT8_MAX;
  size_t mark = begin_compound(buf, WIRE_ARRAY32);
  put_code(buf, wide ? (uint8_t)(code8 + 0x10) : code8);
  for (size_t i = 0; i < count; i++) {
    uint8_t size[4];
    if (wide)
      wire_set32(size, (uint32_t)items[i].len);
    else
      size[0] = (uint8_t)items[i].len;
    sd_buf_append(buf, size, wide ? 4 : 1);
    sd_buf_append_bytes(buf, items[i]);
  }
  end_compound(buf, mark, (uint32_t)count);
}

void sd_amqp_put_string_array(sd_buf *buf, const sd_bytes *items, size_t count)
{
  put_text_array(buf, WIRE_STRING8, items, count);
}

void sd_amqp_put_symbol_array(sd_buf *buf, const sd_bytes *items, size_t count)
{
  put_text_array(buf, WIRE_SYMBOL8, items, count);
}

static void put_compound_value(sd_buf *buf, const sd_amqp_value *value)
{
  uint8_t code = value->type == SD_AMQP_LIST  ? WIRE_LIST32
                 : value->type == SD_AMQP_MAP ? WIRE_MAP32
                                              : WIRE_ARRAY32;
  size_t mark = begin_compound(buf, code);
  if (value->type == SD_AMQP_ARRAY) {
    if (value->as.compound.element_descriptor.len > 0) {
      put_code(buf, WIRE_DESCRIBED);
      sd_buf_append_bytes(buf, value->as.compound.element_descriptor);
    }
    put_code(buf, value->as.compound.element_code);
  }
  sd_buf_append_bytes(buf, value->as.compound.items);
  end_compound(buf, mark, value->as.compound.count);
}

void sd_amqp_put_value(sd_buf *buf, const sd_amqp_value *value)
{
  if (value->descriptor.len > 0) {
    put_code(buf, WIRE_DESCRIBED);
    sd_buf_append_bytes(buf, value->descriptor);
  }
  switch (value->type) {
  case SD_AMQP_NULL:
    sd_amqp_put_null(buf);
    break;
  case SD_AMQP_BOOLEAN:
    sd_amqp_put_boolean(buf, value->as.boolean);
    break;
  case SD_AMQP_UBYTE:
    sd_amqp_put_ubyte(buf, (uint8_t)value->as.u);
    break;
  case SD_AMQP_USHORT:
    sd_amqp_put_ushort(buf, (uint16_t)value->as.u);
    break;
  case SD_AMQP_UINT:
    sd_amqp_put_uint(buf, (uint32_t)value->as.u);
    break;
  case SD_AMQP_ULONG:
    sd_amqp_put_ulong(buf, value->as.u);
    break;
  case SD_AMQP_BYTE:
    sd_amqp_put_byte(buf, (int8_t)value->as.i);
    break;
  case SD_AMQP_SHORT:
    sd_amqp_put_short(buf, (int16_t)value->as.i);
    break;
  case SD_AMQP_INT:
    sd_amqp_put_int(buf, (int32_t)value->as.i);
    break;
  case SD_AMQP_LONG:
    sd_amqp_put_long(buf, value->as.i);
    break;
  case SD_AMQP_FLOAT:
    sd_amqp_put_float(buf, (float)value->as.d);
    break;
  case SD_AMQP_DOUBLE:
    sd_amqp_put_double(buf, value->as.d);
    break;
  case SD_AMQP_DECIMAL32:
    put_fixed(buf, WIRE_DECIMAL32, value->as.bytes.data, 4);
    break;
  case SD_AMQP_DECIMAL64:
    put_fixed(buf, WIRE_DECIMAL64, value->as.bytes.data, 8);
    break;
  case SD_AMQP_DECIMAL128:
    put_fixed(buf, WIRE_DECIMAL128, value->as.bytes.data, 16);
    break;
  case SD_AMQP_CHAR:
    sd_amqp_put_char(buf, (uint32_t)value->as.u);
    break;
  case SD_AMQP_TIMESTAMP:
    sd_amqp_put_timestamp(buf, value->as.i);
    break;
  case SD_AMQP_UUID:
    sd_amqp_put_uuid(buf, value->as.bytes.data);
    break;
  case SD_AMQP_BINARY:
    sd_amqp_put_binary(buf, value->as.bytes);
    break;
  case SD_AMQP_STRING:
    sd_amqp_put_string(buf, value->as.bytes);
    break;
  case SD_AMQP_SYMBOL:
    sd_amqp_put_symbol(buf, value->as.bytes);
    break;
  case SD_AMQP_LIST:
  case SD_AMQP_MAP:
  case SD_AMQP_ARRAY:
    put_compound_value(buf, value);
    break;
  }
}
