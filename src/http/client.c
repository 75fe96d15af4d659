/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer by libcurl: an easy handle, driven by a multi handle that another thread can
 * wake. */
#include "http/client.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "http/curl_library.h"
#include "http/sigpipe.h"
#include "http/socket_list.h"

#include <stdatomic.h>
#include <stdio.h>

enum {
  CONNECT_TIMEOUT_MS = 5000,
  TIMEOUT_MS = 30000,
  IDLE_MAX_S = 90, /* a connection that was idle for longer is not used again */
  KEEPALIVE_IDLE_S = 30,
  KEEPALIVE_INTERVAL_S = 10,
  POLL_MAX_MS = 1000,
  RETRY_AFTER_MAX_S = 7 * 24 * 3600
};

#define NS_PER_MS UINT64_C(1000000)

/* Before it a second request on an h2c connection fails (curl issue 10634). */
#define REUSES_H2C_FROM 0x080000u
/* These drop the header te (curl issue 17122). */
#define DROPS_TE_FROM 0x080c00u
#define DROPS_TE_TO   0x080d00u

struct sd_http_client {
  const sd_curl *curl;
  CURL *handle;
  CURLM *multi;
  _Atomic uint64_t cancel_at;
  atomic_bool busy; /* inside a request */
  sd_http_sockets sockets;
};

typedef struct receiver {
  sd_buf *body;
  const sd_http_request *request;
  bool interim;  /* in the headers of a 1xx answer */
  bool complete; /* its headers came to their end */
} receiver;

sd_status sd_http_client_new(sd_http_client **ret_client, sd_error *error)
{
  const sd_curl *curl;
  sd_status status = sd_curl_load(&curl, error);
  if (status != SD_OK)
    return status;
  sd_http_client *client = sd_calloc(1, sizeof *client);
  if (!client)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  client->curl = curl;
  atomic_init(&client->cancel_at, UINT64_MAX);
  client->handle = curl->easy_init();
  client->multi = curl->multi_init();
  if (!client->handle || !client->multi) {
    sd_http_client_free(client);
    return sd_error_set(error, SD_NOMEM, "libcurl is out of memory");
  }
  *ret_client = client;
  return SD_OK;
}

void sd_http_client_free(sd_http_client *client)
{
  if (!client)
    return;
  sd_sigpipe held;
  sd_sigpipe_hold(&held);
  if (client->handle)
    client->curl->easy_cleanup(client->handle);
  if (client->multi)
    client->curl->multi_cleanup(client->multi);
  sd_sigpipe_release(&held);
  sd_free(client);
}

void sd_http_client_free_after_fork(sd_http_client *client)
{
  if (!client)
    return;
  sd_http_sockets_disconnect(&client->sockets);
  /* A request that another thread was working on has left libcurl's memory in an unknown state. */
  if (!atomic_load(&client->busy))
    sd_http_client_free(client);
}

void sd_http_client_cancel_at(sd_http_client *client, uint64_t deadline_ns)
{
  atomic_store(&client->cancel_at, deadline_ns);
  client->curl->multi_wakeup(client->multi);
}

sd_status sd_http_get_capabilities(sd_http_capabilities *ret_capabilities, sd_error *error)
{
  const sd_curl *curl;
  sd_status status = sd_curl_load(&curl, error);
  if (status != SD_OK)
    return status;
  const curl_version_info_data *info = curl->version_info(CURLVERSION_NOW);
  *ret_capabilities = (sd_http_capabilities){
      .version = info->version,
      .http2 = (info->features & CURL_VERSION_HTTP2) != 0,
      .drops_te_trailers = info->version_num >= DROPS_TE_FROM && info->version_num <= DROPS_TE_TO,
  };
  return SD_OK;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
  receiver *receive = user;
  return sd_buf_append(receive->body, data, size * count) == SD_OK ? size * count : 0;
}

