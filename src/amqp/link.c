/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Links: attach, refuse, detach, credit. */
#include "amqp/engine_internal.h"
#include "base/alloc.h"

#include <stdio.h>

enum { LINKS_HARD_MAX = 2 * SD_AMQP_LINKS_MAX /* refused ones included, until the peer has detached them */ };

static uint32_t hash_name(sd_bytes name)
{
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < name.len; i++)
    h = (h ^ name.data[i]) * 16777619u;
  return h;
}

/* The link of this name and role of ours; one that is only waiting for the peer's detach counts too. */
static sd_amqp_link *find_link(const sd_amqp_session *s, sd_bytes name, sd_amqp_role role)
{
  uint32_t hash = hash_name(name);
  for (sd_amqp_link *link = s->links; link; link = link->next) {
    if (link->name_hash == hash && link->role == role && link->name_len == name.len &&
        (name.len == 0 || memcmp(link->name, name.data, name.len) == 0))
      return link;
  }
  return NULL;
}

static sd_status link_new(sd_amqp_session *s, sd_bytes name, sd_amqp_role role, void *user,
                          sd_amqp_link **ret_link)
{
  sd_amqp_connection *c = s->connection;
  uint32_t handle = amqp_slots_unused(&s->by_handle);
  if (c->link_count >= LINKS_HARD_MAX || handle > s->remote_handle_max)
    return SD_LIMIT;
  sd_amqp_link *link = sd_calloc(1, sizeof *link);
  if (!link)
    return SD_NOMEM;
  link->name = sd_alloc(name.len);
  if (!link->name || amqp_slots_set(&s->by_handle, handle, link) != SD_OK) {
    sd_free(link->name);
    sd_free(link);
    return SD_NOMEM;
  }
  if (name.len > 0)
    memcpy(link->name, name.data, name.len);
  link->name_len = name.len;
  link->name_hash = hash_name(name);
  link->session = s;
  link->role = role;
  link->user = user;
  link->handle = handle;
  link->next = s->links;
  if (s->links)
    s->links->previous = link;
  s->links = link;
  c->link_count++;
  *ret_link = link;
  return SD_OK;
}

void amqp_link_free(sd_amqp_link *link)
{
  sd_buf_release(&link->joined);
  sd_buf_release(&link->rest);
  sd_free(link->name);
  sd_free(link);
}

/* `next` stays as it is, for loops that a callback made remove the link under them. */
void amqp_link_remove(sd_amqp_link *link)
{
  sd_amqp_session *s = link->session;
  sd_amqp_connection *c = s->connection;
  amqp_link_drop_rest(link);
  amqp_link_drop_joined(link);
  if (link->previous)
    link->previous->next = link->next;
  else
    s->links = link->next;
  if (link->next)
    link->next->previous = link->previous;
  amqp_slots_clear(&s->by_handle, link->handle);
  if (link->attach_received)
    amqp_slots_clear(&s->by_remote_handle, link->remote_handle);
  c->link_count--;
  link->next_dead = c->dead_links;
  c->dead_links = link;
}

void amqp_link_tell_detach(sd_amqp_link *link, const sd_error *error)
{
  sd_amqp_connection *c = link->session->connection;
  if (!link->shown || link->over)
    return;
  link->over = true;
  if (c->handler.on_detach)
    c->handler.on_detach(link, error);
}

static void send_attach(sd_amqp_link *link, const sd_amqp_attach *attach)
{
  sd_amqp_connection *c = link->session->connection;
  sd_amqp_attach full = *attach;
  full.name = sd_bytes_make(link->name, link->name_len);
  full.handle = link->handle;
  full.role = link->role;
  if (link->role == SD_AMQP_SENDER) {
    full.has_initial_delivery_count = true;
    link->initial_delivery_count = link->delivery_count = full.initial_delivery_count;
  } else {
    full.has_initial_delivery_count = false;
  }
  link->attach_sent = true;
  size_t frame = amqp_frame_begin(c, 0, link->session->channel);
  sd_amqp_attach_encode(&c->out, &full);
  amqp_frame_end(c, frame);
}

/* §2.6.3: an attach without our terminus, after which the detach follows. Properties are an empty map,
 * because pyamqp reads them without looking (eventhubs.md §11 item 4). */
