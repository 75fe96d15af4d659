/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Connecting: name look-up, then each address in order, all under one deadline. */
#include "net/stream.h"

#include "base/alloc.h"

#include <stdio.h>

/* A look-up in libuv's thread pool cannot be stopped; it outlives a stream that gave up and then frees
 * itself. */
struct net_look_up {
  uv_getaddrinfo_t request;
  sd_net_stream *stream; /* NULL: nobody waits any more */
};

static void try_address(sd_net_stream *stream);

static bool is_connection_option_good(const sd_net_connect_options *options)
{
  return options && options->host && options->host[0] && strlen(options->host) < NET_NAME_MAX &&
         options->port != 0;
}

/* Time is up: for the whole, or for one of several addresses. */
static void on_connect_timer(uv_timer_t *timer)
{
  sd_net_stream *stream = timer->data;
  uint64_t now = uv_now(stream->loop);
  if (stream->phase == NET_CONNECTING && stream->tcp_open && now < stream->deadline_ms &&
      stream->address_next < stream->address_count) {
    if (!uv_is_closing((uv_handle_t *)&stream->tcp))
      uv_close((uv_handle_t *)&stream->tcp, net_stream_tcp_closed);
    return;
  }
  sd_error error;
  if (stream->phase == NET_HANDSHAKE)
    sd_error_set(&error, SD_TIMEOUT,
                 "%s did not finish the TLS handshake in time; check that the port speaks TLS", stream->peer);
  else if (stream->look_up)
    sd_error_set(&error, SD_TIMEOUT, "the name %s was not resolved in time; check the network and its DNS",
                 stream->host);
  else
    sd_error_set(&error, SD_TIMEOUT,
                 "no answer from %s in time; check host and port and that no firewall is between",
                 stream->peer);
  error.retriable = 1;
  net_stream_destroy(stream, &error);
}

static void on_connect(uv_connect_t *request, int status)
{
  sd_net_stream *stream = request->data;
  if (stream->phase != NET_CONNECTING || uv_is_closing((uv_handle_t *)&stream->tcp))
    return;
  if (status == 0) {
    /* The deadline goes on for the handshake. */
    uint64_t now = uv_now(stream->loop);
    uint64_t left = stream->deadline_ms > now ? stream->deadline_ms - now : 1;
    (void)uv_timer_start(&stream->timer, on_connect_timer, left, 0);
    net_stream_established(stream);
    return;
  }
  stream->connect_code = status;
  uv_close((uv_handle_t *)&stream->tcp, net_stream_tcp_closed);
}

void net_connect_next(sd_net_stream *stream)
{
  if (stream->address_next < stream->address_count) {
    try_address(stream);
    return;
  }
  int code = stream->connect_code;
  sd_error error;
  sd_error_set(&error, code == UV_ETIMEDOUT ? SD_TIMEOUT : SD_IO, "cannot connect to %s: %s; %s",
               stream->peer, uv_strerror(code),
               code == UV_ECONNREFUSED ? "check the port and that the server runs"
                                       : "check host, port and network");
  error.source = SD_SOURCE_UV;
  error.source_code = code;
  error.retriable = 1;
  net_stream_destroy(stream, &error);
}

static void try_address(sd_net_stream *stream)
{
  uint64_t now = uv_now(stream->loop);
  uint64_t left = stream->deadline_ms > now ? stream->deadline_ms - now : 1;
  uint64_t share = left / (stream->address_count - stream->address_next);
  const struct sockaddr *address = (const struct sockaddr *)&stream->addresses[stream->address_next++];
  stream->connect_code = UV_ETIMEDOUT;
  sd_status status = net_stream_open_tcp(stream);
  if (status != SD_OK) {
    sd_error error;
    sd_error_set(&error, status, "cannot make a socket for %s", stream->peer);
    error.retriable = 1;
    net_stream_destroy(stream, &error);
    return;
  }
  (void)uv_timer_start(&stream->timer, on_connect_timer, share > 0 ? share : 1, 0);
  int code = uv_tcp_connect(&stream->connect_request, &stream->tcp, address, on_connect);
  if (code != 0) {
    stream->connect_code = code;
    uv_close((uv_handle_t *)&stream->tcp, net_stream_tcp_closed);
  }
}

