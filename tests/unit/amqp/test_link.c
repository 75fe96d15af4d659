/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Links: attach, refuse, detach, names, handles, credit, drain. */
#include "rig.h"

#include <stdio.h>

static const char begin[] = "005311 c0<04 40 43 7000000800 43>";
/* The peer's attach as sender of link "l" on handle 0. */
static const char attach_sender[] = "005312 c0<07 a1016c 43 42 40 40 00532845 00532945>";

static void skip_output(rig_side *side)
{
  sd_amqp_output_consume(side->connection, sd_amqp_output(side->connection).len);
}

static void begin_raw(rig_side *side)
{
  rig_raw_server(side);
  assert_int_equal(rig_input_frame(side, 0, 0, begin, 1000), SD_OK);
  skip_output(side);
}

static void links_attach_and_detach_from_either_side(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  assert_int_equal(r.client.attaches, 1);
  assert_int_equal(r.server.attaches, 1);
  assert_int_equal(sd_amqp_link_role(link), SD_AMQP_SENDER);
  assert_int_equal(sd_amqp_link_role(rig_last_link(&r.server)), SD_AMQP_RECEIVER);
  assert_true(sd_bytes_equal_text(sd_amqp_link_name(rig_last_link(&r.server)), "one"));
  assert_int_equal(r.client.remote_max_message_size, 1024 * 1024);
  assert_int_equal(sd_amqp_link_credit(link), 100);
  sd_amqp_link_detach(link, NULL, NULL);
  rig_pump(&r);
  assert_int_equal(r.client.detaches, 1);
  assert_int_equal(r.server.detaches, 1);
  assert_false(r.client.detach_error || r.server.detach_error);
  /* The name is free again. */
  rig_attach(&r, "one", SD_AMQP_SENDER);
  sd_amqp_link_detach(rig_last_link(&r.server), "amqp:link:stolen", "another one");
  rig_pump(&r);
  assert_int_equal(r.client.detaches, 2);
  assert_true(r.client.detach_error);
  assert_string_equal(r.client.error.condition, "amqp:link:stolen");
  assert_int_equal(r.client.ends + r.client.closes, 0);
  rig_stop(&r);
}

static void a_refused_link_has_no_terminus_and_then_the_error(void **state)
{
  (void)state;
  for (int role = 0; role < 2; role++) {
    rig r;
    rig_start(&r);
    r.server.refuse = "amqp:not-found";
    rig_open_session(&r);
    rig_attach(&r, "one", role ? SD_AMQP_RECEIVER : SD_AMQP_SENDER);
    assert_int_equal(r.client.attaches, 1);
    assert_false(r.client.remote_has_source);
    assert_false(r.client.remote_has_target);
    assert_int_equal(r.client.detaches, 1);
    assert_string_equal(r.client.error.condition, "amqp:not-found");
    assert_int_equal(r.server.detaches, 1);
    assert_false(r.server.detach_error);
    assert_int_equal(r.server.ends + r.server.closes, 0);
    rig_stop(&r);
  }
}

static void the_attach_reply_carries_every_field(void **state)
{
  (void)state;
  rig_side side;
  uint8_t store[1024];
  sd_amqp_value list;
  sd_amqp_attach attach;
  begin_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_ATTACH);
  assert_int_equal(list.as.compound.count, 14);
  assert_int_equal(sd_amqp_attach_decode(&list, &attach), SD_OK);
  assert_true(sd_bytes_equal_text(attach.name, "l"));
  assert_int_equal(attach.role, SD_AMQP_RECEIVER);
  assert_true(attach.source.present && attach.target.present);
  assert_int_equal(attach.max_message_size, 1024 * 1024);
  assert_true(attach.properties_raw.len > 0);
  rig_side_stop(&side);
}

static void an_attach_may_be_answered_later(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.leave_attach = true;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_RECEIVER);
  assert_int_equal(r.client.attaches, 0);
  sd_amqp_link *remote = rig_last_link(&r.server);
  assert_int_equal(rig_send(remote, 10, 1), SD_AGAIN);
  sd_amqp_link_set_credit(link, 7); /* kept until the answer */
  rig_pump(&r);
  sd_amqp_attach local = {.source = {.present = true}, .target = {.present = true}};
  assert_int_equal(sd_amqp_link_accept(remote, &local), SD_OK);
  assert_int_equal(sd_amqp_link_accept(remote, &local), SD_STATE);
  rig_pump(&r);
  assert_int_equal(r.client.attaches, 1);
  assert_int_equal(sd_amqp_link_credit(remote), 7);
  assert_int_equal(rig_send(remote, 10, 1), SD_OK);
  rig_pump(&r);
  assert_int_equal(r.client.deliveries, 1);
  rig_stop(&r);
}

