/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The source against a service that takes fewer links on a session than the hub has partitions. */
#include "client.h"

#include "base/alloc.h"
#include "eventhubs/connection_internal.h"

enum {
  PARTITIONS = 20,
  HANDLE_MAX = 7, /* 8 links on a session */
  SESSIONS = 3,
  EVENTS = 300,
  FRAME = 65536
};

static int setup(void **state)
{
  client *c = sd_calloc(1, sizeof *c);
  if (!c)
    return -1;
  client_init(c, PARTITIONS);
  c->server.handle_max = HANDLE_MAX;
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

static sd_hub_connection *connection_of(const client *c)
{
  return ((sd_eventhubs_source *)c->source)->connection;
}

static uint32_t count_sessions(const client *c)
{
  uint32_t count = 0;
  for (const sd_hub_session *session = connection_of(c)->events; session; session = session->next)
    count++;
  return count;
}

/* Transfer frames that the broker may send on all sessions together. */
static uint64_t sum_windows(const client *c)
{
  uint64_t sum = 0;
  const sd_hub_connection *connection = connection_of(c);
  for (const sd_hub_session *session = connection ? connection->events : NULL; session;
       session = session->next)
    sum += session->links > 0 ? sd_amqp_session_incoming_window(session->amqp) : 0;
  return sum;
}

static void append_to_all(client *c, uint32_t events, uint32_t size)
{
  for (uint32_t i = 0; i < PARTITIONS; i++)
    server_append(&c->server, i, events, size);
}

static bool all_attached(const client *c)
{
  for (uint32_t i = 0; i < PARTITIONS; i++) {
    if (!c->server.partitions[i].link)
      return false;
  }
  return true;
}

static void every_partition_is_received_on_as_many_sessions_as_it_takes(void **state)
{
  client *c = *state;
  append_to_all(c, EVENTS, 300);
  client_start(c);
  run_until(c, c->events == PARTITIONS * EVENTS);
  for (uint32_t i = 0; i < PARTITIONS; i++) {
    assert_int_equal(c->next[i], EVENTS);
    assert_int_equal(c->server.partitions[i].attaches, 1);
  }
  assert_int_equal(count_sessions(c), SESSIONS);
  for (const sd_hub_session *session = connection_of(c)->events; session; session = session->next)
    assert_in_range(session->links, 1, HANDLE_MAX + 1);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
  assert_int_equal(c->server.connections, 1);
}

static void a_session_holds_no_more_than_our_own_limit(void **state)
{
  client *c = *state;
  c->server.handle_max = 0;
  client_start(c);
  run_until(c, all_attached(c));
  sd_hub_session *session;
  assert_int_equal(count_sessions(c), 1);
  assert_int_equal(sd_hub_session_with_room(connection_of(c), &session), SD_OK);
  session->links += SD_HUB_SESSION_LINKS_MAX - PARTITIONS;
  assert_int_equal(sd_hub_session_with_room(connection_of(c), &session), SD_AGAIN);
  connection_of(c)->events->next->links -= SD_HUB_SESSION_LINKS_MAX - PARTITIONS;
  assert_int_equal(count_sessions(c), 2);
}

static void a_link_that_ended_leaves_its_place_to_another(void **state)
{
  client *c = *state;
  client_start(c);
  run_until(c, all_attached(c));
  for (uint32_t round = 2; round < 6; round++) {
    for (uint32_t i = 0; i < PARTITIONS; i++)
      c->source->vtable->open_partition(c->source, i, &c->from, 7);
    for (uint32_t i = 0; i < PARTITIONS; i++)
      run_until(c, c->server.partitions[i].attaches == round && c->server.partitions[i].link);
  }
  assert_int_equal(count_sessions(c), SESSIONS);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
}

static void the_windows_together_stay_within_the_grant(void **state)
{
  client *c = *state;
  c->grant = 2 * 1024 * 1024;
  append_to_all(c, 40, 50000);
  client_start(c);
  const sd_credit *credit = &((sd_eventhubs_source *)c->source)->credit;
  uint64_t largest = 0;
  while (c->events < PARTITIONS * 40) {
    client_turn(c, "all events");
    uint64_t sum = sum_windows(c);
    assert_true(sum * FRAME <= credit->free_bytes);
    largest = sum > largest ? sum : largest;
  }
  assert_true(largest > SESSIONS); /* and they use it */
}

static void what_arrives_on_many_sessions_never_exceeds_the_grant(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.window_idle_ms = 60000; /* a slow machine does not look like an idle session */
  sd_eventhubs_source_set_timing(c->source, &timing);
  c->grant = 2 * 1024 * 1024;
  c->hold_grant = true;
  append_to_all(c, 20, 100000); /* more than a frame each */
  client_start(c);
  run_until(c, c->events >= 5);
  for (uint32_t i = 0; i < 3; i++) {
    assert_true(c->source->vtable->refresh(c->source));
    run_until(c, c->refreshed == i + 1);
    assert_true(c->bytes + sd_hub_connection_unfinished(connection_of(c)) <= c->grant);
  }
  c->grant = 4 * 1024 * 1024;
  c->hold_grant = false;
  c->source->vtable->grant(c->source, c->grant);
  run_until(c, c->events == PARTITIONS * 20);
}

static void one_busy_session_may_use_what_idle_ones_hold(void **state)
{
  client *c = *state;
  c->grant = 30 * FRAME;
  c->hold_grant = true;
  client_start(c);
  run_until(c, all_attached(c));
  assert_true(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 1);
  server_append(&c->server, PARTITIONS - 1, 25, 60000); /* far more than its session's share */
  run_until(c, c->events == 25);
  assert_true(c->bytes <= 30 * FRAME);
}

static void fewer_frames_than_sessions_go_round(void **state)
{
  client *c = *state;
  c->grant = (SESSIONS - 1) * FRAME;
  client_start(c);
  run_until(c, all_attached(c));
  for (uint32_t i = 0; i < PARTITIONS; i++) {
    uint64_t before = c->events;
    server_append(&c->server, i, 5, 100);
    run_until(c, c->events == before + 5);
    assert_true(sum_windows(c) <= SESSIONS - 1);
  }
}

static void an_event_larger_than_the_grant_arrives_whole_on_any_session(void **state)
{
  client *c = *state;
  c->grant = 2 * FRAME;
  client_start(c);
  run_until(c, all_attached(c));
  for (uint32_t i = 0; i < PARTITIONS; i += PARTITIONS - 1) {
    uint64_t before = c->events;
    server_append(&c->server, i, 1, 300000);
    run_until(c, c->events == before + 1);
  }
}

static void deliveries_are_settled_on_their_own_session(void **state)
{
  client *c = *state;
  c->server.unsettled = true;
  append_to_all(c, EVENTS, 20);
  client_start(c);
  run_until(c, c->events == PARTITIONS * EVENTS && c->server.settled == PARTITIONS * EVENTS);
  assert_true(c->server.dispositions >= SESSIONS);
  for (uint32_t i = 0; i < PARTITIONS; i++)
    assert_int_equal(c->server.partitions[i].settled, EVENTS);
}

/* Checks that only the links of partition 0's session were attached again. */
static void expect_one_session_renewed(const client *c)
{
  uint32_t again = 0;
  for (uint32_t i = 0; i < PARTITIONS; i++) {
    assert_in_range(c->server.partitions[i].attaches, 1, 2);
    again += c->server.partitions[i].attaches - 1;
  }
  assert_int_equal(c->server.partitions[0].attaches, 2);
  assert_in_range(again, 1, HANDLE_MAX + 1);
  assert_int_equal(count_sessions(c), SESSIONS);
  assert_int_equal(c->server.connections, 1);
}

static void a_session_that_the_broker_ends_takes_only_its_links_with_it(void **state)
{
  client *c = *state;
  append_to_all(c, EVENTS, 300);
  client_start(c);
  run_until(c, c->events == PARTITIONS * EVENTS);
  server_end_session(&c->server, 0, "amqp:session:window-violation", "scripted");
  append_to_all(c, EVENTS, 300);
  run_until(c, c->events == 2 * PARTITIONS * EVENTS && c->recovered > 0);
  assert_string_equal(c->last_error.condition, "amqp:session:window-violation");
  assert_true(c->troubles[SD_TROUBLE_RETRYING] > 0);
  for (uint32_t i = 0; i < PARTITIONS; i++)
    assert_int_equal(c->next[i], 2 * EVENTS);
  expect_one_session_renewed(c);
}

static void a_session_that_ends_in_the_middle_of_the_stream_loses_and_repeats_nothing(void **state)
{
  client *c = *state;
  append_to_all(c, 2000, 100);
  client_start(c);
  for (uint64_t at = 3000; at < PARTITIONS * 2000; at += 6000) {
    uint32_t partition = (uint32_t)(at / 3000) % PARTITIONS;
    run_until(c, c->events >= at && c->server.partitions[partition].link);
    server_end_session(&c->server, partition, at % 4000 == 0 ? NULL : "amqp:session:errant-link", "scripted");
  }
  run_until(c, c->events == PARTITIONS * 2000);
  for (uint32_t i = 0; i < PARTITIONS; i++)
    assert_int_equal(c->next[i], 2000);
  assert_int_equal(c->server.connections, 1);
}

static void a_session_that_ends_without_reason_is_replaced_without_a_word(void **state)
{
  client *c = *state;
  client_start(c);
  run_until(c, all_attached(c));
  server_end_session(&c->server, 0, NULL, NULL);
  append_to_all(c, 10, 100);
  run_until(c, c->events == PARTITIONS * 10);
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
  expect_one_session_renewed(c);
}

static void a_detach_without_answer_meets_a_deadline(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.step_timeout_ms = 200;
  sd_eventhubs_source_set_timing(c->source, &timing);
  append_to_all(c, 1, 10);
  client_start(c);
  run_until(c, c->events == PARTITIONS);
  c->server.mute = true;
  c->source->vtable->close_partition(c->source, PARTITIONS - 1);
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] == 1);
  assert_int_equal(c->last_error.code, SD_TIMEOUT);
  assert_non_null(strstr(c->last_error.message, "partition 19 of hub \"hub\" was not detached"));
  c->server.mute = false;
  run_until(c, c->recovered == 1);
  assert_int_equal(c->server.partitions[PARTITIONS - 1].attaches, 1);
}

