/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* TLS settings: versions, trust, certificates. */
#include "net/tls_context.h"

#include "base/alloc.h"

#include <openssl/err.h>

/* Message of the oldest error that OpenSSL holds, behind ours; empties its queue. */
static sd_status fail(sd_error *error, sd_status status, const char *what, const char *name,
                      const char *advice)
{
  unsigned long code = ERR_peek_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  sd_error_set(error, status, "%s %s: %s; %s", what, name, reason ? reason : "unknown error", advice);
  if (error) {
    error->source = SD_SOURCE_TLS;
    error->source_code = (int32_t)code;
  }
  ERR_clear_error();
  return status;
}

static sd_status context_new(bool client, sd_tls_context **ret_context, sd_error *error)
{
  sd_tls_context *context = sd_calloc(1, sizeof *context);
  if (!context)
    return sd_error_set(error, SD_NOMEM, "cannot prepare TLS");
  ERR_clear_error();
  context->client = client;
  context->ssl = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
  if (!context->ssl || SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1) {
    sd_status status = fail(error, SD_INTERNAL, "cannot prepare", "TLS", "check the OpenSSL installation");
    sd_tls_context_free(context);
    return status;
  }
  (void)SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  (void)SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                           SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  *ret_context = context;
  return SD_OK;
}

sd_status sd_tls_client_new(const char *ca_file, sd_tls_context **ret_context, sd_error *error)
{
  sd_tls_context *context = NULL;
  sd_status status = context_new(true, &context, error);
  if (status != SD_OK)
    return status;
  SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
  if (ca_file && SSL_CTX_load_verify_file(context->ssl, ca_file) != 1)
    status =
        fail(error, SD_CONFIG, "cannot read CA certificates from", ca_file, "it must be a readable PEM file");
  else if (!ca_file && SSL_CTX_set_default_verify_paths(context->ssl) != 1)
    status = fail(error, SD_CONFIG, "cannot read", "the system's CA certificates",
                  "install the package ca-certificates");
  if (status != SD_OK) {
    sd_tls_context_free(context);
    return status;
  }
  *ret_context = context;
  return SD_OK;
}

sd_status sd_tls_server_new(const char *cert_file, const char *key_file, sd_tls_context **ret_context,
                            sd_error *error)
{
  sd_tls_context *context = NULL;
  sd_status status = context_new(false, &context, error);
  if (status != SD_OK)
    return status;
  if (SSL_CTX_use_certificate_chain_file(context->ssl, cert_file) != 1)
    status =
        fail(error, SD_CONFIG, "cannot use the certificate", cert_file, "it must be a readable PEM file");
  else if (SSL_CTX_use_PrivateKey_file(context->ssl, key_file, SSL_FILETYPE_PEM) != 1)
    status = fail(error, SD_CONFIG, "cannot use the private key", key_file,
                  "it must be a readable PEM file without password that fits the certificate");
  if (status != SD_OK) {
    sd_tls_context_free(context);
    return status;
  }
  *ret_context = context;
  return SD_OK;
}

void sd_tls_context_free(sd_tls_context *context)
{
  if (!context)
    return;
  SSL_CTX_free(context->ssl);
  sd_free(context);
}
