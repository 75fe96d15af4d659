/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Deliveries in and out, and dispositions. */
#include "rig.h"

static const char begin[] = "005311 c0<04 40 43 7000000800 43>";
static const char attach_sender[] = "005312 c0<07 a1016c 43 42 40 40 00532845 00532945>";

static void skip_output(rig_side *side)
{
  sd_amqp_output_consume(side->connection, sd_amqp_output(side->connection).len);
}

/* A raw server whose peer sends on link "l", handle 0. */
static void receive_raw(rig_side *side)
{
  rig_raw_server(side);
  assert_int_equal(rig_input_frame(side, 0, 0, begin, 1000), SD_OK);
  assert_int_equal(rig_input_frame(side, 0, 0, attach_sender, 1000), SD_OK);
  skip_output(side);
}

static void messages_of_any_size_arrive_both_ways(void **state)
{
  (void)state;
  static const size_t sizes[] = {0, 1, 300, 65535, 262144, 1024 * 1024};
  for (int role = 0; role < 2; role++) {
    rig r;
    rig_start(&r);
    rig_open_session(&r);
    sd_amqp_link *link = rig_attach(&r, "one", role ? SD_AMQP_RECEIVER : SD_AMQP_SENDER);
    if (role)
      sd_amqp_link_set_credit(link, 100);
    rig_pump(&r);
    sd_amqp_link *from = role ? rig_last_link(&r.server) : link;
    rig_side *to = role ? &r.client : &r.server;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      assert_int_equal(rig_send(from, sizes[i], (uint8_t)i), SD_OK);
      rig_pump(&r);
      assert_int_equal(to->deliveries, i + 1);
      assert_true(rig_payload_is(to, sizes[i], (uint8_t)i));
      assert_int_equal(to->delivery.delivery_id, i);
      assert_false(to->delivery.settled);
    }
    rig_stop(&r);
  }
}

static void a_message_is_split_by_the_peers_frame_size(void **state)
{
  (void)state;
  rig r;
  sd_amqp_connection_options server = rig_options(true);
  server.max_frame_size = SD_AMQP_FRAME_SIZE_MIN;
  rig_start_with(&r, NULL, &server);
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  assert_int_equal(rig_send(link, 2000, 5), SD_OK);
  sd_bytes out = sd_amqp_output(r.client.connection);
  size_t frames = 0;
  for (size_t at = 0; at < out.len; frames++) {
    size_t size = (size_t)out.data[at + 2] << 8 | out.data[at + 3];
    assert_true(size <= SD_AMQP_FRAME_SIZE_MIN);
    at += size;
  }
  assert_int_equal(frames, 5);
  rig_pump(&r);
  assert_true(rig_payload_is(&r.server, 2000, 5));
  rig_stop(&r);
}

static void a_message_larger_than_the_window_goes_on_by_itself(void **state)
{
  (void)state;
  rig r;
  sd_amqp_connection_options server = rig_options(true);
  server.max_frame_size = SD_AMQP_FRAME_SIZE_MIN;
  server.incoming_window = 3;
  rig_start_with(&r, NULL, &server);
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  sd_amqp_link *other = rig_attach(&r, "two", SD_AMQP_SENDER);
  assert_int_equal(rig_send(link, 20000, 5), SD_OK);
  /* Nothing else of this link may come in between. */
  assert_int_equal(rig_send(link, 10, 6), SD_AGAIN);
  assert_int_equal(rig_send(other, 10, 7), SD_AGAIN);
  r.client.send_on_flow = 1;
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 2);
  assert_int_equal(r.client.sent, 1);
  assert_int_equal(r.client.closes + r.server.closes + r.server.ends + r.server.detaches, 0);
  rig_stop(&r);
}

