/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* OTLP requests as JSON, against what the specification's rules make of them. */
#include "base/alloc.h"
#include "export/otlp_json.h"
#include "trace/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { BYTES_MAX = 64 * 1024 };

/* Messages are made inside out: a field around what stands in the buffer. */
typedef struct message {
  uint8_t bytes[BYTES_MAX];
  size_t len;
} message;

static void put_bytes(message *m, uint32_t field, const void *data, size_t len)
{
  m->len = (size_t)(sd_pb_put_bytes(m->bytes + m->len, field, data, len) - m->bytes);
}

static void put_text(message *m, uint32_t field, const char *text)
{
  put_bytes(m, field, text, strlen(text));
}

static void put_varint(message *m, uint32_t field, uint64_t value)
{
  uint8_t *at = sd_pb_put_tag(m->bytes + m->len, field, SD_PB_VARINT);
  m->len = (size_t)(sd_pb_put_varint(at, value) - m->bytes);
}

static void put_fixed64(message *m, uint32_t field, uint64_t value)
{
  uint8_t *at = sd_pb_put_tag(m->bytes + m->len, field, SD_PB_FIXED64);
  m->len = (size_t)(sd_pb_put_fixed64(at, value) - m->bytes);
}

static void put_fixed32(message *m, uint32_t field, uint32_t value)
{
  uint8_t *at = sd_pb_put_tag(m->bytes + m->len, field, SD_PB_FIXED32);
  m->len = (size_t)(sd_pb_put_fixed32(at, value) - m->bytes);
}

static void put_double(message *m, uint32_t field, double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_fixed64(m, field, bits);
}

static void put_attribute(message *m, uint32_t field, const char *key, sd_any value)
{
  static uint8_t bytes[BYTES_MAX];
  sd_attribute attribute = sd_attribute_make(key, value);
  size_t len = (size_t)(sd_attribute_encode(&attribute, 0, bytes) - bytes);
  put_bytes(m, field, bytes, len);
}

static void wrap(message *m, uint32_t field)
{
  static uint8_t content[BYTES_MAX];
  size_t len = m->len;
  memcpy(content, m->bytes, len);
  m->len = 0;
  put_bytes(m, field, content, len);
}

static void assert_json(int signal, const message *m, const char *expected)
{
  sd_buf out;
  sd_buf_init(&out, BYTES_MAX);
  assert_int_equal(sd_otlp_to_json(signal, sd_bytes_make(m->bytes, m->len), &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), expected);
  sd_buf_release(&out);
}

/* A span (record, metric) on its way up to a request. */
static void assert_record(int signal, message *m, const char *expected)
{
  char text[8192];
  static const char *const names[][3] = {{"resourceSpans", "scopeSpans", "spans"},
                                         {"resourceMetrics", "scopeMetrics", "metrics"},
                                         {"resourceLogs", "scopeLogs", "logRecords"}};
  const char *const *name = names[signal == SD_SIGNAL_TRACES ? 0 : signal == SD_SIGNAL_METRICS ? 1 : 2];
  snprintf(text, sizeof text, "{\"%s\":[{\"%s\":[{\"%s\":[%s]}]}]}", name[0], name[1], name[2], expected);
  wrap(m, 2);
  wrap(m, 2);
  wrap(m, 1);
  assert_json(signal, m, text);
}

static const uint8_t trace_id[16] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xab, 0xcd, 0xef, 1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t span_id[8] = {0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1};

static void an_empty_request_is_an_empty_object(void **state)
{
  (void)state;
  message m = {.len = 0};
  assert_json(SD_SIGNAL_TRACES, &m, "{}");
  wrap(&m, 1);
  assert_json(SD_SIGNAL_TRACES, &m, "{\"resourceSpans\":[{}]}");
  assert_json(SD_SIGNAL_METRICS, &m, "{\"resourceMetrics\":[{}]}");
  assert_json(SD_SIGNAL_LOGS, &m, "{\"resourceLogs\":[{}]}");
}

