/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the engine: its state and the functions by which its files call each other.
 *
 * Callbacks run only between amqp_enter and amqp_leave. Sessions and links that end in between go to a
 * graveyard that the outermost amqp_leave empties, so that code up the stack may still look at them. A
 * function of the public interface that finds the connection broken only notes it (amqp_fail); the next
 * amqp_leave tells it.
 */
#ifndef SD_AMQP_ENGINE_INTERNAL_H
#define SD_AMQP_ENGINE_INTERNAL_H

#include "amqp/engine.h"
#include "amqp/wire.h"

enum {
  AMQP_HANDLE_MAX = SD_AMQP_LINKS_MAX - 1,
  AMQP_CHANNEL_MAX = SD_AMQP_SESSIONS_MAX - 1,
  AMQP_OUTGOING_WINDOW = 65535,     /* advertised; the engine itself sets no other limit to what it sends */
  AMQP_WINDOW_DEFAULT = 2048,       /* incoming, when the options name none */
  AMQP_INPUT_FIRST = 4096,          /* first size of the input buffer, grown by use */
  AMQP_INPUT_SLACK = 4096,          /* beyond one frame of the largest size */
  AMQP_OUT_FRAME_MAX = 1024 * 1024, /* of transfers, even when the peer takes larger frames */
  AMQP_JOINED_MAX =
      64 * 1024 * 1024,         /* all unfinished incoming deliveries of a connection, beyond one message */
  AMQP_JOINED_KEEP = 64 * 1024, /* a larger buffer is given back after its delivery */
  AMQP_HEARTBEAT_MAX_MS = 30000 /* load balancers drop connections that are silent for minutes */
};

/* A table from small numbers (channels, handles) to objects. */
typedef struct amqp_slots {
  void **items;
  uint32_t cap;
} amqp_slots;

static inline void *amqp_slots_get(const amqp_slots *slots, uint32_t index)
{
  return index < slots->cap ? slots->items[index] : NULL;
}
SD_MUST_CHECK sd_status amqp_slots_set(amqp_slots *slots, uint32_t index, void *item);
void amqp_slots_clear(amqp_slots *slots, uint32_t index);
uint32_t amqp_slots_unused(const amqp_slots *slots); /* the lowest free index */
void amqp_slots_release(amqp_slots *slots);

typedef enum amqp_phase {
  AMQP_PHASE_HEADER = 0,  /* the peer's first protocol header is awaited */
  AMQP_PHASE_SASL,        /* SASL frames */
  AMQP_PHASE_AMQP_HEADER, /* SASL is done, the header of AMQP itself is awaited */
  AMQP_PHASE_FRAMES
} amqp_phase;

struct sd_amqp_connection {
  sd_amqp_handler handler;
  void *user;
  bool server;
  uint8_t *texts;     /* what `local` points to */
  sd_amqp_open local; /* our open */
  uint64_t max_message_size;
  uint32_t incoming_window;
  uint32_t handle_max;

  amqp_phase phase;
  bool open_sent;
  bool open_received;
  bool close_sent;
  bool ended;   /* nothing more is said or heard; on_close follows with `error` or NULL */
  bool telling; /* the last callbacks are running */
  bool over;    /* on_close was called */
  bool with_error;
  sd_error error;
  unsigned depth; /* of amqp_enter */

  uint8_t *in;
  size_t in_len;
  size_t in_cap;
  sd_buf out;
  size_t out_head;   /* bytes of out that the transport has */
  bool output_waits; /* a send was refused because of unsent output */

  uint64_t now_ms;
  uint64_t started_ms;
  uint64_t last_in_ms;
  uint64_t last_out_ms;
  uint64_t close_at_ms;
  uint32_t remote_max_frame;
  uint32_t remote_idle_ms;
  uint16_t remote_channel_max;

  amqp_slots by_channel;        /* our channel → session */
  amqp_slots by_remote_channel; /* the peer's → session */
  uint32_t session_count;
  uint32_t link_count;
  size_t joined_bytes;
  uint32_t partial_count; /* links with the rest of a message to send */
  sd_amqp_session *dead_sessions;
  sd_amqp_link *dead_links;
};

struct sd_amqp_session {
  sd_amqp_connection *connection;
  sd_amqp_session *next_dead;
  void *user;
  uint16_t channel;
  uint16_t remote_channel;
  bool begin_received;
  bool end_sent;
  bool shown; /* the caller knows it */
  bool over;  /* on_end was called */

  uint32_t next_outgoing_id;
  uint32_t remote_incoming_window;
  uint32_t next_incoming_id;
  uint32_t incoming_window;
  uint32_t window_told; /* what the peer believes */
  uint32_t window_end;  /* the first transfer-id that no flow ever allowed */
  bool window_by_caller;
  uint32_t next_delivery_id;
  uint32_t remote_handle_max;
  bool refused; /* some link's send was answered SD_AGAIN */

  amqp_slots by_handle;
  amqp_slots by_remote_handle;
  sd_amqp_link *links;
};

struct sd_amqp_link {
  sd_amqp_session *session;
  sd_amqp_link *next;
  sd_amqp_link *previous;
  sd_amqp_link *next_dead;
  void *user;
  uint8_t *name;
  size_t name_len;
  uint32_t name_hash;
  sd_amqp_role role;
  uint32_t handle;
  uint32_t remote_handle;
  bool attach_sent;
  bool attach_received;
  bool detach_sent;
  bool shown;
  bool over;             /* on_detach was called */
  bool without_terminus; /* the peer refused it; its detach follows */

