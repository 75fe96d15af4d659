/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: a whole conversation with its n-th allocation failing, for every n; and a steady stream of
 * transfers that allocates nothing.
 */
#include "rig.h"

/* Both roles, all performatives, a message of several frames and one larger than the window. Every step may
 * fail. */
static void converse(rig *r)
{
  static int mine;
  sd_amqp_session *s;
  sd_amqp_link *out, *in;
  rig_pump(r);
  if (sd_amqp_session_begin(r->client.connection, NULL, &s) != SD_OK)
    return;
  rig_pump(r);
  sd_amqp_attach attach = {.name = sd_bytes_of("out"),
                           .role = SD_AMQP_SENDER,
                           .source = {.present = true},
                           .target = {.present = true, .address = sd_bytes_of("hub")}};
  if (sd_amqp_connection_over(r->client.connection) || r->client.session != s ||
      sd_amqp_link_attach(s, &attach, &mine, &out) != SD_OK)
    return;
  rig_pump(r);
  attach.name = sd_bytes_of("in");
  attach.role = SD_AMQP_RECEIVER;
  if (sd_amqp_connection_over(r->client.connection) || sd_amqp_link_attach(s, &attach, &mine, &in) != SD_OK)
    return;
  sd_amqp_link_set_credit(in, 10);
  rig_pump(r);
  static const size_t sizes[] = {10, 3000, 30000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (sd_amqp_connection_over(r->client.connection) || r->client.detaches || r->client.ends ||
        rig_send(out, sizes[i], (uint8_t)i) != SD_OK)
      return;
    rig_pump(r);
  }
  if (sd_amqp_connection_over(r->client.connection) || sd_amqp_connection_over(r->server.connection))
    return;
  sd_amqp_session_set_incoming_window(s, 5);
  sd_amqp_link_detach(out, "amqp:internal-error", "a test");
  rig_pump(r);
  if (!sd_amqp_connection_over(r->client.connection))
    sd_amqp_connection_close(r->client.connection, NULL, NULL);
  rig_pump(r);
}

/* What is true however it went. */
static void settle_accounts(rig *r, rig_side *side)
{
  if (!sd_amqp_connection_over(side->connection))
    (void)sd_amqp_tick(side->connection, r->now);
  if (!sd_amqp_connection_over(side->connection))
    sd_amqp_connection_lost(side->connection, NULL);
  assert_int_equal(side->closes, 1);
  assert_int_equal(side->ends, 1 * (side->begins > 0 || side->ends > 0));
}

static void every_allocation_may_fail(void **state)
{
  (void)state;
  bool failed = true;
  unsigned complete = 0;
  for (uint64_t nth = 1; failed; nth++) {
    rig r;
    memset(&r, 0, sizeof r);
    r.now = 1000;
    r.client.credit = r.server.credit = 100;
    r.server.settle = true;
    r.server.send_on_flow = 3;
    sd_amqp_connection_options client = rig_options(false), server = rig_options(true);
    server.max_frame_size = 1024;
    server.incoming_window = 4;
    sd_alloc_fail_nth(nth);
    sd_status client_status = rig_side_start(&r.client, false, &client, r.now);
    sd_status server_status =
        client_status == SD_OK ? rig_side_start(&r.server, true, &server, r.now) : SD_NOMEM;
    if (client_status == SD_OK && server_status == SD_OK) {
      converse(&r);
      failed = sd_alloc_calls() >= nth;
      sd_alloc_fail_nth(0);
      if (r.client.closes && !r.client.close_error && !r.server.close_error && r.server.deliveries == 3)
        complete++;
      settle_accounts(&r, &r.client);
      settle_accounts(&r, &r.server);
    } else {
      assert_int_equal(client_status != SD_OK ? client_status : server_status, SD_NOMEM);
    }
    sd_alloc_fail_nth(0);
    rig_stop(&r);
    assert_true(nth < 10000);
  }
  /* The last round had no failure and went through. */
  assert_true(complete > 0);
}

static void a_steady_stream_allocates_nothing(void **state)
{
  (void)state;
  rig r;
  rig_start(&r);
  r.server.credit = 100000;
  rig_open_session(&r);
  sd_amqp_link *link = rig_attach(&r, "one", SD_AMQP_SENDER);
  for (int round = 0; round < 3; round++) {
    sd_alloc_fail_nth(0);
    for (int i = 0; i < 3000; i++) {
      assert_int_equal(rig_send(link, 300, 1), SD_OK);
      if (i % 50 == 49)
        rig_pump(&r);
    }
    rig_pump(&r);
    /* The first round grows the buffers. */
    if (round > 0)
      assert_int_equal(sd_alloc_calls(), 0);
  }
  assert_int_equal(r.server.deliveries, 9000);
  rig_stop(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(a_steady_stream_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
