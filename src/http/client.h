/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client: one request, one answer, by libcurl, which is loaded when the first client is made. A machine
 * without libcurl gets a message that says what to install.
 *
 * A client keeps its connections for later requests. One thread at a time per client.
 */
#ifndef SD_HTTP_CLIENT_H
#define SD_HTTP_CLIENT_H

#include "base/buf.h"

typedef struct sd_http_client sd_http_client;

enum {
  SD_HTTP_HEADERS_MAX = 32,
  SD_HTTP_ANSWER_DEFAULT_MAX = 16 * 1024 * 1024 /* bytes of an answer's body */
};

typedef struct sd_http_request {
  size_t struct_size;
  const char *method;         /* NULL: GET, or POST with a body */
  const char *url;            /* http:// or https:// */
  const char *unix_socket;    /* path of a socket to connect to instead of the URL's host; NULL: none */
  const char *const *headers; /* "Name: value", ends with NULL; at most SD_HTTP_HEADERS_MAX. NULL: none */
  sd_bytes body;
  uint32_t connect_timeout_ms; /* 0: 5 s */
  uint32_t timeout_ms;         /* of the whole request; 0: 30 s */
  size_t answer_max;           /* 0: SD_HTTP_ANSWER_DEFAULT_MAX */
  const char *ca_file;         /* NULL: the system's trust store */
} sd_http_request;

typedef struct sd_http_answer {
  int status;             /* 200 … */
  sd_buf body;            /* released by the caller */
  uint32_t retry_after_s; /* of a Retry-After header in seconds, else 0 */
} sd_http_answer;

/* SD_UNSUPPORTED when libcurl cannot be loaded or is too old. */
SD_MUST_CHECK sd_status sd_http_client_new(sd_http_client **ret_client, sd_error *error);
/* NULL is allowed. */
void sd_http_client_free(sd_http_client *client);

/* Waits for the answer. Every status is an answer. Redirects are not followed. SD_TIMEOUT, SD_LIMIT (the
 * answer is too long), SD_DENIED (certificate), SD_IO (others, `retriable` set); messages name the URL
 * without its query. */
SD_MUST_CHECK sd_status sd_http_client_perform(sd_http_client *client, const sd_http_request *request,
                                               sd_http_answer *ret_answer, sd_error *error);

#endif