static void other_links_may_interleave_with_a_long_message(void **state)
{
  (void)state;
  rig_side side;
  receive_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a1016d 5201 42 40 40 00532845 00532945>", 1000),
                   SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<06 43 43 a00161 43 40 41> \"ab\"", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 5201 5201 a00162> \"other\"", 1000), SD_OK);
  assert_int_equal(side.deliveries, 1);
  assert_true(sd_bytes_equal_text(side.delivery.payload, "other"));
  assert_int_equal(sd_amqp_unfinished_bytes(side.connection), 2);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<06 43 43 40 40 40 41> \"cd\"", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<01 43> \"e\"", 1000), SD_OK);
  assert_int_equal(side.deliveries, 2);
  assert_true(sd_bytes_equal_text(side.delivery.payload, "abcde"));
  assert_int_equal(sd_amqp_unfinished_bytes(side.connection), 0);
  assert_true(sd_bytes_equal_text(side.delivery.tag, "a"));
  assert_int_equal(side.delivery.delivery_id, 0);
  rig_side_stop(&side);
}

static void the_flags_of_a_delivery_are_told(void **state)
{
  (void)state;
  rig_side side;
  receive_raw(&side);
  /* A9's transfer: uint 0 handle here, tag 4 bytes, settled false as 56 00. */
  assert_int_equal(rig_input_frame(&side, 0, 0,
                                   "005314 c0<0b 43 43 a00400000001 7080013700 5600 5600 4040404040> 00",
                                   1000),
                   SD_OK);
  assert_int_equal(side.delivery.message_format, 0x80013700u);
  assert_false(side.delivery.settled);
  assert_int_equal(side.delivery.tag.len, 4);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<05 43 5201 a0020001 43 41> 00", 1000), SD_OK);
  assert_true(side.delivery.settled);
  /* Settled on a later frame counts for the whole. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<06 43 5202 a00131 43 40 41> 00", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<05 43 40 40 40 41> 00", 1000), SD_OK);
  assert_int_equal(side.deliveries, 3);
  assert_true(side.delivery.settled);
  rig_side_stop(&side);
}

static void an_aborted_delivery_is_dropped(void **state)
{
  (void)state;
  rig_side side;
  receive_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<06 43 43 a00161 43 40 41> \"ab\"", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<0a 43 40 40 40 40 42 40 40 40 41>", 1000), SD_OK);
  assert_int_equal(side.deliveries, 0);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<0a 43 5201 a00162 43 40 42 40 40 40 41>", 1000),
                   SD_OK);
  assert_int_equal(side.deliveries, 0);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 5202 a00163> \"c\"", 1000), SD_OK);
  assert_int_equal(side.deliveries, 1);
  assert_true(sd_bytes_equal_text(side.delivery.payload, "c"));
  /* Each used one credit. */
  assert_int_equal(sd_amqp_link_credit(rig_last_link(&side)), 97);
  rig_side_stop(&side);
}

static void a_message_that_is_too_large_detaches_its_link_only(void **state)
{
  (void)state;
  for (int single = 0; single < 2; single++) {
    rig r;
    sd_amqp_connection_options server = rig_options(true);
    server.max_message_size = 1000;
    server.max_frame_size = single ? 4096 : SD_AMQP_FRAME_SIZE_MIN;
    rig_start_with(&r, NULL, &server);
    rig_open_session(&r);
    sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
    sd_amqp_link *other = rig_attach(&r, "two", SD_AMQP_SENDER);
    assert_int_equal(rig_send(link, 1000, 1), SD_OK);
    rig_pump(&r);
    assert_int_equal(r.server.deliveries, 1);
    assert_int_equal(rig_send(link, 1001, 1), SD_OK);
    rig_pump(&r);
    assert_int_equal(r.server.deliveries, 1);
    assert_int_equal(r.client.detaches, 1);
    assert_int_equal(r.server.detaches, 1);
    assert_string_equal(r.client.error.condition, "amqp:link:message-size-exceeded");
    assert_string_equal(r.server.error.condition, "amqp:link:message-size-exceeded");
    assert_int_equal(rig_send(other, 500, 2), SD_OK);
    rig_pump(&r);
    assert_int_equal(r.server.deliveries, 2);
    assert_int_equal(r.client.closes + r.client.ends, 0);
    rig_stop(&r);
  }
}

