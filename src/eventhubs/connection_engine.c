/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the AMQP engine tells: open, sessions, and every link's callbacks handed to its owner. */
#include "base/clock.h"
#include "base/random.h"
#include "eventhubs/connection_internal.h"

enum { PROPERTIES_MAX = 512 /* bytes of the encoded properties of open */ };

static sd_hub_connection *of_amqp(sd_amqp_connection *engine)
{
  return sd_amqp_connection_user(engine);
}

static void begin_sessions(sd_hub_connection *c)
{
  sd_status status = sd_hub_session_begin(c, &c->control);
  sd_hub_session *first;
  if (status == SD_OK)
    status = sd_hub_session_with_room(c, &first);
  if (status != SD_AGAIN)
    sd_hub_connection_fail_with(c, status, "no session could be begun");
}

static void on_open(sd_amqp_connection *engine, const sd_amqp_open *open)
{
  (void)open;
  sd_hub_connection *c = of_amqp(engine);
  if (c->closing)
    return;
  sd_hub_connection_enter(c, SD_HUB_PHASE_BEGINNING);
  begin_sessions(c);
}

static void on_begin(sd_amqp_session *amqp)
{
  sd_hub_session *session = sd_amqp_session_user(amqp);
  if (!session) { /* the broker has no business to begin one here */
    sd_amqp_session_end(amqp, "amqp:not-allowed", "this client accepts no sessions");
    return;
  }
  sd_hub_connection *c = session->connection;
  session->deadline_ms = UINT64_MAX;
  if (c->closing || c->failed)
    return;
  if (c->phase == SD_HUB_PHASE_READY) {
    c->handler->on_session(c->owner);
  } else if (c->phase == SD_HUB_PHASE_BEGINNING && sd_hub_session_has_begun(c->control) &&
             (!c->events || sd_hub_session_has_begun(c->events))) {
    sd_hub_connection_enter(c, SD_HUB_PHASE_AUTHORIZING);
    sd_hub_authorization_put(&c->authorization);
  }
}

static void on_end(sd_amqp_session *amqp, const sd_error *error)
{
  sd_hub_session *session = sd_amqp_session_user(amqp);
  if (!session)
    return;
  sd_hub_connection *c = session->connection;
  bool alone = session != c->control && sd_hub_session_has_begun(session);
  sd_hub_session_ended(session);
  if (c->closing || alone)
    return;
  /* Also when the connection ends: then on_close brings the same error. */
  if (error)
    sd_hub_connection_fail(c, error);
  else
    sd_hub_connection_fail_with(c, SD_CLOSED, "the broker ended the session");
}

static void on_close(sd_amqp_connection *engine, const sd_error *error)
{
  sd_hub_connection *c = of_amqp(engine);
  if (!c->closing && !error) {
    sd_error closed;
    sd_error_set(&closed, SD_CLOSED, "%s:%u closed the connection", c->settings->host, c->settings->port);
    closed.retriable = 1;
    sd_hub_connection_remember(c, &closed);
  }
  sd_hub_connection_remember(c, error);
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
  link->session->links--;
  link->session = NULL;
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

static void on_disposition(sd_amqp_session *amqp, const sd_amqp_disposition *disposition)
{
  const sd_hub_session *session = sd_amqp_session_user(amqp);
  const sd_hub_connection *c = session ? session->connection : NULL;
  if (c && session != c->control && c->handler->on_disposition)
    c->handler->on_disposition(c->owner, session, disposition);
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

sd_status sd_hub_connection_make_engine(sd_hub_connection *c)
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
