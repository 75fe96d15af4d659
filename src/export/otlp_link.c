/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client of one signal, its headers and certificates. */
#include "export/otlp_link.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>

enum { HEADERS_TOTAL_MAX = SD_HTTP_HEADERS_MAX };

struct sd_otlp_link {
  pthread_mutex_t lock; /* client, cancel_at */
  sd_http_client *client;
  uint64_t cancel_at;
  char *url, *ca_file, *certificate_file, *key_file;
  char shown_url[SD_HTTP_SHOWN_URL_MAX];
  char *headers[HEADERS_TOTAL_MAX + 1];
  size_t header_count;
  sd_http_version version;
  bool accept_gzip;
};

/* ---- Headers -------------------------------------------------------------------------------------------
 */

static size_t name_length(const char *header)
{
  return strcspn(header, ":");
}

static bool is_token(const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    char c = text[i];
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
      return false;
  }
  return len > 0;
}

sd_status sd_otlp_check_headers(const char *const *headers, sd_error *error)
{
  for (size_t i = 0; headers && headers[i]; i++) {
    const char *header = headers[i];
    size_t name_len = name_length(header);
    if (i >= SD_OTLP_HEADERS_MAX)
      return sd_error_set(error, SD_CONFIG, "OTLP headers: more than %d", SD_OTLP_HEADERS_MAX);
    if (!header[name_len] || !is_token(header, name_len))
      return sd_error_set(error, SD_CONFIG, "OTLP header number %zu: it must read \"Name: value\"", i + 1);
    if (strlen(header) > SD_OTLP_HEADER_BYTES_MAX)
      return sd_error_set(error, SD_CONFIG, "OTLP header %.*s: longer than %d bytes", (int)name_len, header,
                          SD_OTLP_HEADER_BYTES_MAX);
    for (const char *at = header; *at; at++) {
      if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
        return sd_error_set(error, SD_CONFIG, "OTLP header %.*s: its value holds a control character",
                            (int)name_len, header);
    }
  }
  return SD_OK;
}

static bool has_header(const char *const *headers, const char *header)
{
  sd_bytes name = sd_bytes_make(header, name_length(header));
  for (size_t i = 0; headers && headers[i]; i++) {
    if (sd_bytes_equal_nocase(sd_bytes_make(headers[i], name_length(headers[i])), name))
      return true;
  }
  return false;
}

static bool add_header(sd_otlp_link *link, const char *header)
{
  if (link->header_count >= HEADERS_TOTAL_MAX - 1) /* one is kept for sd_otlp_link_post */
    return false;
  link->headers[link->header_count] = sd_strdup(header);
  return link->headers[link->header_count++] != NULL;
}

/* These say how the body was made, which the user cannot know. */
static bool is_reserved(const char *header)
{
  static const char *const reserved[] = {
      "content-type:", "content-encoding:", "content-length:", "transfer-encoding:",
      "te:",           "grpc-encoding:",    "grpc-timeout:",   NULL};
  return has_header(reserved, header);
}

static bool add_headers(sd_otlp_link *link, const sd_otlp_options *options, const char *const *own)
{
  char agent[256];
  snprintf(agent, sizeof agent, "User-Agent: %s",
           options->user_agent ? options->user_agent : "OTel-OTLP-Exporter-C/" SD_VERSION);
  bool good = has_header(options->headers, agent) || add_header(link, agent);
  for (size_t i = 0; own[i]; i++)
    good = good && add_header(link, own[i]);
  for (size_t i = 0; options->headers && options->headers[i]; i++) {
    const char *header = options->headers[i];
    /* libcurl takes "Name:" for the wish to leave the header out. */
    const char *value = header + name_length(header) + 1;
    if (value[strspn(value, " \t")] && !is_reserved(header))
      good = good && add_header(link, header);
  }
  return good;
}

/* ---- Life ----------------------------------------------------------------------------------------------
 */

/* True also for no text. */
static bool copy(const char *text, char **ret)
{
  *ret = text ? sd_strdup(text) : NULL;
  return !text || *ret;
}