static void a_message_above_the_advertised_size_is_delivered_to_be_rejected(void **state)
{
  (void)state;
  rig r;
  sd_amqp_connection_options server = rig_options(true);
  server.max_message_size = 2 * 1024 * 1024; /* the rig's attach advertises 1 MiB */
  rig_start_with(&r, NULL, &server);
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  assert_int_equal(rig_send(link, 1024 * 1024 + 1, 1), SD_OK);
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 1);
  assert_true(rig_payload_is(&r.server, 1024 * 1024 + 1, 1));
  assert_int_equal(r.server.detaches, 0);
  rig_stop(&r);
}

static void a_delivery_that_begins_wrongly_detaches_its_link_only(void **state)
{
  (void)state;
  static const struct {
    const char *first, *second, *condition;
  } cases[] = {
      {"005314 c0<03 43 40 a00161>", NULL, "amqp:invalid-field"},
      {"005314 c0<03 43 43 a0<\"123456789012345678901234567890123\">>", NULL, "amqp:invalid-field"},
      {"005314 c0<06 43 43 a00161 43 40 41>", "005314 c0<03 43 5201 a00162>", "amqp:invalid-field"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rig_side side;
    receive_raw(&side);
    assert_int_equal(rig_input_frame(&side, 0, 0, cases[i].first, 1000), SD_OK);
    if (cases[i].second)
      assert_int_equal(rig_input_frame(&side, 0, 0, cases[i].second, 1000), SD_OK);
    assert_int_equal(side.detaches, 1);
    assert_string_equal(side.error.condition, cases[i].condition);
    assert_int_equal(side.deliveries + side.ends + side.closes, 0);
    rig_side_stop(&side);
  }
}

static void a_transfer_against_the_links_direction_detaches_it(void **state)
{
  (void)state;
  rig_side side;
  rig_raw_server(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, begin, 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a1016c 43 41 40 40 00532845 00532945>", 1000),
                   SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161> 00", 1000), SD_OK);
  assert_int_equal(side.detaches, 1);
  assert_string_equal(side.error.condition, "amqp:not-allowed");
  assert_int_equal(side.deliveries + side.ends, 0);
  rig_side_stop(&side);
}

static void detaching_in_the_callback_stops_the_deliveries(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.detach_on_delivery = true;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  for (uint8_t i = 0; i < 5; i++)
    assert_int_equal(rig_send(link, 10, i), SD_OK);
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 1);
  assert_int_equal(r.server.detaches, 1);
  assert_int_equal(r.client.detaches, 1);
  rig_stop(&r);
}

static void dispositions_tell_the_outcome(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.settle = true;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  assert_int_equal(rig_send(link, 10, 0), SD_OK);
  rig_pump(&r);
  assert_int_equal(r.client.dispositions, 1);
  assert_int_equal(r.client.disposition.role, SD_AMQP_RECEIVER);
  assert_int_equal(r.client.disposition.state.code, SD_AMQP_CODE_ACCEPTED);
  assert_true(r.client.disposition.settled);
  sd_amqp_settle(r.server.session, 3, 9, SD_AMQP_CODE_REJECTED, "com.microsoft:server-busy", "slow down");
  uint8_t store[512];
  sd_amqp_value list;
  assert_int_equal(rig_next_performative(&r.server, store, sizeof store, &list), SD_AMQP_CODE_DISPOSITION);
  assert_int_equal(list.as.compound.count, 6);
  sd_amqp_disposition d;
  assert_int_equal(sd_amqp_disposition_decode(&list, &d), SD_OK);
  assert_int_equal(d.first, 3);
  assert_int_equal(d.last, 9);
  assert_int_equal(d.state.code, SD_AMQP_CODE_REJECTED);
  assert_true(sd_bytes_equal_text(d.state.error.condition, "com.microsoft:server-busy"));
  assert_true(sd_bytes_equal_text(d.state.error.description, "slow down"));
  rig_stop(&r);
}

static void a_receiver_in_mode_second_gets_its_settlement(void **state)
{
  (void)state;
  rig_side side;
  uint8_t store[512];
  sd_amqp_value list;
  sd_amqp_disposition d;
  receive_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005315 c0<05 41 43 5204 42 00532445>", 1000), SD_OK);
  assert_int_equal(side.dispositions, 1);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_DISPOSITION);
  assert_int_equal(sd_amqp_disposition_decode(&list, &d), SD_OK);
  assert_int_equal(d.role, SD_AMQP_SENDER);
  assert_true(d.settled);
  assert_int_equal(d.last, 4);
  assert_int_equal(d.state.code, SD_AMQP_CODE_ACCEPTED);
  /* Already settled, or no outcome yet: nothing to say. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005315 c0<05 41 43 5204 41 00532445>", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005315 c0<05 41 43 5204 42 005323 c0<02 43 44>>", 1000),
                   SD_OK);
  assert_int_equal(sd_amqp_output(side.connection).len, 0);
  assert_int_equal(side.dispositions, 3);
  rig_side_stop(&side);
}

static void sending_stops_at_the_soft_maximum_and_goes_on_after_it(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.credit = 1000;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  unsigned n = 0;
  while (rig_send(link, 100000, 1) == SD_OK)
    n++;
  assert_int_equal(rig_send(link, 100000, 1), SD_AGAIN);
  size_t unsent = sd_amqp_output(r.client.connection).len;
  assert_true(unsent > SD_AMQP_OUTPUT_SOFT_MAX && unsent < SD_AMQP_OUTPUT_SOFT_MAX + 200000);
  assert_int_equal(r.client.flows, 1);
  assert_int_equal(
      sd_amqp_receive(r.server.connection, sd_amqp_output(r.client.connection).data, 1000, r.now), SD_OK);
  sd_amqp_output_consume(r.client.connection, 1000);
  assert_int_equal(r.client.flows, 1);
  r.client.send_on_flow = 1;
  rig_pump(&r);
  assert_int_equal(r.client.flows, 2);
  assert_int_equal(r.server.deliveries, n + 1);
  assert_int_equal(r.client.sent, 1);
  rig_stop(&r);
}

static void a_message_beyond_the_output_maximum_is_sent_in_turns(void **state)
{
  (void)state;
  rig r;
  sd_amqp_connection_options server = rig_options(true);
  server.max_message_size = 4 * 1024 * 1024;
  rig_start_with(&r, NULL, &server);
  r.chunk = 100000;
  rig_open_session(&r);
  /* The rig's server accepts with 1 MiB; this link is told more. */
  r.server.leave_attach = true;
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  sd_amqp_attach local = {
      .source = {.present = true}, .target = {.present = true}, .max_message_size = 4 * 1024 * 1024};
  assert_int_equal(sd_amqp_link_accept(rig_last_link(&r.server), &local), SD_OK);
  sd_amqp_link_set_credit(rig_last_link(&r.server), 5);
  rig_pump(&r);
  assert_int_equal(rig_send(link, 4 * 1024 * 1024, 3), SD_OK);
  assert_true(sd_amqp_output(r.client.connection).len < 2 * SD_AMQP_OUTPUT_SOFT_MAX);
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 1);
  assert_true(rig_payload_is(&r.server, 4 * 1024 * 1024, 3));
  rig_stop(&r);
}

