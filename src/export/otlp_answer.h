/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver answers to an OTLP request: Export*ServiceResponse with its partial success, and
 * google.rpc.Status with its RetryInfo, in protobuf and JSON. The bytes come from strangers: anything may
 * stand in them.
 */
#ifndef SD_EXPORT_OTLP_ANSWER_H
#define SD_EXPORT_OTLP_ANSWER_H

#include "base/bytes.h"

#include <streamduck/error.h>

enum {
  SD_OTLP_MESSAGE_MAX = 512,
  SD_OTLP_RETRY_DELAY_MAX_S = 24 * 60 * 60 /* a longer one is cut to this */
};

typedef struct sd_otlp_answer {
  bool partial;     /* there is a partial_success with a number or a message */
  int64_t rejected; /* records that the peer did not take; 0 with a message is a warning; never negative */
  int32_t code;     /* of google.rpc.Status: a gRPC code; 0: none */
  bool has_retry_delay;              /* RetryInfo is among the details */
  uint64_t retry_delay_ns;           /* of it; 0: at once */
  char message[SD_OTLP_MESSAGE_MAX]; /* one line of UTF-8, "" when there is none; control characters are
                                        blanks */
} sd_otlp_answer;

/* The body of an answer of success. An empty body is a full success. SD_PROTOCOL when it is none. */
SD_MUST_CHECK sd_status sd_otlp_answer_response(bool json, sd_bytes body, sd_otlp_answer *ret_answer);

/* The body of an error: a google.rpc.Status. SD_PROTOCOL when it is none (an HTML page of a proxy …). */
SD_MUST_CHECK sd_status sd_otlp_answer_status(bool json, sd_bytes body, sd_otlp_answer *ret_answer);

/* The value of the trailer grpc-status-details-bin: base64, with or without padding, of a google.rpc.Status.
 */
SD_MUST_CHECK sd_status sd_otlp_answer_details(sd_bytes base64, sd_otlp_answer *ret_answer);

#endif
