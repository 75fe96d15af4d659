/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Reading answers. What is malformed is refused as a whole; what is unknown is skipped. */
#include "export/otlp_answer.h"

#include "base/coding.h"
#include "trace/protobuf.h"
#include "json/json.h"

enum { NS_PER_S = 1000000000 };
enum { JSON_BYTES_MAX = 4 << 20, DETAILS_BYTES_MAX = 64 << 10 };
static const char retry_info_type[] = "google.rpc.RetryInfo";

static bool ended_well(sd_bytes message, const sd_bytes *rest)
{
  return message.len == 0 || rest->data;
}

static void set_message(sd_otlp_answer *answer, sd_bytes text)
{
  size_t len = sd_utf8_cut(text.data, text.len, sizeof answer->message - 1);
  if (len)
    memcpy(answer->message, text.data, len);
  answer->message[len] = '\0';
  sd_utf8_repair(answer->message, len);
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)answer->message[i] < ' ' || answer->message[i] == 0x7f)
      answer->message[i] = ' ';
  }
}

static void set_rejected(sd_otlp_answer *answer, int64_t count)
{
  answer->rejected = count > 0 ? count : 0;
}

/* A negative delay is no wait. */
static void set_delay(sd_otlp_answer *answer, int64_t seconds, int64_t nanoseconds)
{
  if (seconds < 0 || nanoseconds < 0 || nanoseconds >= NS_PER_S)
    seconds = nanoseconds = 0;
  if (seconds >= SD_OTLP_RETRY_DELAY_MAX_S) {
    seconds = SD_OTLP_RETRY_DELAY_MAX_S;
    nanoseconds = 0;
  }
  answer->has_retry_delay = true;
  answer->retry_delay_ns = (uint64_t)seconds * NS_PER_S + (uint64_t)nanoseconds;
}

/* True for "type.googleapis.com/google.rpc.RetryInfo" and any other prefix. */
static bool is_retry_info(sd_bytes type_url)
{
  size_t len = sizeof retry_info_type - 1;
  return type_url.len >= len && memcmp(type_url.data + type_url.len - len, retry_info_type, len) == 0 &&
         (type_url.len == len || type_url.data[type_url.len - len - 1] == '/');
}

/* ---- Protobuf ---- */

static bool is_field(const sd_pb_field *field, uint32_t number, uint32_t wire_type)
{
  return field->number == number && field->wire_type == wire_type;
}

/* Export…PartialSuccess {1 rejected, 2 error_message} */
static bool read_partial(sd_bytes message, sd_otlp_answer *answer)
{
  sd_bytes rest = message;
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    if (is_field(&field, 1, SD_PB_VARINT))
      set_rejected(answer, (int64_t)field.integer);
    else if (is_field(&field, 2, SD_PB_BYTES))
      set_message(answer, field.bytes);
  }
  return ended_well(message, &rest);
}

/* Export…ServiceResponse {1 partial_success} */
static bool read_response(sd_bytes message, sd_otlp_answer *answer)
{
  sd_bytes rest = message;
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    if (is_field(&field, 1, SD_PB_BYTES) && !read_partial(field.bytes, answer))
      return false;
  }
  return ended_well(message, &rest);
}

/* RetryInfo {1 retry_delay: Duration {1 seconds, 2 nanos}} */
static bool read_duration(sd_bytes message, sd_otlp_answer *answer)
{
  sd_bytes rest = message;
  sd_pb_field field;
  int64_t seconds = 0, nanoseconds = 0;
  while (sd_pb_next(&rest, &field)) {
    if (is_field(&field, 1, SD_PB_VARINT))
      seconds = (int64_t)field.integer;
    else if (is_field(&field, 2, SD_PB_VARINT))
      nanoseconds = (int64_t)field.integer;
  }
  set_delay(answer, seconds, nanoseconds);
  return ended_well(message, &rest);
}

static bool read_retry_info(sd_bytes message, sd_otlp_answer *answer)
{
  sd_bytes rest = message;
  sd_pb_field field;
  set_delay(answer, 0, 0);
  while (sd_pb_next(&rest, &field)) {
    if (is_field(&field, 1, SD_PB_BYTES) && !read_duration(field.bytes, answer))
      return false;
  }
  return ended_well(message, &rest);
}

/* Any {1 type_url, 2 value} */
static bool read_detail(sd_bytes message, sd_otlp_answer *answer)
{
  sd_bytes rest = message, type_url = {NULL, 0}, value = {NULL, 0};
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    if (is_field(&field, 1, SD_PB_BYTES))
      type_url = field.bytes;
    else if (is_field(&field, 2, SD_PB_BYTES))
      value = field.bytes;
  }
  return ended_well(message, &rest) && (!is_retry_info(type_url) || read_retry_info(value, answer));
}