static void credit_that_comes_before_the_answer_counts(void **state)
{
  (void)state;
  rig_side side;
  begin_raw(&side);
  side.leave_attach = true;
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a1016c 43 41 40 40 00532845 00532945>", 1000),
                   SD_OK);
  /* Flow with a null delivery-count, as before the sender's attach. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<07 43 5264 43 43 43 40 5205>", 1000), SD_OK);
  assert_int_equal(side.flows, 0);
  sd_amqp_attach local = {.source = {.present = true}, .target = {.present = true}};
  assert_int_equal(sd_amqp_link_accept(rig_last_link(&side), &local), SD_OK);
  skip_output(&side);
  assert_int_equal(side.flows, 1);
  assert_int_equal(sd_amqp_link_credit(rig_last_link(&side)), 5);
  rig_side_stop(&side);
}

static void a_name_may_recur_on_other_sessions_and_directions_only(void **state)
{
  (void)state;
  rig r;
  sd_amqp_link *link;
  sd_amqp_attach attach = {.name = sd_bytes_of("one"), .role = SD_AMQP_SENDER};
  rig_start(&r);
  rig_open_session(&r);
  rig_attach(&r, "one", SD_AMQP_SENDER);
  rig_attach(&r, "one", SD_AMQP_RECEIVER);
  assert_int_equal(sd_amqp_link_attach(r.client.session, &attach, NULL, &link), SD_CONFLICT);
  sd_amqp_session *s;
  assert_int_equal(sd_amqp_session_begin(r.client.connection, NULL, &s), SD_OK);
  rig_pump(&r);
  rig_attach(&r, "one", SD_AMQP_SENDER);
  assert_int_equal(r.client.attaches, 3);
  assert_int_equal(r.server.attaches, 3);
  assert_int_equal(r.client.detaches, 0);
  rig_stop(&r);

  /* By a peer that does it nevertheless: the new one is detached, the old one lives. */
  rig_side side;
  uint8_t store[1024];
  sd_amqp_value list;
  sd_amqp_detach detach;
  begin_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  skip_output(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a1016c 5201 42 40 40 00532845 00532945>", 1000),
                   SD_OK);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_ATTACH);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_DETACH);
  assert_int_equal(sd_amqp_detach_decode(&list, &detach), SD_OK);
  assert_true(sd_bytes_equal_text(detach.error.condition, "amqp:resource-locked"));
  assert_int_equal(rig_input_frame(&side, 0, 0, "005316 c0<02 5201 41>", 1000), SD_OK);
  assert_int_equal(side.attaches, 1);
  assert_int_equal(side.detaches, 0);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161> 61", 1000), SD_OK);
  assert_int_equal(side.deliveries, 1);
  rig_side_stop(&side);
}

static void a_handle_in_use_or_too_high_is_an_error(void **state)
{
  (void)state;
  rig_side side;
  begin_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a10178 43 42 40 40 00532845 00532945>", 1000),
                   SD_OK);
  assert_int_equal(side.ends, 1);
  assert_string_equal(side.error.condition, "amqp:session:handle-in-use");
  assert_int_equal(side.closes, 0);
  rig_side_stop(&side);

  begin_raw(&side);
  assert_int_equal(
      rig_input_frame(&side, 0, 0, "005312 c0<07 a10178 7000001000 42 40 40 00532845 00532945>", 1000),
      SD_CLOSED);
  assert_string_equal(side.error.condition, "amqp:connection:framing-error");
  rig_side_stop(&side);
}