static void ids_are_hex_enums_numbers_and_times_strings(void **state)
{
  (void)state;
  message m = {.len = 0};
  put_bytes(&m, 1, trace_id, 16);
  put_bytes(&m, 2, span_id, 8);
  put_text(&m, 3, "a=b");
  put_bytes(&m, 4, span_id, 8);
  put_text(&m, 5, "name");
  put_varint(&m, 6, 3);
  put_fixed64(&m, 7, 1700000000123456789);
  put_fixed64(&m, 8, UINT64_MAX);
  put_varint(&m, 10, 4294967295);
  put_varint(&m, 12, 2);
  put_varint(&m, 14, 3);
  put_bytes(&m, 15, "\x12\x02no\x18\x02", 6);
  put_fixed32(&m, 16, 0x301);
  assert_record(SD_SIGNAL_TRACES, &m,
                "{\"traceId\":\"00017f80ffabcdef0102030405060708\",\"spanId\":\"deadbeef00000001\","
                "\"traceState\":\"a=b\",\"parentSpanId\":\"deadbeef00000001\",\"flags\":769,\"name\":"
                "\"name\",\"kind\":3,"
                "\"startTimeUnixNano\":\"1700000000123456789\",\"endTimeUnixNano\":\"18446744073709551615\","
                "\"droppedAttributesCount\":4294967295,\"droppedEventsCount\":2,\"droppedLinksCount\":3,"
                "\"status\":{\"message\":\"no\",\"code\":2}}");
}

static void each_kind_of_value_has_its_form(void **state)
{
  (void)state;
  message m = {.len = 0};
  sd_any members[] = {sd_any_int(1), sd_any_null(), sd_any_array(NULL, 0)};
  sd_attribute pairs[] = {sd_attribute_bool("t", true), sd_attribute_make("n", sd_any_map(NULL, 0))};
  put_attribute(&m, 9, "s", sd_any_string("\"\n\xc3\xbc"));
  put_attribute(&m, 9, "empty", sd_any_string(""));
  put_attribute(&m, 9, "false", sd_any_bool(false));
  put_attribute(&m, 9, "min", sd_any_int(INT64_MIN));
  put_attribute(&m, 9, "max", sd_any_int(INT64_MAX));
  put_attribute(&m, 9, "d", sd_any_double(0.1));
  put_attribute(&m, 9, "nan", sd_any_double((double)NAN));
  put_attribute(&m, 9, "inf", sd_any_double((double)INFINITY));
  put_attribute(&m, 9, "-inf", sd_any_double((double)-INFINITY));
  put_attribute(&m, 9, "a", sd_any_array(members, 3));
  put_attribute(&m, 9, "m", sd_any_map(pairs, 2));
  put_attribute(&m, 9, "b", sd_any_bytes("\0\xff\x10", 3));
  put_attribute(&m, 9, "null", sd_any_null());
  assert_record(
      SD_SIGNAL_TRACES, &m,
      "{\"attributes\":[{\"key\":\"s\",\"value\":{\"stringValue\":\"\\\"\\n\xc3\xbc\"}},"
      "{\"key\":\"empty\",\"value\":{\"stringValue\":\"\"}},{\"key\":\"false\",\"value\":{\"boolValue\":"
      "false}},"
      "{\"key\":\"min\",\"value\":{\"intValue\":\"-9223372036854775808\"}},"
      "{\"key\":\"max\",\"value\":{\"intValue\":\"9223372036854775807\"}},{\"key\":\"d\",\"value\":{"
      "\"doubleValue\":0.1}},"
      "{\"key\":\"nan\",\"value\":{\"doubleValue\":\"NaN\"}},{\"key\":\"inf\",\"value\":{\"doubleValue\":"
      "\"Infinity\"}},"
      "{\"key\":\"-inf\",\"value\":{\"doubleValue\":\"-Infinity\"}},"
      "{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{},{\"arrayValue\":{}}]}}},"
      "{\"key\":\"m\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"t\",\"value\":{\"boolValue\":true}},"
      "{\"key\":\"n\",\"value\":{\"kvlistValue\":{}}}]}}},{\"key\":\"b\",\"value\":{\"bytesValue\":\"AP8Q\"}}"
      ","
      "{\"key\":\"null\",\"value\":{}}]}");
}

