/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The nodes $cbs and $management: requests, answers and their way back (eventhubs.md §2, §3). */
#include "emulator/state.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdio.h>

enum { REPLY_MAX = 256 * 1024 };

typedef struct request {
  emu_link *link;
  sd_amqp_message message;
  sd_amqp_value properties[SD_AMQP_PROPERTY_COUNT];
} request;

/* ---- the way back ---- */

/* The peer's receiving link for the answer. Names that clients choose are not unique, so the session counts
 * as well as what reply-to says. */
static emu_link *reply_link(const request *r)
{
  emu_link *best = NULL;
  int best_score = -1;
  sd_bytes reply_to = {NULL, 0};
  (void)sd_amqp_as_text(&r->properties[SD_AMQP_PROPERTY_REPLY_TO], &reply_to);
  for (emu_link *link = r->link->connection->links; link; link = link->next) {
    if (link->kind != EMU_LINK_REPLIES || link->detached || link->management != r->link->management)
      continue;
    int score = 0;
    if (reply_to.len > 0 && (sd_bytes_equal_text(reply_to, link->target) ||
                             sd_bytes_equal(reply_to, sd_amqp_link_name(link->amqp))))
      score += 1;
    if (sd_amqp_link_session(link->amqp) == sd_amqp_link_session(r->link->amqp))
      score += 2;
    if (score > best_score) {
      best_score = score;
      best = link;
    }
  }
  return best;
}

static sd_status send_reply(emu_link *link, sd_bytes message)
{
  uint8_t tag[8];
  uint64_t count = ++link->tag;
  memcpy(tag, &count, sizeof count);
  sd_amqp_send_options options = {
      .struct_size = sizeof options, .tag = sd_bytes_make(tag, sizeof tag), .settled = true};
  uint32_t id = 0;
  return sd_amqp_send(link->amqp, &options, &message, 1, &id);
}

void emu_replies_turn(emu_link *link)
{
  while (link->replies) {
    emu_reply *reply = link->replies;
    sd_status status = send_reply(link, sd_bytes_make(reply->data, reply->len));
    if (status == SD_AGAIN)
      return;
    link->replies = reply->next;
    if (!link->replies)
      link->replies_last = NULL;
    link->reply_count--;
    sd_free(reply);
  }
}

static void deliver(const request *r, const sd_buf *message)
{
  emu_link *link = reply_link(r);
  if (!link || sd_buf_status(message) != SD_OK)
    return; /* nobody listens: the request's own time-out is all the peer gets, as from the service */
  if (!link->replies && send_reply(link, sd_buf_bytes(message)) == SD_OK)
    return;
  emu_reply *reply =
      link->reply_count < EMU_REPLIES_QUEUED_MAX ? sd_alloc(sizeof *reply + message->len) : NULL;
  if (!reply) {
    emu_link_detach(link, "amqp:resource-limit-exceeded", "Too many answers wait for credit.");
    return;
  }
  reply->next = NULL;
  reply->len = message->len;
  memcpy(reply->data, message->data, message->len);
  if (link->replies_last)
    link->replies_last->next = reply;
  else
    link->replies = reply;
  link->replies_last = reply;
  link->reply_count++;
}

/* ---- the message ---- */

static void put_text(sd_buf *out, const char *text)
{
  sd_amqp_put_string(out, sd_bytes_of(text));
}

