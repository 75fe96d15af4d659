/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection's token: put-token on $cbs, renewal after three quarters of its life on the same connection,
 * a failed renewal tried again until the old token dies (eventhubs.md §2).
 */
#ifndef SD_EVENTHUBS_AUTHORIZATION_H
#define SD_EVENTHUBS_AUTHORIZATION_H

#include "eventhubs/rpc.h"

/* error NULL: a token is in force. Otherwise none is or will be; denied: the broker refused two in a row, or
 * a ready token has expired. */
typedef void sd_hub_authorized_fn(void *owner, const sd_error *error, bool denied);

typedef struct sd_hub_authorization {
  const sd_hub_settings *settings;
  sd_hub_rpc *rpc;
  sd_hub_connection *connection;
  sd_hub_authorized_fn *answer;
  void *owner;
  sd_buf token;
  uint64_t lifetime_ms;   /* of the token under way */
  uint64_t put_at_ms;     /* when it was put */
  uint64_t expires_at_ms; /* of the token in force; 0: none yet */
  uint64_t next_at_ms;    /* renewal or its repetition */
  uint32_t failures;      /* of renewals in a row */
  bool in_flight;
  bool denied_once;
} sd_hub_authorization;

void sd_hub_authorization_init(sd_hub_authorization *auth, sd_hub_connection *connection, sd_hub_rpc *rpc,
                               sd_hub_authorized_fn *answer, void *owner);
void sd_hub_authorization_release(sd_hub_authorization *auth);

/* Puts a fresh token; answer tells. Nothing when one is under way. */
void sd_hub_authorization_put(sd_hub_authorization *auth);
/* Renewal: returns the time of the next call. */
uint64_t sd_hub_authorization_tick(sd_hub_authorization *auth, uint64_t now_ms);

#endif
