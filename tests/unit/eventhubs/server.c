/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The scripted service. */
#include "server.h"

#include "amqp/message.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct server_peer {
  server *server;
  sd_net_stream *stream;
  sd_amqp_connection *engine;
  sd_amqp_link *replies[2]; /* to the client: $cbs, $management */
  bool in_engine;
  bool closed;
} server_peer;

/* What a link is for: stands in its user. */
typedef enum link_role { ROLE_NONE, ROLE_CBS, ROLE_MANAGEMENT, ROLE_RECEIVER, ROLE_PUBLISHER } link_role;
typedef struct link_user {
  link_role role;
  uint32_t partition;
} link_user;

static server_peer *peer_of(sd_amqp_link *link)
{
  return sd_amqp_connection_user(sd_amqp_session_connection(sd_amqp_link_session(link)));
}

static void flush(server_peer *p)
{
  if (p->in_engine || p->closed)
    return;
  for (;;) {
    sd_bytes out = sd_amqp_output(p->engine);
    size_t n = out.len > 0 ? sd_net_write(p->stream, out) : 0;
    if (n == 0)
      break;
    sd_amqp_output_consume(p->engine, n);
  }
  if (sd_amqp_connection_over(p->engine) && !p->closed) {
    p->closed = true;
    sd_net_close(p->stream);
  }
}

static link_user *user_new(link_role role, uint32_t partition)
{
  link_user *user = sd_calloc(1, sizeof *user);
  assert_non_null(user);
  user->role = role;
  user->partition = partition;
  return user;
}

void server_body(uint32_t partition, uint32_t sequence, uint32_t size, char *dst)
{
  memset(dst, '.', size);
  char text[32];
  int len = snprintf(text, sizeof text, "p%u-%u", partition, sequence);
  memcpy(dst, text, (size_t)len < size ? (size_t)len : size);
}

/* ---- sending to receivers ---- */

