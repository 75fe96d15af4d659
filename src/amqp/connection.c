/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The connection: making, ending, failing, timers, and the frame of every call that runs callbacks. */
#include "amqp/engine_internal.h"
#include "base/alloc.h"

#include <stdio.h>

enum { OUTPUT_KEEP_MS = 10000 };

/* Copies the views into one block and points them there. */
static sd_status hold_views(sd_amqp_connection *c, sd_bytes **views, size_t count)
{
  size_t size = 0;
  for (size_t i = 0; i < count; i++)
    size += views[i]->len;
  c->texts = sd_alloc(size);
  if (!c->texts)
    return SD_NOMEM;
  uint8_t *at = c->texts;
  for (size_t i = 0; i < count; i++) {
    if (!views[i]->data)
      continue;
    if (views[i]->len > 0)
      memcpy(at, views[i]->data, views[i]->len);
    views[i]->data = at;
    at += views[i]->len;
  }
  return SD_OK;
}

sd_status sd_amqp_connection_new(const sd_amqp_connection_options *given, const sd_amqp_handler *handler,
                                 void *user, uint64_t now_ms, sd_amqp_connection **ret_connection)
{
  sd_amqp_connection_options options;
  memset(&options, 0, sizeof options);
  memcpy(&options, given, given->struct_size < sizeof options ? given->struct_size : sizeof options);
  if (!options.container_id || options.max_message_size == 0 || options.max_message_size > PTRDIFF_MAX ||
      handler->struct_size == 0)
    return SD_INVALID;
  if (options.max_frame_size != 0 && options.max_frame_size < SD_AMQP_FRAME_SIZE_MIN)
    return SD_INVALID;

  sd_amqp_connection *c = sd_calloc(1, sizeof *c);
  if (!c)
    return SD_NOMEM;
  sd_buf_init(&c->out, 2 * (size_t)SD_AMQP_OUTPUT_HARD_MAX + AMQP_OUT_FRAME_MAX);
  memcpy(&c->handler, handler,
         handler->struct_size < sizeof c->handler ? handler->struct_size : sizeof c->handler);
  c->user = user;
  c->server = options.server;
  c->local.container_id = sd_bytes_of(options.container_id);
  c->local.hostname = sd_bytes_of(options.hostname);
  c->local.max_frame_size = options.max_frame_size ? options.max_frame_size : SD_AMQP_FRAME_SIZE_DEFAULT;
  c->local.channel_max = AMQP_CHANNEL_MAX;
  c->local.idle_timeout_ms = options.idle_timeout_ms;
  c->local.offered_capabilities_raw = options.offered_capabilities_raw;
  c->local.desired_capabilities_raw = options.desired_capabilities_raw;
  c->local.properties_raw = options.properties_raw;
  sd_bytes *views[] = {&c->local.container_id, &c->local.hostname, &c->local.offered_capabilities_raw,
                       &c->local.desired_capabilities_raw, &c->local.properties_raw};
  sd_status status = hold_views(c, views, sizeof views / sizeof *views);
  if (status != SD_OK)
    goto fail;
  c->max_message_size = options.max_message_size;
  c->incoming_window = options.incoming_window ? options.incoming_window : AMQP_WINDOW_DEFAULT;
  if (c->incoming_window > INT32_MAX)
    c->incoming_window = INT32_MAX;
  c->handle_max = options.handle_max && options.handle_max < AMQP_HANDLE_MAX ? options.handle_max
                                                                             : (uint32_t)AMQP_HANDLE_MAX;
  c->remote_max_frame = SD_AMQP_FRAME_SIZE_MIN;
  c->now_ms = c->started_ms = c->last_in_ms = c->last_out_ms = now_ms;
  c->in_cap = AMQP_INPUT_FIRST;
  c->in = sd_alloc(c->in_cap);
  if (!c->in) {
    status = SD_NOMEM;
    goto fail;
  }
  if (!c->server) {
    amqp_send_header(c, 3);
    if (c->ended) {
      status = c->error.code;
      goto fail;
    }
  }
  *ret_connection = c;
  return SD_OK;

fail:
  sd_amqp_connection_free(c);
  return status;
}

