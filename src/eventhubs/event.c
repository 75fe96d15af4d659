/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From a message's sections to the columns of an event. */
#include "eventhubs/event.h"

#include "amqp/message.h"
#include "eventhubs/event_fast.h"

#include <inttypes.h>
#include <stdio.h>

void sd_event_decoder_init(sd_event_decoder *decoder)
{
  sd_buf_init(&decoder->body, SD_EVENTHUBS_SCRATCH_MAX);
  sd_buf_init(&decoder->properties, SD_EVENTHUBS_SCRATCH_MAX);
  sd_buf_init(&decoder->system_properties, SD_EVENTHUBS_SCRATCH_MAX);
}

void sd_event_decoder_release(sd_event_decoder *decoder)
{
  sd_buf_release(&decoder->body);
  sd_buf_release(&decoder->properties);
  sd_buf_release(&decoder->system_properties);
}

/* The offset is opaque text; one that cannot be stored as text counts as unknown, and resuming goes by
 * sequence number. */
static sd_bytes offset_of(sd_event_decoder *decoder, const sd_amqp_value *value)
{
  sd_bytes text;
  int64_t number;
  if (sd_amqp_as_text(value, &text))
    return text.len < SD_EVENTHUBS_OFFSET_MAX && sd_utf8_valid(text.data, text.len) ? text : sd_bytes_of("");
  if (!sd_amqp_as_int64(value, &number))
    return sd_bytes_of("");
  int len = snprintf(decoder->offset, sizeof decoder->offset, "%" PRId64, number);
  return sd_bytes_make(decoder->offset, (size_t)len);
}

static int64_t microseconds_of(int64_t ms)
{
  if (ms > INT64_MAX / 1000)
    return INT64_MAX;
  return ms < INT64_MIN / 1000 ? INT64_MIN : ms * 1000;
}

#define KEY_SEQUENCE "x-opt-sequence-number"
#define KEY_OFFSET   "x-opt-offset"
#define KEY_ENQUEUED "x-opt-enqueued-time"

static bool is_key(sd_bytes text, const char *key, size_t len)
{
  return text.len == len && memcmp(text.data, key, len) == 0;
}

/* Begins or continues the JSON object in out, whose closing brace is written last, with one encoded pair. */
static sd_status put_pair(sd_buf *out, sd_bytes encoded)
{
  sd_amqp_value map = {.type = SD_AMQP_MAP};
  map.as.compound.count = 2;
  map.as.compound.items = encoded;
  size_t before = out->len;
  sd_status status = sd_amqp_value_to_json(&map, out);
  if (status != SD_OK)
    return status;
  if (before > 0)
    out->data[before] = ',';
  sd_buf_truncate(out, out->len - 1);
  return SD_OK;
}

/* Reads the three annotations that are fields of an event; when `rest` is given, the others go there. */
static sd_status read_annotations(sd_event_decoder *decoder, const sd_amqp_value *map, sd_buf *rest,
                                  sd_event *event, bool *ret_has_sequence)
{
  *ret_has_sequence = false;
  if (map->type != SD_AMQP_MAP)
    return SD_OK;
  sd_amqp_items items;
  sd_amqp_value key;
  sd_amqp_value value;
  sd_status status;
  sd_amqp_items_init(&items, map);
  for (;;) {
    const uint8_t *start = items.cursor.at;
    status = sd_amqp_items_next(&items, &key);
    if (status != SD_OK)
      break;
    status = sd_amqp_items_next(&items, &value);
    if (status != SD_OK)
      return SD_PROTOCOL;
    sd_bytes text = sd_bytes_make(NULL, 0);
    if (key.type == SD_AMQP_SYMBOL || key.type == SD_AMQP_STRING)
      text = key.as.bytes;
    if (is_key(text, KEY_SEQUENCE, sizeof KEY_SEQUENCE - 1)) {
      if (!sd_amqp_as_int64(&value, &event->sequence_number))
        return SD_PROTOCOL;
      *ret_has_sequence = true;
    } else if (is_key(text, KEY_OFFSET, sizeof KEY_OFFSET - 1)) {
      event->offset = offset_of(decoder, &value);
    } else if (is_key(text, KEY_ENQUEUED, sizeof KEY_ENQUEUED - 1)) {
      if (value.type == SD_AMQP_TIMESTAMP)
        event->enqueued_us = microseconds_of(value.as.i);
    } else if (rest) {
      status = put_pair(rest, sd_bytes_make(start, (size_t)(items.cursor.at - start)));
      if (status != SD_OK)
        return status;
    }
  }
  return status == SD_NOT_FOUND ? SD_OK : status;
}

static sd_status put_message_properties(sd_buf *out, const sd_amqp_value *list)
{
  static const char *const names[SD_AMQP_PROPERTY_COUNT] = {
      "message-id",       "user-id",          "to",
      "subject",          "reply-to",         "correlation-id",
      "content-type",     "content-encoding", "absolute-expiry-time",
      "creation-time",    "group-id",         "group-sequence",
      "reply-to-group-id"};
  sd_amqp_value fields[SD_AMQP_PROPERTY_COUNT];
  sd_status status = sd_amqp_properties_decode(list, fields);
  for (int i = 0; status == SD_OK && i < SD_AMQP_PROPERTY_COUNT; i++) {
    if (fields[i].type == SD_AMQP_NULL)
      continue;
    sd_buf_append_text(out, out->len == 0 ? "{\"" : ",\"");
    sd_buf_append_text(out, names[i]);
    sd_buf_append_text(out, "\":");
    status = sd_amqp_value_to_json(&fields[i], out);
  }
  return status;
}

