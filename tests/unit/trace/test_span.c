/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Spans and log records: what an exporter gets for what was recorded. */
#include "recorder.h"
#include "trace/context.h"
#include "trace/otlp_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

typedef struct fixture {
  recorder recorder;
  sd_telemetry *telemetry;
  sd_tracer *tracer;
} fixture;

static int set_up(void **state)
{
  static fixture f;
  memset(&f, 0, sizeof f);
  recorder_init(&f.recorder);
  f.telemetry = recorder_telemetry(&f.recorder, NULL);
  f.tracer = sd_telemetry_tracer(f.telemetry, "test", "1.2");
  assert_non_null(f.tracer);
  *state = &f;
  return 0;
}

static int tear_down(void **state)
{
  fixture *f = *state;
  sd_telemetry_free(f->telemetry);
  assert_int_equal(f->recorder.frees, 1);
  assert_int_equal(f->recorder.stops, 1);
  recorder_release(&f->recorder);
  return 0;
}

static int64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void a_root_has_ids_times_kind_and_flags(void **state)
{
  fixture *f = *state;
  int64_t before = now_ns();
  sd_span_end(sd_span_start(f->tracer, "root", NULL));
  int64_t after = now_ns();
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "root");
  assert_int_equal(record->kind, SD_RECORD_SPAN);
  assert_ptr_equal(record->tracer, f->tracer);
  assert_string_equal(sd_tracer_name(record->tracer), "test");
  assert_string_equal(sd_tracer_version(record->tracer), "1.2");
  assert_int_equal(record->span_kind, SD_SPAN_INTERNAL);
  assert_int_equal(record->status, SD_SPAN_UNSET);
  assert_int_equal(record->level, SD_LEVEL_NONE);
  assert_null(record->message);
  assert_true(record->start_unix_ns >= before && record->end_unix_ns <= after);
  assert_true(record->end_unix_ns >= record->start_unix_ns);
  static const uint8_t zero[SD_TRACE_ID_SIZE];
  assert_memory_not_equal(record->trace_id, zero, SD_TRACE_ID_SIZE);
  assert_memory_not_equal(record->span_id, zero, SD_SPAN_ID_SIZE);
  assert_memory_equal(record->parent_id, zero, SD_SPAN_ID_SIZE);

  sd_bytes otlp = otlp_of(record);
  sd_pb_field field;
  assert_true(field_of(otlp, SD_OTLP_SPAN_TRACE_ID, 0, &field));
  assert_int_equal(field.bytes.len, SD_TRACE_ID_SIZE);
  assert_memory_equal(field.bytes.data, record->trace_id, SD_TRACE_ID_SIZE);
  assert_true(field_of(otlp, SD_OTLP_SPAN_SPAN_ID, 0, &field));
  assert_memory_equal(field.bytes.data, record->span_id, SD_SPAN_ID_SIZE);
  assert_true(field_of(otlp, SD_OTLP_SPAN_NAME, 0, &field));
  assert_text(field.bytes, "root");
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_KIND), 1);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_START), record->start_unix_ns);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_END), record->end_unix_ns);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_FLAGS), 0x103);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_PARENT_ID), 0);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_STATUS), 0);
}

static void a_child_hangs_on_the_current_span(void **state)
{
  fixture *f = *state;
  sd_context previous;
  sd_span *parent = sd_span_start_in(f->tracer, "parent", NULL, &previous);
  sd_span *child = sd_span_start(f->tracer, "child", NULL);
  sd_span_end(child);
  sd_context_restore(&previous);
  sd_span_end(parent);
  sd_span_end(sd_span_start(f->tracer, "other", NULL));
  flush(f->telemetry);
  const sd_record *p = record_named(&f->recorder, "parent");
  const sd_record *c = record_named(&f->recorder, "child");
  const sd_record *o = record_named(&f->recorder, "other");
  assert_memory_equal(c->trace_id, p->trace_id, SD_TRACE_ID_SIZE);
  assert_memory_equal(c->parent_id, p->span_id, SD_SPAN_ID_SIZE);
  assert_int_equal(c->parent_remote, 0);
  assert_memory_not_equal(o->trace_id, p->trace_id, SD_TRACE_ID_SIZE);
  sd_pb_field field;
  assert_true(field_of(otlp_of(c), SD_OTLP_SPAN_PARENT_ID, 0, &field));
  assert_memory_equal(field.bytes.data, p->span_id, SD_SPAN_ID_SIZE);
  assert_ptr_equal(&f->recorder.records[0], c);
}

