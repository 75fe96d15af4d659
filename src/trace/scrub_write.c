/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The second look at a record: writes the message again without what must not be sent. */
#include "trace/otlp_fields.h"
#include "trace/protobuf_buf.h"
#include "trace/scrub_internal.h"
#include "trace/value.h"

/* One value with what surrounds it. */
typedef struct place {
  const sd_scrub_path *path;
  bool is_safe;
  unsigned depth;
} place;

/* ---- Values
 * ----------------------------------------------------------------------------------------------------- */

static sd_status put_attribute(sd_record_scrubber *scrubber, const sd_attribute_view *attribute, place at,
                               sd_buf *out);

static sd_status put_number(const sd_any_view *value, sd_buf *out)
{
  uint64_t bits = (uint64_t)value->integer;
  if (value->type != SD_ANY_DOUBLE)
    return sd_pb_append_number(out, value->type, SD_PB_VARINT, bits);
  memcpy(&bits, &value->number, sizeof bits);
  return sd_pb_append_number(out, SD_ANY_DOUBLE, SD_PB_FIXED64, bits);
}

/* Bytes are looked at as the text that they may be. */
static sd_status put_binary(sd_record_scrubber *scrubber, sd_bytes bytes, place at, sd_buf *out)
{
  sd_status status;
  sd_buf_clear(&scrubber->text);
  if (sd_utf8_valid(bytes.data, bytes.len)) {
    status = sd_scrub_put_text(scrubber, at.path, bytes, at.is_safe, 0, &scrubber->text);
    bool is_same = sd_bytes_equal(sd_buf_bytes(&scrubber->text), bytes);
    return status == SD_OK ? sd_pb_append_bytes(out, is_same ? SD_ANY_BYTES : SD_ANY_STRING,
                                                sd_buf_bytes(&scrubber->text))
                           : status;
  }
  status = sd_scrub_by(scrubber->secrets, scrubber->rules, bytes, &scrubber->text);
  if (!sd_bytes_equal(sd_buf_bytes(&scrubber->text), bytes))
    scrubber->is_changed = true;
  return status == SD_OK ? sd_pb_append_bytes(out, SD_ANY_BYTES, sd_buf_bytes(&scrubber->text)) : status;
}

static sd_status put_any(sd_record_scrubber *scrubber, const sd_any_view *value, place at, sd_buf *out);

static sd_status put_members(sd_record_scrubber *scrubber, const sd_any_view *value, place at, sd_buf *out)
{
  sd_status status = SD_OK;
  sd_bytes rest = value->bytes;
  sd_any_view member;
  sd_attribute_view pair;
  if (at.depth >= SD_VALUE_DEPTH_MAX) {
    scrubber->is_changed = true;
    return SD_OK;
  }
  size_t list = sd_pb_open(out, value->type);
  at.depth++;
  const sd_scrub_path *up = at.path;
  for (size_t index = 0; status == SD_OK; index++) {
    if (value->type == SD_ANY_ARRAY ? !sd_any_next(&rest, &member) : !sd_attribute_next(&rest, &pair))
      break;
    sd_scrub_path path = sd_scrub_path_index(up, index);
    size_t content = sd_pb_open(out, SD_OTLP_VALUES);
    at.path = value->type == SD_ANY_ARRAY ? &path : up;
    status = value->type == SD_ANY_ARRAY ? put_any(scrubber, &member, at, out)
                                         : put_attribute(scrubber, &pair, at, out);
    if (status == SD_OK)
      status = sd_pb_close(out, content);
  }
  if (status == SD_OK && value->bytes.len > 0 && (!rest.data || rest.len > 0))
    return SD_INVALID;
  return status == SD_OK ? sd_pb_close(out, list) : status;
}

