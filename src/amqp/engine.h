/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The AMQP 1.0 engine: one object is one side of one connection, client or server, without any I/O.
 *
 * Bytes from the peer go in through sd_amqp_input_space/_commit (or sd_amqp_receive), bytes for the peer come
 * out of sd_amqp_output/_consume, time comes in as a millisecond clock of the caller's choice (monotonic).
 * What happens is told through sd_amqp_handler. Nothing is ever called from another thread; one thread at a
 * time per connection.
 *
 * Callbacks may call everything here except sd_amqp_connection_free, the input functions and sd_amqp_tick of
 * the same connection. Views given to a callback are good until it returns.
 *
 * Life cycle: each session and link that a callback or a `ret_` parameter showed ends with exactly one on_end
 * or on_detach, also when the connection breaks (links first, then sessions, then one on_close). After that
 * callback its pointer is invalid. sd_amqp_connection_free calls no callbacks.
 *
 * A call that finds the connection broken (memory, SD_AMQP_OUTPUT_HARD_MAX), or closes one that was not open
 * yet, does not call back itself: on_close follows from the next input, sd_amqp_tick (which is then due at
 * once) or sd_amqp_output_consume outside of a callback. sd_amqp_connection_lost calls back at once.
 *
 * The engine does by itself: protocol headers, SASL, open with all fields, heartbeats at half the peer's idle
 * time-out, detection of the peer's silence (twice our own idle time-out), begin replies, detach and end
 * replies, session window accounting, splitting of transfers by the peer's max-frame-size and joining of
 * multi-frame deliveries, aborted deliveries (dropped), flow replies to `echo`, settling what a receiver in
 * mode second has given an outcome.
 */
#ifndef SD_AMQP_ENGINE_H
#define SD_AMQP_ENGINE_H

#include "amqp/performative.h"

typedef struct sd_amqp_connection sd_amqp_connection;
typedef struct sd_amqp_session sd_amqp_session;
typedef struct sd_amqp_link sd_amqp_link;
typedef struct sd_amqp_delivery sd_amqp_delivery;

enum {
  SD_AMQP_SESSIONS_MAX = 1024,     /* per connection */
  SD_AMQP_LINKS_MAX = 4096,        /* per connection */
  SD_AMQP_OPEN_TIMEOUT_MS = 30000, /* header to the peer's open */
  SD_AMQP_CLOSE_TIMEOUT_MS = 5000, /* our close to the peer's */
  SD_AMQP_FRAME_SIZE_MIN = 512,
  SD_AMQP_FRAME_SIZE_DEFAULT = 262144,
  SD_AMQP_OUTPUT_SOFT_MAX = 1024 * 1024,    /* sd_amqp_send answers SD_AGAIN above this much unsent output */
  SD_AMQP_OUTPUT_HARD_MAX = 8 * 1024 * 1024 /* the connection fails above this */
};

typedef struct sd_amqp_handler {
  size_t struct_size;
  /* Server: judge a SASL init. NULL or true: accepted. PLAIN, ANONYMOUS, EXTERNAL, MSSBCBS are offered. */
  bool (*on_sasl)(sd_amqp_connection *connection, const sd_amqp_sasl_init *init);
  /* The peer's open has arrived (a server has answered it already). */
  void (*on_open)(sd_amqp_connection *connection, const sd_amqp_open *open);
  /* The connection is over: NULL for a clean close, else why (the peer's condition, a protocol error, a
   * time-out, or what sd_amqp_connection_lost was told). Remaining output should still be written. */
  void (*on_close)(sd_amqp_connection *connection, const sd_error *error);
  /* The session is usable: the peer began one (answered already) or answered ours. */
  void (*on_begin)(sd_amqp_session *session);
  void (*on_end)(sd_amqp_session *session, const sd_error *error);
  /* The peer's attach. For a link that it began, call sd_amqp_link_accept or _refuse, now or later; transfers
   * and credit work only after that. For a link that we began this is the answer; one that the peer refuses
   * has neither source nor target (whichever is the peer's) and its detach with the error follows. */
  void (*on_attach)(sd_amqp_link *link, const sd_amqp_attach *remote);
  /* The link is gone; NULL for a clean detach or the answer to ours. The engine has answered. */
  void (*on_detach)(sd_amqp_link *link, const sd_error *error);
  /* Credit of a sending link, or the session window, has changed: sending may be possible (again). Also after
   * output fell below SD_AMQP_OUTPUT_SOFT_MAX when a send had been refused for it. `drain` is to be answered
   * by sending what there is and then sd_amqp_link_drained. */
  void (*on_flow)(sd_amqp_link *link, bool drain);
  /* One complete delivery on a receiving link. */
  void (*on_delivery)(sd_amqp_link *link, const sd_amqp_delivery *delivery);
  /* The peer speaks of deliveries first..last of this session. role is the peer's: SD_AMQP_RECEIVER speaks of
   * what we sent. */
  void (*on_disposition)(sd_amqp_session *session, const sd_amqp_disposition *disposition);
} sd_amqp_handler;