static void a_remote_parent_is_marked_and_its_tracestate_travels(void **state)
{
  fixture *f = *state;
  sd_context remote = SD_CONTEXT_NONE;
  static const char text[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  assert_int_equal(sd_context_parse_traceparent(text, strlen(text), &remote), SD_OK);
  assert_int_equal(sd_context_data_new(sd_bytes_of("a=1,b=2"), sd_bytes_of("user=x"), &remote.data), SD_OK);
  sd_span_options options = {.struct_size = sizeof options, .parent = &remote, .kind = SD_SPAN_SERVER};
  sd_context previous;
  sd_span *span = sd_span_start_in(f->tracer, "server", &options, &previous);
  assert_string_equal(sd_context_tracestate(&(sd_context){.data = sd_span_context(span).data}), "a=1,b=2");
  sd_context current = sd_context_current();
  assert_string_equal(sd_context_baggage(&current), "user=x");
  assert_int_equal(current.remote, 0);
  sd_span_end(sd_span_start(f->tracer, "below", NULL));
  sd_context_restore(&previous);
  sd_span_end(span);
  sd_context_release(&remote);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "server");
  assert_int_equal(record->span_kind, SD_SPAN_SERVER);
  assert_int_equal(record->parent_remote, 1);
  assert_int_equal(number_of(otlp_of(record), SD_OTLP_SPAN_FLAGS), 0x301);
  sd_pb_field field;
  assert_true(field_of(otlp_of(record), SD_OTLP_SPAN_TRACE_STATE, 0, &field));
  assert_text(field.bytes, "a=1,b=2");
  const sd_record *below = record_named(&f->recorder, "below");
  assert_int_equal(number_of(otlp_of(below), SD_OTLP_SPAN_FLAGS), 0x101);
  assert_true(field_of(otlp_of(below), SD_OTLP_SPAN_TRACE_STATE, 0, &field));
  assert_text(field.bytes, "a=1,b=2");
}

