/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Decoding of AMQP values in place. Every length is checked against what is left before a byte is read. */
#include "amqp/wire.h"

static sd_status skip_value(sd_amqp_cursor *c, unsigned depth);

/* Reads a constructor: descriptors (kept as one run of bytes, "d1 00 d2" when a described value is described
 * again) and the final format code. */
static sd_status read_constructor(sd_amqp_cursor *c, unsigned depth, sd_bytes *ret_descriptor,
                                  uint8_t *ret_code)
{
  const uint8_t *first = NULL;
  if (c->at == c->end)
    return SD_PROTOCOL;
  while (*c->at == WIRE_DESCRIBED) {
    if (depth >= SD_AMQP_DEPTH_MAX)
      return SD_PROTOCOL;
    depth++;
    c->at++;
    if (!first)
      first = c->at;
    sd_status status = skip_value(c, depth);
    if (status != SD_OK)
      return status;
    if (c->at == c->end)
      return SD_PROTOCOL;
  }
  *ret_descriptor = sd_bytes_make(first, first ? (size_t)(c->at - first) : 0);
  *ret_code = *c->at++;
  return SD_OK;
}

/* The content of a variable-width or compound value whose size field has `width` bytes. */
static inline bool read_sized(sd_amqp_cursor *c, size_t width, sd_bytes *ret_content)
{
  size_t left = sd_amqp_cursor_left(c);
  if (left < width)
    return false;
  size_t size = width == 1 ? c->at[0] : wire_get32(c->at);
  if (left - width < size)
    return false;
  *ret_content = sd_bytes_make(c->at + width, size);
  c->at += width + size;
  return true;
}

static inline sd_status decode_bytes(sd_amqp_cursor *c, sd_amqp_type type, size_t width, sd_amqp_value *v)
{
  if (!read_sized(c, width, &v->as.bytes))
    return SD_PROTOCOL;
  v->type = type;
  return SD_OK;
}

static inline sd_status decode_compound(sd_amqp_cursor *c, sd_amqp_type type, size_t width, sd_amqp_value *v)
{
  sd_bytes content;
  if (!read_sized(c, width, &content) || content.len < width)
    return SD_PROTOCOL;
  uint32_t count = width == 1 ? content.data[0] : wire_get32(content.data);
  content.data += width;
  content.len -= width;
  /* Each item takes a byte or more, so a larger count is a lie that would cost time later. */
  if (count > content.len || (type == SD_AMQP_MAP && count % 2 != 0))
    return SD_PROTOCOL;
  v->type = type;
  v->as.compound.count = count;
  v->as.compound.element_code = 0;
  v->as.compound.element_descriptor = sd_bytes_make(NULL, 0);
  v->as.compound.items = content;
  return SD_OK;
}

/* Bytes that one element of a fixed-width format takes; SIZE_MAX for the others. */
static size_t fixed_width(uint8_t code)
{
  switch (code >> 4) {
  case 0x4:
    return 0;
  case 0x5:
    return 1;
  case 0x6:
    return 2;
  case 0x7:
    return 4;
  case 0x8:
    return 8;
  case 0x9:
    return 16;
  default:
    return SIZE_MAX;
  }
}

static sd_status decode_array(sd_amqp_cursor *c, size_t width, unsigned depth, sd_amqp_value *v)
{
  sd_bytes content;
  if (!read_sized(c, width, &content) || content.len < width)
    return SD_PROTOCOL;
  uint32_t count = width == 1 ? content.data[0] : wire_get32(content.data);
  sd_amqp_cursor inner = {content.data + width, content.data + content.len};
  sd_bytes descriptor = sd_bytes_make(NULL, 0);
  uint8_t code = WIRE_NULL;
  /* Some encoders leave the constructor out of an empty array. */
  if (count > 0 || inner.at != inner.end) {
    sd_status status = read_constructor(&inner, depth, &descriptor, &code);
    if (status != SD_OK)
      return status;
  }
  size_t left = sd_amqp_cursor_left(&inner);
  size_t element = fixed_width(code);
  if (element == 0 ? count > SD_AMQP_EMPTY_ELEMENTS_MAX : count > left)
    return SD_PROTOCOL;
  if (element != SIZE_MAX && element != 0 && left / element < count)
    return SD_PROTOCOL;
  v->type = SD_AMQP_ARRAY;
  v->as.compound.count = count;
  v->as.compound.element_code = code;
  v->as.compound.element_descriptor = descriptor;
  v->as.compound.items = sd_bytes_make(inner.at, left);
  return SD_OK;
}

