/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The connection: opening, closing, frames, timers, bounds. */
#include "rig.h"

static void two_engines_open_and_close(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  rig_pump(&r);
  assert_int_equal(r.client.opens, 1);
  assert_int_equal(r.server.opens, 1);
  sd_amqp_connection_close(r.client.connection, NULL, NULL);
  rig_pump(&r);
  assert_int_equal(r.client.closes, 1);
  assert_int_equal(r.server.closes, 1);
  assert_false(r.client.close_error);
  assert_false(r.server.close_error);
  assert_true(sd_amqp_connection_over(r.client.connection));
  assert_int_equal(sd_amqp_receive(r.client.connection, "x", 1, r.now), SD_CLOSED);
  rig_stop(&r);
}

static void input_may_come_byte_by_byte(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.chunk = 1;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "link", SD_AMQP_SENDER);
  assert_int_equal(rig_send(link, 5000, 3), SD_OK);
  rig_pump(&r);
  assert_int_equal(r.server.deliveries, 1);
  assert_true(rig_payload_is(&r.server, 5000, 3));
  rig_stop(&r);
}

static void a_peers_close_carries_its_error(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  rig_open_session(&r);
  rig_attach(&r, "link", SD_AMQP_SENDER);
  sd_amqp_connection_close(r.server.connection, "amqp:connection:forced", "moved");
  rig_pump(&r);
  assert_true(r.client.close_error);
  assert_int_equal(r.client.error.code, SD_REMOTE);
  assert_string_equal(r.client.error.condition, "amqp:connection:forced");
  assert_string_equal(r.client.error.message, "moved");
  /* Everything below ended first, once each. */
  assert_int_equal(r.client.detaches, 1);
  assert_int_equal(r.client.ends, 1);
  assert_int_equal(r.server.detaches, 1);
  assert_int_equal(r.server.ends, 1);
  assert_false(r.server.close_error);
  rig_stop(&r);
}

static void a_lost_transport_ends_everything_at_once(void **state)
{
  (void)state;
  rig r;
  sd_error error;
  rig_start(&r);
  rig_open_session(&r);
  rig_attach(&r, "a", SD_AMQP_SENDER);
  rig_attach(&r, "b", SD_AMQP_RECEIVER);
  sd_error_set(&error, SD_IO, "connection reset");
  sd_amqp_connection_lost(r.client.connection, &error);
  assert_int_equal(r.client.detaches, 2);
  assert_int_equal(r.client.ends, 1);
  assert_int_equal(r.client.closes, 1);
  assert_int_equal(r.client.error.code, SD_IO);
  sd_amqp_connection_lost(r.client.connection, &error);
  assert_int_equal(r.client.closes, 1);
  rig_stop(&r);
}

static void a_callback_may_lose_the_connection_and_still_read_its_views(void **state)
{
  (void)state;
  for (size_t size = 10; size <= 400000; size += 399990) {
    rig r;
    rig_start(&r);
    r.server.lose_on_delivery = true;
    rig_open_session(&r);
    sd_amqp_link *link = rig_attach(&r, "link", SD_AMQP_SENDER);
    assert_int_equal(rig_send(link, size, 9), SD_OK);
    rig_pump(&r);
    assert_int_equal(r.server.deliveries, 1);
    assert_int_equal(r.server.closes, 1);
    assert_true(rig_payload_is(&r.server, size, 9));
    rig_stop(&r);
  }
}

static void closing_before_open_ends_at_the_next_tick(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  sd_amqp_connection_close(r.client.connection, NULL, NULL);
  assert_int_equal(r.client.closes, 0);
  assert_int_equal(sd_amqp_tick(r.client.connection, r.now), UINT64_MAX);
  assert_int_equal(r.client.closes, 1);
  assert_false(r.client.close_error);
  rig_stop(&r);
}

static void a_peer_that_does_not_open_times_out(void **state)
{
  (void)state;
  rig_side side = {0};
  assert_int_equal(rig_side_start(&side, false, NULL, 1000), SD_OK);
  assert_int_equal(sd_amqp_tick(side.connection, 1000), 1000 + SD_AMQP_OPEN_TIMEOUT_MS);
  sd_amqp_tick(side.connection, 999 + SD_AMQP_OPEN_TIMEOUT_MS);
  assert_int_equal(side.closes, 0);
  sd_amqp_tick(side.connection, 1000 + SD_AMQP_OPEN_TIMEOUT_MS);
  assert_int_equal(side.closes, 1);
  assert_int_equal(side.error.code, SD_TIMEOUT);
  rig_side_stop(&side);
}

