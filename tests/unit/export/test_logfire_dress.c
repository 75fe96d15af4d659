/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What Logfire gets of a record. The expected attributes were taken from what Logfire's Python SDK 5.4.0
 * sent. */
#include "base/alloc.h"
#include "export/logfire_dress.h"
#include "export/logfire_fingerprint.h"
#include "make_record.h"
#include "trace/otlp_fields.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct dressed {
  sd_logfire_dress *dress;
  sd_buf names; /* of what was handed over, in order: "name kind;" */
  sd_buf last;  /* attributes of the last record: "key=value\n" */
  sd_buf otlp;  /* of the last record */
  size_t calls;
  size_t count;
  sd_record record; /* the last one; points nowhere */
} dressed;

static int set_up(void **state)
{
  static dressed d;
  memset(&d, 0, sizeof d);
  sd_buf_init(&d.names, 1 << 20);
  sd_buf_init(&d.last, 1 << 20);
  sd_buf_init(&d.otlp, 1 << 20);
  *state = &d;
  return sd_logfire_dress_new(&d.dress);
}

static int tear_down(void **state)
{
  dressed *d = *state;
  sd_logfire_dress_free(d->dress);
  sd_buf_release(&d->names);
  sd_buf_release(&d->last);
  sd_buf_release(&d->otlp);
  return 0;
}

static void take(void *user, const sd_record *records, size_t count)
{
  dressed *d = user;
  d->calls++;
  d->count += count;
  for (size_t i = 0; i < count; i++) {
    sd_bytes message = sd_bytes_make(records[i].otlp, records[i].otlp_len);
    sd_attribute_view attribute;
    sd_buf_clear(&d->last);
    sd_buf_clear(&d->otlp);
    sd_buf_append_bytes(&d->otlp, message);
    sd_buf_appendf(&d->names, "%.*s %d;", (int)records[i].name_len, records[i].name, records[i].kind);
    while (sd_attribute_next_field(&message, SD_OTLP_SPAN_ATTRIBUTES, &attribute)) {
      sd_buf_append_bytes(&d->last, attribute.key);
      sd_buf_append_byte(&d->last, '=');
      if (attribute.value.type == SD_ANY_STRING)
        sd_buf_append_bytes(&d->last, attribute.value.bytes);
      else
        assert_int_equal(sd_any_to_json(&attribute.value, &d->last), SD_OK);
      sd_buf_append_byte(&d->last, '\n');
    }
    assert_int_equal(message.len, 0);
    d->record = records[i];
  }
}

static void dress(dressed *d, made_record *made)
{
  assert_int_equal(sd_logfire_dress_records(d->dress, &made->record, 1, take, d), 0);
  release_record(made);
}

static void assert_attributes(dressed *d, const char *expected)
{
  assert_string_equal(sd_buf_text(&d->last), expected);
}

static bool find_field(const dressed *d, uint32_t number, sd_pb_field *ret_field)
{
  sd_bytes message = sd_buf_bytes(&d->otlp);
  sd_pb_field field;
  bool is_found = false;
  while (sd_pb_next(&message, &field)) {
    if (field.number == number) {
      *ret_field = field;
      is_found = true;
    }
  }
  return is_found;
}

static uint64_t status_of(const dressed *d)
{
  sd_pb_field status;
  sd_pb_field field;
  uint64_t code = 0;
  if (!find_field(d, SD_OTLP_SPAN_STATUS, &status))
    return 0;
  while (sd_pb_next(&status.bytes, &field)) {
    if (field.number == SD_OTLP_STATUS_CODE)
      code = field.integer;
  }
  return code;
}

static void set_message(made_record *made, const char *message)
{
  made->record.message = message;
  made->record.message_len = strlen(message);
}

/* ---- Spans and logs */