static void attributes_of_every_type_arrive(void **state)
{
  fixture *f = *state;
  sd_any members[] = {sd_any_int(1), sd_any_string("two"), sd_any_null()};
  sd_attribute pairs[] = {sd_attribute_bool("x", true), sd_attribute_make("y", sd_any_array(members, 3))};
  sd_span *span = sd_span_start(f->tracer, "types", NULL);
  sd_span_set_string(span, "string", "value");
  sd_span_set_string(span, "empty", "");
  sd_span_set_bool(span, "true", true);
  sd_span_set_bool(span, "false", false);
  sd_span_set_int(span, "int", INT64_MIN);
  sd_span_set_int(span, "zero", 0);
  sd_span_set_double(span, "double", -0.5);
  sd_span_set(span, "bytes", sd_any_bytes("\0\xff", 2));
  sd_span_set(span, "null", sd_any_null());
  sd_span_set(span, "array", sd_any_array(members, 3));
  sd_span_set(span, "map", sd_any_map(pairs, 2));
  sd_span_end(span);
  flush(f->telemetry);
  sd_bytes otlp = otlp_of(record_named(&f->recorder, "types"));
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_ATTRIBUTES), 11);
  sd_any_view value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "string");
  assert_int_equal(value.type, SD_ANY_STRING);
  assert_text(value.bytes, "value");
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "empty");
  assert_int_equal(value.type, SD_ANY_STRING);
  assert_int_equal(value.bytes.len, 0);
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "true");
  assert_int_equal(value.type, SD_ANY_BOOL);
  assert_int_equal(value.integer, 1);
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "false");
  assert_int_equal(value.type, SD_ANY_BOOL);
  assert_int_equal(value.integer, 0);
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "int");
  assert_int_equal(value.type, SD_ANY_INT);
  assert_true(value.integer == INT64_MIN);
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "zero");
  assert_int_equal(value.type, SD_ANY_INT);
  assert_int_equal(value.integer, 0);
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "double");
  assert_int_equal(value.type, SD_ANY_DOUBLE);
  assert_true(value.number == -0.5);
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "bytes");
  assert_int_equal(value.type, SD_ANY_BYTES);
  assert_int_equal(value.bytes.len, 2);
  assert_memory_equal(value.bytes.data, "\0\xff", 2);
  assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "null").type, SD_ANY_NULL);
  value = attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "map");
  sd_attribute_view pair;
  assert_true(sd_attribute_next(&value.bytes, &pair));
  assert_text(pair.key, "x");
  assert_int_equal(pair.value.integer, 1);
  assert_true(sd_attribute_next(&value.bytes, &pair));
  assert_text(pair.key, "y");
  sd_any_view member;
  sd_bytes rest = pair.value.bytes;
  assert_true(sd_any_next(&rest, &member) && member.integer == 1);
  assert_true(sd_any_next(&rest, &member));
  assert_text(member.bytes, "two");
  assert_true(sd_any_next(&rest, &member) && member.type == SD_ANY_NULL);
  assert_false(sd_any_next(&rest, &member));
  assert_false(sd_attribute_next(&value.bytes, &pair));
}

static void setting_a_key_again_replaces_its_value_in_its_place(void **state)
{
  fixture *f = *state;
  sd_span *span = sd_span_start(f->tracer, "again", NULL);
  sd_span_set_string(span, "first", "short");
  sd_span_set_int(span, "second", 2);
  sd_span_add_event(span, "between", 7, NULL, 0);
  sd_span_set_status(span, SD_SPAN_ERROR, "bad");
  sd_span_set_int(span, "third", 3);
  sd_span_set_string(span, "first", "a text that is much longer than the one before");
  sd_span_set_bool(span, "second", true);
  sd_span_set_name(span, "renamed to something longer");
  sd_span_set_string(span, "third", "x");
  sd_span_set_status(span, SD_SPAN_ERROR, "worse than it was");
  sd_span_set_string(span, "first", "");
  sd_span_set_name(span, "r");
  sd_span_set_double(span, "second", 1.5);
  sd_span_end(span);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "r");
  sd_bytes otlp = otlp_of(record);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_NAME), 1);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_ATTRIBUTES), 3);
  sd_attribute_view attribute;
  sd_bytes rest = otlp;
  static const char *const order[] = {"first", "second", "third"};
  for (size_t i = 0; i < 3; i++) {
    assert_true(sd_attribute_next_field(&rest, SD_OTLP_SPAN_ATTRIBUTES, &attribute));
    assert_text(attribute.key, order[i]);
  }
  assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "first").bytes.len, 0);
  assert_true(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "second").number == 1.5);
  assert_text(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "third").bytes, "x");
  sd_pb_field field;
  assert_true(field_of(otlp, SD_OTLP_SPAN_EVENTS, 0, &field));
  assert_int_equal(number_of(field.bytes, SD_OTLP_EVENT_TIME), 7);
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_STATUS), 1);
  assert_true(field_of(otlp, SD_OTLP_SPAN_STATUS, 0, &field));
  assert_int_equal(number_of(field.bytes, SD_OTLP_STATUS_CODE), SD_SPAN_ERROR);
  sd_pb_field text;
  assert_true(field_of(field.bytes, SD_OTLP_STATUS_MESSAGE, 0, &text));
  assert_text(text.bytes, "worse than it was");
}

