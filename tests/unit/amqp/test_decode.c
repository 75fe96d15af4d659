/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Decoding of values: every constructor, and every way to be malformed. */
#include "hex.h"

#include "amqp/value.h"

static uint8_t bytes[8192];

/* Decodes one value that must fill the input exactly. */
static sd_amqp_value decode(const char *hex)
{
  sd_amqp_value v;
  size_t n = hex_bytes(hex, bytes, sizeof bytes);
  sd_amqp_cursor c = {bytes, bytes + n};
  assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
  assert_ptr_equal(c.at, c.end);
  return v;
}

static void expect_malformed(const char *hex)
{
  sd_amqp_value v;
  size_t n = hex_bytes(hex, bytes, sizeof bytes);
  sd_amqp_cursor c = {bytes, bytes + n};
  assert_int_equal(sd_amqp_decode(&c, &v), SD_PROTOCOL);
  assert_ptr_equal(c.at, bytes);
}

static void every_integer_form_decodes(void **state)
{
  (void)state;
  static const struct {
    const char *hex;
    sd_amqp_type type;
    int64_t value;
  } cases[] = {
      {"50ff", SD_AMQP_UBYTE, 255},
      {"60fffe", SD_AMQP_USHORT, 65534},
      {"43", SD_AMQP_UINT, 0},
      {"52ff", SD_AMQP_UINT, 255},
      {"70ffffffff", SD_AMQP_UINT, 4294967295},
      {"44", SD_AMQP_ULONG, 0},
      {"53ff", SD_AMQP_ULONG, 255},
      {"80 7fffffffffffffff", SD_AMQP_ULONG, INT64_MAX},
      {"51ff", SD_AMQP_BYTE, -1},
      {"61fffe", SD_AMQP_SHORT, -2},
      {"5480", SD_AMQP_INT, -128},
      {"7180000000", SD_AMQP_INT, INT32_MIN},
      {"55ff", SD_AMQP_LONG, -1},
      {"81 8000000000000000", SD_AMQP_LONG, INT64_MIN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_amqp_value v = decode(cases[i].hex);
    int64_t value;
    assert_int_equal(v.type, cases[i].type);
    assert_true(sd_amqp_as_int64(&v, &value));
    assert_int_equal(value, cases[i].value);
  }
  int64_t untouched = 7;
  sd_amqp_value v = decode("80 ffffffffffffffff");
  assert_true(v.as.u == UINT64_MAX);
  assert_false(sd_amqp_as_int64(&v, &untouched));
  v = decode("a10131");
  assert_false(sd_amqp_as_int64(&v, &untouched));
  assert_int_equal(untouched, 7);
}

static void every_other_primitive_decodes(void **state)
{
  (void)state;
  assert_int_equal(decode("40").type, SD_AMQP_NULL);
  assert_true(decode("41").as.boolean);
  assert_false(decode("42").as.boolean);
  assert_true(decode("5601").as.boolean);
  assert_false(decode("5600").as.boolean);
  sd_amqp_value v = decode("723fc00000");
  assert_int_equal(v.type, SD_AMQP_FLOAT);
  assert_true(v.as.d == 1.5);
  v = decode("82 c002000000000000");
  assert_int_equal(v.type, SD_AMQP_DOUBLE);
  assert_true(v.as.d == -2.25);
  v = decode("730001f600");
  assert_int_equal(v.type, SD_AMQP_CHAR);
  assert_int_equal(v.as.u, 0x1f600);
  v = decode("83 000001a1ffd57670");
  assert_int_equal(v.type, SD_AMQP_TIMESTAMP);
  assert_int_equal(v.as.i, 0x1a1ffd57670);
  v = decode("7411223344");
  assert_int_equal(v.type, SD_AMQP_DECIMAL32);
  assert_int_equal(v.as.bytes.len, 4);
  assert_int_equal(decode("84 1122334411223344").as.bytes.len, 8);
  assert_int_equal(decode("94 11223344112233441122334411223344").as.bytes.len, 16);
  v = decode("98 00112233445566778899aabbccddeeff");
  assert_int_equal(v.type, SD_AMQP_UUID);
  assert_int_equal(v.as.bytes.len, 16);
  static const struct {
    const char *hex;
    sd_amqp_type type;
  } texts[] = {{"a003\"abc\"", SD_AMQP_BINARY}, {"b000000003\"abc\"", SD_AMQP_BINARY},
               {"a103\"abc\"", SD_AMQP_STRING}, {"b100000003\"abc\"", SD_AMQP_STRING},
               {"a303\"abc\"", SD_AMQP_SYMBOL}, {"b300000003\"abc\"", SD_AMQP_SYMBOL}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    v = decode(texts[i].hex);
    assert_int_equal(v.type, texts[i].type);
    assert_true(sd_bytes_equal_text(v.as.bytes, "abc"));
    sd_bytes text;
    assert_int_equal(sd_amqp_as_text(&v, &text), texts[i].type != SD_AMQP_BINARY);
  }
  assert_int_equal(decode("a000").as.bytes.len, 0);
}

static void walk(const char *hex, uint32_t count, int64_t first)
{
  sd_amqp_value v = decode(hex), item;
  sd_amqp_items items;
  int64_t value;
  assert_int_equal(v.as.compound.count, count);
  sd_amqp_items_init(&items, &v);
  for (uint32_t i = 0; i < count; i++) {
    assert_int_equal(sd_amqp_items_next(&items, &item), SD_OK);
    assert_true(sd_amqp_as_int64(&item, &value));
    assert_int_equal(value, first + i);
  }
  assert_int_equal(sd_amqp_items_next(&items, &item), SD_NOT_FOUND);
  assert_int_equal(sd_amqp_items_next(&items, &item), SD_NOT_FOUND);
}

static void compounds_of_every_form_are_walked(void **state)
{
  (void)state;
  walk("45", 0, 0);
  walk("c00100", 0, 0);
  walk("c0<03 43 5201 7000000002>", 3, 0);
  walk("d0 0000000c 00000003 54ff 43 7100000001", 3, -1);
  walk("c1<02 5401 5402>", 2, 1);
  walk("d1 00000008 00000002 5401 5402", 2, 1);
  walk("e0<03 52 070809>", 3, 7);
  walk("f0 0000000b 00000003 60 000700080009", 3, 7);
  walk("e0<00>", 0, 0);
  walk("e0<00 a1>", 0, 0);
  walk("f0 00000005 00000000 a1", 0, 0);
  /* A value that is no compound has no items. */
  walk("c0<00>", 0, 0);
  sd_amqp_value text = decode("a10131"), item;
  sd_amqp_items items;
  sd_amqp_items_init(&items, &text);
  assert_int_equal(sd_amqp_items_next(&items, &item), SD_NOT_FOUND);
}

static void arrays_of_described_values_keep_the_descriptor(void **state)
{
  (void)state;
  sd_amqp_value v = decode("e0<02 00 a302\"my\" 52 0506>"), item;
  sd_amqp_items items;
  sd_bytes symbol;
  assert_false(sd_amqp_descriptor_symbol(&v, &symbol));
  sd_amqp_items_init(&items, &v);
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal(sd_amqp_items_next(&items, &item), SD_OK);
    assert_int_equal(item.as.u, 5 + i);
    assert_true(sd_amqp_descriptor_symbol(&item, &symbol));
    assert_true(sd_bytes_equal_text(symbol, "my"));
  }
  /* Arrays of lists. */
  v = decode("e0<02 c0 0201 43 0302 5205>");
  sd_amqp_items_init(&items, &v);
  assert_int_equal(sd_amqp_items_next(&items, &item), SD_OK);
  assert_int_equal(item.type, SD_AMQP_LIST);
  assert_int_equal(item.as.compound.count, 1);
}