static void bury(sd_amqp_connection *c)
{
  while (c->dead_links) {
    sd_amqp_link *link = c->dead_links;
    c->dead_links = link->next_dead;
    amqp_link_free(link);
  }
  while (c->dead_sessions) {
    sd_amqp_session *s = c->dead_sessions;
    c->dead_sessions = s->next_dead;
    amqp_session_free(s);
  }
}

void sd_amqp_connection_free(sd_amqp_connection *c)
{
  if (!c)
    return;
  for (uint32_t i = 0; i < c->by_channel.cap; i++) {
    sd_amqp_session *s = c->by_channel.items[i];
    if (s)
      amqp_session_remove(s);
  }
  bury(c);
  amqp_slots_release(&c->by_channel);
  amqp_slots_release(&c->by_remote_channel);
  sd_buf_release(&c->out);
  sd_free(c->in);
  sd_free(c->texts);
  sd_free(c);
}

void *sd_amqp_connection_user(const sd_amqp_connection *c)
{
  return c->user;
}

bool sd_amqp_connection_over(const sd_amqp_connection *c)
{
  return c->over;
}

/* The last callbacks: links, sessions, the connection. */
static void tear_down(sd_amqp_connection *c, const sd_error *error)
{
  if (c->telling)
    return;
  c->telling = true;
  c->ended = true;
  for (uint32_t i = 0; i < c->by_channel.cap; i++) {
    sd_amqp_session *s = c->by_channel.items[i];
    if (!s)
      continue;
    amqp_session_tell_end(s, error);
    amqp_session_remove(s);
  }
  c->over = true;
  c->in_len = 0;
  if (c->handler.on_close)
    c->handler.on_close(c, error);
}

/* What waited for output to shrink. */
static void resume_output(sd_amqp_connection *c)
{
  if (amqp_unsent(c) > SD_AMQP_OUTPUT_SOFT_MAX)
    return;
  bool notify = c->output_waits;
  if (!notify && c->partial_count == 0)
    return;
  c->output_waits = false;
  for (uint32_t i = 0; i < c->by_channel.cap && !c->ended; i++) {
    sd_amqp_session *s = c->by_channel.items[i];
    if (!s || s->end_sent)
      continue;
    amqp_session_resume(s);
    if (s->refused && !c->ended)
      amqp_session_notify(s);
  }
}

void amqp_enter(sd_amqp_connection *c)
{
  c->depth++;
}

void amqp_leave(sd_amqp_connection *c)
{
  if (c->depth == 1) {
    if (!c->ended && (c->output_waits || c->partial_count > 0))
      resume_output(c);
    if (c->ended && !c->over)
      tear_down(c, c->with_error ? &c->error : NULL);
  }
  if (--c->depth == 0)
    bury(c);
}

void amqp_send_open(sd_amqp_connection *c)
{
  c->open_sent = true;
  size_t frame = amqp_frame_begin(c, 0, 0);
  sd_amqp_open_encode(&c->out, &c->local);
  amqp_frame_end(c, frame);
}

static void send_close(sd_amqp_connection *c, const char *condition, const char *description)
{
  sd_amqp_close close = {.error = amqp_error_of(c, condition, description)};
  c->close_sent = true;
  size_t frame = amqp_frame_begin(c, 0, 0);
  sd_amqp_close_encode(&c->out, &close);
  amqp_frame_end(c, frame);
}