static void add_address(sd_net_stream *stream, const struct sockaddr *address, uint16_t port)
{
  struct sockaddr_storage *to = &stream->addresses[stream->address_count];
  if (address->sa_family == AF_INET) {
    memcpy(to, address, sizeof(struct sockaddr_in));
    ((struct sockaddr_in *)to)->sin_port = htons(port);
  } else {
    memcpy(to, address, sizeof(struct sockaddr_in6));
    ((struct sockaddr_in6 *)to)->sin6_port = htons(port);
  }
  stream->address_count++;
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *result)
{
  net_look_up *look_up = request->data;
  sd_net_stream *stream = look_up->stream;
  sd_free(look_up);
  if (stream) {
    stream->look_up = NULL;
    for (const struct addrinfo *at = result; at && stream->address_count < NET_ADDRESSES_MAX;
         at = at->ai_next) {
      if (at->ai_family == AF_INET || at->ai_family == AF_INET6)
        add_address(stream, at->ai_addr, stream->port);
    }
    if (status == 0 && stream->address_count > 0) {
      try_address(stream);
    } else {
      sd_error error;
      int code = status != 0 ? status : UV_EAI_NODATA;
      sd_error_set(&error, code == UV_EAI_NONAME || code == UV_EAI_NODATA ? SD_NOT_FOUND : SD_IO,
                   "cannot resolve the name of %s: %s; check its spelling and the network", stream->peer,
                   uv_strerror(code));
      error.source = SD_SOURCE_UV;
      error.source_code = code;
      error.retriable = 1; /* a resolver that is not up yet gives the same answer as a wrong name */
      net_stream_destroy(stream, &error);
    }
  }
  uv_freeaddrinfo(result);
}

void net_connect_forget(sd_net_stream *stream)
{
  if (!stream->look_up)
    return;
  stream->look_up->stream = NULL;
  (void)uv_cancel((uv_req_t *)&stream->look_up->request);
  stream->look_up = NULL;
}

/* From the loop, so that even an address at hand fails or connects only after sd_net_connect returned. */
static void on_start(uv_timer_t *timer)
{
  try_address(timer->data);
}

static sd_status start(sd_net_stream *stream)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  if (uv_ip4_addr(stream->host, stream->port, &address.v4) == 0 ||
      uv_ip6_addr(stream->host, stream->port, &address.v6) == 0) {
    add_address(stream, &address.any, stream->port);
    (void)uv_timer_start(&stream->timer, on_start, 0, 0);
    return SD_OK;
  }
  net_look_up *look_up = sd_calloc(1, sizeof *look_up);
  if (!look_up)
    return SD_NOMEM;
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  look_up->request.data = look_up;
  look_up->stream = stream;
  int code = uv_getaddrinfo(stream->loop, &look_up->request, on_looked_up, stream->host, NULL, &hints);
  if (code != 0) {
    sd_free(look_up);
    return code == UV_ENOMEM ? SD_NOMEM : SD_INVALID;
  }
  stream->look_up = look_up;
  uint64_t left = stream->deadline_ms - uv_now(stream->loop);
  (void)uv_timer_start(&stream->timer, on_connect_timer, left, 0);
  return SD_OK;
}

sd_status sd_net_connect(uv_loop_t *loop, const sd_net_connect_options *options,
                         const sd_net_handler *handler, void *user, sd_net_stream **ret_stream,
                         sd_error *error)
{
  if (!is_connection_option_good(options))
    return sd_error_set(error, SD_INVALID, "a connection needs a host name of at most %d bytes and a port",
                        NET_NAME_MAX - 1);
  sd_net_stream *stream = NULL;
  sd_status status = net_stream_new(loop, handler, user, &stream);
  if (status != SD_OK)
    return sd_error_set(error, status, "cannot make a connection to %s:%u", options->host,
                        (unsigned)options->port);
  stream->port = options->port;
  (void)snprintf(stream->host, sizeof stream->host, "%s", options->host);
  (void)snprintf(stream->peer, sizeof stream->peer, strchr(options->host, ':') ? "[%s]:%u" : "%s:%u",
                 options->host, (unsigned)options->port);
  uv_update_time(loop);
  stream->deadline_ms = uv_now(loop) + (options->connect_timeout_ms ? options->connect_timeout_ms
                                                                    : (uint32_t)SD_NET_CONNECT_TIMEOUT_MS);
  if (options->tls)
    status = net_tls_new(stream, options->tls, &stream->tls, error);
  else
    status = SD_OK;
  if (status == SD_OK) {
    status = start(stream);
    if (status != SD_OK)
      sd_error_set(error, status, "cannot begin to look up %s", stream->peer);
  }
  if (status != SD_OK) {
    stream->silent = true;
    net_stream_destroy(stream, NULL);
    return status;
  }
  *ret_stream = stream;
  return SD_OK;
}
