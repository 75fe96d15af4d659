/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The batch sender against the scripted service. */
#include "client.h"

#include "amqp/message.h"
#include "base/alloc.h"
#include "eventhubs/batch_encode.h"

#include <stdio.h>

typedef struct fixture {
  client client; /* its source stays unused; loop and server are what we need */
  sd_eventhubs_sender *sender;
  bool ready;
  bool closed;
  bool closed_with_error;
  uint32_t partitions;
  uint32_t room;
  uint32_t accepted;
  uint32_t rejected;
  uint32_t events;
  void *last_user;
  sd_error error;
} fixture;

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count)
{
  fixture *f = owner;
  f->ready = true;
  f->partitions = count;
  assert_string_equal(partitions[1].id, "1");
}

static void on_room(void *owner)
{
  fixture *f = owner;
  f->room++;
}

static void on_settled(void *owner, void *user, uint32_t events, const sd_error *error)
{
  fixture *f = owner;
  f->last_user = user;
  f->events += events;
  if (error) {
    f->rejected++;
    f->error = *error;
  } else {
    f->accepted++;
  }
}

static void on_closed(void *owner, const sd_error *error)
{
  fixture *f = owner;
  assert_false(f->closed);
  f->closed = true;
  f->closed_with_error = error != NULL;
  if (error)
    f->error = *error;
}

static int setup(void **state)
{
  fixture *f = sd_calloc(1, sizeof *f);
  if (!f)
    return -1;
  client_init(&f->client, 2);
  const sd_sender_handler handler = {.struct_size = sizeof handler,
                                     .on_ready = on_ready,
                                     .on_room = on_room,
                                     .on_settled = on_settled,
                                     .on_closed = on_closed};
  const sd_eventhubs_options options = {.struct_size = sizeof options,
                                        .host = "127.0.0.1",
                                        .port = f->client.server.port,
                                        .hub = "hub",
                                        .sas_key_name = "rule",
                                        .sas_key = "the key"};
  sd_error error;
  if (sd_eventhubs_sender_new(&f->client.loop, &options, &handler, f, NULL, &f->sender, &error) != SD_OK)
    fail_msg("%s", error.message);
  sd_eventhubs_timing timing = client_timing();
  sd_eventhubs_sender_set_timing(f->sender, &timing);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  fixture *f = *state;
  if (!f->closed) {
    sd_eventhubs_sender_stop(f->sender);
    run_until(&f->client, f->closed);
  }
  sd_eventhubs_sender_free(f->sender);
  client_release(&f->client);
  sd_free(f);
  return 0;
}

static void start(fixture *f)
{
  sd_error error;
  if (sd_eventhubs_sender_start(f->sender, &error) != SD_OK)
    fail_msg("%s", error.message);
  run_until(&f->client, f->ready);
}

/* Sends, waiting for room where there is none. */
static void send_one(fixture *f, const char *partition, const sd_sender_event *events, uint32_t count,
                     void *user)
{
  sd_error error;
  sd_status status;
  while ((status = sd_eventhubs_sender_send(f->sender, partition, events, count, user, &error)) == SD_AGAIN) {
    uint32_t room = f->room;
    run_until(&f->client, f->room > room);
  }
  if (status != SD_OK)
    fail_msg("%s", error.message);
}

static sd_sender_event event_of(const char *body)
{
  sd_sender_event event = {.body = sd_bytes_of(body)};
  return event;
}

static void batches_are_stored_and_their_verdicts_told(void **state)
{
  fixture *f = *state;
  start(f);
  assert_int_equal(f->partitions, 2);
  sd_sender_event events[3] = {event_of("one"), event_of(""), event_of("three")};
  int user = 0;
  send_one(f, "1", events, 3, &user);
  run_until(&f->client, f->accepted == 1);
  assert_int_equal(f->events, 3);
  assert_ptr_equal(f->last_user, &user);
  assert_int_equal(f->client.server.partitions[1].received, 3);
  assert_int_equal(f->client.server.partitions[1].events[2].body_size, 5);
  assert_int_equal(f->client.server.last_batch_format, 0x80013700u);
}

