/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Scrubbing of records: what is replaced, what is listed, what stays. The expected values of the cases that
 * Logfire's Python SDK has too were taken from it (5.4.0). */
#include "base/alloc.h"
#include "trace/otlp_fields.h"
#include "trace/scrub_record.h"
#include "trace/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECRET "s3cr-r3gist3red"

enum { MESSAGE_MAX = 1 << 20 };

typedef struct rig {
  sd_record_scrubber *scrubber;
  sd_buf message; /* the record's */
  sd_buf scratch;
  sd_record in;
  sd_record out;
  sd_buf shown;
} rig;

static sd_telemetry_options options;

static int set_up(void **state)
{
  static rig r;
  memset(&r, 0, sizeof r);
  if (sd_record_scrubber_new(&options, &r.scrubber, NULL) != SD_OK ||
      sd_record_scrubber_add(r.scrubber, SECRET) != SD_OK)
    return -1;
  sd_buf_init(&r.message, MESSAGE_MAX);
  sd_buf_init(&r.scratch, MESSAGE_MAX);
  sd_buf_init(&r.shown, MESSAGE_MAX);
  r.in.kind = SD_RECORD_SPAN;
  *state = &r;
  return 0;
}

static int tear_down(void **state)
{
  rig *r = *state;
  sd_record_scrubber_free(r->scrubber);
  sd_buf_release(&r->message);
  sd_buf_release(&r->scratch);
  sd_buf_release(&r->shown);
  memset(&options, 0, sizeof options);
  return 0;
}

/* ---- Making messages */

static void put(sd_buf *out, uint32_t field, const void *data, size_t len)
{
  uint8_t *at;
  assert_int_equal(sd_buf_reserve(out, len + 2 * SD_PB_VARINT_MAX, &at), SD_OK);
  sd_buf_commit(out, (size_t)(sd_pb_put_bytes(at, field, data, len) - at));
}

static void put_text(sd_buf *out, uint32_t field, const char *text)
{
  put(out, field, text, strlen(text));
}

static void put_any(sd_buf *out, uint32_t field, sd_any value)
{
  uint8_t bytes[8192];
  size_t size = sd_any_size(&value, 0);
  assert_true(size <= sizeof bytes);
  sd_any_encode(&value, 0, bytes);
  put(out, field, bytes, size);
}

static void put_attribute(sd_buf *out, uint32_t field, const char *key, sd_any value)
{
  uint8_t bytes[8192];
  sd_attribute attribute = sd_attribute_make(key, value);
  size_t size = sd_attribute_size(&attribute, 0);
  assert_true(size <= sizeof bytes);
  sd_attribute_encode(&attribute, 0, bytes);
  put(out, field, bytes, size);
}

static void attribute(rig *r, const char *key, sd_any value)
{
  put_attribute(&r->message, SD_OTLP_SPAN_ATTRIBUTES, key, value);
}

static void scrub(rig *r)
{
  r->in.otlp = r->message.data;
  r->in.otlp_len = r->message.len;
  sd_buf_clear(&r->scratch);
  assert_int_equal(sd_record_scrub(r->scrubber, &r->in, &r->scratch, &r->out), SD_OK);
}

static void start_again(rig *r)
{
  sd_buf_clear(&r->message);
}

/* ---- Looking into messages */

static sd_bytes out_of(const rig *r)
{
  return sd_bytes_make(r->out.otlp, r->out.otlp_len);
}

static sd_bytes field_of(sd_bytes message, uint32_t number, size_t index)
{
  sd_pb_field field;
  while (sd_pb_next(&message, &field)) {
    if (field.number == number && index-- == 0)
      return field.bytes;
  }
  fail_msg("no field %u", number);
  return sd_bytes_make(NULL, 0);
}

/* The attribute's value as JSON; NULL when there is none. */
static const char *value_in(rig *r, sd_bytes message, uint32_t number, const char *key)
{
  sd_attribute_view found;
  while (sd_attribute_next_field(&message, number, &found)) {
    if (!sd_bytes_equal_text(found.key, key))
      continue;
    sd_buf_clear(&r->shown);
    assert_int_equal(sd_any_to_json(&found.value, &r->shown), SD_OK);
    return sd_buf_text(&r->shown);
  }
  return NULL;
}

static const char *value_of(rig *r, const char *key)
{
  return value_in(r, out_of(r), SD_OTLP_SPAN_ATTRIBUTES, key);
}

