/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP server on a socket that the caller has bound and listens on (a Unix socket or TCP), by libmicrohttpd.
 * It has one thread of its own, which calls the routes' functions; answers are short texts that fit into
 * memory.
 */
#ifndef SD_HTTPD_SERVER_H
#define SD_HTTPD_SERVER_H

#include "base/buf.h"

typedef struct sd_httpd sd_httpd;

enum {
  SD_HTTPD_ROUTES_MAX = 16,
  SD_HTTPD_CONNECTIONS_MAX = 32,
  SD_HTTPD_TIMEOUT_S = 10, /* a connection without traffic is closed */
  SD_HTTPD_ANSWER_MAX = 64 * 1024 * 1024
};

/* Fills the answer's body and returns the HTTP status. On the server's thread. */
typedef int sd_httpd_handler_fn(void *user, sd_buf *body);

typedef struct sd_httpd_route {
  const char *path; /* "/status"; matched exactly, without the query */
  const char *content_type;
  sd_httpd_handler_fn *handler;
  void *user;
} sd_httpd_route;

/* Takes over listen_fd in every case. The routes are copied, their texts borrowed. Only GET and HEAD are
 * answered; another path gets 404, another method 405. */
SD_MUST_CHECK sd_status sd_httpd_start(int listen_fd, const sd_httpd_route *routes, size_t count,
                                       sd_httpd **ret_httpd, sd_error *error);
/* Waits for the thread, then closes the socket. NULL is allowed. */
void sd_httpd_stop(sd_httpd *httpd);

#endif
