/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sessions: begin, end, and the windows of §2.5.6. */
#include "amqp/engine_internal.h"
#include "base/alloc.h"

#include <stdio.h>

static void send_begin(sd_amqp_session *s)
{
  sd_amqp_connection *c = s->connection;
  const sd_amqp_begin begin = {.has_remote_channel = s->begin_received,
                               .remote_channel = s->remote_channel,
                               .next_outgoing_id = s->next_outgoing_id,
                               .incoming_window = s->incoming_window,
                               .outgoing_window = AMQP_OUTGOING_WINDOW,
                               .handle_max = c->handle_max};
  s->window_told = s->incoming_window;
  s->window_end = s->next_incoming_id + s->window_told;
  size_t frame = amqp_frame_begin(c, 0, s->channel);
  sd_amqp_begin_encode(&c->out, &begin);
  amqp_frame_end(c, frame);
}

static void send_end(sd_amqp_session *s, const char *condition, const char *description)
{
  sd_amqp_connection *c = s->connection;
  const sd_amqp_close end = {.error = amqp_error_of(c, condition, description)};
  s->end_sent = true;
  size_t frame = amqp_frame_begin(c, 0, s->channel);
  sd_amqp_end_encode(&c->out, &end);
  amqp_frame_end(c, frame);
}

/* A session in the table of our channels. */
static sd_status session_new(sd_amqp_connection *c, void *user, sd_amqp_session **ret_session)
{
  uint32_t channel = amqp_slots_unused(&c->by_channel);
  if (c->session_count >= SD_AMQP_SESSIONS_MAX || channel > AMQP_CHANNEL_MAX ||
      channel > c->remote_channel_max)
    return SD_LIMIT;
  sd_amqp_session *s = sd_calloc(1, sizeof *s);
  if (!s)
    return SD_NOMEM;
  s->connection = c;
  s->user = user;
  s->channel = (uint16_t)channel;
  s->incoming_window = c->incoming_window;
  s->remote_handle_max = UINT32_MAX;
  if (amqp_slots_set(&c->by_channel, channel, s) != SD_OK) {
    sd_free(s);
    return SD_NOMEM;
  }
  c->session_count++;
  *ret_session = s;
  return SD_OK;
}

void amqp_session_free(sd_amqp_session *s)
{
  amqp_slots_release(&s->by_handle);
  amqp_slots_release(&s->by_remote_handle);
  sd_free(s);
}

void amqp_session_remove(sd_amqp_session *s)
{
  sd_amqp_connection *c = s->connection;
  while (s->links)
    amqp_link_remove(s->links);
  amqp_slots_clear(&c->by_channel, s->channel);
  if (s->begin_received)
    amqp_slots_clear(&c->by_remote_channel, s->remote_channel);
  c->session_count--;
  s->next_dead = c->dead_sessions;
  c->dead_sessions = s;
}

void amqp_session_tell_end(sd_amqp_session *s, const sd_error *error)
{
  sd_amqp_connection *c = s->connection;
  for (sd_amqp_link *link = s->links; link; link = link->next)
    amqp_link_tell_detach(link, error);
  if (!s->shown || s->over)
    return;
  s->over = true;
  if (c->handler.on_end)
    c->handler.on_end(s, error);
}

void amqp_session_fail(sd_amqp_session *s, const char *condition, const char *format, ...)
{
  sd_amqp_connection *c = s->connection;
  if (s->end_sent || c->ended)
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
  send_end(s, condition, text);
  amqp_session_tell_end(s, &error);
}