/* logfire.scrubbed as text. */
static const char *notes_of(rig *r)
{
  sd_attribute_view found;
  sd_bytes message = out_of(r);
  uint32_t number = r->in.kind == SD_RECORD_LOG ? SD_OTLP_LOG_ATTRIBUTES : SD_OTLP_SPAN_ATTRIBUTES;
  while (sd_attribute_next_field(&message, number, &found)) {
    if (sd_bytes_equal_text(found.key, "logfire.scrubbed")) {
      sd_buf_clear(&r->shown);
      assert_int_equal(sd_buf_append_bytes(&r->shown, found.value.bytes), SD_OK);
      return sd_buf_text(&r->shown);
    }
  }
  return NULL;
}

static void assert_value(rig *r, const char *key, const char *expected)
{
  const char *value = value_of(r, key);
  if (!value)
    fail_msg("no attribute %s", key);
  assert_string_equal(value, expected);
}

static void assert_untouched(const rig *r)
{
  assert_ptr_equal(r->out.otlp, r->in.otlp);
  assert_int_equal(r->out.otlp_len, r->in.otlp_len);
}

static void assert_has_no_secret(const rig *r)
{
  assert_null(memmem(r->out.otlp, r->out.otlp_len, SECRET, strlen(SECRET)));
  if (r->out.message)
    assert_null(memmem(r->out.message, r->out.message_len, SECRET, strlen(SECRET)));
}

/* ---- Tests */

static void a_clean_record_passes_as_it_is(void **state)
{
  rig *r = *state;
  sd_any list[] = {sd_any_string("a"), sd_any_int(-3), sd_any_null(), sd_any_bytes("\xff\x00\x01", 3)};
  sd_attribute map[] = {sd_attribute_string("k", "v"), sd_attribute_bool("b", true)};
  put_text(&r->message, SD_OTLP_SPAN_NAME, "name");
  attribute(r, "text", sd_any_string("ordinary text, \xc3\xa4"));
  attribute(r, "list", sd_any_array(list, 4));
  attribute(r, "map", sd_any_map(map, 2));
  attribute(r, "double", sd_any_double(1.5));
  attribute(r, "json", sd_any_string("{\"a\": [1, \"x\\ny\"]}"));
  attribute(r, "http.url", sd_any_string("http://h/login?session=1"));
  attribute(r, "agent_session_id", sd_any_string("x"));
  attribute(r, "word", sd_any_string("password"));
  r->in.message = "template {text}";
  r->in.message_len = strlen(r->in.message);
  scrub(r);
  assert_untouched(r);
  assert_ptr_equal(r->out.message, r->in.message);
  /* Once the buffers are there, nothing is allocated any more. */
  sd_alloc_fail_nth(0);
  scrub(r);
  assert_int_equal(sd_alloc_calls(), 0);
}

static void the_value_of_a_telling_key_goes(void **state)
{
  rig *r = *state;
  sd_any list[] = {sd_any_string("a"), sd_any_string("b")};
  sd_attribute map[] = {sd_attribute_string("k", "v")};
  attribute(r, "a", sd_any_int(1));
  attribute(r, "password", sd_any_string("x"));
  attribute(r, "Api-Key", sd_any_int(7));
  attribute(r, "auth", sd_any_array(list, 2));
  attribute(r, "session", sd_any_map(map, 1));
  attribute(r, "csrf", sd_any_null());
  attribute(r, "motherduck_token", sd_any_string("y"));
  attribute(r, "author", sd_any_string("Ann"));
  scrub(r);
  assert_value(r, "a", "1");
  assert_value(r, "password", "\"[Scrubbed due to 'password']\"");
  assert_value(r, "Api-Key", "\"[Scrubbed due to 'Api-Key']\"");
  assert_value(r, "auth", "[\"[Scrubbed due to 'auth']\"]");
  assert_value(r, "session", "\"[Scrubbed due to 'session']\"");
  assert_value(r, "csrf", "\"[Scrubbed due to 'csrf']\"");
  assert_value(r, "motherduck_token", "\"[Scrubbed due to 'motherduck_token']\"");
  assert_value(r, "author", "\"Ann\"");
  assert_string_equal(notes_of(r),
                      "[{\"path\": [\"attributes\", \"password\"], \"matched_substring\": \"password\"}, "
                      "{\"path\": [\"attributes\", \"Api-Key\"], \"matched_substring\": \"Api-Key\"}, "
                      "{\"path\": [\"attributes\", \"auth\"], \"matched_substring\": \"auth\"}, "
                      "{\"path\": [\"attributes\", \"session\"], \"matched_substring\": \"session\"}, "
                      "{\"path\": [\"attributes\", \"csrf\"], \"matched_substring\": \"csrf\"}, "
                      "{\"path\": [\"attributes\", \"motherduck_token\"], \"matched_substring\": "
                      "\"motherduck_token\"}]");
}