static void partitions_on_different_sessions_get_their_own_verdicts(void **state)
{
  enum { PARTITIONS = 6 };
  static const char *const ids[PARTITIONS] = {"0", "1", "2", "3", "4", "5"};
  fixture *f = *state;
  sd_sender_event event = event_of("one");
  int users[PARTITIONS];
  f->client.server.partition_count = PARTITIONS;
  f->client.server.handle_max = 3; /* 4 links on a session */
  start(f);
  for (uint32_t i = 0; i < PARTITIONS; i++) {
    send_one(f, ids[i], &event, 1, &users[i]);
    run_until(&f->client, f->accepted == i + 1);
    assert_ptr_equal(f->last_user, &users[i]);
    assert_int_equal(f->client.server.partitions[i].received, 1);
  }
  /* Now one session has had 4 deliveries and the other 2; from here on their ids are the same. */
  for (uint32_t i = 1; i <= 2; i++) {
    send_one(f, ids[5], &event, 1, &users[5]);
    run_until(&f->client, f->accepted == PARTITIONS + i);
  }
  f->client.server.publish = (server_refusal){"amqp:internal-error", "scripted", 1};
  send_one(f, ids[0], &event, 1, &users[0]);
  send_one(f, ids[5], &event, 1, &users[5]);
  run_until(&f->client, f->accepted + f->rejected == PARTITIONS + 4);
  assert_int_equal(f->rejected, 1);
  assert_ptr_equal(f->last_user, &users[5]);
  assert_int_equal(f->client.server.connections, 1);
}

static void many_batches_are_under_way_at_once_and_none_is_forgotten(void **state)
{
  fixture *f = *state;
  start(f);
  char body[1000];
  memset(body, 'x', sizeof body);
  sd_sender_event events[100];
  for (int i = 0; i < 100; i++)
    events[i] = (sd_sender_event){.body = sd_bytes_make(body, sizeof body)};
  for (int i = 0; i < 300; i++)
    send_one(f, i % 2 ? "1" : "0", events, 100, NULL);
  run_until(&f->client, f->accepted == 300);
  assert_int_equal(f->client.server.partitions[0].received, 15000);
  assert_int_equal(f->client.server.partitions[1].received, 15000);
  assert_true(f->room > 0);
}

static void no_more_than_the_maximum_waits_for_a_verdict(void **state)
{
  fixture *f = *state;
  start(f);
  sd_sender_event event = event_of("x");
  send_one(f, NULL, &event, 1, NULL);
  run_until(&f->client, f->accepted == 1);
  sd_error error;
  uint32_t sent = 0;
  while (sd_eventhubs_sender_send(f->sender, NULL, &event, 1, NULL, &error) == SD_OK)
    sent++;
  assert_int_equal(error.code, SD_AGAIN);
  assert_int_equal(sent, SD_SENDER_UNSETTLED_MAX);
  run_until(&f->client, f->room > 0 && f->accepted == 1 + sent);
}

static void a_rejected_batch_is_told_with_its_condition_and_the_next_one_goes_through(void **state)
{
  fixture *f = *state;
  start(f);
  f->client.server.publish = (server_refusal){"com.microsoft:server-busy", "50002", 1};
  sd_sender_event event = event_of("x");
  send_one(f, "0", &event, 1, NULL);
  run_until(&f->client, f->rejected == 1);
  assert_string_equal(f->error.condition, "com.microsoft:server-busy");
  assert_int_equal(f->error.retriable, 1);
  send_one(f, "0", &event, 1, NULL);
  run_until(&f->client, f->accepted == 1);
}

static void what_is_too_large_is_refused_here(void **state)
{
  fixture *f = *state;
  start(f);
  sd_sender_event event = event_of("x");
  send_one(f, "0", &event, 1, NULL);
  char *big = sd_calloc(1, SD_SENDER_BATCH_BYTES_MAX);
  assert_non_null(big);
  sd_error error;
  event.body = sd_bytes_make(big, SD_SENDER_BATCH_BYTES_MAX);
  assert_int_equal(sd_eventhubs_sender_send(f->sender, "0", &event, 1, NULL, &error), SD_LIMIT);
  event.body.len -= 64;
  send_one(f, "0", &event, 1, NULL);
  run_until(&f->client, f->accepted == 2);
  sd_free(big);
}

static void wrong_calls_are_refused(void **state)
{
  fixture *f = *state;
  sd_error error;
  sd_sender_event event = event_of("x");
  assert_int_equal(sd_eventhubs_sender_send(f->sender, NULL, &event, 1, NULL, &error), SD_STATE);
  start(f);
  assert_int_equal(sd_eventhubs_sender_send(f->sender, "9", &event, 1, NULL, &error), SD_NOT_FOUND);
  assert_int_equal(sd_eventhubs_sender_send(f->sender, NULL, &event, 0, NULL, &error), SD_INVALID);
  assert_int_equal(sd_eventhubs_sender_start(f->sender, &error), SD_STATE);
}