static void fields_in_any_order_come_together(void **state)
{
  (void)state;
  message m = {.len = 0}, event = {.len = 0}, link = {.len = 0};
  put_fixed64(&event, 1, 5);
  put_text(&event, 2, "e");
  put_attribute(&event, 3, "k", sd_any_int(1));
  put_varint(&event, 4, 1);
  put_bytes(&link, 1, trace_id, 16);
  put_bytes(&link, 2, span_id, 8);
  put_text(&link, 3, "x=y");
  put_fixed32(&link, 6, 0x101);
  put_attribute(&m, 9, "first", sd_any_int(1));
  put_bytes(&m, 11, event.bytes, event.len);
  put_bytes(&m, 13, link.bytes, link.len);
  put_attribute(&m, 9, "second", sd_any_int(2));
  put_bytes(&m, 11, event.bytes, event.len);
  put_text(&m, 5, "old");
  put_text(&m, 5, "new"); /* the last one counts */
  assert_record(
      SD_SIGNAL_TRACES, &m,
      "{\"name\":\"new\",\"attributes\":[{\"key\":\"first\",\"value\":{\"intValue\":\"1\"}},"
      "{\"key\":\"second\",\"value\":{\"intValue\":\"2\"}}],"
      "\"events\":[{\"timeUnixNano\":\"5\",\"name\":\"e\",\"attributes\":[{\"key\":\"k\",\"value\":{"
      "\"intValue\":\"1\"}}],"
      "\"droppedAttributesCount\":1},{\"timeUnixNano\":\"5\",\"name\":\"e\",\"attributes\":[{\"key\":\"k\","
      "\"value\":{\"intValue\":\"1\"}}],\"droppedAttributesCount\":1}],"
      "\"links\":[{\"traceId\":\"00017f80ffabcdef0102030405060708\",\"spanId\":\"deadbeef00000001\","
      "\"traceState\":\"x=y\","
      "\"flags\":257}]}");
}

static void resource_and_scope_stand_around_the_records(void **state)
{
  (void)state;
  message scope = {.len = 0}, resource = {.len = 0}, m = {.len = 0};
  put_text(&scope, 1, "lib");
  put_text(&scope, 2, "1.0");
  put_attribute(&resource, 1, "service.name", sd_any_string("s"));
  put_text(&m, 5, "n");
  wrap(&m, 2);
  put_bytes(&m, 1, scope.bytes, scope.len);
  put_text(&m, 3, "u");
  wrap(&m, 2);
  put_bytes(&m, 1, resource.bytes, resource.len);
  put_text(&m, 3, "v");
  wrap(&m, 1);
  assert_json(SD_SIGNAL_TRACES, &m,
              "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"
              "\"stringValue\":\"s\"}}]},"
              "\"scopeSpans\":[{\"scope\":{\"name\":\"lib\",\"version\":\"1.0\"},\"spans\":[{\"name\":\"n\"}]"
              ",\"schemaUrl\":\"u\"}],"
              "\"schemaUrl\":\"v\"}]}");
}

