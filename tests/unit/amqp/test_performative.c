/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Performatives. The frames named A1 … A20 were captured from Microsoft's JavaScript and Python SDKs; where
 * the capture was cut, the cut is filled in. Each must decode to the values that it stands for, and what we
 * write for those values must carry every field and decode to the same.
 */
#include "hex.h"

#include "amqp/performative.h"

#include <stdio.h>

#define UUID "\"01234567-89ab-cdef-0123-456789abcdef\""

static uint8_t frame[2048];
static sd_bytes payload; /* of the last frame */

/* The list of the frame's performative. */
static sd_amqp_value take(const char *hex, uint8_t code)
{
  sd_amqp_value list;
  uint8_t found;
  size_t n = hex_bytes(hex, frame, sizeof frame);
  size_t size = (size_t)frame[2] << 8 | frame[3];
  assert_int_equal(size, n);
  sd_amqp_cursor body = {frame + (size_t)frame[4] * 4, frame + n};
  assert_int_equal(sd_amqp_performative_next(&body, &found, &list), SD_OK);
  assert_int_equal(found, code);
  payload = sd_bytes_make(body.at, sd_amqp_cursor_left(&body));
  return list;
}

/* The same of a frame whose header is left out. */
static sd_amqp_value take_body(const char *hex, uint8_t code)
{
  sd_amqp_value list;
  uint8_t found;
  size_t n = hex_bytes(hex, frame, sizeof frame);
  sd_amqp_cursor body = {frame, frame + n};
  assert_int_equal(sd_amqp_performative_next(&body, &found, &list), SD_OK);
  assert_int_equal(found, code);
  payload = sd_bytes_make(body.at, sd_amqp_cursor_left(&body));
  return list;
}

/* Our encoding: `fields` items, and once decoded and encoded again the same bytes. */
#define CHECK_ENCODING(kind, decode, encode, value, performative_code, fields)                               \
  do {                                                                                                       \
    sd_buf once, twice;                                                                                      \
    sd_buf_init(&once, 4096);                                                                                \
    sd_buf_init(&twice, 4096);                                                                               \
    encode(&once, value);                                                                                    \
    sd_amqp_cursor cursor = sd_amqp_cursor_of(sd_buf_bytes(&once));                                          \
    sd_amqp_value again;                                                                                     \
    uint8_t code_again;                                                                                      \
    kind second;                                                                                             \
    assert_int_equal(sd_amqp_performative_next(&cursor, &code_again, &again), SD_OK);                        \
    assert_ptr_equal(cursor.at, cursor.end);                                                                 \
    assert_int_equal(code_again, performative_code);                                                         \
    assert_int_equal(again.as.compound.count, fields);                                                       \
    assert_true(once.data[3] == 0xc0 || once.data[3] == 0xd0);                                               \
    assert_int_equal(decode(&again, &second), SD_OK);                                                        \
    encode(&twice, &second);                                                                                 \
    assert_true(sd_bytes_equal(sd_buf_bytes(&once), sd_buf_bytes(&twice)));                                  \
    sd_buf_release(&once);                                                                                   \
    sd_buf_release(&twice);                                                                                  \
  } while (0)

static bool is(sd_bytes bytes, const char *text)
{
  return sd_bytes_equal_text(bytes, text);
}

static void a1_a2_sasl_init(void **state)
{
  (void)state;
  sd_amqp_sasl_init init;
  sd_amqp_value list = take("00000046 02010000 005341 d00000003600000003 a309414e4f4e594d4f5553 "
                            "a01a00526f6f744d616e6167655368617265644163636573734b6579 a1096c6f63616c686f7374",
                            SD_AMQP_CODE_SASL_INIT);
  assert_int_equal(sd_amqp_sasl_init_decode(&list, &init), SD_OK);
  assert_true(is(init.mechanism, "ANONYMOUS"));
  assert_int_equal(init.initial_response.len, 26);
  assert_memory_equal(init.initial_response.data, "\0RootManageSharedAccessKey", 26);
  assert_true(is(init.hostname, "localhost"));
  CHECK_ENCODING(sd_amqp_sasl_init, sd_amqp_sasl_init_decode, sd_amqp_sasl_init_encode, &init,
                 SD_AMQP_CODE_SASL_INIT, 3);
  list = take("00000026 02010000 005341 c01903 a309414e4f4e594d4f5553 a000 a1096c6f63616c686f7374",
              SD_AMQP_CODE_SASL_INIT);
  assert_int_equal(sd_amqp_sasl_init_decode(&list, &init), SD_OK);
  assert_non_null(init.initial_response.data);
  assert_int_equal(init.initial_response.len, 0);
  CHECK_ENCODING(sd_amqp_sasl_init, sd_amqp_sasl_init_decode, sd_amqp_sasl_init_encode, &init,
                 SD_AMQP_CODE_SASL_INIT, 3);
}

