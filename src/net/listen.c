/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Listening and accepting. */
#include "net/stream.h"

#include "base/alloc.h"

#include <stdio.h>

enum { NET_CONNECTIONS_MAX = 5000 };

struct sd_net_listener {
  uv_tcp_t tcp;
  uv_loop_t *loop;
  sd_tls_context *tls;
  const sd_net_handler *handler;
  bool (*on_accept)(void *user, sd_net_stream *stream);
  void *user;
  uint32_t connections;
  uint32_t connections_max;
  uint16_t port;
  bool waiting; /* a connection stands in the backlog for want of a place */
  bool closing; /* no more accepting */
  bool closed;  /* the handle is gone; the last stream frees the listener */
};

static void listener_free_if_last(sd_net_listener *listener)
{
  if (listener->closed && listener->connections == 0)
    sd_free(listener);
}

static void on_listener_closed(uv_handle_t *handle)
{
  sd_net_listener *listener = handle->data;
  listener->closed = true;
  listener_free_if_last(listener);
}

static void on_handshake_timer(uv_timer_t *timer)
{
  sd_net_stream *stream = timer->data;
  sd_error error;
  sd_error_set(&error, SD_TIMEOUT, "%s did not finish the TLS handshake in time", stream->peer);
  error.retriable = 1;
  net_stream_destroy(stream, &error);
}

static void name_peer(sd_net_stream *stream)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
  } address = {0};
  int size = sizeof address;
  char text[INET6_ADDRSTRLEN] = "unknown";
  unsigned port = 0;
  if (uv_tcp_getpeername(&stream->tcp, &address.any, &size) == 0) {
    bool v6 = address.any.sa_family == AF_INET6;
    port = ntohs(v6 ? address.v6.sin6_port : address.v4.sin_port);
    if (v6)
      (void)uv_ip6_name(&address.v6, text, sizeof text);
    else
      (void)uv_ip4_name(&address.v4, text, sizeof text);
  }
  (void)snprintf(stream->host, sizeof stream->host, "%s", text);
  (void)snprintf(stream->peer, sizeof stream->peer, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
}

static void accept_one(sd_net_listener *listener)
{
  sd_net_stream *stream = NULL;
  if (net_stream_new(listener->loop, listener->handler, NULL, &stream) != SD_OK)
    return; /* out of memory: the connection waits in the backlog until another one ends */
  stream->listener = listener;
  listener->connections++;
  stream->silent = true;
  if (net_stream_open_tcp(stream) != SD_OK ||
      uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&stream->tcp) != 0 ||
      (listener->tls && net_tls_new(stream, listener->tls, &stream->tls, NULL) != SD_OK)) {
    net_stream_destroy(stream, NULL);
    return;
  }
  name_peer(stream);
  if (!listener->on_accept(listener->user, stream)) {
    net_stream_destroy(stream, NULL);
    return;
  }
  stream->silent = false;
  if (stream->phase != NET_CONNECTING)
    return; /* the owner closed it already */
  if (stream->tls)
    (void)uv_timer_start(&stream->timer, on_handshake_timer, SD_NET_CONNECT_TIMEOUT_MS, 0);
  net_stream_established(stream);
}

static void on_connection(uv_stream_t *tcp, int status)
{
  sd_net_listener *listener = tcp->data;
  if (status != 0 || listener->closing)
    return;
  /* A connection that is not accepted stops libuv's accepting until it is. */
  if (listener->connections >= listener->connections_max)
    listener->waiting = true;
  else
    accept_one(listener);
}

void net_listener_stream_gone(sd_net_listener *listener)
{
  listener->connections--;
  if (listener->waiting && !listener->closing) {
    listener->waiting = false;
    accept_one(listener);
  }
  listener_free_if_last(listener);
}

static int bind_and_listen(sd_net_listener *listener, const char *host, uint16_t port)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
  } address = {0};
  if (strcmp(host, "localhost") == 0)
    host = "127.0.0.1";
  if (uv_ip4_addr(host, port, &address.v4) != 0 && uv_ip6_addr(host, port, &address.v6) != 0)
    return UV_EINVAL;
  int code = uv_tcp_bind(&listener->tcp, &address.any, 0);
  if (code == 0)
    code = uv_listen((uv_stream_t *)&listener->tcp, SD_NET_BACKLOG, on_connection);
  int size = sizeof address;
  if (code == 0)
    code = uv_tcp_getsockname(&listener->tcp, &address.any, &size);
  if (code == 0)
    listener->port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
  return code;
}

sd_status sd_net_listen(uv_loop_t *loop, const sd_net_listen_options *options, sd_net_listener **ret_listener,
                        sd_error *error)
{
  if (!options || !options->host || !options->handler || !options->on_accept)
    return sd_error_set(error, SD_INVALID, "a listener needs a host, a handler and on_accept");
  sd_net_listener *listener = sd_calloc(1, sizeof *listener);
  if (!listener)
    return sd_error_set(error, SD_NOMEM, "cannot make a listener");
  listener->loop = loop;
  listener->tls = options->tls;
  listener->handler = options->handler;
  listener->on_accept = options->on_accept;
  listener->user = options->user;
  listener->connections_max = options->connections_max ? options->connections_max : NET_CONNECTIONS_MAX;
  int code = uv_tcp_init(loop, &listener->tcp);
  if (code != 0) {
    sd_free(listener);
    return sd_error_set(error, SD_IO, "cannot make a socket: %s", uv_strerror(code));
  }
  listener->tcp.data = listener;
  code = bind_and_listen(listener, options->host, options->port);
  if (code != 0) {
    listener->closing = true;
    uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
    const char *advice = code == UV_EINVAL ? "give a numeric address or \"localhost\""
                         : code == UV_EADDRINUSE
                             ? "another program has this port; choose another, or 0 for a free one"
                         : code == UV_EACCES ? "ports below 1024 need privileges; choose another"
                                             : "check the address";
    sd_error_set(error, SD_IO, "cannot listen on %s:%u: %s; %s", options->host, (unsigned)options->port,
                 uv_strerror(code), advice);
    if (error) {
      error->source = SD_SOURCE_UV;
      error->source_code = code;
    }
    return SD_IO;
  }
  *ret_listener = listener;
  return SD_OK;
}

uint16_t sd_net_listener_port(const sd_net_listener *listener)
{
  return listener->port;
}

void sd_net_listener_close(sd_net_listener *listener)
{
  if (listener->closing)
    return;
  listener->closing = true;
  uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
}