static void a_transaction_coordinator_is_not_implemented(void **state)
{
  (void)state;
  rig_side side;
  uint8_t store[1024];
  sd_amqp_value list;
  sd_amqp_detach detach;
  begin_raw(&side);
  assert_int_equal(
      rig_input_frame(&side, 0, 0, "005312 c0<07 a1016c 43 42 40 40 00532845 005330 c0<01 40>>", 1000),
      SD_OK);
  assert_int_equal(side.attaches, 0);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_ATTACH);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_DETACH);
  assert_int_equal(list.as.compound.count, 3);
  assert_int_equal(sd_amqp_detach_decode(&list, &detach), SD_OK);
  assert_true(detach.closed);
  assert_true(sd_bytes_equal_text(detach.error.condition, "amqp:not-implemented"));
  /* Transfers on their way are passed over. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161> 61", 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005316 c0<02 43 41>", 1000), SD_OK);
  assert_int_equal(side.ends + side.closes + side.deliveries, 0);
  rig_side_stop(&side);
}

static void more_links_than_the_maximum_are_refused(void **state)
{
  (void)state;
  rig_side side;
  char body[128];
  begin_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 1, begin, 1000), SD_OK);
  side.credit = 0;
  for (unsigned i = 0; i < SD_AMQP_LINKS_MAX; i++) {
    snprintf(body, sizeof body, "005312 c0<07 b100000004%08x 70%08x 42 40 40 00532845 00532945>", i, i);
    assert_int_equal(rig_input_frame(&side, 0, 0, body, 1000), SD_OK);
    skip_output(&side);
  }
  assert_int_equal(side.attaches, SD_AMQP_LINKS_MAX);
  uint8_t store[1024];
  sd_amqp_value list;
  sd_amqp_detach detach;
  assert_int_equal(rig_input_frame(&side, 0, 1, attach_sender, 1000), SD_OK);
  assert_int_equal(side.attaches, SD_AMQP_LINKS_MAX);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_ATTACH);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_DETACH);
  assert_int_equal(sd_amqp_detach_decode(&list, &detach), SD_OK);
  assert_true(sd_bytes_equal_text(detach.error.condition, "amqp:resource-limit-exceeded"));
  assert_int_equal(side.closes + side.ends, 0);
  rig_side_stop(&side);
}

static void credit_is_counted_on_both_sides(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.credit = 3;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  sd_amqp_link *remote = rig_last_link(&r.server);
  for (uint8_t i = 0; i < 3; i++)
    assert_int_equal(rig_send(link, 10, i), SD_OK);
  assert_int_equal(rig_send(link, 10, 3), SD_AGAIN);
  /* Absolute credit given while two deliveries are on their way must not be counted twice. */
  sd_amqp_link_set_credit(remote, 4);
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 3);
  assert_int_equal(sd_amqp_link_credit(link), 1);
  assert_int_equal(sd_amqp_link_credit(remote), 1);
  assert_true(sd_amqp_sendable(link));
  rig_stop(&r);
}

static void delivery_counts_wrap_around(void **state)
{
  (void)state;
  rig_side side;
  begin_raw(&side);
  side.credit = 4;
  /* initial-delivery-count 4294967294 */
  assert_int_equal(rig_input_frame(&side, 0, 0,
                                   "005312 c0<0a a1016c 43 42 40 40 00532845 00532945 40 42 70fffffffe>",
                                   1000),
                   SD_OK);
  for (int i = 0; i < 4; i++)
    assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161> 61", 1000), SD_OK);
  assert_int_equal(side.deliveries, 4);
  assert_int_equal(sd_amqp_link_credit(rig_last_link(&side)), 0);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005314 c0<03 43 43 a00161> 61", 1000), SD_OK);
  assert_int_equal(side.detaches, 1);
  assert_string_equal(side.error.condition, "amqp:link:transfer-limit-exceeded");
  assert_int_equal(side.ends, 0);
  rig_side_stop(&side);
}

static void less_credit_does_not_punish_what_is_on_its_way(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.credit = 10;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  for (uint8_t i = 0; i < 10; i++)
    assert_int_equal(rig_send(link, 10, i), SD_OK);
  sd_amqp_link_set_credit(rig_last_link(&r.server), 1);
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 10);
  assert_int_equal(r.server.detaches, 0);
  assert_int_equal(sd_amqp_link_credit(link), 0);
  rig_stop(&r);
}