static void a3_open(void **state)
{
  (void)state;
  sd_amqp_open open;
  sd_amqp_value list =
      take("0000004d 02000000 005310 c0400a a124" UUID " a1096c6f63616c686f7374 7000100000 60ffff "
           "40 40 40 40 40 40",
           SD_AMQP_CODE_OPEN);
  assert_int_equal(sd_amqp_open_decode(&list, &open), SD_OK);
  assert_true(is(open.container_id, "01234567-89ab-cdef-0123-456789abcdef"));
  assert_true(is(open.hostname, "localhost"));
  assert_int_equal(open.max_frame_size, 1048576);
  assert_int_equal(open.channel_max, 65535);
  assert_int_equal(open.idle_timeout_ms, 0);
  assert_int_equal(open.properties_raw.len, 0);
  CHECK_ENCODING(sd_amqp_open, sd_amqp_open_decode, sd_amqp_open_encode, &open, SD_AMQP_CODE_OPEN, 10);
}

static void open_defaults_and_raw_fields(void **state)
{
  (void)state;
  sd_amqp_open open;
  sd_amqp_value list = take_body("005310 c0<01 a10163>", SD_AMQP_CODE_OPEN);
  assert_int_equal(sd_amqp_open_decode(&list, &open), SD_OK);
  assert_null(open.hostname.data);
  assert_int_equal(open.max_frame_size, UINT32_MAX);
  assert_int_equal(open.channel_max, UINT16_MAX);
  CHECK_ENCODING(sd_amqp_open, sd_amqp_open_decode, sd_amqp_open_encode, &open, SD_AMQP_CODE_OPEN, 10);
  list = take_body("005310 c0<0a a10163 40 40 40 52ff 40 a302\"en\" e0<01 a3 0161> e0<01 a3 0162> "
                   "c1<02 a30170 a10176>>",
                   SD_AMQP_CODE_OPEN);
  assert_int_equal(sd_amqp_open_decode(&list, &open), SD_OK);
  assert_int_equal(open.idle_timeout_ms, 255);
  assert_int_equal(open.incoming_locales_raw.len, 4);
  assert_int_equal(open.offered_capabilities_raw.len, 6);
  assert_memory_equal(open.desired_capabilities_raw.data, "\xe0\x04\x01\xa3\x01\x62", 6);
  assert_int_equal(open.properties_raw.data[0], 0xc1);
  CHECK_ENCODING(sd_amqp_open, sd_amqp_open_decode, sd_amqp_open_encode, &open, SD_AMQP_CODE_OPEN, 10);
}

static void a4_a5_begin(void **state)
{
  (void)state;
  sd_amqp_begin begin;
  sd_amqp_value list = take("00000022 02000001 005311 c01508 40 43 7000010000 7000010000 70ffffffff 40 40 40",
                            SD_AMQP_CODE_BEGIN);
  assert_int_equal(sd_amqp_begin_decode(&list, &begin), SD_OK);
  assert_false(begin.has_remote_channel);
  assert_int_equal(begin.next_outgoing_id, 0);
  assert_int_equal(begin.incoming_window, 65536);
  assert_int_equal(begin.outgoing_window, 65536);
  assert_int_equal(begin.handle_max, UINT32_MAX);
  CHECK_ENCODING(sd_amqp_begin, sd_amqp_begin_decode, sd_amqp_begin_encode, &begin, SD_AMQP_CODE_BEGIN, 8);
  list = take("00000020 02000000 005311 d00000001000000004 40 43 7000000800 70ffffffff", SD_AMQP_CODE_BEGIN);
  assert_int_equal(sd_amqp_begin_decode(&list, &begin), SD_OK);
  assert_int_equal(begin.incoming_window, 2048);
  assert_int_equal(begin.outgoing_window, UINT32_MAX);
  assert_int_equal(begin.handle_max, UINT32_MAX);
  begin.has_remote_channel = true;
  begin.remote_channel = 0;
  CHECK_ENCODING(sd_amqp_begin, sd_amqp_begin_decode, sd_amqp_begin_encode, &begin, SD_AMQP_CODE_BEGIN, 8);
}

static void check_attach(const sd_amqp_attach *attach)
{
  CHECK_ENCODING(sd_amqp_attach, sd_amqp_attach_decode, sd_amqp_attach_encode, attach, SD_AMQP_CODE_ATTACH,
                 14);
}

