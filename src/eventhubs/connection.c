/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Network and engine put together, and the steps from connecting to ready and back. */
#include "eventhubs/connection.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "eventhubs/authorization.h"
#include "eventhubs/inquiry.h"

enum { PROPERTIES_MAX = 512 /* bytes of the encoded properties of open */ };

typedef enum phase {
  PHASE_CONNECTING, /* net has its own deadline */
  PHASE_OPENING,    /* SASL and open */
  PHASE_BEGINNING,  /* both sessions */
  PHASE_AUTHORIZING,
  PHASE_INQUIRING,
  PHASE_READY
} phase;

struct sd_hub_connection {
  const sd_hub_settings *settings;
  const sd_hub_handler *handler;
  void *owner;
  uv_timer_t timer;
  uint64_t armed_ms; /* when the timer fires */
  sd_net_stream *stream;
  sd_amqp_connection *engine; /* NULL until connected */
  sd_amqp_session *control;
  sd_amqp_session *events;
  uint32_t sessions_up;
  phase phase;
  uint64_t deadline_ms; /* of the phase, or of closing */
  uint64_t ready_at_ms;
  sd_hub_rpc cbs;
  sd_hub_rpc management;
  sd_hub_authorization authorization;
  sd_hub_inquiry inquiry;
  uint32_t links; /* of both sessions */
  bool with_partitions;
  bool closing;
  bool close_sent;
  bool stream_closing;
  bool in_timer;
  bool in_engine; /* inside a call that handles input or time: output is flushed after it */
  bool failed;
  bool denied;
  sd_error error; /* the first one, when failed */
};

static sd_hub_connection *of_amqp(sd_amqp_connection *engine)
{
  return sd_amqp_connection_user(engine);
}

static uint64_t step_deadline(const sd_hub_connection *c)
{
  return sd_clock_monotonic_ms() + c->settings->timing.step_timeout_ms;
}

static void enter(sd_hub_connection *c, phase next)
{
  c->phase = next;
  c->deadline_ms = UINT64_MAX;
  if (next == PHASE_OPENING || next == PHASE_BEGINNING) {
    c->deadline_ms = step_deadline(c);
    sd_hub_connection_wake_at(c, c->deadline_ms);
  }
}

static void remember(sd_hub_connection *c, const sd_error *error)
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
  remember(c, error);
  cut(c);
}

static void fail(sd_hub_connection *c, sd_status status, const char *what)
{
  sd_error error;
  sd_error_set(&error, status, "%s:%u: %s", c->settings->host, c->settings->port, what);
  error.retriable = 1;
  sd_hub_connection_fail(c, &error);
}

void sd_hub_connection_flush(sd_hub_connection *c)
{
  if (!c->engine || c->in_engine)
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
    sd_amqp_session_end(c->control, NULL, NULL);
  if (c->events)
    sd_amqp_session_end(c->events, NULL, NULL);
  if (!c->control && !c->events && !c->close_sent) {
    c->close_sent = true;
    sd_amqp_connection_close(c->engine, NULL, NULL);
    sd_hub_connection_wake_at(c, 0); /* the engine may end at once */
  }
}

