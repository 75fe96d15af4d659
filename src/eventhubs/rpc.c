/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Calls: encode, send when there is credit, match replies by correlation-id. */
#include "eventhubs/rpc.h"

#include "base/clock.h"
#include "base/random.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum { REPLY_CREDIT = 2 * SD_HUB_CALLS_MAX };

static sd_hub_rpc *rpc_of_sender(sd_hub_link *link)
{
  return (sd_hub_rpc *)((char *)link - offsetof(sd_hub_rpc, sender));
}

static sd_hub_rpc *rpc_of_receiver(sd_hub_link *link)
{
  return (sd_hub_rpc *)((char *)link - offsetof(sd_hub_rpc, receiver));
}

static bool is_waiting(const sd_hub_rpc *rpc)
{
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++) {
    if (rpc->calls[i].answer)
      return true;
  }
  return false;
}

static void finish(sd_hub_call *call, const sd_hub_reply *reply, const sd_error *error)
{
  sd_hub_reply_fn *answer = call->answer;
  call->answer = NULL;
  sd_buf_clear(&call->message);
  answer(call->user, reply, error);
}

/* Only what is under way now: an answer may make a new call. */
static void fail_all(sd_hub_rpc *rpc, const sd_error *error)
{
  uint64_t end = rpc->next_id;
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++) {
    if (rpc->calls[i].answer && rpc->calls[i].id < end)
      finish(&rpc->calls[i], NULL, error);
  }
}

static void send_waiting(sd_hub_rpc *rpc)
{
  if (!rpc->sender_open || !rpc->receiver_open || rpc->broken)
    return;
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++) {
    sd_hub_call *call = &rpc->calls[i];
    if (!call->answer || call->sent)
      continue;
    /* Settled beforehand: the reply tells what became of it. */
    sd_amqp_send_options options = {
        .struct_size = sizeof options, .tag = sd_bytes_make(&call->id, sizeof call->id), .settled = true};
    sd_bytes message = sd_buf_bytes(&call->message);
    if (sd_amqp_send(rpc->sender.amqp, &options, &message, 1, NULL) != SD_OK)
      return; /* on_flow comes, or the deadline */
    call->sent = true;
  }
}

static sd_status attach_pair(sd_hub_rpc *rpc)
{
  char name[SD_UUID_TEXT_SIZE + 16];
  char uuid[SD_UUID_TEXT_SIZE];
  sd_amqp_attach attach;
  sd_random_uuid(uuid);
  rpc->broken = false;

  memset(&attach, 0, sizeof attach);
  snprintf(name, sizeof name, "%s-receiver", uuid);
  attach.name = sd_bytes_of(name);
  attach.role = SD_AMQP_RECEIVER;
  attach.snd_settle_mode = SD_AMQP_SND_MIXED;
  attach.source.present = true;
  attach.source.address = sd_bytes_of(rpc->node);
  attach.target.present = true;
  attach.target.address = sd_bytes_of(rpc->reply_to);
  sd_status status = sd_hub_connection_attach(rpc->connection, true, &attach, &rpc->receiver);
  if (status != SD_OK)
    return status;
  sd_amqp_link_set_credit(rpc->receiver.amqp, REPLY_CREDIT);

  memset(&attach, 0, sizeof attach);
  snprintf(name, sizeof name, "%s-sender", uuid);
  attach.name = sd_bytes_of(name);
  attach.role = SD_AMQP_SENDER;
  attach.snd_settle_mode = SD_AMQP_SND_SETTLED;
  attach.source.present = true;
  attach.source.address = sd_bytes_of(rpc->reply_to);
  attach.target.present = true;
  attach.target.address = sd_bytes_of(rpc->node);
  status = sd_hub_connection_attach(rpc->connection, true, &attach, &rpc->sender);
  if (status != SD_OK) {
    rpc->broken = true;
    sd_hub_link_detach(&rpc->receiver);
  }
  return status;
}

/* Without their links the calls would only wait for their deadlines. */
static void attach_or_fail(sd_hub_rpc *rpc)
{
  if (rpc->sender.amqp || rpc->receiver.amqp)
    return;
  sd_status status = attach_pair(rpc);
  if (status != SD_OK) {
    sd_error error;
    sd_error_set(&error, status, "%s could not be attached: %s", rpc->node, sd_status_text(status));
    fail_all(rpc, &error);
  }
}

static void on_sender_attach(sd_hub_link *link, const sd_amqp_attach *remote)
{
  sd_hub_rpc *rpc = rpc_of_sender(link);
  rpc->sender_open = remote->target.present;
  send_waiting(rpc);
}

static void on_receiver_attach(sd_hub_link *link, const sd_amqp_attach *remote)
{
  sd_hub_rpc *rpc = rpc_of_receiver(link);
  rpc->receiver_open = remote->source.present;
  send_waiting(rpc);
}

static void on_sender_flow(sd_hub_link *link)
{
  send_waiting(rpc_of_sender(link));
}