static void a6_a7_a8_attach(void **state)
{
  (void)state;
  sd_amqp_attach a;
  sd_amqp_value list = take("00000057 02000000 005312 d0000000470000000a a124" UUID " 43 42 40 40 005328 45 "
                            "005329 d00000000a00000001 a10424636273 40 40 43",
                            SD_AMQP_CODE_ATTACH);
  assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
  assert_true(is(a.name, "01234567-89ab-cdef-0123-456789abcdef"));
  assert_int_equal(a.handle, 0);
  assert_int_equal(a.role, SD_AMQP_SENDER);
  assert_int_equal(a.snd_settle_mode, SD_AMQP_SND_MIXED);
  assert_int_equal(a.rcv_settle_mode, SD_AMQP_RCV_FIRST);
  assert_true(a.source.present && !a.source.address.data);
  assert_true(a.target.present && is(a.target.address, "$cbs"));
  assert_true(a.has_initial_delivery_count);
  assert_int_equal(a.initial_delivery_count, 0);
  assert_int_equal(a.max_message_size, 0);
  check_attach(&a);

  list = take_body("005312 c0<07 a128\"cbs-\"" UUID " 5201 41 40 40 005328 d0 0000000a 00000001 a10424636273 "
                   "005329 45>",
                   SD_AMQP_CODE_ATTACH);
  assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
  assert_int_equal(a.handle, 1);
  assert_int_equal(a.role, SD_AMQP_RECEIVER);
  assert_true(is(a.source.address, "$cbs"));
  assert_true(a.target.present && !a.target.address.data);
  assert_false(a.has_initial_delivery_count);
  check_attach(&a);

  list = take("0000006b 02000001 005312 c05e0e a124" UUID " 5202 5601 5000 5000 005328 c0110b a10424636273 "
              "40404040404040404040 005329 c00d07 a10424636273 404040404040 40 40 40 40 40 40 40",
              SD_AMQP_CODE_ATTACH);
  assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
  assert_int_equal(a.handle, 2);
  assert_int_equal(a.role, SD_AMQP_RECEIVER);
  assert_int_equal(a.snd_settle_mode, SD_AMQP_SND_UNSETTLED);
  assert_true(is(a.source.address, "$cbs"));
  assert_true(is(a.target.address, "$cbs"));
  check_attach(&a);
}

static void a11_a12_filters(void **state)
{
  (void)state;
  static const char *const filters[] = {
      "d1 0000005f 00000002 a321\"apache.org:selector-filter:string\" 00 80 0000468c00000004 "
      "a12c\"amqp.annotation.x-opt-sequence-number >= '5'\"",
      "c16d02 a321\"apache.org:selector-filter:string\" 00 a321\"apache.org:selector-filter:string\" "
      "a123\"amqp.annotation.x-opt-offset > '-1'\"",
  };
  static const char *const expressions[] = {"amqp.annotation.x-opt-sequence-number >= '5'",
                                            "amqp.annotation.x-opt-offset > '-1'"};
  for (size_t i = 0; i < 2; i++) {
    char hex[1024];
    sd_amqp_attach a;
    sd_amqp_value filter, expression;
    snprintf(hex, sizeof hex,
             "005312 c0<07 a1016c 43 41 40 40 005328 c0<08 a103\"hub\" 40 40 40 40 40 40 %s> 00532945>",
             filters[i]);
    sd_amqp_value list = take_body(hex, SD_AMQP_CODE_ATTACH);
    assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
    sd_amqp_cursor c = sd_amqp_cursor_of(a.source.filter_raw);
    assert_int_equal(sd_amqp_decode(&c, &filter), SD_OK);
    assert_true(sd_amqp_map_find(&filter, "apache.org:selector-filter:string", &expression));
    assert_true(is(expression.as.bytes, expressions[i]));
    uint64_t code = 0;
    sd_bytes symbol = {0};
    if (i == 0) {
      assert_true(sd_amqp_descriptor_code(&expression, &code));
      assert_true(code == 0x0000468c00000004);
    } else {
      assert_true(sd_amqp_descriptor_symbol(&expression, &symbol));
      assert_true(is(symbol, "apache.org:selector-filter:string"));
    }
    check_attach(&a);
  }
}

