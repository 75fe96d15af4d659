/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The source against a scripted service that fails in every way that the reference names. */
#include "client.h"

#include "base/alloc.h"

#include <stdio.h>

static int setup(void **state)
{
  client *c = sd_calloc(1, sizeof *c);
  if (!c)
    return -1;
  client_init(c, 2);
  *state = c;
  return 0;
}

static int teardown(void **state)
{
  client *c = *state;
  client_release(c);
  sd_free(c);
  return 0;
}

/* Everything of both partitions is there, and the links are up. */
static void start_with_events(client *c, uint32_t events)
{
  server_append(&c->server, 0, events, 100);
  server_append(&c->server, 1, events, 100);
  client_start(c);
  run_until(c, c->events == 2 * events);
}

static void set_timing(client *c, sd_eventhubs_timing timing)
{
  sd_eventhubs_source_set_timing(c->source, &timing);
}

static void after_a_cut_it_resumes_by_offset_behind_what_was_delivered(void **state)
{
  client *c = *state;
  start_with_events(c, 50);
  server_cut(&c->server);
  server_append(&c->server, 0, 50, 100);
  run_until(c, c->events == 150 && c->recovered == 1);
  assert_string_equal(c->server.partitions[0].selector, "amqp.annotation.x-opt-offset > 'at-49'");
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 1);
  assert_int_equal(c->last_trouble_partition, SD_SOURCE_ALL_PARTITIONS);
  assert_int_equal(c->server.connections, 2);
}

static void many_cuts_in_the_middle_of_the_stream_lose_and_repeat_nothing(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 20000, 100);
  server_append(&c->server, 1, 20000, 100);
  client_start(c);
  for (uint64_t at = 1000; at < 40000; at += 3000) {
    run_until(c, c->events >= at);
    server_cut(&c->server);
  }
  run_until(c, c->events == 40000);
  assert_int_equal(c->next[0], 20000);
  assert_int_equal(c->next[1], 20000);
}

static void what_the_broker_repeats_is_dropped(void **state)
{
  client *c = *state;
  start_with_events(c, 50);
  c->server.duplicate = 20;
  server_cut(&c->server);
  server_append(&c->server, 1, 5, 100);
  run_until(c, c->events == 105);
  assert_int_equal(c->next[1], 55);
}

static void latest_loses_nothing_when_the_first_connection_breaks_before_an_event(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 10, 10);
  c->from.kind = SD_POSITION_LATEST;
  c->next[0] = 10;
  client_start(c);
  run_until(c, c->server.partitions[0].link && c->server.partitions[1].link && c->server.put_tokens == 1);
  assert_true(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 1);
  c->server.partitions[0].silent = true;
  server_append(&c->server, 0, 4, 10);
  server_cut(&c->server);
  run_until(c, c->recovered == 1);
  c->server.partitions[0].silent = false;
  assert_string_equal(c->server.partitions[0].selector, "amqp.annotation.x-opt-sequence-number > '9'");
  server_append(&c->server, 0, 1, 10);
  run_until(c, c->events == 5);
}

static void a_stolen_partition_is_lost_and_not_hammered(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  uint32_t attaches = c->server.partitions[0].attaches;
  server_detach(&c->server, 0, "amqp:link:stolen",
                "New receiver 'x' with higher epoch of '8' is created hence current receiver 'test receiver' "
                "with epoch '7' is getting disconnected.");
  run_until(c, c->troubles[SD_TROUBLE_PARTITION_LOST] == 1);
  assert_int_equal(c->last_trouble_partition, 0);
  assert_string_equal(c->last_error.condition, "amqp:link:stolen");
  server_append(&c->server, 0, 10, 100);
  server_append(&c->server, 1, 10, 100);
  run_until(c, c->events == 30);
  assert_true(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 1);
  assert_int_equal(c->server.partitions[0].attaches, attaches);
  assert_int_equal(c->next[0], 10);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
}

