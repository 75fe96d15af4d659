/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The source against a scripted service, when all goes well: start, positions, credit, refresh, stop. */
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

static void it_tells_what_the_hub_is_when_ready(void **state)
{
  client *c = *state;
  server_append(&c->server, 1, 5, 10);
  c->open_on_ready = false;
  client_start(c);
  run_until(c, c->ready);
  assert_int_equal(c->count, 2);
  assert_string_equal(c->incarnation, "2023-11-14T22:13:20Z");
  assert_string_equal(c->partitions[0].id, "0");
  assert_true(c->partitions[0].empty);
  assert_int_equal(c->partitions[0].last_sequence, -1);
  assert_string_equal(c->partitions[1].id, "1");
  assert_false(c->partitions[1].empty);
  assert_int_equal(c->partitions[1].last_sequence, 4);
  assert_int_equal(c->server.put_tokens, 1);
  assert_string_equal(c->server.last_audience, "sb://127.0.0.1/hub");
  assert_int_equal(strncmp(c->server.last_token, "SharedAccessSignature sr=", 25), 0);
  assert_non_null(strstr(c->server.last_token, "&skn=rule"));
}

static void events_come_in_order_from_every_partition(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 3000, 300);
  server_append(&c->server, 1, 2000, 50);
  client_start(c);
  run_until(c, c->events == 5000);
  server_append(&c->server, 0, 10, 20);
  run_until(c, c->events == 5010);
  assert_string_equal(c->last_offset[0], "at-3009");
  assert_int_equal(c->troubles[SD_TROUBLE_RETRYING], 0);
  assert_int_equal(c->server.connections, 1);
}

static void a_link_states_filter_epoch_name_and_capability(void **state)
{
  client *c = *state;
  client_start(c);
  run_until(c, c->server.partitions[0].link && c->server.partitions[1].link);
  const server_partition *p = &c->server.partitions[0];
  assert_string_equal(p->selector, "amqp.annotation.x-opt-offset > '-1'");
  assert_int_equal(p->epoch, 7);
  assert_string_equal(p->receiver_name, "test receiver");
  assert_true(p->georeplication);
}

static void each_kind_of_position_becomes_its_selector(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 20, 10);
  c->open_on_ready = false;
  client_start(c);
  run_until(c, c->ready);
  const struct {
    sd_position position;
    const char *selector;
    int64_t first;
  } cases[] = {
      {{.kind = SD_POSITION_EARLIEST}, "amqp.annotation.x-opt-offset > '-1'", 0},
      {{.kind = SD_POSITION_OFFSET, .offset = "at-7"}, "amqp.annotation.x-opt-offset > 'at-7'", 8},
      {{.kind = SD_POSITION_SEQUENCE, .sequence = 4}, "amqp.annotation.x-opt-sequence-number > '4'", 5},
      {{.kind = SD_POSITION_TIME, .unix_us = 1009999}, "amqp.annotation.x-opt-enqueued-time > '1009'", 10},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint32_t attaches = c->server.partitions[0].attaches;
    uint64_t before = c->events;
    c->next[0] = cases[i].first;
    c->source->vtable->open_partition(c->source, 0, &cases[i].position, 7);
    run_until(c, c->server.partitions[0].attaches == attaches + 1 &&
                     c->events == before + (uint64_t)(20 - cases[i].first));
    assert_string_equal(c->server.partitions[0].selector, cases[i].selector);
  }
}

static void a_quote_in_an_offset_is_doubled(void **state)
{
  client *c = *state;
  sd_receiver r;
  sd_buf text;
  sd_receiver_init(&r, (sd_eventhubs_source *)c->source, 0, "0");
  r.position.kind = SD_POSITION_OFFSET;
  r.position.offset = "a'b";
  sd_buf_init(&text, 256);
  assert_int_equal(sd_receiver_selector(&r, &text), SD_OK);
  assert_string_equal(sd_buf_text(&text), "amqp.annotation.x-opt-offset > 'a''b'");
  sd_buf_release(&text);
}

