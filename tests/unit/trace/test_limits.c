/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Span limits: what is kept, what is dropped, and that the record says so. */
#include "recorder.h"
#include "trace/otlp_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct fixture {
  recorder recorder;
  sd_telemetry *telemetry;
  sd_tracer *tracer;
} fixture;

static void begin(fixture *f, sd_span_limits limits)
{
  recorder_init(&f->recorder);
  sd_telemetry_options options = {.struct_size = sizeof options, .limits = limits};
  f->telemetry = recorder_telemetry(&f->recorder, &options);
  f->tracer = sd_telemetry_tracer(f->telemetry, "test", NULL);
}

static void finish(fixture *f)
{
  sd_telemetry_free(f->telemetry);
  recorder_release(&f->recorder);
}

/* The only record's message. */
static sd_bytes end(fixture *f, sd_span *span)
{
  sd_span_end(span);
  flush(f->telemetry);
  assert_int_equal(f->recorder.count, 1);
  return otlp_of(&f->recorder.records[0]);
}

static void set_numbered(sd_span *span, int from, int to)
{
  char key[32];
  for (int i = from; i < to; i++) {
    snprintf(key, sizeof key, "key.%d", i);
    sd_span_set_int(span, key, i);
  }
}

static void the_default_is_128_of_each(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_span_limits){0});
  sd_span *span = sd_span_start(f.tracer, "span", NULL);
  set_numbered(span, 0, 130);
  sd_span_set_int(span, "key.5", 50); /* replaced, not added */
  sd_link link = {.context = {.trace_id = {1}, .span_id = {1}}};
  for (int i = 0; i < 131; i++)
    sd_span_add_event(span, "event", 1, NULL, 0);
  for (int i = 0; i < 132; i++)
    sd_span_add_link(span, &link);
  sd_bytes otlp = end(&f, span);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_ATTRIBUTES), 128);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_ATTRIBUTES), 2);
  assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "key.5").integer, 50);
  assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "key.127").integer, 127);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_EVENTS), 128);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_EVENTS), 3);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_LINKS), 128);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_LINKS), 4);
  assert_int_equal(stats_of(f.telemetry).dropped_attributes, 2);
  finish(&f);
}

static void limits_can_be_lower_and_higher(void **state)
{
  (void)state;
  fixture f;
  begin(&f,
        (sd_span_limits){
            .attributes = 300, .events = 1, .links = 2, .attributes_per_event = 1, .attributes_per_link = 2});
  sd_span *span = sd_span_start(f.tracer, "span", NULL);
  set_numbered(span, 0, 300);
  set_numbered(span, 100, 300);
  sd_attribute attributes[] = {sd_attribute_int("a", 1), sd_attribute_int("b", 2), sd_attribute_int("", 3)};
  sd_link link = {
      .context = {.trace_id = {1}, .span_id = {1}}, .attributes = attributes, .attribute_count = 3};
  for (int i = 0; i < 3; i++) {
    sd_span_add_event(span, "event", 1, attributes, 3);
    sd_span_add_link(span, &link);
  }
  sd_bytes otlp = end(&f, span);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_ATTRIBUTES), 300);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_DROPPED_ATTRIBUTES), 0);
  sd_pb_field field;
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_EVENTS), 1);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_EVENTS), 2);
  assert_true(field_of(otlp, SD_OTLP_SPAN_EVENTS, 0, &field));
  assert_int_equal(count_fields(field.bytes, SD_OTLP_EVENT_ATTRIBUTES), 1);
  assert_int_equal(number_of(field.bytes, SD_OTLP_EVENT_DROPPED_ATTRIBUTES), 2);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_LINKS), 2);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_LINKS), 1);
  assert_true(field_of(otlp, SD_OTLP_SPAN_LINKS, 0, &field));
  assert_int_equal(count_fields(field.bytes, SD_OTLP_LINK_ATTRIBUTES), 2);
  assert_int_equal(number_of(field.bytes, SD_OTLP_LINK_DROPPED_ATTRIBUTES), 1);
  assert_int_equal(stats_of(f.telemetry).dropped_attributes, 2 + 1 + 1);
  finish(&f);
}