static void a_position_that_the_broker_lost_closes_the_partition(void **state)
{
  client *c = *state;
  c->server.attach =
      (server_refusal){"com.microsoft:argument-error",
                       "The supplied offset 'at-99' is invalid. The last offset in the system is 'at-9'", 1};
  c->from = (sd_position){.kind = SD_POSITION_OFFSET, .offset = "at-99"};
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_OFFSET_LOST] == 1 && c->server.partitions[1].link);
  assert_int_equal(c->last_trouble_partition, 0);
  assert_non_null(strstr(c->last_error.message, "last offset in the system"));
  assert_int_equal(c->server.partitions[0].attaches, 1);
}

static void throttling_is_waited_out(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 10, 10);
  c->server.attach = (server_refusal){"com.microsoft:server-busy", "50002: please wait", 4};
  client_start(c);
  run_until(c, c->events == 10 && c->recovered == 1);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 4);
  assert_string_equal(c->last_error.condition, "com.microsoft:server-busy");
  assert_int_equal(c->server.connections, 1);
}

static void a_tidied_up_link_comes_back_without_a_word(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  server_detach(&c->server, 0, "amqp:link:detach-forced", "has been idle for 1800000ms");
  server_append(&c->server, 0, 10, 100);
  run_until(c, c->events == 30);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
  assert_int_equal(c->server.connections, 1);
}

static void a_link_that_ends_without_reason_comes_back(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  server_detach(&c->server, 1, NULL, NULL);
  server_append(&c->server, 1, 10, 100);
  run_until(c, c->events == 30);
}

static void an_unknown_condition_is_retried(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  server_detach(&c->server, 0, "com.example:what", "never heard of");
  server_append(&c->server, 0, 10, 100);
  run_until(c, c->events == 30 && c->recovered == 1);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 1);
  assert_int_equal(c->last_trouble_partition, 0);
}

static void a_forced_end_of_the_connection_is_reconnected(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  server_close(&c->server, "amqp:connection:forced", "upgrade");
  server_append(&c->server, 0, 10, 100);
  run_until(c, c->events == 30 && c->recovered == 1);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 1);
  assert_int_equal(c->server.connections, 2);
}

static void a_token_is_renewed_on_the_same_connection(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.token_lifetime_ms = 60;
  set_timing(c, timing);
  start_with_events(c, 10);
  run_until(c, c->server.put_tokens >= 5);
  server_append(&c->server, 0, 10, 100);
  run_until(c, c->events == 30);
  assert_int_equal(c->server.connections, 1);
  assert_int_equal(c->server.partitions[0].attaches, 1);
}

static void a_failed_renewal_is_tried_again_before_the_token_dies(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.token_lifetime_ms = 1000;
  timing.token_retry_ms = 20;
  set_timing(c, timing);
  c->server.cbs_status[0] = 202;
  c->server.cbs_status[1] = 500;
  c->server.cbs_status[2] = 503;
  c->server.cbs_status_count = 3;
  start_with_events(c, 10);
  run_until(c, c->server.put_tokens >= 4);
  assert_int_equal(c->server.connections, 1);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
}

static void one_refused_token_is_followed_by_a_fresh_one(void **state)
{
  client *c = *state;
  c->server.cbs_status[0] = 401;
  c->server.cbs_status_count = 1;
  start_with_events(c, 10);
  assert_int_equal(c->server.put_tokens, 2);
  assert_int_equal(c->server.connections, 1);
}

static void two_refused_tokens_stop_with_advice(void **state)
{
  client *c = *state;
  c->server.cbs_status[0] = c->server.cbs_status[1] = 401;
  c->server.cbs_status_count = 2;
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_STOP] == 1);
  assert_int_equal(c->last_trouble_partition, SD_SOURCE_ALL_PARTITIONS);
  assert_non_null(strstr(c->last_error.message, "Azure Event Hubs Data Receiver"));
  assert_non_null(strstr(c->last_error.message, "check the key"));
  assert_null(strstr(c->last_error.message, "the key the"));
  assert_null(strstr(c->last_error.message, "sig="));
  assert_int_equal(c->server.put_tokens, 2);
  assert_int_equal(c->server.connections, 1);
}

static void a_link_without_rights_gets_one_fresh_token(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 10, 10);
  server_append(&c->server, 1, 10, 10);
  c->server.attach = (server_refusal){"amqp:unauthorized-access", "Unauthorized access", 2};
  client_start(c);
  run_until(c, c->events == 20 && c->recovered == 1);
  assert_int_equal(c->server.put_tokens, 2);
  assert_int_equal(c->server.connections, 1);
}

