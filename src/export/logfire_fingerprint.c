/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints of errors. Logfire's own SDKs take a SHA-256; to the service it is a name, so four lanes of
 * FNV-1a, which need no library, do as well. */
#include "export/logfire_fingerprint.h"

#include "trace/otlp_fields.h"
#include "trace/value.h"

#include <inttypes.h>
#include <stdio.h>

enum { LANES = 4 };

static void hash_byte(uint64_t lanes[LANES], uint8_t byte)
{
  for (unsigned i = 0; i < LANES; i++)
    lanes[i] = (lanes[i] ^ byte ^ (i << 5)) * UINT64_C(0x100000001b3);
}

static void hash_text(uint64_t lanes[LANES], sd_bytes text)
{
  for (size_t i = 0; i < text.len; i++)
    hash_byte(lanes, text.data[i]);
  hash_byte(lanes, 0);
}

/* A stack without what differs from run to run and from build to build: numbers and addresses. */
static void hash_stack(uint64_t lanes[LANES], sd_bytes stack)
{
  for (size_t i = 0; i < stack.len; i++) {
    uint8_t c = stack.data[i];
    bool is_hex = c == '0' && i + 1 < stack.len && stack.data[i + 1] == 'x';
    if (is_hex)
      i += 2;
    while (i < stack.len && ((stack.data[i] >= '0' && stack.data[i] <= '9') ||
                             (is_hex && (stack.data[i] | 32) >= 'a' && (stack.data[i] | 32) <= 'f')))
      i++;
    if (i < stack.len)
      hash_byte(lanes, stack.data[i]);
  }
  hash_byte(lanes, 0);
}

static bool is_exception(sd_bytes event)
{
  sd_pb_field field;
  while (sd_pb_next(&event, &field)) {
    if (field.number == SD_OTLP_EVENT_NAME)
      return field.wire_type == SD_PB_BYTES && sd_bytes_equal_text(field.bytes, "exception");
  }
  return false;
}

static bool find_exception(sd_bytes span, sd_bytes *ret_event)
{
  sd_pb_field field;
  while (sd_pb_next(&span, &field)) {
    if (field.number == SD_OTLP_SPAN_EVENTS && field.wire_type == SD_PB_BYTES && is_exception(field.bytes)) {
      *ret_event = field.bytes;
      return true;
    }
  }
  return false;
}

static sd_bytes name_of(sd_bytes span)
{
  sd_pb_field field;
  while (sd_pb_next(&span, &field)) {
    if (field.number == SD_OTLP_SPAN_NAME && field.wire_type == SD_PB_BYTES)
      return field.bytes;
  }
  return sd_bytes_make(NULL, 0);
}

bool sd_logfire_fingerprint(sd_bytes span, char *dst)
{
  uint64_t lanes[LANES];
  sd_bytes event;
  sd_attribute_view attribute;
  if (!find_exception(span, &event))
    return false;
  for (unsigned i = 0; i < LANES; i++)
    lanes[i] = UINT64_C(0xcbf29ce484222325) + i * UINT64_C(0x9e3779b97f4a7c15);
  bool has_stack = false;
  while (sd_attribute_next_field(&event, SD_OTLP_EVENT_ATTRIBUTES, &attribute)) {
    if (attribute.value.type != SD_ANY_STRING)
      continue;
    if (sd_bytes_equal_text(attribute.key, "exception.type")) {
      hash_text(lanes, attribute.value.bytes);
    } else if (sd_bytes_equal_text(attribute.key, "exception.stacktrace")) {
      hash_stack(lanes, attribute.value.bytes);
      has_stack = true;
    }
  }
  /* Without a stack the span says where it was. */
  if (!has_stack)
    hash_text(lanes, name_of(span));
  for (size_t i = 0; i < LANES; i++) {
    lanes[i] = (lanes[i] ^ lanes[i] >> 32) * UINT64_C(0xd6e8feb86659fd93);
    snprintf(dst + 16 * i, 17, "%016" PRIx64, lanes[i] ^ lanes[i] >> 32);
  }
  return true;
}
