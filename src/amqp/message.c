/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The sections of a message, decoded in place. */
#include "amqp/message.h"

#include "amqp/wire.h"

static bool is_body(uint8_t section)
{
  return section == SD_AMQP_SECTION_DATA || section == SD_AMQP_SECTION_SEQUENCE ||
         section == SD_AMQP_SECTION_VALUE;
}

/* Reads one section: its code and its value without the section's own descriptor. On failure *value is
 * anything. */
static sd_status section_next(sd_amqp_cursor *cursor, uint8_t *ret_section, sd_amqp_value *value)
{
  sd_amqp_cursor c = *cursor;
  uint8_t section;
  if (sd_amqp_cursor_left(&c) >= 4 && c.at[0] == WIRE_DESCRIBED && c.at[1] == WIRE_SMALLULONG) {
    /* What everyone writes. The value behind it may be described itself (an amqp-value section). */
    section = c.at[2];
    c.at += 3;
  } else {
    sd_amqp_value descriptor;
    if (c.at == c.end || *c.at != WIRE_DESCRIBED)
      return SD_PROTOCOL;
    const uint8_t *start = ++c.at;
    sd_status status = sd_amqp_decode(&c, &descriptor);
    if (status != SD_OK)
      return status;
    descriptor.descriptor = sd_bytes_make(start, (size_t)(c.at - start));
    if (!sd_amqp_descriptor_known(&descriptor, &section))
      return SD_PROTOCOL;
  }
  sd_status status = sd_amqp_decode(&c, value);
  if (status != SD_OK)
    return status;
  sd_amqp_type wanted = SD_AMQP_NULL;
  switch (section) {
  case SD_AMQP_SECTION_HEADER:
  case SD_AMQP_SECTION_PROPERTIES:
  case SD_AMQP_SECTION_SEQUENCE:
    wanted = SD_AMQP_LIST;
    break;
  case SD_AMQP_SECTION_DELIVERY_ANNOTATIONS:
  case SD_AMQP_SECTION_MESSAGE_ANNOTATIONS:
  case SD_AMQP_SECTION_APPLICATION_PROPERTIES:
  case SD_AMQP_SECTION_FOOTER:
    wanted = SD_AMQP_MAP;
    break;
  case SD_AMQP_SECTION_DATA:
    wanted = SD_AMQP_BINARY;
    break;
  case SD_AMQP_SECTION_VALUE:
    wanted = value->type;
    break;
  default:
    return SD_PROTOCOL;
  }
  if (value->type != wanted)
    return SD_PROTOCOL;
  *ret_section = section;
  *cursor = c;
  return SD_OK;
}

static sd_amqp_value *section_slot(sd_amqp_message *message, uint8_t section)
{
  switch (section) {
  case SD_AMQP_SECTION_HEADER:
    return &message->header;
  case SD_AMQP_SECTION_DELIVERY_ANNOTATIONS:
    return &message->delivery_annotations;
  case SD_AMQP_SECTION_MESSAGE_ANNOTATIONS:
    return &message->message_annotations;
  case SD_AMQP_SECTION_PROPERTIES:
    return &message->properties;
  case SD_AMQP_SECTION_APPLICATION_PROPERTIES:
    return &message->application_properties;
  default:
    return &message->footer;
  }
}

sd_status sd_amqp_message_decode(sd_bytes payload, sd_amqp_message *ret_message)
{
  sd_amqp_message message;
  memset(&message, 0, sizeof message);
  sd_amqp_cursor c = sd_amqp_cursor_of(payload);
  while (c.at != c.end) {
    const uint8_t *start = c.at;
    uint8_t section;
    sd_amqp_value value;
    sd_status status = section_next(&c, &section, &value);
    if (status != SD_OK)
      return status;
    if (is_body(section)) {
      sd_amqp_body_kind kind = section == SD_AMQP_SECTION_DATA    ? SD_AMQP_BODY_DATA
                               : section == SD_AMQP_SECTION_VALUE ? SD_AMQP_BODY_VALUE
                                                                  : SD_AMQP_BODY_SEQUENCE;
      if (message.body_count == 0) {
        message.body_kind = kind;
        message.body = value;
        message.body_sections.data = start;
      } else if (kind != message.body_kind || kind == SD_AMQP_BODY_VALUE) {
        return SD_PROTOCOL; /* a body is of one kind, and a value section stands alone */
      }
      message.body_count++;
      message.body_sections.len = (size_t)(c.at - message.body_sections.data);
    } else {
      sd_amqp_value *slot = section_slot(&message, section);
      if (slot->type != SD_AMQP_NULL)
        return SD_PROTOCOL; /* twice */
      *slot = value;
    }
  }
  *ret_message = message;
  return SD_OK;
}

sd_status sd_amqp_body_next(sd_amqp_cursor *cursor, sd_amqp_value *ret_section)
{
  sd_amqp_cursor c = *cursor;
  while (c.at != c.end) {
    uint8_t section;
    sd_amqp_value value;
    sd_status status = section_next(&c, &section, &value);
    if (status != SD_OK)
      return status;
    if (is_body(section)) {
      *ret_section = value;
      *cursor = c;
      return SD_OK;
    }
  }
  return SD_NOT_FOUND;
}

sd_status sd_amqp_properties_decode(const sd_amqp_value *list,
                                    sd_amqp_value ret_fields[SD_AMQP_PROPERTY_COUNT])
{
  sd_amqp_value fields[SD_AMQP_PROPERTY_COUNT];
  memset(fields, 0, sizeof fields);
  if (list->type != SD_AMQP_NULL && list->type != SD_AMQP_LIST)
    return SD_PROTOCOL;
  sd_amqp_items items;
  sd_amqp_value item;
  sd_status status;
  size_t n = 0;
  sd_amqp_items_init(&items, list);
  while ((status = sd_amqp_items_next(&items, &item)) == SD_OK) {
    if (n == SD_AMQP_PROPERTY_COUNT)
      return SD_PROTOCOL;
    fields[n++] = item;
  }
  if (status != SD_NOT_FOUND)
    return status;
  memcpy(ret_fields, fields, sizeof fields);
  return SD_OK;
}

void sd_amqp_put_data_section(sd_buf *buf, sd_bytes data)
{
  sd_amqp_put_section(buf, SD_AMQP_SECTION_DATA);
  sd_amqp_put_binary(buf, data);
}