static void values_are_cut_by_characters(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_span_limits){.value_length = 3});
  sd_any members[] = {sd_any_string("abcdef"), sd_any_string("x")};
  sd_span *span = sd_span_start(f.tracer, "a long name", NULL);
  sd_span_set_string(span, "a long key", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
  sd_span_set_string(span, "ascii", "abcdef");
  sd_span_set_string(span, "fits", "abc");
  sd_span_set(span, "bytes", sd_any_bytes("12345", 5));
  sd_span_set(span, "array", sd_any_array(members, 2));
  sd_span_set_int(span, "int", 123456);
  sd_attribute attribute = sd_attribute_string("k", "abcdef");
  sd_span_add_event(span, "a long event", 1, &attribute, 1);
  sd_bytes otlp = end(&f, span);
  assert_string_equal(f.recorder.records[0].name, "a long name");
  uint32_t number = SD_OTLP_SPAN_ATTRIBUTES;
  assert_text(attribute_of(otlp, number, "a long key").bytes, "\xc3\xa9\xc3\xa9\xc3\xa9");
  assert_text(attribute_of(otlp, number, "ascii").bytes, "abc");
  assert_text(attribute_of(otlp, number, "fits").bytes, "abc");
  assert_int_equal(attribute_of(otlp, number, "bytes").bytes.len, 3);
  sd_any_view array = attribute_of(otlp, number, "array");
  sd_any_view member;
  assert_true(sd_any_next(&array.bytes, &member));
  assert_text(member.bytes, "abc");
  assert_int_equal(attribute_of(otlp, number, "int").integer, 123456);
  sd_pb_field field;
  assert_true(field_of(otlp, SD_OTLP_SPAN_EVENTS, 0, &field));
  assert_text(attribute_of(field.bytes, SD_OTLP_EVENT_ATTRIBUTES, "k").bytes, "abc");
  finish(&f);
}

static void a_span_never_passes_its_bytes(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_span_limits){0});
  static char text[SD_SPAN_BYTES_MAX + 1];
  memset(text, 'x', sizeof text - 1);
  sd_attribute attribute = sd_attribute_make("k", sd_any_text(text, 1000));
  sd_span *span = sd_span_start(f.tracer, "span", NULL);
  sd_span_set_string(span, "too large", text);
  sd_span_set(span, "first", sd_any_text(text, 40000));
  sd_span_set(span, "second", sd_any_text(text, 40000));
  sd_span_set(span, "small", sd_any_text(text, 1));
  sd_span_set(span, "small", sd_any_text(text, 30000));
  for (int i = 0; i < 40; i++)
    sd_span_add_event(span, "event", 1, &attribute, 1);
  for (int i = 0; i < 128; i++) {
    char key[16];
    snprintf(key, sizeof key, "k%d", i);
    sd_span_set_string(span, key, "0123456789");
  }
  sd_span_set_status(span, SD_SPAN_ERROR, text);
  sd_span_set_name(span, text);
  sd_bytes otlp = end(&f, span);
  assert_in_range(otlp.len, 40000, SD_SPAN_BYTES_MAX);
  assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "first").bytes.len, 40000);
  assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "small").bytes.len, 1);
  size_t events = count_fields(otlp, SD_OTLP_SPAN_EVENTS);
  assert_in_range(events, 20, 30);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_EVENTS), 40 - events);
  assert_true(number_of(otlp, SD_OTLP_SPAN_DROPPED_ATTRIBUTES) >= 3);
  sd_pb_field field;
  assert_true(field_of(otlp, SD_OTLP_SPAN_STATUS, 0, &field));
  assert_int_equal(number_of(field.bytes, SD_OTLP_STATUS_CODE), SD_SPAN_ERROR);
  finish(&f);
}

static void names_and_templates_are_cut_between_characters(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_span_limits){0});
  static char text[30001];
  for (size_t i = 0; i < 30000; i += 3)
    memcpy(text + i, "\xe2\x82\xac", 3);
  sd_span_options options = {.struct_size = sizeof options, .message = text};
  sd_span *span = sd_span_start(f.tracer, text, &options);
  sd_bytes otlp = end(&f, span);
  const sd_record *record = &f.recorder.records[0];
  assert_in_range(record->name_len, 8000, 8192);
  assert_int_equal(record->name_len % 3, 0);
  assert_in_range(record->message_len, 8000, 8192);
  assert_int_equal(record->message_len % 3, 0);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_DROPPED_ATTRIBUTES), 0);
  finish(&f);
}

static void an_empty_name_is_not_sent(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_span_limits){0});
  sd_span *span = sd_span_start(f.tracer, "", NULL);
  sd_span_set_name(span, "");
  sd_span_set_name(span, NULL);
  sd_span_add_event(span, NULL, 1, NULL, 0);
  sd_span_set_string(span, "", "no key");
  sd_span_set_string(span, NULL, "no key");
  sd_bytes otlp = end(&f, span);
  assert_string_equal(f.recorder.records[0].name, "unknown");
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_ATTRIBUTES), 0);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_ATTRIBUTES), 2);
  sd_tracer_log(f.tracer, SD_LEVEL_INFO, NULL, NULL, 0);
  flush(f.telemetry);
  assert_int_equal(count_named(&f.recorder, "unknown"), 2);
  finish(&f);
}