static void a_telling_text_goes_whole(void **state)
{
  rig *r = *state;
  attribute(r, "v", sd_any_string("my SECRET is x"));
  attribute(r, "only", sd_any_string("Secret"));
  attribute(r, "bytes", sd_any_bytes("a jwt b", 7));
  scrub(r);
  assert_value(r, "v", "\"[Scrubbed due to 'SECRET']\"");
  assert_value(r, "only", "\"Secret\"");
  assert_value(r, "bytes", "\"[Scrubbed due to 'jwt']\"");
  assert_string_equal(notes_of(r),
                      "[{\"path\": [\"attributes\", \"v\"], \"matched_substring\": \"SECRET\"}, "
                      "{\"path\": [\"attributes\", \"bytes\"], \"matched_substring\": \"jwt\"}]");
}

static void values_in_lists_and_maps_are_looked_at(void **state)
{
  rig *r = *state;
  sd_attribute inner[] = {sd_attribute_string("secret", "x"), sd_attribute_string("other", "a cookie x"),
                          sd_attribute_int("n", 1)};
  sd_any list[] = {sd_any_map(inner, 3), sd_any_string("my password=1"), sd_any_string("fine")};
  sd_attribute outer[] = {sd_attribute_make("list", sd_any_array(list, 3))};
  attribute(r, "nested", sd_any_map(outer, 1));
  scrub(r);
  assert_value(r, "nested",
               "{\"list\":[{\"secret\":\"[Scrubbed due to 'secret']\",\"other\":\"[Scrubbed due to "
               "'cookie']\",\"n\":1},\"[Scrubbed due to 'password']\",\"fine\"]}");
  assert_string_equal(
      notes_of(r),
      "[{\"path\": [\"attributes\", \"nested\", \"list\", 0, \"secret\"], \"matched_substring\": "
      "\"secret\"}, "
      "{\"path\": [\"attributes\", \"nested\", \"list\", 0, \"other\"], \"matched_substring\": \"cookie\"}, "
      "{\"path\": [\"attributes\", \"nested\", \"list\", 1], \"matched_substring\": \"password\"}]");
}

