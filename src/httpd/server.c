/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Routes over libmicrohttpd. */
#include "httpd/server.h"

#include "base/alloc.h"

#include <errno.h>
#include <microhttpd.h>
#include <unistd.h>

struct sd_httpd {
  struct MHD_Daemon *daemon;
  int listen_fd;
  size_t count;
  sd_httpd_route routes[SD_HTTPD_ROUTES_MAX];
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *content_type,
                              const void *data, size_t len)
{
  /* MUST_COPY reads only; the library's prototype is older than const. */
  union {
    const void *in;
    void *out;
  } bytes = {.in = data};
  struct MHD_Response *response = MHD_create_response_from_buffer(len, bytes.out, MHD_RESPMEM_MUST_COPY);
  if (!response)
    return MHD_NO;
  enum MHD_Result result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
  if (result == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
    result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  if (result == MHD_YES)
    result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
  return answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
  static char seen;
  sd_httpd *httpd = user;
  (void)version;
  (void)upload;
  /* The first call announces the headers; bodies are not wanted and thrown away. */
  if (!*state) {
    *state = &seen;
    return MHD_YES;
  }
  if (*upload_size) {
    *upload_size = 0;
    return MHD_YES;
  }
  if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
    return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered here\n");
  for (size_t i = 0; i < httpd->count; i++) {
    const sd_httpd_route *route = &httpd->routes[i];
    if (strcmp(route->path, url) != 0)
      continue;
    sd_buf body;
    sd_buf_init(&body, SD_HTTPD_ANSWER_MAX);
    int status = route->handler(route->user, &body);
    enum MHD_Result result =
        sd_buf_status(&body) == SD_OK
            ? answer(connection, (unsigned)status, route->content_type, sd_buf_text(&body), body.len)
            : answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
    sd_buf_release(&body);
    return result;
  }
  return answer_text(connection, MHD_HTTP_NOT_FOUND, "there is nothing at this path\n");
}

/* The library's messages go nowhere: what matters to a client is in its answer. */
static void swallow(void *user, const char *format, va_list args)
{
  (void)user;
  (void)format;
  (void)args;
}

sd_status sd_httpd_start(int listen_fd, const sd_httpd_route *routes, size_t count, sd_httpd **ret_httpd,
                         sd_error *error)
{
  sd_httpd *httpd = count <= SD_HTTPD_ROUTES_MAX ? sd_calloc(1, sizeof *httpd) : NULL;
  if (!httpd) {
    close(listen_fd);
    return sd_error_set(error, count <= SD_HTTPD_ROUTES_MAX ? SD_NOMEM : SD_LIMIT,
                        "the HTTP server could not be made");
  }
  httpd->listen_fd = listen_fd;
  httpd->count = count;
  memcpy(httpd->routes, routes, count * sizeof *routes);
  httpd->daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG | MHD_USE_ITC, 0, NULL, NULL,
      on_request, httpd, MHD_OPTION_EXTERNAL_LOGGER, swallow, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
      MHD_OPTION_CONNECTION_LIMIT, (unsigned)SD_HTTPD_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
      (unsigned)SD_HTTPD_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 * 1024, MHD_OPTION_END);
  if (!httpd->daemon) {
    close(listen_fd);
    sd_free(httpd);
    return sd_error_set(error, SD_IO, "the HTTP server does not start");
  }
  *ret_httpd = httpd;
  return SD_OK;
}

void sd_httpd_stop(sd_httpd *httpd)
{
  if (!httpd)
    return;
  /* Closes the listening socket too. */
  MHD_stop_daemon(httpd->daemon);
  sd_free(httpd);
}