void amqp_fail(sd_amqp_connection *c, sd_status code, const char *condition, const char *format, ...)
{
  if (c->ended)
    return;
  char text[SD_ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  sd_error_set(&c->error, code, "%s", text);
  c->error.source = SD_SOURCE_AMQP;
  c->error.fatal = 1;
  c->error.retriable = code == SD_TIMEOUT || code == SD_NOMEM || code == SD_LIMIT;
  if (condition)
    sd_bytes_to_text(sd_bytes_of(condition), c->error.condition, sizeof c->error.condition);
  c->with_error = true;
  c->ended = true; /* before the close is written: a failure there must not come back here */
  if (condition && c->phase == AMQP_PHASE_FRAMES && !c->close_sent) {
    if (!c->open_sent)
      amqp_send_open(c);
    send_close(c, condition, text);
  }
}

void sd_amqp_connection_close(sd_amqp_connection *c, const char *condition, const char *description)
{
  if (!amqp_usable(c))
    return;
  if (c->phase != AMQP_PHASE_FRAMES || !c->open_sent) {
    c->ended = true; /* nothing was agreed that a close could end */
    return;
  }
  send_close(c, condition, description);
  c->close_at_ms = c->now_ms + SD_AMQP_CLOSE_TIMEOUT_MS;
}

void sd_amqp_connection_lost(sd_amqp_connection *c, const sd_error *error)
{
  if (c->over || c->telling)
    return;
  amqp_enter(c);
  if (!c->ended) {
    c->ended = true;
    c->with_error = error != NULL;
    if (error)
      c->error = *error;
  }
  tear_down(c, c->with_error ? &c->error : NULL);
  amqp_leave(c);
}

static uint64_t heartbeat_interval(const sd_amqp_connection *c)
{
  uint64_t half = c->remote_idle_ms / 2;
  if (half > AMQP_HEARTBEAT_MAX_MS)
    half = AMQP_HEARTBEAT_MAX_MS;
  return half > 0 ? half : 1;
}

static bool heartbeats(const sd_amqp_connection *c)
{
  return c->open_received && c->open_sent && !c->close_sent && c->remote_idle_ms > 0;
}

/* When the peer has been silent for too long; UINT64_MAX: never. */
static uint64_t silence_deadline(const sd_amqp_connection *c)
{
  if (!c->open_received || c->local.idle_timeout_ms == 0)
    return UINT64_MAX;
  return c->last_in_ms + 2 * (uint64_t)c->local.idle_timeout_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static uint64_t next_deadline(const sd_amqp_connection *c)
{
  uint64_t next = UINT64_MAX;
  if (c->over)
    return next;
  if (c->ended)
    return c->now_ms;
  if (!c->open_received)
    next = c->started_ms + SD_AMQP_OPEN_TIMEOUT_MS;
  if (c->close_sent)
    next = earlier(next, c->close_at_ms);
  if (heartbeats(c))
    next = earlier(next, c->last_out_ms + heartbeat_interval(c));
  return earlier(next, silence_deadline(c));
}

uint64_t sd_amqp_tick(sd_amqp_connection *c, uint64_t now_ms)
{
  static const uint8_t heartbeat[8] = {0, 0, 0, 8, 2, 0, 0, 0};
  if (c->over)
    return UINT64_MAX;
  if (now_ms > c->now_ms)
    c->now_ms = now_ms;
  amqp_enter(c);
  if (!c->open_received && c->now_ms - c->started_ms >= SD_AMQP_OPEN_TIMEOUT_MS)
    amqp_fail(c, SD_TIMEOUT, "amqp:connection:forced", "the peer did not open the connection within %d ms",
              SD_AMQP_OPEN_TIMEOUT_MS);
  if (c->close_sent && c->now_ms >= c->close_at_ms)
    amqp_fail(c, SD_TIMEOUT, NULL, "the peer did not answer the close within %d ms",
              SD_AMQP_CLOSE_TIMEOUT_MS);
  if (c->now_ms >= silence_deadline(c))
    amqp_fail(c, SD_TIMEOUT, "amqp:resource-limit-exceeded", "nothing came from the peer for %llu ms",
              (unsigned long long)(c->now_ms - c->last_in_ms));
  if (!c->ended && heartbeats(c) && c->now_ms - c->last_out_ms >= heartbeat_interval(c)) {
    /* Unsent output will do as a sign of life, and a stuck transport must not collect heartbeats. */
    if (amqp_unsent(c) == 0)
      amqp_out_bytes(c, heartbeat, sizeof heartbeat);
    c->last_out_ms = c->now_ms;
  }
  amqp_leave(c);
  /* A connection that has been quiet needs no large buffer. */
  if (amqp_unsent(c) == 0 && c->now_ms - c->last_out_ms >= OUTPUT_KEEP_MS && sd_buf_status(&c->out) == SD_OK)
    sd_buf_release(&c->out);
  return next_deadline(c);
}

void sd_amqp_error_to_sd(const sd_amqp_error *remote, sd_error *ret_error)
{
  sd_error error;
  char text[SD_ERROR_MESSAGE_MAX];
  sd_bytes_to_text(remote->description.len > 0 ? remote->description : remote->condition, text, sizeof text);
  sd_error_set(&error, SD_REMOTE, "%s", text);
  error.source = SD_SOURCE_AMQP;
  sd_bytes_to_text(remote->condition, error.condition, sizeof error.condition);
  *ret_error = error;
}