void amqp_handle_begin(sd_amqp_connection *c, uint16_t channel, const sd_amqp_value *list)
{
  sd_amqp_begin begin;
  sd_amqp_session *s;
  if (sd_amqp_begin_decode(list, &begin) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed begin");
    return;
  }
  if (channel > AMQP_CHANNEL_MAX) {
    amqp_fail(c, SD_PROTOCOL, "amqp:connection:framing-error", "channel %u is above channel-max %d", channel,
              AMQP_CHANNEL_MAX);
    return;
  }
  if (amqp_slots_get(&c->by_remote_channel, channel)) {
    amqp_fail(c, SD_PROTOCOL, "amqp:not-allowed", "a session has begun on channel %u already", channel);
    return;
  }
  bool answer = begin.has_remote_channel;
  if (answer) {
    s = amqp_slots_get(&c->by_channel, begin.remote_channel);
    if (!s || s->begin_received) {
      amqp_fail(c, SD_PROTOCOL, "amqp:not-allowed", "begin answers channel %u, on which no session waits",
                begin.remote_channel);
      return;
    }
  } else {
    sd_status status = session_new(c, NULL, &s);
    if (status != SD_OK) {
      amqp_fail(c, status, "amqp:resource-limit-exceeded", "no more than %u sessions on a connection",
                (unsigned)SD_AMQP_SESSIONS_MAX);
      return;
    }
  }
  if (amqp_slots_set(&c->by_remote_channel, channel, s) != SD_OK) {
    amqp_fail(c, SD_NOMEM, "amqp:internal-error", "out of memory for a session");
    return;
  }
  s->begin_received = true;
  s->remote_channel = channel;
  s->window_end =
      begin.next_outgoing_id + s->window_told; /* ours was told before the peer's first id was known */
  s->next_incoming_id = begin.next_outgoing_id;
  s->remote_incoming_window = begin.incoming_window;
  s->remote_handle_max = begin.handle_max;
  if (!answer) {
    send_begin(s);
    if (c->ended)
      return;
    s->shown = true;
  }
  if (s->end_sent)
    return;
  if (s->window_by_caller && s->incoming_window != s->window_told)
    amqp_send_flow(s, NULL, false);
  if (!c->ended && c->handler.on_begin)
    c->handler.on_begin(s);
}

void amqp_handle_end(sd_amqp_session *s, const sd_amqp_value *list)
{
  sd_amqp_connection *c = s->connection;
  sd_amqp_close end;
  sd_error error;
  if (sd_amqp_close_decode(list, &end) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed end");
    return;
  }
  if (!s->end_sent)
    send_end(s, NULL, NULL);
  if (end.error.present)
    sd_amqp_error_to_sd(&end.error, &error);
  amqp_session_tell_end(s, end.error.present ? &error : NULL);
  if (!c->over)
    amqp_session_remove(s);
}

void amqp_send_flow(sd_amqp_session *s, sd_amqp_link *link, bool drain)
{
  sd_amqp_connection *c = s->connection;
  if (!s->window_by_caller)
    s->incoming_window = c->incoming_window;
  sd_amqp_flow flow = {.has_next_incoming_id = s->begin_received,
                       .next_incoming_id = s->next_incoming_id,
                       .incoming_window = s->incoming_window,
                       .next_outgoing_id = s->next_outgoing_id,
                       .outgoing_window = AMQP_OUTGOING_WINDOW};
  s->window_told = s->incoming_window;
  if (amqp_serial(s->next_incoming_id + s->window_told, s->window_end) > 0)
    s->window_end = s->next_incoming_id + s->window_told;
  if (link) {
    flow.has_handle = true;
    flow.handle = link->handle;
    flow.has_delivery_count = true;
    flow.delivery_count = link->delivery_count;
    flow.has_link_credit = true;
    flow.link_credit = link->credit;
    flow.drain = drain;
    if (link->role == SD_AMQP_SENDER) {
      flow.has_available = true;
      flow.available = link->sending ? 1 : 0;
    } else if (amqp_serial(link->delivery_count + link->credit, link->credit_end) > 0) {
      link->credit_end = link->delivery_count + link->credit;
    }
  }
  size_t frame = amqp_frame_begin(c, 0, s->channel);
  sd_amqp_flow_encode(&c->out, &flow);
  amqp_frame_end(c, frame);
}

bool amqp_session_count_transfer(sd_amqp_session *s)
{
  if (amqp_serial(s->next_incoming_id, s->window_end) >= 0) {
    amqp_session_fail(s, "amqp:session:window-violation",
                      "a transfer came although the incoming window is closed");
    return false;
  }
  s->next_incoming_id++;
  if (s->incoming_window > 0)
    s->incoming_window--;
  if (s->window_told > 0)
    s->window_told--;
  if (!s->window_by_caller && s->window_told <= s->connection->incoming_window / 2)
    amqp_send_flow(s, NULL, false);
  return true;
}

/* The session half of a flow (§2.5.6). */
static void take_windows(sd_amqp_session *s, const sd_amqp_flow *flow)
{
  /* What we sent and the peer had not seen when it wrote this; from our first id when it had seen nothing at
   * all. */
  int32_t unseen = amqp_serial(s->next_outgoing_id, flow->has_next_incoming_id ? flow->next_incoming_id : 0);
  if (unseen < 0)
    unseen = 0;
  s->remote_incoming_window =
      flow->incoming_window > (uint32_t)unseen ? flow->incoming_window - (uint32_t)unseen : 0;
  s->window_end += flow->next_outgoing_id - s->next_incoming_id;
  s->next_incoming_id = flow->next_outgoing_id;
}

