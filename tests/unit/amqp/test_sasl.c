/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Protocol headers and SASL. */
#include "rig.h"

#include <stdio.h>

static const char sasl_header[] = "\"AMQP\" 03010000";
static const char amqp_header[] = "\"AMQP\" 00010000";

static void expect_output(rig_side *side, const char *hex)
{
  uint8_t bytes[1024];
  size_t n = hex_bytes(hex, bytes, sizeof bytes);
  sd_bytes out = sd_amqp_output(side->connection);
  assert_int_equal(out.len, n);
  assert_memory_equal(out.data, bytes, n);
  sd_amqp_output_consume(side->connection, n);
}

static void the_server_offers_an_array_of_mechanisms(void **state)
{
  (void)state;
  rig_side side = {0};
  uint8_t store[256];
  sd_amqp_value list, field, name;
  sd_amqp_items fields, names;
  assert_int_equal(rig_side_start(&side, true, NULL, 0), SD_OK);
  assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
  sd_bytes out = sd_amqp_output(side.connection);
  assert_memory_equal(out.data, "AMQP\3\1\0\0", 8);
  sd_amqp_output_consume(side.connection, 8);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_SASL_MECHANISMS);
  sd_amqp_items_init(&fields, &list);
  assert_int_equal(sd_amqp_items_next(&fields, &field), SD_OK);
  assert_int_equal(field.type, SD_AMQP_ARRAY);
  sd_amqp_items_init(&names, &field);
  static const char *const expected[] = {"ANONYMOUS", "PLAIN", "MSSBCBS", "EXTERNAL"};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(sd_amqp_items_next(&names, &name), SD_OK);
    assert_int_equal(name.type, SD_AMQP_SYMBOL);
    assert_true(sd_bytes_equal_text(name.as.bytes, expected[i]));
  }
  assert_int_equal(sd_amqp_items_next(&names, &name), SD_NOT_FOUND);
  rig_side_stop(&side);
}

static void the_servers_amqp_header_waits_for_the_clients(void **state)
{
  (void)state;
  rig_side side = {0};
  assert_int_equal(rig_side_start(&side, true, NULL, 0), SD_OK);
  assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
  sd_amqp_output_consume(side.connection, sd_amqp_output(side.connection).len);
  /* A1: js 6.0.4. */
  assert_int_equal(rig_input_hex(&side,
                                 "00000046 02010000 005341 d00000003600000003 a309\"ANONYMOUS\" "
                                 "a01a00526f6f744d616e6167655368617265644163636573734b6579 a109\"localhost\"",
                                 0),
                   SD_OK);
  assert_string_equal(side.mechanism, "ANONYMOUS");
  expect_output(&side, "00000017 02010000 005344 d000000007 00000002 5000 40");
  assert_int_equal(rig_input_hex(&side, amqp_header, 0), SD_OK);
  expect_output(&side, amqp_header);
  rig_side_stop(&side);
}

static void a_login_that_the_server_denies_ends_both_sides(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.deny_sasl = true;
  rig_pump(&r);
  assert_int_equal(r.client.closes, 1);
  assert_int_equal(r.client.error.code, SD_DENIED);
  assert_int_equal(r.server.error.code, SD_DENIED);
  assert_int_equal(r.client.opens + r.server.opens, 0);
  rig_stop(&r);
}

static void a_mechanism_that_is_not_offered_is_denied(void **state)
{
  (void)state;
  rig_side side = {0};
  assert_int_equal(rig_side_start(&side, true, NULL, 0), SD_OK);
  assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
  sd_amqp_output_consume(side.connection, sd_amqp_output(side.connection).len);
  assert_int_equal(rig_input_frame(&side, 1, 0, "005341 c0<01 a304\"XOAU\">", 0), SD_CLOSED);
  assert_int_equal(side.error.code, SD_DENIED);
  expect_output(&side, "00000017 02010000 005344 d000000007 00000002 5001 40");
  rig_side_stop(&side);
}

static void a_client_without_sasl_is_served(void **state)
{
  (void)state;
  rig_side side = {0};
  assert_int_equal(rig_side_start(&side, true, NULL, 0), SD_OK);
  assert_int_equal(rig_input_hex(&side, amqp_header, 0), SD_OK);
  expect_output(&side, amqp_header);
  assert_int_equal(rig_input_hex(&side, "00000011 02000000 005310 c00401 a10163", 0), SD_OK);
  assert_int_equal(side.opens, 1);
  rig_side_stop(&side);
}