static void latest_begins_with_what_comes_next(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 10, 10);
  c->from.kind = SD_POSITION_LATEST;
  c->next[0] = 10;
  client_start(c);
  run_until(c, c->server.partitions[0].link);
  assert_string_equal(c->server.partitions[0].selector, "amqp.annotation.x-opt-offset > '@latest'");
  server_append(&c->server, 0, 3, 10);
  run_until(c, c->events == 3);
}

static void nothing_flows_without_a_grant(void **state)
{
  client *c = *state;
  c->grant = 0;
  server_append(&c->server, 0, 100, 10);
  client_start(c);
  run_until(c, c->server.partitions[0].link && c->server.partitions[1].link);
  c->source->vtable->refresh(c->source);
  run_until(c, c->refreshed == 1);
  assert_int_equal(c->server.sent, 0);
  c->source->vtable->grant(c->source, 1024 * 1024);
  run_until(c, c->events == 100);
}

static void what_arrives_never_exceeds_the_grant(void **state)
{
  client *c = *state;
  c->grant = 4 * 1024 * 1024;
  c->hold_grant = true;
  /* Large events, of which the first credit would take far too many. */
  server_append(&c->server, 0, 200, 100000);
  server_append(&c->server, 1, 200, 100000);
  client_start(c);
  run_until(c, c->events >= 20);
  /* Until a refresh comes back, everything that was under way has arrived. */
  for (int i = 0; i < 3; i++) {
    assert_true(c->source->vtable->refresh(c->source));
    run_until(c, c->refreshed == (uint32_t)i + 1);
  }
  const sd_eventhubs_source *source = (const sd_eventhubs_source *)c->source;
  assert_true(c->bytes + sd_hub_connection_unfinished(source->connection) <= 4 * 1024 * 1024);
  c->source->vtable->grant(c->source, 0);
  uint64_t events = c->events;
  assert_true(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 4);
  assert_int_equal(c->events, events);
  c->hold_grant = false;
  c->source->vtable->grant(c->source, 4 * 1024 * 1024);
  run_until(c, c->events == 400);
}

static void an_event_larger_than_a_frame_arrives_whole(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 3, 900000);
  client_start(c);
  run_until(c, c->events == 3);
}

static void unsettled_deliveries_are_settled_in_ranges(void **state)
{
  client *c = *state;
  sd_eventhubs_timing timing = client_timing();
  c->server.unsettled = true;
  timing.settle_ms = 60000; /* by count alone */
  sd_eventhubs_source_set_timing(c->source, &timing);
  server_append(&c->server, 0, 4000, 20);
  client_start(c);
  run_until(c, c->events == 4000 && c->server.settled >= 4000 / 2);
  assert_true(c->server.dispositions <= 4000 / SD_HUB_SETTLE_COUNT);
  c->source->vtable->stop(c->source); /* the rest */
  run_until(c, c->server.settled == 4000);
}

static void a_few_unsettled_deliveries_are_settled_soon(void **state)
{
  client *c = *state;
  c->server.unsettled = true;
  server_append(&c->server, 0, 3, 20);
  client_start(c);
  run_until(c, c->events == 3 && c->server.settled == 3);
  assert_int_equal(c->server.dispositions, 1);
}

static void a_closed_partition_delivers_no_more_and_can_be_opened_again(void **state)
{
  client *c = *state;
  server_append(&c->server, 0, 10, 10);
  client_start(c);
  run_until(c, c->events == 10);
  c->source->vtable->close_partition(c->source, 0);
  run_until(c, !c->server.partitions[0].link);
  server_append(&c->server, 0, 10, 10);
  server_append(&c->server, 1, 10, 10);
  run_until(c, c->events == 20);
  assert_int_equal(c->next[0], 10);
  const sd_position position = {.kind = SD_POSITION_OFFSET, .offset = "at-9"};
  c->source->vtable->open_partition(c->source, 0, &position, 8);
  run_until(c, c->events == 30);
  assert_int_equal(c->server.partitions[0].epoch, 8);
}

static void refresh_asks_the_broker_anew_one_at_a_time(void **state)
{
  client *c = *state;
  client_start(c);
  assert_false(c->source->vtable->refresh(c->source));
  run_until(c, c->ready);
  server_append(&c->server, 1, 9, 10);
  assert_true(c->source->vtable->refresh(c->source));
  assert_false(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 1);
  assert_false(c->refresh_failed);
  assert_int_equal(c->partitions[1].last_sequence, 8);
  assert_true(c->source->vtable->refresh(c->source));
  run_until(c, c->refreshed == 2);
}

