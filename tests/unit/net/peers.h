/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a connection on one loop, for the tests of net. */
#ifndef SD_TESTS_NET_PEERS_H
#define SD_TESTS_NET_PEERS_H

#include "base/buf.h"
#include "net/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { PEER_SPACE = 4096, PEER_RECEIVED_MAX = 16 * 1024 * 1024, PEER_GUARD_MS = 30000 };

typedef struct peer {
  sd_net_stream *stream;
  int connected;
  int writable;
  int closed;
  bool has_error;
  sd_error error;
  bool hold;          /* offers no space */
  size_t space_max;   /* 0: PEER_SPACE */
  bool echo;          /* sends back what it gets */
  bool close_on_data; /* closes when something arrives */
  bool abort_on_data;
  sd_buf received;
  uint8_t space[PEER_SPACE];
} peer;

static uv_loop_t loop;
static uv_timer_t guard;
static peer client;
static peer server;
static bool refuse_accept;
static const char *serve_host;

static void peer_on_connected(sd_net_stream *stream)
{
  ((peer *)sd_net_user(stream))->connected++;
}

static void peer_on_space(sd_net_stream *stream, uint8_t **ret_space, size_t *ret_size)
{
  peer *p = sd_net_user(stream);
  *ret_space = p->space;
  *ret_size = p->hold ? 0 : p->space_max ? p->space_max : sizeof p->space;
}

static void peer_on_data(sd_net_stream *stream, size_t n)
{
  peer *p = sd_net_user(stream);
  assert_int_equal(sd_buf_append(&p->received, p->space, n), SD_OK);
  if (p->echo)
    assert_int_equal(sd_net_write(stream, sd_bytes_make(p->space, n)), n);
  if (p->close_on_data)
    sd_net_close(stream);
  if (p->abort_on_data)
    sd_net_abort(stream);
}

static void peer_on_writable(sd_net_stream *stream)
{
  ((peer *)sd_net_user(stream))->writable++;
}

static void peer_on_closed(sd_net_stream *stream, const sd_error *error)
{
  peer *p = sd_net_user(stream);
  p->closed++;
  p->stream = NULL;
  if (error) {
    p->has_error = true;
    p->error = *error;
  }
}

static const sd_net_handler peer_handler = {
    .struct_size = sizeof(sd_net_handler),
    .on_connected = peer_on_connected,
    .on_space = peer_on_space,
    .on_data = peer_on_data,
    .on_writable = peer_on_writable,
    .on_closed = peer_on_closed,
};

static bool server_on_accept(void *user, sd_net_stream *stream)
{
  peer *p = user;
  if (refuse_accept)
    return false;
  p->stream = stream;
  sd_net_set_user(stream, p);
  return true;
}

static void on_guard(uv_timer_t *timer)
{
  (void)timer;
  fail_msg("nothing happened for %d ms", PEER_GUARD_MS);
}

static int peers_setup(void **state)
{
  (void)state;
  memset(&client, 0, sizeof client);
  memset(&server, 0, sizeof server);
  refuse_accept = false;
  serve_host = "127.0.0.1";
  sd_buf_init(&client.received, PEER_RECEIVED_MAX);
  sd_buf_init(&server.received, PEER_RECEIVED_MAX);
  if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &guard) != 0)
    return -1;
  uv_unref((uv_handle_t *)&guard);
  return uv_timer_start(&guard, on_guard, PEER_GUARD_MS, 0);
}

/* Everything must have been closed by the test: the loop holds no handle but the guard. */
static int peers_teardown(void **state)
{
  (void)state;
  uv_close((uv_handle_t *)&guard, NULL);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  sd_buf_release(&client.received);
  sd_buf_release(&server.received);
  return uv_loop_close(&loop);
}

#define RUN_UNTIL(condition)                                                                                 \
  do {                                                                                                       \
    (void)uv_timer_again(&guard);                                                                            \
    while (!(condition))                                                                                     \
      assert_true(uv_run(&loop, UV_RUN_ONCE) != 0 || (condition));                                           \
  } while (0)

static inline sd_net_listener *serve(sd_tls_context *tls, uint32_t connections_max)
{
  sd_net_listen_options options = {.struct_size = sizeof options,
                                   .host = serve_host,
                                   .tls = tls,
                                   .handler = &peer_handler,
                                   .on_accept = server_on_accept,
                                   .user = &server,
                                   .connections_max = connections_max};
  sd_net_listener *listener = NULL;
  sd_error error;
  assert_int_equal(sd_net_listen(&loop, &options, &listener, &error), SD_OK);
  assert_int_not_equal(sd_net_listener_port(listener), 0);
  return listener;
}

static inline void dial(peer *p, const char *host, uint16_t port, sd_tls_context *tls, uint32_t timeout_ms)
{
  sd_net_connect_options options = {.struct_size = sizeof options,
                                    .host = host,
                                    .port = port,
                                    .tls = tls,
                                    .connect_timeout_ms = timeout_ms};
  sd_error error;
  assert_int_equal(sd_net_connect(&loop, &options, &peer_handler, p, &p->stream, &error), SD_OK);
}

#endif