static void other_protocols_are_answered_with_ours_and_refused(void **state)
{
  (void)state;
  static const struct {
    const char *input, *answer;
    sd_status code;
  } cases[] = {
      {"\"AMQP\" 02010000", "\"AMQP\" 00010000", SD_UNSUPPORTED},
      {"\"AMQP\" 01010000", "\"AMQP\" 00010000", SD_PROTOCOL},
      {"\"AMQP\" 00000901", "\"AMQP\" 00010000", SD_PROTOCOL},
      {"\"AMQP\" 03000900", "\"AMQP\" 03010000", SD_PROTOCOL},
      {"\"GET /\"", "\"AMQP\" 00010000", SD_PROTOCOL},
      {"16030100", "\"AMQP\" 00010000", SD_PROTOCOL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rig_side side = {0};
    assert_int_equal(rig_side_start(&side, true, NULL, 0), SD_OK);
    assert_int_equal(rig_input_hex(&side, cases[i].input, 0), SD_CLOSED);
    assert_int_equal(side.closes, 1);
    assert_int_equal(side.error.code, cases[i].code);
    expect_output(&side, cases[i].answer);
    rig_side_stop(&side);
  }
}

static void the_client_speaks_sasl_anonymous_then_amqp(void **state)
{
  (void)state;
  rig_side side = {0};
  assert_int_equal(rig_side_start(&side, false, NULL, 0), SD_OK);
  expect_output(&side, sasl_header);
  /* Mechanisms as an array of sym32, and the answer in pieces. */
  assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
  assert_int_equal(sd_amqp_output(side.connection).len, 0);
  assert_int_equal(
      rig_input_frame(&side, 1, 0, "005340 c0<01 e0<02b3 00000005\"PLAIN\" 00000006\"ANONYM\">>", 0),
      SD_CLOSED);
  assert_int_equal(side.error.code, SD_DENIED);
  rig_side_stop(&side);

  memset(&side, 0, sizeof side);
  assert_int_equal(rig_side_start(&side, false, NULL, 0), SD_OK);
  expect_output(&side, sasl_header);
  assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
  assert_int_equal(
      rig_input_frame(&side, 1, 0, "005340 c0<01 e0<02b3 00000005\"PLAIN\" 00000009\"ANONYMOUS\">>", 0),
      SD_OK);
  expect_output(&side,
                "0000002c 02010000 005341 d00000001c 00000003 a309\"ANONYMOUS\" a000 a109\"localhost\"");
  assert_int_equal(rig_input_frame(&side, 1, 0, "005344 c0<01 5000>", 0), SD_OK);
  expect_output(&side, amqp_header);
  assert_int_equal(rig_input_hex(&side, amqp_header, 0), SD_OK);
  uint8_t store[256];
  sd_amqp_value list;
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_OPEN);
  assert_int_equal(list.as.compound.count, 10);
  rig_side_stop(&side);
}

static void a_single_symbol_of_mechanisms_is_understood(void **state)
{
  (void)state;
  rig_side side = {0};
  assert_int_equal(rig_side_start(&side, false, NULL, 0), SD_OK);
  assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
  assert_int_equal(rig_input_frame(&side, 1, 0, "005340 c0<01 a309\"ANONYMOUS\">", 0), SD_OK);
  assert_int_equal(side.closes, 0);
  rig_side_stop(&side);
}

static void every_refusing_outcome_is_denied(void **state)
{
  (void)state;
  for (unsigned code = 1; code <= 5; code++) {
    rig_side side = {0};
    char body[64];
    assert_int_equal(rig_side_start(&side, false, NULL, 0), SD_OK);
    assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
    assert_int_equal(rig_input_frame(&side, 1, 0, "005340 c0<01 a309\"ANONYMOUS\">", 0), SD_OK);
    snprintf(body, sizeof body, "005344 c0<01 50%02x>", code);
    assert_int_equal(rig_input_frame(&side, 1, 0, body, 0), SD_CLOSED);
    assert_int_equal(side.error.code, SD_DENIED);
    assert_int_equal(side.error.retriable, code == 4);
    rig_side_stop(&side);
  }
}

static void sasl_frames_in_the_wrong_place_end_the_connection(void **state)
{
  (void)state;
  static const char *const bodies[] = {"005342 c0<01 a00161>", "005344 c0<01 5000>", "005341 45", "00"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    rig_side side = {0};
    assert_int_equal(rig_side_start(&side, true, NULL, 0), SD_OK);
    assert_int_equal(rig_input_hex(&side, sasl_header, 0), SD_OK);
    assert_int_equal(rig_input_frame(&side, 1, 0, bodies[i], 0), SD_CLOSED);
    assert_int_equal(side.error.code, SD_PROTOCOL);
    rig_side_stop(&side);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_server_offers_an_array_of_mechanisms),
      cmocka_unit_test(the_servers_amqp_header_waits_for_the_clients),
      cmocka_unit_test(a_login_that_the_server_denies_ends_both_sides),
      cmocka_unit_test(a_mechanism_that_is_not_offered_is_denied),
      cmocka_unit_test(a_client_without_sasl_is_served),
      cmocka_unit_test(other_protocols_are_answered_with_ours_and_refused),
      cmocka_unit_test(the_client_speaks_sasl_anonymous_then_amqp),
      cmocka_unit_test(a_single_symbol_of_mechanisms_is_understood),
      cmocka_unit_test(every_refusing_outcome_is_denied),
      cmocka_unit_test(sasl_frames_in_the_wrong_place_end_the_connection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