struct sd_amqp_delivery {
  uint32_t delivery_id;
  sd_bytes tag;
  uint32_t message_format;
  bool settled;     /* by the sender: no disposition is wanted */
  sd_bytes payload; /* the whole message; in place when it came in one frame */
};

typedef struct sd_amqp_connection_options {
  size_t struct_size;
  bool server;
  const char *container_id; /* required */
  const char *hostname;     /* client: for sasl-init and open; may be NULL */
  uint32_t max_frame_size;  /* what we accept; 0: SD_AMQP_FRAME_SIZE_DEFAULT */
  uint32_t idle_timeout_ms; /* what we advertise; 0: none */
  /* The largest delivery taken; a larger one detaches its link. Required. What an attach advertises may be
   * less: those in between are delivered, to be rejected. */
  uint64_t max_message_size;
  uint32_t incoming_window; /* of the sessions, in transfer frames; 0: 2048 */
  uint32_t handle_max; /* the highest handle that the peer may use on a session; 0: SD_AMQP_LINKS_MAX - 1 */
  sd_bytes properties_raw; /* of our open: one encoded map, or empty */
  sd_bytes offered_capabilities_raw;
  sd_bytes desired_capabilities_raw;
} sd_amqp_connection_options;

/* Copies everything it needs. SD_INVALID without container_id, max_message_size or struct_size, or with a
 * frame size below the minimum. The client's protocol header stands in the output at once. */
SD_MUST_CHECK sd_status sd_amqp_connection_new(const sd_amqp_connection_options *options,
                                               const sd_amqp_handler *handler, void *user, uint64_t now_ms,
                                               sd_amqp_connection **ret_connection);
void sd_amqp_connection_free(sd_amqp_connection *connection);
void *sd_amqp_connection_user(const sd_amqp_connection *connection);

/* Where to read into: at least one byte while the connection lives. Good until the next call of any input
 * function. */
void sd_amqp_input_space(sd_amqp_connection *connection, uint8_t **ret_space, size_t *ret_size);
/* n bytes were read there; handles every complete frame. SD_CLOSED once the connection is over (on_close was
 * called); its reason is told there, not here. */
sd_status sd_amqp_input_commit(sd_amqp_connection *connection, size_t n, uint64_t now_ms);
/* The same with bytes of the caller's. */
sd_status sd_amqp_receive(sd_amqp_connection *connection, const void *data, size_t len, uint64_t now_ms);

/* Unsent bytes, and that n of them were handed to the transport. Good until the next call. */
sd_bytes sd_amqp_output(const sd_amqp_connection *connection);
void sd_amqp_output_consume(sd_amqp_connection *connection, size_t n);

/* Timers. Returns the time of the next call that is needed (UINT64_MAX: none). */
uint64_t sd_amqp_tick(sd_amqp_connection *connection, uint64_t now_ms);

/* Begins an orderly close. condition NULL: no error. */
void sd_amqp_connection_close(sd_amqp_connection *connection, const char *condition, const char *description);
/* The transport broke or ended: on_detach, on_end, on_close follow with this error at once. */
void sd_amqp_connection_lost(sd_amqp_connection *connection, const sd_error *error);
/* True after on_close. */
bool sd_amqp_connection_over(const sd_amqp_connection *connection);
/* Bytes received of deliveries whose last frame has not come yet, over all links. */
size_t sd_amqp_unfinished_bytes(const sd_amqp_connection *connection);

