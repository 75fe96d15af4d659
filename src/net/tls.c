/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of one stream. OpenSSL reads and writes through a BIO of our own: input straight from the buffer that
 * libuv filled, output straight into the stream's `out`.
 */
#include "net/stream.h"
#include "net/tls_context.h"

#include "base/alloc.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct net_tls {
  SSL *ssl;
  BIO_METHOD *method;
  bool client;
  size_t input_at; /* consumed of input */
  size_t input_len;
  uint8_t input[NET_TLS_INPUT_SIZE];
};

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *to, int size)
{
  sd_net_stream *stream = BIO_get_data(bio);
  net_tls *tls = stream->tls;
  BIO_clear_retry_flags(bio);
  size_t left = tls->input_len - tls->input_at;
  if (left == 0 || size <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t n = left < (size_t)size ? left : (size_t)size;
  memcpy(to, tls->input + tls->input_at, n);
  tls->input_at += n;
  return (int)n;
}

static int bio_write(BIO *bio, const char *from, int len)
{
  sd_net_stream *stream = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (len <= 0 || sd_buf_append(&stream->out, from, (size_t)len) != SD_OK)
    return -1;
  return len;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
  BIO_set_init(bio, 1);
  return 1;
}

static BIO_METHOD *make_method(void)
{
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "streamduck stream");
  if (method && (!BIO_meth_set_read(method, bio_read) || !BIO_meth_set_write(method, bio_write) ||
                 !BIO_meth_set_ctrl(method, bio_control) || !BIO_meth_set_create(method, bio_create))) {
    BIO_meth_free(method);
    method = NULL;
  }
  return method;
}

/* ---- life ---- */

/* The name or address that the peer's certificate must be for; SNI carries names only (RFC 6066 §3). */
enum { HOST_SIZE = 256 /* bytes of a host's name, with NUL */ };