static void many_keys_are_told_apart(void **state)
{
  fixture *f = *state;
  sd_span *span = sd_span_start(f->tracer, "many", NULL);
  char key[32];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 100; i++) {
      snprintf(key, sizeof key, "k%d", i);
      sd_span_set_int(span, key, i + round);
    }
  }
  sd_span_end(span);
  flush(f->telemetry);
  sd_bytes otlp = otlp_of(record_named(&f->recorder, "many"));
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_ATTRIBUTES), 100);
  for (int i = 0; i < 100; i++) {
    snprintf(key, sizeof key, "k%d", i);
    assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, key).integer, i + 1);
  }
}

static void text_that_is_not_utf8_is_repaired(void **state)
{
  fixture *f = *state;
  sd_span *span = sd_span_start(f->tracer, "a\xff", NULL);
  sd_span_set_string(span, "k\xc3",
                     "\xe2\x82"
                     "x\xf0\x9f\x98\x80");
  sd_span_set_string(span, "k\xc3", "again \xc0");
  sd_attribute event = sd_attribute_string("e\x80", "v\x80");
  sd_span_add_event(span, "n\xfe", 1, &event, 1);
  sd_span_set_status(span, SD_SPAN_ERROR, "s\xed\xa0\x80");
  sd_span_end(span);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "a\xef\xbf\xbd");
  sd_bytes otlp = otlp_of(record);
  assert_text(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "k\xef\xbf\xbd").bytes, "again \xef\xbf\xbd");
  sd_pb_field field;
  sd_pb_field text;
  assert_true(field_of(otlp, SD_OTLP_SPAN_EVENTS, 0, &field));
  assert_true(field_of(field.bytes, SD_OTLP_EVENT_NAME, 0, &text));
  assert_text(text.bytes, "n\xef\xbf\xbd");
  assert_text(attribute_of(field.bytes, SD_OTLP_EVENT_ATTRIBUTES, "e\xef\xbf\xbd").bytes, "v\xef\xbf\xbd");
  assert_true(field_of(otlp, SD_OTLP_SPAN_STATUS, 0, &field));
  assert_true(field_of(field.bytes, SD_OTLP_STATUS_MESSAGE, 0, &text));
  assert_text(text.bytes, "s\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void events_and_links_arrive_with_their_attributes(void **state)
{
  fixture *f = *state;
  sd_context other = SD_CONTEXT_NONE;
  static const char text[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  assert_int_equal(sd_context_parse_traceparent(text, strlen(text), &other), SD_OK);
  assert_int_equal(sd_context_data_new(sd_bytes_of("l=1"), sd_bytes_of(""), &other.data), SD_OK);
  sd_attribute attributes[] = {sd_attribute_int("n", 1), sd_attribute_string("s", "x"),
                               sd_attribute_int("n", 2)};
  sd_link link = {.context = other, .attributes = attributes, .attribute_count = 3};
  sd_span_options options = {.struct_size = sizeof options, .links = &link, .link_count = 1};
  sd_span *span = sd_span_start(f->tracer, "linked", &options);
  sd_span_add_event(span, "event", 123, attributes, 3);
  sd_link none = {.context = SD_CONTEXT_NONE};
  sd_span_add_link(span, &none);
  sd_span_end(span);
  flush(f->telemetry);
  sd_bytes otlp = otlp_of(record_named(&f->recorder, "linked"));
  assert_int_equal(count_fields(otlp, SD_OTLP_SPAN_LINKS), 1);
  assert_int_equal(number_of(otlp, SD_OTLP_SPAN_DROPPED_LINKS), 1);
  sd_pb_field field;
  sd_pb_field part;
  assert_true(field_of(otlp, SD_OTLP_SPAN_LINKS, 0, &field));
  assert_true(field_of(field.bytes, SD_OTLP_LINK_TRACE_ID, 0, &part));
  assert_int_equal(part.bytes.len, SD_TRACE_ID_SIZE);
  assert_memory_equal(part.bytes.data, other.trace_id, SD_TRACE_ID_SIZE);
  assert_true(field_of(field.bytes, SD_OTLP_LINK_TRACE_STATE, 0, &part));
  assert_text(part.bytes, "l=1");
  assert_int_equal(number_of(field.bytes, SD_OTLP_LINK_FLAGS), 0x301);
  assert_int_equal(count_fields(field.bytes, SD_OTLP_LINK_ATTRIBUTES), 2);
  assert_int_equal(attribute_of(field.bytes, SD_OTLP_LINK_ATTRIBUTES, "n").integer, 2);
  assert_true(field_of(otlp, SD_OTLP_SPAN_EVENTS, 0, &field));
  assert_int_equal(number_of(field.bytes, SD_OTLP_EVENT_TIME), 123);
  assert_int_equal(count_fields(field.bytes, SD_OTLP_EVENT_ATTRIBUTES), 2);
  assert_int_equal(attribute_of(field.bytes, SD_OTLP_EVENT_ATTRIBUTES, "n").integer, 2);
  assert_text(attribute_of(field.bytes, SD_OTLP_EVENT_ATTRIBUTES, "s").bytes, "x");
  sd_context_release(&other);
}

static void ok_is_final_and_has_no_text(void **state)
{
  fixture *f = *state;
  sd_span *span = sd_span_start(f->tracer, "ok", NULL);
  sd_span_set_status(span, SD_SPAN_ERROR, "failed");
  sd_span_set_status(span, SD_SPAN_UNSET, NULL);
  sd_span_set_status(span, SD_SPAN_OK, "ignored");
  sd_span_set_status(span, SD_SPAN_ERROR, "too late");
  sd_span_end(span);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "ok");
  assert_int_equal(record->status, SD_SPAN_OK);
  sd_pb_field field;
  assert_true(field_of(otlp_of(record), SD_OTLP_SPAN_STATUS, 0, &field));
  assert_int_equal(number_of(field.bytes, SD_OTLP_STATUS_CODE), SD_SPAN_OK);
  assert_int_equal(count_fields(field.bytes, SD_OTLP_STATUS_MESSAGE), 0);
}

static void an_exception_is_an_event_and_a_status(void **state)
{
  fixture *f = *state;
  sd_span *span = sd_span_start(f->tracer, "raises", NULL);
  sd_span_record_exception(span, "ValueError", "boom", "line 1", false);
  sd_span_record_exception(span, "KeyError", "gone", NULL, true);
  sd_span_end(span);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "raises");
  assert_int_equal(record->status, SD_SPAN_ERROR);
  sd_pb_field field;
  assert_true(field_of(otlp_of(record), SD_OTLP_SPAN_EVENTS, 0, &field));
  sd_pb_field name;
  assert_true(field_of(field.bytes, SD_OTLP_EVENT_NAME, 0, &name));
  assert_text(name.bytes, "exception");
  uint32_t number = SD_OTLP_EVENT_ATTRIBUTES;
  assert_text(attribute_of(field.bytes, number, "exception.type").bytes, "ValueError");
  assert_text(attribute_of(field.bytes, number, "exception.message").bytes, "boom");
  assert_text(attribute_of(field.bytes, number, "exception.stacktrace").bytes, "line 1");
  assert_text(attribute_of(field.bytes, number, "exception.escaped").bytes, "False");
  assert_true(field_of(otlp_of(record), SD_OTLP_SPAN_EVENTS, 1, &field));
  assert_int_equal(count_fields(field.bytes, number), 3);
  assert_text(attribute_of(field.bytes, number, "exception.escaped").bytes, "True");
  assert_true(field_of(otlp_of(record), SD_OTLP_SPAN_STATUS, 0, &field));
  sd_pb_field text;
  assert_true(field_of(field.bytes, SD_OTLP_STATUS_MESSAGE, 0, &text));
  assert_text(text.bytes, "KeyError: gone");
}

