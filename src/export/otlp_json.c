/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf to JSON by the schema's tables. The fields of a message may come in any order on the wire, and
 * JSON wants those of one name together: a message is walked once to see what is there, and once more for
 * each repeated field that is.
 */
#include "export/otlp_json.h"

#include "base/coding.h"
#include "base/json_text.h"
#include "base/number.h"
#include "export/otlp_schema.h"
#include "trace/protobuf.h"

#include <inttypes.h>
#include <math.h>

static uint32_t wire_type_of(const sd_otlp_field *field)
{
  switch ((sd_otlp_kind)field->kind) {
  case SD_OTLP_BOOL:
  case SD_OTLP_ENUM:
  case SD_OTLP_UINT32:
  case SD_OTLP_SINT32:
  case SD_OTLP_INT64:
  case SD_OTLP_UINT64:
    return SD_PB_VARINT;
  case SD_OTLP_FIXED32:
    return SD_PB_FIXED32;
  case SD_OTLP_FIXED64:
  case SD_OTLP_SFIXED64:
  case SD_OTLP_DOUBLE:
    return SD_PB_FIXED64;
  case SD_OTLP_TEXT:
  case SD_OTLP_HEX:
  case SD_OTLP_BASE64:
  case SD_OTLP_MESSAGE:
    break;
  }
  return SD_PB_BYTES;
}

/* Numbers of a repeated field may stand one by one or together in a length-delimited one. */
static bool is_packed(const sd_otlp_field *field, const sd_pb_field *found)
{
  return field->repeated && found->wire_type == SD_PB_BYTES && wire_type_of(field) != SD_PB_BYTES;
}

/* A field that has our number and another type is an unknown one. */
static bool is_same(const sd_otlp_field *field, const sd_pb_field *found)
{
  return found->number == field->number &&
         (found->wire_type == wire_type_of(field) || is_packed(field, found));
}

static void put_hex(sd_bytes bytes, sd_buf *out)
{
  static const char digits[] = "0123456789abcdef";
  uint8_t *at;
  if (bytes.len > SIZE_MAX / 2 || sd_buf_reserve(out, 2 * bytes.len, &at) != SD_OK)
    return;
  for (size_t i = 0; i < bytes.len; i++) {
    *at++ = (uint8_t)digits[bytes.data[i] >> 4];
    *at++ = (uint8_t)digits[bytes.data[i] & 15];
  }
  sd_buf_commit(out, 2 * bytes.len);
}

static void put_double(uint64_t bits, sd_buf *out)
{
  double value;
  memcpy(&value, &bits, sizeof value);
  char text[SD_DOUBLE_TEXT_SIZE];
  size_t len = sd_double_to_text(value, text);
  const char *quote = isfinite(value) ? "" : "\"";
  sd_buf_append_text(out, quote);
  sd_buf_append(out, text, len);
  sd_buf_append_text(out, quote);
}

static int32_t from_zigzag(uint64_t value)
{
  uint32_t encoded = (uint32_t)value;
  return (int32_t)((encoded >> 1) ^ (0u - (encoded & 1)));
}

static void put_scalar(sd_otlp_kind kind, const sd_pb_field *found, sd_buf *out)
{
  uint64_t value = found->integer;
  switch (kind) {
  case SD_OTLP_TEXT:
    sd_json_text(found->bytes, out);
    break;
  case SD_OTLP_HEX:
    sd_buf_append_byte(out, '"');
    put_hex(found->bytes, out);
    sd_buf_append_byte(out, '"');
    break;
  case SD_OTLP_BASE64:
    sd_buf_append_byte(out, '"');
    sd_base64_encode(found->bytes, out);
    sd_buf_append_byte(out, '"');
    break;
  case SD_OTLP_BOOL:
    sd_buf_append_text(out, value ? "true" : "false");
    break;
  case SD_OTLP_ENUM:
    sd_buf_appendf(out, "%" PRId32, (int32_t)value);
    break;
  case SD_OTLP_UINT32:
  case SD_OTLP_FIXED32:
    sd_buf_appendf(out, "%" PRIu32, (uint32_t)value);
    break;
  case SD_OTLP_SINT32:
    sd_buf_appendf(out, "%" PRId32, from_zigzag(value));
    break;
  case SD_OTLP_INT64:
  case SD_OTLP_SFIXED64:
    sd_buf_appendf(out, "\"%" PRId64 "\"", (int64_t)value);
    break;
  case SD_OTLP_UINT64:
  case SD_OTLP_FIXED64:
    sd_buf_appendf(out, "\"%" PRIu64 "\"", value);
    break;
  case SD_OTLP_DOUBLE:
    put_double(value, out);
    break;
  case SD_OTLP_MESSAGE:
    break;
  }
}