static void a_link_without_rights_after_a_fresh_token_stops(void **state)
{
  client *c = *state;
  c->server.attach = (server_refusal){"amqp:unauthorized-access", "Unauthorized access", 100};
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_STOP] == 1 && c->server.open_connections == 0);
  assert_int_equal(c->server.put_tokens, 2);
  assert_non_null(strstr(c->last_error.message, "grant"));
  assert_int_equal(c->server.partitions[0].attaches + c->server.partitions[1].attaches, 4);
}

static void what_does_not_exist_stops_and_is_named(void **state)
{
  client *c = *state;
  c->server.attach =
      (server_refusal){"amqp:not-found", "The messaging entity 'sb://x' could not be found", 100};
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_STOP] == 1 && c->server.open_connections == 0);
  assert_non_null(strstr(c->last_error.message, "\"hub\""));
  assert_non_null(strstr(c->last_error.message, "\"$Default\""));
  assert_int_equal(c->troubles[SD_TROUBLE_STOP], 1);
}

static void put_token_for_an_unknown_hub_stops(void **state)
{
  client *c = *state;
  c->server.cbs_status[0] = 404;
  c->server.cbs_status_count = 1;
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_STOP] == 1);
  assert_non_null(strstr(c->last_error.message, "check the names"));
}

static void a_silent_broker_meets_a_deadline_at_each_step(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.step_timeout_ms = 30;
  set_timing(c, timing);
  c->server.mute = true; /* not even SASL */
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] >= 1);
  assert_int_equal(c->last_error.code, SD_TIMEOUT);
  c->server.mute = false;
  c->server.mute_cbs = true;
  uint32_t troubles = c->troubles[SD_TROUBLE_RETRYING];
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] > troubles && c->server.put_tokens > 0);
  assert_int_equal(c->last_error.code, SD_TIMEOUT);
  c->server.mute_cbs = false;
  run_until(c, c->ready);
}

static void an_attach_without_answer_meets_a_deadline(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.step_timeout_ms = 100;
  set_timing(c, timing);
  server_append(&c->server, 0, 10, 100);
  c->server.mute_attach = true;
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] >= 1);
  assert_int_equal(c->last_error.code, SD_TIMEOUT);
  assert_non_null(strstr(c->last_error.message, "was not attached"));
  c->server.mute_attach = false;
  run_until(c, c->events == 10 && c->recovered == 1);
}

static void a_broker_that_falls_silent_is_noticed(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.idle_timeout_ms = 50;
  set_timing(c, timing);
  start_with_events(c, 10);
  c->server.mute = true;
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] >= 1);
  c->server.mute = false;
  server_append(&c->server, 0, 10, 100);
  run_until(c, c->events == 30);
}

static void an_abort_does_not_wait_for_a_silent_broker(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.stop_timeout_ms = 3600 * 1000;
  set_timing(c, timing);
  start_with_events(c, 10);
  c->server.mute = true;
  c->source->vtable->stop(c->source);
  for (int i = 0; i < 3; i++)
    uv_run(&c->loop, UV_RUN_NOWAIT);
  assert_false(c->stopped);
  c->source->vtable->abort(c->source);
  c->source->vtable->abort(c->source);
  assert_false(c->stopped); /* the answer comes from the loop */
  run_until(c, c->stopped);
}

typedef struct quiet {
  uv_timer_t timer;
  client *owner;
  uint32_t left; /* ticks */
  bool given_up; /* by the broker */
  bool closed;
} quiet;

static void on_quiet(uv_timer_t *timer)
{
  quiet *q = timer->data;
  q->given_up = q->given_up || !server_tick(&q->owner->server);
  if (q->left > 0)
    q->left--;
}

static void on_quiet_closed(uv_handle_t *handle)
{
  quiet *q = handle->data;
  q->closed = true;
}

