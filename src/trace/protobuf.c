/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Reading protobuf's wire format. */
#include "trace/protobuf.h"

static bool take_varint(sd_bytes *in, uint64_t *ret)
{
  uint64_t value = 0;
  for (unsigned shift = 0, i = 0; i < in->len && shift < 64; i++, shift += 7) {
    uint8_t byte = in->data[i];
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      in->data += i + 1;
      in->len -= i + 1;
      *ret = value;
      return true;
    }
  }
  return false;
}

static bool take_fixed(sd_bytes *in, size_t size, uint64_t *ret)
{
  if (in->len < size)
    return false;
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++)
    value |= (uint64_t)in->data[i] << (8 * i);
  in->data += size;
  in->len -= size;
  *ret = value;
  return true;
}

static bool take_field(sd_bytes *in, sd_pb_field *field)
{
  uint64_t tag, len;
  if (!take_varint(in, &tag) || tag >> 32 || tag >> 3 == 0)
    return false;
  memset(field, 0, sizeof *field);
  field->number = (uint32_t)(tag >> 3);
  field->wire_type = tag & 7;
  switch (field->wire_type) {
  case SD_PB_VARINT:
    return take_varint(in, &field->integer);
  case SD_PB_FIXED64:
    return take_fixed(in, 8, &field->integer);
  case SD_PB_FIXED32:
    return take_fixed(in, 4, &field->integer);
  case SD_PB_BYTES:
    if (!take_varint(in, &len) || len > in->len)
      return false;
    field->bytes = sd_bytes_make(in->data, (size_t)len);
    in->data += len;
    in->len -= (size_t)len;
    return true;
  default:
    return false;
  }
}

bool sd_pb_next(sd_bytes *message, sd_pb_field *ret_field)
{
  sd_pb_field field;
  if (message->len == 0)
    return false;
  if (!take_field(message, &field)) {
    *message = sd_bytes_make(NULL, 0);
    return false;
  }
  *ret_field = field;
  return true;
}

bool sd_pb_next_packed(sd_bytes *numbers, uint32_t wire_type, uint64_t *ret_number)
{
  switch (wire_type) {
  case SD_PB_VARINT:
    return take_varint(numbers, ret_number);
  case SD_PB_FIXED64:
    return take_fixed(numbers, 8, ret_number);
  case SD_PB_FIXED32:
    return take_fixed(numbers, 4, ret_number);
  default:
    return false;
  }
}
