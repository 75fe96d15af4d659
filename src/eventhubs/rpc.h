/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Request and response over a pair of links to a node ($cbs, $management): eventhubs.md §2 and §3. The links
 * are attached at the first call and again when the broker has detached them meanwhile.
 */
#ifndef SD_EVENTHUBS_RPC_H
#define SD_EVENTHUBS_RPC_H

#include "amqp/message.h"
#include "eventhubs/connection.h"

enum {
  SD_HUB_CALLS_MAX = 16,             /* under way at once per node */
  SD_HUB_CALL_BYTES_MAX = 32 * 1024, /* an encoded request */
  SD_HUB_CALL_PAIRS_MAX = 6          /* application properties of a request */
};

/* Views are good for the callback. */
typedef struct sd_hub_reply {
  int64_t status; /* HTTP-like status code */
  sd_bytes description;
  sd_bytes condition; /* the broker's error-condition, empty when it gave none */
  sd_amqp_value body; /* of an amqp-value section, else SD_AMQP_NULL */
} sd_hub_reply;

/* Exactly one of the two is given. An error is a time-out, lost links, or a malformed reply; a bad status is
 * a reply. */
typedef void sd_hub_reply_fn(void *user, const sd_hub_reply *reply, const sd_error *error);

typedef struct sd_hub_call {
  sd_hub_reply_fn *answer; /* NULL: the slot is free */
  void *user;
  uint64_t id;
  uint64_t deadline_ms;
  bool sent;
  sd_buf message;
} sd_hub_call;

typedef struct sd_hub_rpc {
  sd_hub_connection *connection;
  const char *node;
  sd_hub_link sender;
  sd_hub_link receiver;
  bool sender_open;
  bool receiver_open;
  bool broken; /* the pair is being taken down */
  char reply_to[64];
  uint64_t next_id;
  sd_hub_call calls[SD_HUB_CALLS_MAX];
} sd_hub_rpc;

/* node is a static string. */
void sd_hub_rpc_init(sd_hub_rpc *rpc, sd_hub_connection *connection, const char *node);
/* Calls nobody back. */
void sd_hub_rpc_release(sd_hub_rpc *rpc);

typedef struct sd_hub_pair {
  const char *key;
  sd_bytes value; /* sent as a string */
} sd_hub_pair;

/* SD_AGAIN when SD_HUB_CALLS_MAX are under way. body is sent as an amqp-value string, or as a data section.
 */
SD_MUST_CHECK sd_status sd_hub_rpc_call(sd_hub_rpc *rpc, const sd_hub_pair *pairs, size_t pair_count,
                                        sd_bytes body, bool body_is_value, sd_hub_reply_fn *answer,
                                        void *user);

/* Deadlines: returns the next one. */
uint64_t sd_hub_rpc_tick(sd_hub_rpc *rpc, uint64_t now_ms);

/* Detaches the pair; calls under way are forgotten. */
void sd_hub_rpc_close(sd_hub_rpc *rpc);

/* Makes an error of a reply whose status is no success; false when it is one. */
bool sd_hub_reply_error(const sd_hub_reply *reply, const char *what, sd_error *error);

#endif
