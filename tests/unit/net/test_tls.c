/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* TLS streams: verification of chain and name, time-outs, endings. Certificates are made here. */
#include "peers.h"

#include "base/alloc.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/sd-test-tls-XXXXXX";
static char ca_file[64];
static char other_ca_file[64];
static char cert_file[64];
static char key_file[64];
static char expired_file[64];

typedef struct identity {
  EVP_PKEY *key;
  X509 *cert;
} identity;

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  assert_non_null(extension);
  assert_int_equal(X509_add_ext(cert, extension, -1), 1);
  X509_EXTENSION_free(extension);
}

/* issuer NULL: a CA. */
static identity make_identity(const char *name, const identity *issuer, const char *alt_names, long from_s,
                              long to_s)
{
  static long serial = 1;
  identity made = {EVP_EC_gen("P-256"), X509_new()};
  assert_non_null(made.key);
  assert_non_null(made.cert);
  assert_int_equal(X509_set_version(made.cert, 2), 1);
  assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial++), 1);
  assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made.cert), from_s));
  assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made.cert), to_s));
  assert_int_equal(X509_set_pubkey(made.cert, made.key), 1);
  X509_NAME *subject = X509_get_subject_name(made.cert);
  assert_int_equal(
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0), 1);
  X509 *signer = issuer ? issuer->cert : made.cert;
  assert_int_equal(X509_set_issuer_name(made.cert, X509_get_subject_name(signer)), 1);
  if (!issuer)
    add_extension(made.cert, signer, NID_basic_constraints, "critical,CA:TRUE");
  if (alt_names)
    add_extension(made.cert, signer, NID_subject_alt_name, alt_names);
  assert_true(X509_sign(made.cert, issuer ? issuer->key : made.key, EVP_sha256()) > 0);
  return made;
}

static void write_pem(char *path, size_t size, const char *name, X509 *cert, EVP_PKEY *key)
{
  (void)snprintf(path, size, "%s/%s.pem", folder, name);
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  if (cert)
    assert_int_equal(PEM_write_X509(file, cert), 1);
  if (key)
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
  assert_int_equal(fclose(file), 0);
}

static void identity_free(identity *i)
{
  EVP_PKEY_free(i->key);
  X509_free(i->cert);
}

static int make_certificates(void **state)
{
  (void)state;
  const long hour = 3600;
  if (!mkdtemp(folder))
    return -1;
  identity ca = make_identity("test CA", NULL, NULL, -hour, hour);
  identity other = make_identity("another CA", NULL, NULL, -hour, hour);
  identity leaf = make_identity("server", &ca, "DNS:localhost,IP:127.0.0.1", -hour, hour);
  identity expired = make_identity("server", &ca, "DNS:localhost,IP:127.0.0.1", -2 * hour, -hour);
  write_pem(ca_file, sizeof ca_file, "ca", ca.cert, NULL);
  write_pem(other_ca_file, sizeof other_ca_file, "other", other.cert, NULL);
  write_pem(cert_file, sizeof cert_file, "cert", leaf.cert, NULL);
  write_pem(key_file, sizeof key_file, "key", NULL, leaf.key);
  write_pem(expired_file, sizeof expired_file, "expired", expired.cert, expired.key);
  identity_free(&ca);
  identity_free(&other);
  identity_free(&leaf);
  identity_free(&expired);
  return 0;
}

static int remove_certificates(void **state)
{
  (void)state;
  (void)unlink(ca_file);
  (void)unlink(other_ca_file);
  (void)unlink(cert_file);
  (void)unlink(key_file);
  (void)unlink(expired_file);
  return rmdir(folder);
}

static sd_tls_context *trusting(const char *file)
{
  sd_tls_context *context = NULL;
  sd_error error;
  assert_int_equal(sd_tls_client_new(file, &context, &error), SD_OK);
  return context;
}

static sd_tls_context *serving(const char *cert, const char *key)
{
  sd_tls_context *context = NULL;
  sd_error error;
  assert_int_equal(sd_tls_server_new(cert, key, &context, &error), SD_OK);
  return context;
}

static void bytes_go_both_ways_over_tls(void **state)
{
  (void)state;
  static const char *const hosts[] = {"localhost", "127.0.0.1"}; /* by name and by address */
  sd_tls_context *trust = trusting(ca_file);
  sd_tls_context *serve_with = serving(cert_file, key_file);
  for (size_t i = 0; i < 2; i++) {
    client.connected = client.closed = server.connected = server.closed = 0;
    sd_buf_clear(&client.received);
    sd_net_listener *listener = serve(serve_with, 0);
    server.echo = true;
    dial(&client, hosts[i], sd_net_listener_port(listener), trust, 0);
    RUN_UNTIL(client.connected && server.connected);
    assert_int_equal(sd_net_write(client.stream, sd_bytes_of("quack")), 5);
    RUN_UNTIL(client.received.len == 5);
    assert_string_equal(sd_buf_text(&client.received), "quack");
    sd_net_close(client.stream);
    RUN_UNTIL(client.closed && server.closed);
    assert_false(client.has_error);
    assert_false(server.has_error); /* the closing message came before the end of TCP */
    sd_net_listener_close(listener);
  }
  sd_tls_context_free(trust);
  sd_tls_context_free(serve_with);
}