/* The content of an AnyValue. */
static sd_status put_any(sd_record_scrubber *scrubber, const sd_any_view *value, place at, sd_buf *out)
{
  size_t content;
  sd_status status;
  switch (value->type) {
  case SD_ANY_STRING:
    content = sd_pb_open(out, SD_ANY_STRING);
    status = sd_scrub_put_text(scrubber, at.path, value->bytes, at.is_safe, 0, out);
    return status == SD_OK ? sd_pb_close(out, content) : status;
  case SD_ANY_BYTES:
    return put_binary(scrubber, value->bytes, at, out);
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
    return put_members(scrubber, value, at, out);
  case SD_ANY_BOOL:
  case SD_ANY_INT:
  case SD_ANY_DOUBLE:
    return put_number(value, out);
  case SD_ANY_NULL:
    break;
  }
  return sd_buf_status(out);
}

/* What stands for a value whose key is that of a secret. *ret_kept: nothing was written. */
static sd_status put_redacted(sd_record_scrubber *scrubber, const sd_any_view *value, sd_bytes match,
                              place at, sd_buf *out, bool *ret_kept)
{
  sd_bytes replacement;
  sd_bytes shown = value->bytes;
  if (value->type != SD_ANY_STRING && scrubber->callback) {
    sd_buf_clear(&scrubber->text);
    sd_status failed = sd_any_to_json(value, &scrubber->text);
    if (failed != SD_OK)
      return failed;
    shown = sd_buf_bytes(&scrubber->text);
  }
  sd_status status = sd_scrub_redact(scrubber, at.path, match, shown, &replacement);
  *ret_kept = status == SD_OK && !replacement.data;
  if (status != SD_OK || *ret_kept)
    return status;
  /* A list stays one. */
  bool is_array = value->type == SD_ANY_ARRAY;
  size_t list = is_array ? sd_pb_open(out, SD_ANY_ARRAY) : 0;
  size_t member = is_array ? sd_pb_open(out, SD_OTLP_VALUES) : 0;
  size_t content = sd_pb_open(out, SD_ANY_STRING);
  status = sd_scrub_put_plain(scrubber, at.path, replacement, out);
  if (status == SD_OK)
    status = sd_pb_close(out, content);
  if (status == SD_OK && is_array)
    status = sd_pb_close(out, member);
  if (status == SD_OK && is_array)
    status = sd_pb_close(out, list);
  return status;
}

/* The content of a KeyValue; at.path is what it stands in. */
static sd_status put_attribute(sd_record_scrubber *scrubber, const sd_attribute_view *attribute, place at,
                               sd_buf *out)
{
  sd_bytes match;
  bool is_kept = true;
  sd_scrub_path path = sd_scrub_path_key(at.path, attribute->key);
  size_t content = sd_pb_open(out, SD_OTLP_KEY_VALUE_KEY);
  sd_status status = sd_scrub_put_plain(scrubber, &path, attribute->key, out);
  if (status == SD_OK)
    status = sd_pb_close(out, content);
  if (status != SD_OK)
    return status;
  content = sd_pb_open(out, SD_OTLP_KEY_VALUE_VALUE);
  at.path = &path;
  at.is_safe = at.is_safe || sd_scrub_key_is_safe(attribute->key);
  if (!at.is_safe && sd_scrub_suspects_key(scrubber, attribute->key, &match)) {
    status = put_redacted(scrubber, &attribute->value, match, at, out, &is_kept);
    at.is_safe = true;
  }
  if (status == SD_OK && is_kept)
    status = put_any(scrubber, &attribute->value, at, out);
  return status == SD_OK ? sd_pb_close(out, content) : status;
}

/* ---- Messages
 * --------------------------------------------------------------------------------------------------- */

static const char SCRUBBED_KEY[] = "logfire.scrubbed";

static sd_status put_message(sd_record_scrubber *scrubber, const sd_scrub_layout *layout,
                             const sd_scrub_path *path, sd_bytes message, sd_buf *out);