static void send_attach_refusal(sd_amqp_link *link)
{
  static const uint8_t empty_map[] = {WIRE_MAP8, 1, 0};
  const sd_amqp_attach attach = {.snd_settle_mode = SD_AMQP_SND_MIXED,
                                 .max_message_size = link->session->connection->max_message_size,
                                 .properties_raw = sd_bytes_make(empty_map, sizeof empty_map)};
  send_attach(link, &attach);
}

static void send_detach(sd_amqp_link *link, bool closed, const char *condition, const char *description)
{
  sd_amqp_connection *c = link->session->connection;
  if (!link->attach_sent)
    send_attach_refusal(link);
  if (c->ended)
    return;
  link->detach_sent = true;
  amqp_link_drop_rest(link);
  const sd_amqp_detach detach = {
      .handle = link->handle, .closed = closed, .error = amqp_error_of(c, condition, description)};
  size_t frame = amqp_frame_begin(c, 0, link->session->channel);
  sd_amqp_detach_encode(&c->out, &detach);
  amqp_frame_end(c, frame);
}

void amqp_link_fail(sd_amqp_link *link, const char *condition, const char *format, ...)
{
  if (link->detach_sent)
    return;
  char text[SD_ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  sd_error error;
  sd_error_set(&error, SD_PROTOCOL, "%s", text);
  error.source = SD_SOURCE_AMQP;
  sd_bytes_to_text(sd_bytes_of(condition), error.condition, sizeof error.condition);
  send_detach(link, true, condition, text);
  amqp_link_drop_joined(link);
  amqp_link_tell_detach(link, &error);
}

/* The peer answers our attach. */
static void handle_attach_answer(sd_amqp_link *link, const sd_amqp_attach *attach)
{
  sd_amqp_connection *c = link->session->connection;
  if (link->role == SD_AMQP_RECEIVER) {
    link->delivery_count = link->credit_end = attach->initial_delivery_count;
    link->without_terminus = !attach->source.present;
  } else {
    link->without_terminus = !attach->target.present;
  }
  if (link->detach_sent)
    return;
  if (c->handler.on_attach)
    c->handler.on_attach(link, attach);
  if (link->credit_set && amqp_usable(c) && !link->session->end_sent && amqp_link_attached(link)) {
    link->credit_set = false;
    amqp_send_flow(link->session, link, false);
  }
}

void amqp_handle_attach(sd_amqp_session *s, const sd_amqp_value *list)
{
  sd_amqp_connection *c = s->connection;
  sd_amqp_attach attach;
  if (sd_amqp_attach_decode(list, &attach) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed attach");
    return;
  }
  if (attach.handle > c->handle_max) {
    amqp_fail(c, SD_PROTOCOL, "amqp:connection:framing-error", "handle %u is above handle-max %u",
              (unsigned)attach.handle, (unsigned)c->handle_max);
    return;
  }
  if (amqp_slots_get(&s->by_remote_handle, attach.handle)) {
    amqp_session_fail(s, "amqp:session:handle-in-use", "handle %u is in use", (unsigned)attach.handle);
    return;
  }
  sd_amqp_role role = attach.role == SD_AMQP_SENDER ? SD_AMQP_RECEIVER : SD_AMQP_SENDER;
  sd_amqp_link *known = find_link(s, attach.name, role);
  sd_amqp_link *link = known;
  bool answer = known && !known->attach_received;
  if (!answer) {
    sd_status status = link_new(s, attach.name, role, NULL, &link);
    if (status != SD_OK) {
      amqp_fail(c, status, status == SD_NOMEM ? "amqp:internal-error" : "amqp:resource-limit-exceeded",
                "no more links can be attached to this connection");
      return;
    }
  }
  if (amqp_slots_set(&s->by_remote_handle, attach.handle, link) != SD_OK) {
    amqp_fail(c, SD_NOMEM, "amqp:internal-error", "out of memory for a link");
    return;
  }
  link->attach_received = true;
  link->remote_handle = attach.handle;
  if (answer) {
    handle_attach_answer(link, &attach);
    return;
  }
  if (role == SD_AMQP_RECEIVER)
    link->delivery_count = link->credit_end = attach.initial_delivery_count;
  if (known) {
    send_detach(link, true, "amqp:resource-locked",
                "a link of this name is attached to this session already");
  } else if (c->link_count > SD_AMQP_LINKS_MAX) {
    send_detach(link, true, "amqp:resource-limit-exceeded", "too many links on this connection");
  } else if (attach.target.coordinator) {
    send_detach(link, true, "amqp:not-implemented", "transactions are not supported");
  } else {
    link->shown = true;
    if (c->handler.on_attach)
      c->handler.on_attach(link, &attach);
  }
}

void amqp_handle_detach(sd_amqp_session *s, const sd_amqp_value *list)
{
  sd_amqp_connection *c = s->connection;
  sd_amqp_detach detach;
  sd_error error;
  if (sd_amqp_detach_decode(list, &detach) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed detach");
    return;
  }
  sd_amqp_link *link = amqp_slots_get(&s->by_remote_handle, detach.handle);
  if (!link) {
    amqp_session_fail(s, "amqp:session:unattached-handle",
                      "detach names handle %u, on which no link is attached", (unsigned)detach.handle);
    return;
  }
  if (!link->detach_sent)
    send_detach(link, detach.closed, NULL, NULL);
  if (detach.error.present)
    sd_amqp_error_to_sd(&detach.error, &error);
  /* Removed first, so that the callback may attach a link of the same name. */
  amqp_link_remove(link);
  amqp_link_tell_detach(link, detach.error.present ? &error : NULL);
}

sd_status sd_amqp_link_attach(sd_amqp_session *s, const sd_amqp_attach *local, void *user,
                              sd_amqp_link **ret_link)
{
  sd_amqp_connection *c = s->connection;
  sd_amqp_link *link;
  if (!amqp_usable(c) || s->end_sent || s->over)
    return SD_CLOSED;
  if (find_link(s, local->name, local->role))
    return SD_CONFLICT;
  if (c->link_count >= SD_AMQP_LINKS_MAX)
    return SD_LIMIT;
  sd_status status = link_new(s, local->name, local->role, user, &link);
  if (status != SD_OK)
    return status;
  send_attach(link, local);
  if (c->ended) {
    amqp_link_remove(link);
    return c->error.code;
  }
  link->shown = true;
  *ret_link = link;
  return SD_OK;
}

sd_status sd_amqp_link_accept(sd_amqp_link *link, const sd_amqp_attach *local)
{
  sd_amqp_session *s = link->session;
  sd_amqp_connection *c = s->connection;
  if (!amqp_usable(c) || s->end_sent || link->detach_sent || link->over)
    return SD_CLOSED;
  if (link->attach_sent)
    return SD_STATE;
  send_attach(link, local);
  if (c->ended)
    return c->error.code;
  if (link->credit_set) {
    link->credit_set = false;
    amqp_send_flow(s, link, false);
  }
  /* Credit that came before the answer is told by the next amqp_leave. */
  if (link->role == SD_AMQP_SENDER && link->refused) {
    s->refused = true;
    c->output_waits = true;
  }
  return SD_OK;
}

void sd_amqp_link_refuse(sd_amqp_link *link, const char *condition, const char *description)
{
  sd_amqp_link_detach(link, condition, description);
}

void sd_amqp_link_detach(sd_amqp_link *link, const char *condition, const char *description)
{
  if (link->over || link->detach_sent || link->session->end_sent || !amqp_usable(link->session->connection))
    return;
  send_detach(link, true, condition, description);
}

void sd_amqp_link_set_user(sd_amqp_link *link, void *user)
{
  link->user = user;
}

void *sd_amqp_link_user(const sd_amqp_link *link)
{
  return link->user;
}

sd_amqp_session *sd_amqp_link_session(const sd_amqp_link *link)
{
  return link->session;
}

sd_bytes sd_amqp_link_name(const sd_amqp_link *link)
{
  return sd_bytes_make(link->name, link->name_len);
}

sd_amqp_role sd_amqp_link_role(const sd_amqp_link *link)
{
  return link->role;
}

void sd_amqp_link_set_credit(sd_amqp_link *link, uint32_t credit)
{
  sd_amqp_session *s = link->session;
  if (link->role != SD_AMQP_RECEIVER || link->over || link->detach_sent || s->end_sent ||
      !amqp_usable(s->connection))
    return;
  link->credit = credit < INT32_MAX ? credit : INT32_MAX;
  if (amqp_link_attached(link))
    amqp_send_flow(s, link, false);
  else
    link->credit_set = true;
}

uint32_t sd_amqp_link_credit(const sd_amqp_link *link)
{
  return link->credit;
}
