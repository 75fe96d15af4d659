/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Records into requests: what goes where, and how many fit. */
#include "base/alloc.h"
#include "export/otlp_frame.h"
#include "fake_tracer.h"
#include "walk.h"

#include <stdlib.h>

static sd_attribute resource[] = {
    {.key = "service.name", .value = {.type = SD_ANY_STRING, .len = 1, .as.string = "s"}},
    {.key = "pid", .value = {.type = SD_ANY_INT, .as.integer = 7}}};
static sd_telemetry telemetry = {resource, 2};
static sd_tracer one = {"one", "1.0", &telemetry}, two = {"two", "", &telemetry};

/* The messages inside are opaque to framing: a name each. */
static sd_record record_of(sd_record_kind kind, const sd_tracer *tracer, const char *otlp)
{
  sd_record record;
  memset(&record, 0, sizeof record);
  record.kind = kind;
  record.tracer = tracer;
  record.otlp = (const uint8_t *)otlp;
  record.otlp_len = strlen(otlp);
  return record;
}

static sd_otlp_taken frame(int signal, const sd_record *records, size_t count, size_t max_bytes, sd_buf *out)
{
  sd_otlp_taken taken = {99, 99, 99};
  sd_buf_clear(out);
  assert_int_equal(sd_otlp_frame_records(signal, records, count, max_bytes, out, &taken), SD_OK);
  assert_true(out->len <= max_bytes);
  return taken;
}