/* Sessions. SD_STATE before on_open, SD_LIMIT above the peer's channel-max or SD_AMQP_SESSIONS_MAX. */
SD_MUST_CHECK sd_status sd_amqp_session_begin(sd_amqp_connection *connection, void *user,
                                              sd_amqp_session **ret_session);
void sd_amqp_session_end(sd_amqp_session *session, const char *condition, const char *description);
void sd_amqp_session_set_user(sd_amqp_session *session, void *user);
void *sd_amqp_session_user(const sd_amqp_session *session);
sd_amqp_connection *sd_amqp_session_connection(const sd_amqp_session *session);
/* The highest handle that the peer takes on this session, known from on_begin on; before, UINT32_MAX. */
uint32_t sd_amqp_session_handle_max(const sd_amqp_session *session);
/* From now on the caller decides the incoming window (a hard cap of transfer frames in flight): this sets it
 * to `frames` and tells the peer when it fell, or grew by so much that it is worth a frame (more than half of
 * what the peer believes). Without a call the engine keeps it at options.incoming_window. */
void sd_amqp_session_set_incoming_window(sd_amqp_session *session, uint32_t frames);
/* Transfer frames that the peer may send by what it was told, or will be by the next flow. */
uint32_t sd_amqp_session_incoming_window(const sd_amqp_session *session);

/* Links. `local` is our attach; handle is chosen by the engine; views are copied. role is ours. Right after
 * sd_amqp_session_begin is early enough. SD_CONFLICT while a link of this name and role is on the session. */
SD_MUST_CHECK sd_status sd_amqp_link_attach(sd_amqp_session *session, const sd_amqp_attach *local, void *user,
                                            sd_amqp_link **ret_link);
/* Answers the peer's attach. name, handle and role are filled in by the engine. */
SD_MUST_CHECK sd_status sd_amqp_link_accept(sd_amqp_link *link, const sd_amqp_attach *local);
/* Attach without terminus, then detach with the error, as §2.6.3 asks. */
void sd_amqp_link_refuse(sd_amqp_link *link, const char *condition, const char *description);
/* closed = true: the link's state may be forgotten. condition NULL: no error. */
void sd_amqp_link_detach(sd_amqp_link *link, const char *condition, const char *description);
void sd_amqp_link_set_user(sd_amqp_link *link, void *user);
void *sd_amqp_link_user(const sd_amqp_link *link);
sd_amqp_session *sd_amqp_link_session(const sd_amqp_link *link);
sd_bytes sd_amqp_link_name(const sd_amqp_link *link);
sd_amqp_role sd_amqp_link_role(const sd_amqp_link *link); /* ours */

/* Receiving links: sets link-credit to `credit` (absolute) and sends a flow; before the link is attached both
 * ways, it is kept until then. */
void sd_amqp_link_set_credit(sd_amqp_link *link, uint32_t credit);
/* Deliveries that the peer may still send. */
uint32_t sd_amqp_link_credit(const sd_amqp_link *link);

/* Sending links. The message is the concatenation of parts. SD_AGAIN when there is no credit, the session's
 * window is closed or too much output waits: on_flow tells when to try again. A message larger than the
 * window is sent in part and goes on by itself. tag: at most 32 bytes. The peer's max-message-size
 * (on_attach) is the caller's to respect. */
typedef struct sd_amqp_send_options {
  size_t struct_size;
  sd_bytes tag;
  uint32_t message_format;
  bool settled;
} sd_amqp_send_options;
SD_MUST_CHECK sd_status sd_amqp_send(sd_amqp_link *link, const sd_amqp_send_options *options,
                                     const sd_bytes *parts, size_t part_count, uint32_t *ret_delivery_id);
/* True when sd_amqp_send would not answer SD_AGAIN. */
bool sd_amqp_sendable(const sd_amqp_link *link);
/* Consumes the remaining credit and says so. */
void sd_amqp_link_drained(sd_amqp_link *link);

/* Disposition about deliveries that we received, in this session. error only with REJECTED; condition NULL:
 * none. */
void sd_amqp_settle(sd_amqp_session *session, uint32_t first, uint32_t last, uint8_t outcome_code,
                    const char *condition, const char *description);

/* Fills an sd_error from the peer's error: SD_REMOTE, source SD_SOURCE_AMQP, condition, description as
 * message. */
void sd_amqp_error_to_sd(const sd_amqp_error *remote, sd_error *ret_error);

#endif