static bool is_space(uint8_t byte)
{
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static sd_bytes trim(sd_bytes text)
{
  while (text.len && is_space(text.data[0])) {
    text.data++;
    text.len--;
  }
  while (text.len && is_space(text.data[text.len - 1]))
    text.len--;
  return text;
}

static size_t on_header(char *data, size_t size, size_t count, void *user)
{
  receiver *receive = user;
  sd_bytes line = sd_bytes_make(data, size * count);
  if (sd_bytes_starts_with_nocase(line, "HTTP/")) {
    const uint8_t *space = memchr(line.data, ' ', line.len);
    receive->interim = space && space + 1 < line.data + line.len && space[1] == '1';
    return size * count;
  }
  receive->complete |= !receive->interim && trim(line).len == 0;
  const uint8_t *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
  if (colon && !receive->interim && receive->request->on_header) {
    size_t name_len = (size_t)(colon - line.data);
    sd_bytes value = trim(sd_bytes_make(colon + 1, line.len - name_len - 1));
    receive->request->on_header(receive->request->header_user, sd_bytes_make(line.data, name_len), value);
  }
  return size * count;
}

const char *sd_http_show_url(const char *url, char *dst)
{
  const char *authority = strstr(url, "://");
  authority = authority ? authority + 3 : url;
  const char *host = authority;
  size_t authority_len = strcspn(authority, "/?#");
  for (size_t i = 0; i < authority_len; i++) {
    if (authority[i] == '@')
      host = authority + i + 1;
  }
  snprintf(dst, SD_HTTP_SHOWN_URL_MAX, "%.*s%.*s", (int)(authority - url), url, (int)strcspn(host, "?#"),
           host);
  return dst;
}

static sd_status translate(sd_http_client *client, CURLcode code, const sd_http_request *request,
                           const sd_buf *body, const char *detail, sd_error *error)
{
  const sd_curl *curl = client->curl;
  curl_off_t connected = 0;
  curl->easy_getinfo(client->handle, CURLINFO_CONNECT_TIME_T, &connected);
  const char *text = detail[0] ? detail : curl->easy_strerror(code);
  char shown[SD_HTTP_SHOWN_URL_MAX];
  sd_http_show_url(request->url, shown);
  sd_status status = SD_IO;
  if (code == CURLE_OPERATION_TIMEDOUT)
    status = SD_TIMEOUT;
  else if (code == CURLE_ABORTED_BY_CALLBACK)
    status = SD_CANCELLED;
  else if (code == CURLE_WRITE_ERROR && sd_buf_status(body) != SD_OK)
    status = sd_buf_status(body);
  else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM)
    status = SD_DENIED;
  else if (code == CURLE_OUT_OF_MEMORY)
    status = SD_NOMEM;
  else if (code == CURLE_UNSUPPORTED_PROTOCOL && connected > 0)
    status = SD_PROTOCOL; /* the peer's answer is no HTTP */
  else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    status = SD_INVALID;
  if (status == SD_LIMIT)
    sd_error_set(error, status, "%s: the answer is longer than allowed", shown);
  else if (status == SD_CANCELLED)
    sd_error_set(error, status, "%s: the request was cancelled", shown);
  else if (status == SD_PROTOCOL)
    sd_error_set(error, status, "%s: the answer is not HTTP/1.1; is this the port of another protocol?",
                 shown);
  else
    sd_error_set(error, status, "%s: %s", shown, text);
  if (error) {
    error->source = SD_SOURCE_HTTP;
    error->retriable = status == SD_IO || status == SD_TIMEOUT;
  }
  return status;
}

