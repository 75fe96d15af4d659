/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The service over the wire: $cbs, $management, links and their refusals. */
#include "requests.h"

#include "base/alloc.h"

#define KEY "a key of the test"

static int setup(void **state)
{
  (void)state;
  return emulator_setup_with(NULL);
}

static int setup_with_key(void **state)
{
  (void)state;
  return emulator_setup_with(KEY);
}

/* What watches a link is static: its end may come after the test. */

/* ---- requests ---- */

static void a_token_is_accepted_with_202_when_no_key_is_set(void **state)
{
  (void)state;
  attach_node("$cbs");
  assert_int_equal(put_token("sb://host/events", "anything"), 202);
  sd_amqp_message message;
  assert_int_equal(ask(&message, "x", "operation", "nonsense", NULL), 400);
  release_node();
}

static sd_amqp_value entry(const sd_amqp_message *message, const char *name, sd_amqp_type type)
{
  sd_amqp_value value;
  assert_int_equal(message->body.type, SD_AMQP_MAP);
  assert_true(sd_amqp_map_find(&message->body, name, &value));
  assert_int_equal(value.type, type);
  return value;
}

static void management_answers_with_the_exact_types(void **state)
{
  (void)state;
  sd_amqp_message m;
  attach_node("$management");
  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:eventhub", "name", "EVENTS", NULL),
                   200);
  assert_true(sd_bytes_equal_text(entry(&m, "name", SD_AMQP_STRING).as.bytes, "events"));
  assert_int_equal(entry(&m, "partition_count", SD_AMQP_INT).as.i, 2);
  assert_int_equal(entry(&m, "georeplication_factor", SD_AMQP_INT).as.i, 1);
  assert_true(entry(&m, "created_at", SD_AMQP_TIMESTAMP).as.i > 0);
  sd_amqp_value ids = entry(&m, "partition_ids", SD_AMQP_ARRAY);
  assert_int_equal(ids.as.compound.count, 2);

  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:partition", "name", "events",
                       "partition", "1", NULL),
                   200);
  assert_true(sd_bytes_equal_text(entry(&m, "partition", SD_AMQP_STRING).as.bytes, "1"));
  assert_true(sd_bytes_equal_text(entry(&m, "type", SD_AMQP_STRING).as.bytes, "com.microsoft:partition"));
  assert_int_equal(entry(&m, "begin_sequence_number", SD_AMQP_LONG).as.i, 0);
  assert_int_equal(entry(&m, "last_enqueued_sequence_number", SD_AMQP_LONG).as.i, -1);
  assert_true(sd_bytes_equal_text(entry(&m, "last_enqueued_offset", SD_AMQP_STRING).as.bytes, "-1"));
  (void)entry(&m, "last_enqueued_time_utc", SD_AMQP_TIMESTAMP);
  assert_true(entry(&m, "is_partition_empty", SD_AMQP_BOOLEAN).as.boolean);
  release_node();
}

static void management_knows_what_it_does_not_have(void **state)
{
  (void)state;
  sd_amqp_message m;
  attach_node("$management");
  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:eventhub", "name", "other", NULL),
                   404);
  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:partition", "name", "events",
                       "partition", "2", NULL),
                   404);
  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:queue", "name", "events", NULL),
                   400);
  assert_int_equal(
      ask(&m, "", "operation", "WRITE", "type", "com.microsoft:eventhub", "name", "events", NULL), 400);
  release_node();
}

static void only_good_tokens_pass_when_a_key_is_set(void **state)
{
  (void)state;
  attach_node("$cbs");
  assert_int_equal(put_token("sb://h/events", "anything"), 401);
  assert_int_equal(put_token("sb://h/events", token_for("sb://h/events", "wrong", 60)), 401);
  assert_int_equal(put_token("sb://h/events", token_for("sb://h/events", KEY, -10)), 401);
  assert_int_equal(put_token("sb://h/events", token_for("sb://h/others", KEY, 60)), 401);
  static watched refused;
  watched_init(&refused);
  client_attach(&refused, SD_AMQP_SENDER, "early", "events", NULL);
  RUN_UNTIL(refused.detached);
  assert_string_equal(refused.error.condition, "amqp:unauthorized-access");
  assert_false(refused.has_terminus);
  /* Scheme, port, case and the last slash do not matter; a hub's token is good for its partitions. */
  assert_int_equal(put_token("amqps://h:5671/Events/Partitions/0", token_for("SB://H:1/EVENTS/", KEY, 60)),
                   202);
  static watched sender;
  watched_init(&sender);
  client_attach(&sender, SD_AMQP_SENDER, "sender", "events/Partitions/0", NULL);
  assert_true(sender.has_terminus);
  release_node();
}