/* After everything that the engine did. */
static void turn(sd_hub_connection *c)
{
  if (!c->stream_closing && !c->failed && !sd_amqp_connection_over(c->engine))
    c->handler->on_turn(c->owner);
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
    fail(c, SD_TIMEOUT,
         c->phase == PHASE_OPENING ? "the broker did not open the connection in time"
                                   : "the broker did not begin the sessions in time");
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
      next = earlier(next, sd_hub_rpc_tick(&c->cbs, now));
      next = earlier(next, sd_hub_rpc_tick(&c->management, now));
      next = earlier(next, sd_hub_authorization_tick(&c->authorization, now));
      if (c->phase == PHASE_READY)
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

/* ---- engine ---- */

static void begin_sessions(sd_hub_connection *c)
{
  sd_status status = sd_amqp_session_begin(c->engine, c, &c->control);
  if (status == SD_OK)
    status = sd_amqp_session_begin(c->engine, c, &c->events);
  if (status != SD_OK)
    fail(c, status, "no session could be begun");
  else
    sd_amqp_session_set_incoming_window(c->events, 0);
}

static void on_open(sd_amqp_connection *engine, const sd_amqp_open *open)
{
  (void)open;
  sd_hub_connection *c = of_amqp(engine);
  if (c->closing)
    return;
  enter(c, PHASE_BEGINNING);
  begin_sessions(c);
}

static void on_begin(sd_amqp_session *session)
{
  sd_hub_connection *c = sd_amqp_session_user(session);
  if (++c->sessions_up < 2 || c->closing)
    return;
  enter(c, PHASE_AUTHORIZING);
  sd_hub_authorization_put(&c->authorization);
}

static void on_end(sd_amqp_session *session, const sd_error *error)
{
  sd_hub_connection *c = sd_amqp_session_user(session);
  if (c->control == session)
    c->control = NULL;
  if (c->events == session)
    c->events = NULL;
  if (c->closing)
    return;
  /* Also when the connection ends: then on_close brings the same error. */
  if (error)
    sd_hub_connection_fail(c, error);
  else
    fail(c, SD_CLOSED, "the broker ended the session");
}

static void on_close(sd_amqp_connection *engine, const sd_error *error)
{
  sd_hub_connection *c = of_amqp(engine);
  if (!c->closing && !error) {
    sd_error closed;
    sd_error_set(&closed, SD_CLOSED, "%s:%u closed the connection", c->settings->host, c->settings->port);
    closed.retriable = 1;
    remember(c, &closed);
  }
  remember(c, error);
}

static void on_attach(sd_amqp_link *amqp, const sd_amqp_attach *remote)
{
  sd_hub_link *link = sd_amqp_link_user(amqp);
  if (link)
    link->on_attach(link, remote);
  else /* the broker has no business to attach a link here */
    sd_amqp_link_refuse(amqp, "amqp:not-allowed", "this client accepts no links");
}

static void on_detach(sd_amqp_link *amqp, const sd_error *error)
{
  sd_hub_link *link = sd_amqp_link_user(amqp);
  if (!link)
    return;
  link->amqp = NULL;
  link->connection->links--;
  link->on_detach(link, error);
}

static void on_flow(sd_amqp_link *amqp, bool drain)
{
  sd_hub_link *link = sd_amqp_link_user(amqp);
  if (link && link->on_flow)
    link->on_flow(link);
  if (drain)
    sd_amqp_link_drained(amqp);
}

static void on_delivery(sd_amqp_link *amqp, const sd_amqp_delivery *delivery)
{
  sd_hub_link *link = sd_amqp_link_user(amqp);
  if (link->on_delivery)
    link->on_delivery(link, delivery);
}

static void on_disposition(sd_amqp_session *session, const sd_amqp_disposition *disposition)
{
  sd_hub_connection *c = sd_amqp_session_user(session);
  if (session == c->events && c->handler->on_disposition)
    c->handler->on_disposition(c->owner, disposition);
}

static const sd_amqp_handler engine_handler = {.struct_size = sizeof engine_handler,
                                               .on_open = on_open,
                                               .on_close = on_close,
                                               .on_begin = on_begin,
                                               .on_end = on_end,
                                               .on_attach = on_attach,
                                               .on_detach = on_detach,
                                               .on_flow = on_flow,
                                               .on_delivery = on_delivery,
                                               .on_disposition = on_disposition};

static void put_pair(sd_buf *buf, const char *key, const char *value)
{
  sd_amqp_put_symbol(buf, sd_bytes_of(key));
  sd_amqp_put_string(buf, sd_bytes_of(value));
}

static sd_status make_engine(sd_hub_connection *c)
{
  char container[SD_UUID_TEXT_SIZE];
  sd_buf properties;
  sd_buf_init(&properties, PROPERTIES_MAX);
  size_t mark = sd_amqp_begin_map(&properties);
  put_pair(&properties, "product", "streamduck");
  put_pair(&properties, "platform", "linux");
  put_pair(&properties, "user-agent", "streamduck");
  sd_amqp_end_map(&properties, mark, 6);
  sd_status status = sd_buf_status(&properties);
  if (status == SD_OK) {
    const sd_amqp_connection_options options = {.struct_size = sizeof options,
                                                .container_id = sd_random_uuid(container),
                                                .hostname = c->settings->host,
                                                .max_frame_size = c->settings->max_frame_size,
                                                .idle_timeout_ms = c->settings->timing.idle_timeout_ms,
                                                .max_message_size = SD_EVENTHUBS_MESSAGE_MAX,
                                                .properties_raw = sd_buf_bytes(&properties)};
    status = sd_amqp_connection_new(&options, &engine_handler, c, sd_clock_monotonic_ms(), &c->engine);
  }
  sd_buf_release(&properties);
  return status;
}

/* ---- network ---- */

static void net_connected(sd_net_stream *stream)
{
  sd_hub_connection *c = sd_net_user(stream);
  sd_status status = make_engine(c);
  if (status != SD_OK) {
    fail(c, status, sd_status_text(status));
    return;
  }
  enter(c, PHASE_OPENING);
  sd_hub_connection_flush(c);
}

static void net_space(sd_net_stream *stream, uint8_t **ret_space, size_t *ret_size)
{
  sd_hub_connection *c = sd_net_user(stream);
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
    remember(c, error);
  c->stream_closing = true;
  if (c->engine)
    sd_amqp_connection_lost(c->engine, c->failed ? &c->error : NULL);
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
  enter(c, PHASE_READY);
  c->ready_at_ms = sd_clock_monotonic_ms();
  sd_hub_connection_wake_at(c, c->ready_at_ms);
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
  if (c->phase == PHASE_AUTHORIZING) {
    enter(c, PHASE_INQUIRING);
    sd_status status = sd_hub_inquiry_start(&c->inquiry, c->with_partitions, on_info, c);
    if (status != SD_OK) {
      fail(c, status, "the hub could not be asked about itself");
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
  if (!c->engine || c->phase < PHASE_BEGINNING) {
    cut(c);
    return;
  }
  sd_hub_rpc_close(&c->cbs);
  sd_hub_rpc_close(&c->management);
  /* The rest goes on from the loop, because this may be called from inside the engine. */
  sd_hub_connection_wake_at(c, 0);
}

sd_status sd_hub_connection_attach(sd_hub_connection *c, bool control, const sd_amqp_attach *attach,
                                   sd_hub_link *link)
{
  sd_amqp_session *session = control ? c->control : c->events;
  if (!session || c->closing || c->failed)
    return SD_CLOSED;
  sd_status status = sd_amqp_link_attach(session, attach, link, &link->amqp);
  if (status != SD_OK)
    return status;
  link->connection = c;
  c->links++;
  return SD_OK;
}

void sd_hub_link_detach(sd_hub_link *link)
{
  if (link->amqp)
    sd_amqp_link_detach(link->amqp, NULL, NULL);
}

sd_amqp_session *sd_hub_connection_events(const sd_hub_connection *c)
{
  return c->events;
}

const sd_hub_settings *sd_hub_connection_settings(const sd_hub_connection *c)
{
  return c->settings;
}

bool sd_hub_connection_usable(const sd_hub_connection *c)
{
  return c->phase == PHASE_READY && !c->closing && !c->failed && !c->stream_closing;
}

bool sd_hub_connection_stood(const sd_hub_connection *c, uint32_t ms)
{
  return c->phase == PHASE_READY && sd_clock_monotonic_ms() - c->ready_at_ms >= ms;
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
