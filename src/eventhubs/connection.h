/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * One authorised connection to a hub: network stream, AMQP engine, sessions (control for $cbs and
 * $management, event sessions for the owner's links, as many as these need), token renewal, what the hub says
 * about itself, and a deadline on every step. It never reconnects: that is its owner's business. An event
 * session that the broker ends takes only its own links with it.
 *
 * Everything on the loop's thread. Life: new → on_ready → … → on_over, exactly once, after which the object
 * is gone. The owner's links end with their on_detach before on_over.
 */
#ifndef SD_EVENTHUBS_CONNECTION_H
#define SD_EVENTHUBS_CONNECTION_H

#include "amqp/engine.h"
#include "eventhubs/settings.h"

typedef struct sd_hub_connection sd_hub_connection;
typedef struct sd_hub_session sd_hub_session;

enum { SD_HUB_SETTLE_COUNT = 512 /* unsettled deliveries of a session that are settled together */ };

/* What the broker says about the hub. */
typedef struct sd_hub_info {
  char incarnation[64];                  /* created_at as text */
  const sd_source_partition *partitions; /* the ids at least; their state when it was asked for */
  uint32_t count;
} sd_hub_info;

/* The receiver of a link's callbacks; the link's user points to it. on_flow and on_delivery may be NULL. */
typedef struct sd_hub_link sd_hub_link;
struct sd_hub_link {
  void (*on_attach)(sd_hub_link *link, const sd_amqp_attach *remote);
  void (*on_detach)(sd_hub_link *link, const sd_error *error);
  void (*on_flow)(sd_hub_link *link);
  void (*on_delivery)(sd_hub_link *link, const sd_amqp_delivery *delivery);
  sd_amqp_link *amqp; /* NULL when there is none; set by sd_hub_connection_attach */
  sd_hub_connection *connection;
  sd_hub_session *session; /* while amqp is there */
};

typedef struct sd_hub_handler {
  /* Authorised, and the hub is known. info is good for the call. */
  void (*on_ready)(void *owner, const sd_hub_info *info);
  /* Everything of one read, or of a timer, was handled; the place to react to what link callbacks noted. */
  void (*on_turn)(void *owner);
  /* Timers of the owner; returns when it wants to be called next (UINT64_MAX: never). */
  uint64_t (*on_tick)(void *owner, uint64_t now_ms);
  /* A new token is in force (also the first). */
  void (*on_authorized)(void *owner);
  /* There is room for links that sd_hub_connection_attach answered SD_AGAIN. */
  void (*on_session)(void *owner);
  /* About deliveries of this session's links. May be NULL. */
  void (*on_disposition)(void *owner, const sd_hub_session *session, const sd_amqp_disposition *disposition);
  /* The end. error NULL: closed as the owner asked. denied: the broker refused our tokens twice. */
  void (*on_over)(void *owner, const sd_error *error, bool denied);
} sd_hub_handler;

/* Begins to connect. with_partitions: on_ready waits for the state of each partition too, otherwise info
 * has only their ids. settings, handler and owner are borrowed until on_over. */
SD_MUST_CHECK sd_status sd_hub_connection_new(const sd_hub_settings *settings, bool with_partitions,
                                              const sd_hub_handler *handler, void *owner,
                                              sd_hub_connection **ret_connection, sd_error *error);

/* Orderly: waits until the links have ended (the owner detaches its own first), ends sessions and connection.
 * Cut short after the stop time-out. */
void sd_hub_connection_close(sd_hub_connection *connection);
/* Closes without an order: nothing is said to the broker, and on_over follows from the loop. Also while an
 * orderly close is under way. */
void sd_hub_connection_abort(sd_hub_connection *connection);
/* Breaks the connection off; on_over follows with this error. */
void sd_hub_connection_fail(sd_hub_connection *connection, const sd_error *error);

/* Attaches a link in an event session (control for the room's own). link's callbacks are set already.
 * SD_AGAIN: the sessions are full and one more is being begun, on_session tells when it is there. SD_LIMIT:
 * the broker allows no more sessions. */
SD_MUST_CHECK sd_status sd_hub_connection_attach(sd_hub_connection *connection, bool control,
                                                 const sd_amqp_attach *attach, sd_hub_link *link);
/* Does nothing without a link. on_detach follows. */
void sd_hub_link_detach(sd_hub_link *link);

/* A delivery has come unsettled: it is settled before long, with others of its session. */
void sd_hub_link_note_unsettled(sd_hub_link *link, uint32_t delivery_id);
/* Settles now what waits. */
void sd_hub_connection_settle(sd_hub_connection *connection);
/* Transfer frames that the event sessions together may have under way, at first none. To be called anew in
 * each turn, because the sessions' links and what they use of it change. */
void sd_hub_connection_set_window(sd_hub_connection *connection, uint32_t frames);
/* Bytes of deliveries of which not all frames have come. */
size_t sd_hub_connection_unfinished(const sd_hub_connection *connection);

const sd_hub_settings *sd_hub_connection_settings(const sd_hub_connection *connection);
/* Ready, and neither closing nor failed. */
bool sd_hub_connection_usable(const sd_hub_connection *connection);

/* Sends what the engine has to say; after calls into the engine from outside its callbacks. */
void sd_hub_connection_flush(sd_hub_connection *connection);
/* Makes sure that on_tick is called at `at_ms` (monotonic clock) or before. */
void sd_hub_connection_wake_at(sd_hub_connection *connection, uint64_t at_ms);
/* Puts a fresh token at once; on_authorized answers, or the connection ends. */
void sd_hub_connection_reauthorize(sd_hub_connection *connection);

/* Asks for the hub's and, when with_partitions, its partitions' state. One at a time: SD_STATE. The answer
 * comes unless the connection ends before. */
typedef void sd_hub_info_fn(void *owner, const sd_hub_info *info, const sd_error *error);
SD_MUST_CHECK sd_status sd_hub_connection_inquire(sd_hub_connection *connection, bool with_partitions,
                                                  sd_hub_info_fn *answer);

#endif
