/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sessions: begin, end, windows, flow. */
#include "rig.h"

static void expect_flow(rig_side *side, sd_amqp_flow *ret)
{
  static uint8_t store[1024];
  sd_amqp_value list;
  assert_int_equal(rig_next_performative(side, store, sizeof store, &list), SD_AMQP_CODE_FLOW);
  assert_int_equal(sd_amqp_flow_decode(&list, ret), SD_OK);
}

static void skip_output(rig_side *side)
{
  sd_amqp_output_consume(side->connection, sd_amqp_output(side->connection).len);
}

/* A raw server with a session on channel 0 whose peer has next-outgoing-id `id`. */
static void begin_raw(rig_side *side, const char *begin_body)
{
  rig_raw_server(side);
  assert_int_equal(rig_input_frame(side, 0, 0, begin_body, 1000), SD_OK);
  assert_int_equal(side->begins, 1);
}

static void sessions_begin_and_end_from_either_side(void **state)
{
  (void)state;
  rig r;
  sd_amqp_session *s;
  rig_start(&r);
  rig_open_session(&r);
  sd_amqp_session_end(r.client.session, NULL, NULL);
  rig_pump(&r);
  assert_int_equal(r.client.ends, 1);
  assert_int_equal(r.server.ends, 1);
  assert_false(r.client.end_error || r.server.end_error);
  assert_int_equal(sd_amqp_session_begin(r.server.connection, NULL, &s), SD_OK);
  rig_pump(&r);
  assert_int_equal(r.client.begins, 2);
  sd_amqp_session_end(s, "amqp:internal-error", "enough");
  rig_pump(&r);
  assert_true(r.client.end_error);
  assert_false(r.server.end_error);
  assert_string_equal(r.client.error.condition, "amqp:internal-error");
  assert_int_equal(r.client.closes + r.server.closes, 0);
  rig_stop(&r);
}

static void the_begin_reply_carries_every_field(void **state)
{
  (void)state;
  rig_side side;
  uint8_t store[256];
  sd_amqp_value list;
  sd_amqp_begin begin;
  rig_raw_server(&side);
  /* A4: py begins on channel 1. */
  assert_int_equal(
      rig_input_hex(&side, "00000022 02000001 005311 c01508 40 43 7000010000 7000010000 70ffffffff 40 40 40",
                    1000),
      SD_OK);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_BEGIN);
  assert_int_equal(list.as.compound.count, 8);
  assert_int_equal(sd_amqp_begin_decode(&list, &begin), SD_OK);
  assert_true(begin.has_remote_channel);
  assert_int_equal(begin.remote_channel, 1);
  assert_true(begin.incoming_window >= 2048 && begin.outgoing_window >= 2048);
  assert_int_equal(begin.handle_max, SD_AMQP_LINKS_MAX - 1);
  rig_side_stop(&side);
}

static void many_sessions_and_no_more_than_the_maximum(void **state)
{
  (void)state;
  rig r;
  sd_amqp_session *s;
  rig_start(&r);
  rig_pump(&r);
  for (int i = 0; i < SD_AMQP_SESSIONS_MAX; i++)
    assert_int_equal(sd_amqp_session_begin(r.client.connection, NULL, &s), SD_OK);
  assert_int_equal(sd_amqp_session_begin(r.client.connection, NULL, &s), SD_LIMIT);
  rig_pump(&r);
  assert_int_equal(r.server.begins, SD_AMQP_SESSIONS_MAX);
  assert_int_equal(r.client.begins, SD_AMQP_SESSIONS_MAX);
  sd_amqp_connection_close(r.client.connection, NULL, NULL);
  rig_pump(&r);
  assert_int_equal(r.client.ends, SD_AMQP_SESSIONS_MAX);
  assert_int_equal(r.server.ends, SD_AMQP_SESSIONS_MAX);
  rig_stop(&r);
}