static void a_log_record_has_all_its_fields(void **state)
{
  (void)state;
  message m = {.len = 0};
  put_fixed64(&m, 1, 1);
  put_fixed64(&m, 11, 2);
  put_varint(&m, 2, 17);
  put_text(&m, 3, "ERROR");
  put_bytes(&m, 5, "\x0a\x04text", 6);
  put_attribute(&m, 6, "k", sd_any_bool(true));
  put_varint(&m, 7, 1);
  put_fixed32(&m, 8, 1);
  put_bytes(&m, 9, trace_id, 16);
  put_bytes(&m, 10, span_id, 8);
  put_text(&m, 12, "e");
  assert_record(
      SD_SIGNAL_LOGS, &m,
      "{\"timeUnixNano\":\"1\",\"observedTimeUnixNano\":\"2\",\"severityNumber\":17,\"severityText\":"
      "\"ERROR\","
      "\"body\":{\"stringValue\":\"text\"},\"attributes\":[{\"key\":\"k\",\"value\":{\"boolValue\":true}}],"
      "\"droppedAttributesCount\":1,\"flags\":1,\"traceId\":\"00017f80ffabcdef0102030405060708\","
      "\"spanId\":\"deadbeef00000001\",\"eventName\":\"e\"}");
}

static void sums_and_gauges_have_number_points(void **state)
{
  (void)state;
  message m = {.len = 0}, gauge = {.len = 0};
  put_fixed64(&m, 2, 1);
  put_fixed64(&m, 3, 2);
  put_fixed64(&m, 6, (uint64_t)INT64_MIN);
  put_attribute(&m, 7, "k", sd_any_int(1));
  put_varint(&m, 8, 1);
  wrap(&m, 1);
  put_varint(&m, 2, 2);
  put_varint(&m, 3, 1);
  wrap(&m, 7);
  put_text(&m, 1, "n");
  put_text(&m, 2, "d");
  put_text(&m, 3, "By");
  assert_record(
      SD_SIGNAL_METRICS, &m,
      "{\"name\":\"n\",\"description\":\"d\",\"unit\":\"By\",\"sum\":{\"dataPoints\":[{\"attributes\":[{"
      "\"key\":\"k\","
      "\"value\":{\"intValue\":\"1\"}}],\"startTimeUnixNano\":\"1\",\"timeUnixNano\":\"2\","
      "\"asInt\":\"-9223372036854775808\",\"flags\":1}],\"aggregationTemporality\":2,\"isMonotonic\":true}}");
  put_double(&gauge, 4, -0.5);
  wrap(&gauge, 1);
  wrap(&gauge, 5);
  assert_record(SD_SIGNAL_METRICS, &gauge, "{\"gauge\":{\"dataPoints\":[{\"asDouble\":-0.5}]}}");
}

static void histograms_have_counts_as_strings_and_bounds_as_numbers(void **state)
{
  (void)state;
  message m = {.len = 0}, packed = {.len = 0};
  packed.len = (size_t)(sd_pb_put_fixed64(sd_pb_put_fixed64(packed.bytes, 1), UINT64_MAX) - packed.bytes);
  put_fixed64(&m, 4, 3);
  put_double(&m, 5, 1.5);
  put_bytes(&m, 6, packed.bytes, packed.len);
  put_fixed64(&m, 6, 7); /* not packed */
  put_double(&m, 7, 0.25);
  put_double(&m, 7, 5);
  put_double(&m, 11, 0);
  put_double(&m, 12, 9);
  put_bytes(&m, 8, "\x31\x05\x00\x00\x00\x00\x00\x00\x00", 9);
  wrap(&m, 1);
  put_varint(&m, 2, 1);
  wrap(&m, 9);
  assert_record(SD_SIGNAL_METRICS, &m,
                "{\"histogram\":{\"dataPoints\":[{\"count\":\"3\",\"sum\":1.5,"
                "\"bucketCounts\":[\"1\",\"18446744073709551615\",\"7\"],\"explicitBounds\":[0.25,5],"
                "\"exemplars\":[{\"asInt\":\"5\"}],\"min\":0,\"max\":9}],\"aggregationTemporality\":1}}");
}

