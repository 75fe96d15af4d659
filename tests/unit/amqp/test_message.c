/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Message sections; A9, A10, A17, A18 are captured from Microsoft's Python SDK. */
#include "hex.h"

#include "amqp/message.h"

static uint8_t bytes[4096];

static sd_status decode(const char *hex, sd_amqp_message *m)
{
  size_t n = hex_bytes(hex, bytes, sizeof bytes);
  return sd_amqp_message_decode(sd_bytes_make(bytes, n), m);
}

static bool is(sd_bytes b, const char *text)
{
  return sd_bytes_equal_text(b, text);
}

static void a9_put_token(void **state)
{
  (void)state;
  sd_amqp_message m;
  sd_amqp_value p[SD_AMQP_PROPERTY_COUNT], v;
  assert_int_equal(
      decode(
          "005373 c00e0d 44 404040404040404040404040 005374 c15108 a1046e616d65 a112\"sb://localhost/hub\" "
          "a109\"operation\" a109\"put-token\" a104\"type\" a103\"jwt\" a10a\"expiration\" "
          "83000001a1ffd57670 005377 a1<\"SharedAccessSignature sr=x\">",
          &m),
      SD_OK);
  assert_int_equal(sd_amqp_properties_decode(&m.properties, p), SD_OK);
  assert_int_equal(p[SD_AMQP_PROPERTY_MESSAGE_ID].type, SD_AMQP_ULONG);
  assert_int_equal(p[SD_AMQP_PROPERTY_MESSAGE_ID].as.u, 0);
  assert_int_equal(p[SD_AMQP_PROPERTY_REPLY_TO].type, SD_AMQP_NULL);
  assert_true(sd_amqp_map_find(&m.application_properties, "operation", &v) && is(v.as.bytes, "put-token"));
  assert_true(sd_amqp_map_find(&m.application_properties, "name", &v) &&
              is(v.as.bytes, "sb://localhost/hub"));
  assert_true(sd_amqp_map_find(&m.application_properties, "expiration", &v));
  assert_int_equal(v.type, SD_AMQP_TIMESTAMP);
  assert_int_equal(m.body_kind, SD_AMQP_BODY_VALUE);
  assert_int_equal(m.body_count, 1);
  assert_true(is(m.body.as.bytes, "SharedAccessSignature sr=x"));
  assert_int_equal(m.header.type, SD_AMQP_NULL);
}

static void a10_a_described_security_token(void **state)
{
  (void)state;
  sd_amqp_message m;
  sd_amqp_value v;
  assert_int_equal(decode("005374 c1<04 a104\"name\" a103\"hub\" a10e\"security_token\" 00 "
                          "a0<\"SharedAccessSignature sr=x\"> 71 6b020166>",
                          &m),
                   SD_OK);
  assert_true(sd_amqp_map_find(&m.application_properties, "security_token", &v));
  assert_int_equal(v.type, SD_AMQP_INT);
  assert_int_equal(v.as.i, 0x6b020166);
  assert_true(v.descriptor.len > 0);
  assert_int_equal(m.body_kind, SD_AMQP_BODY_NONE);
}

static void a17_a18_batches(void **state)
{
  (void)state;
  sd_amqp_message m, inner;
  sd_amqp_value section, v;
  assert_int_equal(decode("005370 c00705560140404040 005372 c11a02 a313\"x-opt-partition-key\" a102\"k1\" "
                          "005375 a0<005370c00705560140404040 005372 c11a02 a313\"x-opt-partition-key\" "
                          "a102\"k1\" 005375a00161> "
                          "005375 a0<005370c00705560140404040 005375a0026262>",
                          &m),
                   SD_OK);
  assert_int_equal(m.header.as.compound.count, 5);
  assert_true(sd_amqp_map_find(&m.message_annotations, "x-opt-partition-key", &v) && is(v.as.bytes, "k1"));
  assert_int_equal(m.body_kind, SD_AMQP_BODY_DATA);
  assert_int_equal(m.body_count, 2);
  sd_amqp_cursor c = sd_amqp_cursor_of(m.body_sections);
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_OK);
  assert_int_equal(sd_amqp_message_decode(section.as.bytes, &inner), SD_OK);
  assert_true(is(inner.body.as.bytes, "a"));
  assert_true(sd_amqp_map_find(&inner.message_annotations, "x-opt-partition-key", &v));
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_OK);
  assert_int_equal(sd_amqp_message_decode(section.as.bytes, &inner), SD_OK);
  assert_true(is(inner.body.as.bytes, "bb"));
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_NOT_FOUND);

  assert_int_equal(decode("005375 a006 005375a00178", &m), SD_OK);
  assert_int_equal(sd_amqp_message_decode(m.body.as.bytes, &inner), SD_OK);
  assert_true(is(inner.body.as.bytes, "x"));
}

static void lists_may_be_list0_and_sections_absent(void **state)
{
  (void)state;
  sd_amqp_message m;
  sd_amqp_value p[SD_AMQP_PROPERTY_COUNT];
  /* js: header and properties as list0. */
  assert_int_equal(decode("00537045 005372 d1 00000004 00000000 00537345 005375 a00161 005378 c1<00>", &m),
                   SD_OK);
  assert_int_equal(m.header.type, SD_AMQP_LIST);
  assert_int_equal(m.message_annotations.type, SD_AMQP_MAP);
  assert_int_equal(m.footer.type, SD_AMQP_MAP);
  assert_int_equal(sd_amqp_properties_decode(&m.properties, p), SD_OK);
  assert_int_equal(p[0].type, SD_AMQP_NULL);
  assert_int_equal(decode("", &m), SD_OK);
  assert_int_equal(m.body_kind, SD_AMQP_BODY_NONE);
  assert_int_equal(m.body_sections.len, 0);
  assert_int_equal(sd_amqp_properties_decode(&m.properties, p), SD_OK);
  assert_int_equal(decode("005371 c1<02 a30161 43> 005377 40", &m), SD_OK);
  assert_int_equal(m.delivery_annotations.as.compound.count, 2);
  assert_int_equal(m.body_kind, SD_AMQP_BODY_VALUE);
  assert_int_equal(m.body.type, SD_AMQP_NULL);
}

