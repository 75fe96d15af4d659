/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Writing spans as the trace room does, in the simplest way. */
#include "make_record.h"

#include "trace/otlp_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { OTLP_MAX = 1 << 20 };

static void changed(made_record *made)
{
  made->record.otlp = made->otlp.data;
  made->record.otlp_len = made->otlp.len;
}

static void put_bytes(sd_buf *out, uint32_t field, const void *data, size_t len)
{
  uint8_t *at;
  assert_int_equal(sd_buf_reserve(out, len + 2 * SD_PB_VARINT_MAX, &at), SD_OK);
  sd_buf_commit(out, (size_t)(sd_pb_put_bytes(at, field, data, len) - at));
}

static void put_number(sd_buf *out, uint32_t field, uint32_t wire_type, uint64_t value)
{
  uint8_t bytes[2 * SD_PB_VARINT_MAX];
  uint8_t *end = sd_pb_put_tag(bytes, field, wire_type);
  end = wire_type == SD_PB_FIXED64   ? sd_pb_put_fixed64(end, value)
        : wire_type == SD_PB_FIXED32 ? sd_pb_put_fixed32(end, (uint32_t)value)
                                     : sd_pb_put_varint(end, value);
  assert_int_equal(sd_buf_append(out, bytes, (size_t)(end - bytes)), SD_OK);
}

void make_span(made_record *made, uint8_t id, uint8_t parent, const char *name, int64_t start_us,
               int64_t end_us)
{
  memset(made, 0, sizeof *made);
  sd_record *r = &made->record;
  sd_buf_init(&made->otlp, OTLP_MAX);
  r->kind = SD_RECORD_SPAN;
  memset(r->trace_id, 0x11, sizeof r->trace_id);
  memset(r->span_id, id, sizeof r->span_id);
  memset(r->parent_id, parent, sizeof r->parent_id);
  r->span_kind = SD_SPAN_INTERNAL;
  r->start_unix_ns = start_us * 1000;
  r->end_unix_ns = end_us * 1000;
  r->name = name;
  r->name_len = strlen(name);
  put_bytes(&made->otlp, SD_OTLP_SPAN_TRACE_ID, r->trace_id, sizeof r->trace_id);
  put_bytes(&made->otlp, SD_OTLP_SPAN_SPAN_ID, r->span_id, sizeof r->span_id);
  if (parent)
    put_bytes(&made->otlp, SD_OTLP_SPAN_PARENT_ID, r->parent_id, sizeof r->parent_id);
  put_bytes(&made->otlp, SD_OTLP_SPAN_NAME, name, strlen(name));
  put_number(&made->otlp, SD_OTLP_SPAN_KIND, SD_PB_VARINT, r->span_kind);
  put_number(&made->otlp, SD_OTLP_SPAN_START, SD_PB_FIXED64, (uint64_t)r->start_unix_ns);
  put_number(&made->otlp, SD_OTLP_SPAN_END, SD_PB_FIXED64, (uint64_t)r->end_unix_ns);
  put_number(&made->otlp, SD_OTLP_SPAN_FLAGS, SD_PB_FIXED32,
             SD_OTLP_FLAG_REMOTE_KNOWN | SD_TRACE_FLAG_SAMPLED);
  changed(made);
}

void make_log(made_record *made, uint8_t id, uint8_t parent, int level, const char *message, int64_t at_us)
{
  make_span(made, id, parent, message, at_us, at_us);
  made->record.is_log = 1;
  made->record.level = level;
  made->record.message = message;
  made->record.message_len = strlen(message);
}

void make_pending(made_record *made, uint8_t id, uint8_t parent, const char *name, int64_t start_us)
{
  make_span(made, id, parent, name, start_us, start_us);
  made->record.kind = SD_RECORD_PENDING;
}

void add_attribute(made_record *made, const char *key, sd_any value)
{
  uint8_t bytes[1 << 14];
  sd_attribute attribute = sd_attribute_make(key, value);
  size_t size = sd_attribute_size(&attribute, 0);
  assert_true(size <= sizeof bytes);
  sd_attribute_encode(&attribute, 0, bytes);
  put_bytes(&made->otlp, SD_OTLP_SPAN_ATTRIBUTES, bytes, size);
  changed(made);
}

void add_event(made_record *made, const char *name, const sd_attribute *attributes, size_t count)
{
  sd_buf event;
  sd_buf_init(&event, OTLP_MAX);
  put_bytes(&event, SD_OTLP_EVENT_NAME, name, strlen(name));
  for (size_t i = 0; i < count; i++) {
    uint8_t bytes[1 << 14];
    size_t size = sd_attribute_size(&attributes[i], 0);
    assert_true(size <= sizeof bytes);
    sd_attribute_encode(&attributes[i], 0, bytes);
    put_bytes(&event, SD_OTLP_EVENT_ATTRIBUTES, bytes, size);
  }
  put_bytes(&made->otlp, SD_OTLP_SPAN_EVENTS, event.data, event.len);
  sd_buf_release(&event);
  changed(made);
}

void set_status(made_record *made, sd_span_status status, const char *description)
{
  sd_buf bytes;
  sd_buf_init(&bytes, OTLP_MAX);
  if (description)
    put_bytes(&bytes, SD_OTLP_STATUS_MESSAGE, description, strlen(description));
  put_number(&bytes, SD_OTLP_STATUS_CODE, SD_PB_VARINT, status);
  put_bytes(&made->otlp, SD_OTLP_SPAN_STATUS, bytes.data, bytes.len);
  made->record.status = (uint8_t)status;
  sd_buf_release(&bytes);
  changed(made);
}

void release_record(made_record *made)
{
  sd_buf_release(&made->otlp);
}
