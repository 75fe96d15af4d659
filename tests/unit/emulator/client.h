/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A running emulator and AMQP clients of it on the same loop, for tests of what goes over the wire. */
#ifndef SD_TESTS_EMULATOR_CLIENT_H
#define SD_TESTS_EMULATOR_CLIENT_H

#include "amqp/engine.h"
#include "amqp/message.h"
#include "base/clock.h"
#include "emulator/emulator.h"
#include "net/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { CLIENT_DELIVERIES_MAX = 64, CLIENT_GUARD_MS = 20000 };

/* What happened to a link of the client. */
typedef struct watched {
  sd_amqp_link *link;
  bool attached;
  bool has_terminus;
  uint64_t max_message_size;
  sd_bytes properties; /* of the answer; only its length is good later */
  bool detached;
  sd_error error;
  uint32_t deliveries;
  bool settled[CLIENT_DELIVERIES_MAX];
  sd_buf last; /* payload of the last delivery */
} watched;

typedef struct client {
  sd_net_stream *stream;
  sd_amqp_connection *amqp;
  sd_amqp_session *session;
  bool open;
  bool begun;
  bool closed;
  bool deaf;       /* reads nothing */
  sd_error error;  /* of the peer's close */
  uint8_t outcome; /* of the last disposition */
  char outcome_condition[80];
  uint32_t outcomes;
} client;

static uv_loop_t loop;
static uv_timer_t guard;
static sd_emulator *emulator;
static client c; /* the one that most tests need */

static void client_flush_one(client *own)
{
  sd_bytes out = sd_amqp_output(own->amqp);
  while (own->stream && out.len > 0) {
    size_t n = sd_net_write(own->stream, out);
    sd_amqp_output_consume(own->amqp, n);
    if (n < out.len)
      break;
    out = sd_amqp_output(own->amqp);
  }
}

static void client_flush(void)
{
  client_flush_one(&c);
}

static void client_on_open(sd_amqp_connection *amqp, const sd_amqp_open *open)
{
  client *own = sd_amqp_connection_user(amqp);
  (void)open;
  own->open = true;
}

static void client_on_close(sd_amqp_connection *amqp, const sd_error *error)
{
  client *own = sd_amqp_connection_user(amqp);
  if (error)
    own->error = *error;
}

static void client_on_begin(sd_amqp_session *session)
{
  client *own = sd_amqp_connection_user(sd_amqp_session_connection(session));
  own->begun = true;
}

static void client_on_attach(sd_amqp_link *link, const sd_amqp_attach *remote)
{
  watched *w = sd_amqp_link_user(link);
  w->attached = true;
  w->has_terminus = remote->source.present && remote->target.present;
  w->max_message_size = remote->max_message_size;
  w->properties = remote->properties_raw;
}

static void client_on_detach(sd_amqp_link *link, const sd_error *error)
{
  watched *w = sd_amqp_link_user(link);
  w->detached = true;
  w->link = NULL;
  if (error)
    w->error = *error;
}

static void client_on_delivery(sd_amqp_link *link, const sd_amqp_delivery *delivery)
{
  watched *w = sd_amqp_link_user(link);
  if (w->deliveries < CLIENT_DELIVERIES_MAX)
    w->settled[w->deliveries] = delivery->settled;
  w->deliveries++;
  sd_buf_clear(&w->last);
  assert_int_equal(sd_buf_append_bytes(&w->last, delivery->payload), SD_OK);
}

static void client_on_disposition(sd_amqp_session *session, const sd_amqp_disposition *disposition)
{
  client *own = sd_amqp_connection_user(sd_amqp_session_connection(session));
  own->outcome = disposition->state.code;
  own->outcomes += disposition->last - disposition->first + 1;
  (void)sd_bytes_to_text(disposition->state.error.condition, own->outcome_condition,
                         sizeof own->outcome_condition);
}

static void client_on_space(sd_net_stream *stream, uint8_t **ret_space, size_t *ret_size)
{
  const client *own = sd_net_user(stream);
  *ret_size = 0; /* stops reading */
  if (!own->deaf)
    sd_amqp_input_space(own->amqp, ret_space, ret_size);
}