static void a_request_is_resource_scope_and_record(void **state)
{
  (void)state;
  static const uint8_t golden[] = {
      0x0a, 0xb6, 0x80, 0x80, 0x00, /* resource_spans: 54 */
      0x0a, 0x20,                   /* resource */
      0x0a, 0x13, 0x0a, 0x0c, 's',  'e',  'r',  'v',  'i',  'c', 'e', '.', 'n',  'a',  'm',  'e',
      0x12, 0x03, 0x0a, 0x01, 's',  0x0a, 0x09, 0x0a, 0x03, 'p', 'i', 'd', 0x12, 0x02, 0x18, 0x07, /* */
      0x12, 0x8f, 0x80, 0x80, 0x00,                                        /* scope_spans: 15 */
      0x0a, 0x0a, 0x0a, 0x03, 'o',  'n',  'e',  0x12, 0x03, '1', '.', '0', /* scope */
      0x12, 0x01, 'A'};                                                    /* span */
  sd_record record = record_of(SD_RECORD_SPAN, &one, "A");
  sd_buf out;
  sd_buf_init(&out, 1000);
  sd_otlp_taken taken = frame(SD_SIGNAL_TRACES, &record, 1, 1000, &out);
  assert_int_equal(taken.passed, 1);
  assert_int_equal(taken.framed, 1);
  assert_int_equal(taken.too_large, 0);
  assert_int_equal(out.len, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
  sd_buf_release(&out);
}

static void the_level_of_a_span_goes_along_as_an_attribute(void **state)
{
  (void)state;
  static const char level[] = "A\x4a\x17\x0a\x11logfire.level_num\x12\x02\x18\x0d";
  sd_record record = record_of(SD_RECORD_SPAN, &one, "A");
  record.level = SD_LEVEL_WARN;
  sd_buf out;
  sd_buf_init(&out, 1000);
  assert_int_equal(frame(SD_SIGNAL_TRACES, &record, 1, 1000, &out).framed, 1);
  sd_bytes span = get_bytes(get_bytes(get_bytes(sd_buf_bytes(&out), 1, 0), 2, 0), 2, 0);
  assert_bytes(span, level);
  sd_buf_release(&out);
}

static void a_level_that_the_program_set_as_an_attribute_is_the_only_one(void **state)
{
  (void)state;
  static const char own[] = "\x4a\x17\x0a\x11logfire.level_num\x12\x02\x18\x05";
  sd_record record = record_of(SD_RECORD_SPAN, &one, own);
  record.level = SD_LEVEL_WARN;
  sd_buf out;
  sd_buf_init(&out, 1000);
  assert_int_equal(frame(SD_SIGNAL_TRACES, &record, 1, 1000, &out).framed, 1);
  assert_bytes(get_bytes(get_bytes(get_bytes(sd_buf_bytes(&out), 1, 0), 2, 0), 2, 0), own);
  sd_buf_release(&out);
}

static void records_are_grouped_by_scope_in_their_order(void **state)
{
  (void)state;
  sd_record records[] = {record_of(SD_RECORD_SPAN, &one, "A"), record_of(SD_RECORD_SPAN, &two, "B"),
                         record_of(SD_RECORD_PENDING, &one, "C"), record_of(SD_RECORD_SPAN, &two, "D"),
                         record_of(SD_RECORD_SPAN, &one, "E")};
  sd_buf out;
  sd_buf_init(&out, 1000);
  assert_int_equal(frame(SD_SIGNAL_TRACES, records, 5, 1000, &out).framed, 5);
  assert_int_equal(count_fields(sd_buf_bytes(&out), 1), 1);
  sd_bytes spans = get_bytes(sd_buf_bytes(&out), 1, 0);
  assert_int_equal(count_fields(spans, 1), 1);
  assert_int_equal(count_fields(spans, 2), 2);
  sd_bytes first = get_bytes(spans, 2, 0), second = get_bytes(spans, 2, 1);
  assert_bytes(get_bytes(get_bytes(first, 1, 0), 1, 0), "one");
  assert_int_equal(count_fields(first, 2), 3);
  assert_bytes(get_bytes(first, 2, 0), "A");
  assert_bytes(get_bytes(first, 2, 1), "C");
  assert_bytes(get_bytes(first, 2, 2), "E");
  assert_bytes(get_bytes(get_bytes(second, 1, 0), 1, 0), "two");
  assert_int_equal(count_fields(get_bytes(second, 1, 0), 2), 0);
  assert_bytes(get_bytes(second, 2, 0), "B");
  assert_bytes(get_bytes(second, 2, 1), "D");
  sd_buf_release(&out);
}

static void each_signal_takes_its_own_records(void **state)
{
  (void)state;
  sd_record records[] = {record_of(SD_RECORD_LOG, &one, "A"), record_of(SD_RECORD_SPAN, &two, "B"),
                         record_of(SD_RECORD_LOG, &one, "C")};
  sd_buf out;
  sd_buf_init(&out, 1000);
  sd_otlp_taken taken = frame(SD_SIGNAL_LOGS, records, 3, 1000, &out);
  assert_int_equal(taken.passed, 3);
  assert_int_equal(taken.framed, 2);
  sd_bytes scopes = get_bytes(sd_buf_bytes(&out), 1, 0);
  assert_int_equal(count_fields(scopes, 2), 1);
  assert_bytes(get_bytes(get_bytes(scopes, 2, 0), 2, 1), "C");
  taken = frame(SD_SIGNAL_TRACES, records, 3, 1000, &out);
  assert_int_equal(taken.passed, 3);
  assert_int_equal(taken.framed, 1);
  assert_bytes(get_bytes(get_bytes(get_bytes(sd_buf_bytes(&out), 1, 0), 2, 0), 2, 0), "B");
  sd_buf_release(&out);
}

static void without_records_there_is_no_request(void **state)
{
  (void)state;
  sd_record log = record_of(SD_RECORD_LOG, &one, "A");
  sd_buf out;
  sd_buf_init(&out, 1000);
  assert_int_equal(frame(SD_SIGNAL_TRACES, NULL, 0, 1000, &out).passed, 0);
  assert_int_equal(out.len, 0);
  sd_otlp_taken taken = frame(SD_SIGNAL_TRACES, &log, 1, 1000, &out);
  assert_int_equal(taken.passed, 1);
  assert_int_equal(taken.framed, 0);
  assert_int_equal(out.len, 0);
  sd_buf_release(&out);
}

/* Whatever the limit, each record is in exactly one request, in order, or counted as too large. */
static void at_every_limit_all_records_are_dealt_with(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "a", "bbbbbbbbbb",           "cc", "dddddddddddddddddddddddddddddddddddddddd",
      "e", "ffffffffffffffffffff", "g",  "hh"};
  sd_record records[8];
  for (size_t i = 0; i < 8; i++)
    records[i] = record_of(i == 4 ? SD_RECORD_LOG : SD_RECORD_SPAN, i % 3 == 1 ? &two : &one, texts[i]);
  sd_buf out;
  sd_buf_init(&out, 1000);
  for (size_t max = 0; max < 300; max++) {
    size_t done = 0, framed = 0, too_large = 0, requests = 0;
    while (done < 8) {
      sd_otlp_taken taken = frame(SD_SIGNAL_TRACES, records + done, 8 - done, max, &out);
      assert_true(taken.passed > 0);
      size_t count = 0;
      for (size_t s = 0; out.len > 0 && s < count_fields(get_bytes(sd_buf_bytes(&out), 1, 0), 2); s++)
        count += count_fields(get_bytes(get_bytes(sd_buf_bytes(&out), 1, 0), 2, s), 2);
      assert_int_equal(count, taken.framed);
      done += taken.passed;
      framed += taken.framed;
      too_large += taken.too_large;
      requests += taken.framed > 0;
    }
    assert_int_equal(framed + too_large, 7);
    if (max >= 250)
      assert_int_equal(requests, 1);
    if (max < 40)
      assert_int_equal(too_large, 7);
  }
  sd_buf_release(&out);
}

