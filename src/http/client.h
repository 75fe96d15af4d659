/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client: one request, one answer, by libcurl, which is loaded when the first client is made. A machine
 * without libcurl gets a message that says what to install.
 *
 * A client keeps its connections for later requests (idle for at most 90 s). One thread at a time per client,
 * but for sd_http_client_cancel_at.
 */
#ifndef SD_HTTP_CLIENT_H
#define SD_HTTP_CLIENT_H

#include "base/buf.h"

typedef struct sd_http_client sd_http_client;

enum {
  SD_HTTP_HEADERS_MAX = 64,
  SD_HTTP_ANSWER_DEFAULT_MAX = 16 * 1024 * 1024, /* bytes of an answer's body */
  SD_HTTP_SHOWN_URL_MAX = 256
};

typedef enum sd_http_version {
  SD_HTTP_VERSION_ANY = 0, /* HTTP/1.1, over TLS also HTTP/2 where the server offers it */
  SD_HTTP_VERSION_1_1 = 1,
  SD_HTTP_VERSION_2 = 2 /* by prior knowledge, over TLS by ALPN; SD_PROTOCOL where the server has none */
} sd_http_version;

/* One header or trailer of the final answer, in order; names come in the server's spelling. Good for the
 * call. */
typedef void sd_http_header_fn(void *user, sd_bytes name, sd_bytes value);

typedef struct sd_http_request {
  size_t struct_size;
  const char *method;         /* NULL: GET, or POST with a body */
  const char *url;            /* http:// or https:// */
  const char *unix_socket;    /* path of a socket to connect to instead of the URL's host; NULL: none */
  const char *const *headers; /* "Name: value", ends with NULL; at most SD_HTTP_HEADERS_MAX. NULL: none */
  sd_bytes body;
  uint32_t connect_timeout_ms;  /* 0: 5 s */
  uint32_t timeout_ms;          /* of the whole request; 0: 30 s */
  size_t answer_max;            /* after decompression; 0: SD_HTTP_ANSWER_DEFAULT_MAX */
  const char *ca_file;          /* PEM; NULL: the system's trust store */
  const char *certificate_file; /* the client's own, PEM; NULL: none */
  const char *key_file;         /* its private key, PEM; NULL: in certificate_file */
  sd_http_version version;
  bool accept_gzip; /* the answer may come compressed */
  sd_http_header_fn *on_header;
  void *header_user;
} sd_http_request;

typedef struct sd_http_answer {
  int status;             /* 200 … */
  sd_buf body;            /* released by the caller */
  uint32_t retry_after_s; /* of a Retry-After header, seconds or date; 0: none, or now */
} sd_http_answer;

/* What the loaded libcurl can do. */
typedef struct sd_http_capabilities {
  const char *version;    /* "7.88.1"; static */
  bool http2;             /* built with HTTP/2 */
  bool drops_te_trailers; /* 8.12.0 to 8.13.0 do not send `te: trailers`, which some gRPC servers want */
} sd_http_capabilities;

/* SD_UNSUPPORTED when libcurl cannot be loaded or is too old. Any thread. */
SD_MUST_CHECK sd_status sd_http_get_capabilities(sd_http_capabilities *ret_capabilities, sd_error *error);

/* SD_UNSUPPORTED when libcurl cannot be loaded or is too old. */
SD_MUST_CHECK sd_status sd_http_client_new(sd_http_client **ret_client, sd_error *error);
/* NULL is allowed. */
void sd_http_client_free(sd_http_client *client);

/* Instead of sd_http_client_free in a child process that got the client by fork: the peer notices nothing.
 * When another thread was inside a request at the fork, its memory is lost. NULL is allowed. */
void sd_http_client_free_after_fork(sd_http_client *client);

/* Waits for the answer. Every status is an answer. Redirects are not followed. SD_TIMEOUT, SD_LIMIT (the
 * answer is too long), SD_DENIED (certificate), SD_CANCELLED, SD_PROTOCOL (another HTTP, or none), SD_IO
 * (others, `retriable` set); messages name the URL without its query. */
SD_MUST_CHECK sd_status sd_http_client_perform(sd_http_client *client, const sd_http_request *request,
                                               sd_http_answer *ret_answer, sd_error *error);

/* A URL for messages: without user, password and query, cut to SD_HTTP_SHOWN_URL_MAX bytes with NUL. Returns
 * dst. */
const char *sd_http_show_url(const char *url, char *dst);

/* The request under way and all later ones end with SD_CANCELLED at deadline_ns (CLOCK_MONOTONIC; 0: at once,
 * UINT64_MAX: never, as in the beginning). Any thread. */
void sd_http_client_cancel_at(sd_http_client *client, uint64_t deadline_ns);

#endif
