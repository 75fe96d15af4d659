/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* AnyValue and KeyValue of OTLP (common.proto): sizes, encoding, reading. Shared by spans, logs, metrics and
 * export. */
#ifndef SD_TRACE_VALUE_H
#define SD_TRACE_VALUE_H

#include "base/buf.h"
#include "trace/protobuf.h"

#include <streamduck/trace.h>

/* Bytes of the AnyValue message itself (without tag and length). Text that is not UTF-8 is counted as it will
 * be repaired. value_length: 0 or the limit of sd_span_limits. */
size_t sd_any_size(const sd_any *any, uint32_t value_length);
/* Writes it to `at`, which has sd_any_size bytes. Returns the end. */
uint8_t *sd_any_encode(const sd_any *any, uint32_t value_length, uint8_t *at);

/* The same for KeyValue {1 key, 2 value}, without its own tag and length. */
size_t sd_attribute_size(const sd_attribute *attribute, uint32_t value_length);
uint8_t *sd_attribute_encode(const sd_attribute *attribute, uint32_t value_length, uint8_t *at);

/* A value in encoded form, to be walked. */
typedef struct sd_any_view {
  sd_any_type type;
  sd_bytes bytes;  /* string, bytes: the content; array, map: the ArrayValue or KeyValueList message */
  int64_t integer; /* int, bool */
  double number;
} sd_any_view;

typedef struct sd_attribute_view {
  sd_bytes key;
  sd_any_view value;
} sd_attribute_view;

/* Reads an AnyValue message. False when malformed. */
bool sd_any_read(sd_bytes message, sd_any_view *ret_value);
/* Reads a KeyValue message. False when malformed. */
bool sd_attribute_read(sd_bytes message, sd_attribute_view *ret_attribute);
/* The next member of an array view (walk a copy of view.bytes). False at the end. */
bool sd_any_next(sd_bytes *array, sd_any_view *ret_value);
/* The next member of a map view. False at the end. */
bool sd_attribute_next(sd_bytes *map, sd_attribute_view *ret_attribute);
/* The next field `number` of type KeyValue in a message (a Span's attributes are field 9). False at the end.
 */
bool sd_attribute_next_field(sd_bytes *message, uint32_t number, sd_attribute_view *ret_attribute);

/* How a value is written as text; forms differ in what is named here. */
typedef struct sd_any_style {
  const char *comma, *colon, *null;
  void (*put_key)(sd_bytes key, sd_buf *out);
  void (*put_plain)(const sd_any_view *value, sd_buf *out); /* string, bool, int, double or bytes */
} sd_any_style;
/* Appends the value; arrays and maps deeper than SD_VALUE_DEPTH_MAX are null. */
void sd_any_write(const sd_any_view *value, const sd_any_style *style, sd_buf *out);

/* Appends the value as JSON: compact, UTF-8 as it is, bytes as base64, doubles always with point or exponent,
 * non-finite ones as the strings nan, inf and -inf; deeper than SD_VALUE_DEPTH_MAX null. Nothing is appended
 * on failure. */
sd_status sd_any_to_json(const sd_any_view *value, sd_buf *out);

#endif