static void json_text_is_taken_apart(void **state)
{
  rig *r = *state;
  static const char *const cases[][2] = {
      {"{\"a\":1,\"password\":\"x\"}", "{\"a\": 1, \"password\": \"[Scrubbed due to 'password']\"}"},
      {" [ 1.50 , true,null, \"my secret x\" , {} , [] ] ",
       "[1.50, true, null, \"[Scrubbed due to 'secret']\", {}, []]"},
      {"{\"auth\":[1,2],\"u\":\"\xc3\xa4\xf0\x9f\x98\x80\\u00e4\\ud83d\\ude00\x7f\\/\\t\"}",
       "{\"auth\": [\"[Scrubbed due to 'auth']\"], \"u\": "
       "\"\\u00e4\\ud83d\\ude00\\u00e4\\ud83d\\ude00\\u007f/\\t\"}"},
      {"\"my secret\"", "\"[Scrubbed due to 'secret']\""},
      {"{\"a\":\"{\\\"jwt\\\":1}\"}", "{\"a\": \"{\\\"jwt\\\": \\\"[Scrubbed due to 'jwt']\\\"}\"}"},
      {"{\"url.query\":\"session=1\",\"x\":\"password\",\"session\":{\"a\":[{}]}}",
       "{\"url.query\": \"session=1\", \"x\": \"password\", \"session\": \"[Scrubbed due to 'session']\"}"},
      {"{\"k\":\"AccountKey=abc\"}", "{\"k\":\"AccountKey=***\"}"},
      {"{\"motherduck_token\":\"abc\"}", "{\"motherduck_token\":\"***\"}"},
      {"{\"sig\":1, \"jwt\":-1e-5}",
       "{\"sig\": \"[Scrubbed due to 'sig']\", \"jwt\": \"[Scrubbed due to 'jwt']\"}"},
      /* nearly JSON: the whole text goes */
      {"{\"password\":\"x\"", "[Scrubbed due to 'password']"},
      {"{\"password\":\"x\"} x", "[Scrubbed due to 'password']"},
      {"{\"password\":01}", "[Scrubbed due to 'password']"},
      {"{'password':1}", "[Scrubbed due to 'password']"},
      {"{\"password\":\"a\nb\"}", "[Scrubbed due to 'password']"},
      {"{\"password\":\"\\x\"}", "[Scrubbed due to 'password']"},
      {"[\"password\",]", "[Scrubbed due to 'password']"},
      {"[1 \"password\"]", "[Scrubbed due to 'password']"},
      {"{\"password\"}", "[Scrubbed due to 'password']"},
      {"[\"\\u12g4password\"]", "[Scrubbed due to 'password']"},
      {"[.5,\"password\"]", "[Scrubbed due to 'password']"},
      {"[1.,\"password\"]", "[Scrubbed due to 'password']"},
      {"[1e,\"password\"]", "[Scrubbed due to 'password']"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    start_again(r);
    attribute(r, "v", sd_any_string(cases[i][0]));
    scrub(r);
    sd_bytes attribute = field_of(out_of(r), SD_OTLP_SPAN_ATTRIBUTES, 0);
    sd_attribute_view view;
    assert_true(sd_attribute_read(attribute, &view));
    if (!sd_bytes_equal_text(view.value.bytes, cases[i][1]))
      fail_msg("case %zu: %.*s", i, (int)view.value.bytes.len, (const char *)view.value.bytes.data);
  }
}

static void json_text_without_findings_stays_as_it_is(void **state)
{
  rig *r = *state;
  attribute(r, "v", sd_any_string("{\"kind\":\"password\",  \"x\": 1.0}"));
  scrub(r);
  assert_untouched(r);
}

static void notes_lead_into_json_text(void **state)
{
  rig *r = *state;
  attribute(r, "v", sd_any_string("{\"a\":[{\"secret\":1},\"{\\\"jwt\\\":1}\"]}"));
  scrub(r);
  assert_string_equal(
      notes_of(r),
      "[{\"path\": [\"attributes\", \"v\", \"a\", 0, \"secret\"], \"matched_substring\": \"secret\"}, "
      "{\"path\": [\"attributes\", \"v\", \"a\", 1, \"jwt\"], \"matched_substring\": \"jwt\"}]");
}

static void deep_json_goes_whole(void **state)
{
  rig *r = *state;
  char deep[400];
  memset(deep, '[', sizeof deep);
  static const char end[] = "\"password\"";
  memcpy(deep + 150, end, sizeof end - 1);
  memset(deep + 150 + sizeof end - 1, ']', 150);
  attribute(r, "v", sd_any_text(deep, 300 + sizeof end - 1));
  scrub(r);
  assert_value(r, "v", "\"[Scrubbed due to 'password']\"");
}

static void registered_secrets_go_wherever_they_are(void **state)
{
  rig *r = *state;
  sd_buf part;
  sd_buf_init(&part, 4096);
  put_text(&r->message, SD_OTLP_SPAN_TRACE_STATE, "vendor=" SECRET);
  put_text(&r->message, SD_OTLP_SPAN_NAME, "open " SECRET);
  attribute(r, "key " SECRET, sd_any_string("x"));
  attribute(r, "db.statement", sd_any_string("SELECT '" SECRET "'"));
  attribute(r, "bytes", sd_any_bytes("\xff" SECRET, 1 + strlen(SECRET)));
  attribute(r, "encoded", sd_any_string("a=s3cr%2dr3gist3red"));
  attribute(r, "escaped", sd_any_string("{\"a\":\"s3cr\\u002dr3gist3red\"}"));
  attribute(r, "url", sd_any_string("postgres://user:pw@host/db"));
  put_text(&part, SD_OTLP_EVENT_NAME, "event " SECRET);
  put_attribute(&part, SD_OTLP_EVENT_ATTRIBUTES, "exception.message",
                sd_any_string("no access with " SECRET));
  put_attribute(&part, SD_OTLP_EVENT_ATTRIBUTES, "jwt", sd_any_int(1));
  put(&r->message, SD_OTLP_SPAN_EVENTS, part.data, part.len);
  sd_buf_clear(&part);
  put_text(&part, SD_OTLP_LINK_TRACE_STATE, "a=1");
  put_attribute(&part, SD_OTLP_LINK_ATTRIBUTES, "l", sd_any_string(SECRET));
  put(&r->message, SD_OTLP_SPAN_LINKS, part.data, part.len);
  sd_buf_clear(&part);
  put_text(&part, SD_OTLP_STATUS_MESSAGE, "failed: " SECRET);
  put(&r->message, SD_OTLP_SPAN_STATUS, part.data, part.len);
  sd_buf_release(&part);
  r->in.message = "opens " SECRET " {url}";
  r->in.message_len = strlen(r->in.message);
  scrub(r);
  assert_has_no_secret(r);
  assert_int_equal(r->out.message_len, strlen("opens *** {url}"));
  assert_memory_equal(r->out.message, "opens *** {url}", r->out.message_len);
  assert_int_equal(r->out.name_len, strlen("open ***"));
  assert_memory_equal(r->out.name, "open ***", r->out.name_len);
  assert_value(r, "key ***", "\"x\"");
  assert_value(r, "db.statement", "\"SELECT '***'\"");
  assert_value(r, "bytes", "\"/yoqKg==\"");
  assert_value(r, "encoded", "\"a=***\"");
  assert_value(r, "escaped", "\"{\\\"a\\\": \\\"***\\\"}\"");
  assert_value(r, "url", "\"postgres://***@host/db\"");
  sd_bytes event = field_of(out_of(r), SD_OTLP_SPAN_EVENTS, 0);
  assert_true(sd_bytes_equal_text(field_of(event, SD_OTLP_EVENT_NAME, 0), "event ***"));
  assert_string_equal(value_in(r, event, SD_OTLP_EVENT_ATTRIBUTES, "exception.message"),
                      "\"no access with ***\"");
  assert_string_equal(value_in(r, event, SD_OTLP_EVENT_ATTRIBUTES, "jwt"), "\"[Scrubbed due to 'jwt']\"");
  sd_bytes link = field_of(out_of(r), SD_OTLP_SPAN_LINKS, 0);
  assert_true(sd_bytes_equal_text(field_of(link, SD_OTLP_LINK_TRACE_STATE, 0), "a=1"));
  assert_string_equal(value_in(r, link, SD_OTLP_LINK_ATTRIBUTES, "l"), "\"***\"");
  sd_bytes status = field_of(out_of(r), SD_OTLP_SPAN_STATUS, 0);
  assert_true(sd_bytes_equal_text(field_of(status, SD_OTLP_STATUS_MESSAGE, 0), "failed: ***"));
  const char *notes = notes_of(r);
  assert_non_null(strstr(notes,
                         "{\"path\": [\"otel_events\", 0, \"attributes\", \"jwt\"], \"matched_substring\": "
                         "\"jwt\"}"));
  assert_non_null(
      strstr(notes, "{\"path\": [\"links\", 0, \"attributes\", \"l\"], \"matched_substring\": \"***\"}"));
  assert_non_null(strstr(notes, "{\"path\": [\"span_name\"], \"matched_substring\": \"***\"}"));
  assert_non_null(strstr(notes, "{\"path\": [\"otel_status_message\"], \"matched_substring\": \"***\"}"));
}

/* The first look must stop at each of them, though nothing else is suspect. */
static void a_secret_is_found_though_it_is_the_only_one(void **state)
{
  rig *r = *state;
  static const uint32_t parts[] = {SD_OTLP_SPAN_EVENTS, SD_OTLP_SPAN_LINKS, SD_OTLP_SPAN_STATUS};
  for (int place = 0; place < 9; place++) {
    sd_buf part;
    sd_buf_init(&part, 4096);
    start_again(r);
    r->in.message = NULL;
    r->in.message_len = 0;
    attribute(r, "fine", sd_any_string("fine"));
    if (place == 0) {
      put_text(&r->message, SD_OTLP_SPAN_NAME, SECRET);
    } else if (place == 1) {
      attribute(r, SECRET, sd_any_int(1));
    } else if (place == 2) {
      attribute(r, "a", sd_any_string("[\"s3cr\\u002dr3gist3red\"]"));
    } else if (place == 3) {
      attribute(r, "a", sd_any_bytes("\xff" SECRET, 1 + strlen(SECRET)));
    } else if (place == 4) {
      put_text(&r->message, SD_OTLP_SPAN_TRACE_STATE, "a=" SECRET);
    } else if (place == 5) {
      r->in.message = SECRET;
      r->in.message_len = strlen(SECRET);
    } else {
      put_text(&part, 2, SECRET); /* an event's name, a status' message; no span id is so long */
      put(&r->message, parts[place - 6], part.data, part.len);
    }
    scrub(r);
    assert_has_no_secret(r);
    assert_null(memmem(r->out.otlp, r->out.otlp_len, "u002d", 5));
    sd_buf_release(&part);
  }
}

static void exceptions_are_not_looked_at_for_words(void **state)
{
  rig *r = *state;
  sd_buf part;
  sd_buf_init(&part, 4096);
  put_text(&r->message, SD_OTLP_SPAN_NAME, "session of password");
  put_text(&part, SD_OTLP_EVENT_NAME, "secret");
  put_attribute(&part, SD_OTLP_EVENT_ATTRIBUTES, "exception.message", sd_any_string("the session is over"));
  put(&r->message, SD_OTLP_SPAN_EVENTS, part.data, part.len);
  sd_buf_release(&part);
  scrub(r);
  assert_untouched(r);
}

static void log_records_are_scrubbed(void **state)
{
  rig *r = *state;
  sd_attribute body[] = {sd_attribute_string("password", "x"), sd_attribute_string("a", "b")};
  r->in.kind = SD_RECORD_LOG;
  put_any(&r->message, SD_OTLP_LOG_BODY, sd_any_map(body, 2));
  put_attribute(&r->message, SD_OTLP_LOG_ATTRIBUTES, "cookie", sd_any_int(1));
  put_text(&r->message, SD_OTLP_LOG_EVENT_NAME, "login." SECRET);
  scrub(r);
  sd_any_view view;
  assert_true(sd_any_read(field_of(out_of(r), SD_OTLP_LOG_BODY, 0), &view));
  assert_int_equal(sd_any_to_json(&view, &r->shown), SD_OK);
  assert_string_equal(sd_buf_text(&r->shown), "{\"password\":\"[Scrubbed due to 'password']\",\"a\":\"b\"}");
  assert_memory_equal(r->out.name, "login.***", r->out.name_len);
  assert_string_equal(notes_of(r),
                      "[{\"path\": [\"log_body\", \"password\"], \"matched_substring\": \"password\"}, "
                      "{\"path\": [\"attributes\", \"cookie\"], \"matched_substring\": \"cookie\"}, "
                      "{\"path\": [\"log\"], \"matched_substring\": \"***\"}]");
}

static void what_stands_in_the_message_is_listed_for_it_first(void **state)
{
  rig *r = *state;
  attribute(r, "a", sd_any_string("my secret x"));
  attribute(r, "v", sd_any_string("{\"jwt\":1,\"ssn\":2}"));
  attribute(r, "w", sd_any_string("my cookie x"));
  r->in.message = "login {v} with {w!r} and {a";
  r->in.message_len = strlen(r->in.message);
  scrub(r);
  assert_string_equal(notes_of(r),
                      "[{\"path\": [\"message\", \"v\"], \"matched_substring\": \"jwt\"}, "
                      "{\"path\": [\"message\", \"w\"], \"matched_substring\": \"cookie\"}, "
                      "{\"path\": [\"attributes\", \"a\"], \"matched_substring\": \"secret\"}, "
                      "{\"path\": [\"attributes\", \"v\", \"jwt\"], \"matched_substring\": \"jwt\"}, "
                      "{\"path\": [\"attributes\", \"v\", \"ssn\"], \"matched_substring\": \"ssn\"}, "
                      "{\"path\": [\"attributes\", \"w\"], \"matched_substring\": \"cookie\"}]");
}

static void what_was_listed_before_stays_listed(void **state)
{
  rig *r = *state;
  attribute(r, "logfire.scrubbed", sd_any_string("[{\"path\": [\"x\"], \"matched_substring\": \"y\"}]"));
  attribute(r, "jwt", sd_any_int(1));
  scrub(r);
  assert_string_equal(notes_of(r), "[{\"path\": [\"x\"], \"matched_substring\": \"y\"}, "
                                   "{\"path\": [\"attributes\", \"jwt\"], \"matched_substring\": \"jwt\"}]");
}

static void the_list_is_bounded(void **state)
{
  rig *r = *state;
  for (int i = 0; i < 200; i++) {
    char key[32];
    snprintf(key, sizeof key, "secret%d", i);
    attribute(r, key, sd_any_int(i));
  }
  scrub(r);
  assert_value(r, "secret199", "\"[Scrubbed due to 'secret']\"");
  size_t listed = 0;
  for (const char *p = notes_of(r); (p = strstr(p, "\"path\"")); p++)
    listed++;
  assert_int_equal(listed, 64);
}

static void a_secret_that_is_a_word_is_not_repeated(void **state)
{
  rig *r = *state;
  assert_int_equal(sd_record_scrubber_add(r->scrubber, "MySecret"), SD_OK);
  assert_int_equal(sd_record_scrubber_add(r->scrubber, "secret"), SD_OK);
  attribute(r, "secret", sd_any_string("x"));
  attribute(r, "v", sd_any_string("a secret b"));
  scrub(r);
  assert_null(memmem(r->out.otlp, r->out.otlp_len, "secret", 6));
}

static const char *decide(void *user, const char *path, const char *matched, const char *value)
{
  sd_buf *calls = user;
  sd_buf_appendf(calls, "%s %s %s\n", path, matched, value);
  if (strcmp(matched, "cookie") == 0)
    return value;
  return strcmp(matched, "jwt") == 0 ? "no token, " SECRET : NULL;
}

static sd_buf calls;

static int set_up_callback(void **state)
{
  options.scrub_callback = decide;
  options.scrub_user = &calls;
  sd_buf_init(&calls, 4096);
  return set_up(state);
}

static void the_callback_decides(void **state)
{
  rig *r = *state;
  sd_any list[] = {sd_any_int(1), sd_any_string("a session x")};
  attribute(r, "cookie", sd_any_array(list, 2));
  attribute(r, "jwt", sd_any_int(5));
  attribute(r, "v", sd_any_string("{\"password\":[1],\"cookie\":\"my secret x\"}"));
  scrub(r);
  assert_value(r, "cookie", "[1,\"a session x\"]");
  assert_value(r, "jwt", "\"no token, ***\"");
  assert_value(r, "v",
               "\"{\\\"password\\\": [\\\"[Scrubbed due to 'password']\\\"], \\\"cookie\\\": \\\"my secret "
               "x\\\"}\"");
  assert_string_equal(sd_buf_text(&calls), "[\"attributes\", \"cookie\"] cookie [1,\"a session x\"]\n"
                                           "[\"attributes\", \"jwt\"] jwt 5\n"
                                           "[\"attributes\", \"v\", \"password\"] password [1]\n"
                                           "[\"attributes\", \"v\", \"cookie\"] cookie \"my secret x\"\n");
  sd_buf_release(&calls);
}

static int set_up_off(void **state)
{
  options.scrub_off = true;
  return set_up(state);
}

static void only_registered_secrets_go_when_it_is_off(void **state)
{
  rig *r = *state;
  attribute(r, "password", sd_any_string("AccountKey=abc"));
  scrub(r);
  assert_untouched(r);
  attribute(r, "v", sd_any_string("a " SECRET));
  scrub(r);
  assert_value(r, "password", "\"AccountKey=abc\"");
  assert_value(r, "v", "\"a ***\"");
}

static int set_up_extra(void **state)
{
  static const char *const words[] = {"customer", NULL};
  options.scrub_patterns = words;
  return set_up(state);
}

static void further_words_count(void **state)
{
  rig *r = *state;
  attribute(r, "Customer_name", sd_any_string("Ann"));
  scrub(r);
  assert_value(r, "Customer_name", "\"[Scrubbed due to 'Customer']\"");
}

static void strange_messages_are_written_as_ours(void **state)
{
  rig *r = *state;
  uint8_t twice[64];
  uint8_t *end = sd_pb_put_bytes(twice, SD_ANY_STRING, SECRET, strlen(SECRET));
  end = sd_pb_put_bytes(end, SD_ANY_STRING, "b", 1);
  uint8_t pair[128];
  uint8_t *pair_end = sd_pb_put_bytes(pair, SD_OTLP_KEY_VALUE_KEY, "k", 1);
  pair_end = sd_pb_put_bytes(pair_end, SD_OTLP_KEY_VALUE_VALUE, twice, (size_t)(end - twice));
  put(&r->message, SD_OTLP_SPAN_ATTRIBUTES, pair, (size_t)(pair_end - pair));
  put_text(&r->message, 99, SECRET);
  put_text(&r->message, SD_OTLP_SPAN_NAME, "na\xffme");
  scrub(r);
  assert_has_no_secret(r);
  assert_value(r, "k", "\"b\"");
  assert_memory_equal(r->out.name, "na?me", 5);
}

static void what_is_no_message_is_refused(void **state)
{
  rig *r = *state;
  static const uint8_t cut[] = {0x4a, 0x05, 0x0a, 0x01, 'k'};
  r->in.otlp = cut;
  r->in.otlp_len = sizeof cut;
  assert_int_equal(sd_record_scrub(r->scrubber, &r->in, &r->scratch, &r->out), SD_INVALID);
  static const uint8_t cut_inside[] = {0x4a, 0x05, 0x0a, 0x09, 'k', 0x12, 0x00};
  r->in.otlp = cut_inside;
  r->in.otlp_len = sizeof cut_inside;
  assert_int_equal(sd_record_scrub(r->scrubber, &r->in, &r->scratch, &r->out), SD_INVALID);
}

static void a_record_that_becomes_too_long_is_refused(void **state)
{
  rig *r = *state;
  sd_buf small;
  sd_buf_init(&small, 64);
  attribute(r, "password", sd_any_string("x"));
  r->in.otlp = r->message.data;
  r->in.otlp_len = r->message.len;
  assert_int_equal(sd_record_scrub(r->scrubber, &r->in, &small, &r->out), SD_LIMIT);
  sd_buf_release(&small);
}

static void without_memory_nothing_is_sent(void **state)
{
  rig *r = *state;
  attribute(r, "a", sd_any_string("{\"jwt\":\"{\\\"x\\\":\\\"my secret\\\"}\"}"));
  attribute(r, "bytes", sd_any_bytes("a jwt b", 7));
  r->in.otlp = r->message.data;
  r->in.otlp_len = r->message.len;
  sd_status status = SD_NOMEM;
  uint64_t nth = 1;
  for (; status != SD_OK; nth++) {
    sd_record_scrubber *scrubber;
    sd_buf scratch;
    sd_buf_init(&scratch, MESSAGE_MAX);
    sd_alloc_fail_nth(nth);
    status = sd_record_scrubber_new(&options, &scrubber, NULL);
    if (status == SD_OK) {
      status = sd_record_scrub(scrubber, &r->in, &scratch, &r->out);
      sd_record_scrubber_free(scrubber);
    }
    sd_alloc_fail_nth(0);
    sd_buf_release(&scratch);
    assert_true(status == SD_OK || status == SD_NOMEM);
  }
  assert_true(nth > 5);
}

static void locks_are_given_back_after_a_fork(void **state)
{
  rig *r = *state;
  sd_record_scrubber_before_fork(r->scrubber);
  sd_record_scrubber_after_fork(r->scrubber);
  assert_int_equal(sd_record_scrubber_add(r->scrubber, "another secret"), SD_OK);
  assert_int_equal(sd_record_scrubber_add(r->scrubber, "short"), SD_INVALID);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_WITH(function, special_set_up)                                                                  \
  cmocka_unit_test_setup_teardown(function, special_set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_clean_record_passes_as_it_is),
      TEST(the_value_of_a_telling_key_goes),
      TEST(a_telling_text_goes_whole),
      TEST(values_in_lists_and_maps_are_looked_at),
      TEST(json_text_is_taken_apart),
      TEST(json_text_without_findings_stays_as_it_is),
      TEST(notes_lead_into_json_text),
      TEST(deep_json_goes_whole),
      TEST(registered_secrets_go_wherever_they_are),
      TEST(a_secret_is_found_though_it_is_the_only_one),
      TEST(exceptions_are_not_looked_at_for_words),
      TEST(log_records_are_scrubbed),
      TEST(what_stands_in_the_message_is_listed_for_it_first),
      TEST(what_was_listed_before_stays_listed),
      TEST(the_list_is_bounded),
      TEST(a_secret_that_is_a_word_is_not_repeated),
      TEST_WITH(the_callback_decides, set_up_callback),
      TEST_WITH(only_registered_secrets_go_when_it_is_off, set_up_off),
      TEST_WITH(further_words_count, set_up_extra),
      TEST(strange_messages_are_written_as_ours),
      TEST(what_is_no_message_is_refused),
      TEST(a_record_that_becomes_too_long_is_refused),
      TEST(without_memory_nothing_is_sent),
      TEST(locks_are_given_back_after_a_fork),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