static void a_large_log_record_gives_up_attributes_then_its_body(void **state)
{
  (void)state;
  fixture f;
  begin(&f, (sd_span_limits){.attributes = 2});
  static char text[SD_SPAN_BYTES_MAX + 1];
  memset(text, 'x', sizeof text - 1);
  sd_attribute small[] = {sd_attribute_int("a", 1), sd_attribute_int("b", 2), sd_attribute_int("c", 3)};
  sd_attribute large = sd_attribute_string("k", text);
  sd_log_record log = {.struct_size = sizeof log,
                       .body = sd_any_string("body"),
                       .attributes = small,
                       .attribute_count = 3,
                       .event_name = "small"};
  sd_tracer_emit_log_record(f.tracer, &log);
  log.attributes = &large;
  log.attribute_count = 1;
  log.event_name = "large";
  sd_tracer_emit_log_record(f.tracer, &log);
  log.body = sd_any_string(text);
  log.event_name = "larger";
  sd_tracer_emit_log_record(f.tracer, &log);
  flush(f.telemetry);
  sd_bytes otlp = otlp_of(record_named(&f.recorder, "small"));
  assert_int_equal(count_fields(otlp, SD_OTLP_LOG_ATTRIBUTES), 2);
  assert_int_equal(number_of(otlp, SD_OTLP_LOG_DROPPED_ATTRIBUTES), 1);
  otlp = otlp_of(record_named(&f.recorder, "large"));
  assert_int_equal(count_fields(otlp, SD_OTLP_LOG_ATTRIBUTES), 0);
  assert_int_equal(count_fields(otlp, SD_OTLP_LOG_BODY), 1);
  assert_int_equal(number_of(otlp, SD_OTLP_LOG_DROPPED_ATTRIBUTES), 1);
  otlp = otlp_of(record_named(&f.recorder, "larger"));
  assert_int_equal(count_fields(otlp, SD_OTLP_LOG_BODY), 0);
  assert_int_equal(stats_of(f.telemetry).dropped_attributes, 3);
  finish(&f);
}

static void on_diagnostic(void *user, int level, const char *message)
{
  assert_int_equal(level, SD_LEVEL_WARN);
  snprintf(user, 256, "%s", message);
}

static void dropped_attributes_are_told(void **state)
{
  (void)state;
  char told[256] = "";
  recorder r;
  recorder_init(&r);
  sd_telemetry_options options = {.struct_size = sizeof options,
                                  .limits = {.attributes = 1},
                                  .diagnostic = on_diagnostic,
                                  .diagnostic_user = told};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  sd_span *span = sd_span_start(sd_telemetry_tracer(telemetry, "test", NULL), "span", NULL);
  set_numbered(span, 0, 4);
  sd_span_end(span);
  flush(telemetry);
  sd_telemetry_free(telemetry);
  assert_non_null(strstr(told, "3 attributes were dropped"));
  recorder_release(&r);
}

static void options_that_cannot_be_are_refused(void **state)
{
  (void)state;
  sd_exporter *exporters[SD_EXPORTERS_MAX + 1] = {NULL};
  sd_attribute nameless = sd_attribute_int("", 1);
  const struct {
    sd_telemetry_options options;
    sd_status status;
  } cases[] = {
      {{.struct_size = 8}, SD_INVALID},
      {{.struct_size = sizeof(sd_telemetry_options), .exporters = exporters, .exporter_count = 9}, SD_LIMIT},
      {{.struct_size = sizeof(sd_telemetry_options), .exporters = exporters, .exporter_count = 1},
       SD_INVALID},
      {{.struct_size = sizeof(sd_telemetry_options), .ring_bytes = SIZE_MAX}, SD_INVALID},
      {{.struct_size = sizeof(sd_telemetry_options), .resource = &nameless, .resource_count = 1}, SD_INVALID},
      {{.struct_size = sizeof(sd_telemetry_options), .tail = {.enabled = true, .duration_ns = -1}},
       SD_INVALID},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_telemetry *telemetry = NULL;
    sd_error error = {.code = SD_OK};
    assert_int_equal(sd_telemetry_new(&cases[i].options, &telemetry, &error), cases[i].status);
    assert_int_equal(error.code, cases[i].status);
    assert_true(error.message[0] != '\0');
    assert_null(telemetry);
  }
  assert_int_equal(sd_telemetry_new(NULL, NULL, NULL), SD_INVALID);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_default_is_128_of_each),
      cmocka_unit_test(limits_can_be_lower_and_higher),
      cmocka_unit_test(values_are_cut_by_characters),
      cmocka_unit_test(a_span_never_passes_its_bytes),
      cmocka_unit_test(names_and_templates_are_cut_between_characters),
      cmocka_unit_test(an_empty_name_is_not_sent),
      cmocka_unit_test(a_large_log_record_gives_up_attributes_then_its_body),
      cmocka_unit_test(dropped_attributes_are_told),
      cmocka_unit_test(options_that_cannot_be_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