static void encode_event(sd_buf *buf, uint32_t partition, uint32_t sequence, const server_event *event)
{
  char offset[SERVER_OFFSET_MAX];
  char *body = sd_alloc(event->body_size);
  assert_non_null(body);
  snprintf(offset, sizeof offset, "at-%u", sequence);
  server_body(partition, sequence, event->body_size, body);
  if (!event->unplaced) {
    sd_amqp_put_section(buf, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
    size_t mark = sd_amqp_begin_map(buf);
    sd_amqp_put_symbol(buf, sd_bytes_of("x-opt-sequence-number"));
    sd_amqp_put_long(buf, sequence);
    sd_amqp_put_symbol(buf, sd_bytes_of("x-opt-offset"));
    sd_amqp_put_string(buf, sd_bytes_of(offset));
    sd_amqp_put_symbol(buf, sd_bytes_of("x-opt-enqueued-time"));
    sd_amqp_put_timestamp(buf, event->enqueued_ms);
    sd_amqp_end_map(buf, mark, 6);
  }
  sd_amqp_put_data_section(buf, sd_bytes_make(body, event->body_size));
  sd_free(body);
}

static void pump(server *s, uint32_t index)
{
  server_partition *p = &s->partitions[index];
  sd_buf buf;
  sd_buf_init(&buf, 32 * 1024 * 1024);
  while (p->link && !p->silent && p->next < p->count) {
    uint32_t tag = p->next;
    sd_amqp_send_options options = {
        .struct_size = sizeof options, .tag = sd_bytes_make(&tag, sizeof tag), .settled = !s->unsettled};
    sd_buf_clear(&buf);
    encode_event(&buf, index, p->next, &p->events[p->next]);
    sd_bytes message = sd_buf_bytes(&buf);
    server_event *event = &p->events[p->next];
    event->settled = options.settled;
    if (sd_amqp_send(p->link, &options, &message, 1, &event->delivery_id) != SD_OK)
      break;
    s->sent++;
    s->sent_bytes += message.len;
    p->next++;
  }
  sd_buf_release(&buf);
}

void server_append(server *s, uint32_t partition, uint32_t count, uint32_t body_size)
{
  server_partition *p = &s->partitions[partition];
  if (p->count + count > p->capacity) {
    p->capacity = (p->count + count) * 2;
    server_event *events = sd_realloc(p->events, p->capacity * sizeof *events);
    assert_non_null(events);
    p->events = events;
  }
  for (uint32_t i = 0; i < count; i++) {
    const server_event event = {.body_size = body_size, .enqueued_ms = 1000 + p->count};
    p->events[p->count++] = event;
  }
  pump(s, partition);
  if (s->peer)
    flush(s->peer);
}

/* The first sequence number that the selector lets through. */
static uint32_t first_after(const server_partition *p, const char *selector)
{
  char value[64];
  const char *quote = strchr(selector, '\'');
  assert_non_null(quote);
  snprintf(value, sizeof value, "%s", quote + 1);
  value[strcspn(value, "'")] = '\0';
  if (strstr(selector, "x-opt-enqueued-time")) {
    uint32_t i = 0;
    while (i < p->count && p->events[i].enqueued_ms <= strtoll(value, NULL, 10))
      i++;
    return i;
  }
  if (strcmp(value, "@latest") == 0)
    return p->count;
  if (strncmp(value, "at-", 3) == 0)
    return (uint32_t)strtoul(value + 3, NULL, 10) + 1;
  return (uint32_t)(strtol(value, NULL, 10) + 1);
}

/* ---- attach ---- */

static bool take_refusal(server_refusal *refusal)
{
  if (refusal->times <= 0)
    return false;
  refusal->times--;
  return true;
}

static void read_attach(server_partition *p, const sd_amqp_attach *remote)
{
  sd_amqp_cursor cursor = sd_amqp_cursor_of(remote->source.filter_raw);
  sd_amqp_value map, value;
  sd_bytes text;
  assert_int_equal(sd_amqp_decode(&cursor, &map), SD_OK);
  assert_true(sd_amqp_map_find(&map, "apache.org:selector-filter:string", &value));
  assert_true(sd_amqp_descriptor_symbol(&value, &text));
  assert_true(sd_bytes_equal_text(text, "apache.org:selector-filter:string"));
  assert_true(sd_amqp_as_text(&value, &text));
  sd_bytes_to_text(text, p->selector, sizeof p->selector);

  p->epoch = -1;
  cursor = sd_amqp_cursor_of(remote->properties_raw);
  assert_int_equal(sd_amqp_decode(&cursor, &map), SD_OK);
  if (sd_amqp_map_find(&map, "com.microsoft:epoch", &value)) {
    assert_int_equal(value.type, SD_AMQP_LONG);
    p->epoch = value.as.i;
  }
  if (sd_amqp_map_find(&map, "com.microsoft:receiver-name", &value) && sd_amqp_as_text(&value, &text))
    sd_bytes_to_text(text, p->receiver_name, sizeof p->receiver_name);
  cursor = sd_amqp_cursor_of(remote->desired_capabilities_raw);
  assert_int_equal(sd_amqp_decode(&cursor, &map), SD_OK);
  sd_amqp_items items;
  sd_amqp_items_init(&items, &map);
  while (sd_amqp_items_next(&items, &value) == SD_OK) {
    if (sd_amqp_as_text(&value, &text) && sd_bytes_equal_text(text, "com.microsoft:georeplication"))
      p->georeplication = true;
  }
}

static sd_amqp_attach answer_to(const sd_amqp_attach *remote)
{
  static const uint8_t empty_map[] = {0xc1, 1, 0};
  sd_amqp_attach answer = {.snd_settle_mode = remote->snd_settle_mode,
                           .source = remote->source,
                           .target = remote->target,
                           .max_message_size = 1024 * 1024,
                           .properties_raw = sd_bytes_make(empty_map, sizeof empty_map)};
  return answer;
}

static void attach_receiver(server *s, sd_amqp_link *link, const sd_amqp_attach *remote, uint32_t index)
{
  server_partition *p = &s->partitions[index];
  p->attaches++;
  read_attach(p, remote);
  if (s->mute_attach)
    return;
  if (take_refusal(&s->attach)) {
    sd_amqp_link_refuse(link, s->attach.condition, s->attach.description);
    return;
  }
  sd_amqp_link_set_user(link, user_new(ROLE_RECEIVER, index));
  sd_amqp_attach answer = answer_to(remote);
  assert_int_equal(sd_amqp_link_accept(link, &answer), SD_OK);
  p->link = link;
  p->next = first_after(p, p->selector);
  p->next -= s->duplicate < p->next ? s->duplicate : p->next;
}

static void on_attach(sd_amqp_link *link, const sd_amqp_attach *remote)
{
  server_peer *peer = peer_of(link);
  server *s = peer->server;
  bool to_us = sd_amqp_link_role(link) == SD_AMQP_RECEIVER;
  char address[256];
  sd_bytes_to_text(to_us ? remote->target.address : remote->source.address, address, sizeof address);
  sd_amqp_attach answer = answer_to(remote);
  bool cbs = strcmp(address, "$cbs") == 0;
  if (cbs || strcmp(address, "$management") == 0) {
    sd_amqp_link_set_user(link, user_new(cbs ? ROLE_CBS : ROLE_MANAGEMENT, 0));
    assert_int_equal(sd_amqp_link_accept(link, &answer), SD_OK);
    if (to_us)
      sd_amqp_link_set_credit(link, 100);
    else
      peer->replies[cbs ? 0 : 1] = link;
    return;
  }
  const char *last = strrchr(address, '/');
  uint32_t partition = last ? (uint32_t)strtoul(last + 1, NULL, 10) : 0;
  if (!to_us) {
    attach_receiver(s, link, remote, partition);
    return;
  }
  sd_amqp_link_set_user(link, user_new(ROLE_PUBLISHER, partition));
  assert_int_equal(sd_amqp_link_accept(link, &answer), SD_OK);
  if (!s->drop_credit)
    sd_amqp_link_set_credit(link, 100);
}

static void on_detach(sd_amqp_link *link, const sd_error *error)
{
  (void)error;
  server_peer *peer = peer_of(link);
  link_user *user = sd_amqp_link_user(link);
  for (int i = 0; i < 2; i++) {
    if (peer->replies[i] == link)
      peer->replies[i] = NULL;
  }
  if (user && user->role == ROLE_RECEIVER && peer->server->partitions[user->partition].link == link)
    peer->server->partitions[user->partition].link = NULL;
  sd_free(user);
}

static void on_flow(sd_amqp_link *link, bool drain)
{
  (void)drain;
  server_peer *peer = peer_of(link);
  link_user *user = sd_amqp_link_user(link);
  if (!user || user->role != ROLE_RECEIVER)
    return;
  server_partition *p = &peer->server->partitions[user->partition];
  if (sd_amqp_link_credit(link) > p->credit_max)
    p->credit_max = sd_amqp_link_credit(link);
  pump(peer->server, user->partition);
}

/* ---- $cbs and $management ---- */

static void put_text(sd_buf *buf, const char *key, const char *value)
{
  sd_amqp_put_string(buf, sd_bytes_of(key));
  sd_amqp_put_string(buf, sd_bytes_of(value));
}

static void put_hub(server *s, sd_buf *buf)
{
  sd_bytes ids[SERVER_PARTITIONS_MAX];
  char texts[SERVER_PARTITIONS_MAX][12];
  for (uint32_t i = 0; i < s->partition_count; i++) {
    snprintf(texts[i], sizeof texts[i], "%u", i);
    ids[i] = sd_bytes_of(texts[i]);
  }
  size_t mark = sd_amqp_begin_map(buf);
  put_text(buf, "name", "hub");
  put_text(buf, "type", "com.microsoft:eventhub");
  sd_amqp_put_string(buf, sd_bytes_of("created_at"));
  sd_amqp_put_timestamp(buf, s->created_at_ms);
  sd_amqp_put_string(buf, sd_bytes_of("partition_count"));
  sd_amqp_put_int(buf, (int32_t)s->partition_count);
  sd_amqp_put_string(buf, sd_bytes_of("partition_ids"));
  sd_amqp_put_string_array(buf, ids, s->partition_count);
  sd_amqp_end_map(buf, mark, 10);
}

static void put_partition(server *s, sd_buf *buf, const sd_amqp_value *properties)
{
  sd_amqp_value value;
  sd_bytes id = {0};
  int64_t index = 0;
  assert_true(sd_amqp_map_find(properties, "partition", &value) && sd_amqp_as_text(&value, &id) &&
              sd_bytes_to_int64(id, &index));
  const server_partition *p = &s->partitions[index];
  size_t mark = sd_amqp_begin_map(buf);
  put_text(buf, "name", "hub");
  put_text(buf, "type", "com.microsoft:partition");
  sd_amqp_put_string(buf, sd_bytes_of("partition"));
  sd_amqp_put_string(buf, id);
  sd_amqp_put_string(buf, sd_bytes_of("begin_sequence_number"));
  sd_amqp_put_long(buf, 0);
  sd_amqp_put_string(buf, sd_bytes_of("last_enqueued_sequence_number"));
  sd_amqp_put_long(buf, (int64_t)p->count - 1);
  sd_amqp_put_string(buf, sd_bytes_of("last_enqueued_time_utc"));
  sd_amqp_put_timestamp(buf, 1000 + p->count);
  sd_amqp_put_string(buf, sd_bytes_of("is_partition_empty"));
  sd_amqp_put_boolean(buf, p->count == 0);
  sd_amqp_end_map(buf, mark, 14);
}

static int take_cbs(server *s, const sd_amqp_message *request)
{
  sd_amqp_value value;
  sd_bytes text;
  s->put_tokens++;
  assert_true(sd_amqp_as_text(&request->body, &text));
  sd_bytes_to_text(text, s->last_token, sizeof s->last_token);
  assert_true(sd_amqp_map_find(&request->application_properties, "name", &value) &&
              sd_amqp_as_text(&value, &text));
  sd_bytes_to_text(text, s->last_audience, sizeof s->last_audience);
  if (s->cbs_status_count == 0)
    return 202;
  int status = s->cbs_status[0];
  memmove(s->cbs_status, s->cbs_status + 1, sizeof s->cbs_status - sizeof s->cbs_status[0]);
  s->cbs_status_count--;
  return status;
}

static void answer_request(server_peer *peer, bool cbs, sd_bytes payload)
{
  server *s = peer->server;
  sd_amqp_message request;
  sd_amqp_value fields[SD_AMQP_PROPERTY_COUNT], value;
  sd_buf buf;
  assert_int_equal(sd_amqp_message_decode(payload, &request), SD_OK);
  assert_int_equal(sd_amqp_properties_decode(&request.properties, fields), SD_OK);
  int status = cbs ? take_cbs(s, &request) : 200;
  s->reads += !cbs;
  if ((cbs && s->mute_cbs) || !peer->replies[cbs ? 0 : 1])
    return;
  sd_buf_init(&buf, 65536);
  sd_amqp_put_section(&buf, SD_AMQP_SECTION_PROPERTIES);
  size_t mark = sd_amqp_begin_list(&buf);
  for (int i = 0; i < SD_AMQP_PROPERTY_CORRELATION_ID; i++)
    sd_amqp_put_null(&buf);
  sd_amqp_put_value(&buf, &fields[SD_AMQP_PROPERTY_MESSAGE_ID]);
  sd_amqp_end_list(&buf, mark, SD_AMQP_PROPERTY_CORRELATION_ID + 1);
  sd_amqp_put_section(&buf, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
  mark = sd_amqp_begin_map(&buf);
  sd_amqp_put_string(&buf, sd_bytes_of("status-code"));
  sd_amqp_put_int(&buf, status);
  put_text(&buf, "status-description", status < 300 ? "OK" : "scripted refusal");
  sd_amqp_end_map(&buf, mark, 4);
  sd_amqp_put_section(&buf, SD_AMQP_SECTION_VALUE);
  if (cbs)
    sd_amqp_put_null(&buf);
  else if (sd_amqp_map_find(&request.application_properties, "partition", &value))
    put_partition(s, &buf, &request.application_properties);
  else
    put_hub(s, &buf);
  assert_int_equal(sd_buf_status(&buf), SD_OK);
  sd_amqp_send_options options = {
      .struct_size = sizeof options, .tag = sd_bytes_of("reply"), .settled = true};
  sd_bytes message = sd_buf_bytes(&buf);
  assert_int_equal(sd_amqp_send(peer->replies[cbs ? 0 : 1], &options, &message, 1, NULL), SD_OK);
  sd_buf_release(&buf);
}

/* ---- publishing ---- */

static void take_batch(server *s, sd_amqp_link *link, uint32_t index, const sd_amqp_delivery *delivery)
{
  sd_amqp_session *session = sd_amqp_link_session(link);
  sd_amqp_message batch;
  sd_amqp_value section;
  s->last_batch_len =
      delivery->payload.len < sizeof s->last_batch ? delivery->payload.len : sizeof s->last_batch;
  memcpy(s->last_batch, delivery->payload.data, s->last_batch_len);
  s->last_batch_format = delivery->message_format;
  if (take_refusal(&s->publish)) {
    sd_amqp_settle(session, delivery->delivery_id, delivery->delivery_id, SD_AMQP_CODE_REJECTED,
                   s->publish.condition, s->publish.description);
    return;
  }
  assert_int_equal(sd_amqp_message_decode(delivery->payload, &batch), SD_OK);
  sd_amqp_cursor cursor = sd_amqp_cursor_of(batch.body_sections);
  uint32_t events = 0;
  while (sd_amqp_body_next(&cursor, &section) == SD_OK) {
    sd_amqp_message inner;
    assert_int_equal(sd_amqp_message_decode(section.as.bytes, &inner), SD_OK);
    server_append(s, index, 1, (uint32_t)inner.body.as.bytes.len);
    events++;
  }
  s->partitions[index].received += events;
  sd_amqp_settle(session, delivery->delivery_id, delivery->delivery_id, SD_AMQP_CODE_ACCEPTED, NULL, NULL);
}

static void on_delivery(sd_amqp_link *link, const sd_amqp_delivery *delivery)
{
  server_peer *peer = peer_of(link);
  link_user *user = sd_amqp_link_user(link);
  if (peer->server->mute)
    return;
  if (user->role == ROLE_PUBLISHER)
    take_batch(peer->server, link, user->partition, delivery);
  else
    answer_request(peer, user->role == ROLE_CBS, delivery->payload);
  if (sd_amqp_link_credit(link) < 50 && !peer->server->drop_credit)
    sd_amqp_link_set_credit(link, 100);
}

static void on_disposition(sd_amqp_session *session, const sd_amqp_disposition *disposition)
{
  server_peer *peer = sd_amqp_connection_user(sd_amqp_session_connection(session));
  server *s = peer->server;
  s->dispositions++;
  s->settled += disposition->last - disposition->first + 1;
  for (uint32_t i = 0; i < s->partition_count; i++) {
    server_partition *p = &s->partitions[i];
    if (!p->link || sd_amqp_link_session(p->link) != session)
      continue;
    for (server_event *event = p->events; event < p->events + p->next; event++) {
      bool meant = event->delivery_id - disposition->first <= disposition->last - disposition->first;
      p->settled += meant && !event->settled;
      event->settled = event->settled || meant;
    }
  }
}

static void on_end(sd_amqp_session *session, const sd_error *error)
{
  server_peer *peer = sd_amqp_connection_user(sd_amqp_session_connection(session));
  peer->server->refused_sessions += error && strcmp(error->condition, "amqp:not-allowed") == 0;
}

static void on_close(sd_amqp_connection *engine, const sd_error *error)
{
  server_peer *peer = sd_amqp_connection_user(engine);
  peer->server->closes += error == NULL;
}

static const sd_amqp_handler engine_handler = {.struct_size = sizeof engine_handler,
                                               .on_attach = on_attach,
                                               .on_detach = on_detach,
                                               .on_flow = on_flow,
                                               .on_delivery = on_delivery,
                                               .on_disposition = on_disposition,
                                               .on_end = on_end,
                                               .on_close = on_close};

/* ---- network ---- */

static void net_connected(sd_net_stream *stream)
{
  (void)stream; /* the client speaks first */
}

static void net_space(sd_net_stream *stream, uint8_t **ret_space, size_t *ret_size)
{
  server_peer *p = sd_net_user(stream);
  sd_amqp_input_space(p->engine, ret_space, ret_size);
}

static void net_data(sd_net_stream *stream, size_t n)
{
  server_peer *p = sd_net_user(stream);
  if (p->server->mute)
    return;
  p->in_engine = true;
  (void)sd_amqp_input_commit(p->engine, n, sd_clock_monotonic_ms());
  p->in_engine = false;
  flush(p);
}

static void net_writable(sd_net_stream *stream)
{
  flush(sd_net_user(stream));
}

static void net_closed(sd_net_stream *stream, const sd_error *error)
{
  (void)error;
  server_peer *p = sd_net_user(stream);
  sd_error lost;
  sd_error_set(&lost, SD_CLOSED, "the client is gone");
  p->closed = true;
  sd_amqp_connection_lost(p->engine, &lost);
  sd_amqp_connection_free(p->engine);
  if (p->server->peer == p)
    p->server->peer = NULL;
  p->server->open_connections--;
  sd_free(p);
}

static const sd_net_handler net_handler = {.struct_size = sizeof net_handler,
                                           .on_connected = net_connected,
                                           .on_space = net_space,
                                           .on_data = net_data,
                                           .on_writable = net_writable,
                                           .on_closed = net_closed};

static bool on_accept(void *user, sd_net_stream *stream)
{
  server *s = user;
  server_peer *p = sd_calloc(1, sizeof *p);
  assert_non_null(p);
  const sd_amqp_connection_options options = {.struct_size = sizeof options,
                                              .server = true,
                                              .handle_max = s->handle_max,
                                              .container_id = "scripted",
                                              .max_message_size = 2 * 1024 * 1024,
                                              .idle_timeout_ms =
                                                  s->idle_timeout_ms ? s->idle_timeout_ms : 240000};
  p->server = s;
  p->stream = stream;
  assert_int_equal(sd_amqp_connection_new(&options, &engine_handler, p, sd_clock_monotonic_ms(), &p->engine),
                   SD_OK);
  sd_net_set_user(stream, p);
  s->peer = p;
  s->connections++;
  s->open_connections++;
  return true;
}

void server_start(server *s, uv_loop_t *loop, uint32_t partitions)
{
  memset(s, 0, sizeof *s);
  s->loop = loop;
  s->partition_count = partitions;
  s->created_at_ms = 1700000000000;
  const sd_net_listen_options options = {.struct_size = sizeof options,
                                         .host = "127.0.0.1",
                                         .handler = &net_handler,
                                         .on_accept = on_accept,
                                         .user = s};
  sd_error error;
  if (sd_net_listen(loop, &options, &s->listener, &error) != SD_OK)
    fail_msg("%s", error.message);
  s->port = sd_net_listener_port(s->listener);
}

void server_stop(server *s)
{
  server_cut(s);
  if (s->listener)
    sd_net_listener_close(s->listener);
  s->listener = NULL;
  for (uint32_t i = 0; i < SERVER_PARTITIONS_MAX; i++) {
    sd_free(s->partitions[i].events);
    s->partitions[i].events = NULL;
    s->partitions[i].count = 0;
  }
}

void server_detach(server *s, uint32_t partition, const char *condition, const char *description)
{
  assert_non_null(s->partitions[partition].link);
  sd_amqp_link_detach(s->partitions[partition].link, condition, description);
  s->partitions[partition].link = NULL;
  flush(s->peer);
}

void server_end_session(server *s, uint32_t partition, const char *condition, const char *description)
{
  assert_non_null(s->partitions[partition].link);
  sd_amqp_session *session = sd_amqp_link_session(s->partitions[partition].link);
  for (uint32_t i = 0; i < s->partition_count; i++) {
    if (s->partitions[i].link && sd_amqp_link_session(s->partitions[i].link) == session)
      s->partitions[i].link = NULL;
  }
  sd_amqp_session_end(session, condition, description);
  flush(s->peer);
}

void server_begin_session(server *s)
{
  sd_amqp_session *session;
  assert_non_null(s->peer);
  assert_int_equal(sd_amqp_session_begin(s->peer->engine, NULL, &session), SD_OK);
  flush(s->peer);
}

void server_close(server *s, const char *condition, const char *description)
{
  assert_non_null(s->peer);
  sd_amqp_connection_close(s->peer->engine, condition, description);
  flush(s->peer);
}

bool server_tick(server *s)
{
  if (!s->peer || s->peer->closed)
    return false;
  bool lives = sd_amqp_tick(s->peer->engine, sd_clock_monotonic_ms()) != UINT64_MAX;
  flush(s->peer);
  return lives;
}

void server_cut(server *s)
{
  if (!s->peer || s->peer->closed)
    return;
  s->peer->closed = true;
  sd_net_abort(s->peer->stream);
}

void server_write(server *s, const void *data, size_t len)
{
  assert_non_null(s->peer);
  flush(s->peer);
  assert_int_equal(sd_net_write(s->peer->stream, sd_bytes_make(data, len)), len);
}