static void beginning_before_open_is_refused(void **state)
{
  (void)state;
  rig r;
  sd_amqp_session *s;
  rig_start(&r);
  assert_int_equal(sd_amqp_session_begin(r.client.connection, NULL, &s), SD_STATE);
  rig_stop(&r);
}

/* attach of a sender by the peer: name "l", handle 0, role sender, source and target list0. */
static const char attach_sender[] = "005312 c0<07 a1016c 43 42 40 40 00532845 00532945>";
static const char attach_receiver[] = "005312 c0<07 a1016c 43 41 40 40 00532845 00532945>";

static void transfer_ids_wrap_around(void **state)
{
  (void)state;
  rig_side side;
  sd_amqp_flow flow;
  /* next-outgoing-id 4294967294 */
  begin_raw(&side, "005311 c0<04 40 70fffffffe 7000000800 43>");
  side.credit = 10;
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  for (int i = 0; i < 4; i++)
    assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161>", 1000), SD_OK);
  assert_int_equal(side.deliveries, 4);
  skip_output(&side);
  /* echo: the answer tells 4294967294 + 4 = 2. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<0a 5200 7000000800 5202 43 40404040 42 41>", 1000),
                   SD_OK);
  expect_flow(&side, &flow);
  assert_true(flow.has_next_incoming_id);
  assert_int_equal(flow.next_incoming_id, 2);
  assert_false(flow.has_handle);
  assert_int_equal(side.closes + side.ends, 0);
  rig_side_stop(&side);
}

static void the_peers_window_limits_what_is_sent(void **state)
{
  (void)state;
  rig_side side;
  /* incoming-window 2 */
  begin_raw(&side, "005311 c0<04 40 43 5202 43>");
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_receiver, 1000), SD_OK);
  sd_amqp_link *link = rig_last_link(&side);
  /* Flow without next-incoming-id, window 3, credit 10: the window counts from our first id, 0. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<07 40 5203 43 43 43 43 520a>", 1000), SD_OK);
  for (uint8_t i = 0; i < 3; i++)
    assert_int_equal(rig_send(link, 10, i), SD_OK);
  assert_int_equal(rig_send(link, 10, 3), SD_AGAIN);
  assert_false(sd_amqp_sendable(link));
  /* The peer has seen one of three and gives 2 more from there: none is left. */
  unsigned flows = side.flows;
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<04 5201 5202 43 43>", 1000), SD_OK);
  assert_int_equal(side.flows, flows);
  assert_false(sd_amqp_sendable(link));
  /* It has seen all three. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<04 5203 5202 43 43>", 1000), SD_OK);
  assert_int_equal(side.flows, flows + 1);
  assert_int_equal(sd_amqp_link_credit(link), 7);
  assert_int_equal(rig_send(link, 10, 4), SD_OK);
  assert_int_equal(rig_send(link, 10, 5), SD_OK);
  assert_int_equal(rig_send(link, 10, 6), SD_AGAIN);
  rig_side_stop(&side);
}

static void the_largest_window_is_no_negative_number(void **state)
{
  (void)state;
  rig_side side;
  begin_raw(&side, "005311 c0<04 40 43 70ffffffff 43>");
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_receiver, 1000), SD_OK);
  sd_amqp_link *link = rig_last_link(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<07 43 70ffffffff 43 43 43 43 520a>", 1000), SD_OK);
  assert_int_equal(rig_send(link, 10, 0), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<07 43 70ffffffff 43 43 43 43 520a>", 1000), SD_OK);
  assert_int_equal(rig_send(link, 10, 0), SD_OK);
  assert_int_equal(sd_amqp_link_credit(link), 8);
  rig_side_stop(&side);
}

static void a_transfer_beyond_the_window_ends_the_session_only(void **state)
{
  (void)state;
  rig_side side;
  begin_raw(&side, "005311 c0<04 40 43 5202 43>");
  sd_amqp_session_set_incoming_window(side.session, 1);
  side.credit = 10;
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  /* Our begin told 2048 before; those in flight are let through, as many as that. */
  for (int i = 0; i < 10; i++)
    assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161>", 1000), SD_OK);
  assert_int_equal(side.deliveries, 10);
  sd_amqp_link_set_credit(rig_last_link(&side), 10000);
  for (int i = 0; i < 2048 - 10; i++)
    assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161>", 1000), SD_OK);
  assert_int_equal(side.ends, 0);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161>", 1000), SD_OK);
  assert_int_equal(side.ends, 1);
  assert_int_equal(side.detaches, 1);
  assert_string_equal(side.error.condition, "amqp:session:window-violation");
  assert_int_equal(side.closes, 0);
  /* Frames on their way are passed over until the peer's end; then the channel is free again. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161>", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "00531745", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005311 c0<04 40 43 5202 43>", 1000), SD_OK);
  assert_int_equal(side.begins, 2);
  assert_int_equal(side.closes, 0);
  rig_side_stop(&side);
}

static void the_engine_keeps_the_window_open(void **state)
{
  (void)state;
  rig r;
  sd_amqp_connection_options server = rig_options(true);
  server.incoming_window = 4;
  rig_start_with(&r, NULL, &server);
  r.server.credit = 1000;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "link", SD_AMQP_SENDER);
  r.client.send_on_flow = 100;
  for (int i = 0; i < 100 && r.client.sent < 100; i++) {
    if (rig_send(link, 10, (uint8_t)r.client.sent) == SD_OK)
      r.client.sent++;
    rig_pump(&r);
  }
  assert_int_equal(r.server.deliveries, 100);
  rig_stop(&r);
}

static void a_window_of_the_callers_closes_and_opens(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.credit = 1000;
  rig_open_session(&r);
  sd_amqp_session_set_incoming_window(r.server.session, 3);
  sd_amqp_link *link = rig_attach(&r, "link", SD_AMQP_SENDER);
  for (uint8_t i = 0; i < 3; i++)
    assert_int_equal(rig_send(link, 10, i), SD_OK);
  assert_int_equal(rig_send(link, 10, 3), SD_AGAIN);
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 3);
  assert_false(sd_amqp_sendable(link));
  r.client.send_on_flow = 2;
  sd_amqp_session_set_incoming_window(r.server.session, 2);
  rig_pump(&r);
  assert_int_equal(r.client.sent, 2);
  assert_int_equal(r.server.deliveries, 5);
  assert_false(sd_amqp_sendable(link));
  rig_stop(&r);
}

static void a_window_that_falls_is_told_at_once_and_one_that_grows_a_little_is_not(void **state)
{
  (void)state;
  rig_side side;
  sd_amqp_flow flow;
  begin_raw(&side, "005311 c0<04 40 43 5202 43>");
  sd_amqp_session_set_incoming_window(side.session, 1000);
  skip_output(&side);
  sd_amqp_session_set_incoming_window(side.session, 999);
  expect_flow(&side, &flow);
  assert_int_equal(flow.incoming_window, 999);
  skip_output(&side);
  sd_amqp_session_set_incoming_window(side.session, 1400);
  assert_int_equal(sd_amqp_output(side.connection).len, 0);
  assert_int_equal(sd_amqp_session_incoming_window(side.session), 1400); /* the next flow says so */
  sd_amqp_session_set_incoming_window(side.session, 1500);
  expect_flow(&side, &flow);
  assert_int_equal(flow.incoming_window, 1500);
  rig_side_stop(&side);
}