static void take_credit(sd_amqp_link *link, const sd_amqp_flow *flow)
{
  if (link->role == SD_AMQP_SENDER) {
    if (flow->has_link_credit) {
      uint32_t count = flow->has_delivery_count ? flow->delivery_count : link->initial_delivery_count;
      int32_t unseen = amqp_serial(link->delivery_count, count);
      if (unseen < 0)
        unseen = 0;
      link->credit = flow->link_credit > (uint32_t)unseen ? flow->link_credit - (uint32_t)unseen : 0;
    }
    link->drain = flow->drain;
  } else if (flow->has_delivery_count) {
    /* The sender has given up credit (drain). */
    int32_t advance = amqp_serial(flow->delivery_count, link->delivery_count);
    if (advance > 0) {
      link->credit = link->credit > (uint32_t)advance ? link->credit - (uint32_t)advance : 0;
      link->delivery_count = flow->delivery_count;
    }
  }
}

void amqp_handle_flow(sd_amqp_session *s, const sd_amqp_value *list)
{
  sd_amqp_connection *c = s->connection;
  sd_amqp_flow flow;
  sd_amqp_link *link = NULL;
  if (sd_amqp_flow_decode(list, &flow) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed flow");
    return;
  }
  if (!s->begin_received)
    return;
  if (flow.has_handle) {
    link = amqp_slots_get(&s->by_remote_handle, flow.handle);
    if (!link) {
      amqp_session_fail(s, "amqp:session:unattached-handle",
                        "flow names handle %u, on which no link is attached", (unsigned)flow.handle);
      return;
    }
  }
  take_windows(s, &flow);
  amqp_session_resume(s);
  if (c->ended)
    return;
  if (link && !link->detach_sent) {
    take_credit(link, &flow);
    if (link->role == SD_AMQP_SENDER && amqp_link_attached(link)) {
      link->refused = false;
      if (c->handler.on_flow)
        c->handler.on_flow(link, flow.drain);
    } else if (link->role == SD_AMQP_SENDER) {
      link->refused = true; /* told once the link is accepted */
    }
  }
  if (s->refused && !c->ended && !s->end_sent)
    amqp_session_notify(s);
  if (flow.echo && !c->ended && !c->close_sent && !s->end_sent)
    amqp_send_flow(s, link && amqp_link_attached(link) ? link : NULL, false);
}

void amqp_session_notify(sd_amqp_session *s)
{
  sd_amqp_connection *c = s->connection;
  s->refused = false;
  for (sd_amqp_link *link = s->links; link && !c->ended && !s->end_sent; link = link->next) {
    if (!link->refused || link->over)
      continue;
    if (!sd_amqp_sendable(link)) {
      s->refused = true;
      continue;
    }
    link->refused = false;
    if (c->handler.on_flow)
      c->handler.on_flow(link, link->drain);
  }
}

sd_status sd_amqp_session_begin(sd_amqp_connection *c, void *user, sd_amqp_session **ret_session)
{
  sd_amqp_session *s;
  if (!amqp_usable(c))
    return SD_CLOSED;
  if (!c->open_received)
    return SD_STATE;
  sd_status status = session_new(c, user, &s);
  if (status != SD_OK)
    return status;
  send_begin(s);
  if (c->ended) {
    amqp_session_remove(s);
    return c->error.code;
  }
  s->shown = true;
  *ret_session = s;
  return SD_OK;
}

void sd_amqp_session_end(sd_amqp_session *s, const char *condition, const char *description)
{
  if (s->end_sent || s->over || !amqp_usable(s->connection))
    return;
  send_end(s, condition, description);
}

void sd_amqp_session_set_user(sd_amqp_session *s, void *user)
{
  s->user = user;
}

void *sd_amqp_session_user(const sd_amqp_session *s)
{
  return s->user;
}

sd_amqp_connection *sd_amqp_session_connection(const sd_amqp_session *s)
{
  return s->connection;
}

void sd_amqp_session_set_incoming_window(sd_amqp_session *s, uint32_t frames)
{
  s->window_by_caller = true;
  s->incoming_window = frames < INT32_MAX ? frames : INT32_MAX;
  if (s->end_sent || s->over || !amqp_usable(s->connection))
    return;
  uint32_t wanted = s->incoming_window, told = s->window_told;
  if (s->begin_received && (wanted < told || wanted - told > told / 2))
    amqp_send_flow(s, NULL, false);
}

uint32_t sd_amqp_session_incoming_window(const sd_amqp_session *s)
{
  return s->incoming_window > s->window_told ? s->incoming_window : s->window_told;
}

uint32_t sd_amqp_session_handle_max(const sd_amqp_session *s)
{
  return s->remote_handle_max;
}