static sd_status join_data_sections(sd_buf *out, sd_bytes sections)
{
  sd_amqp_cursor cursor = sd_amqp_cursor_of(sections);
  sd_amqp_value section;
  sd_status status;
  while ((status = sd_amqp_body_next(&cursor, &section)) == SD_OK)
    sd_buf_append_bytes(out, section.as.bytes);
  return status == SD_NOT_FOUND ? sd_buf_status(out) : status;
}

/* One sequence section is a JSON array; several are an array of these. */
static sd_status put_sequences(sd_buf *out, const sd_amqp_message *message)
{
  if (message->body_count == 1)
    return sd_amqp_value_to_json(&message->body, out);
  sd_amqp_cursor cursor = sd_amqp_cursor_of(message->body_sections);
  sd_amqp_value section;
  sd_status status;
  while ((status = sd_amqp_body_next(&cursor, &section)) == SD_OK) {
    sd_buf_append_byte(out, out->len == 0 ? '[' : ',');
    status = sd_amqp_value_to_json(&section, out);
    if (status != SD_OK)
      return status;
  }
  sd_buf_append_byte(out, ']');
  return status == SD_NOT_FOUND ? sd_buf_status(out) : status;
}

static sd_status read_body(sd_event_decoder *decoder, const sd_amqp_message *message, sd_bytes *ret_body)
{
  sd_status status = SD_OK;
  *ret_body = sd_bytes_make(NULL, 0);
  if (message->body_kind == SD_AMQP_BODY_NONE)
    return SD_OK;
  bool plain = message->body.type == SD_AMQP_BINARY || message->body.type == SD_AMQP_STRING ||
               message->body.type == SD_AMQP_SYMBOL;
  if (message->body_kind != SD_AMQP_BODY_SEQUENCE && message->body_count == 1 && plain) {
    *ret_body = message->body.as.bytes;
    return SD_OK;
  }
  sd_buf_clear(&decoder->body);
  if (message->body_kind == SD_AMQP_BODY_DATA)
    status = join_data_sections(&decoder->body, message->body_sections);
  else if (message->body_kind == SD_AMQP_BODY_SEQUENCE)
    status = put_sequences(&decoder->body, message);
  else
    status = sd_amqp_value_to_json(&message->body, &decoder->body);
  if (status == SD_OK)
    *ret_body = sd_buf_bytes(&decoder->body);
  return status;
}

sd_status sd_event_decode_general(sd_event_decoder *decoder, sd_bytes payload, sd_event *event)
{
  memset(event, 0, sizeof *event);
  sd_amqp_message message;
  sd_status status = sd_amqp_message_decode(payload, &message);
  if (status != SD_OK)
    return status;
  bool has_sequence = false;
  sd_buf *system = &decoder->system_properties;
  sd_buf_clear(system);
  if (message.properties.type == SD_AMQP_LIST)
    status = put_message_properties(system, &message.properties);
  if (status == SD_OK)
    status = read_annotations(decoder, &message.message_annotations, system, event, &has_sequence);
  if (status == SD_OK && !has_sequence)
    status = SD_PROTOCOL;
  if (status == SD_OK && system->len > 0) {
    sd_buf_append_byte(system, '}');
    status = sd_buf_status(system);
    event->system_properties = sd_buf_bytes(system);
  }
  if (status == SD_OK && message.application_properties.type == SD_AMQP_MAP) {
    sd_buf_clear(&decoder->properties);
    status = sd_amqp_value_to_json(&message.application_properties, &decoder->properties);
    event->properties = sd_buf_bytes(&decoder->properties);
  }
  if (status == SD_OK)
    status = read_body(decoder, &message, &event->body);
  return status;
}

/* Walks the sections as far as they can be read, to find the sequence number of a broken message. */
static bool rescue(sd_event_decoder *decoder, sd_bytes payload, sd_event *event)
{
  sd_amqp_cursor cursor = sd_amqp_cursor_of(payload);
  sd_amqp_value section;
  while (cursor.at != cursor.end && sd_amqp_decode(&cursor, &section) == SD_OK) {
    uint64_t code;
    if (section.type != SD_AMQP_MAP || !sd_amqp_descriptor_code(&section, &code) ||
        code != SD_AMQP_SECTION_MESSAGE_ANNOTATIONS)
      continue;
    bool has_sequence = false;
    /* Whatever follows the sequence number in the map may be what is broken. */
    sd_status status = read_annotations(decoder, &section, NULL, event, &has_sequence);
    return has_sequence && (status == SD_OK || status == SD_PROTOCOL);
  }
  return false;
}

sd_status sd_event_decode(sd_event_decoder *decoder, sd_bytes payload, sd_event *ret_event)
{
  sd_event event;
  if (sd_event_decode_fast(decoder, payload, ret_event))
    return SD_OK;
  sd_status status = sd_event_decode_general(decoder, payload, &event);
  if (status == SD_PROTOCOL || status == SD_LIMIT) {
    memset(&event, 0, sizeof event);
    if (!rescue(decoder, payload, &event))
      return SD_PROTOCOL;
    event.body = payload;
    event.dead = SD_DEAD_PROPERTIES_NOT_JSON;
    status = SD_OK;
  }
  if (status == SD_OK)
    *ret_event = event;
  return status;
}
