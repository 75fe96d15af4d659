/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The control protocol: faults that come and go, as a client meets them. */
#include "requests.h"

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

static void control(const char *line, const char *expected)
{
  sd_buf answer;
  sd_buf_init(&answer, 65536);
  sd_emulator_control(emulator, sd_bytes_of(line), &answer);
  if (!strstr(sd_buf_text(&answer), expected))
    fail_msg("%s: \"%s\" is not in \"%s\"", line, expected, sd_buf_text(&answer));
  sd_buf_release(&answer);
}

static void faults_come_and_go_by_control(void **state)
{
  (void)state;
  static watched sender;
  static watched receiver;
  watched_init(&sender);
  watched_init(&receiver);
  client_attach(&sender, SD_AMQP_SENDER, "s", "events/Partitions/0", NULL);
  client_attach(&receiver, SD_AMQP_RECEIVER, "r", "events/ConsumerGroups/$Default/Partitions/0", NULL);
  sd_amqp_link_set_credit(receiver.link, 50);

  control("{\"do\":\"throttle\",\"hub\":\"events\",\"what\":\"send\",\"count\":1}", "\"ok\":true");
  client_publish(&sender, 1);
  assert_int_equal(c.outcome, SD_AMQP_CODE_REJECTED);
  assert_string_equal(c.outcome_condition, "com.microsoft:server-busy");
  client_publish(&sender, 1);
  RUN_UNTIL(receiver.deliveries == 1);

  control("{\"do\":\"stall\",\"hub\":\"events\",\"partition\":\"0\"}", "\"affected\":1");
  client_publish(&sender, 1);
  client_publish(&sender, 1);
  assert_int_equal(receiver.deliveries, 1);
  control("{\"do\":\"stats\"}", "\"id\":\"0\",\"received\":3,\"sent\":1");
  control("{\"do\":\"resume\"}", "\"ok\":true");
  RUN_UNTIL(receiver.deliveries == 3);

  control("{\"do\":\"delay\",\"hub\":\"events\",\"ms\":5}", "\"ok\":true");
  client_publish(&sender, 1);
  RUN_UNTIL(receiver.deliveries == 4);
  client_publish(&sender, 1);
  RUN_UNTIL(receiver.deliveries == 5);
  control("{\"do\":\"delay\",\"ms\":0}", "\"ok\":true");

  control("{\"do\":\"steal\",\"hub\":\"events\",\"partition\":0,\"hold\":true}", "\"affected\":1");
  RUN_UNTIL(receiver.detached);
  assert_string_equal(receiver.error.condition, "amqp:link:stolen");
  client_assert_refused(SD_AMQP_RECEIVER, "events/ConsumerGroups/$Default/Partitions/0", NULL,
                        "amqp:link:stolen", "non-epoch receiver is not allowed");
  control("{\"do\":\"release\",\"hub\":\"events\",\"partition\":\"0\"}", "\"ok\":true");

  control("{\"do\":\"detach\",\"hub\":\"events\",\"condition\":\"amqp:not-allowed\"}", "\"affected\":1");
  RUN_UNTIL(sender.detached);
  assert_string_equal(sender.error.condition, "amqp:not-allowed");

  static watched again;
  watched_init(&again);
  client_attach(&again, SD_AMQP_RECEIVER, "again", "events/ConsumerGroups/$Default/Partitions/0", NULL);
  assert_true(again.has_terminus);
  control("{\"do\":\"cut\",\"hub\":\"events\",\"partition\":\"0\",\"after\":2}", "\"ok\":true");
  sd_amqp_link_set_credit(again.link, 50);
  RUN_UNTIL(c.closed);
  assert_int_equal(again.deliveries, 2);
  control("{\"do\":\"stats\"}", "\"id\":\"0\",\"received\":5,\"sent\":7");
  sd_buf_release(&sender.last);
  sd_buf_release(&receiver.last);
  sd_buf_release(&again.last);
}

static void a_recreated_hub_is_empty_and_has_other_offsets(void **state)
{
  (void)state;
  static watched sender;
  static watched receiver;
  sd_buf filter;
  watched_init(&sender);
  watched_init(&receiver);
  client_attach(&sender, SD_AMQP_SENDER, "s", "events/Partitions/0", NULL);
  client_publish(&sender, 1);
  control("{\"do\":\"stats\"}", "\"last_offset\":\"17592186044416\"");
  control("{\"do\":\"recreate\",\"hub\":\"events\"}", "\"ok\":true");
  RUN_UNTIL(sender.detached);
  control("{\"do\":\"stats\"}", "\"received\":0,\"sent\":0");
  sd_buf_init(&filter, 1024);
  client_put_selector(&filter, "amqp.annotation.x-opt-offset > '17592186044416'");
  sd_amqp_attach more = {.source.filter_raw = sd_buf_bytes(&filter)};
  client_assert_refused(SD_AMQP_RECEIVER, "events/ConsumerGroups/$Default/Partitions/0", &more,
                        "com.microsoft:argument-error", "is invalid");
  sd_buf_release(&filter);
  client_attach(&receiver, SD_AMQP_RECEIVER, "r", "events/ConsumerGroups/$Default/Partitions/0", NULL);
  assert_true(receiver.has_terminus);
  sd_buf_release(&sender.last);
  sd_buf_release(&receiver.last);
}

