/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Network and engine put together, and the steps from connecting to ready and back. */
#include "base/alloc.h"
#include "base/clock.h"
#include "eventhubs/connection_internal.h"

static uint64_t step_deadline(const sd_hub_connection *c)
{
  return sd_clock_monotonic_ms() + c->settings->timing.step_timeout_ms;
}

void sd_hub_connection_enter(sd_hub_connection *c, sd_hub_phase next)
{
  c->phase = next;
  c->deadline_ms = UINT64_MAX;
  if (next == SD_HUB_PHASE_OPENING) {
    c->deadline_ms = step_deadline(c);
    sd_hub_connection_wake_at(c, c->deadline_ms);
  }
}

void sd_hub_connection_remember(sd_hub_connection *c, const sd_error *error)
{
  if (c->failed || !error)
    return;
  c->failed = true;
  c->error = *error;
}

/* Takes the network away; on_closed does the rest. */
static void cut(sd_hub_connection *c)
{
  if (c->stream_closing)
    return;
  c->stream_closing = true;
  sd_net_abort(c->stream);
}

void sd_hub_connection_fail(sd_hub_connection *c, const sd_error *error)
{
  sd_hub_connection_remember(c, error);
  cut(c);
}

void sd_hub_connection_fail_with(sd_hub_connection *c, sd_status status, const char *what)
{
  sd_error error;
  sd_error_set(&error, status, "%s:%u: %s", c->settings->host, c->settings->port, what);
  error.retriable = 1;
  sd_hub_connection_fail(c, &error);
}

void sd_hub_connection_flush(sd_hub_connection *c)
{
  if (!c->engine || c->in_engine || !c->stream)
    return;
  for (;;) {
    sd_bytes out = sd_amqp_output(c->engine);
    size_t n = out.len > 0 ? sd_net_write(c->stream, out) : 0;
    if (n == 0)
      return;
    sd_amqp_output_consume(c->engine, n);
  }
}

/* An orderly end goes on when the step before is through. */
static void continue_closing(sd_hub_connection *c)
{
  if (!c->engine || c->links > 0 || sd_amqp_connection_over(c->engine))
    return;
  if (c->control)
    sd_amqp_session_end(c->control->amqp, NULL, NULL);
  for (sd_hub_session *session = c->events; session; session = session->next)
    sd_amqp_session_end(session->amqp, NULL, NULL);
  if (!c->control && !c->events && !c->close_sent) {
    c->close_sent = true;
    sd_amqp_connection_close(c->engine, NULL, NULL);
    sd_hub_connection_wake_at(c, 0); /* the engine may end at once */
  }
}

/* After everything that the engine did. */
static void turn(sd_hub_connection *c)
{
  if (!c->stream_closing && !c->failed && !sd_amqp_connection_over(c->engine)) {
    sd_hub_sessions_settle(c, SD_HUB_SETTLE_COUNT);
    c->handler->on_turn(c->owner);
  }
  if (c->closing && !c->stream_closing)
    continue_closing(c);
  sd_hub_connection_flush(c);
  if (sd_amqp_connection_over(c->engine) && !c->stream_closing) {
    c->stream_closing = true;
    sd_net_close(c->stream);
  }
}

/* ---- timers ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static uint64_t check_deadline(sd_hub_connection *c, uint64_t now)
{
  if (now < c->deadline_ms)
    return c->deadline_ms;
  c->deadline_ms = UINT64_MAX;
  if (c->closing)
    cut(c);
  else
    sd_hub_connection_fail_with(c, SD_TIMEOUT, "the broker did not open the connection in time");
  return UINT64_MAX;
}

static void on_timer(uv_timer_t *timer)
{
  sd_hub_connection *c = timer->data;
  uint64_t now = sd_clock_monotonic_ms();
  c->armed_ms = UINT64_MAX;
  c->in_timer = true;
  uint64_t next = check_deadline(c, now);
  if (c->engine && !c->stream_closing) {
    c->in_engine = true;
    next = earlier(next, sd_amqp_tick(c->engine, now));
    if (!c->closing) {
      next = earlier(next, sd_hub_sessions_tick(c, now));
      next = earlier(next, sd_hub_rpc_tick(&c->cbs, now));
      next = earlier(next, sd_hub_rpc_tick(&c->management, now));
      next = earlier(next, sd_hub_authorization_tick(&c->authorization, now));
      if (c->phase == SD_HUB_PHASE_READY)
        next = earlier(next, c->handler->on_tick(c->owner, now));
    }
    c->in_engine = false;
    turn(c);
  }
  if (next != UINT64_MAX)
    sd_hub_connection_wake_at(c, next);
  c->in_timer = false;
}

void sd_hub_connection_wake_at(sd_hub_connection *c, uint64_t at_ms)
{
  if (at_ms >= c->armed_ms || uv_is_closing((uv_handle_t *)&c->timer))
    return;
  uint64_t now = sd_clock_monotonic_ms();
  uint64_t wait = at_ms > now ? at_ms - now : 0;
  /* The loop would run a timer that is due at once again and again before it looks at the network. */
  if (c->in_timer && wait == 0)
    wait = 1;
  uv_update_time(c->settings->loop);
  c->armed_ms = at_ms;
  uv_timer_start(&c->timer, on_timer, wait, 0);
}