static void an_error_of_ours_has_a_type_by_its_source(void **state)
{
  fixture *f = *state;
  static const struct {
    sd_error error;
    const char *type;
  } cases[] = {
      {{.code = SD_TIMEOUT}, "SD_TIMEOUT"},
      {{.code = SD_IO, .source = SD_SOURCE_SYSTEM, .source_code = 111}, "errno.ECONNREFUSED"},
      {{.code = SD_IO, .source = SD_SOURCE_UV, .source_code = -111}, "uv.ECONNREFUSED"},
      {{.code = SD_DATABASE, .source = SD_SOURCE_DUCKDB, .source_code = 28}, "duckdb.IO"},
      {{.code = SD_REMOTE, .source = SD_SOURCE_HTTP, .source_code = 503}, "http.503"},
      {{.code = SD_REMOTE, .source = SD_SOURCE_AMQP, .condition = "amqp:link:stolen"}, "amqp:link:stolen"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_span *span = sd_span_start(f->tracer, cases[i].type, NULL);
    sd_span_record_error(span, &cases[i].error);
    sd_span_end(span);
    flush(f->telemetry);
    sd_pb_field field;
    const sd_record *record = record_named(&f->recorder, cases[i].type);
    assert_true(field_of(otlp_of(record), SD_OTLP_SPAN_EVENTS, 0, &field));
    assert_text(attribute_of(field.bytes, SD_OTLP_EVENT_ATTRIBUTES, "exception.type").bytes, cases[i].type);
    assert_int_equal(record->status, SD_SPAN_ERROR);
  }
}

static void an_end_before_the_start_becomes_the_start(void **state)
{
  fixture *f = *state;
  sd_span_options options = {.struct_size = sizeof options, .start_unix_ns = 1000};
  sd_span_end_at(sd_span_start(f->tracer, "backwards", &options), 999);
  sd_span_end_at(sd_span_start(f->tracer, "forwards", &options), 1001);
  flush(f->telemetry);
  assert_int_equal(record_named(&f->recorder, "backwards")->end_unix_ns, 1000);
  assert_int_equal(record_named(&f->recorder, "forwards")->end_unix_ns, 1001);
  assert_int_equal(record_named(&f->recorder, "forwards")->start_unix_ns, 1000);
}

static void a_log_is_a_span_without_duration(void **state)
{
  fixture *f = *state;
  sd_context previous;
  sd_span *span = sd_span_start_in(f->tracer, "around", NULL, &previous);
  sd_attribute attribute = sd_attribute_int("n", 3);
  sd_tracer_log(f->tracer, SD_LEVEL_WARN, "late by {n} s", &attribute, 1);
  sd_context_restore(&previous);
  sd_span_end(span);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "late by {n} s");
  assert_int_equal(record->kind, SD_RECORD_SPAN);
  assert_int_equal(record->is_log, 1);
  assert_int_equal(record->level, SD_LEVEL_WARN);
  assert_int_equal(record->start_unix_ns, record->end_unix_ns);
  assert_string_equal(record->message, "late by {n} s");
  assert_memory_equal(record->parent_id, record_named(&f->recorder, "around")->span_id, SD_SPAN_ID_SIZE);
  assert_int_equal(attribute_of(otlp_of(record), SD_OTLP_SPAN_ATTRIBUTES, "n").integer, 3);
  assert_int_equal(record_named(&f->recorder, "around")->is_log, 0);
}

