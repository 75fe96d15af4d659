/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to the connection's files: connection.c (network, steps, timers), connection_engine.c, session.c.
 */
#ifndef SD_EVENTHUBS_CONNECTION_INTERNAL_H
#define SD_EVENTHUBS_CONNECTION_INTERNAL_H

#include "eventhubs/authorization.h"
#include "eventhubs/inquiry.h"
#include "eventhubs/session.h"

typedef enum sd_hub_phase {
  SD_HUB_PHASE_CONNECTING, /* net has its own deadline */
  SD_HUB_PHASE_OPENING,    /* SASL and open */
  SD_HUB_PHASE_BEGINNING,  /* control and the first event session */
  SD_HUB_PHASE_AUTHORIZING,
  SD_HUB_PHASE_INQUIRING,
  SD_HUB_PHASE_READY
} sd_hub_phase;

struct sd_hub_connection {
  const sd_hub_settings *settings;
  const sd_hub_handler *handler;
  void *owner;
  uv_timer_t timer;
  uint64_t armed_ms;          /* when the timer fires */
  sd_net_stream *stream;      /* NULL when it has closed */
  sd_amqp_connection *engine; /* NULL until connected */
  sd_hub_session *control;
  sd_hub_session *events; /* the list of them */
  uint64_t turn_due_ms;   /* when the next session comes first, while the window is not enough for all */
  sd_hub_phase phase;
  uint64_t deadline_ms; /* of the phase, or of closing */
  sd_hub_rpc cbs;
  sd_hub_rpc management;
  sd_hub_authorization authorization;
  sd_hub_inquiry inquiry;
  uint32_t links; /* of all sessions */
  bool with_partitions;
  bool closing;
  bool close_sent;
  bool stream_closing;
  bool in_timer;
  bool in_engine; /* inside a call that handles input or time: output is flushed after it */
  bool failed;
  bool denied;
  sd_error error; /* the first one, when failed */
};

/* The next step, with its deadline. */
void sd_hub_connection_enter(sd_hub_connection *connection, sd_hub_phase next);
/* Keeps the first error; NULL is ignored. */
void sd_hub_connection_remember(sd_hub_connection *connection, const sd_error *error);
/* sd_hub_connection_fail with the broker's address in front of `what`. */
void sd_hub_connection_fail_with(sd_hub_connection *connection, sd_status status, const char *what);
/* The network is connected: makes connection->engine. */
SD_MUST_CHECK sd_status sd_hub_connection_make_engine(sd_hub_connection *connection);

#endif