static void stop_ends_the_connection_in_order_and_delivers_nothing_more(void **state)
{
  client *c = *state;
  c->stop_on_event = true;
  server_append(&c->server, 0, 1000, 100);
  server_append(&c->server, 1, 1000, 100);
  client_start(c);
  run_until(c, c->events > 0);
  assert_int_equal(c->events, 1);
  run_until(c, c->stopped && c->server.open_connections == 0);
  assert_int_equal(c->events, 1);
  assert_int_equal(c->server.closes, 1);
  assert_null(c->server.partitions[0].link);
}

/* After each number of loop turns up to where everything runs. */
static void end_at_every_step(client *c, void (*end)(client *c))
{
  for (int turns = 0; turns < 40; turns++) {
    client_start(c);
    for (int i = 0; i < turns && c->events == 0; i++)
      client_turn(c, "a turn");
    end(c);
    run_until(c, c->stopped);
    c->source->vtable->free(c->source);
    c->stopped = c->ready = false;
    client_new_source(c);
    server_append(&c->server, 0, 1, 10);
    c->next[0] = c->next[1] = -1;
    c->events = 0;
  }
}

static void stop_twice(client *c)
{
  c->source->vtable->stop(c->source);
  c->source->vtable->stop(c->source);
  assert_false(c->stopped); /* the answer comes from the loop */
}

static void abort_at_once(client *c)
{
  c->source->vtable->abort(c->source);
  c->source->vtable->stop(c->source);
  assert_false(c->stopped);
}

static void stop_and_abort(client *c)
{
  c->source->vtable->stop(c->source);
  c->source->vtable->abort(c->source);
  assert_false(c->stopped);
}

static void abort_in_the_midst_of_a_stop(client *c)
{
  c->source->vtable->stop(c->source);
  for (int i = 0; i < 3 && !c->stopped; i++)
    uv_run(&c->loop, UV_RUN_NOWAIT);
  c->source->vtable->abort(c->source);
}

static void stop_works_at_every_step_of_connecting(void **state)
{
  end_at_every_step(*state, stop_twice);
}

static void abort_works_at_every_step_of_connecting(void **state)
{
  end_at_every_step(*state, abort_at_once);
  end_at_every_step(*state, stop_and_abort);
  end_at_every_step(*state, abort_in_the_midst_of_a_stop);
}

static void stop_and_free_work_without_a_start(void **state)
{
  client *c = *state;
  c->source->vtable->free(c->source);
  client_new_source(c);
  c->source->vtable->stop(c->source);
  run_until(c, c->stopped);
  sd_error error;
  assert_int_equal(c->source->vtable->start(c->source, &error), SD_STATE);
}

static void abort_works_without_a_start(void **state)
{
  client *c = *state;
  c->source->vtable->abort(c->source);
  run_until(c, c->stopped);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(it_tells_what_the_hub_is_when_ready),
      TEST(events_come_in_order_from_every_partition),
      TEST(a_link_states_filter_epoch_name_and_capability),
      TEST(each_kind_of_position_becomes_its_selector),
      TEST(a_quote_in_an_offset_is_doubled),
      TEST(latest_begins_with_what_comes_next),
      TEST(nothing_flows_without_a_grant),
      TEST(what_arrives_never_exceeds_the_grant),
      TEST(an_event_larger_than_a_frame_arrives_whole),
      TEST(unsettled_deliveries_are_settled_in_ranges),
      TEST(a_few_unsettled_deliveries_are_settled_soon),
      TEST(a_closed_partition_delivers_no_more_and_can_be_opened_again),
      TEST(refresh_asks_the_broker_anew_one_at_a_time),
      TEST(stop_ends_the_connection_in_order_and_delivers_nothing_more),
      TEST(stop_works_at_every_step_of_connecting),
      TEST(abort_works_at_every_step_of_connecting),
      TEST(stop_and_free_work_without_a_start),
      TEST(abort_works_without_a_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