static void a_template_stands_beside_the_message(void **state)
{
  fixture *f = *state;
  sd_span_options options = {.struct_size = sizeof options, .message = "process {hub}", .level = 9};
  sd_span *span = sd_span_start(f->tracer, "process", &options);
  sd_span_set_string(span, "hub", "orders");
  sd_span_set_name(span, "process it");
  sd_span_set_level(span, SD_LEVEL_ERROR);
  sd_span_end(span);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "process it");
  assert_string_equal(record->message, "process {hub}");
  assert_int_equal(record->level, SD_LEVEL_ERROR);
  assert_text(attribute_of(otlp_of(record), SD_OTLP_SPAN_ATTRIBUTES, "hub").bytes, "orders");
}

static void a_log_record_has_every_field(void **state)
{
  fixture *f = *state;
  sd_context previous;
  sd_span *span = sd_span_start_in(f->tracer, "around", NULL, &previous);
  sd_attribute attribute = sd_attribute_int("n", 3);
  sd_log_record log = {.struct_size = sizeof log,
                       .unix_ns = 77,
                       .severity = 13,
                       .severity_text = "WARN",
                       .body = sd_any_string("body"),
                       .attributes = &attribute,
                       .attribute_count = 1,
                       .event_name = "happened"};
  sd_tracer_emit_log_record(f->tracer, &log);
  sd_context_restore(&previous);
  sd_log_record bare = {.struct_size = sizeof bare, .body = sd_any_bool(false)};
  sd_tracer_emit_log_record(f->tracer, &bare);
  sd_context context = sd_span_context(span);
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "happened");
  assert_int_equal(record->kind, SD_RECORD_LOG);
  assert_int_equal(record->level, 13);
  assert_int_equal(record->start_unix_ns, 77);
  assert_memory_equal(record->trace_id, context.trace_id, SD_TRACE_ID_SIZE);
  assert_memory_equal(record->span_id, context.span_id, SD_SPAN_ID_SIZE);
  sd_bytes otlp = otlp_of(record);
  assert_int_equal(number_of(otlp, SD_OTLP_LOG_TIME), 77);
  assert_int_equal(number_of(otlp, SD_OTLP_LOG_SEVERITY), 13);
  assert_true(number_of(otlp, SD_OTLP_LOG_OBSERVED) > 77);
  assert_int_equal(number_of(otlp, SD_OTLP_LOG_FLAGS), 3);
  sd_pb_field field;
  sd_any_view body;
  assert_true(field_of(otlp, SD_OTLP_LOG_SEVERITY_TEXT, 0, &field));
  assert_text(field.bytes, "WARN");
  assert_true(field_of(otlp, SD_OTLP_LOG_BODY, 0, &field));
  assert_true(sd_any_read(field.bytes, &body));
  assert_text(body.bytes, "body");
  assert_int_equal(attribute_of(otlp, SD_OTLP_LOG_ATTRIBUTES, "n").integer, 3);
  const sd_record *other = record_named(&f->recorder, "");
  assert_int_equal(count_fields(otlp_of(other), SD_OTLP_LOG_TRACE_ID), 0);
  assert_int_equal(count_fields(otlp_of(other), SD_OTLP_LOG_TIME), 0);
  assert_true(field_of(otlp_of(other), SD_OTLP_LOG_BODY, 0, &field));
  assert_true(sd_any_read(field.bytes, &body));
  assert_int_equal(body.type, SD_ANY_BOOL);
  sd_span_end(span);
}

