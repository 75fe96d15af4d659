/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams on a libuv loop: TCP, and TLS over it (libssl). Everything here belongs to the loop's thread.
 *
 * A stream reads straight into memory that its owner offers and never buffers input. Output that the socket
 * does not take at once is kept, at most SD_NET_PENDING_MAX bytes; what does not fit is not accepted and
 * on_writable tells when to go on.
 */
#ifndef SD_NET_NET_H
#define SD_NET_NET_H

#include "base/bytes.h"

#include <streamduck/error.h>
#include <uv.h>

typedef struct sd_net_stream sd_net_stream;
typedef struct sd_net_listener sd_net_listener;
typedef struct sd_tls_context sd_tls_context;

enum {
  SD_NET_PENDING_MAX = 1024 * 1024,  /* bytes accepted and not yet sent, per stream */
  SD_NET_CONNECT_TIMEOUT_MS = 10000, /* name look-up, TCP and TLS handshake together */
  SD_NET_WRITE_TIMEOUT_MS = 30000,   /* pending output without any progress */
  SD_NET_LINGER_TIMEOUT_MS = 2000,   /* what sd_net_close waits for pending output */
  SD_NET_BACKLOG = 511
};

typedef struct sd_net_handler {
  size_t struct_size;
  /* The stream is usable: connected and, with TLS, the peer verified. Also for accepted streams. */
  void (*on_connected)(sd_net_stream *stream);
  /* Where to read into; *ret_size 0 pauses reading until sd_net_resume. */
  void (*on_space)(sd_net_stream *stream, uint8_t **ret_space, size_t *ret_size);
  /* n bytes were put there. */
  void (*on_data)(sd_net_stream *stream, size_t n);
  /* After sd_net_write had not accepted everything: it would accept more now. */
  void (*on_writable)(sd_net_stream *stream);
  /* The end, exactly once, also when the connection never came about: NULL when the peer ended the stream in
   * order or the owner called sd_net_close. The stream is freed after this returns. */
  void (*on_closed)(sd_net_stream *stream, const sd_error *error);
} sd_net_handler;

typedef struct sd_net_connect_options {
  size_t struct_size;
  const char *host; /* name or address; also the name that TLS sends (SNI, no address) and verifies */
  uint16_t port;
  sd_tls_context *tls;         /* NULL: plain TCP. Borrowed; must outlive the stream */
  uint32_t connect_timeout_ms; /* 0: SD_NET_CONNECT_TIMEOUT_MS */
} sd_net_connect_options;

/* Begins to connect; TCP_NODELAY is set, addresses are tried in order. handler is borrowed for the stream's
 * life. */
SD_MUST_CHECK sd_status sd_net_connect(uv_loop_t *loop, const sd_net_connect_options *options,
                                       const sd_net_handler *handler, void *user, sd_net_stream **ret_stream,
                                       sd_error *error);

/* Takes up to bytes.len bytes and returns how many; fewer (also 0) when SD_NET_PENDING_MAX is reached or the
 * stream is not connected or closing. Accepted bytes are copied or sent. Never calls back. */
size_t sd_net_write(sd_net_stream *stream, sd_bytes bytes);
/* Bytes accepted and not sent yet. */
size_t sd_net_pending(const sd_net_stream *stream);

/* Reads again after on_space had offered nothing. */
void sd_net_resume(sd_net_stream *stream);

/* Sends what is pending (SD_NET_LINGER_TIMEOUT_MS at most), then closes; on_closed follows later, never from
 * inside. */
void sd_net_close(sd_net_stream *stream);
/* The same without waiting for pending output. */
void sd_net_abort(sd_net_stream *stream);

void sd_net_set_user(sd_net_stream *stream, void *user);
void *sd_net_user(const sd_net_stream *stream);
/* "127.0.0.1:5672" of the peer, for messages. Good for the stream's life. */
const char *sd_net_peer(const sd_net_stream *stream);

typedef struct sd_net_listen_options {
  size_t struct_size;
  const char *host; /* numeric address or "localhost" */
  uint16_t port;    /* 0: any free one */
  sd_tls_context *tls;
  const sd_net_handler *handler; /* of the accepted streams */
  /* A connection has arrived (with TLS, before the handshake): set the stream's user here. False drops it. */
  bool (*on_accept)(void *user, sd_net_stream *stream);
  void *user;
  uint32_t connections_max; /* accepted and open at once; more wait in the backlog. 0: 5000 */
} sd_net_listen_options;

SD_MUST_CHECK sd_status sd_net_listen(uv_loop_t *loop, const sd_net_listen_options *options,
                                      sd_net_listener **ret_listener, sd_error *error);
uint16_t sd_net_listener_port(const sd_net_listener *listener);
/* Stops accepting and frees the listener; accepted streams live on. */
void sd_net_listener_close(sd_net_listener *listener);

/* TLS settings (TLS 1.2 or newer). Client: verifies the peer's chain and host name against ca_file (PEM) or,
 * when NULL, the system's trust store. There is no way to switch verification off. */
SD_MUST_CHECK sd_status sd_tls_client_new(const char *ca_file, sd_tls_context **ret_context, sd_error *error);
SD_MUST_CHECK sd_status sd_tls_server_new(const char *cert_file, const char *key_file,
                                          sd_tls_context **ret_context, sd_error *error);
void sd_tls_context_free(sd_tls_context *context);

#endif