static void a_span_has_message_template_schema_and_kind(void **state)
{
  dressed *d = *state;
  made_record made;
  sd_attribute batch[] = {sd_attribute_int("n", 2), sd_attribute_make("raw", sd_any_bytes("\x00\xff", 2))};
  make_span(&made, 1, 0, "process {hub}", 0, 1);
  set_message(&made, "process {hub}");
  add_attribute(&made, "code.lineno", sd_any_int(3));
  add_attribute(&made, "hub", sd_any_string("orders"));
  add_attribute(&made, "batch", sd_any_map(batch, 2));
  dress(d, &made);
  assert_attributes(
      d, "code.lineno=3\n"
         "hub=orders\n"
         "batch={\"n\":2,\"raw\":\"\\\\x00\\\\xff\"}\n"
         "logfire.msg_template=process {hub}\n"
         "logfire.msg=process orders\n"
         "logfire.json_schema={\"type\":\"object\",\"properties\":{\"hub\":{},\"batch\":{\"type\":\"object\","
         "\"properties\":{\"raw\":{\"type\":\"string\",\"x-python-datatype\":\"bytes\"}}}}}\n"
         "logfire.span_type=span\n");
  assert_int_equal(status_of(d), SD_SPAN_UNSET);
}

static void a_log_begins_with_kind_and_level(void **state)
{
  dressed *d = *state;
  made_record made;
  make_log(&made, 2, 1, SD_LEVEL_WARN, "late by {s} s", 5);
  add_attribute(&made, "s", sd_any_int(3));
  add_attribute(&made, "password", sd_any_string("[Scrubbed due to 'password']"));
  add_attribute(&made, "logfire.scrubbed", sd_any_string("[]"));
  dress(d, &made);
  assert_attributes(d,
                    "logfire.span_type=log\n"
                    "logfire.level_num=13\n"
                    "logfire.msg_template=late by {s} s\n"
                    "logfire.msg=late by 3 s\n"
                    "s=3\n"
                    "password=[Scrubbed due to 'password']\n"
                    "logfire.scrubbed=[]\n"
                    "logfire.json_schema={\"type\":\"object\",\"properties\":{\"s\":{},\"password\":{}}}\n");
}

static void a_span_without_a_template_is_called_by_its_name(void **state)
{
  dressed *d = *state;
  made_record made;
  make_span(&made, 1, 0, "motherduck.start", 0, 1);
  dress(d, &made);
  assert_attributes(d, "logfire.msg=motherduck.start\nlogfire.span_type=span\n");
}

static void what_the_program_says_itself_is_not_said_again(void **state)
{
  dressed *d = *state;
  made_record made;
  make_span(&made, 1, 0, "n", 0, 1);
  set_message(&made, "t");
  made.record.level = SD_LEVEL_WARN;
  add_attribute(&made, "logfire.msg", sd_any_string("m"));
  add_attribute(&made, "logfire.msg_template", sd_any_string("x"));
  add_attribute(&made, "logfire.level_num", sd_any_int(5));
  add_attribute(&made, "logfire.json_schema", sd_any_string("{}"));
  add_attribute(&made, "logfire.span_type", sd_any_string("span"));
  add_attribute(&made, "a", sd_any_int(1));
  dress(d, &made);
  assert_attributes(d, "logfire.msg=m\nlogfire.msg_template=x\nlogfire.level_num=5\nlogfire.json_schema={}\n"
                       "logfire.span_type=span\na=1\n");
}

/* ---- Values */