static void a_session_without_answer_meets_a_deadline(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.step_timeout_ms = 200;
  sd_eventhubs_source_set_timing(c->source, &timing);
  client_start(c);
  c->open_on_ready = false;
  run_until(c, c->ready);
  for (uint32_t i = 0; i < HANDLE_MAX + 1; i++)
    c->source->vtable->open_partition(c->source, i, &c->from, 7);
  run_until(c, c->server.partitions[HANDLE_MAX].link && count_sessions(c) == 1);
  assert_true(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 1);
  c->server.mute = true;
  c->source->vtable->open_partition(c->source, HANDLE_MAX + 1, &c->from, 7);
  run_until(c, c->troubles[SD_TROUBLE_RETRYING] == 1);
  assert_int_equal(c->last_error.code, SD_TIMEOUT);
  assert_non_null(strstr(c->last_error.message, "did not begin a session in time"));
  c->server.mute = false;
  run_until(c, c->recovered == 1 && c->server.partitions[HANDLE_MAX + 1].link);
}

static void a_session_that_the_broker_begins_is_refused(void **state)
{
  client *c = *state;
  client_start(c);
  run_until(c, all_attached(c));
  server_begin_session(&c->server);
  run_until(c, c->server.refused_sessions == 1);
  append_to_all(c, 1, 10);
  run_until(c, c->events == PARTITIONS);
  assert_int_equal(c->server.connections, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(every_partition_is_received_on_as_many_sessions_as_it_takes),
      TEST(a_session_holds_no_more_than_our_own_limit),
      TEST(a_link_that_ended_leaves_its_place_to_another),
      TEST(the_windows_together_stay_within_the_grant),
      TEST(what_arrives_on_many_sessions_never_exceeds_the_grant),
      TEST(one_busy_session_may_use_what_idle_ones_hold),
      TEST(fewer_frames_than_sessions_go_round),
      TEST(an_event_larger_than_the_grant_arrives_whole_on_any_session),
      TEST(deliveries_are_settled_on_their_own_session),
      TEST(a_session_that_the_broker_ends_takes_only_its_links_with_it),
      TEST(a_session_that_ends_in_the_middle_of_the_stream_loses_and_repeats_nothing),
      TEST(a_session_that_ends_without_reason_is_replaced_without_a_word),
      TEST(a_detach_without_answer_meets_a_deadline),
      TEST(a_session_without_answer_meets_a_deadline),
      TEST(a_session_that_the_broker_begins_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