static void a_record_longer_than_a_request_is_passed_over(void **state)
{
  (void)state;
  char *huge = sd_calloc(1, 1001);
  memset(huge, 'x', 1000);
  sd_record records[] = {record_of(SD_RECORD_SPAN, &one, "A"), record_of(SD_RECORD_SPAN, &two, huge),
                         record_of(SD_RECORD_SPAN, &one, "B")};
  sd_buf out;
  sd_buf_init(&out, 1000);
  sd_otlp_taken taken = frame(SD_SIGNAL_TRACES, records, 3, 500, &out);
  assert_int_equal(taken.passed, 3);
  assert_int_equal(taken.framed, 2);
  assert_int_equal(taken.too_large, 1);
  sd_bytes spans = get_bytes(sd_buf_bytes(&out), 1, 0);
  assert_int_equal(count_fields(spans, 2), 1);
  assert_bytes(get_bytes(get_bytes(spans, 2, 0), 2, 1), "B");
  sd_buf_release(&out);
  sd_free(huge);
}

static void names_that_are_no_utf8_are_repaired(void **state)
{
  (void)state;
  sd_tracer odd = {"o\xff", NULL, &telemetry};
  sd_record record = record_of(SD_RECORD_SPAN, &odd, "A");
  sd_buf out;
  sd_buf_init(&out, 1000);
  frame(SD_SIGNAL_TRACES, &record, 1, 1000, &out);
  sd_bytes scope = get_bytes(get_bytes(get_bytes(sd_buf_bytes(&out), 1, 0), 2, 0), 1, 0);
  assert_bytes(get_bytes(scope, 1, 0), "o\xef\xbf\xbd");
  sd_buf_release(&out);
}