static bool expect_host(SSL *ssl, char *host)
{
  X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
  struct in6_addr address;
  if (uv_inet_pton(AF_INET, host, &address) == 0 || uv_inet_pton(AF_INET6, host, &address) == 0)
    return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1;
  char name[HOST_SIZE]; /* OpenSSL's macro wants it writable, and copies it */
  if (snprintf(name, sizeof name, "%s", host) >= (int)sizeof name)
    return false;
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

sd_status net_tls_new(sd_net_stream *stream, sd_tls_context *context, net_tls **ret_tls, sd_error *error)
{
  net_tls *tls = sd_calloc(1, sizeof *tls);
  if (!tls)
    return sd_error_set(error, SD_NOMEM, "cannot prepare TLS for %s", stream->peer);
  tls->client = context->client;
  tls->ssl = SSL_new(context->ssl);
  tls->method = make_method();
  BIO *bio = tls->method ? BIO_new(tls->method) : NULL;
  if (!tls->ssl || !bio || (tls->client && !expect_host(tls->ssl, stream->host))) {
    BIO_free(bio);
    net_tls_free(tls);
    ERR_clear_error();
    return sd_error_set(error, SD_NOMEM, "cannot prepare TLS for %s", stream->peer);
  }
  BIO_set_data(bio, stream);
  SSL_set_bio(tls->ssl, bio, bio);
  if (tls->client)
    SSL_set_connect_state(tls->ssl);
  else
    SSL_set_accept_state(tls->ssl);
  *ret_tls = tls;
  return SD_OK;
}

void net_tls_free(net_tls *tls)
{
  if (!tls)
    return;
  SSL_free(tls->ssl);
  BIO_meth_free(tls->method);
  sd_free(tls);
}

/* ---- input and output ---- */

void net_tls_input_space(net_tls *tls, uint8_t **ret_space, size_t *ret_size)
{
  if (tls->input_at == tls->input_len) {
    tls->input_at = 0;
    tls->input_len = 0;
  }
  *ret_space = tls->input + tls->input_len;
  *ret_size = sizeof tls->input - tls->input_len;
}

void net_tls_input_commit(net_tls *tls, size_t n)
{
  tls->input_len += n;
}

bool net_tls_ended(const net_tls *tls)
{
  return (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

/* Says what OpenSSL complained about, with what to do about a refused certificate. */
static void fail(sd_net_stream *stream, const char *what)
{
  net_tls *tls = stream->tls;
  sd_error error;
  char reason[160] = "broken protocol";
  unsigned long code = ERR_peek_error();
  long verify = SSL_get_verify_result(tls->ssl);
  if (tls->client && verify != X509_V_OK && stream->phase == NET_HANDSHAKE) {
    const char *advice = verify == X509_V_ERR_HOSTNAME_MISMATCH || verify == X509_V_ERR_IP_ADDRESS_MISMATCH
                             ? "connect by a name that the certificate holds"
                         : verify == X509_V_ERR_CERT_HAS_EXPIRED || verify == X509_V_ERR_CERT_NOT_YET_VALID
                             ? "check the clock, or renew the server's certificate"
                             : "if the server is yours, give the file of the CA that signed its certificate";
    sd_error_set(&error, SD_DENIED, "the TLS certificate of %s is refused: %s; %s", stream->peer,
                 X509_verify_cert_error_string(verify), advice);
    error.source = SD_SOURCE_TLS;
    error.source_code = (int32_t)verify;
  } else {
    if (code != 0) {
      const char *text = ERR_reason_error_string(code);
      (void)snprintf(reason, sizeof reason, "%s", text ? text : "unknown error");
    }
    sd_error_set(&error, SD_PROTOCOL, "%s %s: %s%s", what, stream->peer, reason,
                 stream->phase == NET_HANDSHAKE ? "; check that the port speaks TLS 1.2 or newer" : "");
    error.source = SD_SOURCE_TLS;
    error.source_code = (int32_t)code;
    error.retriable = stream->phase != NET_HANDSHAKE;
  }
  ERR_clear_error();
  /* An alert may stand in `out`: let it go as far as the socket takes it now. */
  net_stream_flush(stream);
  net_stream_destroy(stream, &error);
}

static void handshake(sd_net_stream *stream)
{
  ERR_clear_error();
  int done = SSL_do_handshake(stream->tls->ssl);
  if (done == 1) {
    net_stream_flush(stream);
    if (stream->phase == NET_HANDSHAKE)
      net_stream_opened(stream);
    return;
  }
  if (SSL_get_error(stream->tls->ssl, done) != SSL_ERROR_WANT_READ) {
    fail(stream, "the TLS handshake failed with");
    return;
  }
  net_stream_flush(stream);
}

void net_tls_pump(sd_net_stream *stream)
{
  if (stream->phase == NET_HANDSHAKE)
    handshake(stream);
  while (stream->phase == NET_OPEN && !stream->paused) {
    uint8_t *space = NULL;
    size_t size = 0;
    stream->handler->on_space(stream, &space, &size);
    if (stream->phase != NET_OPEN)
      return;
    if (size == 0) {
      stream->paused = true;
      (void)uv_read_stop((uv_stream_t *)&stream->tcp);
      return;
    }
    size_t n = 0;
    ERR_clear_error();
    int result = SSL_read_ex(stream->tls->ssl, space, size, &n);
    net_stream_flush(stream); /* answers of the protocol itself */
    if (stream->phase != NET_OPEN)
      return;
    if (result == 1) {
      stream->handler->on_data(stream, n);
      continue;
    }
    switch (SSL_get_error(stream->tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      net_stream_ended(stream);
      return;
    default:
      fail(stream, "TLS failed with");
      return;
    }
  }
}

size_t net_tls_write(sd_net_stream *stream, sd_bytes bytes, size_t room)
{
  size_t taken = 0;
  while (taken < bytes.len && room > NET_TLS_OVERHEAD_MAX) {
    size_t part = bytes.len - taken;
    if (part > NET_TLS_RECORD_MAX)
      part = NET_TLS_RECORD_MAX;
    if (part > room - NET_TLS_OVERHEAD_MAX)
      part = room - NET_TLS_OVERHEAD_MAX;
    size_t n = 0;
    ERR_clear_error();
    if (SSL_write_ex(stream->tls->ssl, bytes.data + taken, part, &n) != 1) {
      fail(stream, "cannot encrypt for");
      return taken;
    }
    taken += n;
    room -= n + NET_TLS_OVERHEAD_MAX;
  }
  return taken;
}

void net_tls_shutdown(sd_net_stream *stream)
{
  ERR_clear_error();
  (void)SSL_shutdown(stream->tls->ssl);
  ERR_clear_error();
}