static void a13_a14_attach_tails(void **state)
{
  (void)state;
  sd_amqp_attach a;
  sd_amqp_value capabilities, name, properties, value;
  sd_amqp_items items;
  sd_amqp_value list = take_body("005312 c0<0e a1016c 43 41 40 40 00532845 00532945 40404040 40 "
                                 "f00000002200000001a3 1c\"com.microsoft:georeplication\" "
                                 "d10000005e00000004 a31b\"com.microsoft:receiver-name\" a124" UUID
                                 " a313\"com.microsoft:epoch\" 5503>",
                                 SD_AMQP_CODE_ATTACH);
  /* One field too many stands there: the capabilities are the desired ones, field 12. */
  assert_int_equal(list.as.compound.count, 14);
  assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
  sd_amqp_cursor c = sd_amqp_cursor_of(a.desired_capabilities_raw);
  assert_int_equal(sd_amqp_decode(&c, &capabilities), SD_OK);
  sd_amqp_items_init(&items, &capabilities);
  assert_int_equal(sd_amqp_items_next(&items, &name), SD_OK);
  assert_true(is(name.as.bytes, "com.microsoft:georeplication"));
  assert_int_equal(sd_amqp_items_next(&items, &name), SD_NOT_FOUND);
  c = sd_amqp_cursor_of(a.properties_raw);
  assert_int_equal(sd_amqp_decode(&c, &properties), SD_OK);
  assert_true(sd_amqp_map_find(&properties, "com.microsoft:epoch", &value));
  assert_int_equal(value.type, SD_AMQP_LONG);
  assert_int_equal(value.as.i, 3);
  check_attach(&a);

  list = take_body("005312 c0<0e a1016c 43 5601 5000 5000 00532845 00532945 40 40 40 800000000000100000 40 "
                   "e03201b30000002c\"com.microsoft:enable-receiver-runtime-metric\" "
                   "c13104 a313\"com.microsoft:epoch\" 5502 a315\"com.microsoft:timeout\" 5500>",
                   SD_AMQP_CODE_ATTACH);
  assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
  assert_int_equal(a.max_message_size, 1048576);
  c = sd_amqp_cursor_of(a.desired_capabilities_raw);
  assert_int_equal(sd_amqp_decode(&c, &capabilities), SD_OK);
  sd_amqp_items_init(&items, &capabilities);
  assert_int_equal(sd_amqp_items_next(&items, &name), SD_OK);
  assert_int_equal(name.type, SD_AMQP_SYMBOL);
  assert_true(is(name.as.bytes, "com.microsoft:enable-receiver-runtime-metric"));
  c = sd_amqp_cursor_of(a.properties_raw);
  assert_int_equal(sd_amqp_decode(&c, &properties), SD_OK);
  assert_true(sd_amqp_map_find(&properties, "com.microsoft:timeout", &value));
  assert_int_equal(value.as.i, 0);
  check_attach(&a);
}

static void source_has_11_fields_and_target_7(void **state)
{
  (void)state;
  sd_buf b;
  sd_buf_init(&b, 4096);
  const sd_amqp_attach attach = {
      .name = sd_bytes_of("l"), .source = {.present = true}, .target = {.present = true}};
  sd_amqp_attach_encode(&b, &attach);
  sd_amqp_cursor c = sd_amqp_cursor_of(sd_buf_bytes(&b));
  sd_amqp_value list, item;
  sd_amqp_items items;
  uint8_t code;
  uint64_t descriptor;
  assert_int_equal(sd_amqp_performative_next(&c, &code, &list), SD_OK);
  sd_amqp_items_init(&items, &list);
  for (int i = 0; i <= 5; i++)
    assert_int_equal(sd_amqp_items_next(&items, &item), SD_OK);
  assert_true(sd_amqp_descriptor_code(&item, &descriptor) && descriptor == SD_AMQP_CODE_SOURCE);
  assert_int_equal(item.as.compound.count, 11);
  assert_int_equal(sd_amqp_items_next(&items, &item), SD_OK);
  assert_true(sd_amqp_descriptor_code(&item, &descriptor) && descriptor == SD_AMQP_CODE_TARGET);
  assert_int_equal(item.as.compound.count, 7);
  sd_buf_release(&b);
}

static void every_field_of_a_terminus_survives(void **state)
{
  (void)state;
  sd_amqp_attach a;
  sd_amqp_value list = take_body("005312 c0<08 a1016c 43 41 5001 5001 "
                                 "005328 c0<0b 40 5202 a305\"never\" 5209 41 c1<02 a30161 43> a304\"copy\" "
                                 "c1<00> 00532445 e0<01 a3 0161> "
                                 "e0<01 a3 0162>> "
                                 "005329 c0<07 5205 5201 40 43 42 40 a30163> c1<02 a10161 40>>",
                                 SD_AMQP_CODE_ATTACH);
  assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
  assert_int_equal(a.snd_settle_mode, SD_AMQP_SND_SETTLED);
  assert_int_equal(a.rcv_settle_mode, SD_AMQP_RCV_SECOND);
  assert_int_equal(a.source.durable, 2);
  assert_true(is(a.source.expiry_policy, "never"));
  assert_int_equal(a.source.timeout, 9);
  assert_true(a.source.dynamic);
  assert_int_equal(a.source.dynamic_node_properties_raw.len, 7);
  assert_int_equal(a.source.distribution_mode_raw.len, 6);
  assert_int_equal(a.source.filter_raw.len, 3);
  assert_int_equal(a.source.default_outcome_raw.len, 4);
  assert_int_equal(a.source.outcomes_raw.len, 6);
  assert_int_equal(a.source.capabilities_raw.len, 6);
  /* An address that is no text counts as none. */
  assert_null(a.target.address.data);
  assert_int_equal(a.target.durable, 1);
  assert_int_equal(a.target.capabilities_raw.len, 3);
  assert_true(a.unsettled_raw.len > 0);
  check_attach(&a);
  list = take_body("005312 c0<07 a1016c 43 42 40 40 40 005330 c0<01 a30161>>", SD_AMQP_CODE_ATTACH);
  assert_int_equal(sd_amqp_attach_decode(&list, &a), SD_OK);
  assert_false(a.source.present);
  assert_true(a.target.present && a.target.coordinator);
}

