/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Publications and their events. */
#include "emulator/publication.h"

#include "amqp/message.h"

#include <inttypes.h>
#include <stdio.h>

#define KEY_ANNOTATION "x-opt-partition-key"

/* One section as it stands in a message. */
typedef struct section {
  uint8_t code;
  sd_amqp_value value;
  sd_bytes encoded_value; /* without the descriptor */
} section;

static bool has_good_type(uint8_t code, sd_amqp_type type)
{
  switch (code) {
  case SD_AMQP_SECTION_HEADER:
  case SD_AMQP_SECTION_PROPERTIES:
  case SD_AMQP_SECTION_SEQUENCE:
    return type == SD_AMQP_LIST;
  case SD_AMQP_SECTION_DELIVERY_ANNOTATIONS:
  case SD_AMQP_SECTION_MESSAGE_ANNOTATIONS:
  case SD_AMQP_SECTION_APPLICATION_PROPERTIES:
  case SD_AMQP_SECTION_FOOTER:
    return type == SD_AMQP_MAP;
  case SD_AMQP_SECTION_DATA:
    return type == SD_AMQP_BINARY;
  default:
    return code == SD_AMQP_SECTION_VALUE;
  }
}

static uint8_t code_of(const sd_amqp_value *value)
{
  static const struct {
    const char *symbol;
    uint8_t code;
  } names[] = {{"amqp:header:list", SD_AMQP_SECTION_HEADER},
               {"amqp:delivery-annotations:map", SD_AMQP_SECTION_DELIVERY_ANNOTATIONS},
               {"amqp:message-annotations:map", SD_AMQP_SECTION_MESSAGE_ANNOTATIONS},
               {"amqp:properties:list", SD_AMQP_SECTION_PROPERTIES},
               {"amqp:application-properties:map", SD_AMQP_SECTION_APPLICATION_PROPERTIES},
               {"amqp:data:binary", SD_AMQP_SECTION_DATA},
               {"amqp:amqp-sequence:list", SD_AMQP_SECTION_SEQUENCE},
               {"amqp:amqp-value:*", SD_AMQP_SECTION_VALUE},
               {"amqp:footer:map", SD_AMQP_SECTION_FOOTER}};
  uint64_t code = 0;
  sd_bytes symbol;
  if (sd_amqp_descriptor_code(value, &code))
    return code >= SD_AMQP_SECTION_HEADER && code <= SD_AMQP_SECTION_FOOTER ? (uint8_t)code : 0;
  if (sd_amqp_descriptor_symbol(value, &symbol)) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
      if (sd_bytes_equal_text(symbol, names[i].symbol))
        return names[i].code;
    }
  }
  return 0;
}

/* SD_NOT_FOUND at the end. */
static sd_status next_section(sd_amqp_cursor *cursor, section *ret_section)
{
  if (sd_amqp_cursor_left(cursor) == 0)
    return SD_NOT_FOUND;
  sd_amqp_value value;
  sd_status status = sd_amqp_decode(cursor, &value);
  if (status != SD_OK)
    return status;
  uint8_t code = code_of(&value);
  if (code == 0 || !has_good_type(code, value.type))
    return SD_PROTOCOL;
  const uint8_t *begin = value.descriptor.data + value.descriptor.len;
  ret_section->code = code;
  ret_section->value = value;
  ret_section->encoded_value = sd_bytes_make(begin, (size_t)(cursor->at - begin));
  return SD_OK;
}

/* Finds the one section of a code; false when it is absent or the message malformed. */
static bool find_section(sd_bytes message, uint8_t code, section *ret_section)
{
  sd_amqp_cursor cursor = sd_amqp_cursor_of(message);
  while (next_section(&cursor, ret_section) == SD_OK) {
    if (ret_section->code == code)
      return true;
  }
  return false;
}

static sd_bytes key_of_message(sd_bytes message)
{
  section annotations;
  sd_amqp_value key;
  sd_bytes text;
  if (find_section(message, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS, &annotations) &&
      sd_amqp_map_find(&annotations.value, KEY_ANNOTATION, &key) && sd_amqp_as_text(&key, &text))
    return text;
  return sd_bytes_make(NULL, 0);
}

sd_bytes emu_publication_key(const emu_publication *publication)
{
  sd_bytes key = key_of_message(publication->payload);
  section data;
  if (key.len == 0 && publication->message_format == SD_AMQP_FORMAT_BATCH &&
      find_section(publication->payload, SD_AMQP_SECTION_DATA, &data))
    key = key_of_message(data.value.as.bytes);
  return key;
}

uint32_t emu_partition_of_key(sd_bytes key, uint32_t count)
{
  /* FNV-1a, folded, so that short keys spread over few partitions. */
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < key.len; i++)
    h = (h ^ key.data[i]) * 0x100000001b3u;
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdu;
  h ^= h >> 33;
  return (uint32_t)(h % count);
}

/* ---- staging ---- */

/* Annotations that only the broker gives. */
static bool is_reserved(sd_bytes name)
{
  return sd_bytes_equal_text(name, "x-opt-sequence-number") || sd_bytes_equal_text(name, "x-opt-offset") ||
         sd_bytes_equal_text(name, "x-opt-enqueued-time") || sd_bytes_equal_text(name, "x-opt-publisher") ||
         sd_bytes_equal_text(name, KEY_ANNOTATION);
}

/* Copies the sender's own annotations behind ours; returns items (keys and values), or adds none when they
 * are malformed. */