static void assert_refused(const char *host, const char *ca, const char *cert, const char *key, int32_t code,
                           const char *advice)
{
  sd_tls_context *trust = trusting(ca);
  sd_tls_context *serve_with = serving(cert, key);
  sd_net_listener *listener = serve(serve_with, 0);
  dial(&client, host, sd_net_listener_port(listener), trust, 0);
  RUN_UNTIL(client.closed && server.closed);
  assert_int_equal(client.connected, 0);
  assert_true(client.has_error);
  assert_int_equal(client.error.code, SD_DENIED);
  assert_int_equal(client.error.source, SD_SOURCE_TLS);
  assert_int_equal(client.error.source_code, code);
  assert_int_equal(client.error.retriable, 0);
  assert_non_null(strstr(client.error.message, host));
  assert_non_null(strstr(client.error.message, advice));
  assert_true(server.has_error);
  sd_net_listener_close(listener);
  sd_tls_context_free(trust);
  sd_tls_context_free(serve_with);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
  (void)state;
  serve_host = "0.0.0.0"; /* reached by an address that the certificate does not hold */
  assert_refused("127.0.0.2", ca_file, cert_file, key_file, X509_V_ERR_IP_ADDRESS_MISMATCH,
                 "by a name that the certificate holds");
}

static void a_certificate_of_an_unknown_ca_is_refused(void **state)
{
  (void)state;
  assert_refused("localhost", other_ca_file, cert_file, key_file,
                 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "the CA that signed");
}

static void without_a_ca_file_the_systems_trust_decides(void **state)
{
  (void)state;
  assert_refused("localhost", NULL, cert_file, key_file, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                 "the CA that signed");
}

static void an_expired_certificate_is_refused(void **state)
{
  (void)state;
  assert_refused("localhost", ca_file, expired_file, expired_file, X509_V_ERR_CERT_HAS_EXPIRED,
                 "check the clock");
}

static void a_silent_port_times_out(void **state)
{
  (void)state;
  sd_tls_context *trust = trusting(ca_file);
  sd_net_listener *listener = serve(NULL, 0); /* accepts, and never speaks TLS */
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), trust, 50);
  RUN_UNTIL(client.closed);
  assert_int_equal(client.connected, 0);
  assert_int_equal(client.error.code, SD_TIMEOUT);
  assert_int_equal(client.error.retriable, 1);
  assert_non_null(strstr(client.error.message, "127.0.0.1:"));
  assert_non_null(strstr(client.error.message, "TLS"));
  RUN_UNTIL(server.closed);
  sd_net_listener_close(listener);
  sd_tls_context_free(trust);
}

static void a_port_that_speaks_something_else_says_so(void **state)
{
  (void)state;
  sd_tls_context *trust = trusting(ca_file);
  sd_net_listener *listener = serve(NULL, 0);
  server.echo = true; /* a client hello is no answer to a client hello */
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), trust, 0);
  RUN_UNTIL(client.closed && server.closed);
  assert_int_equal(client.connected, 0);
  assert_int_equal(client.error.code, SD_PROTOCOL);
  assert_non_null(strstr(client.error.message, "check that the port speaks TLS"));
  sd_net_listener_close(listener);
  sd_tls_context_free(trust);
}

static void a_torn_connection_is_an_error_not_an_end(void **state)
{
  (void)state;
  sd_tls_context *trust = trusting(ca_file);
  sd_tls_context *serve_with = serving(cert_file, key_file);
  sd_net_listener *listener = serve(serve_with, 0);
  dial(&client, "localhost", sd_net_listener_port(listener), trust, 0);
  RUN_UNTIL(client.connected && server.connected);
  sd_net_abort(server.stream); /* TCP ends without the closing message of TLS */
  RUN_UNTIL(client.closed && server.closed);
  assert_true(client.has_error);
  assert_int_equal(client.error.retriable, 1);
  sd_net_listener_close(listener);
  sd_tls_context_free(trust);
  sd_tls_context_free(serve_with);
}

static void much_data_passes_with_pauses_and_back_pressure(void **state)
{
  (void)state;
  enum { TOTAL = 9 * 1024 * 1024 };
  static uint8_t data[TOTAL];
  for (size_t i = 0; i < TOTAL; i++)
    data[i] = (uint8_t)(i * 2654435761u >> 11);
  sd_tls_context *trust = trusting(ca_file);
  sd_tls_context *serve_with = serving(cert_file, key_file);
  sd_net_listener *listener = serve(serve_with, 0);
  server.hold = true;
  dial(&client, "localhost", sd_net_listener_port(listener), trust, 0);
  RUN_UNTIL(client.connected && server.connected);
  size_t sent = 0;
  for (;;) {
    size_t n = sd_net_write(client.stream, sd_bytes_make(data + sent, TOTAL - sent));
    assert_true(sd_net_pending(client.stream) <= SD_NET_PENDING_MAX);
    sent += n;
    if (n == 0)
      break;
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(sent < TOTAL);
  }
  server.hold = false;
  sd_net_resume(server.stream);
  while (sent < TOTAL) {
    int before = client.writable;
    RUN_UNTIL(client.writable > before);
    sent += sd_net_write(client.stream, sd_bytes_make(data + sent, TOTAL - sent));
  }
  sd_net_close(client.stream);
  RUN_UNTIL(client.closed && server.closed);
  assert_int_equal(server.received.len, TOTAL);
  assert_memory_equal(server.received.data, data, TOTAL);
  assert_false(client.has_error);
  assert_false(server.has_error);
  sd_net_listener_close(listener);
  sd_tls_context_free(trust);
  sd_tls_context_free(serve_with);
}