static void client_on_data(sd_net_stream *stream, size_t n)
{
  client *own = sd_net_user(stream);
  (void)sd_amqp_input_commit(own->amqp, n, sd_clock_monotonic_ms());
  client_flush_one(own);
}

static void client_on_writable(sd_net_stream *stream)
{
  client_flush_one(sd_net_user(stream));
}

static void client_on_closed(sd_net_stream *stream, const sd_error *error)
{
  client *own = sd_net_user(stream);
  sd_error ended;
  sd_error_set(&ended, SD_CLOSED, "the connection ended");
  own->stream = NULL;
  own->closed = true;
  if (!sd_amqp_connection_over(own->amqp))
    sd_amqp_connection_lost(own->amqp, error ? error : &ended);
}

static const sd_amqp_handler client_amqp_handler = {
    .struct_size = sizeof(sd_amqp_handler),
    .on_open = client_on_open,
    .on_close = client_on_close,
    .on_begin = client_on_begin,
    .on_attach = client_on_attach,
    .on_detach = client_on_detach,
    .on_delivery = client_on_delivery,
    .on_disposition = client_on_disposition,
};

static void client_on_connected(sd_net_stream *stream)
{
  client_flush_one(sd_net_user(stream));
}

static const sd_net_handler client_net_handler = {
    .struct_size = sizeof(sd_net_handler),
    .on_connected = client_on_connected,
    .on_space = client_on_space,
    .on_data = client_on_data,
    .on_writable = client_on_writable,
    .on_closed = client_on_closed,
};

static void on_guard(uv_timer_t *timer)
{
  (void)timer;
  fail_msg("nothing happened for %d ms", CLIENT_GUARD_MS);
}

#define RUN_UNTIL(condition)                                                                                 \
  do {                                                                                                       \
    client_flush();                                                                                          \
    assert_int_equal(uv_timer_start(&guard, on_guard, CLIENT_GUARD_MS, 0), 0);                               \
    while (!(condition))                                                                                     \
      assert_true(uv_run(&loop, UV_RUN_ONCE) != 0 || (condition));                                           \
  } while (0)

static inline uint16_t emulator_port(void)
{
  sd_buf text;
  unsigned port = 0;
  sd_buf_init(&text, 4096);
  sd_emulator_describe(emulator, &text);
  assert_int_equal(sscanf(sd_buf_text(&text), "{\"event\":\"ready\",\"amqp\":\"127.0.0.1:%u\"", &port), 1);
  sd_buf_release(&text);
  return (uint16_t)port;
}

static inline void client_connect_one(client *own)
{
  memset(own, 0, sizeof *own);
  sd_amqp_connection_options amqp = {.struct_size = sizeof amqp,
                                     .container_id = "test",
                                     .hostname = "h",
                                     .max_message_size = 8 * 1024 * 1024};
  sd_net_connect_options net = {.struct_size = sizeof net, .host = "127.0.0.1", .port = emulator_port()};
  sd_error error;
  assert_int_equal(
      sd_amqp_connection_new(&amqp, &client_amqp_handler, own, sd_clock_monotonic_ms(), &own->amqp), SD_OK);
  assert_int_equal(sd_net_connect(&loop, &net, &client_net_handler, own, &own->stream, &error), SD_OK);
  RUN_UNTIL(own->open);
  assert_int_equal(sd_amqp_session_begin(own->amqp, NULL, &own->session), SD_OK);
  client_flush_one(own);
  RUN_UNTIL(own->begun);
}

static inline void client_connect(void)
{
  client_connect_one(&c);
}

static inline void client_disconnect_one(client *own)
{
  if (own->stream)
    sd_net_abort(own->stream);
  RUN_UNTIL(own->closed);
  sd_amqp_connection_free(own->amqp);
  own->amqp = NULL;
}

/* Reads again after having been deaf. */
static inline void client_listen(client *own)
{
  own->deaf = false;
  sd_net_resume(own->stream);
}

static inline void client_disconnect(void)
{
  client_disconnect_one(&c);
}

static inline void watched_init(watched *w)
{
  memset(w, 0, sizeof *w);
  sd_buf_init(&w->last, 8 * 1024 * 1024);
}

