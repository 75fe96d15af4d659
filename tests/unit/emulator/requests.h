/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Asking $cbs and $management from the test's client. */
#ifndef SD_TESTS_EMULATOR_REQUESTS_H
#define SD_TESTS_EMULATOR_REQUESTS_H

#include "client.h"

#include "crypto/sas.h"

static watched requests;
static watched replies;

static inline void attach_node(const char *node)
{
  watched_init(&requests);
  watched_init(&replies);
  client_attach(&requests, SD_AMQP_SENDER, "requests", node, NULL);
  client_attach(&replies, SD_AMQP_RECEIVER, "replies", node, NULL);
  assert_true(requests.has_terminus && replies.has_terminus);
  sd_amqp_link_set_credit(replies.link, 10);
}

static inline void release_node(void)
{
  sd_buf_release(&requests.last);
  sd_buf_release(&replies.last);
}

/* Sends application-properties (pairs, ended by NULL) and a text body; the answer's message and status. */
static inline int64_t ask(sd_amqp_message *ret_message, const char *body, ...)
{
  static uint64_t id;
  sd_buf buf;
  va_list args;
  uint32_t before = replies.deliveries;
  uint32_t count = 0;
  sd_buf_init(&buf, 65536);
  sd_amqp_put_section(&buf, SD_AMQP_SECTION_PROPERTIES);
  size_t mark = sd_amqp_begin_list(&buf);
  sd_amqp_put_ulong(&buf, ++id); /* message-id as Java and Python choose it */
  sd_amqp_end_list(&buf, mark, 1);
  sd_amqp_put_section(&buf, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
  mark = sd_amqp_begin_map(&buf);
  va_start(args, body);
  for (const char *text = va_arg(args, const char *); text; text = va_arg(args, const char *)) {
    sd_amqp_put_string(&buf, sd_bytes_of(text));
    count++;
  }
  va_end(args);
  sd_amqp_end_map(&buf, mark, count);
  sd_amqp_put_section(&buf, SD_AMQP_SECTION_VALUE);
  sd_amqp_put_string(&buf, sd_bytes_of(body));
  (void)client_send(&requests, sd_buf_bytes(&buf), 0);
  RUN_UNTIL(replies.deliveries > before);
  sd_buf_release(&buf);

  sd_amqp_value fields[SD_AMQP_PROPERTY_COUNT];
  sd_amqp_value value;
  int64_t status = 0;
  int64_t again = 0;
  assert_int_equal(sd_amqp_message_decode(sd_buf_bytes(&replies.last), ret_message), SD_OK);
  assert_int_equal(sd_amqp_properties_decode(&ret_message->properties, fields), SD_OK);
  assert_int_equal(fields[SD_AMQP_PROPERTY_CORRELATION_ID].type, SD_AMQP_ULONG);
  assert_int_equal(fields[SD_AMQP_PROPERTY_CORRELATION_ID].as.u, id);
  assert_true(sd_amqp_map_find(&ret_message->application_properties, "status-code", &value));
  assert_int_equal(value.type, SD_AMQP_INT);
  assert_true(sd_amqp_as_int64(&value, &status));
  assert_true(sd_amqp_map_find(&ret_message->application_properties, "statusCode", &value));
  assert_true(sd_amqp_as_int64(&value, &again));
  assert_int_equal(status, again);
  return status;
}

static inline int64_t put_token(const char *audience, const char *token)
{
  sd_amqp_message message;
  return ask(&message, token, "operation", "put-token", "type", "servicebus.windows.net:sastoken", "name",
             audience, NULL);
}

/* A signature by the key for the resource; negative: expired for so long. */
static inline const char *token_for(const char *resource, const char *key, int64_t valid_s)
{
  static char text[1024];
  sd_buf buf;
  sd_buf_init(&buf, sizeof text);
  assert_int_equal(sd_sas_sign(resource, "any", key, sd_clock_unix_us() / 1000000 + valid_s, &buf), SD_OK);
  assert_true(sd_bytes_to_text(sd_buf_bytes(&buf), text, sizeof text));
  sd_buf_release(&buf);
  return text;
}

#endif
