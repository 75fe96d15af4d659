/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A stream's life, reading, writing and closing. */
#include "net/stream.h"

#include "base/alloc.h"

static void end_of_flush(sd_net_stream *stream);
static void on_timer(uv_timer_t *timer);

static void stream_free(sd_net_stream *stream)
{
  net_tls_free(stream->tls);
  sd_buf_release(&stream->out);
  sd_buf_release(&stream->sending);
  sd_free(stream);
}

static void handle_gone(sd_net_stream *stream)
{
  if (--stream->handles_open > 0)
    return;
  sd_net_listener *listener = stream->listener;
  if (!stream->silent)
    stream->handler->on_closed(stream, stream->has_error ? &stream->error : NULL);
  stream_free(stream);
  if (listener)
    net_listener_stream_gone(listener);
}

static void on_handle_closed(uv_handle_t *handle)
{
  handle_gone(handle->data);
}

void net_stream_tcp_closed(uv_handle_t *handle)
{
  sd_net_stream *stream = handle->data;
  stream->tcp_open = false;
  if (stream->phase != NET_CLOSED) {
    /* A failed attempt's socket; keep the stream over the next one. */
    stream->handles_open--;
    net_connect_next(stream);
    return;
  }
  handle_gone(stream);
}

sd_status net_stream_open_tcp(sd_net_stream *stream)
{
  int code = uv_tcp_init(stream->loop, &stream->tcp);
  if (code != 0)
    return code == UV_ENOMEM ? SD_NOMEM : SD_IO;
  stream->tcp.data = stream;
  stream->tcp_open = true;
  stream->handles_open++;
  return SD_OK;
}

sd_status net_stream_new(uv_loop_t *loop, const sd_net_handler *handler, void *user,
                         sd_net_stream **ret_stream)
{
  sd_net_stream *stream = sd_calloc(1, sizeof *stream);
  if (!stream)
    return SD_NOMEM;
  stream->loop = loop;
  stream->handler = handler;
  stream->user = user;
  sd_buf_init(&stream->out, SD_NET_PENDING_MAX + NET_TLS_RECORD_MAX);
  sd_buf_init(&stream->sending, SD_NET_PENDING_MAX + NET_TLS_RECORD_MAX);
  /* These two cannot fail. */
  (void)uv_timer_init(loop, &stream->timer);
  (void)uv_idle_init(loop, &stream->kick);
  stream->timer.data = stream;
  stream->kick.data = stream;
  stream->handles_open = 2;
  stream->write_request.data = stream;
  stream->connect_request.data = stream;
  stream->shutdown_request.data = stream;
  *ret_stream = stream;
  return SD_OK;
}

void net_stream_destroy(sd_net_stream *stream, const sd_error *error)
{
  if (stream->phase == NET_CLOSED)
    return;
  if (error && !stream->has_error) {
    stream->error = *error;
    stream->has_error = true;
  }
  stream->phase = NET_CLOSED;
  net_connect_forget(stream);
  if (stream->tcp_open && !uv_is_closing((uv_handle_t *)&stream->tcp))
    uv_close((uv_handle_t *)&stream->tcp, net_stream_tcp_closed);
  uv_close((uv_handle_t *)&stream->timer, on_handle_closed);
  uv_close((uv_handle_t *)&stream->kick, on_handle_closed);
}

void net_stream_fail_uv(sd_net_stream *stream, int code, const char *what)
{
  sd_error error;
  sd_status status = code == UV_ENOMEM ? SD_NOMEM : code == UV_ETIMEDOUT ? SD_TIMEOUT : SD_IO;
  sd_error_set(&error, status, "%s %s: %s", what, stream->peer, uv_strerror(code));
  error.source = SD_SOURCE_UV;
  error.source_code = code;
  error.retriable = 1;
  net_stream_destroy(stream, &error);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  (void)suggested;
  sd_net_stream *stream = handle->data;
  uint8_t *space = NULL;
  size_t size = 0;
  if (stream->phase != NET_OPEN && stream->phase != NET_HANDSHAKE) {
    space = stream->discard;
    size = sizeof stream->discard;
  } else if (stream->tls) {
    net_tls_input_space(stream->tls, &space, &size);
  } else {
    stream->handler->on_space(stream, &space, &size);
    if (stream->phase == NET_CLOSED)
      size = 0;
  }
  if (size > UINT32_MAX)
    size = UINT32_MAX;
  *buf = uv_buf_init((char *)space, (unsigned)size);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
  (void)buf;
  sd_net_stream *stream = tcp->data;
  bool closing = stream->phase == NET_FLUSHING || stream->phase == NET_DRAINING;
  if (stream->phase == NET_CLOSED || n == 0)
    return;
  if (n == UV_ENOBUFS) {
    stream->paused = true;
    (void)uv_read_stop(tcp);
    return;
  }
  if (closing) {
    if (n > 0)
      return;
    (void)uv_read_stop(tcp);
    stream->peer_ended = true;
    if (n != UV_EOF || stream->phase == NET_DRAINING)
      net_stream_destroy(stream, NULL);
    return;
  }
  if (n == UV_EOF) {
    (void)uv_read_stop(tcp);
    if (stream->tls && !net_tls_ended(stream->tls)) {
      sd_error error;
      sd_error_set(&error, SD_CLOSED,
                   stream->phase == NET_HANDSHAKE
                       ? "%s ended the connection during the TLS handshake; check that the port speaks TLS"
                       : "%s ended the connection without the TLS closing message",
                   stream->peer);
      error.source = SD_SOURCE_TLS;
      error.retriable = 1;
      net_stream_destroy(stream, &error);
      return;
    }
    net_stream_ended(stream);
  } else if (n < 0) {
    net_stream_fail_uv(stream, (int)n, "lost the connection to");
  } else if (stream->tls) {
    net_tls_input_commit(stream->tls, (size_t)n);
    net_tls_pump(stream);
  } else {
    stream->handler->on_data(stream, (size_t)n);
  }
}