static void a_close_that_is_not_answered_times_out(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  rig_pump(&r);
  sd_amqp_connection_close(r.client.connection, NULL, NULL);
  assert_int_equal(sd_amqp_tick(r.client.connection, r.now), r.now + SD_AMQP_CLOSE_TIMEOUT_MS);
  sd_amqp_tick(r.client.connection, r.now + SD_AMQP_CLOSE_TIMEOUT_MS);
  assert_int_equal(r.client.closes, 1);
  assert_int_equal(r.client.error.code, SD_TIMEOUT);
  rig_stop(&r);
}

static void heartbeats_come_at_half_the_peers_time_out(void **state)
{
  (void)state;
  sd_amqp_connection_options server = rig_options(true);
  server.idle_timeout_ms = 10000;
  rig r;
  rig_start_with(&r, NULL, &server);
  rig_pump(&r);
  assert_int_equal(sd_amqp_tick(r.client.connection, r.now), r.now + 5000);
  assert_int_equal(sd_amqp_output(r.client.connection).len, 0);
  sd_amqp_tick(r.client.connection, r.now + 4999);
  assert_int_equal(sd_amqp_output(r.client.connection).len, 0);
  assert_int_equal(sd_amqp_tick(r.client.connection, r.now + 5000), r.now + 10000);
  sd_bytes out = sd_amqp_output(r.client.connection);
  assert_int_equal(out.len, 8);
  assert_memory_equal(out.data, "\0\0\0\10\2\0\0\0", 8);
  /* A stuck transport does not collect them. */
  sd_amqp_tick(r.client.connection, r.now + 10000);
  assert_int_equal(sd_amqp_output(r.client.connection).len, 8);
  rig_stop(&r);
}

static void heartbeats_come_every_30_seconds_at_least(void **state)
{
  (void)state;
  sd_amqp_connection_options server = rig_options(true);
  server.idle_timeout_ms = 240000;
  rig r;
  rig_start_with(&r, NULL, &server);
  rig_pump(&r);
  assert_int_equal(sd_amqp_tick(r.client.connection, r.now), r.now + 30000);
  rig_stop(&r);
}

static void a_silent_peer_is_given_up_after_twice_the_time_out(void **state)
{
  (void)state;
  sd_amqp_connection_options client = rig_options(false);
  client.idle_timeout_ms = 1000;
  rig r;
  rig_start_with(&r, &client, NULL);
  rig_pump(&r);
  sd_amqp_tick(r.client.connection, r.now + 1999);
  assert_int_equal(r.client.closes, 0);
  /* A heartbeat is enough. */
  assert_int_equal(rig_input_hex(&r.client, "0000000802000000", r.now + 1999), SD_OK);
  sd_amqp_tick(r.client.connection, r.now + 3998);
  assert_int_equal(r.client.closes, 0);
  sd_amqp_tick(r.client.connection, r.now + 3999);
  assert_int_equal(r.client.closes, 1);
  assert_int_equal(r.client.error.code, SD_TIMEOUT);
  assert_string_equal(r.client.error.condition, "amqp:resource-limit-exceeded");
  rig_pump(&r);
  assert_string_equal(r.server.error.condition, "amqp:resource-limit-exceeded");
  rig_stop(&r);
}

/* Bytes after open that must end the connection with this condition in our close. */
static void expect_close(const char *frame_hex, const char *condition)
{
  rig_side side;
  uint8_t store[1024];
  sd_amqp_value list;
  sd_amqp_close close;
  rig_raw_server(&side);
  assert_int_equal(rig_input_hex(&side, frame_hex, 1000), SD_CLOSED);
  assert_int_equal(side.closes, 1);
  assert_true(side.close_error);
  assert_string_equal(side.error.condition, condition);
  uint8_t code;
  do
    code = rig_next_performative(&side, store, sizeof store, &list);
  while (code != SD_AMQP_CODE_CLOSE);
  assert_int_equal(sd_amqp_close_decode(&list, &close), SD_OK);
  assert_true(sd_bytes_equal_text(close.error.condition, condition));
  assert_true(close.error.description.len > 0);
  assert_int_equal(sd_amqp_output(side.connection).len, 0);
  rig_side_stop(&side);
}

static void malformed_frames_close_with_the_right_condition(void **state)
{
  (void)state;
  expect_close("00000007 02000000", "amqp:connection:framing-error");
  expect_close("7fffffff 02000000", "amqp:connection:framing-error");
  expect_close("00000008 01000000", "amqp:connection:framing-error");
  expect_close("00000008 03000000", "amqp:connection:framing-error");
  expect_close("00000008 02010000", "amqp:connection:framing-error");
  expect_close("0000000a 02000000 0053", "amqp:decode-error");
  expect_close("00000009 02000000 40", "amqp:decode-error");
  expect_close("0000000c 02000000 00536045", "amqp:not-implemented");
  expect_close("0000000c 02000000 00531145", "amqp:decode-error");
  expect_close("00000011 02000000 005310 c00401a10163", "amqp:not-allowed");
  expect_close("0000000c 02000005 00531745", "amqp:not-allowed");
  expect_close("00000017 02000400 005311 c00a04 40 43 7000000800 43 00", "amqp:decode-error");
}

