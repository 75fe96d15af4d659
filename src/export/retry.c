/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Retry rules of OTLP. */
#include "export/retry.h"

#include <stddef.h>

#define NS_PER_MS UINT64_C(1000000)

bool sd_retry_http_status(int status)
{
  return status == 429 || status == 502 || status == 503 || status == 504;
}

bool sd_retry_grpc_code(int code, bool has_delay)
{
  switch (code) {
  case SD_GRPC_CANCELLED:
  case SD_GRPC_DEADLINE_EXCEEDED:
  case SD_GRPC_ABORTED:
  case SD_GRPC_OUT_OF_RANGE:
  case SD_GRPC_UNAVAILABLE:
  case SD_GRPC_DATA_LOSS:
    return true;
  case SD_GRPC_RESOURCE_EXHAUSTED:
    return has_delay;
  default:
    return false;
  }
}

const char *sd_grpc_code_name(int code)
{
  static const char *const names[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return code >= 0 && (size_t)code < sizeof names / sizeof *names ? names[code] : NULL;
}

int sd_grpc_code_of_http(int status)
{
  switch (status) {
  case 400:
    return SD_GRPC_INTERNAL;
  case 401:
    return SD_GRPC_UNAUTHENTICATED;
  case 403:
    return SD_GRPC_PERMISSION_DENIED;
  case 404:
    return SD_GRPC_UNIMPLEMENTED;
  case 429:
  case 502:
  case 503:
  case 504:
    return SD_GRPC_UNAVAILABLE;
  default:
    return SD_GRPC_UNKNOWN;
  }
}

void sd_retry_init(sd_retry *retry, uint64_t now_ns, uint32_t timeout_ms, uint32_t base_ms, uint32_t cap_ms)
{
  sd_backoff_init(&retry->backoff, base_ms, cap_ms);
  retry->deadline_ns = now_ns + timeout_ms * NS_PER_MS;
}

bool sd_retry_next(sd_retry *retry, uint64_t now_ns, uint32_t min_ms, uint64_t *ret_at_ns)
{
  uint64_t at = now_ns + sd_backoff_next_ms(&retry->backoff, min_ms) * NS_PER_MS;
  if (at >= retry->deadline_ns)
    return false;
  *ret_at_ns = at;
  return true;
}
