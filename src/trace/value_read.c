/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* AnyValue and KeyValue: reading. Later fields win over earlier ones of the same message, as protobuf has it.
 */
#include "trace/otlp_fields.h"
#include "trace/value.h"

/* The wire type that each member of AnyValue must have. */
static bool has_wire_type(const sd_pb_field *field)
{
  switch (field->number) {
  case SD_ANY_BOOL:
  case SD_ANY_INT:
    return field->wire_type == SD_PB_VARINT;
  case SD_ANY_DOUBLE:
    return field->wire_type == SD_PB_FIXED64;
  default:
    return field->wire_type == SD_PB_BYTES;
  }
}

bool sd_any_read(sd_bytes message, sd_any_view *ret_value)
{
  sd_any_view value;
  memset(&value, 0, sizeof value);
  bool is_empty = message.len == 0;
  sd_pb_field field;
  while (sd_pb_next(&message, &field)) {
    if (field.number < SD_ANY_STRING || field.number > SD_ANY_BYTES)
      continue;
    if (!has_wire_type(&field))
      return false;
    memset(&value, 0, sizeof value);
    value.type = (sd_any_type)field.number;
    value.bytes = field.bytes;
    if (value.type == SD_ANY_DOUBLE)
      memcpy(&value.number, &field.integer, sizeof value.number);
    else if (value.type == SD_ANY_BOOL)
      value.integer = field.integer != 0;
    else
      value.integer = (int64_t)field.integer;
  }
  if (!is_empty && !message.data)
    return false;
  *ret_value = value;
  return true;
}

bool sd_attribute_read(sd_bytes message, sd_attribute_view *ret_attribute)
{
  sd_attribute_view attribute;
  memset(&attribute, 0, sizeof attribute);
  bool is_empty = message.len == 0;
  sd_pb_field field;
  while (sd_pb_next(&message, &field)) {
    if (field.wire_type != SD_PB_BYTES)
      continue;
    if (field.number == SD_OTLP_KEY_VALUE_KEY)
      attribute.key = field.bytes;
    else if (field.number == SD_OTLP_KEY_VALUE_VALUE && !sd_any_read(field.bytes, &attribute.value))
      return false;
  }
  if (!is_empty && !message.data)
    return false;
  *ret_attribute = attribute;
  return true;
}

/* The next field `number` that is a message. */
static bool next_message(sd_bytes *message, uint32_t number, sd_bytes *ret)
{
  sd_pb_field field;
  while (sd_pb_next(message, &field)) {
    if (field.number == number && field.wire_type == SD_PB_BYTES) {
      *ret = field.bytes;
      return true;
    }
  }
  return false;
}

bool sd_any_next(sd_bytes *array, sd_any_view *ret_value)
{
  sd_bytes member;
  return next_message(array, SD_OTLP_VALUES, &member) && sd_any_read(member, ret_value);
}

bool sd_attribute_next(sd_bytes *map, sd_attribute_view *ret_attribute)
{
  return sd_attribute_next_field(map, SD_OTLP_VALUES, ret_attribute);
}

bool sd_attribute_next_field(sd_bytes *message, uint32_t number, sd_attribute_view *ret_attribute)
{
  sd_bytes member;
  return next_message(message, number, &member) && sd_attribute_read(member, ret_attribute);
}