/* Moves up to n bytes from one side to the other. */
static bool move_some(rig_side *from, rig_side *to, size_t n, uint64_t now)
{
  sd_bytes out = sd_amqp_output(from->connection);
  n = n < out.len ? n : out.len;
  if (n == 0)
    return false;
  assert_int_equal(sd_amqp_receive(to->connection, out.data, n, now), SD_OK);
  sd_amqp_output_consume(from->connection, n);
  return true;
}

/* Messages of many sizes against narrow frames, windows and credit, moved in odd pieces: all arrive, in
 * order. */
static void traffic_in_pieces_arrives_whole_and_in_order(void **state)
{
  (void)state;
  enum { MESSAGES = 200 };
  uint32_t random = 12345;
  for (uint32_t window = 1; window <= 9; window += 2) {
    rig r;
    sd_amqp_connection_options server = rig_options(true);
    server.max_frame_size = SD_AMQP_FRAME_SIZE_MIN + 100 * window;
    server.incoming_window = window;
    rig_start_with(&r, NULL, &server);
    r.server.credit = 3;
    rig_open_session(&r);
    sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
    size_t sizes[MESSAGES];
    unsigned sent = 0, received = 0;
    while (received < MESSAGES) {
      random = random * 1664525u + 1013904223u;
      if (sent < MESSAGES) {
        /* Never less than a piece, so that a piece completes one message at most. */
        sizes[sent] = 300 + (random >> 8) % 6000;
        sent += rig_send(link, sizes[sent], (uint8_t)sent) == SD_OK;
      }
      bool moved = move_some(&r.client, &r.server, 1 + (random >> 20) % 299, r.now);
      if (r.server.deliveries > received) {
        assert_int_equal(r.server.deliveries, received + 1);
        assert_true(rig_payload_is(&r.server, sizes[received], (uint8_t)received));
        received++;
        sd_amqp_link_set_credit(rig_last_link(&r.server), 1 + (random >> 16) % 4);
      }
      moved |= move_some(&r.server, &r.client, 1 + (random >> 12) % 60, r.now);
      /* Nothing to move means that one side waits for ever. */
      assert_true(moved || sd_amqp_sendable(link) || received == MESSAGES);
    }
    assert_int_equal(r.client.closes + r.server.closes + r.server.detaches, 0);
    rig_stop(&r);
  }
}