/* One link of the pair is gone: so is the pair. */
static void on_pair_detach(sd_hub_rpc *rpc, const sd_error *error)
{
  bool first = !rpc->broken;
  rpc->broken = true;
  if (first) {
    sd_hub_link_detach(&rpc->sender);
    sd_hub_link_detach(&rpc->receiver);
    sd_error closed;
    if (!error) {
      sd_error_set(&closed, SD_CLOSED, "the broker closed its %s links", rpc->node);
      error = &closed;
    }
    fail_all(rpc, error);
  }
  if (is_waiting(rpc))
    attach_or_fail(rpc);
}

static void on_sender_detach(sd_hub_link *link, const sd_error *error)
{
  sd_hub_rpc *rpc = rpc_of_sender(link);
  rpc->sender_open = false;
  on_pair_detach(rpc, error);
}

static void on_receiver_detach(sd_hub_link *link, const sd_error *error)
{
  sd_hub_rpc *rpc = rpc_of_receiver(link);
  rpc->receiver_open = false;
  on_pair_detach(rpc, error);
}

static bool find_status(const sd_amqp_value *map, int64_t *ret_status)
{
  sd_amqp_value value;
  return (sd_amqp_map_find(map, "status-code", &value) || sd_amqp_map_find(map, "statusCode", &value)) &&
         sd_amqp_as_int64(&value, ret_status);
}

static sd_bytes find_text(const sd_amqp_value *map, const char *key, const char *other_key)
{
  sd_amqp_value value;
  sd_bytes text;
  if ((sd_amqp_map_find(map, key, &value) || sd_amqp_map_find(map, other_key, &value)) &&
      sd_amqp_as_text(&value, &text))
    return text;
  return sd_bytes_of("");
}

static sd_hub_call *find_call(sd_hub_rpc *rpc, const sd_amqp_value *correlation_id)
{
  int64_t id;
  sd_bytes text;
  if (sd_amqp_as_text(correlation_id, &text) ? !sd_bytes_to_int64(text, &id)
                                             : !sd_amqp_as_int64(correlation_id, &id))
    return NULL;
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++) {
    if (rpc->calls[i].answer && rpc->calls[i].id == (uint64_t)id)
      return &rpc->calls[i];
  }
  return NULL;
}

static void on_reply(sd_hub_link *link, const sd_amqp_delivery *delivery)
{
  sd_hub_rpc *rpc = rpc_of_receiver(link);
  sd_amqp_message message;
  sd_amqp_value properties[SD_AMQP_PROPERTY_COUNT];
  if (!delivery->settled)
    sd_amqp_settle(sd_amqp_link_session(link->amqp), delivery->delivery_id, delivery->delivery_id,
                   SD_AMQP_CODE_ACCEPTED, NULL, NULL);
  if (sd_amqp_link_credit(link->amqp) <= REPLY_CREDIT / 2)
    sd_amqp_link_set_credit(link->amqp, REPLY_CREDIT);
  if (sd_amqp_message_decode(delivery->payload, &message) != SD_OK ||
      sd_amqp_properties_decode(&message.properties, properties) != SD_OK)
    return; /* it names no call; the deadline will */
  sd_hub_call *call = find_call(rpc, &properties[SD_AMQP_PROPERTY_CORRELATION_ID]);
  if (!call)
    return;
  sd_hub_reply reply = {.body.type = SD_AMQP_NULL};
  if (!find_status(&message.application_properties, &reply.status)) {
    sd_error error;
    sd_error_set(&error, SD_PROTOCOL, "a reply of %s has no status code", rpc->node);
    finish(call, NULL, &error);
    return;
  }
  reply.description = find_text(&message.application_properties, "status-description", "statusDescription");
  reply.condition = find_text(&message.application_properties, "error-condition", "errorCondition");
  if (message.body_kind == SD_AMQP_BODY_VALUE)
    reply.body = message.body;
  finish(call, &reply, NULL);
}

void sd_hub_rpc_init(sd_hub_rpc *rpc, sd_hub_connection *connection, const char *node)
{
  char uuid[SD_UUID_TEXT_SIZE];
  memset(rpc, 0, sizeof *rpc);
  snprintf(rpc->reply_to, sizeof rpc->reply_to, "streamduck-%s", sd_random_uuid(uuid));
  rpc->connection = connection;
  rpc->node = node;
  rpc->next_id = 1;
  rpc->sender.on_attach = on_sender_attach;
  rpc->sender.on_detach = on_sender_detach;
  rpc->sender.on_flow = on_sender_flow;
  rpc->receiver.on_attach = on_receiver_attach;
  rpc->receiver.on_detach = on_receiver_detach;
  rpc->receiver.on_delivery = on_reply;
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++)
    sd_buf_init(&rpc->calls[i].message, SD_HUB_CALL_BYTES_MAX);
}

void sd_hub_rpc_release(sd_hub_rpc *rpc)
{
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++) {
    if (rpc->calls[i].message.data) /* it may hold a token */
      explicit_bzero(rpc->calls[i].message.data, rpc->calls[i].message.len);
    sd_buf_release(&rpc->calls[i].message);
  }
}