static void a15_a16_flow(void **state)
{
  (void)state;
  sd_amqp_flow f;
  sd_amqp_value list =
      take("00000024 02000001 005313 d00000001400000007 43 7000000800 43 70ffffffff 43 43 521e",
           SD_AMQP_CODE_FLOW);
  assert_int_equal(sd_amqp_flow_decode(&list, &f), SD_OK);
  assert_true(f.has_next_incoming_id && f.has_handle && f.has_delivery_count && f.has_link_credit);
  assert_int_equal(f.next_incoming_id, 0);
  assert_int_equal(f.incoming_window, 2048);
  assert_int_equal(f.outgoing_window, UINT32_MAX);
  assert_int_equal(f.link_credit, 30);
  assert_false(f.has_available || f.drain || f.echo);
  CHECK_ENCODING(sd_amqp_flow, sd_amqp_flow_decode, sd_amqp_flow_encode, &f, SD_AMQP_CODE_FLOW, 11);
  list = take("00000026 02000001 005313 c0190b 43 7000010000 43 7000010000 5202 43 7000002710 40404040",
              SD_AMQP_CODE_FLOW);
  assert_int_equal(sd_amqp_flow_decode(&list, &f), SD_OK);
  assert_int_equal(f.handle, 2);
  assert_int_equal(f.link_credit, 10000);
  CHECK_ENCODING(sd_amqp_flow, sd_amqp_flow_decode, sd_amqp_flow_encode, &f, SD_AMQP_CODE_FLOW, 11);
  list = take_body("005313 c0<0b 40 43 43 43 40 40 40 5203 41 41 c1<00>>", SD_AMQP_CODE_FLOW);
  assert_int_equal(sd_amqp_flow_decode(&list, &f), SD_OK);
  assert_false(f.has_next_incoming_id || f.has_handle);
  assert_true(f.has_available && f.drain && f.echo);
  assert_int_equal(f.properties_raw.len, 3);
  CHECK_ENCODING(sd_amqp_flow, sd_amqp_flow_decode, sd_amqp_flow_encode, &f, SD_AMQP_CODE_FLOW, 11);
}

static void encode_transfer(sd_buf *buf, const sd_amqp_transfer *transfer)
{
  uint8_t space[SD_AMQP_TRANSFER_MAX];
  sd_buf_append(buf, space, sd_amqp_transfer_encode(space, transfer));
}

static void the_longest_transfer_fits(void **state)
{
  (void)state;
  static const uint8_t tag[SD_AMQP_TAG_MAX + 1];
  sd_amqp_transfer t = {.handle = UINT32_MAX,
                        .has_delivery_id = true,
                        .delivery_id = UINT32_MAX,
                        .delivery_tag = sd_bytes_make(tag, SD_AMQP_TAG_MAX),
                        .has_message_format = true,
                        .message_format = UINT32_MAX,
                        .has_settled = true,
                        .settled = true,
                        .more = true,
                        .has_rcv_settle_mode = true,
                        .rcv_settle_mode = SD_AMQP_RCV_SECOND,
                        .resume = true,
                        .aborted = true,
                        .batchable = true};
  uint8_t space[SD_AMQP_TRANSFER_MAX];
  size_t longest = sd_amqp_transfer_encode(space, &t);
  assert_in_range(longest, 1, sizeof space);
  CHECK_ENCODING(sd_amqp_transfer, sd_amqp_transfer_decode, encode_transfer, &t, SD_AMQP_CODE_TRANSFER, 11);
  t.more = false;
  assert_int_equal(sd_amqp_transfer_encode(space, &t), longest);
  t.delivery_tag = sd_bytes_make(tag, sizeof tag);
  assert_int_equal(sd_amqp_transfer_encode(space, &t), longest - 1 - SD_AMQP_TAG_MAX);
}