static void drain_uses_up_the_credit(void **state)
{
  (void)state;
  rig_side side;
  uint8_t store[1024];
  sd_amqp_value list;
  sd_amqp_flow flow;
  begin_raw(&side);
  side.answer_drain = true;
  side.send_on_flow = 2;
  assert_int_equal(rig_input_frame(&side, 0, 0, "005312 c0<07 a1016c 43 41 40 40 00532845 00532945>", 1000),
                   SD_OK);
  skip_output(&side);
  /* credit 5, drain */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<09 43 5264 43 43 43 43 5205 40 41>", 1000), SD_OK);
  assert_int_equal(side.drains, 1);
  assert_int_equal(side.sent, 2);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_TRANSFER);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_TRANSFER);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_FLOW);
  assert_int_equal(list.as.compound.count, 11);
  assert_int_equal(sd_amqp_flow_decode(&list, &flow), SD_OK);
  assert_int_equal(flow.delivery_count, 5);
  assert_int_equal(flow.link_credit, 0);
  assert_true(flow.drain);
  assert_int_equal(sd_amqp_link_credit(rig_last_link(&side)), 0);
  /* The next credit counts from there. */
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<09 5202 5264 43 43 43 5205 5203 40 42>", 1000),
                   SD_OK);
  assert_int_equal(sd_amqp_link_credit(rig_last_link(&side)), 3);
  rig_side_stop(&side);
}

static void a_peers_drained_credit_is_taken_off(void **state)
{
  (void)state;
  rig_side side;
  begin_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  sd_amqp_link *link = rig_last_link(&side);
  assert_int_equal(sd_amqp_link_credit(link), 100);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<09 43 5264 43 43 43 5264 43 40 41>", 1000), SD_OK);
  assert_int_equal(sd_amqp_link_credit(link), 0);
  assert_int_equal(side.detaches + side.ends, 0);
  rig_side_stop(&side);
}

static void echo_is_answered_with_the_links_state(void **state)
{
  (void)state;
  rig_side side;
  uint8_t store[1024];
  sd_amqp_value list;
  sd_amqp_flow flow;
  begin_raw(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  skip_output(&side);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005313 c0<0a 43 5264 43 43 43 43 40 40 42 41>", 1000),
                   SD_OK);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_FLOW);
  assert_int_equal(sd_amqp_flow_decode(&list, &flow), SD_OK);
  assert_true(flow.has_handle && flow.has_delivery_count);
  assert_int_equal(flow.link_credit, 100);
  assert_false(flow.echo);
  rig_side_stop(&side);
}

static void a_detach_before_our_answer_is_answered_in_full(void **state)
{
  (void)state;
  rig_side side;
  uint8_t store[1024];
  sd_amqp_value list;
  begin_raw(&side);
  side.leave_attach = true;
  assert_int_equal(rig_input_frame(&side, 0, 0, attach_sender, 1000), SD_OK);
  assert_int_equal(rig_input_frame(&side, 0, 0, "005316 c0<02 43 41>", 1000), SD_OK);
  assert_int_equal(side.detaches, 1);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_ATTACH);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_DETACH);
  rig_side_stop(&side);
}

static void a_long_description_is_cut_for_small_frames(void **state)
{
  (void)state;
  rig r;
  char text[2000];
  sd_amqp_connection_options client = rig_options(false);
  client.max_frame_size = SD_AMQP_FRAME_SIZE_MIN;
  rig_start_with(&r, &client, NULL);
  rig_open_session(&r);
  rig_attach(&r, "one", SD_AMQP_SENDER);
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  sd_amqp_link_detach(rig_last_link(&r.server), "amqp:internal-error", text);
  rig_pump(&r);
  assert_int_equal(r.client.detaches, 1);
  assert_string_equal(r.client.error.condition, "amqp:internal-error");
  assert_int_equal(r.client.closes, 0);
  rig_stop(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(links_attach_and_detach_from_either_side),
      cmocka_unit_test(a_refused_link_has_no_terminus_and_then_the_error),
      cmocka_unit_test(the_attach_reply_carries_every_field),
      cmocka_unit_test(an_attach_may_be_answered_later),
      cmocka_unit_test(credit_that_comes_before_the_answer_counts),
      cmocka_unit_test(a_name_may_recur_on_other_sessions_and_directions_only),
      cmocka_unit_test(a_handle_in_use_or_too_high_is_an_error),
      cmocka_unit_test(a_transaction_coordinator_is_not_implemented),
      cmocka_unit_test(more_links_than_the_maximum_are_refused),
      cmocka_unit_test(credit_is_counted_on_both_sides),
      cmocka_unit_test(delivery_counts_wrap_around),
      cmocka_unit_test(less_credit_does_not_punish_what_is_on_its_way),
      cmocka_unit_test(drain_uses_up_the_credit),
      cmocka_unit_test(a_peers_drained_credit_is_taken_off),
      cmocka_unit_test(echo_is_answered_with_the_links_state),
      cmocka_unit_test(a_detach_before_our_answer_is_answered_in_full),
      cmocka_unit_test(a_long_description_is_cut_for_small_frames),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