/* ---- network ---- */

static void net_connected(sd_net_stream *stream)
{
  sd_hub_connection *c = sd_net_user(stream);
  sd_status status = sd_hub_connection_make_engine(c);
  if (status != SD_OK) {
    sd_hub_connection_fail_with(c, status, sd_status_text(status));
    return;
  }
  sd_hub_connection_enter(c, SD_HUB_PHASE_OPENING);
  sd_hub_connection_flush(c);
}

static void net_space(sd_net_stream *stream, uint8_t **ret_space, size_t *ret_size)
{
  sd_hub_connection *c = sd_net_user(stream);
  *ret_size = 0;
  if (c->engine && !c->stream_closing)
    sd_amqp_input_space(c->engine, ret_space, ret_size);
}

static void net_data(sd_net_stream *stream, size_t n)
{
  sd_hub_connection *c = sd_net_user(stream);
  if (c->stream_closing)
    return;
  c->in_engine = true;
  /* Its result says what on_close has said. */
  (void)sd_amqp_input_commit(c->engine, n, sd_clock_monotonic_ms());
  c->in_engine = false;
  turn(c);
}

static void net_writable(sd_net_stream *stream)
{
  sd_hub_connection *c = sd_net_user(stream);
  sd_hub_connection_flush(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
  sd_hub_connection *c = handle->data;
  void *owner = c->owner;
  const sd_hub_handler *handler = c->handler;
  sd_error error = c->error;
  bool failed = c->failed;
  bool denied = c->denied;
  sd_amqp_connection_free(c->engine);
  sd_hub_inquiry_release(&c->inquiry);
  sd_hub_authorization_release(&c->authorization);
  sd_hub_rpc_release(&c->cbs);
  sd_hub_rpc_release(&c->management);
  sd_free(c);
  handler->on_over(owner, failed ? &error : NULL, denied);
}

static void net_closed(sd_net_stream *stream, const sd_error *error)
{
  sd_hub_connection *c = sd_net_user(stream);
  sd_error ended;
  if (!error && !c->closing && !c->failed) {
    sd_error_set(&ended, SD_CLOSED, "%s:%u ended the connection", c->settings->host, c->settings->port);
    ended.retriable = 1;
    error = &ended;
  }
  if (!c->closing)
    sd_hub_connection_remember(c, error);
  c->stream_closing = true;
  if (c->engine)
    sd_amqp_connection_lost(c->engine, c->failed ? &c->error : NULL);
  c->stream = NULL;
  uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static const sd_net_handler net_handler = {.struct_size = sizeof net_handler,
                                           .on_connected = net_connected,
                                           .on_space = net_space,
                                           .on_data = net_data,
                                           .on_writable = net_writable,
                                           .on_closed = net_closed};

/* ---- steps ---- */

static void on_info(void *owner, const sd_hub_info *info, const sd_error *error)
{
  sd_hub_connection *c = owner;
  if (error) {
    sd_hub_connection_fail(c, error);
    return;
  }
  sd_hub_connection_enter(c, SD_HUB_PHASE_READY);
  sd_hub_connection_wake_at(c, sd_clock_monotonic_ms()); /* the owner's timers begin */
  c->handler->on_ready(c->owner, info);
}

static void on_authorized(void *owner, const sd_error *error, bool denied)
{
  sd_hub_connection *c = owner;
  if (error) {
    c->denied = denied;
    sd_hub_connection_fail(c, error);
    return;
  }
  if (c->phase == SD_HUB_PHASE_AUTHORIZING) {
    sd_hub_connection_enter(c, SD_HUB_PHASE_INQUIRING);
    sd_status status = sd_hub_inquiry_start(&c->inquiry, c->with_partitions, on_info, c);
    if (status != SD_OK) {
      sd_hub_connection_fail_with(c, status, "the hub could not be asked about itself");
      return;
    }
  }
  c->handler->on_authorized(c->owner);
}

sd_status sd_hub_connection_new(const sd_hub_settings *settings, bool with_partitions,
                                const sd_hub_handler *handler, void *owner,
                                sd_hub_connection **ret_connection, sd_error *error)
{
  sd_hub_connection *c = sd_calloc(1, sizeof *c);
  if (!c)
    return sd_error_set(error, SD_NOMEM, "out of memory for a connection to %s", settings->host);
  c->settings = settings;
  c->handler = handler;
  c->owner = owner;
  c->with_partitions = with_partitions;
  c->armed_ms = UINT64_MAX;
  c->deadline_ms = UINT64_MAX;
  sd_hub_rpc_init(&c->cbs, c, "$cbs");
  sd_hub_rpc_init(&c->management, c, "$management");
  sd_hub_authorization_init(&c->authorization, c, &c->cbs, on_authorized, c);
  sd_hub_inquiry_init(&c->inquiry, c, &c->management);
  const sd_net_connect_options options = {
      .struct_size = sizeof options, .host = settings->host, .port = settings->port, .tls = settings->tls};
  sd_status status = sd_net_connect(settings->loop, &options, &net_handler, c, &c->stream, error);
  if (status != SD_OK) {
    sd_free(c);
    return status;
  }
  uv_timer_init(settings->loop, &c->timer);
  c->timer.data = c;
  *ret_connection = c;
  return SD_OK;
}

void sd_hub_connection_close(sd_hub_connection *c)
{
  if (c->closing)
    return;
  c->closing = true;
  c->deadline_ms = sd_clock_monotonic_ms() + c->settings->timing.stop_timeout_ms;
  sd_hub_connection_wake_at(c, c->deadline_ms);
  if (!c->engine || c->phase < SD_HUB_PHASE_BEGINNING) {
    cut(c);
    return;
  }
  sd_hub_rpc_close(&c->cbs);
  sd_hub_rpc_close(&c->management);
  /* The rest goes on from the loop, because this may be called from inside the engine. */
  sd_hub_connection_wake_at(c, 0);
}

void sd_hub_connection_abort(sd_hub_connection *c)
{
  c->closing = true;
  c->stream_closing = true;
  /* Also a stream that lingers, for its peer to take what is pending. */
  if (c->stream)
    sd_net_abort(c->stream);
}

sd_status sd_hub_connection_attach(sd_hub_connection *c, bool control, const sd_amqp_attach *attach,
                                   sd_hub_link *link)
{
  sd_hub_session *session = c->control;
  if (!c->control || c->closing || c->failed)
    return SD_CLOSED;
  sd_status status = control ? SD_OK : sd_hub_session_with_room(c, &session);
  if (status == SD_OK)
    status = sd_amqp_link_attach(session->amqp, attach, link, &link->amqp);
  if (status != SD_OK)
    return status;
  link->connection = c;
  link->session = session;
  session->links++;
  c->links++;
  return SD_OK;
}

void sd_hub_link_detach(sd_hub_link *link)
{
  if (link->amqp)
    sd_amqp_link_detach(link->amqp, NULL, NULL);
}

size_t sd_hub_connection_unfinished(const sd_hub_connection *c)
{
  return c->engine ? sd_amqp_unfinished_bytes(c->engine) : 0;
}

const sd_hub_settings *sd_hub_connection_settings(const sd_hub_connection *c)
{
  return c->settings;
}

bool sd_hub_connection_usable(const sd_hub_connection *c)
{
  return c->phase == SD_HUB_PHASE_READY && !c->closing && !c->failed && !c->stream_closing;
}

void sd_hub_connection_reauthorize(sd_hub_connection *c)
{
  sd_hub_authorization_put(&c->authorization);
}

sd_status sd_hub_connection_inquire(sd_hub_connection *c, bool with_partitions, sd_hub_info_fn *answer)
{
  if (!sd_hub_connection_usable(c))
    return SD_STATE;
  return sd_hub_inquiry_start(&c->inquiry, with_partitions, answer, c->owner);
}