static sd_status put_attribute_field(sd_record_scrubber *scrubber, const sd_pb_field *field,
                                     const sd_scrub_path *up, sd_buf *out)
{
  sd_attribute_view attribute;
  if (!sd_attribute_read(field->bytes, &attribute))
    return SD_INVALID;
  sd_scrub_path path = sd_scrub_path_key(up, sd_bytes_of("attributes"));
  size_t content = sd_pb_open(out, field->number);
  sd_status status = put_attribute(scrubber, &attribute, (place){.path = &path}, out);
  return status == SD_OK ? sd_pb_close(out, content) : status;
}

static sd_status put_any_field(sd_record_scrubber *scrubber, const sd_pb_field *field, sd_buf *out)
{
  sd_any_view value;
  if (!sd_any_read(field->bytes, &value))
    return SD_INVALID;
  sd_scrub_path path = sd_scrub_path_key(NULL, sd_bytes_of("log_body"));
  size_t content = sd_pb_open(out, field->number);
  sd_status status = put_any(scrubber, &value, (place){.path = &path}, out);
  return status == SD_OK ? sd_pb_close(out, content) : status;
}

/* The index-th event or link, or the status (name NULL). */
static sd_status put_part(sd_record_scrubber *scrubber, const sd_pb_field *field,
                          const sd_scrub_layout *layout, const char *name, size_t index, sd_buf *out)
{
  sd_scrub_path list = sd_scrub_path_key(NULL, sd_bytes_of(name));
  sd_scrub_path item = sd_scrub_path_index(&list, index);
  size_t content = sd_pb_open(out, field->number);
  sd_status status = put_message(scrubber, layout, name ? &item : NULL, field->bytes, out);
  return status == SD_OK ? sd_pb_close(out, content) : status;
}

static sd_status put_text_field(sd_record_scrubber *scrubber, const sd_pb_field *field,
                                const sd_scrub_layout *layout, const sd_scrub_path *up, sd_buf *out)
{
  sd_scrub_path path = sd_scrub_path_key(up, sd_bytes_of(layout->text));
  size_t content = sd_pb_open(out, field->number);
  sd_status status = sd_scrub_put_plain(scrubber, &path, field->bytes, out);
  return status == SD_OK ? sd_pb_close(out, content) : status;
}

/* A list with a secret in it is left out whole: it must not be changed by others than its owners. */
static sd_status put_trace_state(sd_record_scrubber *scrubber, const sd_pb_field *field, sd_buf *out)
{
  if (!sd_scrub_finds(scrubber->secrets, SD_SCRUB_REGISTERED, field->bytes) &&
      sd_utf8_valid(field->bytes.data, field->bytes.len))
    return sd_pb_append_bytes(out, field->number, field->bytes);
  scrubber->is_changed = true;
  return SD_OK;
}

static bool is_scrubbed_note(const sd_pb_field *field, sd_any_view *ret_value)
{
  sd_attribute_view attribute;
  if (!sd_attribute_read(field->bytes, &attribute) || !sd_bytes_equal_text(attribute.key, SCRUBBED_KEY))
    return false;
  *ret_value = attribute.value;
  return true;
}

/* Appends all fields; unknown ones are left out. What was listed in logfire.scrubbed before is left to
 * put_notes when `path` is NULL. */
