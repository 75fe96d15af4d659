/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * When an OTLP request is sent again (opentelemetry-proto, docs/specification.md: "Retryable Response Codes",
 * "Failures"), and when.
 */
#ifndef SD_EXPORT_RETRY_H
#define SD_EXPORT_RETRY_H

#include "base/backoff.h"

#include <stdbool.h>

enum {
  SD_RETRY_BASE_MS = 500,
  SD_RETRY_CAP_MS = 5000,
  SD_RETRY_THROTTLE_MAX_MS = 5 * 60 * 1000 /* a peer's wish for silence is kept for at most this long */
};

/* The gRPC codes of google.rpc.Code that the sender tells apart. */
enum {
  SD_GRPC_OK = 0,
  SD_GRPC_CANCELLED = 1,
  SD_GRPC_UNKNOWN = 2,
  SD_GRPC_DEADLINE_EXCEEDED = 4,
  SD_GRPC_PERMISSION_DENIED = 7,
  SD_GRPC_RESOURCE_EXHAUSTED = 8,
  SD_GRPC_ABORTED = 10,
  SD_GRPC_OUT_OF_RANGE = 11,
  SD_GRPC_UNIMPLEMENTED = 12,
  SD_GRPC_INTERNAL = 13,
  SD_GRPC_UNAVAILABLE = 14,
  SD_GRPC_DATA_LOSS = 15,
  SD_GRPC_UNAUTHENTICATED = 16
};

bool sd_retry_http_status(int status);
/* has_delay: the details hold a RetryInfo. */
bool sd_retry_grpc_code(int code, bool has_delay);
/* "UNAVAILABLE" for 14; "code 99" is not among them: NULL. Static string. */
const char *sd_grpc_code_name(int code);
/* What a gRPC client takes an HTTP status without grpc-status for (grpc, http-grpc-status-mapping.md). */
int sd_grpc_code_of_http(int status);

/* One request's attempts. */
typedef struct sd_retry {
  sd_backoff backoff;
  uint64_t deadline_ns; /* CLOCK_MONOTONIC */
} sd_retry;

void sd_retry_init(sd_retry *retry, uint64_t now_ns, uint32_t timeout_ms, uint32_t base_ms, uint32_t cap_ms);
/* After a failure: *ret_at_ns is when to try again, at least min_ms from now. False when that is past the
 * deadline: the request is given up. */
bool sd_retry_next(sd_retry *retry, uint64_t now_ns, uint32_t min_ms, uint64_t *ret_at_ns);

#endif