static void a_pause_in_the_middle_of_a_record_loses_nothing(void **state)
{
  (void)state;
  sd_tls_context *trust = trusting(ca_file);
  sd_tls_context *serve_with = serving(cert_file, key_file);
  sd_net_listener *listener = serve(serve_with, 0);
  server.space_max = 3;
  server.hold = true;
  dial(&client, "localhost", sd_net_listener_port(listener), trust, 0);
  RUN_UNTIL(client.connected && server.connected);
  assert_int_equal(sd_net_write(client.stream, sd_bytes_of("0123456789")), 10);
  for (int i = 0; i < 5; i++)
    (void)uv_run(&loop, UV_RUN_NOWAIT);
  assert_int_equal(server.received.len, 0);
  server.hold = false;
  sd_net_resume(server.stream);
  assert_int_equal(server.received.len, 0);
  RUN_UNTIL(server.received.len == 10);
  assert_string_equal(sd_buf_text(&server.received), "0123456789");
  server.close_on_data = true;
  assert_int_equal(sd_net_write(client.stream, sd_bytes_of("end")), 3);
  RUN_UNTIL(client.closed && server.closed);
  assert_false(client.has_error);
  sd_net_listener_close(listener);
  sd_tls_context_free(trust);
  sd_tls_context_free(serve_with);
}

/* A client of plain libssl that allows old versions only. */
static void versions_below_1_2_are_refused(void **state)
{
  (void)state;
  sd_tls_context *serve_with = serving(cert_file, key_file);
  SSL_CTX *old = SSL_CTX_new(TLS_client_method());
  assert_non_null(old);
  SSL_CTX_set_security_level(old, 0);
  assert_int_equal(SSL_CTX_set_min_proto_version(old, TLS1_VERSION), 1);
  assert_int_equal(SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION), 1);
  SSL *ssl = SSL_new(old);
  BIO *to_server = BIO_new(BIO_s_mem());
  BIO *from_server = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, from_server, to_server);
  SSL_set_connect_state(ssl);
  assert_true(SSL_do_handshake(ssl) < 0);
  uint8_t hello[4096];
  int n = BIO_read(to_server, hello, sizeof hello);
  assert_true(n > 0);
  sd_net_listener *listener = serve(serve_with, 0);
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
  RUN_UNTIL(client.connected);
  assert_int_equal(sd_net_write(client.stream, sd_bytes_make(hello, (size_t)n)), (size_t)n);
  RUN_UNTIL(server.closed && client.closed);
  assert_int_equal(server.connected, 0);
  assert_int_equal(server.error.code, SD_PROTOCOL);
  sd_net_listener_close(listener);
  SSL_free(ssl);
  SSL_CTX_free(old);
  sd_tls_context_free(serve_with);
}

static void bad_files_are_refused_with_their_name(void **state)
{
  (void)state;
  sd_tls_context *context = NULL;
  sd_error error;
  assert_int_equal(sd_tls_client_new("/nonexistent/ca.pem", &context, &error), SD_CONFIG);
  assert_non_null(strstr(error.message, "/nonexistent/ca.pem"));
  assert_int_equal(sd_tls_server_new("/nonexistent/c.pem", key_file, &context, &error), SD_CONFIG);
  assert_non_null(strstr(error.message, "/nonexistent/c.pem"));
  assert_int_equal(sd_tls_server_new(cert_file, expired_file, &context, &error),
                   SD_CONFIG); /* another's key */
  assert_non_null(strstr(error.message, expired_file));
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_tls_client_new(ca_file, &context, &error), SD_NOMEM);
  sd_alloc_fail_nth(0);
  assert_null(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peers_setup, peers_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(bytes_go_both_ways_over_tls),
      TEST(a_certificate_for_another_name_is_refused),
      TEST(a_certificate_of_an_unknown_ca_is_refused),
      TEST(without_a_ca_file_the_systems_trust_decides),
      TEST(an_expired_certificate_is_refused),
      TEST(a_silent_port_times_out),
      TEST(a_port_that_speaks_something_else_says_so),
      TEST(a_torn_connection_is_an_error_not_an_end),
      TEST(much_data_passes_with_pauses_and_back_pressure),
      TEST(a_pause_in_the_middle_of_a_record_loses_nothing),
      TEST(versions_below_1_2_are_refused),
      TEST(bad_files_are_refused_with_their_name),
  };
  return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
