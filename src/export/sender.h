/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends one signal's requests on a thread of its own, which starts with the first request. What is handed
 * over waits in a queue that is bounded in bytes; what has no room is dropped, so that a dead receiver costs
 * nothing but that queue. Every request is tried until it is taken, refused or its time-out has passed
 * (export/retry.h).
 */
#ifndef SD_EXPORT_SENDER_H
#define SD_EXPORT_SENDER_H

#include "export/diagnostic.h"
#include "export/transport.h"

enum {
  SD_SENDER_SPLIT_DEPTH_MAX = 20, /* a request is halved at most so many times */
  SD_SENDER_STOP_GRACE_MS = 500   /* stop waits that much longer for a thread that was told to end */
};

typedef struct sd_sender_options {
  int signal; /* SD_SIGNAL_… */
  size_t queue_bytes;
  uint32_t timeout_ms;
  uint32_t backoff_base_ms; /* 0: SD_RETRY_BASE_MS */
  uint32_t backoff_cap_ms;  /* 0: SD_RETRY_CAP_MS */
  sd_transport transport;   /* becomes the sender's */
  sd_diagnostic *diagnostic;
} sd_sender_options;

typedef struct sd_sender sd_sender;

/* The diagnostic outlives the sender. On failure the transport stays the caller's. */
SD_MUST_CHECK sd_status sd_sender_new(const sd_sender_options *options, sd_sender **ret_sender);
/* After a successful sd_sender_stop, or when nothing was put. NULL is allowed. */
void sd_sender_free(sd_sender *sender);

/* Copies a request in protobuf with this many records, or drops it (counted). Never waits. One thread at a
 * time. */
void sd_sender_put(sd_sender *sender, sd_bytes request, size_t records);
/* Counts records that were dropped before there was a request. */
void sd_sender_drop(sd_sender *sender, sd_export_trouble trouble, size_t records, const char *text);

/* Waits until what was put before the call is dealt with. SD_TIMEOUT. Any thread. */
sd_status sd_sender_flush(sd_sender *sender, uint64_t deadline_ns);
/* Tells the thread to end without sending what waits. Does not wait: call it for all senders, then
 * sd_sender_stop. Any thread. */
void sd_sender_cancel(sd_sender *sender);
/* sd_sender_cancel, and waits for the thread until deadline_ns and a grace; counts what was not sent.
 * SD_TIMEOUT: the thread hangs in a library; the sender and its diagnostic are left to it and must not be
 * freed. */
SD_MUST_CHECK sd_status sd_sender_stop(sd_sender *sender, uint64_t deadline_ns);
/* In a child process: forgets the parent's requests (counted as dropped_fork); the thread starts anew. */
void sd_sender_after_fork(sd_sender *sender);

/* Adds up; metrics' points count in calls, retries and bytes only. Any thread. */
void sd_sender_add_stats(const sd_sender *sender, sd_telemetry_stats *stats);

#endif