static void a9_a17_a18_transfer(void **state)
{
  (void)state;
  sd_amqp_transfer t;
  sd_amqp_value list = take_body(
      "005314 c0140b 5201 43 a00400000001 43 5600 5600 40 40 40 40 40 005377 a10161", SD_AMQP_CODE_TRANSFER);
  assert_int_equal(sd_amqp_transfer_decode(&list, &t), SD_OK);
  assert_int_equal(t.handle, 1);
  assert_true(t.has_delivery_id && t.delivery_id == 0);
  assert_int_equal(t.delivery_tag.len, 4);
  assert_true(t.has_message_format && t.message_format == 0);
  assert_true(t.has_settled && !t.settled && !t.more);
  assert_int_equal(payload.len, 6);
  CHECK_ENCODING(sd_amqp_transfer, sd_amqp_transfer_decode, encode_transfer, &t, SD_AMQP_CODE_TRANSFER, 11);
  list = take(
      "00000031 02000001 005314 c0190b 5203 5201 a00400000001 7080013700 5600 5600 4040404040 005375 a006 "
      "005375a00178",
      SD_AMQP_CODE_TRANSFER);
  assert_int_equal(sd_amqp_transfer_decode(&list, &t), SD_OK);
  assert_int_equal(t.handle, 3);
  assert_int_equal(t.delivery_id, 1);
  assert_true(t.message_format == 0x80013700u);
  assert_int_equal(payload.len, 11);
  CHECK_ENCODING(sd_amqp_transfer, sd_amqp_transfer_decode, encode_transfer, &t, SD_AMQP_CODE_TRANSFER, 11);
  list = take_body("005314 c0<0b 43 40 40 40 41 41 5001 00532345 41 41 41>", SD_AMQP_CODE_TRANSFER);
  assert_int_equal(sd_amqp_transfer_decode(&list, &t), SD_OK);
  assert_false(t.has_delivery_id || t.has_message_format);
  assert_null(t.delivery_tag.data);
  assert_true(t.settled && t.more && t.has_rcv_settle_mode && t.resume && t.aborted && t.batchable);
  assert_int_equal(t.state_raw.len, 4);
  CHECK_ENCODING(sd_amqp_transfer, sd_amqp_transfer_decode, encode_transfer, &t, SD_AMQP_CODE_TRANSFER, 11);
}

static void a19_disposition(void **state)
{
  (void)state;
  sd_amqp_disposition d;
  sd_amqp_value list =
      take("0000001e 02000001 005315 d00000000e00000005 41 5201 5202 41 00532445", SD_AMQP_CODE_DISPOSITION);
  assert_int_equal(sd_amqp_disposition_decode(&list, &d), SD_OK);
  assert_int_equal(d.role, SD_AMQP_RECEIVER);
  assert_int_equal(d.first, 1);
  assert_int_equal(d.last, 2);
  assert_true(d.settled);
  assert_int_equal(d.state.code, SD_AMQP_CODE_ACCEPTED);
  CHECK_ENCODING(sd_amqp_disposition, sd_amqp_disposition_decode, sd_amqp_disposition_encode, &d,
                 SD_AMQP_CODE_DISPOSITION, 6);
  /* last absent: first. */
  list = take_body("005315 c0<02 42 5207>", SD_AMQP_CODE_DISPOSITION);
  assert_int_equal(sd_amqp_disposition_decode(&list, &d), SD_OK);
  assert_int_equal(d.last, 7);
  assert_int_equal(d.state.code, 0);
  CHECK_ENCODING(sd_amqp_disposition, sd_amqp_disposition_decode, sd_amqp_disposition_encode, &d,
                 SD_AMQP_CODE_DISPOSITION, 6);
  list = take_body("005315 c0<05 41 43 43 41 005325 c0<01 00531d c0<03 a30161 a10162 40>>>",
                   SD_AMQP_CODE_DISPOSITION);
  assert_int_equal(sd_amqp_disposition_decode(&list, &d), SD_OK);
  assert_true(d.state.error.present && is(d.state.error.condition, "a") &&
              is(d.state.error.description, "b"));
  CHECK_ENCODING(sd_amqp_disposition, sd_amqp_disposition_decode, sd_amqp_disposition_encode, &d,
                 SD_AMQP_CODE_DISPOSITION, 6);
  for (uint8_t code = SD_AMQP_CODE_RECEIVED; code <= SD_AMQP_CODE_MODIFIED; code++) {
    d.state = (sd_amqp_outcome){.code = code};
    CHECK_ENCODING(sd_amqp_disposition, sd_amqp_disposition_decode, sd_amqp_disposition_encode, &d,
                   SD_AMQP_CODE_DISPOSITION, 6);
  }
  /* A transactional state is not ours to know. */
  list = take_body("005315 c0<05 41 43 43 41 00 a305\"other\" c0<01 43>>", SD_AMQP_CODE_DISPOSITION);
  assert_int_equal(sd_amqp_disposition_decode(&list, &d), SD_OK);
  assert_int_equal(d.state.code, 0);
}