static void values_become_what_logfire_takes(void **state)
{
  dressed *d = *state;
  made_record made;
  sd_any tags[] = {sd_any_string("t")};
  sd_any mixed[] = {sd_any_int(1), sd_any_string("\xc3\xa4\""), sd_any_null(), sd_any_double(INFINITY),
                    sd_any_bytes("b", 1)};
  sd_any same[] = {sd_any_bytes("a", 1), sd_any_bytes("b'", 2)};
  sd_any plain[] = {sd_any_int(1), sd_any_bool(true)};
  make_span(&made, 1, 0, "n", 0, 1);
  add_attribute(&made, "bool", sd_any_bool(true));
  add_attribute(&made, "double", sd_any_double(2));
  add_attribute(&made, "null", sd_any_null());
  add_attribute(&made, "nan", sd_any_double(NAN));
  add_attribute(&made, "low", sd_any_double(-INFINITY));
  add_attribute(&made, "bytes", sd_any_bytes("ab\x00\xff", 4));
  add_attribute(&made, "mixed", sd_any_array(mixed, 5));
  add_attribute(&made, "same", sd_any_array(same, 2));
  add_attribute(&made, "plain", sd_any_array(plain, 2));
  add_attribute(&made, "empty", sd_any_array(NULL, 0));
  add_attribute(&made, "map", sd_any_map(NULL, 0));
  add_attribute(&made, "logfire.tags", sd_any_array(tags, 1));
  dress(d, &made);
  assert_attributes(
      d, "bool=true\ndouble=2.0\nnull=null\nnan=nan\nlow=-inf\nbytes=\"ab\\\\x00\\\\xff\"\n"
         "mixed=[1,\"\xc3\xa4\\\"\",null,\"inf\",\"b\"]\n"
         "same=[\"a\",\"b'\"]\n"
         "plain=[1,true]\nempty=[]\nmap={}\nlogfire.tags=[\"t\"]\n"
         "logfire.msg=n\n"
         "logfire.json_schema={\"type\":\"object\",\"properties\":{\"bool\":{},\"double\":{},"
         "\"null\":{\"type\":\"null\"},\"nan\":{},\"low\":{},"
         "\"bytes\":{\"type\":\"string\",\"x-python-datatype\":\"bytes\"},"
         "\"mixed\":{\"type\":\"array\",\"prefixItems\":[{},{},{\"type\":\"null\"},{},{\"type\":\"string\","
         "\"x-python-datatype\":\"bytes\"}]},"
         "\"same\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-python-datatype\":\"bytes\"}},"
         "\"plain\":{\"type\":\"array\"},\"empty\":{\"type\":\"array\"},\"map\":{\"type\":\"object\"}}}\n"
         "logfire.span_type=span\n");
}

/* A map of n members, all bytes but the last when `is_mixed`; its schema. */
static const char *schema_of_map(dressed *d, size_t n, bool is_mixed)
{
  static char keys[128][8];
  static sd_attribute members[128];
  made_record made;
  for (size_t i = 0; i < n; i++) {
    snprintf(keys[i], sizeof keys[i], "k%zu", i);
    bool is_last = i + 1 == n;
    members[i] = sd_attribute_make(keys[i], is_mixed && is_last ? sd_any_int(1) : sd_any_bytes("b", 1));
  }
  make_span(&made, 1, 0, "n", 0, 1);
  add_attribute(&made, "m", sd_any_map(members, n));
  dress(d, &made);
  const char *schema = strstr(sd_buf_text(&d->last), "\"properties\":{\"m\":");
  assert_non_null(schema);
  return schema + strlen("\"properties\":{\"m\":");
}

static void schemas_of_large_maps_are_short(void **state)
{
  dressed *d = *state;
#define BYTES "{\"type\":\"string\",\"x-python-datatype\":\"bytes\"}"
  static const char common[] = "{\"type\":\"object\",\"additionalProperties\":" BYTES "}}}\n";
  static const char bare[] = "{\"type\":\"object\"}}}\n";
  assert_memory_equal(schema_of_map(d, 1, false),
                      "{\"type\":\"object\",\"properties\":{\"k0\":" BYTES "}}}}\n",
                      strlen("{\"type\":\"object\",\"properties\":{\"k0\":" BYTES "}}}}\n"));
  assert_memory_equal(schema_of_map(d, 11, false), common, strlen(common));
  assert_memory_equal(schema_of_map(d, 101, false), common, strlen(common));
  assert_memory_equal(schema_of_map(d, 11, true),
                      "{\"type\":\"object\",\"properties\":{\"k0\":" BYTES ",\"k1\":",
                      strlen("{\"type\":\"object\",\"properties\":{\"k0\":" BYTES ",\"k1\":"));
  assert_memory_equal(schema_of_map(d, 101, true), bare, strlen(bare));
#undef BYTES
}

/* ---- Level and status */