static void the_end_of_the_connection_is_told_once(void **state)
{
  fixture *f = *state;
  start(f);
  server_cut(&f->client.server);
  run_until(&f->client, f->closed);
  assert_true(f->closed_with_error);
  sd_error error;
  sd_sender_event event = event_of("x");
  assert_int_equal(sd_eventhubs_sender_send(f->sender, NULL, &event, 1, NULL, &error), SD_STATE);
}

static void a_refused_key_ends_with_advice(void **state)
{
  fixture *f = *state;
  sd_error error;
  f->client.server.cbs_status[0] = f->client.server.cbs_status[1] = 401;
  f->client.server.cbs_status_count = 2;
  assert_int_equal(sd_eventhubs_sender_start(f->sender, &error), SD_OK);
  run_until(&f->client, f->closed);
  assert_non_null(strstr(f->error.message, "Azure Event Hubs Data Sender"));
}

static void a_verdict_that_does_not_come_meets_a_deadline(void **state)
{
  fixture *f = *state;
  sd_eventhubs_timing timing = client_timing();
  timing.verdict_timeout_ms = 50;
  sd_eventhubs_sender_set_timing(f->sender, &timing);
  start(f);
  sd_sender_event event = event_of("x");
  send_one(f, "0", &event, 1, NULL);
  run_until(&f->client, f->accepted == 1);
  f->client.server.mute = true;
  send_one(f, "0", &event, 1, NULL);
  run_until(&f->client, f->closed);
  assert_int_equal(f->error.code, SD_TIMEOUT);
}

static void a_batch_has_the_services_format(void **state)
{
  (void)state;
  sd_buf out;
  sd_amqp_message envelope, inner;
  sd_amqp_value section, key;
  sd_bytes text;
  static const uint8_t properties[] = {0xc1, 0x06, 0x02, 0xa1, 0x01, 'n', 0x54, 0x07};
  const sd_sender_event events[2] = {{.body = sd_bytes_of("a"),
                                      .partition_key = sd_bytes_of("K"),
                                      .properties_encoded = sd_bytes_make(properties, sizeof properties)},
                                     {.body = sd_bytes_of("b")}};
  sd_buf_init(&out, 4096);
  assert_int_equal(sd_eventhubs_encode_batch(&out, events, 2), SD_OK);
  assert_int_equal(sd_amqp_message_decode(sd_buf_bytes(&out), &envelope), SD_OK);
  assert_int_equal(envelope.header.as.compound.count, 5);
  assert_true(sd_amqp_map_find(&envelope.message_annotations, "x-opt-partition-key", &key) &&
              sd_amqp_as_text(&key, &text) && sd_bytes_equal_text(text, "K"));
  assert_int_equal(envelope.body_count, 2);
  sd_amqp_cursor cursor = sd_amqp_cursor_of(envelope.body_sections);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(sd_amqp_body_next(&cursor, &section), SD_OK);
    assert_int_equal(sd_amqp_message_decode(section.as.bytes, &inner), SD_OK);
    assert_true(sd_bytes_equal_text(inner.body.as.bytes, i == 0 ? "a" : "b"));
    assert_true(sd_amqp_map_find(&inner.message_annotations, "x-opt-partition-key", &key));
    assert_int_equal(inner.application_properties.type, i == 0 ? SD_AMQP_MAP : SD_AMQP_NULL);
  }
  sd_buf_clear(&out);
  assert_int_equal(sd_eventhubs_encode_batch(&out, &events[1], 1), SD_OK);
  const uint8_t plain[] = {0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 6, 0x00, 0x53, 0x75, 0xa0, 1, 'b'};
  assert_int_equal(out.len, sizeof plain);
  assert_memory_equal(out.data, plain, sizeof plain);
  sd_buf_release(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(batches_are_stored_and_their_verdicts_told),
      TEST(partitions_on_different_sessions_get_their_own_verdicts),
      TEST(many_batches_are_under_way_at_once_and_none_is_forgotten),
      TEST(no_more_than_the_maximum_waits_for_a_verdict),
      TEST(a_rejected_batch_is_told_with_its_condition_and_the_next_one_goes_through),
      TEST(what_is_too_large_is_refused_here),
      TEST(wrong_calls_are_refused),
      TEST(the_end_of_the_connection_is_told_once),
      TEST(a_refused_key_ends_with_advice),
      TEST(a_verdict_that_does_not_come_meets_a_deadline),
      cmocka_unit_test(a_batch_has_the_services_format),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