/* Properties with the correlation-id, and the status in both spellings that SDKs look for. */
static void begin_reply(const request *r, int status, const char *description, sd_buf *out)
{
  sd_amqp_put_section(out, SD_AMQP_SECTION_PROPERTIES);
  size_t mark = sd_amqp_begin_list(out);
  for (int i = 0; i < SD_AMQP_PROPERTY_COUNT; i++) {
    if (i == SD_AMQP_PROPERTY_CORRELATION_ID)
      sd_amqp_put_value(out, &r->properties[SD_AMQP_PROPERTY_MESSAGE_ID]);
    else
      sd_amqp_put_null(out);
  }
  sd_amqp_end_list(out, mark, SD_AMQP_PROPERTY_COUNT);
  sd_amqp_put_section(out, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
  mark = sd_amqp_begin_map(out);
  put_text(out, "status-code");
  sd_amqp_put_int(out, status);
  put_text(out, "statusCode");
  sd_amqp_put_int(out, status);
  put_text(out, "status-description");
  put_text(out, description);
  put_text(out, "statusDescription");
  put_text(out, description);
  sd_amqp_end_map(out, mark, 8);
  sd_amqp_put_section(out, SD_AMQP_SECTION_VALUE);
}

static void answer(const request *r, int status, const char *description)
{
  sd_buf out;
  sd_buf_init(&out, REPLY_MAX);
  begin_reply(r, status, description, &out);
  sd_amqp_put_null(&out);
  deliver(r, &out);
  sd_buf_release(&out);
}

/* An application-property as text; empty when it is absent. */
static sd_bytes text_of(const request *r, const char *name)
{
  sd_amqp_value value;
  sd_bytes text;
  if (sd_amqp_map_find(&r->message.application_properties, name, &value) && sd_amqp_as_text(&value, &text))
    return text;
  return sd_bytes_make(NULL, 0);
}

/* ---- $management ---- */

static void put_hub(const emu_hub *hub, sd_buf *out)
{
  sd_bytes ids[SD_EMULATOR_PARTITIONS_MAX];
  for (uint32_t i = 0; i < hub->partition_count; i++)
    ids[i] = sd_bytes_of(hub->partitions[i].id);
  size_t mark = sd_amqp_begin_map(out);
  put_text(out, "name");
  put_text(out, hub->name);
  put_text(out, "type");
  put_text(out, "com.microsoft:eventhub");
  put_text(out, "created_at");
  sd_amqp_put_timestamp(out, hub->created_ms);
  put_text(out, "partition_count");
  sd_amqp_put_int(out, (int32_t)hub->partition_count);
  put_text(out, "partition_ids");
  sd_amqp_put_string_array(out, ids, hub->partition_count);
  put_text(out, "georeplication_factor");
  sd_amqp_put_int(out, 1);
  sd_amqp_end_map(out, mark, 12);
}

static void put_partition(const emu_partition *partition, int64_t now_ms, sd_buf *out)
{
  bool empty = emu_log_next_sequence(partition->log) == 0;
  char offset[24] = "-1";
  if (!empty)
    (void)snprintf(offset, sizeof offset, "%" PRIu64,
                   emu_offset_base(partition->hub) + emu_log_last_position(partition->log));
  size_t mark = sd_amqp_begin_map(out);
  put_text(out, "name");
  put_text(out, partition->hub->name);
  put_text(out, "type");
  put_text(out, "com.microsoft:partition");
  put_text(out, "partition");
  put_text(out, partition->id);
  put_text(out, "begin_sequence_number");
  sd_amqp_put_long(out, emu_log_begin_sequence(partition->log));
  put_text(out, "begin_sequence_number_epoch");
  sd_amqp_put_int(out, -1);
  put_text(out, "last_enqueued_sequence_number");
  sd_amqp_put_long(out, emu_log_next_sequence(partition->log) - 1);
  put_text(out, "last_enqueued_sequence_number_epoch");
  sd_amqp_put_int(out, -1);
  put_text(out, "last_enqueued_offset");
  put_text(out, offset);
  put_text(out, "last_enqueued_time_utc");
  sd_amqp_put_timestamp(out, emu_log_last_enqueued_ms(partition->log));
  put_text(out, "runtime_info_retrieval_time_utc");
  sd_amqp_put_timestamp(out, now_ms);
  put_text(out, "is_partition_empty");
  sd_amqp_put_boolean(out, empty);
  sd_amqp_end_map(out, mark, 22);
}

static void not_found(const request *r, const char *what)
{
  const sd_emulator *emulator = r->link->connection->emulator;
  char text[EMU_TEXT_MAX];
  emu_error_text(emulator, text, sizeof text,
                 "The messaging entity 'sb://%.100s:%u/%.600s' could not be found.", emulator->listen_host,
                 (unsigned)emulator->listen_port, what);
  answer(r, 404, text);
}

static bool may_read(const request *r, const char *hub)
{
  const emu_connection *connection = r->link->connection;
  if (emu_authorised_for_hub(connection, hub))
    return true;
  sd_bytes token = text_of(r, "security_token"); /* the only one that Java gives */
  return token.len > 0 && emu_token_covers_hub(connection->emulator, token, hub);
}

static void manage(const request *r)
{
  sd_emulator *emulator = r->link->connection->emulator;
  char name[EMU_NAME_MAX] = "";
  char id[EMU_PARTITION_ID_MAX] = "";
  char text[EMU_TEXT_MAX];
  sd_bytes type = text_of(r, "type");
  bool whole = sd_bytes_equal_nocase(type, sd_bytes_of("com.microsoft:eventhub"));
  bool part = sd_bytes_equal_nocase(type, sd_bytes_of("com.microsoft:partition"));
  if (!sd_bytes_equal_nocase(text_of(r, "operation"), sd_bytes_of("READ")) || (!whole && !part)) {
    answer(r, 400,
           "BadRequest: the operation must be READ, the type com.microsoft:eventhub or "
           "com.microsoft:partition.");
    return;
  }
  (void)sd_bytes_to_text(text_of(r, "name"), name, sizeof name);
  sd_utf8_repair(name, strlen(name));
  emu_hub *hub = emu_find_hub(emulator, text_of(r, "name"));
  if (!hub) {
    not_found(r, name);
    return;
  }
  if (!may_read(r, hub->name)) {
    emu_error_text(emulator, text, sizeof text,
                   "Unauthorized access. Resource: 'sb://%.100s:%u/%.300s/$management'.",
                   emulator->listen_host, (unsigned)emulator->listen_port, hub->name);
    answer(r, 401, text);
    return;
  }
  emu_partition *partition = NULL;
  if (part) {
    if (sd_bytes_to_text(text_of(r, "partition"), id, sizeof id))
      partition = emu_find_partition(hub, id);
    if (!partition) {
      (void)snprintf(text, sizeof text, "%.200s/Partitions/%s", hub->name, id);
      sd_utf8_repair(text, strlen(text));
      not_found(r, text);
      return;
    }
  }
  sd_buf out;
  sd_buf_init(&out, REPLY_MAX);
  begin_reply(r, 200, "OK", &out);
  if (partition)
    put_partition(partition, emu_wall_ms(emulator), &out);
  else
    put_hub(hub, &out);
  deliver(r, &out);
  sd_buf_release(&out);
}

/* ---- $cbs ---- */

static void authorise(const request *r)
{
  const char *description = NULL;
  sd_bytes token = {NULL, 0};
  if (!sd_bytes_equal_nocase(text_of(r, "operation"), sd_bytes_of("put-token"))) {
    answer(r, 400, "BadRequest: the operation must be put-token.");
    return;
  }
  if (r->message.body_kind == SD_AMQP_BODY_DATA)
    token = r->message.body.as.bytes;
  else if (r->message.body_kind != SD_AMQP_BODY_VALUE || !sd_amqp_as_text(&r->message.body, &token)) {
    answer(r, 400, "BadRequest: the body must be the token as a string.");
    return;
  }
  int status = emu_put_token(r->link->connection, text_of(r, "name"), token, &description);
  char text[EMU_TEXT_MAX];
  if (status == 202) {
    answer(r, status, description);
    return;
  }
  emu_error_text(r->link->connection->emulator, text, sizeof text, "%s", description);
  answer(r, status, text);
}

void emu_request(emu_link *link, const sd_amqp_delivery *delivery)
{
  request r = {.link = link};
  if (sd_amqp_message_decode(delivery->payload, &r.message) != SD_OK ||
      (r.message.properties.type == SD_AMQP_LIST &&
       sd_amqp_properties_decode(&r.message.properties, r.properties) != SD_OK)) {
    emu_link_detach(link, "amqp:decode-error", "The request is malformed.");
    return;
  }
  if (link->management)
    manage(&r);
  else
    authorise(&r);
}