static sd_status put_own_annotations(sd_buf *out, const sd_amqp_value *map, uint32_t *count)
{
  sd_amqp_items items;
  sd_amqp_items_init(&items, map);
  for (;;) {
    sd_amqp_value key;
    sd_amqp_value value;
    sd_bytes name;
    sd_status status = sd_amqp_items_next(&items, &key);
    if (status == SD_NOT_FOUND)
      return SD_OK;
    if (status != SD_OK || sd_amqp_items_next(&items, &value) != SD_OK)
      return SD_PROTOCOL;
    if (sd_amqp_as_text(&key, &name) && is_reserved(name))
      continue;
    sd_amqp_put_value(out, &key);
    sd_amqp_put_value(out, &value);
    *count += 2;
  }
}

static void put_key(sd_buf *out, const char *key)
{
  sd_amqp_put_symbol(out, sd_bytes_of(key));
}

static sd_status put_annotations(sd_buf *out, const emu_publication *publication, sd_bytes key,
                                 const sd_amqp_value *own, int64_t sequence, uint64_t position)
{
  char offset[24];
  int len = snprintf(offset, sizeof offset, "%" PRIu64, publication->offset_base + position);
  uint32_t count = 6;
  sd_amqp_put_section(out, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
  size_t mark = sd_amqp_begin_map(out);
  put_key(out, "x-opt-sequence-number");
  sd_amqp_put_long(out, sequence);
  put_key(out, "x-opt-offset");
  sd_amqp_put_string(out, sd_bytes_make(offset, (size_t)len));
  put_key(out, "x-opt-enqueued-time");
  sd_amqp_put_timestamp(out, publication->now_ms);
  if (key.len > 0) {
    put_key(out, KEY_ANNOTATION);
    sd_amqp_put_string(out, key);
    count += 2;
  }
  if (publication->publisher) {
    put_key(out, "x-opt-publisher");
    sd_amqp_put_string(out, sd_bytes_of(publication->publisher));
    count += 2;
  }
  sd_status status = own->type == SD_AMQP_MAP ? put_own_annotations(out, own, &count) : SD_OK;
  sd_amqp_end_map(out, mark, count);
  return status;
}

/* All five fields, trailing nulls too, as pyamqp reads by position. */
static void put_header(sd_buf *out, const sd_amqp_value *list)
{
  enum { HEADER_FIELDS = 5 };
  sd_amqp_items items;
  sd_amqp_items_init(&items, list);
  sd_amqp_put_section(out, SD_AMQP_SECTION_HEADER);
  size_t mark = sd_amqp_begin_list(out);
  for (int i = 0; i < HEADER_FIELDS; i++) {
    sd_amqp_value field;
    if (sd_amqp_items_next(&items, &field) == SD_OK)
      sd_amqp_put_value(out, &field);
    else
      sd_amqp_put_null(out);
  }
  sd_amqp_end_list(out, mark, HEADER_FIELDS);
}

static sd_status stage_message(const emu_publication *publication, sd_bytes message, sd_bytes envelope_key,
                               emu_log *log)
{
  sd_amqp_message decoded;
  sd_status status = sd_amqp_message_decode(message, &decoded);
  if (status != SD_OK)
    return status;

  int64_t sequence = 0;
  uint64_t position = 0;
  sd_buf *out = NULL;
  status = emu_log_begin_event(log, &sequence, &position, &out);
  if (status != SD_OK)
    return status;
  size_t begin = out->len;
  if (decoded.header.type == SD_AMQP_LIST && decoded.header.as.compound.count > 0)
    put_header(out, &decoded.header);
  size_t head_size = out->len - begin;
  sd_bytes key = envelope_key;
  sd_amqp_value own_key;
  if (key.len == 0 && (!sd_amqp_map_find(&decoded.message_annotations, KEY_ANNOTATION, &own_key) ||
                       !sd_amqp_as_text(&own_key, &key)))
    key = sd_bytes_make(NULL, 0);
  status = put_annotations(out, publication, key, &decoded.message_annotations, sequence, position);
  if (status != SD_OK)
    return status;
  sd_amqp_cursor cursor = sd_amqp_cursor_of(message);
  section at;
  while (next_section(&cursor, &at) == SD_OK) {
    bool made = at.code == SD_AMQP_SECTION_HEADER || at.code == SD_AMQP_SECTION_DELIVERY_ANNOTATIONS ||
                at.code == SD_AMQP_SECTION_MESSAGE_ANNOTATIONS;
    bool empty = at.code == SD_AMQP_SECTION_PROPERTIES && at.value.as.compound.count == 0;
    if (made || empty)
      continue;
    sd_amqp_put_section(out, at.code);
    sd_buf_append_bytes(out, at.encoded_value);
  }
  return emu_log_end_event(log, publication->now_ms, (uint32_t)head_size);
}

sd_status emu_publication_stage(const emu_publication *publication, emu_log *log, uint32_t *ret_events,
                                sd_error *error)
{
  uint32_t events = 0;
  sd_status status = SD_OK;
  if (publication->message_format != SD_AMQP_FORMAT_BATCH) {
    status = stage_message(publication, publication->payload, sd_bytes_make(NULL, 0), log);
    events = 1;
  } else {
    sd_bytes key = key_of_message(publication->payload);
    sd_amqp_cursor cursor = sd_amqp_cursor_of(publication->payload);
    section at;
    while (status == SD_OK && (status = next_section(&cursor, &at)) == SD_OK) {
      if (at.code != SD_AMQP_SECTION_DATA)
        continue;
      status = stage_message(publication, at.value.as.bytes, key, log);
      events++;
    }
    if (status == SD_NOT_FOUND)
      status = events > 0 ? SD_OK : SD_INVALID;
  }
  if (status != SD_OK) {
    emu_log_cancel(log);
    return sd_error_set(error, status,
                        status == SD_INVALID    ? "The batch holds no event."
                        : status == SD_PROTOCOL ? "The message is malformed."
                                                : "The message cannot be stored.");
  }
  *ret_events = events;
  return SD_OK;
}