void net_stream_read_start(sd_net_stream *stream)
{
  int code = uv_read_start((uv_stream_t *)&stream->tcp, on_alloc, on_read);
  if (code != 0 && code != UV_EALREADY)
    net_stream_fail_uv(stream, code, "cannot read from");
}

static void on_kick(uv_idle_t *kick)
{
  sd_net_stream *stream = kick->data;
  (void)uv_idle_stop(kick);
  if (stream->phase != NET_OPEN)
    return;
  net_tls_pump(stream);
  if (stream->phase == NET_OPEN && !stream->paused)
    net_stream_read_start(stream);
}

void sd_net_resume(sd_net_stream *stream)
{
  if (!stream->paused || stream->phase != NET_OPEN)
    return;
  stream->paused = false;
  if (stream->tls)
    (void)uv_idle_start(&stream->kick, on_kick); /* what is decrypted already goes first, from the loop */
  else
    net_stream_read_start(stream);
}

/* ---- life ---- */

void net_stream_established(sd_net_stream *stream)
{
  (void)uv_tcp_nodelay(&stream->tcp, 1);
  if (!stream->tls) {
    net_stream_opened(stream);
    return;
  }
  stream->phase = NET_HANDSHAKE;
  net_tls_pump(stream);
  if (stream->phase == NET_HANDSHAKE)
    net_stream_read_start(stream);
}

void net_stream_opened(sd_net_stream *stream)
{
  stream->phase = NET_OPEN;
  (void)uv_timer_stop(&stream->timer);
  stream->handler->on_connected(stream);
  if (stream->phase == NET_OPEN && !stream->paused)
    net_stream_read_start(stream);
}

void net_stream_ended(sd_net_stream *stream)
{
  stream->peer_ended = true;
  sd_net_close(stream);
}

void sd_net_close(sd_net_stream *stream)
{
  if (stream->phase == NET_CONNECTING || stream->phase == NET_HANDSHAKE) {
    net_stream_destroy(stream, NULL);
    return;
  }
  if (stream->phase != NET_OPEN)
    return;
  stream->phase = NET_FLUSHING;
  if (stream->tls)
    net_tls_shutdown(stream);
  (void)uv_timer_start(&stream->timer, on_timer, SD_NET_LINGER_TIMEOUT_MS, 0);
  if (!stream->peer_ended)
    net_stream_read_start(stream);
  net_stream_flush(stream);
  end_of_flush(stream);
}

void sd_net_abort(sd_net_stream *stream)
{
  net_stream_destroy(stream, NULL);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
  sd_net_stream *stream = request->data;
  if (stream->phase != NET_DRAINING)
    return;
  if (status != 0 || stream->peer_ended) {
    net_stream_destroy(stream, NULL);
    return;
  }
  (void)uv_timer_start(&stream->timer, on_timer, NET_DRAIN_TIMEOUT_MS, 0);
}

/* FLUSHING ends when nothing is pending. */
static void end_of_flush(sd_net_stream *stream)
{
  if (stream->phase != NET_FLUSHING || stream->write_busy || stream->out.len > 0)
    return;
  stream->phase = NET_DRAINING;
  if (uv_shutdown(&stream->shutdown_request, (uv_stream_t *)&stream->tcp, on_shutdown) != 0)
    net_stream_destroy(stream, NULL);
}

/* ---- writing ---- */

static size_t queued_in_socket(const sd_net_stream *stream)
{
  return stream->write_busy ? uv_stream_get_write_queue_size((const uv_stream_t *)&stream->tcp) : 0;
}

size_t sd_net_pending(const sd_net_stream *stream)
{
  return stream->out.len + queued_in_socket(stream);
}