static void a_channel_above_the_maximum_is_a_framing_error(void **state)
{
  (void)state;
  expect_close("00000016 02000400 005311 c00904 40 43 700000080043", "amqp:connection:framing-error");
}

static void a_frame_before_open_is_not_allowed_and_open_is_sent_before_close(void **state)
{
  (void)state;
  rig_side side = {0};
  uint8_t store[1024];
  sd_amqp_value list;
  assert_int_equal(rig_side_start(&side, true, NULL, 1000), SD_OK);
  assert_int_equal(rig_input_hex(&side, "\"AMQP\" 00010000 0000000c 02000000 00531745", 1000), SD_CLOSED);
  sd_amqp_output_consume(side.connection, 8);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_OPEN);
  assert_int_equal(rig_next_performative(&side, store, sizeof store, &list), SD_AMQP_CODE_CLOSE);
  assert_string_equal(side.error.condition, "amqp:not-allowed");
  rig_side_stop(&side);
}

static void a_peers_tiny_frame_size_is_refused(void **state)
{
  (void)state;
  rig_side side = {0};
  assert_int_equal(rig_side_start(&side, true, NULL, 1000), SD_OK);
  assert_int_equal(
      rig_input_hex(&side, "\"AMQP\" 00010000 00000018 02000000 005310 c00b04 a10163 40 70000001ff 40", 1000),
      SD_CLOSED);
  assert_string_equal(side.error.condition, "amqp:invalid-field");
  rig_side_stop(&side);
}

static void more_output_than_the_hard_maximum_fails_the_connection(void **state)
{
  (void)state;
  rig r;
  sd_status status = SD_OK;
  rig_start(&r);
  r.server.credit = 1000;
  rig_open_session(&r);
  rig_attach(&r, "link", SD_AMQP_SENDER);
  /* Settlements are never refused, so a peer that reads nothing makes them pile up. */
  while (sd_amqp_output(r.client.connection).len < SD_AMQP_OUTPUT_HARD_MAX - 100 && !r.client.closes)
    sd_amqp_settle(r.client.session, 1, 1, SD_AMQP_CODE_ACCEPTED, NULL, NULL);
  for (int i = 0; i < 10; i++)
    sd_amqp_settle(r.client.session, 1, 1, SD_AMQP_CODE_ACCEPTED, NULL, NULL);
  assert_true(sd_amqp_output(r.client.connection).len <= SD_AMQP_OUTPUT_HARD_MAX);
  status = rig_send(rig_last_link(&r.client), 1, 1);
  assert_int_equal(status, SD_CLOSED);
  assert_int_equal(r.client.closes, 0);
  assert_int_equal(sd_amqp_tick(r.client.connection, r.now), UINT64_MAX);
  assert_int_equal(r.client.closes, 1);
  assert_int_equal(r.client.error.code, SD_LIMIT);
  rig_stop(&r);
}

static void options_are_checked(void **state)
{
  (void)state;
  rig_side side = {0};
  sd_amqp_connection_options options = rig_options(true);
  options.container_id = NULL;
  assert_int_equal(rig_side_start(&side, true, &options, 0), SD_INVALID);
  options = rig_options(true);
  options.max_message_size = 0;
  assert_int_equal(rig_side_start(&side, true, &options, 0), SD_INVALID);
  options = rig_options(true);
  options.max_frame_size = 511;
  assert_int_equal(rig_side_start(&side, true, &options, 0), SD_INVALID);
  rig_side_stop(&side);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_engines_open_and_close),
      cmocka_unit_test(input_may_come_byte_by_byte),
      cmocka_unit_test(a_peers_close_carries_its_error),
      cmocka_unit_test(a_lost_transport_ends_everything_at_once),
      cmocka_unit_test(a_callback_may_lose_the_connection_and_still_read_its_views),
      cmocka_unit_test(closing_before_open_ends_at_the_next_tick),
      cmocka_unit_test(a_peer_that_does_not_open_times_out),
      cmocka_unit_test(a_close_that_is_not_answered_times_out),
      cmocka_unit_test(heartbeats_come_at_half_the_peers_time_out),
      cmocka_unit_test(heartbeats_come_every_30_seconds_at_least),
      cmocka_unit_test(a_silent_peer_is_given_up_after_twice_the_time_out),
      cmocka_unit_test(malformed_frames_close_with_the_right_condition),
      cmocka_unit_test(a_channel_above_the_maximum_is_a_framing_error),
      cmocka_unit_test(a_frame_before_open_is_not_allowed_and_open_is_sent_before_close),
      cmocka_unit_test(a_peers_tiny_frame_size_is_refused),
      cmocka_unit_test(more_output_than_the_hard_maximum_fails_the_connection),
      cmocka_unit_test(options_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