static void level_and_status_follow_from_each_other(void **state)
{
  dressed *d = *state;
  static const struct {
    int level;
    sd_span_status status;
    sd_span_kind kind;
    int64_t http_status;
    int expected_level;
    sd_span_status expected_status;
  } cases[] = {
      {0, SD_SPAN_UNSET, SD_SPAN_INTERNAL, 0, 0, SD_SPAN_UNSET},
      {0, SD_SPAN_ERROR, SD_SPAN_INTERNAL, 0, 17, SD_SPAN_ERROR},
      {SD_LEVEL_WARN, SD_SPAN_ERROR, SD_SPAN_INTERNAL, 0, 13, SD_SPAN_ERROR},
      {SD_LEVEL_ERROR, SD_SPAN_UNSET, SD_SPAN_INTERNAL, 0, 17, SD_SPAN_ERROR},
      {SD_LEVEL_FATAL, SD_SPAN_UNSET, SD_SPAN_INTERNAL, 0, 21, SD_SPAN_ERROR},
      {SD_LEVEL_FATAL, SD_SPAN_OK, SD_SPAN_INTERNAL, 0, 21, SD_SPAN_OK},
      {SD_LEVEL_WARN, SD_SPAN_UNSET, SD_SPAN_CLIENT, 500, 13, SD_SPAN_UNSET},
      {0, SD_SPAN_UNSET, SD_SPAN_SERVER, 500, 17, SD_SPAN_ERROR},
      {0, SD_SPAN_UNSET, SD_SPAN_SERVER, 404, 13, SD_SPAN_UNSET},
      {0, SD_SPAN_UNSET, SD_SPAN_SERVER, 200, 0, SD_SPAN_UNSET},
      {0, SD_SPAN_UNSET, SD_SPAN_CLIENT, 404, 17, SD_SPAN_ERROR},
      {0, SD_SPAN_UNSET, SD_SPAN_INTERNAL, 500, 0, SD_SPAN_UNSET},
      {0, SD_SPAN_OK, SD_SPAN_CLIENT, 500, 0, SD_SPAN_OK},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    made_record made;
    char expected[64];
    make_span(&made, 1, 0, "n", 0, 1);
    made.record.level = cases[i].level;
    made.record.span_kind = (uint8_t)cases[i].kind;
    if (cases[i].http_status)
      add_attribute(&made, i % 2 ? "http.status_code" : "http.response.status_code",
                    sd_any_int(cases[i].http_status));
    if (cases[i].status != SD_SPAN_UNSET)
      set_status(&made, cases[i].status, NULL);
    dress(d, &made);
    snprintf(expected, sizeof expected, "logfire.level_num=%d\n", cases[i].expected_level);
    const char *level = strstr(sd_buf_text(&d->last), "logfire.level_num=");
    if (cases[i].expected_level ? !level || strncmp(level, expected, strlen(expected)) != 0 : level != NULL)
      fail_msg("case %zu: %s", i, sd_buf_text(&d->last));
    assert_int_equal(status_of(d), cases[i].expected_status);
    assert_int_equal(d->record.status, cases[i].expected_status);
  }
}

/* ---- Twins */

static void a_twin_hangs_below_its_span(void **state)
{
  dressed *d = *state;
  made_record made;
  sd_pb_field field;
  make_pending(&made, 0x21, 0x12, "process", 7);
  add_attribute(&made, "hub", sd_any_string("orders"));
  dress(d, &made);
  assert_attributes(d, "hub=orders\nlogfire.msg=process\n"
                       "logfire.json_schema={\"type\":\"object\",\"properties\":{\"hub\":{}}}\n"
                       "logfire.span_type=pending_span\nlogfire.pending_parent_id=1212121212121212\n");
  assert_true(find_field(d, SD_OTLP_SPAN_PARENT_ID, &field));
  assert_memory_equal(field.bytes.data, "\x21\x21\x21\x21\x21\x21\x21\x21", 8);
  assert_true(find_field(d, SD_OTLP_SPAN_SPAN_ID, &field));
  assert_memory_not_equal(field.bytes.data, "\x21\x21\x21\x21\x21\x21\x21\x21", 8);
  assert_true(find_field(d, SD_OTLP_SPAN_TRACE_ID, &field));
  assert_memory_equal(field.bytes.data, "\x11\x11\x11\x11", 4);
  assert_true(find_field(d, SD_OTLP_SPAN_END, &field));
  assert_int_equal(field.integer, 7000);
  assert_true(find_field(d, SD_OTLP_SPAN_FLAGS, &field));
  assert_int_equal(field.integer & ~0xffu, 0x100);

  make_pending(&made, 0x21, 0, "root", 7);
  made.record.level = SD_LEVEL_ERROR;
  dress(d, &made);
  assert_non_null(strstr(sd_buf_text(&d->last), "logfire.pending_parent_id=0000000000000000\n"));
  assert_non_null(strstr(sd_buf_text(&d->last), "logfire.level_num=17\n"));
  assert_int_equal(status_of(d), SD_SPAN_ERROR);
}

