/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Values from their serialized form (pipeline/serial.h), which may be anybody's bytes. A count is believed
 * only as far as the bytes behind it could hold so many, so that memory stays in proportion to the input.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "pipeline/serial.h"
#include "pipeline/value.h"

typedef struct sd_serial_reader {
  const uint8_t *data;
  size_t len;
  size_t at;
  unsigned depth;
  sd_error *error;
} sd_serial_reader;

static sd_status corrupt(sd_serial_reader *reader, const char *what)
{
  return sd_error_set(reader->error, SD_CORRUPT, "a serialized value has %s (byte %zu)", what, reader->at);
}

static sd_status no_memory(sd_serial_reader *reader)
{
  return sd_error_set(reader->error, SD_NOMEM, "no memory for a serialized value of %zu bytes", reader->len);
}

static size_t left(const sd_serial_reader *reader)
{
  return reader->len - reader->at;
}

static sd_status read_number(sd_serial_reader *reader, uint64_t *ret_number)
{
  uint64_t number = 0;
  for (unsigned i = 0; i < SD_SERIAL_VARINT_MAX; i++) {
    if (left(reader) == 0)
      return corrupt(reader, "its end within a number");
    uint8_t byte = reader->data[reader->at++];
    if (i == SD_SERIAL_VARINT_MAX - 1 && byte > 1)
      break;
    number |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      if (byte == 0 && i > 0)
        break;
      *ret_number = number;
      return SD_OK;
    }
  }
  return corrupt(reader, "a malformed number");
}

static sd_status read_sized(sd_serial_reader *reader, sd_bytes *ret_bytes)
{
  uint64_t len = 0;
  sd_status status = read_number(reader, &len);
  if (status != SD_OK)
    return status;
  if (len > left(reader))
    return corrupt(reader, "a length beyond its end");
  *ret_bytes = sd_bytes_make(reader->data + reader->at, (size_t)len);
  reader->at += (size_t)len;
  return SD_OK;
}

/* A count of things that take at least `least` bytes each. */
static sd_status read_count(sd_serial_reader *reader, size_t least, size_t *ret_count)
{
  uint64_t count = 0;
  sd_status status = read_number(reader, &count);
  if (status != SD_OK)
    return status;
  if (count > left(reader) / least)
    return corrupt(reader, "a count beyond its end");
  *ret_count = (size_t)count;
  return SD_OK;
}

static sd_status read_text(sd_serial_reader *reader, sd_serial_tag tag, sd_value *ret_value)
{
  sd_bytes bytes = {NULL, 0};
  sd_status status = read_sized(reader, &bytes);
  if (status != SD_OK)
    return status;
  status = tag == SD_SERIAL_BYTES ? sd_value_bytes(bytes.data, bytes.len, ret_value)
                                  : sd_value_string((const char *)bytes.data, bytes.len, ret_value);
  if (status == SD_INVALID)
    return corrupt(reader, "a string that is not UTF-8");
  return status == SD_NOMEM ? no_memory(reader) : status;
}

static sd_status read_double(sd_serial_reader *reader, sd_value *ret_value)
{
  uint64_t bits = 0;
  double number;
  if (left(reader) < sizeof bits)
    return corrupt(reader, "its end within a number");
  for (size_t i = 0; i < sizeof bits; i++)
    bits |= (uint64_t)reader->data[reader->at++] << (8 * i);
  memcpy(&number, &bits, sizeof number);
  *ret_value = sd_value_double(number);
  return SD_OK;
}

static sd_status read_value(sd_serial_reader *reader, sd_value *ret_value);

static void release_values(sd_value *values, size_t count)
{
  for (size_t i = 0; i < count; i++)
    sd_value_release(values[i]);
  sd_free(values);
}

static sd_status enter(sd_serial_reader *reader)
{
  if (reader->depth >= SD_VALUE_NESTING_MAX)
    return corrupt(reader, "lists or maps nested too deeply");
  reader->depth++;
  return SD_OK;
}

static sd_status read_list(sd_serial_reader *reader, sd_value *ret_value)
{
  size_t count = 0;
  size_t done = 0;
  sd_status status = enter(reader);
  if (status == SD_OK)
    status = read_count(reader, 1, &count);
  if (status != SD_OK)
    return status;
  sd_value *items = sd_calloc(count, sizeof *items);
  if (!items)
    return no_memory(reader);
  for (; done < count && status == SD_OK; done++)
    status = read_value(reader, &items[done]);
  if (status != SD_OK) {
    release_values(items, count);
    return status;
  }
  reader->depth--;
  status = sd_value_list(items, count, ret_value);
  sd_free(items);
  return status == SD_OK ? SD_OK : no_memory(reader);
}