static sd_status put_message(sd_record_scrubber *scrubber, const sd_scrub_layout *layout,
                             const sd_scrub_path *path, sd_bytes message, sd_buf *out)
{
  sd_status status = SD_OK;
  sd_pb_field field;
  sd_any_view value;
  bool is_empty = message.len == 0;
  size_t events = 0;
  size_t links = 0;
  while (status == SD_OK && sd_pb_next(&message, &field)) {
    switch (sd_scrub_content_of(layout, &field)) {
    case SD_SCRUB_UNKNOWN:
      break;
    case SD_SCRUB_VARINT:
    case SD_SCRUB_FIXED64:
    case SD_SCRUB_FIXED32:
      status = sd_pb_append_number(out, field.number, field.wire_type, field.integer);
      break;
    case SD_SCRUB_ID:
      if (field.bytes.len == SD_SPAN_ID_SIZE || field.bytes.len == SD_TRACE_ID_SIZE)
        status = sd_pb_append_bytes(out, field.number, field.bytes);
      break;
    case SD_SCRUB_TRACE_STATE:
      status = put_trace_state(scrubber, &field, out);
      break;
    case SD_SCRUB_TEXT:
      status = put_text_field(scrubber, &field, layout, path, out);
      break;
    case SD_SCRUB_ANY:
      status = put_any_field(scrubber, &field, out);
      break;
    case SD_SCRUB_ATTRIBUTE:
      if (path || !is_scrubbed_note(&field, &value))
        status = put_attribute_field(scrubber, &field, path, out);
      break;
    case SD_SCRUB_EVENT:
      status = put_part(scrubber, &field, &sd_scrub_event_layout, "otel_events", events++, out);
      break;
    case SD_SCRUB_LINK:
      status = put_part(scrubber, &field, &sd_scrub_link_layout, "links", links++, out);
      break;
    case SD_SCRUB_STATUS:
      status = put_part(scrubber, &field, &sd_scrub_status_layout, NULL, 0, out);
      break;
    }
  }
  if (status == SD_OK && !is_empty && !message.data)
    status = SD_INVALID;
  return status;
}

/* The notes that the message had before, without brackets. False when it had none, or no list. */
static bool find_notes(const sd_scrub_layout *layout, sd_bytes message, sd_bytes *ret_notes)
{
  sd_pb_field field;
  sd_any_view value;
  bool is_found = false;
  while (sd_pb_next(&message, &field)) {
    if (sd_scrub_content_of(layout, &field) != SD_SCRUB_ATTRIBUTE || !is_scrubbed_note(&field, &value))
      continue;
    sd_bytes list = value.bytes;
    is_found =
        value.type == SD_ANY_STRING && list.len > 2 && list.data[0] == '[' && list.data[list.len - 1] == ']';
    if (is_found)
      *ret_notes = sd_bytes_make(list.data + 1, list.len - 2);
  }
  return is_found;
}

static sd_status put_notes(sd_record_scrubber *scrubber, const sd_scrub_layout *layout, sd_bytes before,
                           sd_buf *out)
{
  if (before.len + scrubber->message_notes.len + scrubber->notes.len == 0)
    return SD_OK;
  const sd_bytes parts[] = {before, sd_buf_bytes(&scrubber->message_notes), sd_buf_bytes(&scrubber->notes)};
  size_t attribute = sd_pb_open(out, layout->attributes);
  sd_pb_append_bytes(out, SD_OTLP_KEY_VALUE_KEY, sd_bytes_of(SCRUBBED_KEY));
  size_t any = sd_pb_open(out, SD_OTLP_KEY_VALUE_VALUE);
  size_t text = sd_pb_open(out, SD_ANY_STRING);
  sd_buf_append_byte(out, '[');
  bool is_first = true;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i].len == 0)
      continue;
    if (!is_first)
      sd_buf_append_text(out, ", ");
    sd_buf_append_bytes(out, parts[i]);
    is_first = false;
  }
  sd_buf_append_byte(out, ']');
  sd_pb_close(out, text);
  sd_pb_close(out, any);
  return sd_pb_close(out, attribute);
}

sd_status sd_scrub_write(sd_record_scrubber *scrubber, const sd_scrub_layout *layout, sd_bytes message,
                         sd_buf *out)
{
  sd_bytes before = {NULL, 0};
  sd_status status = put_message(scrubber, layout, NULL, message, out);
  if (status != SD_OK)
    return status;
  sd_buf_clear(&scrubber->text);
  if (find_notes(layout, message, &before)) {
    sd_scrub_path path = sd_scrub_path_key(NULL, sd_bytes_of(SCRUBBED_KEY));
    status = sd_scrub_put_plain(scrubber, &path, before, &scrubber->text);
    if (status != SD_OK)
      return status;
  }
  return put_notes(scrubber, layout, sd_buf_bytes(&scrubber->text), out);
}
