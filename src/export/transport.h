/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * How requests of one signal reach their receiver: the protocol below the sender, which owns queue, retries
 * and deadlines. One thread at a time, but for cancel_at.
 */
#ifndef SD_EXPORT_TRANSPORT_H
#define SD_EXPORT_TRANSPORT_H

#include "base/buf.h"

#include <streamduck/export.h>

typedef enum sd_send_outcome {
  SD_SEND_TAKEN = 0,     /* success, but for `rejected` records */
  SD_SEND_AGAIN = 1,     /* the same request may succeed later */
  SD_SEND_SPLIT = 2,     /* too large: parts of it may succeed */
  SD_SEND_REFUSED = 3,   /* never */
  SD_SEND_CANCELLED = 4, /* by cancel_at */
} sd_send_outcome;

enum { SD_SEND_TEXT_MAX = 768 };

typedef struct sd_send_result {
  sd_send_outcome outcome;
  bool answered;                  /* the peer had the request */
  uint64_t rejected;              /* taken: records that the peer left out */
  uint32_t delay_ms;              /* again: the peer wants at least this long a silence; 0: it did not say */
  unsigned split_depth;           /* split: how many times a request may be halved for this reason */
  char text[SD_SEND_TEXT_MAX];    /* why; with `taken` a message of the peer, "" when there is none */
  char warning[SD_SEND_TEXT_MAX]; /* for the user, whatever the outcome; "": none */
} sd_send_result;

typedef struct sd_transport_vtable {
  /* Appends the body to send for a request in protobuf: as JSON, compressed, with gRPC's frame. */
  sd_status (*encode)(void *self, sd_bytes request, sd_buf *out);
  /* One attempt; waits at most timeout_ms. */
  void (*send)(void *self, sd_bytes body, uint32_t timeout_ms, sd_send_result *ret_result);
  /* An attempt under way and all later ones are cancelled at deadline_ns (CLOCK_MONOTONIC, 0: at once). Any
   * thread. */
  void (*cancel_at)(void *self, uint64_t deadline_ns);
  /* In a child process: lets go of inherited connections. */
  void (*after_fork)(void *self);
  void (*free)(void *self);
} sd_transport_vtable;

typedef struct sd_transport {
  const sd_transport_vtable *vtable;
  void *self;
} sd_transport;

#endif