/* The value behind a format code. Writes *v only on success, its descriptor never. */
static sd_status decode_data(sd_amqp_cursor *c, uint8_t code, unsigned depth, sd_amqp_value *v)
{
  const uint8_t *at = c->at;
  size_t left = sd_amqp_cursor_left(c);
  uint32_t bits32;
  uint64_t bits64;
  float single;

/* The type, the width, the member of the union and what goes there. */
#define EMPTY(kind, member, value)                                                                           \
  v->as.member = (value);                                                                                    \
  v->type = (kind);                                                                                          \
  return SD_OK
#define FIXED(kind, width, member, value)                                                                    \
  if (left < (width))                                                                                        \
    return SD_PROTOCOL;                                                                                      \
  c->at = at + (width);                                                                                      \
  EMPTY(kind, member, value)

  switch (code) {
  case WIRE_NULL:
    EMPTY(SD_AMQP_NULL, u, 0);
  case WIRE_TRUE:
    EMPTY(SD_AMQP_BOOLEAN, boolean, true);
  case WIRE_FALSE:
    EMPTY(SD_AMQP_BOOLEAN, boolean, false);
  case WIRE_UINT0:
    EMPTY(SD_AMQP_UINT, u, 0);
  case WIRE_ULONG0:
    EMPTY(SD_AMQP_ULONG, u, 0);
  case WIRE_LIST0:
    memset(&v->as.compound, 0, sizeof v->as.compound);
    v->type = SD_AMQP_LIST;
    return SD_OK;
  case WIRE_UBYTE:
    FIXED(SD_AMQP_UBYTE, 1, u, at[0]);
  case WIRE_SMALLUINT:
    FIXED(SD_AMQP_UINT, 1, u, at[0]);
  case WIRE_SMALLULONG:
    FIXED(SD_AMQP_ULONG, 1, u, at[0]);
  case WIRE_BYTE:
    FIXED(SD_AMQP_BYTE, 1, i, (int8_t)at[0]);
  case WIRE_SMALLINT:
    FIXED(SD_AMQP_INT, 1, i, (int8_t)at[0]);
  case WIRE_SMALLLONG:
    FIXED(SD_AMQP_LONG, 1, i, (int8_t)at[0]);
  case WIRE_BOOLEAN:
    if (left < 1 || at[0] > 1)
      return SD_PROTOCOL;
    FIXED(SD_AMQP_BOOLEAN, 1, boolean, at[0] == 1);
  case WIRE_USHORT:
    FIXED(SD_AMQP_USHORT, 2, u, wire_get16(at));
  case WIRE_SHORT:
    FIXED(SD_AMQP_SHORT, 2, i, (int16_t)wire_get16(at));
  case WIRE_UINT:
    FIXED(SD_AMQP_UINT, 4, u, wire_get32(at));
  case WIRE_CHAR:
    FIXED(SD_AMQP_CHAR, 4, u, wire_get32(at));
  case WIRE_INT:
    FIXED(SD_AMQP_INT, 4, i, (int32_t)wire_get32(at));
  case WIRE_FLOAT:
    if (left < 4)
      return SD_PROTOCOL;
    bits32 = wire_get32(at);
    memcpy(&single, &bits32, sizeof single);
    FIXED(SD_AMQP_FLOAT, 4, d, (double)single);
  case WIRE_ULONG:
    FIXED(SD_AMQP_ULONG, 8, u, wire_get64(at));
  case WIRE_LONG:
    FIXED(SD_AMQP_LONG, 8, i, (int64_t)wire_get64(at));
  case WIRE_TIMESTAMP:
    FIXED(SD_AMQP_TIMESTAMP, 8, i, (int64_t)wire_get64(at));
  case WIRE_DOUBLE:
    if (left < 8)
      return SD_PROTOCOL;
    bits64 = wire_get64(at);
    memcpy(&v->as.d, &bits64, sizeof bits64);
    v->type = SD_AMQP_DOUBLE;
    c->at = at + 8;
    return SD_OK;
  case WIRE_DECIMAL32:
    FIXED(SD_AMQP_DECIMAL32, 4, bytes, sd_bytes_make(at, 4));
  case WIRE_DECIMAL64:
    FIXED(SD_AMQP_DECIMAL64, 8, bytes, sd_bytes_make(at, 8));
  case WIRE_DECIMAL128:
    FIXED(SD_AMQP_DECIMAL128, 16, bytes, sd_bytes_make(at, 16));
  case WIRE_UUID:
    FIXED(SD_AMQP_UUID, 16, bytes, sd_bytes_make(at, 16));
  case WIRE_BINARY8:
    return decode_bytes(c, SD_AMQP_BINARY, 1, v);
  case WIRE_STRING8:
    return decode_bytes(c, SD_AMQP_STRING, 1, v);
  case WIRE_SYMBOL8:
    return decode_bytes(c, SD_AMQP_SYMBOL, 1, v);
  case WIRE_BINARY32:
    return decode_bytes(c, SD_AMQP_BINARY, 4, v);
  case WIRE_STRING32:
    return decode_bytes(c, SD_AMQP_STRING, 4, v);
  case WIRE_SYMBOL32:
    return decode_bytes(c, SD_AMQP_SYMBOL, 4, v);
  case WIRE_LIST8:
    return decode_compound(c, SD_AMQP_LIST, 1, v);
  case WIRE_LIST32:
    return decode_compound(c, SD_AMQP_LIST, 4, v);
  case WIRE_MAP8:
    return decode_compound(c, SD_AMQP_MAP, 1, v);
  case WIRE_MAP32:
    return decode_compound(c, SD_AMQP_MAP, 4, v);
  case WIRE_ARRAY8:
    return decode_array(c, 1, depth, v);
  case WIRE_ARRAY32:
    return decode_array(c, 4, depth, v);
  default:
    return SD_PROTOCOL;
  }
#undef FIXED
#undef EMPTY
}

