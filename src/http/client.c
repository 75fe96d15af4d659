/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer by libcurl's easy interface. */
#include "http/client.h"

#include "base/alloc.h"
#include "http/curl_library.h"

#include <stdio.h>

enum { CONNECT_TIMEOUT_MS = 5000, TIMEOUT_MS = 30000 };

struct sd_http_client {
  const sd_curl *curl;
  CURL *handle;
};

typedef struct receiver {
  sd_buf *body;
  uint32_t retry_after_s;
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
  client->handle = curl->easy_init();
  if (!client->handle) {
    sd_free(client);
    return sd_error_set(error, SD_NOMEM, "libcurl is out of memory");
  }
  *ret_client = client;
  return SD_OK;
}

void sd_http_client_free(sd_http_client *client)
{
  if (!client)
    return;
  client->curl->easy_cleanup(client->handle);
  sd_free(client);
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
  receiver *receive = user;
  return sd_buf_append(receive->body, data, size * count) == SD_OK ? size * count : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *user)
{
  static const char name[] = "retry-after:";
  receiver *receive = user;
  sd_bytes line = sd_bytes_make(data, size * count);
  if (sd_bytes_starts_with_nocase(line, name)) {
    uint32_t seconds = 0;
    for (size_t i = sizeof name - 1; i < line.len && seconds < 100000; i++) {
      if (line.data[i] >= '0' && line.data[i] <= '9')
        seconds = seconds * 10 + (uint32_t)(line.data[i] - '0');
      else if (line.data[i] != ' ')
        break;
    }
    receive->retry_after_s = seconds;
  }
  return size * count;
}

enum { SHOWN_MAX = 256 };

/* The URL without user, password and query, for messages. */
static const char *show_url(const char *url, char *dst)
{
  const char *authority = strstr(url, "://");
  authority = authority ? authority + 3 : url;
  const char *host = authority;
  size_t authority_len = strcspn(authority, "/?#");
  for (size_t i = 0; i < authority_len; i++) {
    if (authority[i] == '@')
      host = authority + i + 1;
  }
  snprintf(dst, SHOWN_MAX, "%.*s%.*s", (int)(authority - url), url, (int)strcspn(host, "?#"), host);
  return dst;
}

static sd_status translate(const sd_curl *curl, CURLcode code, const sd_http_request *request,
                           const sd_buf *body, const char *detail, sd_error *error)
{
  const char *text = detail[0] ? detail : curl->easy_strerror(code);
  char shown[SHOWN_MAX];
  show_url(request->url, shown);
  sd_status status = SD_IO;
  if (code == CURLE_OPERATION_TIMEDOUT)
    status = SD_TIMEOUT;
  else if (code == CURLE_WRITE_ERROR && sd_buf_status(body) != SD_OK)
    status = sd_buf_status(body);
  else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
    status = SD_DENIED;
  else if (code == CURLE_OUT_OF_MEMORY)
    status = SD_NOMEM;
  else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    status = SD_INVALID;
  if (status == SD_LIMIT)
    sd_error_set(error, status, "%s: the answer is longer than allowed", shown);
  else
    sd_error_set(error, status, "%s: %s", shown, text);
  if (error) {
    error->source = SD_SOURCE_HTTP;
    error->retriable = status == SD_IO || status == SD_TIMEOUT;
  }
  return status;
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
#undef SET
  return code;
}

sd_status sd_http_client_perform(sd_http_client *client, const sd_http_request *request,
                                 sd_http_answer *ret_answer, sd_error *error)
{
  const sd_curl *curl = client->curl;
  struct curl_slist *headers = NULL;
  char detail[CURL_ERROR_SIZE] = "";
  char shown[SHOWN_MAX];
  sd_buf body;
  receiver receive = {.body = &body};
  sd_status status = SD_OK;
  sd_buf_init(&body, request->answer_max ? request->answer_max : SD_HTTP_ANSWER_DEFAULT_MAX);
  for (size_t i = 0; request->headers && request->headers[i]; i++) {
    struct curl_slist *longer =
        i < SD_HTTP_HEADERS_MAX ? curl->slist_append(headers, request->headers[i]) : NULL;
    if (!longer) {
      status = sd_error_set(error, i < SD_HTTP_HEADERS_MAX ? SD_NOMEM : SD_LIMIT,
                            "%s: the headers could not be set", show_url(request->url, shown));
      goto out;
    }
    headers = longer;
  }
  CURLcode code;
  code = set_up(client, request, &receive, headers, detail);
  if (code == CURLE_OK)
    code = curl->easy_perform(client->handle);
  if (code != CURLE_OK) {
    status = translate(curl, code, request, &body, detail, error);
    goto out;
  }
  long http_status;
  http_status = 0;
  curl->easy_getinfo(client->handle, CURLINFO_RESPONSE_CODE, &http_status);
  *ret_answer =
      (sd_http_answer){.status = (int)http_status, .body = body, .retry_after_s = receive.retry_after_s};
  sd_buf_init(&body, 0);
out:
  /* The handle keeps pointers to the list, the body and the stack until it is reset. */
  curl->easy_reset(client->handle);
  curl->slist_free_all(headers);
  sd_buf_release(&body);
  return status;
}
