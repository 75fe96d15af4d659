/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the fields of OTLP's Span, LogRecord and their parts hold, for scrubbing. */
#include "trace/otlp_fields.h"
#include "trace/scrub_internal.h"

const sd_scrub_layout sd_scrub_span_layout = {
    .fields = {[SD_OTLP_SPAN_TRACE_ID] = SD_SCRUB_ID,
               [SD_OTLP_SPAN_SPAN_ID] = SD_SCRUB_ID,
               [SD_OTLP_SPAN_TRACE_STATE] = SD_SCRUB_TRACE_STATE,
               [SD_OTLP_SPAN_PARENT_ID] = SD_SCRUB_ID,
               [SD_OTLP_SPAN_NAME] = SD_SCRUB_TEXT,
               [SD_OTLP_SPAN_KIND] = SD_SCRUB_VARINT,
               [SD_OTLP_SPAN_START] = SD_SCRUB_FIXED64,
               [SD_OTLP_SPAN_END] = SD_SCRUB_FIXED64,
               [SD_OTLP_SPAN_ATTRIBUTES] = SD_SCRUB_ATTRIBUTE,
               [SD_OTLP_SPAN_DROPPED_ATTRIBUTES] = SD_SCRUB_VARINT,
               [SD_OTLP_SPAN_EVENTS] = SD_SCRUB_EVENT,
               [SD_OTLP_SPAN_DROPPED_EVENTS] = SD_SCRUB_VARINT,
               [SD_OTLP_SPAN_LINKS] = SD_SCRUB_LINK,
               [SD_OTLP_SPAN_DROPPED_LINKS] = SD_SCRUB_VARINT,
               [SD_OTLP_SPAN_STATUS] = SD_SCRUB_STATUS,
               [SD_OTLP_SPAN_FLAGS] = SD_SCRUB_FIXED32},
    .text = "span_name",
    .attributes = SD_OTLP_SPAN_ATTRIBUTES,
};
const sd_scrub_layout sd_scrub_event_layout = {
    .fields = {[SD_OTLP_EVENT_TIME] = SD_SCRUB_FIXED64,
               [SD_OTLP_EVENT_NAME] = SD_SCRUB_TEXT,
               [SD_OTLP_EVENT_ATTRIBUTES] = SD_SCRUB_ATTRIBUTE,
               [SD_OTLP_EVENT_DROPPED_ATTRIBUTES] = SD_SCRUB_VARINT},
    .text = "name",
    .attributes = SD_OTLP_EVENT_ATTRIBUTES,
};
const sd_scrub_layout sd_scrub_link_layout = {
    .fields = {[SD_OTLP_LINK_TRACE_ID] = SD_SCRUB_ID,
               [SD_OTLP_LINK_SPAN_ID] = SD_SCRUB_ID,
               [SD_OTLP_LINK_TRACE_STATE] = SD_SCRUB_TRACE_STATE,
               [SD_OTLP_LINK_ATTRIBUTES] = SD_SCRUB_ATTRIBUTE,
               [SD_OTLP_LINK_DROPPED_ATTRIBUTES] = SD_SCRUB_VARINT,
               [SD_OTLP_LINK_FLAGS] = SD_SCRUB_FIXED32},
    .attributes = SD_OTLP_LINK_ATTRIBUTES,
};
const sd_scrub_layout sd_scrub_status_layout = {
    .fields = {[SD_OTLP_STATUS_MESSAGE] = SD_SCRUB_TEXT, [SD_OTLP_STATUS_CODE] = SD_SCRUB_VARINT},
    .text = "otel_status_message",
};
const sd_scrub_layout sd_scrub_log_layout = {
    .fields = {[SD_OTLP_LOG_TIME] = SD_SCRUB_FIXED64,
               [SD_OTLP_LOG_SEVERITY] = SD_SCRUB_VARINT,
               [SD_OTLP_LOG_SEVERITY_TEXT] = SD_SCRUB_TEXT,
               [SD_OTLP_LOG_BODY] = SD_SCRUB_ANY,
               [SD_OTLP_LOG_ATTRIBUTES] = SD_SCRUB_ATTRIBUTE,
               [SD_OTLP_LOG_DROPPED_ATTRIBUTES] = SD_SCRUB_VARINT,
               [SD_OTLP_LOG_FLAGS] = SD_SCRUB_FIXED32,
               [SD_OTLP_LOG_TRACE_ID] = SD_SCRUB_ID,
               [SD_OTLP_LOG_SPAN_ID] = SD_SCRUB_ID,
               [SD_OTLP_LOG_OBSERVED] = SD_SCRUB_FIXED64,
               [SD_OTLP_LOG_EVENT_NAME] = SD_SCRUB_TEXT},
    .text = "log",
    .attributes = SD_OTLP_LOG_ATTRIBUTES,
};

sd_scrub_content sd_scrub_content_of(const sd_scrub_layout *layout, const sd_pb_field *field)
{
  static const uint8_t wire_types[] = {
      [SD_SCRUB_VARINT] = SD_PB_VARINT,     [SD_SCRUB_FIXED64] = SD_PB_FIXED64,
      [SD_SCRUB_FIXED32] = SD_PB_FIXED32,   [SD_SCRUB_ID] = SD_PB_BYTES,
      [SD_SCRUB_TRACE_STATE] = SD_PB_BYTES, [SD_SCRUB_TEXT] = SD_PB_BYTES,
      [SD_SCRUB_ANY] = SD_PB_BYTES,         [SD_SCRUB_ATTRIBUTE] = SD_PB_BYTES,
      [SD_SCRUB_EVENT] = SD_PB_BYTES,       [SD_SCRUB_LINK] = SD_PB_BYTES,
      [SD_SCRUB_STATUS] = SD_PB_BYTES,
  };
  sd_scrub_content content =
      field->number < SD_SCRUB_FIELDS ? (sd_scrub_content)layout->fields[field->number] : SD_SCRUB_UNKNOWN;
  return content != SD_SCRUB_UNKNOWN && wire_types[content] == field->wire_type ? content : SD_SCRUB_UNKNOWN;
}