static void descriptors_may_be_of_any_type(void **state)
{
  (void)state;
  uint64_t code;
  sd_bytes symbol;
  /* A11 and A12: js writes a ulong, py a symbol. */
  sd_amqp_value v = decode("00 80 0000468c00000004 a101\"x\"");
  assert_true(sd_amqp_descriptor_code(&v, &code));
  assert_true(code == 0x0000468c00000004);
  assert_false(sd_amqp_descriptor_symbol(&v, &symbol));
  assert_true(sd_bytes_equal_text(v.as.bytes, "x"));
  v = decode("00 a321\"apache.org:selector-filter:string\" a123\"amqp.annotation.x-opt-offset > '-1'\"");
  assert_true(sd_amqp_descriptor_symbol(&v, &symbol));
  assert_true(sd_bytes_equal_text(symbol, "apache.org:selector-filter:string"));
  assert_false(sd_amqp_descriptor_code(&v, &code));
  /* A10: a binary descriptor. */
  v = decode("00 a0<\"SharedAccessSignature sr=x\"> 71 6b020166");
  assert_int_equal(v.type, SD_AMQP_INT);
  assert_int_equal(v.as.i, 0x6b020166);
  assert_false(sd_amqp_descriptor_code(&v, &code));
  assert_false(sd_amqp_descriptor_symbol(&v, &symbol));
  /* Described twice: the outer one is told. */
  v = decode("00 5307 00 5308 41");
  assert_int_equal(v.type, SD_AMQP_BOOLEAN);
  assert_true(sd_amqp_descriptor_code(&v, &code));
  assert_int_equal(code, 7);
  assert_int_equal(v.descriptor.len, 5);
  /* Not described at all. */
  v = decode("41");
  assert_false(sd_amqp_descriptor_code(&v, &code));
}