  uint32_t initial_delivery_count; /* of a sending link */
  uint32_t delivery_count;
  uint32_t credit;
  uint32_t credit_end; /* receiving: the first delivery-count that no flow ever allowed */
  bool credit_set;     /* receiving: the caller has set it before the link was attached */
  bool drain;
  bool
      refused; /* a send was answered SD_AGAIN, or credit came before the link was accepted: on_flow is due */

  bool joining; /* a delivery has begun and not ended */
  sd_amqp_delivery incoming;
  uint8_t incoming_tag[SD_AMQP_TAG_MAX];
  sd_buf joined;

  bool sending; /* `rest` holds the unsent end of a message */
  sd_buf rest;
  size_t rest_head;
};

/* a - b of serial numbers (RFC 1982). */
static inline int32_t amqp_serial(uint32_t a, uint32_t b)
{
  return (int32_t)(a - b);
}

/* connection.c */
void amqp_enter(sd_amqp_connection *c);
void amqp_leave(sd_amqp_connection *c);
/* Notes that the connection is broken and sends a close with the condition where that is possible (NULL:
 * silently). */
void amqp_fail(sd_amqp_connection *c, sd_status code, const char *condition, const char *format, ...)
    SD_PRINTF(4, 5);
void amqp_send_open(sd_amqp_connection *c);
static inline bool amqp_usable(const sd_amqp_connection *c)
{
  return !c->ended && !c->close_sent;
}

/* frames.c */
void amqp_handle_frame(sd_amqp_connection *c, const uint8_t *frame, size_t size);

/* output.c */
static inline size_t amqp_unsent(const sd_amqp_connection *c)
{
  return c->out.len - c->out_head;
}
/* Room for n bytes of output, or NULL after the connection has failed. Follow it with sd_buf_commit(&c->out).
 */
uint8_t *amqp_out_reserve(sd_amqp_connection *c, size_t n);
void amqp_out_bytes(sd_amqp_connection *c, const void *data, size_t len);
size_t amqp_frame_begin(sd_amqp_connection *c, uint8_t type, uint16_t channel);
void amqp_frame_end(sd_amqp_connection *c, size_t mark);
/* An error to send; its description is cut where the peer's frames are small. NULL condition: none. */
sd_amqp_error amqp_error_of(const sd_amqp_connection *c, const char *condition, const char *description);

/* sasl.c */
void amqp_send_header(sd_amqp_connection *c, uint8_t protocol_id);
/* Looks at the first bytes of an expected protocol header; returns how many were used, 0: more are needed. */
size_t amqp_handle_header(sd_amqp_connection *c, const uint8_t *data, size_t len);
void amqp_handle_sasl(sd_amqp_connection *c, sd_amqp_cursor body);

/* session.c */
void amqp_handle_begin(sd_amqp_connection *c, uint16_t channel, const sd_amqp_value *list);
void amqp_handle_end(sd_amqp_session *s, const sd_amqp_value *list);
void amqp_handle_flow(sd_amqp_session *s, const sd_amqp_value *list);
/* Ends the session with an error, tells the caller, and waits for the peer's end. */
void amqp_session_fail(sd_amqp_session *s, const char *condition, const char *format, ...) SD_PRINTF(3, 4);
/* Calls on_detach and on_end where due. */
void amqp_session_tell_end(sd_amqp_session *s, const sd_error *error);
void amqp_session_remove(sd_amqp_session *s);
/* Frees it without a word. */
void amqp_session_free(sd_amqp_session *s);
/* Sends a flow; link NULL: of the session alone. */
void amqp_send_flow(sd_amqp_session *s, sd_amqp_link *link, bool drain);
/* One transfer frame has come. False when the session was failed. */
bool amqp_session_count_transfer(sd_amqp_session *s);
/* Calls on_flow where a refused send may succeed now. */
void amqp_session_notify(sd_amqp_session *s);

/* link.c */
void amqp_handle_attach(sd_amqp_session *s, const sd_amqp_value *list);
void amqp_handle_detach(sd_amqp_session *s, const sd_amqp_value *list);
void amqp_link_fail(sd_amqp_link *link, const char *condition, const char *format, ...) SD_PRINTF(3, 4);
void amqp_link_tell_detach(sd_amqp_link *link, const sd_error *error);
void amqp_link_remove(sd_amqp_link *link);
void amqp_link_free(sd_amqp_link *link);
static inline bool amqp_link_attached(const sd_amqp_link *link)
{
  return link->attach_sent && link->attach_received && !link->detach_sent && !link->without_terminus;
}

/* transfer.c */
void amqp_handle_transfer(sd_amqp_session *s, const sd_amqp_value *list, sd_bytes payload);
void amqp_handle_disposition(sd_amqp_session *s, const sd_amqp_value *list);
/* Goes on with messages that were sent in part. */
void amqp_session_resume(sd_amqp_session *s);
void amqp_link_drop_rest(sd_amqp_link *link);
void amqp_link_drop_joined(sd_amqp_link *link);

#endif
