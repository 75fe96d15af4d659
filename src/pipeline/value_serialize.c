/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values to their serialized form (pipeline/serial.h). */
#include "pipeline/serial.h"
#include "pipeline/value.h"

enum { WRITER_BUFFER = 1024 };

typedef struct sd_serial_writer {
  sd_write_fn *write;
  void *user;
  sd_error *error;
  size_t len;
  uint8_t buffer[WRITER_BUFFER];
} sd_serial_writer;

static sd_status flush(sd_serial_writer *writer)
{
  sd_status status = writer->len > 0 ? writer->write(writer->user, writer->buffer, writer->len) : SD_OK;
  writer->len = 0;
  return status;
}

static sd_status put(sd_serial_writer *writer, const void *data, size_t len)
{
  if (len > sizeof writer->buffer - writer->len) {
    sd_status status = flush(writer);
    if (status != SD_OK)
      return status;
    if (len > sizeof writer->buffer)
      return writer->write(writer->user, data, len);
  }
  if (len > 0)
    memcpy(writer->buffer + writer->len, data, len);
  writer->len += len;
  return SD_OK;
}

static sd_status put_number(sd_serial_writer *writer, uint64_t number)
{
  uint8_t bytes[SD_SERIAL_VARINT_MAX];
  size_t len = 0;
  while (number >= 0x80) {
    bytes[len++] = (uint8_t)(number | 0x80);
    number >>= 7;
  }
  bytes[len++] = (uint8_t)number;
  return put(writer, bytes, len);
}

static sd_status put_tag(sd_serial_writer *writer, sd_serial_tag tag)
{
  uint8_t byte = (uint8_t)tag;
  return put(writer, &byte, 1);
}

static sd_status put_sized(sd_serial_writer *writer, const void *data, size_t len)
{
  sd_status status = put_number(writer, len);
  return status == SD_OK ? put(writer, data, len) : status;
}

static sd_status put_text(sd_serial_writer *writer, sd_serial_tag tag, const sd_text_object *text)
{
  sd_status status = put_tag(writer, tag);
  return status == SD_OK ? put_sized(writer, text->data, text->len) : status;
}

static sd_status put_double(sd_serial_writer *writer, double number)
{
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  uint8_t bytes[1 + sizeof bits];
  bytes[0] = SD_SERIAL_DOUBLE;
  for (size_t i = 0; i < sizeof bits; i++)
    bytes[1 + i] = (uint8_t)(bits >> (8 * i));
  return put(writer, bytes, sizeof bytes);
}

/* Chunks, because an object need not know its length before it writes. */
static sd_status put_chunk(void *user, const void *data, size_t len)
{
  return len > 0 ? put_sized(user, data, len) : SD_OK;
}

static sd_status put_opaque(sd_serial_writer *writer, sd_value value)
{
  const sd_value_type *type = value.type;
  if (!SD_VALUE_TYPE_HAS(type, serialize))
    return sd_error_set(writer->error, SD_UNSUPPORTED, "a value of type \"%s\" cannot be serialized",
                        type->name);
  sd_status status = put_tag(writer, SD_SERIAL_OPAQUE);
  if (status == SD_OK)
    status = put_sized(writer, type->name, strlen(type->name));
  if (status == SD_OK)
    status = type->serialize(value.as.object, put_chunk, writer, writer->error);
  if (status == SD_OK)
    status = put_number(writer, 0);
  return status;
}

static sd_status put_value(sd_serial_writer *writer, sd_value value);

static sd_status put_list(sd_serial_writer *writer, const sd_list_object *list)
{
  sd_status status = put_tag(writer, SD_SERIAL_LIST);
  if (status == SD_OK)
    status = put_number(writer, list->count);
  for (size_t i = 0; i < list->count && status == SD_OK; i++) {
    status = put_value(writer, list->items[i]);
    if (status != SD_OK)
      sd_error_prefix(writer->error, "item %zu", i);
  }
  return status;
}

static sd_status put_map(sd_serial_writer *writer, const sd_map_object *map)
{
  sd_status status = put_tag(writer, SD_SERIAL_MAP);
  if (status == SD_OK)
    status = put_number(writer, map->count);
  for (size_t i = 0; i < map->count && status == SD_OK; i++) {
    status = put_sized(writer, map->keys[i], strlen(map->keys[i]));
    if (status == SD_OK) {
      status = put_value(writer, map->values[i]);
      if (status != SD_OK)
        sd_error_prefix(writer->error, "key \"%.64s\"", map->keys[i]);
    }
  }
  return status;
}

static sd_status put_int(sd_serial_writer *writer, int64_t number)
{
  sd_status status = put_tag(writer, SD_SERIAL_INT);
  uint64_t zigzag = ((uint64_t)number << 1) ^ (number < 0 ? UINT64_MAX : 0);
  return status == SD_OK ? put_number(writer, zigzag) : status;
}

static sd_status put_value(sd_serial_writer *writer, sd_value value)
{
  switch (sd_value_kind_of(value)) {
  case SD_VALUE_NULL:
    return put_tag(writer, SD_SERIAL_NULL);
  case SD_VALUE_BOOL:
    return put_tag(writer, value.as.integer ? SD_SERIAL_TRUE : SD_SERIAL_FALSE);
  case SD_VALUE_INT:
    return put_int(writer, value.as.integer);
  case SD_VALUE_DOUBLE:
    return put_double(writer, value.as.number);
  case SD_VALUE_STRING:
    return put_text(writer, SD_SERIAL_STRING, sd_value_text_object(value));
  case SD_VALUE_BYTES:
    return put_text(writer, SD_SERIAL_BYTES, sd_value_text_object(value));
  case SD_VALUE_LIST:
    return put_list(writer, sd_value_list_object(value));
  case SD_VALUE_MAP:
    return put_map(writer, sd_value_map_object(value));
  case SD_VALUE_OPAQUE:
    return put_opaque(writer, value);
  default:
    return sd_error_set(writer->error, SD_INVALID, "a value of the unknown kind %d", (int)value.type->kind);
  }
}

sd_status sd_value_serialize(sd_value value, sd_write_fn *write, void *user, sd_error *error)
{
  sd_serial_writer writer;
  writer.write = write;
  writer.user = user;
  writer.error = error;
  writer.len = 0;
  /* What fails is either explained where it fails, or the caller's write, which is explained here. */
  sd_error_clear(error);
  static const uint8_t head[SD_SERIAL_HEAD_SIZE] = SD_SERIAL_HEAD;
  sd_status status = put(&writer, head, sizeof head);
  if (status == SD_OK)
    status = put_value(&writer, value);
  if (status == SD_OK)
    status = flush(&writer);
  if (status != SD_OK && error && error->code == SD_OK)
    sd_error_set(error, status, "writing a serialized value: %s", sd_status_text(status));
  return status;
}
