/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to net: a stream's state and the steps between its parts.
 *
 * CONNECTING → (HANDSHAKE, with TLS) → OPEN → FLUSHING (pending output goes out) → DRAINING (our end is shut,
 * input is thrown away until the peer's end, so that no unread byte turns the close into a reset) → CLOSED
 * (handles are closing; on_closed and the stream's end follow when the last is gone). Any phase may go to
 * CLOSED. Nothing but handle callbacks ever frees the stream, so it stays valid inside every callback.
 */
#ifndef SD_NET_STREAM_H
#define SD_NET_STREAM_H

#include "base/buf.h"
#include "net/net.h"

enum {
  NET_ADDRESSES_MAX = 8,           /* of one name; the rest is not tried */
  NET_NAME_MAX = 256,              /* bytes of a host name, with NUL */
  NET_PEER_MAX = NET_NAME_MAX + 8, /* "[address]:port" */
  NET_DRAIN_TIMEOUT_MS = 500,      /* for the peer's end after ours */
  NET_TLS_INPUT_SIZE = 32 * 1024,  /* read from the socket at once; two TLS records */
  NET_TLS_RECORD_MAX = 16 * 1024,  /* plain bytes in a record */
  NET_TLS_OVERHEAD_MAX = 256,      /* a record's header, tag and padding */
  NET_DISCARD_SIZE = 1024
};

typedef enum net_phase {
  NET_CONNECTING,
  NET_HANDSHAKE,
  NET_OPEN,
  NET_FLUSHING,
  NET_DRAINING,
  NET_CLOSED
} net_phase;

typedef struct net_tls net_tls;
typedef struct net_look_up net_look_up;

struct sd_net_stream {
  uv_loop_t *loop;
  uv_tcp_t tcp;
  uv_timer_t timer; /* the phase's deadline; in OPEN the write time-out */
  uv_idle_t kick;   /* hands buffered TLS input on after a resume */
  uv_connect_t connect_request;
  uv_write_t write_request;
  uv_shutdown_t shutdown_request;
  unsigned handles_open;
  bool tcp_open;
  net_phase phase;

  bool paused;         /* the owner had no space */
  bool peer_ended;     /* its end of the stream was seen */
  bool write_busy;     /* write_request is under way and uses `sending` */
  bool writable_asked; /* on_writable is owed */
  bool silent;         /* dropped before the owner took it: no callback */
  sd_buf out;          /* accepted, not handed to the socket */
  sd_buf sending;
  size_t queued_before; /* in the socket's queue at the last look of the write time-out */

  net_tls *tls;
  uint8_t discard[NET_DISCARD_SIZE];

  const sd_net_handler *handler;
  void *user;
  sd_net_listener *listener; /* that accepted it */

  bool has_error;
  sd_error error;

  char host[NET_NAME_MAX];
  char peer[NET_PEER_MAX];
  net_look_up *look_up;
  uint16_t port;
  int connect_code;     /* why the last attempt failed */
  uint64_t deadline_ms; /* of connecting, in the loop's time */
  struct sockaddr_storage addresses[NET_ADDRESSES_MAX];
  unsigned address_count;
  unsigned address_next;
};

/* stream.c */
/* A stream with its handles, in CONNECTING. Freed by the caller's net_stream_destroy. */
sd_status net_stream_new(uv_loop_t *loop, const sd_net_handler *handler, void *user,
                         sd_net_stream **ret_stream);
/* The socket handle is (again) there. */
sd_status net_stream_open_tcp(sd_net_stream *stream);
/* The socket's close callback: the stream's end, or the next address. */
void net_stream_tcp_closed(uv_handle_t *handle);
/* To CLOSED; a NULL error keeps the first one, where there is one. */
void net_stream_destroy(sd_net_stream *stream, const sd_error *error);
/* The same with an error made of a libuv code: "<what> HOST:PORT: <reason>". */
void net_stream_fail_uv(sd_net_stream *stream, int code, const char *what);
/* TCP stands: begin the handshake, or be open. */
void net_stream_established(sd_net_stream *stream);
/* To OPEN: tells the owner, then reads. */
void net_stream_opened(sd_net_stream *stream);
void net_stream_read_start(sd_net_stream *stream);
/* The peer has ended its side in order. */
void net_stream_ended(sd_net_stream *stream);
/* Hands `out` to the socket as far as it goes. */
void net_stream_flush(sd_net_stream *stream);

/* connect.c */
/* After a failed attempt's socket is gone: the next address, or failure. */
void net_connect_next(sd_net_stream *stream);
/* Forgets a look-up that is under way. */
void net_connect_forget(sd_net_stream *stream);

/* listen.c */
void net_listener_stream_gone(sd_net_listener *listener);

/* tls.c */
sd_status net_tls_new(sd_net_stream *stream, sd_tls_context *context, net_tls **ret_tls, sd_error *error);
void net_tls_free(net_tls *tls);
/* Where the socket's bytes go; at least one byte. */
void net_tls_input_space(net_tls *tls, uint8_t **ret_space, size_t *ret_size);
void net_tls_input_commit(net_tls *tls, size_t n);
/* Handshake and reading, as far as the input goes. */
void net_tls_pump(sd_net_stream *stream);
/* Encrypts into `out`; how many bytes were taken. */
size_t net_tls_write(sd_net_stream *stream, sd_bytes bytes, size_t room);
/* Puts the closing message into `out`. */
void net_tls_shutdown(sd_net_stream *stream);
/* The socket ended: true when TLS had ended before it. */
bool net_tls_ended(const net_tls *tls);

#endif