static void a_session_takes_as_many_links_as_its_peer_allows(void **state)
{
  (void)state;
  rig r;
  sd_amqp_link *link;
  sd_amqp_connection_options server = rig_options(true);
  server.handle_max = 1;
  rig_start_with(&r, NULL, &server);
  rig_open_session(&r);
  assert_int_equal(sd_amqp_session_handle_max(r.client.session), 1);
  assert_int_equal(sd_amqp_session_handle_max(r.server.session), SD_AMQP_LINKS_MAX - 1);
  rig_attach(&r, "first", SD_AMQP_SENDER);
  rig_attach(&r, "second", SD_AMQP_SENDER);
  const sd_amqp_attach third = {.name = sd_bytes_of("third"), .role = SD_AMQP_SENDER};
  assert_int_equal(sd_amqp_link_attach(r.client.session, &third, NULL, &link), SD_LIMIT);
  rig_stop(&r);
  /* A peer that does not keep to it. */
  rig_side side;
  server = rig_options(true);
  server.handle_max = 4;
  rig_raw_server_with(&side, &server);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005311 c0<04 40 43 5202 43>", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a10161 5204 42 40 40 00532845 00532945>", 1000),
                   SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a10162 5205 42 40 40 00532845 00532945>", 1000),
                   SD_CLOSED);
  assert_string_equal(side.error.condition, "amqp:connection:framing-error");
  rig_side_stop(&side);
}