static void short_memory_and_a_full_buffer_change_nothing(void **state)
{
  (void)state;
  sd_record record = record_of(SD_RECORD_SPAN, &one, "A");
  sd_otlp_taken taken = {5, 5, 5};
  sd_buf out;
  sd_buf_init(&out, 1000);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_otlp_frame_records(SD_SIGNAL_TRACES, &record, 1, 1000, &out, &taken), SD_NOMEM);
  sd_alloc_fail_nth(0);
  assert_int_equal(taken.passed, 5);
  assert_int_equal(out.len, 0);
  sd_buf_release(&out);
  sd_buf_init(&out, 20);
  sd_buf_append_text(&out, "before");
  assert_int_equal(sd_otlp_frame_records(SD_SIGNAL_TRACES, &record, 1, 1000, &out, &taken), SD_LIMIT);
  assert_int_equal(out.len, 6);
  sd_buf_release(&out);
}

static void past_the_maximum_of_scopes_a_request_ends(void **state)
{
  (void)state;
  static sd_tracer tracers[SD_TRACERS_MAX + 1];
  static sd_record records[SD_TRACERS_MAX + 1];
  for (size_t i = 0; i <= SD_TRACERS_MAX; i++) {
    tracers[i] = (sd_tracer){"t", "", &telemetry};
    records[i] = record_of(SD_RECORD_SPAN, &tracers[i], "A");
  }
  sd_buf out;
  sd_buf_init(&out, 10000);
  assert_int_equal(frame(SD_SIGNAL_TRACES, records, SD_TRACERS_MAX + 1, 10000, &out).passed, SD_TRACERS_MAX);
  sd_buf_release(&out);
}

typedef struct all_seen {
  size_t calls, records[8];
  int signals[8];
} all_seen;

static void on_request(void *user, int signal, sd_bytes request, size_t records)
{
  all_seen *seen = user;
  assert_true(request.len > 0);
  seen->signals[seen->calls] = signal;
  seen->records[seen->calls++] = records;
}

static void all_records_come_out_spans_first(void **state)
{
  (void)state;
  sd_record records[] = {record_of(SD_RECORD_LOG, &one, "A"), record_of(SD_RECORD_SPAN, &two, "B"),
                         record_of(SD_RECORD_LOG, &one, "C"), record_of(SD_RECORD_SPAN, &one, "D")};
  all_seen seen = {.calls = 0};
  assert_int_equal(sd_otlp_frame_all(records, 4, 1000, on_request, &seen), 0);
  assert_int_equal(seen.calls, 2);
  assert_int_equal(seen.signals[0], SD_SIGNAL_TRACES);
  assert_int_equal(seen.records[0], 2);
  assert_int_equal(seen.signals[1], SD_SIGNAL_LOGS);
  assert_int_equal(seen.records[1], 2);
  /* Room for one record a request. */
  seen.calls = 0;
  assert_int_equal(sd_otlp_frame_all(records, 4, 60, on_request, &seen), 0);
  assert_int_equal(seen.calls, 4);
  /* None. */
  seen.calls = 0;
  assert_int_equal(sd_otlp_frame_all(records, 4, 20, on_request, &seen), 4);
  assert_int_equal(seen.calls, 0);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_otlp_frame_all(records, 4, 1000, on_request, &seen), 2);
  sd_alloc_fail_nth(0);
  assert_int_equal(seen.calls, 1);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_resource_scope_and_record),
      cmocka_unit_test(the_level_of_a_span_goes_along_as_an_attribute),
      cmocka_unit_test(a_level_that_the_program_set_as_an_attribute_is_the_only_one),
      cmocka_unit_test(records_are_grouped_by_scope_in_their_order),
      cmocka_unit_test(each_signal_takes_its_own_records),
      cmocka_unit_test(without_records_there_is_no_request),
      cmocka_unit_test(at_every_limit_all_records_are_dealt_with),
      cmocka_unit_test(a_record_longer_than_a_request_is_passed_over),
      cmocka_unit_test(names_that_are_no_utf8_are_repaired),
      cmocka_unit_test(short_memory_and_a_full_buffer_change_nothing),
      cmocka_unit_test(past_the_maximum_of_scopes_a_request_ends),
      cmocka_unit_test(all_records_come_out_spans_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