static void the_program_cannot_unmake_a_twin(void **state)
{
  dressed *d = *state;
  made_record made;
  make_span(&made, 1, 0, "n", 0, 1);
  made.record.kind = SD_RECORD_PENDING;
  add_attribute(&made, "logfire.span_type", sd_any_string("span"));
  add_attribute(&made, "logfire.pending_parent_id", sd_any_string("00000000000000ff"));
  dress(d, &made);
  assert_attributes(d, "logfire.msg=n\nlogfire.span_type=pending_span\n"
                       "logfire.pending_parent_id=0000000000000000\n");
}

static void a_twin_is_left_out_when_its_span_has_ended(void **state)
{
  dressed *d = *state;
  made_record made[7];
  sd_record records[7];
  make_pending(&made[0], 1, 0, "one", 0);
  make_pending(&made[1], 2, 1, "two", 1);
  make_span(&made[2], 3, 1, "three", 2, 3);
  make_log(&made[3], 4, 1, SD_LEVEL_INFO, "log", 4);
  make_span(&made[4], 1, 0, "one", 0, 5);
  make_pending(&made[5], 6, 0, "six", 6);
  make_pending(&made[6], 3, 1, "three", 2);
  for (size_t i = 0; i < 7; i++)
    records[i] = made[i].record;
  assert_int_equal(sd_logfire_dress_records(d->dress, records, 7, take, d), 0);
  /* Logs first, then each span at its first place. */
  assert_string_equal(sd_buf_text(&d->names), "log 1;one 1;two 2;three 1;six 2;");
  for (size_t i = 0; i < 7; i++)
    release_record(&made[i]);
}

static void spans_of_other_traces_are_others(void **state)
{
  dressed *d = *state;
  made_record made[2];
  sd_record records[2];
  make_pending(&made[0], 1, 0, "a", 0);
  make_span(&made[1], 1, 0, "b", 0, 1);
  memset(made[1].record.trace_id, 0x99, SD_TRACE_ID_SIZE);
  for (size_t i = 0; i < 2; i++)
    records[i] = made[i].record;
  assert_int_equal(sd_logfire_dress_records(d->dress, records, 2, take, d), 0);
  assert_string_equal(sd_buf_text(&d->names), "a 2;b 1;");
  for (size_t i = 0; i < 2; i++)
    release_record(&made[i]);
}

static void log_records_stay_as_they_are(void **state)
{
  dressed *d = *state;
  static const uint8_t bytes[] = {0x10, 0x09};
  sd_record record = {.kind = SD_RECORD_LOG, .otlp = bytes, .otlp_len = sizeof bytes, .name = ""};
  assert_int_equal(sd_logfire_dress_records(d->dress, &record, 1, take, d), 0);
  assert_ptr_equal(d->record.otlp, bytes);
}

static void large_batches_come_in_parts(void **state)
{
  dressed *d = *state;
  enum { COUNT = 3 * SD_LOGFIRE_PART_RECORDS + 1 };
  static made_record made[COUNT];
  static sd_record records[COUNT];
  for (uint32_t i = 0; i < COUNT; i++) {
    make_span(&made[i], 1, 0, "n", 0, 1);
    memcpy(made[i].record.span_id, &i, sizeof i);
    records[i] = made[i].record;
  }
  assert_int_equal(sd_logfire_dress_records(d->dress, records, COUNT, take, d), 0);
  assert_int_equal(d->calls, 4);
  assert_int_equal(d->count, COUNT);
  for (size_t i = 0; i < COUNT; i++)
    release_record(&made[i]);
}

