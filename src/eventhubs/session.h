/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's sessions: control for $cbs and $management, and for the owner's links as many as they need,
 * because a broker takes only so many links on one (Azure: 256). Delivery-ids, and so settling, and the
 * incoming window are a session's own. Private to the connection's files.
 */
#ifndef SD_EVENTHUBS_SESSION_H
#define SD_EVENTHUBS_SESSION_H

#include "eventhubs/connection.h"

enum { SD_HUB_SESSION_LINKS_MAX = 200 /* also where the peer would take more */ };

struct sd_hub_session {
  sd_hub_session *next; /* of the connection's event sessions */
  sd_hub_connection *connection;
  sd_amqp_session *amqp;
  uint64_t deadline_ms; /* of the peer's begin; UINT64_MAX: it has come */
  uint32_t links;
  uint32_t share;     /* of the connection's window */
  uint32_t window;    /* incoming, as it was last set */
  uint64_t used_ms;   /* when it was last seen to shrink by use, or grew */
  uint32_t unsettled; /* deliveries first..last wait to be settled */
  uint32_t unsettled_first;
  uint32_t unsettled_last;
  uint64_t settle_due_ms;
};

/* Begins one; sd_hub_session_ended frees it. */
SD_MUST_CHECK sd_status sd_hub_session_begin(sd_hub_connection *connection, sd_hub_session **ret_session);
/* An event session that takes one more link. SD_AGAIN: one is being begun. */
SD_MUST_CHECK sd_status sd_hub_session_with_room(sd_hub_connection *connection, sd_hub_session **ret_session);
bool sd_hub_session_has_begun(const sd_hub_session *session);
/* Takes it out of its connection and frees it; its links have ended before. */
void sd_hub_session_ended(sd_hub_session *session);

/* Settles on each session what waits, if that is `least` deliveries or more. */
void sd_hub_sessions_settle(sd_hub_connection *connection, uint32_t least);
/* Settles what is due, and fails the connection when a begin was not answered in time. Returns when to be
 * called next. */
uint64_t sd_hub_sessions_tick(sd_hub_connection *connection, uint64_t now_ms);

#endif