static void nothing_is_recorded_by_null(void **state)
{
  (void)state;
  sd_context previous = SD_CONTEXT_NONE;
  assert_null(sd_span_start(NULL, "x", NULL));
  assert_null(sd_span_start_in(NULL, "x", NULL, &previous));
  sd_context_restore(&previous);
  sd_span_set_int(NULL, "k", 1);
  sd_span_set_all(NULL, NULL, 3);
  sd_span_set_name(NULL, "x");
  sd_span_set_level(NULL, 9);
  sd_span_set_status(NULL, SD_SPAN_OK, NULL);
  sd_span_add_event(NULL, "x", 0, NULL, 0);
  sd_span_add_link(NULL, NULL);
  sd_span_record_exception(NULL, NULL, NULL, NULL, true);
  sd_span_record_error(NULL, NULL);
  sd_span_end(NULL);
  sd_span_end_at(NULL, 1);
  sd_tracer_log(NULL, 9, "x", NULL, 0);
  sd_tracer_emit_log_record(NULL, NULL);
  sd_context none = sd_span_context(NULL);
  assert_false(sd_context_is_valid(&none));
  previous = sd_span_attach(NULL);
  sd_context_restore(&previous);
  assert_null(sd_telemetry_tracer(NULL, "x", NULL));
  assert_int_equal(sd_telemetry_flush(NULL, 1, NULL), SD_OK);
  assert_int_equal(sd_telemetry_shutdown(NULL, 1, NULL), SD_OK);
  sd_telemetry_free(NULL);
  sd_telemetry_stats stats = {.struct_size = sizeof stats, .spans_started = 9};
  sd_telemetry_get_stats(NULL, &stats);
  assert_int_equal(stats.spans_started, 0);
}