static void a_tag_of_more_than_32_bytes_is_invalid(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  sd_amqp_send_options options = {.struct_size = sizeof options,
                                  .tag = sd_bytes_of("123456789012345678901234567890123")};
  sd_bytes part = sd_bytes_of("x");
  assert_int_equal(sd_amqp_send(link, &options, &part, 1, NULL), SD_INVALID);
  options.tag.len = 32;
  assert_int_equal(sd_amqp_send(link, &options, &part, 1, NULL), SD_OK);
  rig_pump(&r);
  assert_int_equal(r.server.delivery.tag.len, 32);
  assert_int_equal(sd_amqp_send(rig_last_link(&r.server), &options, &part, 1, NULL), SD_STATE);
  rig_stop(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_of_any_size_arrive_both_ways),
      cmocka_unit_test(a_message_is_split_by_the_peers_frame_size),
      cmocka_unit_test(a_message_larger_than_the_window_goes_on_by_itself),
      cmocka_unit_test(other_links_may_interleave_with_a_long_message),
      cmocka_unit_test(the_flags_of_a_delivery_are_told),
      cmocka_unit_test(an_aborted_delivery_is_dropped),
      cmocka_unit_test(a_message_that_is_too_large_detaches_its_link_only),
      cmocka_unit_test(a_message_above_the_advertised_size_is_delivered_to_be_rejected),
      cmocka_unit_test(a_delivery_that_begins_wrongly_detaches_its_link_only),
      cmocka_unit_test(a_transfer_against_the_links_direction_detaches_it),
      cmocka_unit_test(detaching_in_the_callback_stops_the_deliveries),
      cmocka_unit_test(dispositions_tell_the_outcome),
      cmocka_unit_test(a_receiver_in_mode_second_gets_its_settlement),
      cmocka_unit_test(sending_stops_at_the_soft_maximum_and_goes_on_after_it),
      cmocka_unit_test(a_message_beyond_the_output_maximum_is_sent_in_turns),
      cmocka_unit_test(traffic_in_pieces_arrives_whole_and_in_order),
      cmocka_unit_test(a_tag_of_more_than_32_bytes_is_invalid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