static void exponential_histograms_have_signed_scale_and_offset(void **state)
{
  (void)state;
  message m = {.len = 0};
  put_fixed64(&m, 4, 3);
  put_varint(&m, 6, sd_pb_zigzag(-10));
  put_fixed64(&m, 7, 1);
  put_bytes(&m, 8, "\x08\x05\x12\x03\x01\xac\x02", 7);
  put_bytes(&m, 9, "\x08\xff\xff\xff\xff\x0f\x12\x00", 8);
  put_double(&m, 14, 0.5);
  wrap(&m, 1);
  put_varint(&m, 2, 2);
  wrap(&m, 10);
  assert_record(
      SD_SIGNAL_METRICS, &m,
      "{\"exponentialHistogram\":{\"dataPoints\":[{\"count\":\"3\",\"scale\":-10,\"zeroCount\":\"1\","
      "\"positive\":{\"offset\":-3,\"bucketCounts\":[\"1\",\"300\"]},"
      "\"negative\":{\"offset\":-2147483648,\"bucketCounts\":[]},\"zeroThreshold\":0.5}],"
      "\"aggregationTemporality\":2}}");
}

static void summaries_are_written_too(void **state)
{
  (void)state;
  message m = {.len = 0};
  put_double(&m, 1, 0.5);
  put_double(&m, 2, 8);
  wrap(&m, 6);
  put_fixed64(&m, 4, 3);
  wrap(&m, 1);
  wrap(&m, 11);
  assert_record(SD_SIGNAL_METRICS, &m,
                "{\"summary\":{\"dataPoints\":[{\"count\":\"3\",\"quantileValues\":[{\"quantile\":0.5,"
                "\"value\":8}]}]}}");
}

static void unknown_fields_and_types_are_left_out(void **state)
{
  (void)state;
  message m = {.len = 0};
  put_varint(&m, 5, 7); /* a name that is a number */
  put_text(&m, 6, "x");
  put_text(&m, 99, "later");
  put_fixed32(&m, 7, 1);
  assert_record(SD_SIGNAL_TRACES, &m, "{}");
}

static void text_that_is_no_utf8_is_repaired(void **state)
{
  (void)state;
  message m = {.len = 0};
  put_text(&m, 5, "a\xff");
  assert_record(SD_SIGNAL_TRACES, &m, "{\"name\":\"a\xef\xbf\xbd\"}");
}

static void malformed_bytes_are_refused_at_every_depth(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 1000);
  sd_buf_append_text(&out, "before");
  for (int depth = 0; depth < 4; depth++) {
    message m = {.len = 0};
    put_text(&m, 5, "name");
    m.len--;
    static const uint32_t fields[] = {2, 2, 1};
    for (int i = 3 - depth; i < 3; i++)
      wrap(&m, fields[i]);
    assert_int_equal(sd_otlp_to_json(SD_SIGNAL_TRACES, sd_bytes_make(m.bytes, m.len), &out), SD_INVALID);
    assert_string_equal(sd_buf_text(&out), "before");
  }
  message packed = {.len = 0};
  put_bytes(&packed, 6, "1234567", 7); /* not a multiple of 8 */
  wrap(&packed, 1);
  wrap(&packed, 9);
  wrap(&packed, 2);
  wrap(&packed, 2);
  wrap(&packed, 1);
  assert_int_equal(sd_otlp_to_json(SD_SIGNAL_METRICS, sd_bytes_make(packed.bytes, packed.len), &out),
                   SD_INVALID);
  assert_int_equal(sd_otlp_to_json(3, sd_bytes_make(NULL, 0), &out), SD_INVALID);
  assert_string_equal(sd_buf_text(&out), "before");
  sd_buf_release(&out);
}