/* Attaches a sender to (or a receiver from) an address and waits for the answer. */
static inline void client_attach(watched *w, sd_amqp_role role, const char *name, const char *address,
                                 sd_amqp_attach *more)
{
  sd_amqp_attach local = {.snd_settle_mode = SD_AMQP_SND_MIXED};
  if (more)
    local = *more;
  local.name = sd_bytes_of(name);
  local.role = role;
  local.source.present = local.target.present = true;
  if (role == SD_AMQP_SENDER)
    local.target.address = sd_bytes_of(address);
  else
    local.source.address = sd_bytes_of(address);
  assert_int_equal(sd_amqp_link_attach(c.session, &local, w, &w->link), SD_OK);
  RUN_UNTIL(w->attached);
}

static inline uint32_t client_send(watched *w, sd_bytes message, uint32_t format)
{
  static uint32_t tag;
  uint32_t id = 0;
  tag++;
  sd_amqp_send_options options = {
      .struct_size = sizeof options, .tag = sd_bytes_make(&tag, sizeof tag), .message_format = format};
  RUN_UNTIL(sd_amqp_sendable(w->link));
  assert_int_equal(sd_amqp_send(w->link, &options, &message, 1, &id), SD_OK);
  client_flush();
  return id;
}

/* An attach that the emulator refuses with this condition, and with this in its text. */
static inline void client_assert_refused(sd_amqp_role role, const char *address, sd_amqp_attach *more,
                                         const char *condition, const char *text)
{
  static watched w;
  watched_init(&w);
  client_attach(&w, role, address, address, more);
  RUN_UNTIL(w.detached);
  assert_false(w.has_terminus);
  assert_string_equal(w.error.condition, condition);
  if (!strstr(w.error.message, text))
    fail_msg("\"%s\" is not in \"%s\"", text, w.error.message);
}

/* A source's filter with a selector, encoded. */
static inline void client_put_selector(sd_buf *buf, const char *expression)
{
  size_t mark = sd_amqp_begin_map(buf);
  sd_amqp_put_symbol(buf, sd_bytes_of("apache.org:selector-filter:string"));
  sd_buf_append_byte(buf, 0);
  sd_amqp_put_symbol(buf, sd_bytes_of("apache.org:selector-filter:string"));
  sd_amqp_put_string(buf, sd_bytes_of(expression));
  sd_amqp_end_map(buf, mark, 2);
}

/* Publishes one event with a body of `size` bytes and waits for its outcome. */
static inline void client_publish(watched *sender, size_t size)
{
  static uint8_t body[1024 * 1024];
  sd_buf buf;
  uint32_t before = c.outcomes;
  sd_buf_init(&buf, 2 * 1024 * 1024);
  sd_amqp_put_data_section(&buf, sd_bytes_make(body, size));
  (void)client_send(sender, sd_buf_bytes(&buf), 0);
  RUN_UNTIL(c.outcomes > before);
  sd_buf_release(&buf);
}

static inline int emulator_setup_with(const char *sas_key)
{
  const sd_emulator_hub hubs[] = {{"events", 2}};
  const char *const groups[] = {"second"};
  sd_emulator_options options = {.struct_size = sizeof options,
                                 .listen_host = "127.0.0.1",
                                 .hubs = hubs,
                                 .hub_count = 1,
                                 .groups = groups,
                                 .group_count = 1,
                                 .sas_key = sas_key};
  sd_error error;
  if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &guard) != 0)
    return -1;
  uv_unref((uv_handle_t *)&guard);
  if (sd_emulator_new(&loop, &options, &emulator, &error) != SD_OK ||
      sd_emulator_start(emulator, &error) != SD_OK)
    return -1;
  client_connect();
  return 0;
}

static void emulator_on_stopped(void *user)
{
  *(bool *)user = true;
}

static inline int emulator_teardown(void **state)
{
  (void)state;
  bool stopped = false;
  client_disconnect();
  sd_emulator_stop(emulator, emulator_on_stopped, &stopped);
  while (!stopped)
    (void)uv_run(&loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&guard, NULL);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  sd_emulator_free(emulator);
  return uv_loop_close(&loop);
}

#endif