static sd_status put_message(const sd_otlp_message *message, sd_bytes bytes, unsigned depth, sd_buf *out);

static sd_status put_value(const sd_otlp_field *field, const sd_pb_field *found, unsigned depth, sd_buf *out)
{
  if (field->kind == SD_OTLP_MESSAGE)
    return put_message(field->message, found->bytes, depth + 1, out);
  put_scalar((sd_otlp_kind)field->kind, found, out);
  return SD_OK;
}

static void put_comma(bool *is_first, sd_buf *out)
{
  if (!*is_first)
    sd_buf_append_byte(out, ',');
  *is_first = false;
}

static sd_status put_packed(const sd_otlp_field *field, sd_bytes numbers, bool *is_first, sd_buf *out)
{
  sd_pb_field found = {.number = field->number, .wire_type = wire_type_of(field)};
  while (numbers.len > 0) {
    if (!sd_pb_next_packed(&numbers, found.wire_type, &found.integer))
      return SD_INVALID;
    put_comma(is_first, out);
    put_scalar((sd_otlp_kind)field->kind, &found, out);
  }
  return SD_OK;
}

static sd_status put_repeated(const sd_otlp_field *field, sd_bytes bytes, unsigned depth, sd_buf *out)
{
  bool is_first = true;
  sd_pb_field found;
  sd_buf_append_byte(out, '[');
  while (sd_pb_next(&bytes, &found)) {
    if (!is_same(field, &found))
      continue;
    sd_status status = SD_OK;
    if (is_packed(field, &found)) {
      status = put_packed(field, found.bytes, &is_first, out);
    } else {
      put_comma(&is_first, out);
      status = put_value(field, &found, depth, out);
    }
    if (status != SD_OK)
      return status;
  }
  sd_buf_append_byte(out, ']');
  return SD_OK;
}

/* What a message holds: the last field found for each of the table's, number 0 where there is none. */
static sd_status survey(const sd_otlp_message *message, sd_bytes bytes, sd_pb_field *found)
{
  sd_bytes rest = bytes;
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    for (size_t i = 0; i < message->count; i++) {
      if (is_same(&message->fields[i], &field))
        found[i] = field;
    }
  }
  return bytes.len == 0 || rest.data ? SD_OK : SD_INVALID;
}

static sd_status put_message(const sd_otlp_message *message, sd_bytes bytes, unsigned depth, sd_buf *out)
{
  sd_pb_field found[SD_OTLP_FIELDS_MAX] = {{.number = 0}};
  if (depth > SD_OTLP_JSON_DEPTH_MAX)
    return SD_LIMIT;
  sd_status status = survey(message, bytes, found);
  bool is_first = true;
  sd_buf_append_byte(out, '{');
  for (size_t i = 0; status == SD_OK && i < message->count; i++) {
    const sd_otlp_field *field = &message->fields[i];
    if (found[i].number == 0)
      continue;
    put_comma(&is_first, out);
    sd_buf_append_byte(out, '"');
    sd_buf_append_text(out, field->name);
    sd_buf_append(out, "\":", 2);
    status =
        field->repeated ? put_repeated(field, bytes, depth, out) : put_value(field, &found[i], depth, out);
  }
  sd_buf_append_byte(out, '}');
  return status == SD_OK ? sd_buf_status(out) : status;
}

sd_status sd_otlp_to_json(int signal, sd_bytes request, sd_buf *out)
{
  const sd_otlp_message *message = sd_otlp_request_message(signal);
  size_t start = out->len;
  if (!message)
    return SD_INVALID;
  sd_status status = put_message(message, request, 1, out);
  if (status != SD_OK)
    sd_buf_truncate(out, start);
  return status;
}
