/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* OTLP/HTTP, protobuf and JSON (opentelemetry-proto, docs/specification.md, "OTLP/HTTP"). */
#include "export/gzip.h"
#include "export/otlp_answer.h"
#include "export/otlp_json.h"
#include "export/otlp_link.h"
#include "export/retry.h"
#include "export/sender.h"

#include "base/alloc.h"

#include <stdio.h>

enum {
  CONTENT_TYPE_MAX = 128,
  BODY_SHOWN_MAX = 200, /* bytes of a body that is no google.rpc.Status */
  DELAY_MAX_S = 24 * 60 * 60
};

typedef struct otlp_http {
  sd_otlp_link *link;
  int signal;
  bool json;
  bool gzip;
} otlp_http;

/* What is of use in the headers of an answer. */
typedef struct answer_headers {
  char content_type[CONTENT_TYPE_MAX];
  sd_send_result *result;
} answer_headers;

static void on_header(void *user, sd_bytes name, sd_bytes value)
{
  answer_headers *headers = user;
  if (sd_bytes_equal_nocase(name, sd_bytes_of("content-type")))
    sd_bytes_to_text(value, headers->content_type, sizeof headers->content_type);
  else if (sd_bytes_equal_nocase(name, sd_bytes_of("x-logfire-warning")))
    snprintf(headers->result->warning, sizeof headers->result->warning, "Logfire: %.*s", (int)value.len,
             (const char *)value.data);
}

static sd_status encode(void *self, sd_bytes request, sd_buf *out)
{
  otlp_http *http = self;
  sd_buf json;
  sd_status status = SD_OK;
  if (!http->json)
    return http->gzip ? sd_gzip(request, out) : sd_buf_append_bytes(out, request);
  sd_buf_init(&json, SD_OTLP_REQUEST_MAX);
  status = sd_otlp_to_json(http->signal, request, &json);
  if (status == SD_OK)
    status = http->gzip ? sd_gzip(sd_buf_bytes(&json), out) : sd_buf_append_bytes(out, sd_buf_bytes(&json));
  sd_buf_release(&json);
  return status;
}

typedef enum body_kind { BODY_OTHER = 0, BODY_PROTOBUF = 1, BODY_JSON = 2, BODY_TEXT = 3 } body_kind;

static body_kind kind_of(const char *content_type)
{
  sd_bytes type = sd_bytes_make(content_type, strcspn(content_type, "; "));
  if (sd_bytes_equal_nocase(type, sd_bytes_of("application/x-protobuf")))
    return BODY_PROTOBUF;
  if (sd_bytes_equal_nocase(type, sd_bytes_of("application/json")))
    return BODY_JSON;
  return sd_bytes_equal_nocase(type, sd_bytes_of("text/plain")) ? BODY_TEXT : BODY_OTHER;
}

static void on_success(const otlp_http *http, body_kind kind, sd_bytes body, sd_send_result *result)
{
  sd_otlp_answer answer;
  result->outcome = SD_SEND_TAKEN;
  /* Some receivers answer "OK" in a type of their own. */
  if (!body.len || (kind != BODY_PROTOBUF && kind != BODY_JSON))
    return;
  if (sd_otlp_answer_response(kind == BODY_JSON, body, &answer) != SD_OK) {
    snprintf(result->text, sizeof result->text, "%s: the answer to a successful export cannot be read",
             sd_otlp_link_url(http->link));
    return;
  }
  if (!answer.partial)
    return;
  result->rejected = (uint64_t)answer.rejected;
  snprintf(result->text, sizeof result->text, "%s: %s", sd_otlp_link_url(http->link),
           answer.message[0] ? answer.message : "the receiver gives no reason");
}

static void on_error(const otlp_http *http, int status, body_kind kind, sd_bytes body, sd_send_result *result)
{
  sd_otlp_answer answer;
  char detail[SD_OTLP_MESSAGE_MAX] = "";
  if (sd_retry_http_status(status))
    result->outcome = SD_SEND_AGAIN;
  else if (status == 413)
    result->outcome = SD_SEND_SPLIT;
  else
    result->outcome = SD_SEND_REFUSED;
  result->split_depth = SD_SENDER_SPLIT_DEPTH_MAX;
  if ((kind == BODY_PROTOBUF || kind == BODY_JSON) &&
      sd_otlp_answer_status(kind == BODY_JSON, body, &answer) == SD_OK && answer.message[0]) {
    snprintf(detail, sizeof detail, "%s", answer.message);
  } else if (body.len && (kind == BODY_JSON || kind == BODY_TEXT)) {
    size_t len = sd_utf8_cut(body.data, body.len, BODY_SHOWN_MAX);
    sd_bytes_to_text(sd_bytes_make(body.data, len), detail, sizeof detail);
    sd_utf8_repair(detail, strlen(detail));
  } else if (status >= 300 && status < 400) {
    snprintf(detail, sizeof detail, "redirects are not followed; set the endpoint to the final address");
  }
  snprintf(result->text, sizeof result->text, "%s answered %d%s%s", sd_otlp_link_url(http->link), status,
           detail[0] ? ": " : "", detail);
}

static void send_body(void *self, sd_bytes body, uint32_t timeout_ms, sd_send_result *result)
{
  otlp_http *http = self;
  answer_headers headers = {.result = result};
  sd_http_answer answer;
  sd_error error;
  sd_status status =
      sd_otlp_link_post(http->link, body, NULL, timeout_ms, on_header, &headers, &answer, &error);
  if (status != SD_OK) {
    sd_otlp_link_failure(&error, result);
    return;
  }
  result->answered = true;
  body_kind kind = kind_of(headers.content_type);
  if (answer.status >= 200 && answer.status < 300) {
    on_success(http, kind, sd_buf_bytes(&answer.body), result);
  } else {
    on_error(http, answer.status, kind, sd_buf_bytes(&answer.body), result);
    uint32_t delay_s = answer.retry_after_s < DELAY_MAX_S ? answer.retry_after_s : DELAY_MAX_S;
    result->delay_ms = delay_s * 1000;
  }
  sd_buf_release(&answer.body);
}

static void cancel_at(void *self, uint64_t deadline_ns)
{
  otlp_http *http = self;
  sd_otlp_link_cancel_at(http->link, deadline_ns);
}

static void after_fork(void *self)
{
  otlp_http *http = self;
  sd_otlp_link_after_fork(http->link);
}

static void http_free(void *self)
{
  otlp_http *http = self;
  sd_otlp_link_free(http->link);
  sd_free(http);
}

sd_status sd_otlp_http_new(const sd_otlp_options *options, int signal, const char *url,
                           sd_transport *ret_transport)
{
  static const sd_transport_vtable vtable = {
      .encode = encode,
      .send = send_body,
      .cancel_at = cancel_at,
      .after_fork = after_fork,
      .free = http_free,
  };
  bool json = options->protocol == SD_OTLP_HTTP_JSON;
  const char *const own[] = {json ? "Content-Type: application/json" : "Content-Type: application/x-protobuf",
                             options->gzip ? "Content-Encoding: gzip" : NULL, NULL};
  otlp_http *http = sd_calloc(1, sizeof *http);
  if (!http)
    return SD_NOMEM;
  http->signal = signal;
  http->json = json;
  http->gzip = options->gzip;
  if (sd_otlp_link_new(options, url, own, SD_HTTP_VERSION_1_1, &http->link) != SD_OK) {
    sd_free(http);
    return SD_NOMEM;
  }
  *ret_transport = (sd_transport){.vtable = &vtable, .self = http};
  return SD_OK;
}