static void write_clock_start(sd_net_stream *stream)
{
  stream->queued_before = queued_in_socket(stream);
  (void)uv_timer_start(&stream->timer, on_timer, SD_NET_WRITE_TIMEOUT_MS, 0);
}

static void on_written(uv_write_t *request, int status)
{
  sd_net_stream *stream = request->data;
  stream->write_busy = false;
  sd_buf_clear(&stream->sending);
  if (stream->phase == NET_CLOSED)
    return;
  if (status != 0) {
    if (stream->phase == NET_OPEN)
      net_stream_fail_uv(stream, status, "cannot write to");
    else
      net_stream_destroy(stream, NULL);
    return;
  }
  if (stream->phase == NET_OPEN)
    (void)uv_timer_stop(&stream->timer);
  net_stream_flush(stream);
  end_of_flush(stream);
  if (stream->phase == NET_OPEN && stream->writable_asked) {
    stream->writable_asked = false;
    stream->handler->on_writable(stream);
  }
}

/* Tries the socket at once; what it took, or 0. */
static size_t write_now(sd_net_stream *stream, sd_bytes bytes)
{
  size_t len = bytes.len < INT32_MAX ? bytes.len : INT32_MAX;
  /* libuv only reads what it is given to write, its type just has no const. */
  union {
    const uint8_t *in;
    char *out;
  } base = {.in = bytes.data};
  uv_buf_t buf = uv_buf_init(base.out, (unsigned)len);
  int n = uv_try_write((uv_stream_t *)&stream->tcp, &buf, 1);
  return n > 0 ? (size_t)n : 0; /* an error comes again, to the write that follows */
}

void net_stream_flush(sd_net_stream *stream)
{
  if (stream->write_busy || stream->out.len == 0 || stream->phase == NET_CLOSED)
    return;
  size_t sent = write_now(stream, sd_buf_bytes(&stream->out));
  if (sent == stream->out.len) {
    sd_buf_clear(&stream->out);
    return;
  }
  sd_buf swap = stream->sending;
  stream->sending = stream->out;
  stream->out = swap;
  uv_buf_t buf = uv_buf_init((char *)stream->sending.data + sent, (unsigned)(stream->sending.len - sent));
  int code = uv_write(&stream->write_request, (uv_stream_t *)&stream->tcp, &buf, 1, on_written);
  if (code != 0) {
    sd_buf_clear(&stream->sending);
    net_stream_fail_uv(stream, code, "cannot write to");
    return;
  }
  stream->write_busy = true;
  if (stream->phase == NET_OPEN)
    write_clock_start(stream);
}

/* Into `out` or the socket, once. */
static size_t write_some(sd_net_stream *stream, sd_bytes bytes)
{
  size_t pending = sd_net_pending(stream);
  size_t room = pending < SD_NET_PENDING_MAX ? SD_NET_PENDING_MAX - pending : 0;
  if (stream->tls)
    return net_tls_write(stream, bytes, room);
  size_t taken = pending == 0 && !stream->write_busy ? write_now(stream, bytes) : 0;
  size_t rest = bytes.len - taken < room ? bytes.len - taken : room;
  if (rest == 0)
    return taken;
  sd_status status = sd_buf_append(&stream->out, bytes.data + taken, rest);
  if (status != SD_OK) {
    sd_error error;
    sd_error_set(&error, status, "cannot keep %zu bytes for %s", rest, stream->peer);
    net_stream_destroy(stream, &error);
    return taken;
  }
  return taken + rest;
}

size_t sd_net_write(sd_net_stream *stream, sd_bytes bytes)
{
  size_t taken = 0;
  /* Again while the socket swallows everything at once: on_writable comes only after a write under way. */
  while (stream->phase == NET_OPEN && taken < bytes.len) {
    taken += write_some(stream, sd_bytes_make(bytes.data + taken, bytes.len - taken));
    net_stream_flush(stream);
    if (stream->write_busy)
      break;
  }
  if (taken < bytes.len)
    stream->writable_asked = true;
  return taken;
}

static void on_timer(uv_timer_t *timer)
{
  sd_net_stream *stream = timer->data;
  sd_error error;
  if (stream->phase == NET_OPEN) {
    if (queued_in_socket(stream) < stream->queued_before) {
      write_clock_start(stream);
      return;
    }
    sd_error_set(&error, SD_TIMEOUT, "%s took none of %zu bytes for %d s; closing the connection",
                 stream->peer, sd_net_pending(stream), SD_NET_WRITE_TIMEOUT_MS / 1000);
    error.retriable = 1;
    net_stream_destroy(stream, &error);
  } else {
    net_stream_destroy(stream, NULL); /* lingered long enough */
  }
}

/* ---- small ones ---- */

void sd_net_set_user(sd_net_stream *stream, void *user)
{
  stream->user = user;
}

void *sd_net_user(const sd_net_stream *stream)
{
  return stream->user;
}

const char *sd_net_peer(const sd_net_stream *stream)
{
  return stream->peer;
}