static void management_takes_the_token_of_the_request(void **state)
{
  (void)state;
  sd_amqp_message m;
  attach_node("$management");
  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:eventhub", "name", "events", NULL),
                   401);
  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:eventhub", "name", "events",
                       "security_token", token_for("amqp://h/events", "wrong", 60), NULL),
                   401);
  assert_int_equal(ask(&m, "", "operation", "READ", "type", "com.microsoft:eventhub", "name", "events",
                       "security_token", token_for("amqp://h/events", KEY, 60), NULL),
                   200);
  release_node();
}

/* ---- links ---- */

static void unknown_entities_are_refused_with_the_services_texts(void **state)
{
  (void)state;
  client_assert_refused(SD_AMQP_SENDER, "other", NULL, "amqp:not-found", "could not be found");
  client_assert_refused(SD_AMQP_RECEIVER, "other/ConsumerGroups/$Default/Partitions/0", NULL,
                        "amqp:not-found", "The messaging entity 'sb://127.0.0.1:");
  client_assert_refused(SD_AMQP_RECEIVER, "events/ConsumerGroups/nobody/Partitions/0", NULL, "amqp:not-found",
                        "could not be found");
  client_assert_refused(SD_AMQP_SENDER, "events/Partitions/2", NULL, "com.microsoft:argument-out-of-range",
                        "It should be between 0 and 1");
  client_assert_refused(SD_AMQP_RECEIVER, "events/ConsumerGroups/second/Partitions/x", NULL,
                        "com.microsoft:argument-out-of-range", "The specified partition is invalid");
  client_assert_refused(SD_AMQP_RECEIVER, "events", NULL, "amqp:not-found", "could not be found");
}

static void a_session_takes_256_links_as_the_services_does(void **state)
{
  (void)state;
  static watched links[256];
  char name[16];
  assert_int_equal(sd_amqp_session_handle_max(c.session), 255);
  sd_amqp_attach local = {.role = SD_AMQP_SENDER,
                          .source.present = true,
                          .target = {.present = true, .address = sd_bytes_of("events")}};
  for (int i = 0; i < 256; i++) {
    watched_init(&links[i]);
    (void)snprintf(name, sizeof name, "%d", i);
    local.name = sd_bytes_of(name);
    assert_int_equal(sd_amqp_link_attach(c.session, &local, &links[i], &links[i].link), SD_OK);
  }
  RUN_UNTIL(links[255].attached);
  assert_true(links[255].has_terminus);
  local.name = sd_bytes_of("one too many");
  sd_amqp_link *more = NULL;
  assert_int_equal(sd_amqp_link_attach(c.session, &local, NULL, &more), SD_LIMIT);
}

static void bad_positions_are_refused_with_the_services_texts(void **state)
{
  (void)state;
  static const struct {
    const char *expression;
    const char *text;
  } cases[] = {
      {"amqp.annotation.x-opt-offset > '5'",
       "The supplied offset '5' is invalid. The last offset in the system is '-1'"},
      {"amqp.annotation.x-opt-offset > 'abc'", "The supplied offset 'abc' is invalid."},
      {"amqp.annotation.x-opt-sequence-number > '7'", "The supplied sequence number '7' is invalid."},
      {"amqp.annotation.x-opt-colour > '7'", "The supplied selector expression is invalid"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_buf buf;
    sd_buf_init(&buf, 1024);
    client_put_selector(&buf, cases[i].expression);
    sd_amqp_attach more = {.source.filter_raw = sd_buf_bytes(&buf)};
    client_assert_refused(SD_AMQP_RECEIVER, "events/ConsumerGroups/$Default/Partitions/0", &more,
                          "com.microsoft:argument-error", cases[i].text);
    sd_buf_release(&buf);
  }
}

static void an_event_at_the_limit_passes_and_one_above_is_rejected(void **state)
{
  (void)state;
  enum { OVERHEAD = 8 };
  static watched sender;
  watched_init(&sender);
  client_attach(&sender, SD_AMQP_SENDER, "s", "events/Partitions/0", NULL);
  assert_int_equal(sender.max_message_size, 1048576);
  assert_true(sender.properties.len > 0);
  client_publish(&sender, 1048576 - OVERHEAD);
  assert_int_equal(c.outcome, SD_AMQP_CODE_ACCEPTED);
  client_publish(&sender, 1048576 - OVERHEAD + 1);
  assert_int_equal(c.outcome, SD_AMQP_CODE_REJECTED);
  assert_string_equal(c.outcome_condition, "amqp:link:message-size-exceeded");
  assert_false(sender.detached);
  client_publish(&sender, 0);
  assert_int_equal(c.outcome, SD_AMQP_CODE_ACCEPTED);
  sd_buf_release(&sender.last);
}

static void the_settle_mode_of_a_receiver_is_honoured(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    uint8_t mode;
    bool settled;
  } modes[] = {{"unsettled", SD_AMQP_SND_UNSETTLED, false},
               {"settled", SD_AMQP_SND_SETTLED, true},
               {"mixed", SD_AMQP_SND_MIXED, true}};
  static watched sender;
  watched_init(&sender);
  client_attach(&sender, SD_AMQP_SENDER, "s", "events/Partitions/0", NULL);
  client_publish(&sender, 10);
  for (size_t i = 0; i < 3; i++) {
    static watched receiver;
    sd_amqp_attach more = {.snd_settle_mode = modes[i].mode};
    watched_init(&receiver);
    client_attach(&receiver, SD_AMQP_RECEIVER, modes[i].name, "events/ConsumerGroups/$Default/Partitions/0",
                  &more);
    sd_amqp_link_set_credit(receiver.link, 5);
    RUN_UNTIL(receiver.deliveries == 1);
    assert_int_equal(receiver.settled[0], modes[i].settled);
    sd_amqp_link_detach(receiver.link, NULL, NULL);
    RUN_UNTIL(receiver.detached);
    sd_buf_release(&receiver.last);
  }
  sd_buf_release(&sender.last);
}