static void a20_close_and_the_other_ends(void **state)
{
  (void)state;
  sd_amqp_close close;
  sd_amqp_detach detach;
  sd_amqp_value list = take("0000000c 02000000 005318 45", SD_AMQP_CODE_CLOSE);
  assert_int_equal(sd_amqp_close_decode(&list, &close), SD_OK);
  assert_false(close.error.present);
  /* Never list0, whatever the peer does. */
  CHECK_ENCODING(sd_amqp_close, sd_amqp_close_decode, sd_amqp_close_encode, &close, SD_AMQP_CODE_CLOSE, 1);
  CHECK_ENCODING(sd_amqp_close, sd_amqp_close_decode, sd_amqp_end_encode, &close, SD_AMQP_CODE_END, 1);
  list = take_body("005316 c0<03 5203 41 00531d c0<03 a30161 40 c1<02 a3016b 43>>>", SD_AMQP_CODE_DETACH);
  assert_int_equal(sd_amqp_detach_decode(&list, &detach), SD_OK);
  assert_int_equal(detach.handle, 3);
  assert_true(detach.closed && detach.error.present);
  assert_null(detach.error.description.data);
  assert_int_equal(detach.error.info_raw.len, 7);
  CHECK_ENCODING(sd_amqp_detach, sd_amqp_detach_decode, sd_amqp_detach_encode, &detach, SD_AMQP_CODE_DETACH,
                 3);
  close.error = detach.error;
  CHECK_ENCODING(sd_amqp_close, sd_amqp_close_decode, sd_amqp_close_encode, &close, SD_AMQP_CODE_CLOSE, 1);
}

static void descriptors_may_be_wide_or_symbols(void **state)
{
  (void)state;
  sd_amqp_value list = take_body("00 80 0000000000000018 45", SD_AMQP_CODE_CLOSE);
  assert_int_equal(list.as.compound.count, 0);
  list = take_body("00 a30f\"amqp:close:list\" c0<01 00 a30f\"amqp:error:list\" c0<01 a30161>>",
                   SD_AMQP_CODE_CLOSE);
  sd_amqp_close close;
  assert_int_equal(sd_amqp_close_decode(&list, &close), SD_OK);
  assert_true(is(close.error.condition, "a"));
  static const char *const refused[] = {"",
                                        "45",
                                        "00534540",
                                        "0053185201",
                                        "00 a103\"abc\" 45",
                                        "00a30178 45",
                                        "00 80 0000000000000110 45",
                                        "005318 c0<05 43>",
                                        "005318 c001"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    uint8_t code;
    size_t n = hex_bytes(refused[i], frame, sizeof frame);
    sd_amqp_cursor c = {frame, frame + n};
    assert_int_equal(sd_amqp_performative_next(&c, &code, &list), SD_PROTOCOL);
    assert_ptr_equal(c.at, frame);
  }
}

static void integers_of_any_width_are_read(void **state)
{
  (void)state;
  sd_amqp_flow f;
  sd_amqp_value list =
      take_body("005313 c0<06 5001 5402 800000000000000003 600004 5505 6100ff>", SD_AMQP_CODE_FLOW);
  assert_int_equal(sd_amqp_flow_decode(&list, &f), SD_OK);
  assert_int_equal(f.next_incoming_id, 1);
  assert_int_equal(f.incoming_window, 2);
  assert_int_equal(f.next_outgoing_id, 3);
  assert_int_equal(f.outgoing_window, 4);
  assert_int_equal(f.handle, 5);
  assert_int_equal(f.delivery_count, 255);
  /* Fields of a later version of the specification are passed over. */
  list = take_body("005313 c0<0d 43 43 43 43 40 40 40 40 40 40 40 a10161 43>", SD_AMQP_CODE_FLOW);
  assert_int_equal(sd_amqp_flow_decode(&list, &f), SD_OK);
}

