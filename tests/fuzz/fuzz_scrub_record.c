/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an OTLP Span or LogRecord (by the first bit): what scrubbing lets through is well-formed, its
 * texts are UTF-8, none of them holds the registered secret, and scrubbing it again changes nothing. */
#include "base/scrub.h"
#include "trace/otlp_fields.h"
#include "trace/scrub_record.h"
#include "trace/value.h"

#include <stdlib.h>

#define SECRET "fuzz-secret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sd_record_scrubber *scrubber;
static sd_scrubber *secrets;

static void check(bool good)
{
  if (!good)
    abort();
}

static void check_text(sd_bytes text)
{
  check(sd_utf8_valid(text.data, text.len));
  check(!sd_scrub_finds(secrets, SD_SCRUB_REGISTERED, text));
}

static void check_any(const sd_any_view *value, unsigned depth)
{
  sd_bytes rest = value->bytes;
  sd_any_view member;
  sd_attribute_view pair;
  check(depth <= SD_VALUE_DEPTH_MAX);
  if (value->type == SD_ANY_STRING) {
    check_text(value->bytes);
  } else if (value->type == SD_ANY_BYTES) {
    check(!sd_scrub_finds(secrets, SD_SCRUB_REGISTERED, value->bytes));
  } else if (value->type == SD_ANY_ARRAY) {
    while (sd_any_next(&rest, &member))
      check_any(&member, depth + 1);
    check(rest.len == 0);
  } else if (value->type == SD_ANY_MAP) {
    while (sd_attribute_next(&rest, &pair)) {
      check_text(pair.key);
      check_any(&pair.value, depth + 1);
    }
    check(rest.len == 0);
  }
}

/* Sixteen bytes of an id may look like anything. */
static bool is_trace_id(const sd_pb_field *field, bool is_log)
{
  return field->bytes.len == SD_TRACE_ID_SIZE &&
         field->number == (is_log ? (uint32_t)SD_OTLP_LOG_TRACE_ID : (uint32_t)SD_OTLP_SPAN_TRACE_ID);
}

/* A Span or a LogRecord, or a part of a Span: event, link, status. */
static void check_message(sd_bytes message, bool is_log, bool is_part)
{
  uint32_t attributes = is_log ? SD_OTLP_LOG_ATTRIBUTES : SD_OTLP_SPAN_ATTRIBUTES;
  sd_attribute_view attribute;
  sd_any_view body;
  sd_pb_field field;
  bool is_empty = message.len == 0;
  while (sd_pb_next(&message, &field)) {
    if (field.wire_type != SD_PB_BYTES)
      continue;
    if (!is_part && field.number == attributes) {
      check(sd_attribute_read(field.bytes, &attribute));
      check_text(attribute.key);
      check_any(&attribute.value, 0);
    } else if (!is_part && is_log && field.number == SD_OTLP_LOG_BODY) {
      check(sd_any_read(field.bytes, &body));
      check_any(&body, 0);
    } else if (!is_part && !is_log &&
               (field.number == SD_OTLP_SPAN_EVENTS || field.number == SD_OTLP_SPAN_LINKS ||
                field.number == SD_OTLP_SPAN_STATUS)) {
      check_message(field.bytes, is_log, true);
    } else if (!is_trace_id(&field, is_log && !is_part)) {
      check(!sd_scrub_finds(secrets, SD_SCRUB_REGISTERED, field.bytes));
    }
  }
  check(is_empty || message.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const sd_telemetry_options options;
  if (!scrubber) {
    check(sd_record_scrubber_new(&options, &scrubber, NULL) == SD_OK && sd_scrubber_new(&secrets) == SD_OK);
    check(sd_record_scrubber_add(scrubber, SECRET) == SD_OK && sd_scrubber_add(secrets, SECRET) == SD_OK);
  }
  if (size == 0)
    return 0;
  bool is_log = data[0] & 1;
  sd_record in = {.kind = is_log ? SD_RECORD_LOG : SD_RECORD_SPAN,
                  .message = "{a} " SECRET,
                  .message_len = sizeof "{a} " SECRET - 1,
                  .otlp = data + 1,
                  .otlp_len = size - 1};
  sd_record out;
  sd_record again;
  sd_buf scratch;
  sd_buf second;
  sd_buf_init(&scratch, 4 * SD_SPAN_BYTES_MAX);
  sd_buf_init(&second, 4 * SD_SPAN_BYTES_MAX);
  if (sd_record_scrub(scrubber, &in, &scratch, &out) == SD_OK) {
    sd_bytes message = sd_bytes_make(out.otlp, out.otlp_len);
    check_text(sd_bytes_make(out.message, out.message_len));
    check_text(sd_bytes_make(out.name, out.name_len));
    check_message(message, is_log, false);
    if (sd_record_scrub(scrubber, &out, &second, &again) == SD_OK)
      check_message(sd_bytes_make(again.otlp, again.otlp_len), is_log, false);
  }
  sd_buf_release(&second);
  sd_buf_release(&scratch);
  return 0;
}