static void short_memory_at_the_start_is_reported(void **state)
{
  (void)state;
  const sd_emulator_hub hubs[] = {{"events", 2}, {"more", 1}};
  sd_emulator_options options = {.struct_size = sizeof options,
                                 .listen_host = "127.0.0.1",
                                 .hubs = hubs,
                                 .hub_count = 2,
                                 .sas_key = "a key that is long enough"};
  uv_loop_t own;
  sd_emulator *made = NULL;
  sd_error error;
  assert_int_equal(uv_loop_init(&own), 0);
  sd_alloc_fail_nth(0);
  assert_int_equal(sd_emulator_new(&own, &options, &made, &error), SD_OK);
  uint64_t calls = sd_alloc_calls();
  sd_emulator_free(made);
  assert_true(calls > 10);
  for (uint64_t nth = 1; nth <= calls; nth++) {
    made = NULL;
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_emulator_new(&own, &options, &made, &error), SD_NOMEM);
    assert_null(made);
  }
  sd_alloc_fail_nth(0);
  assert_int_equal(uv_loop_close(&own), 0);
}

/* Whatever allocation fails while a client is served, the emulator answers or ends that connection, and goes
 * on. */
static void short_memory_while_serving_harms_one_connection_at_most(void **state)
{
  (void)state;
  for (uint64_t nth = 1; nth <= 60; nth++) {
    static watched sender;
    sd_amqp_attach local = {.name = sd_bytes_of("s"),
                            .source.present = true,
                            .target = {.present = true, .address = sd_bytes_of("events/Partitions/0")}};
    watched_init(&sender);
    assert_int_equal(sd_amqp_link_attach(c.session, &local, &sender, &sender.link), SD_OK);
    sd_alloc_fail_nth(nth);
    client_flush();
    RUN_UNTIL(sender.attached || c.closed);
    sd_alloc_fail_nth(0);
    client_disconnect();
    client_connect();
  }
  static watched good;
  watched_init(&good);
  client_attach(&good, SD_AMQP_SENDER, "good", "events/Partitions/0", NULL);
  client_publish(&good, 1);
  assert_int_equal(c.outcome, SD_AMQP_CODE_ACCEPTED);
  sd_buf_release(&good.last);
}

#define TEST(name)          cmocka_unit_test_setup_teardown(name, setup, emulator_teardown)
#define TEST_WITH_KEY(name) cmocka_unit_test_setup_teardown(name, setup_with_key, emulator_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_token_is_accepted_with_202_when_no_key_is_set),
      TEST(management_answers_with_the_exact_types),
      TEST(management_knows_what_it_does_not_have),
      TEST_WITH_KEY(only_good_tokens_pass_when_a_key_is_set),
      TEST_WITH_KEY(management_takes_the_token_of_the_request),
      TEST(unknown_entities_are_refused_with_the_services_texts),
      TEST(a_session_takes_256_links_as_the_services_does),
      TEST(bad_positions_are_refused_with_the_services_texts),
      TEST(an_event_at_the_limit_passes_and_one_above_is_rejected),
      TEST(the_settle_mode_of_a_receiver_is_honoured),
      cmocka_unit_test(short_memory_at_the_start_is_reported),
      TEST(short_memory_while_serving_harms_one_connection_at_most),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
