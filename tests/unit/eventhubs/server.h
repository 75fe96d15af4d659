/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted Event Hubs service for the room's tests: the AMQP engine's server side on the test's own loop,
 * partitions in memory, and switches for every fault that a test wants. Sequence numbers begin at 0; an
 * offset is the text "at-N", which nobody can take for a number.
 */
#ifndef SD_TEST_SERVER_H
#define SD_TEST_SERVER_H

#include "amqp/engine.h"
#include "net/net.h"

enum { SERVER_PARTITIONS_MAX = 24, SERVER_REFUSALS_MAX = 4, SERVER_OFFSET_MAX = 24 };

typedef struct server server;

typedef struct server_event {
  uint32_t body_size; /* the body is made when it is sent */
  int64_t enqueued_ms;
  bool unplaced;        /* sent without annotations */
  uint32_t delivery_id; /* on the session on which it was sent last */
  bool settled;
} server_event;

/* The next `times` attaches (or put-tokens, or reads) are refused. */
typedef struct server_refusal {
  const char *condition;
  const char *description;
  int times;
} server_refusal;

typedef struct server_partition {
  server_event *events;
  uint32_t count;
  uint32_t capacity;
  sd_amqp_link *link; /* of the receiver that is attached, NULL */
  uint32_t next;      /* sequence number to send next */
  uint32_t attaches;
  uint32_t received; /* from senders */
  uint32_t settled;  /* events, by a disposition on their session */
  int64_t epoch;     /* of the last attach; -1: none given */
  char selector[128];
  char receiver_name[64];
  bool georeplication;
  bool silent;         /* takes credit and sends nothing */
  uint32_t credit_max; /* largest credit that the link was given */
} server_partition;

struct server {
  uv_loop_t *loop;
  sd_net_listener *listener;
  uint16_t port;
  struct server_peer *peer; /* the newest connection, NULL when it is gone */
  uint32_t connections;     /* accepted since the beginning */
  uint32_t open_connections;
  uint32_t partition_count;
  server_partition partitions[SERVER_PARTITIONS_MAX];
  /* script */
  int64_t created_at_ms;
  bool mute;         /* reads and never answers anything */
  bool mute_attach;  /* leaves attaches of receivers unanswered */
  bool mute_cbs;     /* the same for put-token alone */
  bool unsettled;    /* sends unsettled, as the service does */
  bool drop_credit;  /* gives senders no credit */
  int cbs_status[8]; /* of the next put-tokens, in order; then 202 */
  int cbs_status_count;
  server_refusal attach;    /* of receivers */
  server_refusal publish;   /* of batches: rejected */
  uint32_t idle_timeout_ms; /* advertised; 0: 240000 */
  uint32_t handle_max;      /* of each session; 0: the engine's */
  uint32_t duplicate;       /* repeats this many events before the position of each attach */
  /* what it saw */
  uint32_t put_tokens;
  uint32_t reads;
  uint64_t sent; /* events */
  uint64_t sent_bytes;
  uint64_t settled; /* deliveries that a disposition named */
  uint32_t dispositions;
  uint32_t refused_sessions; /* that the client ended as not allowed */
  uint32_t closes;           /* orderly ends of a connection by the client */
  char last_token[512];
  char last_audience[128];
  uint8_t last_batch[512]; /* the beginning of the last publication */
  size_t last_batch_len;
  uint32_t last_batch_format;
};

void server_start(server *s, uv_loop_t *loop, uint32_t partitions);
void server_stop(server *s);

/* Adds events with bodies of body_size bytes and sends what may be sent. */
void server_append(server *s, uint32_t partition, uint32_t count, uint32_t body_size);
/* The body of an event: "p<partition>-<sequence>" and dots up to its size. */
void server_body(uint32_t partition, uint32_t sequence, uint32_t size, char *dst);

void server_detach(server *s, uint32_t partition, const char *condition, const char *description);
/* Ends the session that this partition's receiver is on, and no other. */
void server_end_session(server *s, uint32_t partition, const char *condition, const char *description);
/* Begins a session towards the client, which has no use for it. */
void server_begin_session(server *s);
void server_close(server *s, const char *condition, const char *description);
void server_cut(server *s);
/* Lets the engine send heartbeats and notice silence; false when it has given the connection up. */
bool server_tick(server *s);
/* Writes raw bytes between frames. */
void server_write(server *s, const void *data, size_t len);

#endif