static void an_unattached_handle_ends_the_session_only(void **state)
{
  (void)state;
  static const char *const bodies[] = {"005314 c0<03 5205 43 40>", "005313 c0<05 40 5203 43 43 5205>",
                                       "005316 c0<01 5205>"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    rig_side side;
    begin_raw(&side, "005311 c0<04 40 43 5202 43>");
    assert_int_equal(rig_input_frame(&side, 0, 0, bodies[i], 1000), SD_OK);
    assert_int_equal(side.ends, 1);
    assert_string_equal(side.error.condition, "amqp:session:unattached-handle");
    assert_int_equal(side.closes, 0);
    rig_side_stop(&side);
  }
}

static void malformed_performatives_of_a_session_close_the_connection(void **state)
{
  (void)state;
  static const char *const bodies[] = {"00531445", "00531345", "00531245",
                                       "00531545", "00531645", "005317 c0<01 a1>"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    rig_side side;
    begin_raw(&side, "005311 c0<04 40 43 5202 43>");
    assert_int_equal(rig_input_frame(&side, 0, 0, bodies[i], 1000), SD_CLOSED);
    assert_string_equal(side.error.condition, "amqp:decode-error");
    assert_int_equal(side.ends, 1);
    rig_side_stop(&side);
  }
}

static void a_second_begin_on_a_channel_is_not_allowed(void **state)
{
  (void)state;
  rig_side side;
  begin_raw(&side, "005311 c0<04 40 43 5202 43>");
  assert_int_equal(rig_input_frame(&side, 0, 0, "005311 c0<04 40 43 5202 43>", 1000), SD_CLOSED);
  assert_string_equal(side.error.condition, "amqp:not-allowed");
  rig_side_stop(&side);
  /* An answer to nothing. */
  rig_raw_server(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005311 c0<04 600007 43 5202 43>", 1000), SD_CLOSED);
  assert_string_equal(side.error.condition, "amqp:not-allowed");
  rig_side_stop(&side);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sessions_begin_and_end_from_either_side),
      cmocka_unit_test(the_begin_reply_carries_every_field),
      cmocka_unit_test(many_sessions_and_no_more_than_the_maximum),
      cmocka_unit_test(beginning_before_open_is_refused),
      cmocka_unit_test(transfer_ids_wrap_around),
      cmocka_unit_test(the_peers_window_limits_what_is_sent),
      cmocka_unit_test(the_largest_window_is_no_negative_number),
      cmocka_unit_test(a_transfer_beyond_the_window_ends_the_session_only),
      cmocka_unit_test(the_engine_keeps_the_window_open),
      cmocka_unit_test(a_window_of_the_callers_closes_and_opens),
      cmocka_unit_test(a_window_that_falls_is_told_at_once_and_one_that_grows_a_little_is_not),
      cmocka_unit_test(a_session_takes_as_many_links_as_its_peer_allows),
      cmocka_unit_test(an_unattached_handle_ends_the_session_only),
      cmocka_unit_test(malformed_performatives_of_a_session_close_the_connection),
      cmocka_unit_test(a_second_begin_on_a_channel_is_not_allowed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