static void what_has_no_memory_is_counted(void **state)
{
  (void)state;
  sd_status made_status = SD_NOMEM;
  for (uint64_t nth = 1; nth < 12; nth++) {
    dressed d;
    made_record made;
    memset(&d, 0, sizeof d);
    sd_buf_init(&d.names, 1024);
    sd_buf_init(&d.last, 4096);
    sd_buf_init(&d.otlp, 4096);
    make_pending(&made, 1, 0, "n", 0);
    add_attribute(&made, "b", sd_any_bytes("x", 1));
    sd_alloc_fail_nth(nth);
    made_status = sd_logfire_dress_new(&d.dress);
    size_t lost = made_status == SD_OK ? sd_logfire_dress_records(d.dress, &made.record, 1, take, &d) : 1;
    sd_alloc_fail_nth(0);
    if (made_status == SD_OK) {
      assert_int_equal(lost + d.count, 1);
      sd_logfire_dress_free(d.dress);
    }
    release_record(&made);
    sd_buf_release(&d.names);
    sd_buf_release(&d.last);
    sd_buf_release(&d.otlp);
  }
  assert_int_equal(made_status, SD_OK);
}

/* ---- Fingerprints */

static void fingerprint_of(const char *type, const char *message, const char *stack, char *dst)
{
  made_record made;
  const sd_attribute exception[] = {sd_attribute_string("exception.type", type),
                                    sd_attribute_string("exception.message", message),
                                    sd_attribute_string("exception.stacktrace", stack)};
  make_span(&made, 1, 0, "n", 0, 1);
  add_event(&made, "other", NULL, 0);
  add_event(&made, "exception", exception, stack ? 3 : 2);
  assert_true(sd_logfire_fingerprint(sd_buf_bytes(&made.otlp), dst));
  assert_int_equal(strlen(dst), 64);
  assert_int_equal(strspn(dst, "0123456789abcdef"), 64);
  release_record(&made);
}

static void errors_of_one_place_have_one_fingerprint(void **state)
{
  (void)state;
  char a[SD_LOGFIRE_FINGERPRINT_SIZE];
  char b[SD_LOGFIRE_FINGERPRINT_SIZE];
  fingerprint_of("T", "one", "f (x.c:12) [0x55d0abc]\n", a);
  fingerprint_of("T", "two", "f (x.c:345) [0x7ffe12]\n", b);
  assert_string_equal(a, b);
  fingerprint_of("U", "one", "f (x.c:12) [0x55d0abc]\n", b);
  assert_string_not_equal(a, b);
  fingerprint_of("T", "one", "g (x.c:12) [0x55d0abc]\n", b);
  assert_string_not_equal(a, b);
  fingerprint_of("T", "one", NULL, a);
  fingerprint_of("T", "two", NULL, b);
  assert_string_equal(a, b);
}

static void only_the_topmost_span_with_an_error_has_a_fingerprint(void **state)
{
  dressed *d = *state;
  made_record made;
  const sd_attribute exception[] = {sd_attribute_string("exception.type", "T")};
  for (int i = 0; i < 5; i++) {
    make_span(&made, 1, i == 1 || i == 2 ? 9 : 0, "n", 0, 1);
    made.record.parent_remote = i == 2;
    made.record.level = i == 3 ? SD_LEVEL_WARN : SD_LEVEL_NONE;
    if (i < 4)
      add_event(&made, "exception", exception, 1);
    dress(d, &made);
    bool has_one = strstr(sd_buf_text(&d->last), "logfire.exception.fingerprint=") != NULL;
    assert_int_equal(has_one, i == 0 || i == 2);
  }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_span_has_message_template_schema_and_kind),
      TEST(a_log_begins_with_kind_and_level),
      TEST(a_span_without_a_template_is_called_by_its_name),
      TEST(what_the_program_says_itself_is_not_said_again),
      TEST(values_become_what_logfire_takes),
      TEST(schemas_of_large_maps_are_short),
      TEST(level_and_status_follow_from_each_other),
      TEST(a_twin_hangs_below_its_span),
      TEST(the_program_cannot_unmake_a_twin),
      TEST(a_twin_is_left_out_when_its_span_has_ended),
      TEST(spans_of_other_traces_are_others),
      TEST(log_records_stay_as_they_are),
      TEST(large_batches_come_in_parts),
      TEST(what_has_no_memory_is_counted),
      TEST(errors_of_one_place_have_one_fingerprint),
      TEST(only_the_topmost_span_with_an_error_has_a_fingerprint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
