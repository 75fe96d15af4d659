/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Resource, scope and nested messages of OTLP requests. */
#include "export/otlp_common.h"

#include "trace/text.h"

enum { SCOPE_NAME = 1, SCOPE_VERSION = 2, RESOURCE_ATTRIBUTES = 1 };

uint8_t *sd_nest_open(uint8_t *at, uint32_t field)
{
  return sd_pb_put_tag(at, field, SD_PB_BYTES) + SD_NEST_SIZE - 1;
}

void sd_nest_close(uint8_t *content, const uint8_t *end)
{
  size_t len = (size_t)(end - content);
  for (int i = 4; i > 1; i--, len >>= 7)
    content[-i] = (uint8_t)((len & 0x7f) | 0x80);
  content[-1] = (uint8_t)len;
}

/* A length-delimited field below 16. */
static size_t field_size(size_t len)
{
  return 1 + sd_pb_varint_size(len) + len;
}

static uint8_t *field_open(uint8_t *at, uint32_t field, size_t len)
{
  return sd_pb_put_varint(sd_pb_put_tag(at, field, SD_PB_BYTES), len);
}

size_t sd_text_field_size(const char *text)
{
  size_t len = sd_text_size(sd_bytes_of(text), 0);
  return len ? field_size(len) : 0;
}

uint8_t *sd_text_field_put(uint8_t *at, uint32_t field, const char *text)
{
  size_t len = sd_text_size(sd_bytes_of(text), 0);
  return len ? sd_text_put(sd_bytes_of(text), 0, field_open(at, field, len)) : at;
}

size_t sd_attribute_field_size(const sd_attribute *attribute)
{
  return field_size(sd_attribute_size(attribute, 0));
}

uint8_t *sd_attribute_field_put(uint8_t *at, uint32_t field, const sd_attribute *attribute)
{
  return sd_attribute_encode(attribute, 0, field_open(at, field, sd_attribute_size(attribute, 0)));
}

static size_t scope_len(const sd_tracer *tracer)
{
  return sd_text_field_size(sd_tracer_name(tracer)) + sd_text_field_size(sd_tracer_version(tracer));
}

size_t sd_scope_size(const sd_tracer *tracer)
{
  return field_size(scope_len(tracer));
}

uint8_t *sd_scope_put(uint8_t *at, const sd_tracer *tracer)
{
  at = field_open(at, SD_OTLP_SCOPE_SCOPE, scope_len(tracer));
  at = sd_text_field_put(at, SCOPE_NAME, sd_tracer_name(tracer));
  return sd_text_field_put(at, SCOPE_VERSION, sd_tracer_version(tracer));
}

static size_t resource_len(const sd_tracer *tracer)
{
  size_t count, len = 0;
  const sd_attribute *attributes = sd_telemetry_resource(sd_tracer_telemetry(tracer), &count);
  for (size_t i = 0; i < count; i++)
    len += sd_attribute_field_size(&attributes[i]);
  return len;
}

size_t sd_resource_size(const sd_tracer *tracer)
{
  return field_size(resource_len(tracer));
}

uint8_t *sd_resource_put(uint8_t *at, const sd_tracer *tracer)
{
  size_t count;
  const sd_attribute *attributes = sd_telemetry_resource(sd_tracer_telemetry(tracer), &count);
  at = field_open(at, SD_OTLP_RESOURCE_RESOURCE, resource_len(tracer));
  for (size_t i = 0; i < count; i++)
    at = sd_attribute_field_put(at, RESOURCE_ATTRIBUTES, &attributes[i]);
  return at;
}
