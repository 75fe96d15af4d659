/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Receivers over the wire: what is sent when the peer's window or its socket takes no more. */
#include "client.h"

enum { SMALL = 16, LARGE = 1000 * 1000, LARGE_EVENTS = 12 };

static int setup(void **state)
{
  (void)state;
  return emulator_setup_with(NULL);
}

static watched sender[2];
static watched receiver[2];

static void attach_both(void)
{
  static const char *const to[] = {"events/Partitions/0", "events/Partitions/1"};
  static const char *const from[] = {"events/ConsumerGroups/$Default/Partitions/0",
                                     "events/ConsumerGroups/$Default/Partitions/1"};
  for (size_t i = 0; i < 2; i++) {
    watched_init(&sender[i]);
    watched_init(&receiver[i]);
    client_attach(&sender[i], SD_AMQP_SENDER, to[i], to[i], NULL);
    client_attach(&receiver[i], SD_AMQP_RECEIVER, from[i], from[i], NULL);
  }
}

static void release_both(void)
{
  for (size_t i = 0; i < 2; i++) {
    sd_buf_release(&sender[i].last);
    sd_buf_release(&receiver[i].last);
  }
}

static void publish(size_t partition, int events)
{
  for (int i = 0; i < events; i++)
    client_publish(&sender[partition], SMALL);
}

static void receivers_share_the_sessions_window(void **state)
{
  (void)state;
  attach_both();
  sd_amqp_session_set_incoming_window(c.session, 2);
  publish(0, 3);
  publish(1, 3);
  sd_amqp_link_set_credit(receiver[0].link, 10);
  RUN_UNTIL(receiver[0].deliveries == 2);
  sd_amqp_link_set_credit(receiver[1].link, 10);
  publish(1, 1);
  assert_int_equal(receiver[0].deliveries, 2);
  assert_int_equal(receiver[1].deliveries, 0);
  sd_amqp_session_set_incoming_window(c.session, 100);
  RUN_UNTIL(receiver[0].deliveries == 3 && receiver[1].deliveries == 4);
  release_both();
}

/* The engine tells of a window that opens only to links that it refused a send. Here the last event that fits
 * uses the window up, so no send was refused when the next events come. */
static void receivers_go_on_when_a_window_that_was_just_used_up_opens(void **state)
{
  (void)state;
  attach_both();
  sd_amqp_session_set_incoming_window(c.session, 2);
  sd_amqp_link_set_credit(receiver[0].link, 10);
  sd_amqp_link_set_credit(receiver[1].link, 10);
  publish(0, 1);
  publish(1, 1);
  RUN_UNTIL(receiver[0].deliveries == 1 && receiver[1].deliveries == 1);
  publish(0, 2);
  publish(1, 2);
  assert_int_equal(receiver[0].deliveries + receiver[1].deliveries, 2);
  sd_amqp_session_set_incoming_window(c.session, 100);
  RUN_UNTIL(receiver[0].deliveries == 3 && receiver[1].deliveries == 3);
  release_both();
}

static void receivers_go_on_when_the_peer_reads_again(void **state)
{
  (void)state;
  attach_both();
  sd_amqp_session_set_incoming_window(c.session, 65535);
  for (size_t i = 0; i < 2; i++) {
    for (int n = 0; n < LARGE_EVENTS; n++)
      client_publish(&sender[i], LARGE);
  }
  c.deaf = true;
  for (size_t i = 0; i < 2; i++)
    sd_amqp_link_set_credit(receiver[i].link, LARGE_EVENTS);
  client_flush();
  /* More than sockets hold: both wait for the peer. Another client's handshake gives them their turns. */
  static client other;
  client_connect_one(&other);
  assert_true(receiver[0].deliveries + receiver[1].deliveries < 2 * LARGE_EVENTS);
  client_listen(&c);
  RUN_UNTIL(receiver[0].deliveries == LARGE_EVENTS && receiver[1].deliveries == LARGE_EVENTS);
  client_disconnect_one(&other);
  release_both();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, emulator_teardown)
  const struct CMUnitTest tests[] = {
      TEST(receivers_share_the_sessions_window),
      TEST(receivers_go_on_when_a_window_that_was_just_used_up_opens),
      TEST(receivers_go_on_when_the_peer_reads_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