static void missing_or_wrong_fields_are_refused(void **state)
{
  (void)state;
  union {
    sd_amqp_open open;
    sd_amqp_begin begin;
    sd_amqp_attach attach;
    sd_amqp_flow flow;
    sd_amqp_transfer transfer;
    sd_amqp_disposition disposition;
    sd_amqp_detach detach;
    sd_amqp_close close;
  } u;
#define REFUSED(decode, body, member)                                                                        \
  do {                                                                                                       \
    uint8_t bytes[256];                                                                                      \
    size_t n = hex_bytes(body, bytes, sizeof bytes);                                                         \
    sd_amqp_cursor c = {bytes, bytes + n};                                                                   \
    sd_amqp_value v;                                                                                         \
    assert_int_equal(sd_amqp_decode(&c, &v), SD_OK);                                                         \
    assert_int_equal(decode(&v, &u.member), SD_PROTOCOL);                                                    \
  } while (0)
  REFUSED(sd_amqp_open_decode, "45", open);
  REFUSED(sd_amqp_open_decode, "c0<01 40>", open);
  REFUSED(sd_amqp_open_decode, "c0<01 43>", open);
  REFUSED(sd_amqp_open_decode, "c0<03 a10163 40 54ff>", open);
  REFUSED(sd_amqp_open_decode, "c0<04 a10163 40 40 7000010000>", open);
  REFUSED(sd_amqp_open_decode, "c0<0a a10163 40 40 40 40 40 40 40 40 a10161>", open);
  REFUSED(sd_amqp_open_decode, "a10161", open);
  REFUSED(sd_amqp_begin_decode, "c0<03 40 43 43>", begin);
  REFUSED(sd_amqp_begin_decode, "c0<04 41 43 43 43>", begin);
  REFUSED(sd_amqp_attach_decode, "c0<02 a1016c 43>", attach);
  REFUSED(sd_amqp_attach_decode, "c0<03 a1016c 43 43>", attach);
  REFUSED(sd_amqp_attach_decode, "c0<04 a1016c 43 41 5003>", attach);
  REFUSED(sd_amqp_attach_decode, "c0<05 a1016c 43 41 40 5002>", attach);
  REFUSED(sd_amqp_attach_decode, "c0<06 a1016c 43 41 40 40 a10161>", attach);
  REFUSED(sd_amqp_attach_decode, "c0<06 a1016c 43 41 40 40 00531045>", attach);
  REFUSED(sd_amqp_flow_decode, "c0<03 40 43 43>", flow);
  REFUSED(sd_amqp_transfer_decode, "45", transfer);
  REFUSED(sd_amqp_transfer_decode, "c0<03 43 43 a10161>", transfer);
  REFUSED(sd_amqp_transfer_decode, "c0<05 43 43 40 40 5602>", transfer);
  REFUSED(sd_amqp_transfer_decode, "c0<03 43 43 a0ff>", transfer);
  REFUSED(sd_amqp_disposition_decode, "c0<01 41>", disposition);
  REFUSED(sd_amqp_disposition_decode, "c0<05 41 43 43 41 43>", disposition);
  REFUSED(sd_amqp_disposition_decode, "c0<05 41 43 43 41 005325 c0<01 a10161>>", disposition);
  REFUSED(sd_amqp_detach_decode, "45", detach);
  REFUSED(sd_amqp_close_decode, "c0<01 00531d45>", close);
  REFUSED(sd_amqp_close_decode, "c0<01 00531dc0<01 40>>", close);
  REFUSED(sd_amqp_close_decode, "c0<01 40 40>", close);
  REFUSED(sd_amqp_close_decode, "c0<01 a10161>", close);
#undef REFUSED
}

static void frames_carry_their_size(void **state)
{
  (void)state;
  sd_buf b;
  sd_buf_init(&b, 256);
  sd_buf_append_text(&b, "before");
  size_t mark = sd_amqp_frame_begin(&b, 1, 0x1234);
  sd_buf_append_text(&b, "body");
  sd_amqp_frame_end(&b, mark);
  assert_int_equal(b.len, 18);
  assert_memory_equal(b.data + 6,
                      "\0\0\0\x0c\x02\x01\x12\x34"
                      "body",
                      12);
  sd_buf_release(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a1_a2_sasl_init),
      cmocka_unit_test(a3_open),
      cmocka_unit_test(open_defaults_and_raw_fields),
      cmocka_unit_test(a4_a5_begin),
      cmocka_unit_test(a6_a7_a8_attach),
      cmocka_unit_test(a11_a12_filters),
      cmocka_unit_test(a13_a14_attach_tails),
      cmocka_unit_test(source_has_11_fields_and_target_7),
      cmocka_unit_test(every_field_of_a_terminus_survives),
      cmocka_unit_test(a15_a16_flow),
      cmocka_unit_test(a9_a17_a18_transfer),
      cmocka_unit_test(the_longest_transfer_fits),
      cmocka_unit_test(a19_disposition),
      cmocka_unit_test(a20_close_and_the_other_ends),
      cmocka_unit_test(descriptors_may_be_wide_or_symbols),
      cmocka_unit_test(integers_of_any_width_are_read),
      cmocka_unit_test(missing_or_wrong_fields_are_refused),
      cmocka_unit_test(frames_carry_their_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