static sd_status skip_value(sd_amqp_cursor *c, unsigned depth)
{
  sd_amqp_value ignored;
  uint8_t code;
  sd_status status = read_constructor(c, depth, &ignored.descriptor, &code);
  if (status != SD_OK)
    return status;
  return decode_data(c, code, depth, &ignored);
}

sd_status sd_amqp_decode(sd_amqp_cursor *cursor, sd_amqp_value *ret_value)
{
  sd_amqp_cursor c = *cursor;
  sd_bytes descriptor = {NULL, 0};
  uint8_t code;
  if (c.at == c.end)
    return SD_PROTOCOL;
  sd_status status;
  if (*c.at == WIRE_DESCRIBED) {
    status = read_constructor(&c, 0, &descriptor, &code);
    if (status != SD_OK)
      return status;
  } else {
    code = *c.at++;
  }
  status = decode_data(&c, code, 0, ret_value);
  if (status != SD_OK)
    return status;
  ret_value->descriptor = descriptor;
  *cursor = c;
  return SD_OK;
}

void sd_amqp_items_init(sd_amqp_items *items, const sd_amqp_value *compound)
{
  bool is_compound =
      compound->type == SD_AMQP_LIST || compound->type == SD_AMQP_MAP || compound->type == SD_AMQP_ARRAY;
  memset(items, 0, sizeof *items);
  if (!is_compound)
    return;
  items->left = compound->as.compound.count;
  items->element_code = compound->as.compound.element_code;
  items->element_descriptor = compound->as.compound.element_descriptor;
  if (compound->as.compound.items.len > 0)
    items->cursor = sd_amqp_cursor_of(compound->as.compound.items);
}

