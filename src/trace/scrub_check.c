/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The first look at a record: reads the message once, without writing and without memory. */
#include "trace/otlp_fields.h"
#include "trace/scrub_internal.h"
#include "trace/value.h"

/* sd_pb_next, quickly for the short fields of which most messages are made. */
static inline bool next_field(sd_bytes *message, sd_pb_field *ret_field)
{
  const uint8_t *at = message->data;
  if (message->len < 2 || (at[0] & 0x87) != SD_PB_BYTES || at[1] > 0x7f || (size_t)at[1] + 2 > message->len ||
      at[0] >> 3 == 0)
    return sd_pb_next(message, ret_field);
  ret_field->number = at[0] >> 3;
  ret_field->wire_type = SD_PB_BYTES;
  ret_field->bytes = sd_bytes_make(at + 2, at[1]);
  message->data += 2 + (size_t)at[1];
  message->len -= 2 + (size_t)at[1];
  return true;
}

static bool is_clean_text(const sd_record_scrubber *scrubber, sd_bytes text, bool is_safe)
{
  return scrubber ? !sd_scrub_suspects_text(scrubber, text, is_safe) : sd_utf8_valid(text.data, text.len);
}

/* True when the message has been read to its end. */
static bool is_read(sd_bytes rest)
{
  return rest.len == 0 && rest.data;
}

static bool is_clean_members(const sd_record_scrubber *scrubber, sd_bytes list, bool is_map, bool is_safe,
                             unsigned depth);

static bool is_clean_any(const sd_record_scrubber *scrubber, sd_bytes message, bool is_safe, unsigned depth)
{
  sd_pb_field field;
  if (message.len == 0)
    return true;
  if (!next_field(&message, &field) || message.len != 0)
    return false;
  switch (field.number) {
  case SD_ANY_STRING:
    return field.wire_type == SD_PB_BYTES && is_clean_text(scrubber, field.bytes, is_safe);
  case SD_ANY_BOOL:
  case SD_ANY_INT:
    return field.wire_type == SD_PB_VARINT;
  case SD_ANY_DOUBLE:
    return field.wire_type == SD_PB_FIXED64;
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
    return field.wire_type == SD_PB_BYTES && depth < SD_VALUE_DEPTH_MAX &&
           is_clean_members(scrubber, field.bytes, field.number == SD_ANY_MAP, is_safe, depth + 1);
  case SD_ANY_BYTES:
    return field.wire_type == SD_PB_BYTES &&
           (!scrubber || !sd_scrub_suspects_text(scrubber, field.bytes, is_safe) ||
            (!sd_utf8_valid(field.bytes.data, field.bytes.len) &&
             !sd_scrub_finds(scrubber->secrets, scrubber->rules, field.bytes)));
  default:
    return false;
  }
}

static bool is_clean_attribute(const sd_record_scrubber *scrubber, sd_bytes message, bool is_safe,
                               unsigned depth)
{
  sd_pb_field key;
  sd_pb_field value;
  sd_bytes match;
  if (!next_field(&message, &key) || key.number != SD_OTLP_KEY_VALUE_KEY || key.wire_type != SD_PB_BYTES ||
      !next_field(&message, &value) || value.number != SD_OTLP_KEY_VALUE_VALUE ||
      value.wire_type != SD_PB_BYTES || message.len != 0)
    return false;
  if (!is_clean_text(scrubber, key.bytes, true))
    return false;
  if (scrubber && !is_safe && sd_scrub_suspects_key(scrubber, key.bytes, &match)) {
    if (!sd_scrub_key_is_safe(key.bytes))
      return false;
    is_safe = true;
  }
  if (is_clean_any(scrubber, value.bytes, is_safe, depth))
    return true;
  return scrubber && !is_safe && sd_scrub_key_is_safe(key.bytes) &&
         is_clean_any(scrubber, value.bytes, true, depth);
}

static bool is_clean_members(const sd_record_scrubber *scrubber, sd_bytes list, bool is_map, bool is_safe,
                             unsigned depth)
{
  sd_pb_field field;
  if (list.len == 0)
    return true;
  while (next_field(&list, &field)) {
    if (field.number != SD_OTLP_VALUES || field.wire_type != SD_PB_BYTES)
      return false;
    if (!(is_map ? is_clean_attribute(scrubber, field.bytes, is_safe, depth)
                 : is_clean_any(scrubber, field.bytes, is_safe, depth)))
      return false;
  }
  return is_read(list);
}

static bool is_id(sd_bytes id)
{
  return id.len == 0 || id.len == SD_SPAN_ID_SIZE || id.len == SD_TRACE_ID_SIZE;
}

bool sd_scrub_is_clean(const sd_record_scrubber *scrubber, const sd_scrub_layout *layout, sd_bytes message)
{
  sd_pb_field field;
  bool is_clean = true;
  if (message.len == 0)
    return true;
  while (is_clean && next_field(&message, &field)) {
    switch (sd_scrub_content_of(layout, &field)) {
    case SD_SCRUB_UNKNOWN:
      is_clean = false;
      break;
    case SD_SCRUB_VARINT:
    case SD_SCRUB_FIXED64:
    case SD_SCRUB_FIXED32:
      break;
    case SD_SCRUB_ID:
      is_clean = is_id(field.bytes);
      break;
    case SD_SCRUB_TRACE_STATE:
      is_clean = sd_utf8_valid(field.bytes.data, field.bytes.len) &&
                 (!scrubber || !sd_scrub_finds(scrubber->secrets, SD_SCRUB_REGISTERED, field.bytes));
      break;
    case SD_SCRUB_TEXT:
      is_clean = is_clean_text(scrubber, field.bytes, true);
      break;
    case SD_SCRUB_ANY:
      is_clean = is_clean_any(scrubber, field.bytes, false, 0);
      break;
    case SD_SCRUB_ATTRIBUTE:
      is_clean = is_clean_attribute(scrubber, field.bytes, false, 0);
      break;
    case SD_SCRUB_EVENT:
      is_clean = sd_scrub_is_clean(scrubber, &sd_scrub_event_layout, field.bytes);
      break;
    case SD_SCRUB_LINK:
      is_clean = sd_scrub_is_clean(scrubber, &sd_scrub_link_layout, field.bytes);
      break;
    case SD_SCRUB_STATUS:
      is_clean = sd_scrub_is_clean(scrubber, &sd_scrub_status_layout, field.bytes);
      break;
    }
  }
  return is_clean && is_read(message);
}
