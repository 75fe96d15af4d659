/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/gRPC over libcurl's HTTP/2: one unary call per request (grpc, doc/PROTOCOL-HTTP2.md). The result
 * stands in the trailers, or in the headers of an answer that has no body ("Trailers-Only").
 */
#include "export/gzip.h"
#include "export/otlp_answer.h"
#include "export/otlp_link.h"
#include "export/retry.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdio.h>

enum {
  FRAME_SIZE = 5, /* one byte: compressed or not; four: the message's length, big-endian */
  MESSAGE_MAX = 512,
  DETAILS_MAX = 8192, /* bytes of grpc-status-details-bin that are read */
  SPLIT_DEPTH = 1,    /* a peer that cannot take half of it is short of something else than size */
  GRPC_TIMEOUT_MAX_MS = 99999999, /* 8 digits */
  DELAY_MAX_MS = 24 * 60 * 60 * 1000
};

#define NS_PER_MS UINT64_C(1000000)

typedef struct otlp_grpc {
  sd_otlp_link *link;
  bool gzip;
} otlp_grpc;

typedef struct grpc_result {
  int64_t code; /* -1: none came */
  char message[MESSAGE_MAX];
  sd_buf details;
  sd_send_result *result;
} grpc_result;

static int hex_digit(uint8_t c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* grpc-message is percent-encoded; what is malformed stays as it is, as the specification demands. */
static void decode_message(sd_bytes text, char *dst, size_t size)
{
  size_t n = 0;
  for (size_t i = 0; i < text.len && n + 1 < size; i++) {
    int high = text.data[i] == '%' && i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
    if (low >= 0) {
      dst[n++] = (char)(high << 4 | low);
      i += 2;
    } else {
      dst[n++] = (char)text.data[i];
    }
  }
  n = sd_utf8_cut(dst, n, n);
  for (size_t i = 0; i < n; i++) {
    if (!dst[i])
      dst[i] = ' ';
  }
  dst[n] = '\0';
  sd_utf8_repair(dst, n);
}

static void on_header(void *user, sd_bytes name, sd_bytes value)
{
  grpc_result *grpc = user;
  if (sd_bytes_equal_nocase(name, sd_bytes_of("grpc-status"))) {
    if (!sd_bytes_to_int64(value, &grpc->code) || grpc->code < 0 || grpc->code > INT32_MAX)
      grpc->code = SD_GRPC_UNKNOWN;
  } else if (sd_bytes_equal_nocase(name, sd_bytes_of("grpc-message"))) {
    decode_message(value, grpc->message, sizeof grpc->message);
  } else if (sd_bytes_equal_nocase(name, sd_bytes_of("grpc-status-details-bin"))) {
    sd_buf_clear(&grpc->details);
    sd_buf_append_bytes(&grpc->details, value);
  } else if (sd_bytes_equal_nocase(name, sd_bytes_of("x-logfire-warning"))) {
    snprintf(grpc->result->warning, sizeof grpc->result->warning, "Logfire: %.*s", (int)value.len,
             (const char *)value.data);
  }
}

static sd_status encode(void *self, sd_bytes request, sd_buf *out)
{
  otlp_grpc *grpc = self;
  uint8_t *frame;
  size_t at = out->len;
  sd_status status = sd_buf_reserve(out, FRAME_SIZE, &frame);
  if (status != SD_OK)
    return status;
  memset(frame, 0, FRAME_SIZE);
  sd_buf_commit(out, FRAME_SIZE);
  status = grpc->gzip ? sd_gzip(request, out) : sd_buf_append_bytes(out, request);
  size_t len = out->len - at - FRAME_SIZE;
  if (status == SD_OK && len > UINT32_MAX)
    status = SD_LIMIT;
  if (status != SD_OK) {
    sd_buf_truncate(out, at);
    return status;
  }
  frame = out->data + at;
  frame[0] = grpc->gzip ? 1 : 0;
  for (unsigned i = 0; i < 4; i++)
    frame[1 + i] = (uint8_t)(len >> (8 * (3 - i)));
  return SD_OK;
}

static void on_success(const otlp_grpc *grpc, sd_bytes body, sd_send_result *result)
{
  sd_otlp_answer answer;
  result->outcome = SD_SEND_TAKEN;
  if (!body.len)
    return;
  bool framed = body.len >= FRAME_SIZE && body.data[0] == 0;
  size_t len = 0;
  for (unsigned i = 1; framed && i < FRAME_SIZE; i++)
    len = len << 8 | body.data[i];
  if (!framed || len != body.len - FRAME_SIZE ||
      sd_otlp_answer_response(false, sd_bytes_make(body.data + FRAME_SIZE, len), &answer) != SD_OK) {
    snprintf(result->text, sizeof result->text, "%s: the answer to a successful export cannot be read",
             sd_otlp_link_url(grpc->link));
    return;
  }
  if (!answer.partial)
    return;
  result->rejected = (uint64_t)answer.rejected;
  snprintf(result->text, sizeof result->text, "%s: %s", sd_otlp_link_url(grpc->link),
           answer.message[0] ? answer.message : "the receiver gives no reason");
}

static void on_error(const otlp_grpc *grpc, const sd_http_answer *answer, grpc_result *got,
                     sd_send_result *result)
{
  sd_otlp_answer details;
  char reason[64];
  bool has_details =
      got->details.len && sd_otlp_answer_details(sd_buf_bytes(&got->details), &details) == SD_OK;
  bool has_delay = has_details && details.has_retry_delay;
  int code = got->code >= 0 ? (int)got->code : sd_grpc_code_of_http(answer->status);
  const char *name = sd_grpc_code_name(code);
  if (sd_retry_grpc_code(code, has_delay))
    result->outcome = SD_SEND_AGAIN;
  else if (code == SD_GRPC_RESOURCE_EXHAUSTED)
    result->outcome = SD_SEND_SPLIT;
  else
    result->outcome = SD_SEND_REFUSED;
  result->split_depth = SPLIT_DEPTH;
  /* A proxy that answers in the collector's place has only Retry-After. */
  uint64_t ms = has_delay ? details.retry_delay_ns / NS_PER_MS : answer->retry_after_s * UINT64_C(1000);
  result->delay_ms = ms < DELAY_MAX_MS ? (uint32_t)ms : DELAY_MAX_MS;
  if (got->code < 0)
    snprintf(reason, sizeof reason, "HTTP %d without grpc-status", answer->status);
  else
    snprintf(reason, sizeof reason, "%s (%d)", name ? name : "code", code);
  const char *message = got->message[0] || !has_details ? got->message : details.message;
  snprintf(result->text, sizeof result->text, "%s answered %s%s%s", sd_otlp_link_url(grpc->link), reason,
           message[0] ? ": " : "", message);
}

static void send_body(void *self, sd_bytes body, uint32_t timeout_ms, sd_send_result *result)
{
  otlp_grpc *grpc = self;
  grpc_result got = {.code = -1, .result = result};
  sd_http_answer answer;
  sd_error error;
  char timeout[40];
  sd_buf_init(&got.details, DETAILS_MAX);
  snprintf(timeout, sizeof timeout, "grpc-timeout: %" PRIu32 "m",
           timeout_ms < GRPC_TIMEOUT_MAX_MS ? timeout_ms : GRPC_TIMEOUT_MAX_MS);
  sd_status status =
      sd_otlp_link_post(grpc->link, body, timeout, timeout_ms, on_header, &got, &answer, &error);
  if (status != SD_OK) {
    sd_otlp_link_failure(&error, result);
  } else {
    result->answered = true;
    if (answer.status == 200 && got.code == SD_GRPC_OK)
      on_success(grpc, sd_buf_bytes(&answer.body), result);
    else
      on_error(grpc, &answer, &got, result);
    sd_buf_release(&answer.body);
  }
  sd_buf_release(&got.details);
}

static void cancel_at(void *self, uint64_t deadline_ns)
{
  otlp_grpc *grpc = self;
  sd_otlp_link_cancel_at(grpc->link, deadline_ns);
}

static void after_fork(void *self)
{
  otlp_grpc *grpc = self;
  sd_otlp_link_after_fork(grpc->link);
}

static void grpc_free(void *self)
{
  otlp_grpc *grpc = self;
  sd_otlp_link_free(grpc->link);
  sd_free(grpc);
}

sd_status sd_otlp_grpc_new(const sd_otlp_options *options, int signal, const char *url,
                           sd_transport *ret_transport)
{
  static const sd_transport_vtable vtable = {
      .encode = encode,
      .send = send_body,
      .cancel_at = cancel_at,
      .after_fork = after_fork,
      .free = grpc_free,
  };
  const char *const own[] = {"Accept:",
                             "content-type: application/grpc",
                             "te: trailers",
                             "grpc-accept-encoding: identity",
                             options->gzip ? "grpc-encoding: gzip" : NULL,
                             NULL};
  (void)signal; /* the URL says it */
  otlp_grpc *grpc = sd_calloc(1, sizeof *grpc);
  if (!grpc)
    return SD_NOMEM;
  grpc->gzip = options->gzip;
  if (sd_otlp_link_new(options, url, own, SD_HTTP_VERSION_2, &grpc->link) != SD_OK) {
    sd_free(grpc);
    return SD_NOMEM;
  }
  *ret_transport = (sd_transport){.vtable = &vtable, .self = grpc};
  return SD_OK;
}
