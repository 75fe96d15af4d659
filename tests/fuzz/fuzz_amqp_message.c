/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Message sections, every value in them as JSON, and that what was decoded encodes to the same again. */
#include "amqp/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JSON_MAX = 256 * 1024, NESTING_MAX = 4 };

static void check(bool good)
{
  if (!good)
    abort();
}

static void value(const sd_amqp_value *v)
{
  sd_buf json, again, json_again;
  sd_buf_init(&json, JSON_MAX);
  sd_buf_init(&again, 2 * 1024 * 1024);
  sd_buf_init(&json_again, JSON_MAX);
  sd_status status = sd_amqp_value_to_json(v, &json);
  if (status == SD_OK) {
    check(sd_utf8_valid(json.data, json.len));
    sd_amqp_put_value(&again, v);
    check(sd_buf_status(&again) == SD_OK);
    sd_amqp_cursor c = sd_amqp_cursor_of(sd_buf_bytes(&again));
    sd_amqp_value second;
    check(sd_amqp_decode(&c, &second) == SD_OK && c.at == c.end);
    check(second.type == v->type && sd_bytes_equal(second.descriptor, v->descriptor));
    check(sd_amqp_value_to_json(&second, &json_again) == SD_OK);
    check(sd_bytes_equal(sd_buf_bytes(&json), sd_buf_bytes(&json_again)));
  } else {
    check(json.len == 0);
  }
  sd_buf_release(&json);
  sd_buf_release(&again);
  sd_buf_release(&json_again);
  sd_amqp_value found;
  (void)sd_amqp_map_find(v, "x-opt-sequence-number", &found);
}

static void message(sd_bytes bytes, unsigned depth)
{
  sd_amqp_message m;
  sd_amqp_value fields[SD_AMQP_PROPERTY_COUNT], section;
  if (sd_amqp_message_decode(bytes, &m) != SD_OK)
    return;
  value(&m.header);
  value(&m.delivery_annotations);
  value(&m.message_annotations);
  value(&m.properties);
  value(&m.application_properties);
  value(&m.footer);
  value(&m.body);
  if (sd_amqp_properties_decode(&m.properties, fields) == SD_OK) {
    for (size_t i = 0; i < SD_AMQP_PROPERTY_COUNT; i++)
      value(&fields[i]);
  }
  uint32_t count = 0;
  sd_amqp_cursor c = sd_amqp_cursor_of(m.body_sections);
  while (sd_amqp_body_next(&c, &section) == SD_OK) {
    count++;
    /* The sections of a batch are messages. */
    if (m.body_kind == SD_AMQP_BODY_DATA && depth < NESTING_MAX)
      message(section.as.bytes, depth + 1);
  }
  check(count == m.body_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_bytes bytes = sd_bytes_make(data, size);
  sd_amqp_cursor c = sd_amqp_cursor_of(bytes);
  sd_amqp_value v;
  if (sd_amqp_decode(&c, &v) == SD_OK)
    value(&v);
  message(bytes, 0);
  return 0;
}