/* CURLOPT_HTTP_VERSION and what hangs on it. */
static CURLcode set_version(sd_http_client *client, const sd_http_request *request)
{
  const sd_curl *curl = client->curl;
  CURL *h = client->handle;
  if (request->version == SD_HTTP_VERSION_1_1)
    return curl->easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  if (request->version != SD_HTTP_VERSION_2)
    return CURLE_OK;
  bool tls = sd_bytes_starts_with_nocase(sd_bytes_of(request->url), "https:");
  CURLcode code = curl->easy_setopt(
      h, CURLOPT_HTTP_VERSION, (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
  /* A proxy that forwards requests speaks HTTP/1.1. */
  if (code == CURLE_OK)
    code = curl->easy_setopt(h, CURLOPT_HTTPPROXYTUNNEL, 1L);
  if (code == CURLE_OK && !tls && curl->version_info(CURLVERSION_NOW)->version_num < REUSES_H2C_FROM)
    code = curl->easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
  return code;
}

static CURLcode set_up(sd_http_client *client, const sd_http_request *request, receiver *receive,
                       struct curl_slist *headers, char *detail)
{
  const sd_curl *curl = client->curl;
  CURL *h = client->handle;
  bool has_body = request->body.len > 0;
  const char *method = request->method ? request->method : has_body ? "POST" : "GET";
  CURLcode code = CURLE_OK;
#define SET(option, value)                                                                                   \
  do {                                                                                                       \
    if (code == CURLE_OK)                                                                                    \
      code = curl->easy_setopt(h, option, value);                                                            \
  } while (0)
  curl->easy_reset(h);
  SET(CURLOPT_URL, request->url);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_ERRORBUFFER, detail);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, receive);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, receive);
  SET(CURLOPT_HTTPHEADER, headers);
  SET(CURLOPT_USERAGENT, "streamduck");
  SET(CURLOPT_CONNECTTIMEOUT_MS,
      (long)(request->connect_timeout_ms ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS));
  SET(CURLOPT_TIMEOUT_MS, (long)(request->timeout_ms ? request->timeout_ms : TIMEOUT_MS));
  if (has_body) {
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    SET(CURLOPT_POSTFIELDS, (const char *)request->body.data);
  }
  if (strcmp(method, "HEAD") == 0)
    SET(CURLOPT_NOBODY, 1L);
  else if (strcmp(method, has_body ? "POST" : "GET") != 0)
    SET(CURLOPT_CUSTOMREQUEST, method);
  if (request->unix_socket)
    SET(CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
  if (request->ca_file)
    SET(CURLOPT_CAINFO, request->ca_file);
  if (request->certificate_file) {
    SET(CURLOPT_SSLCERT, request->certificate_file);
    SET(CURLOPT_SSLKEY, request->key_file ? request->key_file : request->certificate_file);
  }
  if (request->accept_gzip)
    SET(CURLOPT_ACCEPT_ENCODING, "gzip");
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  SET(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
  SET(CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
  SET(CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
  SET(CURLOPT_OPENSOCKETFUNCTION, sd_http_socket_open);
  SET(CURLOPT_OPENSOCKETDATA, &client->sockets);
  SET(CURLOPT_CLOSESOCKETFUNCTION, sd_http_socket_close);
  SET(CURLOPT_CLOSESOCKETDATA, &client->sockets);
#undef SET
  /* Else a time-out waits for a resolver that does not answer. libcurl has it from 7.87. */
  if (code == CURLE_OK)
    curl->easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);
  return code == CURLE_OK ? set_version(client, request) : code;
}

/* Runs the transfer to its end. CURLE_ABORTED_BY_CALLBACK: cancelled. */
static CURLcode drive(sd_http_client *client)
{
  const sd_curl *curl = client->curl;
  CURLcode code = CURLE_OUT_OF_MEMORY;
  if (curl->multi_add_handle(client->multi, client->handle) != CURLM_OK)
    return code;
  for (;;) {
    uint64_t cancel_at = atomic_load(&client->cancel_at);
    uint64_t now = sd_clock_monotonic_ns();
    if (now >= cancel_at) {
      code = CURLE_ABORTED_BY_CALLBACK;
      break;
    }
    int running, left;
    if (curl->multi_perform(client->multi, &running) != CURLM_OK)
      break;
    const CURLMsg *message = curl->multi_info_read(client->multi, &left);
    if (message && message->msg == CURLMSG_DONE) {
      code = message->data.result;
      break;
    }
    uint64_t wait_ms = (cancel_at - now) / NS_PER_MS + 1;
    int poll_ms = wait_ms < POLL_MAX_MS ? (int)wait_ms : POLL_MAX_MS;
    if (curl->multi_poll(client->multi, NULL, 0, poll_ms, NULL) != CURLM_OK)
      break;
  }
  curl->multi_remove_handle(client->multi, client->handle);
  return code;
}

static uint32_t retry_after(sd_http_client *client)
{
  curl_off_t seconds = 0;
  client->curl->easy_getinfo(client->handle, CURLINFO_RETRY_AFTER, &seconds);
  if (seconds <= 0)
    return 0;
  return seconds < RETRY_AFTER_MAX_S ? (uint32_t)seconds : RETRY_AFTER_MAX_S;
}

sd_status sd_http_client_perform(sd_http_client *client, const sd_http_request *request,
                                 sd_http_answer *ret_answer, sd_error *error)
{
  const sd_curl *curl = client->curl;
  struct curl_slist *headers = NULL;
  char detail[CURL_ERROR_SIZE] = "";
  char shown[SD_HTTP_SHOWN_URL_MAX];
  sd_buf body;
  receiver receive = {.body = &body, .request = request};
  sd_status status = SD_OK;
  sd_buf_init(&body, request->answer_max ? request->answer_max : SD_HTTP_ANSWER_DEFAULT_MAX);
  for (size_t i = 0; request->headers && request->headers[i]; i++) {
    struct curl_slist *longer =
        i < SD_HTTP_HEADERS_MAX ? curl->slist_append(headers, request->headers[i]) : NULL;
    if (!longer) {
      status = sd_error_set(error, i < SD_HTTP_HEADERS_MAX ? SD_NOMEM : SD_LIMIT,
                            "%s: the headers could not be set", sd_http_show_url(request->url, shown));
      goto out;
    }
    headers = longer;
  }
  /* libcurl would ask and wait before it sends a body of more than 1 MiB. */
  if (request->body.len > 0) {
    struct curl_slist *longer = curl->slist_append(headers, "Expect:");
    if (!longer) {
      status = sd_error_set(error, SD_NOMEM, "out of memory");
      goto out;
    }
    headers = longer;
  }
  CURLcode code;
  code = set_up(client, request, &receive, headers, detail);
  if (code == CURLE_OK) {
    sd_sigpipe held;
    sd_sigpipe_hold(&held);
    atomic_store(&client->busy, true);
    code = drive(client);
    atomic_store(&client->busy, false);
    sd_sigpipe_release(&held);
  }
  if (code != CURLE_OK) {
    status = translate(client, code, request, &body, detail, error);
    goto out;
  }
  long http_status, http_version;
  http_status = http_version = 0;
  curl->easy_getinfo(client->handle, CURLINFO_RESPONSE_CODE, &http_status);
  curl->easy_getinfo(client->handle, CURLINFO_HTTP_VERSION, &http_version);
  if (!receive.complete) {
    status = sd_error_set(error, SD_IO, "%s: the connection ended in the headers of the answer",
                          sd_http_show_url(request->url, shown));
    if (error) {
      error->source = SD_SOURCE_HTTP;
      error->retriable = true;
    }
    goto out;
  }
  if (request->version == SD_HTTP_VERSION_2 && http_version < CURL_HTTP_VERSION_2_0) {
    status = sd_error_set(error, SD_PROTOCOL, "%s: the server does not speak HTTP/2",
                          sd_http_show_url(request->url, shown));
    goto out;
  }
  *ret_answer =
      (sd_http_answer){.status = (int)http_status, .body = body, .retry_after_s = retry_after(client)};
  sd_buf_init(&body, 0);
out:
  /* The handle keeps pointers to the list, the body and the stack until it is reset. */
  curl->easy_reset(client->handle);
  curl->slist_free_all(headers);
  sd_buf_release(&body);
  return status;
}
