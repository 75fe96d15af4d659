/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Messages within a message. */
#include "eventhubs/batch_encode.h"

#include "amqp/message.h"

enum { LENGTH_SIZE = 4, BINARY32 = 0xb0, HEADER_FIELDS = 5 };

static void put_key(sd_buf *out, sd_bytes key)
{
  sd_amqp_put_section(out, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
  size_t mark = sd_amqp_begin_map(out);
  sd_amqp_put_symbol(out, sd_bytes_of("x-opt-partition-key"));
  sd_amqp_put_string(out, key);
  sd_amqp_end_map(out, mark, 2);
}

/* A header that says something: services have been seen to ignore the key beside an empty one. */
static void put_durable_header(sd_buf *out)
{
  sd_amqp_put_section(out, SD_AMQP_SECTION_HEADER);
  size_t mark = sd_amqp_begin_list(out);
  sd_amqp_put_boolean(out, true);
  for (int i = 1; i < HEADER_FIELDS; i++)
    sd_amqp_put_null(out);
  sd_amqp_end_list(out, mark, HEADER_FIELDS);
}

/* The event's own message, whose length is filled in afterwards, so that it is written in place. */
static sd_status put_event(sd_buf *out, const sd_sender_event *event, sd_bytes key)
{
  static const uint8_t no_length[LENGTH_SIZE] = {0};
  sd_amqp_put_section(out, SD_AMQP_SECTION_DATA);
  sd_buf_append_byte(out, BINARY32);
  sd_buf_append(out, no_length, sizeof no_length);
  size_t start = out->len;
  if (key.len > 0)
    put_key(out, key);
  if (event->properties_encoded.len > 0) {
    sd_amqp_put_section(out, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
    sd_buf_append_bytes(out, event->properties_encoded);
  }
  sd_amqp_put_data_section(out, event->body);
  sd_status status = sd_buf_status(out);
  if (status != SD_OK)
    return status;
  uint32_t len = (uint32_t)(out->len - start);
  for (int i = 0; i < LENGTH_SIZE; i++)
    out->data[start - LENGTH_SIZE + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
  return SD_OK;
}

sd_status sd_eventhubs_encode_batch(sd_buf *out, const sd_sender_event *events, uint32_t count)
{
  sd_bytes key = events[0].partition_key;
  if (key.len > 0) {
    put_durable_header(out);
    put_key(out, key);
  }
  sd_status status = sd_buf_status(out);
  for (uint32_t i = 0; status == SD_OK && i < count; i++)
    status = put_event(out, &events[i], key);
  return status;
}