static void the_same_scope_is_the_same_tracer(void **state)
{
  fixture *f = *state;
  assert_ptr_equal(sd_telemetry_tracer(f->telemetry, "test", "1.2"), f->tracer);
  assert_ptr_not_equal(sd_telemetry_tracer(f->telemetry, "test", NULL), f->tracer);
  assert_string_equal(sd_tracer_version(sd_telemetry_tracer(f->telemetry, "test", NULL)), "");
  assert_ptr_equal(sd_tracer_telemetry(f->tracer), f->telemetry);
  char name[16];
  size_t made = 0;
  for (; made <= SD_TRACERS_MAX; made++) {
    snprintf(name, sizeof name, "t%zu", made);
    if (!sd_telemetry_tracer(f->telemetry, name, NULL))
      break;
  }
  assert_in_range(made, 2, SD_TRACERS_MAX - 2);
  assert_ptr_equal(sd_telemetry_tracer(f->telemetry, "test", "1.2"), f->tracer);
}

static void an_older_programs_options_are_read_as_far_as_they_go(void **state)
{
  fixture *f = *state;
  sd_span_options options = {.struct_size = offsetof(sd_span_options, level),
                             .kind = SD_SPAN_CLIENT,
                             .level = 1000,
                             .message = "not read"};
  sd_span_end(sd_span_start(f->tracer, "old", &options));
  flush(f->telemetry);
  const sd_record *record = record_named(&f->recorder, "old");
  assert_int_equal(record->span_kind, SD_SPAN_CLIENT);
  assert_int_equal(record->level, 0);
  assert_null(record->message);
}

int main(void)
{
#define SPAN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      SPAN_TEST(a_root_has_ids_times_kind_and_flags),
      SPAN_TEST(a_child_hangs_on_the_current_span),
      SPAN_TEST(a_remote_parent_is_marked_and_its_tracestate_travels),
      SPAN_TEST(attributes_of_every_type_arrive),
      SPAN_TEST(setting_a_key_again_replaces_its_value_in_its_place),
      SPAN_TEST(many_keys_are_told_apart),
      SPAN_TEST(text_that_is_not_utf8_is_repaired),
      SPAN_TEST(events_and_links_arrive_with_their_attributes),
      SPAN_TEST(ok_is_final_and_has_no_text),
      SPAN_TEST(an_exception_is_an_event_and_a_status),
      SPAN_TEST(an_error_of_ours_has_a_type_by_its_source),
      SPAN_TEST(an_end_before_the_start_becomes_the_start),
      SPAN_TEST(a_log_is_a_span_without_duration),
      SPAN_TEST(a_template_stands_beside_the_message),
      SPAN_TEST(a_log_record_has_every_field),
      cmocka_unit_test(nothing_is_recorded_by_null),
      SPAN_TEST(the_same_scope_is_the_same_tracer),
      SPAN_TEST(an_older_programs_options_are_read_as_far_as_they_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