sd_status sd_otlp_link_new(const sd_otlp_options *options, const char *url, const char *const *own,
                           sd_http_version version, sd_otlp_link **ret_link)
{
  sd_otlp_link *link = sd_calloc(1, sizeof *link);
  if (!link)
    return SD_NOMEM;
  pthread_mutex_init(&link->lock, NULL);
  link->cancel_at = UINT64_MAX;
  link->version = version;
  link->accept_gzip = version != SD_HTTP_VERSION_2;
  sd_http_show_url(url, link->shown_url);
  if (!copy(url, &link->url) || !copy(options->ca_file, &link->ca_file) ||
      !copy(options->client_certificate_file, &link->certificate_file) ||
      !copy(options->client_key_file, &link->key_file) || !add_headers(link, options, own)) {
    sd_otlp_link_free(link);
    return SD_NOMEM;
  }
  *ret_link = link;
  return SD_OK;
}

void sd_otlp_link_free(sd_otlp_link *link)
{
  if (!link)
    return;
  sd_http_client_free(link->client);
  for (size_t i = 0; i < link->header_count; i++)
    sd_free(link->headers[i]);
  sd_free(link->url);
  sd_free(link->ca_file);
  sd_free(link->certificate_file);
  sd_free(link->key_file);
  pthread_mutex_destroy(&link->lock);
  sd_free(link);
}

const char *sd_otlp_link_url(const sd_otlp_link *link)
{
  return link->shown_url;
}

void sd_otlp_link_cancel_at(sd_otlp_link *link, uint64_t deadline_ns)
{
  pthread_mutex_lock(&link->lock);
  link->cancel_at = deadline_ns;
  if (link->client)
    sd_http_client_cancel_at(link->client, deadline_ns);
  pthread_mutex_unlock(&link->lock);
}

void sd_otlp_link_after_fork(sd_otlp_link *link)
{
  pthread_mutex_init(&link->lock, NULL);
  link->cancel_at = UINT64_MAX;
  sd_http_client_free_after_fork(link->client);
  link->client = NULL;
}

/* ---- Requests ------------------------------------------------------------------------------------------
 */

static sd_status open_client(sd_otlp_link *link, sd_error *error)
{
  sd_http_client *client;
  if (link->client)
    return SD_OK;
  sd_status status = sd_http_client_new(&client, error);
  if (status != SD_OK)
    return status;
  pthread_mutex_lock(&link->lock);
  link->client = client;
  sd_http_client_cancel_at(client, link->cancel_at);
  pthread_mutex_unlock(&link->lock);
  return SD_OK;
}

sd_status sd_otlp_link_post(sd_otlp_link *link, sd_bytes body, const char *header, uint32_t timeout_ms,
                            sd_http_header_fn *on_header, void *user, sd_http_answer *ret_answer,
                            sd_error *error)
{
  const char *headers[HEADERS_TOTAL_MAX + 1];
  size_t count = 0;
  sd_status status = open_client(link, error);
  if (status != SD_OK)
    return status;
  for (; count < link->header_count; count++)
    headers[count] = link->headers[count];
  if (header)
    headers[count++] = header;
  headers[count] = NULL;
  sd_http_request request = {
      .struct_size = sizeof request,
      .method = "POST",
      .url = link->url,
      .headers = headers,
      .body = body,
      .timeout_ms = timeout_ms,
      .answer_max = SD_OTLP_ANSWER_MAX,
      .ca_file = link->ca_file,
      .certificate_file = link->certificate_file,
      .key_file = link->key_file,
      .version = link->version,
      .accept_gzip = link->accept_gzip,
      .on_header = on_header,
      .header_user = user,
  };
  return sd_http_client_perform(link->client, &request, ret_answer, error);
}

void sd_otlp_link_failure(const sd_error *error, sd_send_result *result)
{
  result->outcome = error->code == SD_CANCELLED ? SD_SEND_CANCELLED
                    : error->retriable          ? SD_SEND_AGAIN
                                                : SD_SEND_REFUSED;
  snprintf(result->text, sizeof result->text, "%s", error->message);
}
