/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the event decoder promises. */
#include "eventhubs/event.h"

#include "amqp/message.h"
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct fixture {
  sd_buf message;
  sd_event_decoder decoder;
  sd_event event;
} fixture;

static int setup(void **state)
{
  fixture *f = sd_calloc(1, sizeof *f);
  if (!f)
    return -1;
  sd_buf_init(&f->message, 4 * 1024 * 1024);
  sd_event_decoder_init(&f->decoder);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  fixture *f = *state;
  sd_buf_release(&f->message);
  sd_event_decoder_release(&f->decoder);
  sd_free(f);
  return 0;
}

static void put_symbol(sd_buf *buf, const char *text)
{
  sd_amqp_put_symbol(buf, sd_bytes_of(text));
}

static void put_string(sd_buf *buf, const char *text)
{
  sd_amqp_put_string(buf, sd_bytes_of(text));
}

/* The annotations that the service sends; the caller may add pairs before it ends the map. */
static size_t begin_annotations(sd_buf *buf, int64_t sequence, const char *offset, int64_t enqueued_ms)
{
  sd_amqp_put_section(buf, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
  size_t mark = sd_amqp_begin_map(buf);
  put_symbol(buf, "x-opt-sequence-number");
  sd_amqp_put_long(buf, sequence);
  put_symbol(buf, "x-opt-offset");
  put_string(buf, offset);
  put_symbol(buf, "x-opt-enqueued-time");
  sd_amqp_put_timestamp(buf, enqueued_ms);
  return mark;
}

static void put_annotations(sd_buf *buf)
{
  sd_amqp_end_map(buf, begin_annotations(buf, 42, "8589934592", 1700000000123), 6);
}

static void decode(fixture *f)
{
  assert_int_equal(sd_buf_status(&f->message), SD_OK);
  assert_int_equal(sd_event_decode(&f->decoder, sd_buf_bytes(&f->message), &f->event), SD_OK);
}

static void assert_text(sd_bytes bytes, const char *text)
{
  if (!sd_bytes_equal_text(bytes, text))
    fail_msg("\"%.*s\" is not \"%s\"", (int)bytes.len, (const char *)bytes.data, text);
}

static void a_plain_event_is_viewed_in_place(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  sd_amqp_put_data_section(&f->message, sd_bytes_of("{\"a\":1}"));
  decode(f);
  assert_int_equal(f->event.sequence_number, 42);
  assert_text(f->event.offset, "8589934592");
  assert_int_equal(f->event.enqueued_us, 1700000000123000);
  assert_text(f->event.body, "{\"a\":1}");
  assert_int_equal(f->event.properties.len, 0);
  assert_int_equal(f->event.system_properties.len, 0);
  assert_int_equal(f->event.dead, SD_DEAD_NONE);
  assert_true(f->event.body.data > f->message.data && f->event.body.data < f->message.data + f->message.len);
  assert_null(f->decoder.body.data);
}

static void further_annotations_and_message_properties_are_system_properties(void **state)
{
  fixture *f = *state;
  sd_buf *m = &f->message;
  sd_amqp_put_section(m, SD_AMQP_SECTION_HEADER);
  size_t mark = sd_amqp_begin_list(m);
  sd_amqp_put_boolean(m, true);
  sd_amqp_end_list(m, mark, 1);
  mark = begin_annotations(m, 1, "o", 0);
  put_symbol(m, "x-opt-partition-key");
  put_string(m, "K\"ey");
  put_symbol(m, "iothub-x");
  sd_amqp_put_int(m, -5);
  sd_amqp_put_ulong(m, 7);
  put_string(m, "numeric key");
  sd_amqp_end_map(m, mark, 12);
  sd_amqp_put_section(m, SD_AMQP_SECTION_PROPERTIES);
  mark = sd_amqp_begin_list(m);
  put_string(m, "id-1");
  sd_amqp_put_null(m);
  sd_amqp_put_null(m);
  sd_amqp_put_null(m);
  sd_amqp_put_null(m);
  sd_amqp_put_ulong(m, 9);
  put_symbol(m, "application/json");
  sd_amqp_end_list(m, mark, 7);
  sd_amqp_put_data_section(m, sd_bytes_of("x"));
  decode(f);
  assert_text(f->event.system_properties,
              "{\"message-id\":\"id-1\",\"correlation-id\":9,\"content-type\":\"application/json\","
              "\"x-opt-partition-key\":\"K\\\"ey\",\"iothub-x\":-5,\"7\":\"numeric key\"}");
}

static void application_properties_are_a_json_object(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  sd_amqp_put_section(&f->message, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
  size_t mark = sd_amqp_begin_map(&f->message);
  put_string(&f->message, "n");
  sd_amqp_put_int(&f->message, 3);
  put_string(&f->message, "b");
  sd_amqp_put_binary(&f->message, sd_bytes_of("hi"));
  put_string(&f->message, "t");
  sd_amqp_put_timestamp(&f->message, 0);
  sd_amqp_end_map(&f->message, mark, 6);
  sd_amqp_put_data_section(&f->message, sd_bytes_of("x"));
  decode(f);
  assert_text(f->event.properties, "{\"n\":3,\"b\":\"aGk=\",\"t\":\"1970-01-01T00:00:00Z\"}");
}

static void several_data_sections_are_one_body(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  sd_amqp_put_data_section(&f->message, sd_bytes_of("one "));
  sd_amqp_put_data_section(&f->message, sd_bytes_of(""));
  sd_amqp_put_data_section(&f->message, sd_bytes_of("two"));
  decode(f);
  assert_text(f->event.body, "one two");
}

static void a_text_or_binary_value_is_the_body_itself(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  size_t keep = f->message.len;
  sd_amqp_put_section(&f->message, SD_AMQP_SECTION_VALUE);
  put_string(&f->message, "text \"as it is\"");
  decode(f);
  assert_text(f->event.body, "text \"as it is\"");
  sd_buf_truncate(&f->message, keep);
  sd_amqp_put_section(&f->message, SD_AMQP_SECTION_VALUE);
  sd_amqp_put_binary(&f->message, sd_bytes_of("\x01\xff"));
  decode(f);
  assert_text(f->event.body, "\x01\xff");
}

static void other_values_and_sequences_become_json(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  size_t keep = f->message.len;
  sd_amqp_put_section(&f->message, SD_AMQP_SECTION_VALUE);
  size_t mark = sd_amqp_begin_map(&f->message);
  put_string(&f->message, "k");
  sd_amqp_put_boolean(&f->message, true);
  sd_amqp_end_map(&f->message, mark, 2);
  decode(f);
  assert_text(f->event.body, "{\"k\":true}");

  sd_buf_truncate(&f->message, keep);
  for (int i = 0; i < 2; i++) {
    sd_amqp_put_section(&f->message, SD_AMQP_SECTION_SEQUENCE);
    mark = sd_amqp_begin_list(&f->message);
    sd_amqp_put_int(&f->message, i);
    sd_amqp_end_list(&f->message, mark, 1);
    decode(f);
    assert_text(f->event.body, i == 0 ? "[0]" : "[[0],[1]]");
  }
}

static void an_event_without_body_has_an_empty_one(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  decode(f);
  assert_int_equal(f->event.body.len, 0);
  sd_amqp_put_data_section(&f->message, sd_bytes_of(""));
  decode(f);
  assert_int_equal(f->event.body.len, 0);
}

static void a_numeric_offset_becomes_text_and_an_unusable_one_is_unknown(void **state)
{
  fixture *f = *state;
  for (int i = 0; i < 3; i++) {
    sd_buf_clear(&f->message);
    sd_amqp_put_section(&f->message, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
    size_t mark = sd_amqp_begin_map(&f->message);
    put_symbol(&f->message, "x-opt-sequence-number");
    sd_amqp_put_long(&f->message, 1);
    put_symbol(&f->message, "x-opt-offset");
    char big[SD_EVENTHUBS_OFFSET_MAX];
    memset(big, '1', sizeof big);
    if (i == 0)
      sd_amqp_put_long(&f->message, -17);
    else if (i == 1)
      sd_amqp_put_string(&f->message, sd_bytes_make(big, sizeof big));
    else
      put_string(&f->message, "\xff");
    sd_amqp_end_map(&f->message, mark, 4);
    decode(f);
    assert_text(f->event.offset, i == 0 ? "-17" : "");
    assert_int_equal(f->event.sequence_number, 1);
  }
}

static void a_message_without_sequence_number_is_a_protocol_error(void **state)
{
  fixture *f = *state;
  sd_amqp_put_data_section(&f->message, sd_bytes_of("x"));
  f->event.sequence_number = 99;
  assert_int_equal(sd_event_decode(&f->decoder, sd_buf_bytes(&f->message), &f->event), SD_PROTOCOL);
  assert_int_equal(sd_event_decode(&f->decoder, sd_bytes_of("nonsense"), &f->event), SD_PROTOCOL);
  assert_int_equal(sd_event_decode(&f->decoder, sd_bytes_of(""), &f->event), SD_PROTOCOL);
  assert_int_equal(f->event.sequence_number, 99);
}

static void a_message_that_breaks_behind_its_sequence_number_is_a_dead_event(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  sd_buf_append_text(&f->message, "\x05garbage");
  decode(f);
  assert_int_equal(f->event.sequence_number, 42);
  assert_text(f->event.offset, "8589934592");
  assert_int_equal(f->event.dead, SD_DEAD_PROPERTIES_NOT_JSON);
  assert_true(sd_bytes_equal(f->event.body, sd_buf_bytes(&f->message)));

  sd_buf_clear(&f->message);
  put_annotations(&f->message);
  const uint8_t broken_map[] = {0x00, 0x53, 0x74, 0xc1, 0x05, 0x02, 0xa1, 0x7f, 'a', 'b'};
  sd_buf_append(&f->message, broken_map, sizeof broken_map);
  decode(f);
  assert_int_equal(f->event.dead, SD_DEAD_PROPERTIES_NOT_JSON);
  assert_int_equal(f->event.properties.len, 0);
}

static void every_cut_of_a_message_is_judged_without_reading_beyond(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  sd_amqp_put_section(&f->message, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
  size_t mark = sd_amqp_begin_map(&f->message);
  put_string(&f->message, "n");
  sd_amqp_put_double(&f->message, 1.5);
  sd_amqp_end_map(&f->message, mark, 2);
  sd_amqp_put_data_section(&f->message, sd_bytes_of("body"));
  for (size_t len = 0; len < f->message.len; len++) {
    uint8_t *copy = sd_alloc(len); /* an allocation of its own, so that a sanitizer sees a read beyond it */
    assert_non_null(copy);
    memcpy(copy, f->message.data, len);
    sd_status status = sd_event_decode(&f->decoder, sd_bytes_make(copy, len), &f->event);
    assert_true(status == SD_OK || status == SD_PROTOCOL);
    sd_free(copy);
  }
}

static void short_memory_is_reported_and_the_next_event_is_fine(void **state)
{
  fixture *f = *state;
  put_annotations(&f->message);
  sd_amqp_put_data_section(&f->message, sd_bytes_of("one "));
  sd_amqp_put_data_section(&f->message, sd_bytes_of("two"));
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_event_decode(&f->decoder, sd_buf_bytes(&f->message), &f->event), SD_NOMEM);
  sd_alloc_fail_nth(0);
  decode(f);
  assert_text(f->event.body, "one two");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_plain_event_is_viewed_in_place, setup, teardown),
      cmocka_unit_test_setup_teardown(further_annotations_and_message_properties_are_system_properties, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(application_properties_are_a_json_object, setup, teardown),
      cmocka_unit_test_setup_teardown(several_data_sections_are_one_body, setup, teardown),
      cmocka_unit_test_setup_teardown(a_text_or_binary_value_is_the_body_itself, setup, teardown),
      cmocka_unit_test_setup_teardown(other_values_and_sequences_become_json, setup, teardown),
      cmocka_unit_test_setup_teardown(an_event_without_body_has_an_empty_one, setup, teardown),
      cmocka_unit_test_setup_teardown(a_numeric_offset_becomes_text_and_an_unusable_one_is_unknown, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_message_without_sequence_number_is_a_protocol_error, setup, teardown),
      cmocka_unit_test_setup_teardown(a_message_that_breaks_behind_its_sequence_number_is_a_dead_event, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(every_cut_of_a_message_is_judged_without_reading_beyond, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(short_memory_is_reported_and_the_next_event_is_fine, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