static void bodies_of_sequences_and_described_values(void **state)
{
  (void)state;
  sd_amqp_message m;
  sd_amqp_value section;
  uint64_t code;
  assert_int_equal(decode("005376 c0<01 43> 005376 45", &m), SD_OK);
  assert_int_equal(m.body_kind, SD_AMQP_BODY_SEQUENCE);
  assert_int_equal(m.body_count, 2);
  sd_amqp_cursor c = sd_amqp_cursor_of(m.body_sections);
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_OK);
  assert_int_equal(section.as.compound.count, 1);
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_OK);
  assert_int_equal(section.as.compound.count, 0);
  /* The value's own descriptor is kept apart from the section's. */
  assert_int_equal(decode("005377 00 5305 a10161", &m), SD_OK);
  assert_true(sd_amqp_descriptor_code(&m.body, &code));
  assert_int_equal(code, 5);
  /* Wide and symbolic section descriptors. */
  assert_int_equal(decode("00 80 0000000000000075 a00161", &m), SD_OK);
  assert_true(is(m.body.as.bytes, "a"));
  assert_int_equal(decode("00 a310\"amqp:data:binary\" a00162", &m), SD_OK);
  assert_true(is(m.body.as.bytes, "b"));
}

static void section_order_is_not_enforced(void **state)
{
  (void)state;
  sd_amqp_message m;
  sd_amqp_value section;
  assert_int_equal(decode("005375 a00161 005374 c1<00> 005375 a00162", &m), SD_OK);
  assert_int_equal(m.body_count, 2);
  sd_amqp_cursor c = sd_amqp_cursor_of(m.body_sections);
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_OK);
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_OK);
  assert_true(is(section.as.bytes, "b"));
  assert_int_equal(sd_amqp_body_next(&c, &section), SD_NOT_FOUND);
}

static void malformed_messages_are_refused(void **state)
{
  (void)state;
  static const char *const cases[] = {
      "40",
      "00",
      "005375",
      "005375 a005 61",
      "005375 a10161",
      "005370 c1<00>",
      "005374 45",
      "005376 c1<00>",
      "005379 45",
      "00536f 45",
      "00 a303\"abc\" 45",
      "00537045 00537045",
      "005375 a00161 00537740",
      "00537740 00537740",
      "005375 a00161 61",
  };
  sd_amqp_message m;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(decode(cases[i], &m), SD_PROTOCOL);
}

static void properties_have_13_fields_at_most(void **state)
{
  (void)state;
  sd_amqp_value p[SD_AMQP_PROPERTY_COUNT], v;
  size_t n =
      hex_bytes("c0<0d a1016d a00175 a10174 a10173 a10172 a10163 a303\"a/b\" a30165 830000000000000001 "
                "830000000000000002 a10167 5209 a10152>",
                bytes, sizeof bytes);
  sd_amqp_cursor c = {bytes, bytes + n};
  assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
  assert_int_equal(sd_amqp_properties_decode(&v, p), SD_OK);
  assert_true(is(p[SD_AMQP_PROPERTY_CONTENT_TYPE].as.bytes, "a/b"));
  assert_int_equal(p[SD_AMQP_PROPERTY_GROUP_SEQUENCE].as.u, 9);
  assert_true(is(p[SD_AMQP_PROPERTY_REPLY_TO_GROUP_ID].as.bytes, "R"));
  n = hex_bytes("c0<0e 4040404040404040404040404040>", bytes, sizeof bytes);
  c = (sd_amqp_cursor){bytes, bytes + n};
  assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);
  assert_int_equal(sd_amqp_properties_decode(&v, p), SD_PROTOCOL);
  v.type = SD_AMQP_STRING;
  assert_int_equal(sd_amqp_properties_decode(&v, p), SD_PROTOCOL);
}

static void a_written_message_reads_back(void **state)
{
  (void)state;
  sd_buf b;
  sd_amqp_message m;
  sd_amqp_value v;
  sd_buf_init(&b, 4096);
  sd_amqp_put_section(&b, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
  size_t map = sd_amqp_begin_map(&b);
  sd_amqp_put_symbol(&b, sd_bytes_of("x-opt-sequence-number"));
  sd_amqp_put_long(&b, 12345678901);
  sd_amqp_end_map(&b, map, 2);
  sd_amqp_put_data_section(&b, sd_bytes_of("{}"));
  /* pyamqp assumes section descriptors of three bytes. */
  assert_memory_equal(b.data, "\0\x53\x72", 3);
  assert_int_equal(sd_amqp_message_decode(sd_buf_bytes(&b), &m), SD_OK);
  assert_true(sd_amqp_map_find(&m.message_annotations, "x-opt-sequence-number", &v));
  assert_int_equal(v.as.i, 12345678901);
  assert_true(is(m.body.as.bytes, "{}"));
  sd_buf_release(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a9_put_token),
      cmocka_unit_test(a10_a_described_security_token),
      cmocka_unit_test(a17_a18_batches),
      cmocka_unit_test(lists_may_be_list0_and_sections_absent),
      cmocka_unit_test(bodies_of_sequences_and_described_values),
      cmocka_unit_test(section_order_is_not_enforced),
      cmocka_unit_test(malformed_messages_are_refused),
      cmocka_unit_test(properties_have_13_fields_at_most),
      cmocka_unit_test(a_written_message_reads_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