static void bad_commands_are_answered_with_what_is_wrong(void **state)
{
  (void)state;
  control("nonsense", "\"ok\":false");
  control("{\"do\":\"dance\"}", "must be one of");
  control("{\"do\":\"stall\",\"hub\":\"other\"}", "there is no hub other");
  control("{\"do\":\"stall\",\"hub\":\"events\",\"partition\":\"9\"}", "needs a");
  control("{\"do\":\"stall\",\"partition\":\"0\"}", "needs a");
  control("{\"do\":\"cut\",\"after\":-1}", "not negative");
  control("{\"do\":\"throttle\",\"what\":\"x\"}", "send, attach or both");
  control("{\"do\":\"recreate\"}", "is missing");
}

/* ---- closing, silence, expiry ---- */

static void a_closed_connection_is_told_why(void **state)
{
  (void)state;
  static watched sender;
  static client bystander;
  watched_init(&sender);
  client_connect_one(&bystander);
  client_attach(&sender, SD_AMQP_SENDER, "s", "events/Partitions/0", NULL);
  control("{\"do\":\"stats\"}", "\"connections\":2,\"accepted\":2,\"attached\":1}");
  /* Only connections with a link of the hub are meant. */
  control("{\"do\":\"close\",\"hub\":\"events\",\"partition\":\"1\"}", "\"affected\":0");
  control("{\"do\":\"close\",\"hub\":\"events\",\"partition\":\"0\"}", "\"affected\":1");
  RUN_UNTIL(c.closed);
  assert_true(sender.detached);
  assert_string_equal(c.error.condition, "amqp:connection:forced");
  assert_non_null(strstr(c.error.message, "TrackingId:"));
  assert_false(bystander.closed);

  control("{\"do\":\"close\",\"condition\":\"amqp:internal-error\",\"description\":\"Maintenance.\"}",
          "\"affected\":1");
  RUN_UNTIL(bystander.closed);
  assert_string_equal(bystander.error.condition, "amqp:internal-error");
  assert_non_null(strstr(bystander.error.message, "Maintenance."));
  client_disconnect_one(&bystander);
  sd_buf_release(&sender.last);
}

static void a_silent_connection_gets_no_answer_until_the_silence_ends(void **state)
{
  (void)state;
  static watched sender;
  static client later;
  uint32_t id;
  sd_buf message;
  watched_init(&sender);
  sd_buf_init(&message, 1024);
  sd_amqp_put_data_section(&message, sd_bytes_of("body"));
  client_attach(&sender, SD_AMQP_SENDER, "s", "events/Partitions/0", NULL);
  control("{\"do\":\"silence\"}", "\"affected\":1");
  control("{\"do\":\"silence\"}", "\"affected\":0");
  id = client_send(&sender, sd_buf_bytes(&message), 0);
  assert_int_equal(id, 0);
  /* Whoever comes later is served; its handshake takes several turns of the loop in which the first could
   * have been. */
  client_connect_one(&later);
  assert_int_equal(c.outcomes, 0);
  assert_false(c.closed);
  control("{\"do\":\"stats\"}", "\"id\":\"0\",\"received\":0");
  control("{\"do\":\"silence\",\"on\":false}", "\"affected\":1");
  RUN_UNTIL(c.outcomes == 1);
  assert_int_equal(c.outcome, SD_AMQP_CODE_ACCEPTED);
  control("{\"do\":\"stats\"}", "\"id\":\"0\",\"received\":1");

  control("{\"do\":\"silence\"}", "\"affected\":2");
  (void)client_send(&sender, sd_buf_bytes(&message), 0);
  control("{\"do\":\"resume\"}", "\"ok\":true");
  RUN_UNTIL(c.outcomes == 2);
  client_disconnect_one(&later);
  sd_buf_release(&message);
  sd_buf_release(&sender.last);
}

static void expired_tokens_end_their_links_and_a_new_token_opens_them(void **state)
{
  (void)state;
  static watched sender;
  static watched again;
  watched_init(&sender);
  watched_init(&again);
  attach_node("$cbs");
  assert_int_equal(put_token("sb://h/events", token_for("sb://h/events", KEY, 60)), 202);
  client_attach(&sender, SD_AMQP_SENDER, "s", "events/Partitions/0", NULL);
  client_publish(&sender, 1);
  assert_int_equal(c.outcome, SD_AMQP_CODE_ACCEPTED);

  control("{\"do\":\"expire\"}", "\"affected\":1");
  RUN_UNTIL(sender.detached);
  assert_string_equal(sender.error.condition, "amqp:unauthorized-access");
  assert_non_null(strstr(sender.error.message, "ExpiredToken"));
  client_assert_refused(SD_AMQP_SENDER, "events/Partitions/0", NULL, "amqp:unauthorized-access",
                        "'Send' claim(s) are required");
  assert_int_equal(put_token("sb://h/events", token_for("sb://h/events", KEY, 60)), 202);
  client_attach(&again, SD_AMQP_SENDER, "again", "events/Partitions/0", NULL);
  assert_true(again.has_terminus);
  client_publish(&again, 1);
  assert_int_equal(c.outcome, SD_AMQP_CODE_ACCEPTED);
  release_node();
  sd_buf_release(&sender.last);
  sd_buf_release(&again.last);
}

#define TEST(name)          cmocka_unit_test_setup_teardown(name, setup, emulator_teardown)
#define TEST_WITH_KEY(name) cmocka_unit_test_setup_teardown(name, setup_with_key, emulator_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(faults_come_and_go_by_control),
      TEST(a_recreated_hub_is_empty_and_has_other_offsets),
      TEST(bad_commands_are_answered_with_what_is_wrong),
      TEST(a_closed_connection_is_told_why),
      TEST(a_silent_connection_gets_no_answer_until_the_silence_ends),
      TEST_WITH_KEY(expired_tokens_end_their_links_and_a_new_token_opens_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