static void map_values_are_found_by_text(void **state)
{
  (void)state;
  sd_amqp_value map = decode("c1<08 a101\"a\" 5401 a301\"b\" 5402 5405 5403 a102\"aa\" a101\"z\">"), v;
  assert_true(sd_amqp_map_find(&map, "a", &v));
  assert_int_equal(v.as.i, 1);
  assert_true(sd_amqp_map_find(&map, "b", &v));
  assert_int_equal(v.as.i, 2);
  assert_true(sd_amqp_map_find(&map, "aa", &v));
  assert_false(sd_amqp_map_find(&map, "c", &v));
  assert_false(sd_amqp_map_find(&v, "a", &v));
  map = decode("c1<02 a101\"a\" a10a>");
  assert_false(sd_amqp_map_find(&map, "a", &v));
}

static void malformed_values_are_refused_and_the_cursor_stays(void **state)
{
  (void)state;
  static const char *const cases[] = {
      "",
      "00",
      "0053",
      "005310",
      "5602",
      "46",
      "4f",
      "57",
      "62",
      "75",
      "85",
      "95",
      "99",
      "10",
      "90",
      "a2",
      "c2",
      "d2",
      "e1",
      "ff",
      "50",
      "6000",
      "70000000",
      "80000000",
      "98 0011",
      "94 0011",
      "a0",
      "a002 61",
      "b0000000",
      "b0ffffffff 61",
      "c0",
      "c000",
      "c005 00",
      "c0<02 43>",
      "c1<03 43 43 43>",
      "d0 00000003 000000",
      "d0 00000004 00000001",
      "d0 ffffffff ffffffff",
      "e0<01>",
      "e0<01 70 000000>",
      "e0<02 70 00000000>",
      "e0<03 a1 00>",
      "f0 00000009 00001001 40 00000000",
      "f0 00000005 ffffffff 41",
      "f0 00000005 00001001 45",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_malformed(cases[i]);
}

static void every_truncation_is_refused(void **state)
{
  (void)state;
  static const char whole[] =
      "00 a303\"abc\" d0 00000022 00000004 c0<02 43 a101\"x\"> f0 00000008 00000002 a1 0161 00"
      " 811122334455667788 41";
  size_t n = hex_bytes(whole, bytes, sizeof bytes);
  sd_amqp_value v;
  sd_amqp_cursor c = {bytes, bytes + n};
  assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
  assert_int_equal(v.as.compound.count, 4);
  for (size_t i = 0; i < n; i++) {
    /* In a block of its own, so that a sanitizer sees a read behind it. */
    uint8_t *part = test_malloc(i ? i : 1);
    memcpy(part, bytes, i);
    c = (sd_amqp_cursor){part, part + i};
    assert_int_equal(sd_amqp_decode(&c, &v), SD_PROTOCOL);
    test_free(part);
  }
}

static void items_that_contradict_their_size_are_refused(void **state)
{
  (void)state;
  static const char *const cases[] = {"c0<02 43 a101>", "c0<01 43 43>", "e0<01 a1 0161 00>", "e0<01 a1 05>"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_amqp_value v = decode(cases[i]), item;
    sd_amqp_items items;
    sd_status status;
    sd_amqp_items_init(&items, &v);
    do
      status = sd_amqp_items_next(&items, &item);
    while (status == SD_OK);
    assert_int_equal(status, SD_PROTOCOL);
  }
}

static void descriptors_nest_to_a_depth_only(void **state)
{
  (void)state;
  memset(bytes, 0, 300);
  sd_amqp_value v;
  for (size_t depth = 1; depth < 100; depth++) {
    /* 00 00 … 00 41 41 … 41: a descriptor that is described, and so on. */
    memset(bytes, 0, depth);
    memset(bytes + depth, 0x41, depth + 1);
    sd_amqp_cursor c = {bytes, bytes + 2 * depth + 1};
    assert_int_equal(sd_amqp_decode(&c, &v), depth <= SD_AMQP_DEPTH_MAX ? SD_OK : SD_PROTOCOL);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_integer_form_decodes),
      cmocka_unit_test(every_other_primitive_decodes),
      cmocka_unit_test(compounds_of_every_form_are_walked),
      cmocka_unit_test(arrays_of_described_values_keep_the_descriptor),
      cmocka_unit_test(descriptors_may_be_of_any_type),
      cmocka_unit_test(map_values_are_found_by_text),
      cmocka_unit_test(malformed_values_are_refused_and_the_cursor_stays),
      cmocka_unit_test(every_truncation_is_refused),
      cmocka_unit_test(items_that_contradict_their_size_are_refused),
      cmocka_unit_test(descriptors_nest_to_a_depth_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