/* Both sides give up after twice their idle time-out; neither may, though no event comes for five of them. */
static void a_connection_without_events_is_kept_by_heartbeats(void **state)
{
  enum { IDLE_MS = 300, TICK_MS = 20 };
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.idle_timeout_ms = IDLE_MS;
  set_timing(c, timing);
  c->server.idle_timeout_ms = IDLE_MS;
  start_with_events(c, 10);
  static quiet q;
  q = (quiet){.owner = c, .left = 5 * IDLE_MS / TICK_MS};
  q.timer.data = &q;
  uv_timer_init(&c->loop, &q.timer);
  uv_timer_start(&q.timer, on_quiet, TICK_MS, TICK_MS);
  uv_timer_stop(&c->guard);
  run_until(c, q.left == 0);
  assert_false(q.given_up);
  assert_int_equal(c->server.connections, 1);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
  server_append(&c->server, 1, 1, 100);
  run_until(c, c->events == 21);
  assert_int_equal(c->server.connections, 1);
  uv_close((uv_handle_t *)&q.timer, on_quiet_closed);
  run_until(c, q.closed);
}

static void malformed_frames_are_answered_by_a_new_connection(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  static const uint8_t nonsense[][12] = {
      {0, 0, 0, 3, 2, 0, 0, 0},                               /* shorter than its header */
      {0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0},                   /* larger than anything */
      {0, 0, 0, 12, 2, 0, 0, 0, 0x00, 0x53, 0x14, 0xc0},      /* a transfer that is cut off */
      {'H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', '4', '0'} /* another protocol */
  };
  for (uint32_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
    server_write(&c->server, nonsense[i], sizeof nonsense[i]);
    run_until(c, c->troubles[SD_TROUBLE_RETRYING] == i + 1);
    server_append(&c->server, 0, 1, 100);
    run_until(c, c->events == 20 + i + 1 && c->recovered == i + 1);
  }
}

static void back_pressure_from_the_owner_loses_nothing(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 500, 100);
  server_append(&c->server, 1, 500, 100);
  c->refuse_at = 100;
  client_start(c);
  run_until(c, c->calls > 100);
  c->refuse_at = (uint32_t)c->calls + 200;
  run_until(c, c->events == 1000);
  assert_int_equal(c->server.connections, 1);
  assert_true(c->server.partitions[0].attaches + c->server.partitions[1].attaches >= 4);
}

static void an_event_that_cannot_be_placed_stops_its_partition(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 10, 100);
  c->server.partitions[0].events[5].unplaced = true;
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_STOP] == 1);
  assert_int_equal(c->last_trouble_partition, 0);
  assert_int_equal(c->events, 5);
  assert_non_null(strstr(c->last_error.message, "behind sequence number 4"));
  server_append(&c->server, 1, 10, 100);
  run_until(c, c->events == 15);
}

static void a_hub_that_was_created_anew_loses_its_positions(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  c->server.created_at_ms += 1000;
  server_cut(&c->server);
  run_until(c, c->troubles[SD_TROUBLE_OFFSET_LOST] == 1);
  assert_int_equal(c->last_trouble_partition, SD_SOURCE_ALL_PARTITIONS);
  assert_non_null(strstr(c->last_error.message, "created anew"));
  assert_int_equal(c->server.partitions[0].attaches, 1);
}

static void a_hub_that_was_created_anew_under_our_feet_is_noticed_before_attaching(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  c->server.created_at_ms += 1000;
  server_detach(&c->server, 0, "amqp:link:detach-forced", "The entity was deleted and created again.");
  run_until(c, c->troubles[SD_TROUBLE_OFFSET_LOST] == 1);
  assert_int_equal(c->last_trouble_partition, SD_SOURCE_ALL_PARTITIONS);
  assert_int_equal(c->server.partitions[0].attaches, 1);
  /* The owner may go on in the new hub. */
  const sd_position earliest = {.kind = SD_POSITION_EARLIEST};
  c->next[0] = 0;
  c->source->vtable->open_partition(c->source, 0, &earliest, 8);
  run_until(c, c->events == 30);
}

static void a_silent_link_is_attached_again(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  c->server.partitions[0].silent = true;
  server_append(&c->server, 0, 5, 100);
  for (uint32_t i = 1; i <= 3; i++) {
    assert_int_equal(c->server.partitions[0].attaches, 1);
    assert_true(c->source->vtable->refresh(c->source));
    run_until(c, c->refreshed == i);
  }
  c->server.partitions[0].silent = false;
  run_until(c, c->events == 25);
  assert_int_equal(c->server.partitions[0].attaches, 2);
  assert_int_equal(c->server.partitions[1].attaches, 1);
}