/* Status {1 code, 2 message, 3 details} */
static bool read_status(sd_bytes message, sd_otlp_answer *answer)
{
  sd_bytes rest = message;
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    if (is_field(&field, 1, SD_PB_VARINT))
      answer->code = (int32_t)field.integer;
    else if (is_field(&field, 2, SD_PB_BYTES))
      set_message(answer, field.bytes);
    else if (is_field(&field, 3, SD_PB_BYTES) && !read_detail(field.bytes, answer))
      return false;
  }
  return ended_well(message, &rest);
}

/* ---- JSON ---- */

static sd_bytes text_of(const json_t *value)
{
  return json_is_string(value) ? sd_bytes_make(json_string_value(value), json_string_length(value))
                               : sd_bytes_make(NULL, 0);
}

/* 64-bit numbers may stand as strings. */
static int64_t number_of(const json_t *value)
{
  int64_t number = 0;
  if (json_is_string(value))
    (void)sd_bytes_to_int64(text_of(value), &number);
  else if (json_is_integer(value))
    number = json_integer_value(value);
  return number;
}

static void from_partial_json(const json_t *partial, sd_otlp_answer *answer)
{
  static const char *const names[] = {"rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const json_t *rejected = json_object_get(partial, names[i]);
    if (rejected)
      set_rejected(answer, number_of(rejected));
  }
  set_message(answer, text_of(json_object_get(partial, "errorMessage")));
}

/* A Duration in JSON: "1.5s", with up to nine digits behind the point. */
static void from_duration_json(sd_bytes text, sd_otlp_answer *answer)
{
  int64_t seconds = 0, nanoseconds = 0, unit = NS_PER_S / 10;
  size_t i = 0;
  bool is_negative = text.len > 0 && text.data[0] == '-';
  for (i = is_negative; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
    if (seconds < SD_OTLP_RETRY_DELAY_MAX_S)
      seconds = seconds * 10 + (text.data[i] - '0');
  }
  if (i < text.len && text.data[i] == '.') {
    for (i++; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++, unit /= 10)
      nanoseconds += (text.data[i] - '0') * unit;
  }
  bool is_good = i + 1 == text.len && text.data[i] == 's' && !is_negative;
  set_delay(answer, is_good ? seconds : 0, is_good ? nanoseconds : 0);
}

static void from_status_json(const json_t *status, sd_otlp_answer *answer)
{
  answer->code = (int32_t)number_of(json_object_get(status, "code"));
  set_message(answer, text_of(json_object_get(status, "message")));
  const json_t *details = json_object_get(status, "details");
  for (size_t i = 0; i < json_array_size(details); i++) {
    const json_t *detail = json_array_get(details, i);
    if (is_retry_info(text_of(json_object_get(detail, "@type"))))
      from_duration_json(text_of(json_object_get(detail, "retryDelay")), answer);
  }
}

/* An object, or nothing. */
static json_t *parse(sd_bytes body)
{
  json_t *json;
  if (body.len > JSON_BYTES_MAX || sd_json_parse(body, &json, NULL) != SD_OK)
    return NULL;
  if (json_is_object(json))
    return json;
  json_decref(json);
  return NULL;
}

/* ---- Both ---- */

sd_status sd_otlp_answer_response(bool json, sd_bytes body, sd_otlp_answer *ret_answer)
{
  sd_otlp_answer answer;
  memset(&answer, 0, sizeof answer);
  if (json && body.len > 0) {
    json_t *object = parse(body);
    if (!object)
      return SD_PROTOCOL;
    from_partial_json(json_object_get(object, "partialSuccess"), &answer);
    json_decref(object);
  } else if (!json && !read_response(body, &answer)) {
    return SD_PROTOCOL;
  }
  answer.partial = answer.rejected > 0 || answer.message[0];
  *ret_answer = answer;
  return SD_OK;
}

sd_status sd_otlp_answer_status(bool json, sd_bytes body, sd_otlp_answer *ret_answer)
{
  sd_otlp_answer answer;
  memset(&answer, 0, sizeof answer);
  if (json) {
    json_t *object = parse(body);
    if (!object)
      return SD_PROTOCOL;
    from_status_json(object, &answer);
    json_decref(object);
  } else if (!read_status(body, &answer)) {
    return SD_PROTOCOL;
  }
  *ret_answer = answer;
  return SD_OK;
}

sd_status sd_otlp_answer_details(sd_bytes base64, sd_otlp_answer *ret_answer)
{
  sd_buf bytes;
  sd_buf_init(&bytes, DETAILS_BYTES_MAX);
  sd_status status = sd_base64_decode(base64, &bytes);
  if (status == SD_OK)
    status = sd_otlp_answer_status(false, sd_buf_bytes(&bytes), ret_answer);
  sd_buf_release(&bytes);
  return status == SD_NOMEM ? SD_NOMEM : status == SD_OK ? SD_OK : SD_PROTOCOL;
}