static sd_status encode_call(sd_hub_rpc *rpc, sd_buf *buf, uint64_t id, const sd_hub_pair *pairs,
                             size_t pair_count, sd_bytes body, bool body_is_value)
{
  char id_text[24];
  snprintf(id_text, sizeof id_text, "%" PRIu64, id);
  sd_buf_clear(buf);
  sd_amqp_put_section(buf, SD_AMQP_SECTION_PROPERTIES);
  size_t mark = sd_amqp_begin_list(buf);
  sd_amqp_put_string(buf, sd_bytes_of(id_text));
  sd_amqp_put_null(buf);
  sd_amqp_put_string(buf, sd_bytes_of(rpc->node));
  sd_amqp_put_null(buf);
  sd_amqp_put_string(buf, sd_bytes_of(rpc->reply_to));
  sd_amqp_end_list(buf, mark, 5);
  sd_amqp_put_section(buf, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
  mark = sd_amqp_begin_map(buf);
  for (size_t i = 0; i < pair_count; i++) {
    sd_amqp_put_string(buf, sd_bytes_of(pairs[i].key));
    sd_amqp_put_string(buf, pairs[i].value);
  }
  sd_amqp_end_map(buf, mark, (uint32_t)(2 * pair_count));
  if (body_is_value) {
    sd_amqp_put_section(buf, SD_AMQP_SECTION_VALUE);
    sd_amqp_put_string(buf, body);
  } else {
    sd_amqp_put_data_section(buf, body);
  }
  return sd_buf_status(buf);
}

sd_status sd_hub_rpc_call(sd_hub_rpc *rpc, const sd_hub_pair *pairs, size_t pair_count, sd_bytes body,
                          bool body_is_value, sd_hub_reply_fn *answer, void *user)
{
  sd_hub_call *call = NULL;
  for (size_t i = 0; i < SD_HUB_CALLS_MAX && !call; i++) {
    if (!rpc->calls[i].answer)
      call = &rpc->calls[i];
  }
  if (!call)
    return SD_AGAIN;
  sd_status status = SD_OK;
  /* A pair that is being taken down is attached anew when it is gone. */
  if (!rpc->sender.amqp && !rpc->receiver.amqp)
    status = attach_pair(rpc);
  if (status == SD_OK)
    status = encode_call(rpc, &call->message, rpc->next_id, pairs, pair_count, body, body_is_value);
  if (status != SD_OK)
    return status;
  call->id = rpc->next_id++;
  call->answer = answer;
  call->user = user;
  call->sent = false;
  call->deadline_ms =
      sd_clock_monotonic_ms() + sd_hub_connection_settings(rpc->connection)->timing.step_timeout_ms;
  sd_hub_connection_wake_at(rpc->connection, call->deadline_ms);
  send_waiting(rpc);
  return SD_OK;
}

uint64_t sd_hub_rpc_tick(sd_hub_rpc *rpc, uint64_t now_ms)
{
  uint64_t next = UINT64_MAX;
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++) {
    sd_hub_call *call = &rpc->calls[i];
    if (!call->answer)
      continue;
    if (now_ms >= call->deadline_ms) {
      sd_error error;
      sd_error_set(&error, SD_TIMEOUT, "%s did not answer within %u ms", rpc->node,
                   (unsigned)sd_hub_connection_settings(rpc->connection)->timing.step_timeout_ms);
      error.retriable = 1;
      finish(call, NULL, &error);
    } else if (call->deadline_ms < next) {
      next = call->deadline_ms;
    }
  }
  return next;
}

void sd_hub_rpc_close(sd_hub_rpc *rpc)
{
  for (size_t i = 0; i < SD_HUB_CALLS_MAX; i++)
    rpc->calls[i].answer = NULL;
  rpc->broken = true;
  sd_hub_link_detach(&rpc->sender);
  sd_hub_link_detach(&rpc->receiver);
}

static const char *condition_of_status(int64_t status)
{
  switch (status) {
  case 401:
  case 403:
    return "amqp:unauthorized-access";
  case 404:
    return "amqp:not-found";
  case 408:
  case 504:
    return "com.microsoft:timeout";
  case 429:
  case 503:
    return "com.microsoft:server-busy";
  default:
    return "";
  }
}

bool sd_hub_reply_error(const sd_hub_reply *reply, const char *what, sd_error *error)
{
  if (reply->status >= 200 && reply->status < 300)
    return false;
  sd_error_set(error, SD_REMOTE, "%s: %" PRId64 " %.*s", what, reply->status, (int)reply->description.len,
               (const char *)reply->description.data);
  error->source = SD_SOURCE_AMQP;
  error->source_code = (int32_t)reply->status;
  if (reply->condition.len > 0)
    sd_bytes_to_text(reply->condition, error->condition, sizeof error->condition);
  else
    snprintf(error->condition, sizeof error->condition, "%s", condition_of_status(reply->status));
  return true;
}