static sd_status read_map_parts(sd_serial_reader *reader, sd_bytes *keys, sd_value *values, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    sd_status status = read_sized(reader, &keys[i]);
    if (status == SD_OK)
      status = read_value(reader, &values[i]);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static sd_status read_map(sd_serial_reader *reader, sd_value *ret_value)
{
  size_t count = 0;
  sd_status status = enter(reader);
  if (status == SD_OK)
    status = read_count(reader, 2, &count);
  if (status != SD_OK)
    return status;
  sd_bytes *keys = sd_calloc(count, sizeof *keys);
  sd_value *values = keys ? sd_calloc(count, sizeof *values) : NULL;
  status = values ? read_map_parts(reader, keys, values, count) : no_memory(reader);
  if (status != SD_OK) {
    if (values)
      release_values(values, count);
    sd_free(keys);
    return status;
  }
  reader->depth--;
  status = sd_value_map_of(keys, values, count, ret_value);
  sd_free(values);
  sd_free(keys);
  if (status == SD_CONFLICT || status == SD_INVALID || status == SD_LIMIT)
    return corrupt(reader, "a map with a bad key or with one twice");
  return status == SD_OK ? SD_OK : no_memory(reader);
}

/* The chunks of an object as one piece: where there is one only, it stays where it is. */
static sd_status read_chunks(sd_serial_reader *reader, sd_buf *space, sd_bytes *ret_bytes)
{
  sd_bytes chunk;
  sd_bytes first = {NULL, 0};
  size_t chunks = 0;
  for (;;) {
    sd_status status = read_sized(reader, &chunk);
    if (status != SD_OK)
      return status;
    if (chunk.len == 0)
      break;
    if (chunks == 1)
      sd_buf_append_bytes(space, first);
    if (chunks == 0)
      first = chunk;
    else
      sd_buf_append_bytes(space, chunk);
    chunks++;
  }
  if (sd_buf_status(space) != SD_OK)
    return no_memory(reader);
  *ret_bytes = chunks > 1 ? sd_buf_bytes(space) : first;
  return SD_OK;
}

static sd_status read_opaque(sd_serial_reader *reader, sd_value *ret_value)
{
  sd_bytes name;
  sd_bytes content = {NULL, 0};
  void *object = NULL;
  sd_status status = read_sized(reader, &name);
  if (status != SD_OK)
    return status;
  const sd_value_type *type = sd_value_type_find(name);
  if (!type || !SD_VALUE_TYPE_HAS(type, deserialize)) {
    if (!sd_utf8_valid(name.data, name.len) || name.len == 0)
      return corrupt(reader, "a malformed type name");
    return sd_error_set(reader->error, SD_NOT_FOUND,
                        "a serialized value has the type \"%.*s\", which this program has not registered",
                        (int)(name.len < 128 ? name.len : 128), (const char *)name.data);
  }
  sd_buf space;
  sd_buf_init(&space, reader->len);
  status = read_chunks(reader, &space, &content);
  if (status == SD_OK) {
    sd_error_clear(reader->error);
    status = type->deserialize(content.data, content.len, &object, reader->error);
    if (status == SD_OK)
      *ret_value = sd_value_opaque(type, object);
    else if (reader->error && reader->error->code == SD_OK)
      sd_error_set(reader->error, status, "reading a value of type \"%s\": %s", type->name,
                   sd_status_text(status));
  }
  sd_buf_release(&space);
  return status;
}

static sd_status read_value(sd_serial_reader *reader, sd_value *ret_value)
{
  if (left(reader) == 0)
    return corrupt(reader, "its end where a value should begin");
  uint8_t tag = reader->data[reader->at++];
  uint64_t number;
  sd_status status;
  switch (tag) {
  case SD_SERIAL_NULL:
    *ret_value = sd_value_null();
    return SD_OK;
  case SD_SERIAL_FALSE:
  case SD_SERIAL_TRUE:
    *ret_value = sd_value_bool(tag == SD_SERIAL_TRUE);
    return SD_OK;
  case SD_SERIAL_INT:
    status = read_number(reader, &number);
    if (status == SD_OK)
      *ret_value = sd_value_int((int64_t)((number >> 1) ^ (number & 1 ? UINT64_MAX : 0)));
    return status;
  case SD_SERIAL_DOUBLE:
    return read_double(reader, ret_value);
  case SD_SERIAL_STRING:
  case SD_SERIAL_BYTES:
    return read_text(reader, (sd_serial_tag)tag, ret_value);
  case SD_SERIAL_LIST:
    return read_list(reader, ret_value);
  case SD_SERIAL_MAP:
    return read_map(reader, ret_value);
  case SD_SERIAL_OPAQUE:
    return read_opaque(reader, ret_value);
  default:
    return corrupt(reader, "an unknown tag");
  }
}

sd_status sd_value_deserialize(const void *data, size_t len, sd_value *ret_value, sd_error *error)
{
  static const uint8_t head[SD_SERIAL_HEAD_SIZE] = SD_SERIAL_HEAD;
  sd_serial_reader reader = {.data = data, .len = len, .error = error};
  if (len < sizeof head || memcmp(data, head, sizeof head - 1) != 0)
    return sd_error_set(error, SD_CORRUPT, "%zu bytes that are not a serialized value", len);
  if (reader.data[sizeof head - 1] != head[sizeof head - 1])
    return sd_error_set(error, SD_CORRUPT, "a serialized value has the version %u, this program reads %u",
                        reader.data[sizeof head - 1], head[sizeof head - 1]);
  reader.at = sizeof head;
  sd_value value = sd_value_null();
  sd_status status = read_value(&reader, &value);
  if (status == SD_OK && left(&reader) > 0) {
    sd_value_release(value);
    status = corrupt(&reader, "something behind its end");
  }
  if (status == SD_OK)
    *ret_value = value;
  return status;
}
