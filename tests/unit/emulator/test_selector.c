/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Selector filters as the SDKs write them. */
#include "amqp/value.h"
#include "emulator/selector.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static emu_selector parse(const char *text)
{
  emu_selector selector;
  sd_error error;
  assert_int_equal(emu_selector_parse(sd_bytes_of(text), &selector, &error), SD_OK);
  return selector;
}

static void every_kind_of_position_is_understood(void **state)
{
  (void)state;
  emu_selector s = parse("amqp.annotation.x-opt-offset > '-1'");
  assert_int_equal(s.start, EMU_START_EARLIEST);
  s = parse("amqp.annotation.x-opt-offset > '@latest'");
  assert_int_equal(s.start, EMU_START_LATEST);
  s = parse("amqp.annotation.x-opt-offset >= '17592186044416'");
  assert_int_equal(s.start, EMU_START_OFFSET);
  assert_true(s.inclusive);
  assert_true(sd_bytes_equal_text(s.offset, "17592186044416"));
  s = parse("amqp.annotation.x-opt-sequence-number > '42'");
  assert_int_equal(s.start, EMU_START_SEQUENCE);
  assert_false(s.inclusive);
  assert_int_equal(s.number, 42);
  s = parse("amqp.annotation.x-opt-enqueued-time > '1769999999123'");
  assert_int_equal(s.start, EMU_START_TIME);
  assert_int_equal(s.number, 1769999999123);
}

static void spaces_are_free(void **state)
{
  (void)state;
  assert_int_equal(parse("amqp.annotation.x-opt-sequence-number >'5'").number, 5);
  assert_int_equal(parse("amqp.annotation.x-opt-sequence-number>='5'").number, 5);
  assert_int_equal(parse("  amqp.annotation.x-opt-sequence-number  >=  '5'  ").number, 5);
}

static void nonsense_is_refused_with_the_expression_in_the_text(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "",
      "amqp.annotation.x-opt-offset",
      "amqp.annotation.x-opt-offset >",
      "amqp.annotation.x-opt-offset < '5'",
      "amqp.annotation.x-opt-offset > '5",
      "amqp.annotation.x-opt-offset > '5' or true",
      "amqp.annotation.x-opt-sequence-number > 'five'",
      "amqp.annotation.x-opt-sequence-number > '99999999999999999999'",
      "amqp.annotation.x-opt-enqueued-time > ''",
      "amqp.annotation.x-opt-color > '5'",
      "offset > '5'",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    emu_selector selector;
    sd_error error;
    assert_int_equal(emu_selector_parse(sd_bytes_of(bad[i]), &selector, &error), SD_INVALID);
    assert_non_null(strstr(error.message, bad[i]));
  }
}

/* A filter map with one entry, its descriptor as a ulong of 8 bytes (js), a symbol (others) or none. */
enum { AS_ULONG, AS_SYMBOL, WITHOUT };

static void put_filter(sd_buf *buf, const char *key, int descriptor, const char *expression)
{
  static const uint8_t as_ulong[] = {0x00, 0x80, 0x00, 0x00, 0x46, 0x8c, 0x00, 0x00, 0x00, 0x04};
  size_t mark = sd_amqp_begin_map(buf);
  sd_amqp_put_symbol(buf, sd_bytes_of(key));
  if (descriptor == AS_ULONG) {
    sd_buf_append(buf, as_ulong, sizeof as_ulong);
  } else if (descriptor == AS_SYMBOL) {
    sd_buf_append_byte(buf, 0);
    sd_amqp_put_symbol(buf, sd_bytes_of("apache.org:selector-filter:string"));
  }
  sd_amqp_put_string(buf, sd_bytes_of(expression));
  sd_amqp_end_map(buf, mark, 2);
}

static void both_descriptors_and_any_key_are_accepted(void **state)
{
  (void)state;
  static const struct {
    const char *key;
    int descriptor;
  } forms[] = {{"apache.org:selector-filter:string", AS_ULONG},
               {"apache.org:selector-filter:string", AS_SYMBOL},
               {"apache.org:selector-filter:string", WITHOUT},
               {"mine", AS_ULONG},
               {"mine", AS_SYMBOL}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    sd_buf buf;
    emu_selector selector;
    sd_error error;
    sd_buf_init(&buf, 1024);
    put_filter(&buf, forms[i].key, forms[i].descriptor, "amqp.annotation.x-opt-sequence-number >= '5'");
    assert_int_equal(emu_selector_from_filter(sd_buf_bytes(&buf), &selector, &error), SD_OK);
    assert_int_equal(selector.start, EMU_START_SEQUENCE);
    assert_int_equal(selector.number, 5);
    sd_buf_release(&buf);
  }
}

static void without_a_selector_it_begins_at_the_start(void **state)
{
  (void)state;
  sd_buf buf;
  emu_selector selector;
  sd_error error;
  sd_buf_init(&buf, 1024);
  assert_int_equal(emu_selector_from_filter(sd_bytes_make(NULL, 0), &selector, &error), SD_OK);
  assert_int_equal(selector.start, EMU_START_EARLIEST);
  put_filter(&buf, "other", WITHOUT, "amqp.annotation.x-opt-sequence-number >= '5'");
  assert_int_equal(emu_selector_from_filter(sd_buf_bytes(&buf), &selector, &error), SD_OK);
  assert_int_equal(selector.start, EMU_START_EARLIEST);
  buf.data[buf.len - 1] = 0;
  assert_int_equal(emu_selector_from_filter(sd_bytes_make(buf.data, buf.len - 9), &selector, &error),
                   SD_INVALID);
  sd_buf_release(&buf);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_position_is_understood),
      cmocka_unit_test(spaces_are_free),
      cmocka_unit_test(nonsense_is_refused_with_the_expression_in_the_text),
      cmocka_unit_test(both_descriptors_and_any_key_are_accepted),
      cmocka_unit_test(without_a_selector_it_begins_at_the_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