static void nesting_has_a_limit(void **state)
{
  (void)state;
  message m = {.len = 0};
  for (int i = 0; i < SD_OTLP_JSON_DEPTH_MAX; i++)
    wrap(&m, i % 2 ? 5 : 1); /* AnyValue {ArrayValue {AnyValue … */
  wrap(&m, 2);
  wrap(&m, 9);
  wrap(&m, 2);
  wrap(&m, 2);
  wrap(&m, 1);
  sd_buf out;
  sd_buf_init(&out, BYTES_MAX);
  assert_int_equal(sd_otlp_to_json(SD_SIGNAL_TRACES, sd_bytes_make(m.bytes, m.len), &out), SD_LIMIT);
  assert_int_equal(out.len, 0);
  sd_buf_release(&out);
}

/* As deep as our own values may be. */
static void the_deepest_value_of_ours_passes(void **state)
{
  (void)state;
  sd_attribute maps[SD_VALUE_DEPTH_MAX];
  sd_any value = sd_any_int(1);
  for (int i = 0; i < SD_VALUE_DEPTH_MAX; i++) {
    maps[i] = sd_attribute_make("k", value);
    value = sd_any_map(&maps[i], 1);
  }
  message m = {.len = 0};
  put_attribute(&m, 3, "k", value);
  wrap(&m, 11);
  wrap(&m, 2);
  wrap(&m, 2);
  wrap(&m, 1);
  sd_buf out;
  sd_buf_init(&out, BYTES_MAX);
  assert_int_equal(sd_otlp_to_json(SD_SIGNAL_TRACES, sd_bytes_make(m.bytes, m.len), &out), SD_OK);
  assert_non_null(strstr(sd_buf_text(&out), "{\"intValue\":\"1\"}"));
  sd_buf_release(&out);
}

static void short_memory_and_a_full_buffer_change_nothing(void **state)
{
  (void)state;
  message m = {.len = 0};
  put_attribute(&m, 9, "k", sd_any_bytes("0123456789012345678901234567890123456789", 40));
  put_bytes(&m, 1, trace_id, 16);
  wrap(&m, 2);
  wrap(&m, 2);
  wrap(&m, 1);
  sd_bytes request = sd_bytes_make(m.bytes, m.len);
  sd_status status = SD_NOMEM;
  size_t len = 0;
  for (uint64_t nth = 1; status == SD_NOMEM; nth++) {
    sd_buf out;
    sd_buf_init(&out, BYTES_MAX);
    sd_alloc_fail_nth(nth);
    status = sd_otlp_to_json(SD_SIGNAL_TRACES, request, &out);
    sd_alloc_fail_nth(0);
    assert_true(status == SD_OK ? nth > 1 : status == SD_NOMEM && out.len == 0);
    len = out.len;
    sd_buf_release(&out);
  }
  for (size_t max = 0; max <= len; max++) {
    sd_buf out;
    sd_buf_init(&out, max);
    assert_int_equal(sd_otlp_to_json(SD_SIGNAL_TRACES, request, &out), max < len ? SD_LIMIT : SD_OK);
    assert_int_equal(out.len, max < len ? 0 : len);
    sd_buf_release(&out);
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_request_is_an_empty_object),
      cmocka_unit_test(ids_are_hex_enums_numbers_and_times_strings),
      cmocka_unit_test(each_kind_of_value_has_its_form),
      cmocka_unit_test(fields_in_any_order_come_together),
      cmocka_unit_test(resource_and_scope_stand_around_the_records),
      cmocka_unit_test(a_log_record_has_all_its_fields),
      cmocka_unit_test(sums_and_gauges_have_number_points),
      cmocka_unit_test(histograms_have_counts_as_strings_and_bounds_as_numbers),
      cmocka_unit_test(exponential_histograms_have_signed_scale_and_offset),
      cmocka_unit_test(summaries_are_written_too),
      cmocka_unit_test(unknown_fields_and_types_are_left_out),
      cmocka_unit_test(text_that_is_no_utf8_is_repaired),
      cmocka_unit_test(malformed_bytes_are_refused_at_every_depth),
      cmocka_unit_test(nesting_has_a_limit),
      cmocka_unit_test(the_deepest_value_of_ours_passes),
      cmocka_unit_test(short_memory_and_a_full_buffer_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