sd_status sd_amqp_items_next(sd_amqp_items *items, sd_amqp_value *ret_value)
{
  /* Bytes behind the last item mean that the count and the size contradict each other. */
  if (items->left == 0)
    return items->cursor.at == items->cursor.end ? SD_NOT_FOUND : SD_PROTOCOL;
  sd_status status;
  if (items->element_code == 0) {
    status = sd_amqp_decode(&items->cursor, ret_value);
  } else {
    sd_amqp_cursor c = items->cursor;
    status = decode_data(&c, items->element_code, 0, ret_value);
    if (status == SD_OK) {
      ret_value->descriptor = items->element_descriptor;
      items->cursor = c;
    }
  }
  if (status == SD_OK)
    items->left--;
  return status;
}

bool sd_amqp_map_find(const sd_amqp_value *map, const char *key, sd_amqp_value *ret_value)
{
  if (map->type != SD_AMQP_MAP)
    return false;
  sd_bytes wanted = sd_bytes_of(key);
  sd_amqp_items items;
  sd_amqp_value name, value;
  sd_amqp_items_init(&items, map);
  while (sd_amqp_items_next(&items, &name) == SD_OK && sd_amqp_items_next(&items, &value) == SD_OK) {
    sd_bytes text;
    if (sd_amqp_as_text(&name, &text) && text.len == wanted.len &&
        memcmp(text.data, wanted.data, text.len) == 0) {
      *ret_value = value;
      return true;
    }
  }
  return false;
}

/* Decodes the outermost descriptor. */
static bool first_descriptor(const sd_amqp_value *value, sd_amqp_value *ret)
{
  if (value->descriptor.len == 0)
    return false;
  sd_amqp_cursor c = sd_amqp_cursor_of(value->descriptor);
  return sd_amqp_decode(&c, ret) == SD_OK;
}

bool sd_amqp_descriptor_code(const sd_amqp_value *value, uint64_t *ret_code)
{
  sd_amqp_value d;
  if (!first_descriptor(value, &d) || d.type != SD_AMQP_ULONG)
    return false;
  *ret_code = d.as.u;
  return true;
}

bool sd_amqp_descriptor_symbol(const sd_amqp_value *value, sd_bytes *ret_symbol)
{
  sd_amqp_value d;
  if (!first_descriptor(value, &d) || d.type != SD_AMQP_SYMBOL)
    return false;
  *ret_symbol = d.as.bytes;
  return true;
}

bool sd_amqp_as_int64(const sd_amqp_value *value, int64_t *ret)
{
  switch (value->type) {
  case SD_AMQP_UBYTE:
  case SD_AMQP_USHORT:
  case SD_AMQP_UINT:
  case SD_AMQP_ULONG:
    if (value->as.u > INT64_MAX)
      return false;
    *ret = (int64_t)value->as.u;
    return true;
  case SD_AMQP_BYTE:
  case SD_AMQP_SHORT:
  case SD_AMQP_INT:
  case SD_AMQP_LONG:
    *ret = value->as.i;
    return true;
  case SD_AMQP_NULL:
  case SD_AMQP_BOOLEAN:
  case SD_AMQP_FLOAT:
  case SD_AMQP_DOUBLE:
  case SD_AMQP_DECIMAL32:
  case SD_AMQP_DECIMAL64:
  case SD_AMQP_DECIMAL128:
  case SD_AMQP_CHAR:
  case SD_AMQP_TIMESTAMP:
  case SD_AMQP_UUID:
  case SD_AMQP_BINARY:
  case SD_AMQP_STRING:
  case SD_AMQP_SYMBOL:
  case SD_AMQP_LIST:
  case SD_AMQP_MAP:
  case SD_AMQP_ARRAY:
    break;
  }
  return false;
}

bool sd_amqp_as_text(const sd_amqp_value *value, sd_bytes *ret)
{
  if (value->type != SD_AMQP_STRING && value->type != SD_AMQP_SYMBOL)
    return false;
  *ret = value->as.bytes;
  return true;
}
