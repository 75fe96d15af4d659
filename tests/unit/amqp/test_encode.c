/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Encoding of values: the shortest forms, compounds, and everything that was decoded once more. */
#include "hex.h"

#include "amqp/value.h"

static void expect_bytes(sd_buf *buf, const char *hex)
{
  uint8_t bytes[2048];
  size_t n = hex_bytes(hex, bytes, sizeof bytes);
  assert_int_equal(sd_buf_status(buf), SD_OK);
  assert_int_equal(buf->len, n);
  assert_memory_equal(buf->data, bytes, n);
  sd_buf_clear(buf);
}

static void scalars_take_their_shortest_form(void **state)
{
  (void)state;
  sd_buf b;
  sd_buf_init(&b, 4096);
  sd_amqp_put_null(&b);
  sd_amqp_put_boolean(&b, true);
  sd_amqp_put_boolean(&b, false);
  expect_bytes(&b, "404142");
  sd_amqp_put_ubyte(&b, 200);
  sd_amqp_put_ushort(&b, 65535);
  expect_bytes(&b, "50c8 60ffff");
  sd_amqp_put_uint(&b, 0);
  sd_amqp_put_uint(&b, 255);
  sd_amqp_put_uint(&b, 256);
  expect_bytes(&b, "43 52ff 7000000100");
  sd_amqp_put_ulong(&b, 0);
  sd_amqp_put_ulong(&b, 255);
  sd_amqp_put_ulong(&b, 256);
  sd_amqp_put_ulong(&b, UINT64_MAX);
  expect_bytes(&b, "44 53ff 800000000000000100 80ffffffffffffffff");
  sd_amqp_put_byte(&b, -1);
  sd_amqp_put_short(&b, -2);
  expect_bytes(&b, "51ff 61fffe");
  sd_amqp_put_int(&b, -128);
  sd_amqp_put_int(&b, 127);
  sd_amqp_put_int(&b, 128);
  sd_amqp_put_int(&b, -129);
  expect_bytes(&b, "5480 547f 7100000080 71ffffff7f");
  sd_amqp_put_long(&b, -128);
  sd_amqp_put_long(&b, 128);
  sd_amqp_put_long(&b, INT64_MIN);
  expect_bytes(&b, "5580 810000000000000080 818000000000000000");
  sd_amqp_put_float(&b, 1.5f);
  sd_amqp_put_double(&b, -2.25);
  expect_bytes(&b, "723fc00000 82c002000000000000");
  sd_amqp_put_char(&b, 0x1f600);
  sd_amqp_put_timestamp(&b, -1);
  expect_bytes(&b, "730001f600 83ffffffffffffffff");
  static const uint8_t uuid[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  sd_amqp_put_uuid(&b, uuid);
  expect_bytes(&b, "98 000102030405060708090a0b0c0d0e0f");
  sd_buf_release(&b);
}

static void text_widens_at_256_bytes(void **state)
{
  (void)state;
  char text[256];
  sd_buf b;
  sd_buf_init(&b, 4096);
  memset(text, 'x', sizeof text);
  sd_amqp_put_binary(&b, sd_bytes_make(NULL, 0));
  sd_amqp_put_string(&b, sd_bytes_of("ab"));
  sd_amqp_put_symbol(&b, sd_bytes_of("c"));
  expect_bytes(&b, "a000 a102\"ab\" a301\"c\"");
  sd_amqp_put_string(&b, sd_bytes_make(text, 255));
  assert_memory_equal(b.data, "\xa1\xff", 2);
  assert_int_equal(b.len, 257);
  sd_buf_clear(&b);
  static const uint8_t heads[3][5] = {{0xb0, 0, 0, 1, 0}, {0xb1, 0, 0, 1, 0}, {0xb3, 0, 0, 1, 0}};
  sd_amqp_put_binary(&b, sd_bytes_make(text, 256));
  assert_memory_equal(b.data, heads[0], 5);
  sd_buf_clear(&b);
  sd_amqp_put_string(&b, sd_bytes_make(text, 256));
  assert_memory_equal(b.data, heads[1], 5);
  sd_buf_clear(&b);
  sd_amqp_put_symbol(&b, sd_bytes_make(text, 256));
  assert_memory_equal(b.data, heads[2], 5);
  assert_int_equal(b.len, 261);
  sd_buf_release(&b);
}

static void compounds_take_the_32_bit_form(void **state)
{
  (void)state;
  sd_buf b;
  sd_buf_init(&b, 4096);
  size_t list = sd_amqp_begin_list(&b);
  sd_amqp_end_list(&b, list, 0);
  expect_bytes(&b, "d0 00000004 00000000");
  size_t map = sd_amqp_begin_map(&b);
  sd_amqp_put_symbol(&b, sd_bytes_of("k"));
  list = sd_amqp_begin_list(&b);
  sd_amqp_put_uint(&b, 1);
  sd_amqp_end_list(&b, list, 1);
  sd_amqp_end_map(&b, map, 2);
  expect_bytes(&b, "d1 00000012 00000002 a301\"k\" d0 00000006 00000001 5201");
  sd_amqp_put_descriptor(&b, 0x77);
  expect_bytes(&b, "005377");
  sd_buf_release(&b);
}

static void arrays_write_their_constructor_once(void **state)
{
  (void)state;
  sd_buf b;
  char text[300];
  sd_buf_init(&b, 4096);
  sd_bytes two[] = {sd_bytes_of("0"), sd_bytes_of("12")};
  sd_amqp_put_string_array(&b, two, 2);
  expect_bytes(&b, "f0 0000000a 00000002 a1 01\"0\" 02\"12\"");
  sd_amqp_put_symbol_array(&b, two, 1);
  expect_bytes(&b, "f0 00000007 00000001 a3 01\"0\"");
  sd_amqp_put_symbol_array(&b, NULL, 0);
  expect_bytes(&b, "f0 00000005 00000000 a3");
  /* One long item widens all. */
  memset(text, 'x', sizeof text);
  two[1] = sd_bytes_make(text, sizeof text);
  sd_amqp_put_string_array(&b, two, 2);
  sd_amqp_cursor c = sd_amqp_cursor_of(sd_buf_bytes(&b));
  sd_amqp_value v, item;
  sd_amqp_items items;
  assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
  sd_amqp_items_init(&items, &v);
  assert_int_equal(sd_amqp_items_next(&items, &item), SD_OK);
  assert_true(sd_bytes_equal_text(item.as.bytes, "0"));
  assert_int_equal(sd_amqp_items_next(&items, &item), SD_OK);
  assert_int_equal(item.as.bytes.len, sizeof text);
  sd_buf_release(&b);
}

static void a_decoded_value_encodes_again(void **state)
{
  (void)state;
  /* Input in a form, and the same in ours. */
  static const char *const cases[][2] = {
      {"40", "40"},
      {"5601", "41"},
      {"5600", "42"},
      {"50ff", "50ff"},
      {"600001", "600001"},
      {"7000000000", "43"},
      {"800000000000000005", "5305"},
      {"51ff", "51ff"},
      {"61ffff", "61ffff"},
      {"71ffffffff", "54ff"},
      {"81ffffffffffffffff", "55ff"},
      {"723fc00000", "723fc00000"},
      {"723dcccccd", "723dcccccd"},
      {"823fb999999999999a", "823fb999999999999a"},
      {"7412345678", "7412345678"},
      {"841234567812345678", "841234567812345678"},
      {"9412345678123456781234567812345678", "9412345678123456781234567812345678"},
      {"7300000041", "7300000041"},
      {"830000000000000001", "830000000000000001"},
      {"9800112233445566778899aabbccddeeff", "9800112233445566778899aabbccddeeff"},
      {"b00000000161", "a00161"},
      {"b10000000161", "a10161"},
      {"b30000000161", "a30161"},
      {"45", "d0 00000004 00000000"},
      {"c0<02 43 41>", "d0 00000006 00000002 43 41"},
      {"c1<02 43 41>", "d1 00000006 00000002 43 41"},
      {"e0<02 a3 0161 0162>", "f0 00000009 00000002 a3 0161 0162"},
      {"e0<02 00 5305 52 0102>", "f0 0000000a 00000002 00 5305 52 0102"},
      {"00 a302\"my\" 43", "00 a302\"my\" 43"},
      {"00 5301 00 5302 a10161", "00 5301 00 5302 a10161"},
  };
  sd_buf b;
  sd_buf_init(&b, 4096);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t bytes[256];
    size_t n = hex_bytes(cases[i][0], bytes, sizeof bytes);
    sd_amqp_cursor c = {bytes, bytes + n};
    sd_amqp_value v;
    assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
    sd_amqp_put_value(&b, &v);
    expect_bytes(&b, cases[i][1]);
  }
  sd_buf_release(&b);
}

static void a_full_buffer_keeps_the_failure(void **state)
{
  (void)state;
  sd_buf b;
  sd_buf_init(&b, 16);
  size_t list = sd_amqp_begin_list(&b);
  sd_amqp_put_string(&b, sd_bytes_of("more than fits"));
  sd_amqp_end_list(&b, list, 1);
  assert_int_equal(sd_buf_status(&b), SD_LIMIT);
  sd_buf_release(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_take_their_shortest_form),
      cmocka_unit_test(text_widens_at_256_bytes),
      cmocka_unit_test(compounds_take_the_32_bit_form),
      cmocka_unit_test(arrays_write_their_constructor_once),
      cmocka_unit_test(a_decoded_value_encodes_again),
      cmocka_unit_test(a_full_buffer_keeps_the_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