static void a_refresh_while_away_is_answered_by_the_next_connection(void **state)
{
  client *c = *state;
  start_with_events(c, 10);
  server_cut(&c->server);
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] == 1);
  assert_true(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 1);
  assert_false(c->refresh_failed);
  assert_int_equal(c->partitions[0].last_sequence, 9);
}

static void an_unreachable_broker_is_tried_until_it_is_there(void **state)
{
  client *c = *state;
  uint16_t port = c->server.port;
  sd_net_listener_close(c->server.listener);
  c->server.listener = NULL;
  client_start(c);
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] >= 3);
  assert_true(port > 0);
  assert_false(c->ready);
  c->source->vtable->stop(c->source);
  run_until(c, c->stopped);
}

static void a_ready_token_that_has_expired_is_told_at_start(void **state)
{
  client *c = *state;
  sd_source *source = NULL;
  sd_error error;
  const sd_source_handler handler = {.struct_size = sizeof handler};
  sd_eventhubs_options options = {.struct_size = sizeof options,
                                  .host = "h",
                                  .hub = "hub",
                                  .consumer_group = "g",
                                  .sas_token =
                                      "SharedAccessSignature sr=sb%3a%2f%2fh&sig=c2VjcmV0&se=1000&skn=n"};
  assert_int_equal(sd_eventhubs_source_new(&c->loop, &options, &handler, NULL, NULL, &source, &error), SD_OK);
  assert_int_equal(source->vtable->start(source, &error), SD_DENIED);
  assert_non_null(strstr(error.message, "expired at 1970-01-01T00:16:40Z"));
  assert_null(strstr(error.message, "c2Vj"));
  source->vtable->free(source);
  options.sas_token = "nonsense";
  assert_int_equal(sd_eventhubs_source_new(&c->loop, &options, &handler, NULL, NULL, &source, &error),
                   SD_CONFIG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(after_a_cut_it_resumes_by_offset_behind_what_was_delivered),
      TEST(many_cuts_in_the_middle_of_the_stream_lose_and_repeat_nothing),
      TEST(what_the_broker_repeats_is_dropped),
      TEST(latest_loses_nothing_when_the_first_connection_breaks_before_an_event),
      TEST(a_stolen_partition_is_lost_and_not_hammered),
      TEST(a_position_that_the_broker_lost_closes_the_partition),
      TEST(throttling_is_waited_out),
      TEST(a_tidied_up_link_comes_back_without_a_word),
      TEST(a_link_that_ends_without_reason_comes_back),
      TEST(an_unknown_condition_is_retried),
      TEST(a_forced_end_of_the_connection_is_reconnected),
      TEST(a_token_is_renewed_on_the_same_connection),
      TEST(a_failed_renewal_is_tried_again_before_the_token_dies),
      TEST(one_refused_token_is_followed_by_a_fresh_one),
      TEST(two_refused_tokens_stop_with_advice),
      TEST(a_link_without_rights_gets_one_fresh_token),
      TEST(a_link_without_rights_after_a_fresh_token_stops),
      TEST(what_does_not_exist_stops_and_is_named),
      TEST(put_token_for_an_unknown_hub_stops),
      TEST(a_silent_broker_meets_a_deadline_at_each_step),
      TEST(an_attach_without_answer_meets_a_deadline),
      TEST(a_broker_that_falls_silent_is_noticed),
      TEST(an_abort_does_not_wait_for_a_silent_broker),
      TEST(a_connection_without_events_is_kept_by_heartbeats),
      TEST(malformed_frames_are_answered_by_a_new_connection),
      TEST(back_pressure_from_the_owner_loses_nothing),
      TEST(an_event_that_cannot_be_placed_stops_its_partition),
      TEST(a_hub_that_was_created_anew_loses_its_positions),
      TEST(a_hub_that_was_created_anew_under_our_feet_is_noticed_before_attaching),
      TEST(a_silent_link_is_attached_again),
      TEST(a_refresh_while_away_is_answered_by_the_next_connection),
      TEST(an_unreachable_broker_is_tried_until_it_is_there),
      TEST(a_ready_token_that_has_expired_is_told_at_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
