/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to the emulator: its hubs, connections and links, and the steps between its parts. */
#ifndef SD_EMULATOR_STATE_H
#define SD_EMULATOR_STATE_H

#include "amqp/engine.h"
#include "amqp/message.h"
#include "emulator/address.h"
#include "emulator/emulator.h"
#include "emulator/epoch.h"
#include "emulator/log.h"
#include "net/net.h"

enum {
  EMU_PARTITION_ID_MAX = 12,
  EMU_TICK_MS = 500,                  /* heartbeats and expiring tokens */
  EMU_IDLE_TIMEOUT_MS = 240000,       /* what the service advertises (eventhubs.md §1.1) */
  EMU_FRAME_SIZE = 65536,             /* as the service; uamqp cannot send a frame above its own 65536 */
  EMU_WINDOW = 65536,                 /* incoming frames per session */
  EMU_HANDLE_MAX = 255,               /* as the service: 256 links per session */
  EMU_DELIVERY_MAX = 4 * 1024 * 1024, /* a larger delivery is not even read to its end */
  EMU_PRODUCER_CREDIT = 1000,
  EMU_REQUEST_CREDIT = 1000,
  EMU_REPLIES_QUEUED_MAX = 1000, /* per link, while the peer gives no credit */
  EMU_TOKENS_MAX = 1024,         /* audiences per connection */
  EMU_TURN_BYTES = 256 * 1024,   /* to one receiver before the next one's turn */
  EMU_TEXT_MAX = 1024            /* of an error's description */
};

typedef struct emu_hub emu_hub;
typedef struct emu_partition emu_partition;
typedef struct emu_connection emu_connection;
typedef struct emu_link emu_link;

/* What the control channel did to a partition. */
typedef struct emu_faults {
  bool stalled;             /* nothing is delivered */
  uint32_t delay_ms;        /* between two turns of a receiver */
  uint64_t cut_after;       /* deliveries until the connection is cut; 0: never */
  uint64_t throttled_sends; /* how many more publications are refused */
  uint64_t throttled_attaches;
} emu_faults;

struct emu_partition {
  emu_hub *hub;
  uint32_t index;
  char id[EMU_PARTITION_ID_MAX];
  emu_log *log;
  uint64_t sent;      /* deliveries to receivers since the start */
  emu_claims *claims; /* one per group of the emulator */
  emu_link *receivers;
  emu_faults faults;
};

struct emu_hub {
  sd_emulator *emulator;
  char name[EMU_NAME_MAX];
  char dir[4096]; /* "" in memory */
  int64_t created_ms;
  uint64_t generation; /* counts recreations; begins every offset, so that older ones are known as such */
  uint32_t partition_count;
  uint32_t next_partition; /* of sends without key */
  emu_partition *partitions;
};

typedef enum emu_link_kind {
  EMU_LINK_RECEIVER, /* the peer reads a partition */
  EMU_LINK_SENDER,   /* the peer publishes */
  EMU_LINK_REQUESTS, /* the peer asks $cbs or $management */
  EMU_LINK_REPLIES   /* and gets the answers */
} emu_link_kind;

typedef struct emu_reply {
  struct emu_reply *next;
  size_t len;
  uint8_t data[];
} emu_reply;

struct emu_link {
  emu_link_kind kind;
  sd_amqp_link *amqp;
  emu_connection *connection;
  emu_link *next; /* in the connection's list */
  emu_link *previous;
  bool detached; /* by us; only its end is awaited */
  char *path;    /* entity that a token must cover; NULL for nodes */

  emu_hub *hub;             /* RECEIVER, SENDER */
  emu_partition *partition; /* RECEIVER; SENDER to one partition */
  char publisher[EMU_NAME_MAX];

  emu_link *next_receiver; /* in the partition's list */
  emu_link *previous_receiver;
  uint32_t group;
  uint64_t position;
  bool settled; /* send settled deliveries (eventhubs.md §11.1) */
  bool metrics; /* with runtime metrics as delivery annotations */
  bool drain;
  uint64_t tag;
  uint64_t not_before_ms; /* of the fault `delay` */

  bool management; /* REQUESTS, REPLIES: $management, else $cbs */
  char *target;    /* REPLIES: the peer's target address, may be "" */
  emu_reply *replies;
  emu_reply *replies_last;
  uint32_t reply_count;
};

typedef struct emu_token {
  char *scope; /* path of the resource that was signed */
  int64_t expiry_s;
} emu_token;

struct emu_connection {
  sd_emulator *emulator;
  emu_connection *next;
  emu_connection *previous;
  sd_net_stream *stream; /* NULL once gone */
  sd_amqp_connection *amqp;
  emu_link *links;
  emu_link *turn; /* whose turn it is */
  bool over;      /* AMQP has ended: write what is left, then close */
  bool aborted;
  bool cut_after_turn; /* fault: the delivery that was to be the last is out */
  bool silent;         /* fault: nothing is written or read any more */
  bool reading_paused;
  bool dirty; /* in the emulator's list of work */
  emu_connection *next_dirty;
  bool trusted; /* SASL PLAIN with the right key */
  emu_token *tokens;
  size_t token_count;
  /* Accepted deliveries that one disposition will tell. */
  sd_amqp_session *settle_session;
  uint32_t settle_first;
  uint32_t settle_last;
};

struct sd_emulator {
  uv_loop_t *loop;
  char *listen_host;
  uint16_t listen_port;
  char *tls_host;
  uint16_t tls_port;
  sd_tls_context *tls;
  sd_net_listener *listener;
  sd_net_listener *tls_listener;
  char *data_dir;
  int lock_fd;
  uint64_t memory_max;
  char *sas_key;
  char (*groups)[EMU_NAME_MAX]; /* 0: $Default */
  uint32_t group_count;
  emu_hub *hubs;
  size_t hub_count;
  emu_connection *connections;
  size_t connection_count;
  uint64_t accepted; /* connections, and links other than to $cbs and $management, since the start */
  uint64_t attached;
  emu_connection *dirty;
  uv_idle_t worker;
  uv_timer_t tick;
  uv_timer_t delay;
  bool started;
  unsigned handles_open;
  emu_log_space space;
  sd_buf scratch;  /* of one call */
  int64_t last_ms; /* enqueued times never go back */
  uint64_t tag_prefix;
  uint32_t producer_ids;
  void (*on_stopped)(void *user);
  void *stopped_user;
  bool stopping;
};

/* emulator.c */
uint64_t emu_now_ms(const sd_emulator *emulator); /* monotonic */
int64_t emu_wall_ms(sd_emulator *emulator);       /* since 1970, never going back */
/* Something may be sent on the connection: it gets a turn. */
void emu_mark_dirty(emu_connection *connection);
void emu_connection_gone(sd_emulator *emulator);
/* The delay timer runs at the latest then. */
void emu_wake_at(sd_emulator *emulator, uint64_t at_ms);

/* hub.c */
emu_hub *emu_find_hub(sd_emulator *emulator, sd_bytes name);
emu_partition *emu_find_partition(emu_hub *hub, const char *id);
bool emu_find_group(const sd_emulator *emulator, const char *name, uint32_t *ret_group);
SD_MUST_CHECK sd_status emu_hub_open(sd_emulator *emulator, const sd_emulator_hub *options, emu_hub *hub,
                                     sd_error *error);
void emu_hub_release(emu_hub *hub);
/* Everything in it is gone and its offsets are others. The caller has detached its links. */
SD_MUST_CHECK sd_status emu_hub_recreate(emu_hub *hub, sd_error *error);
uint64_t emu_offset_base(const emu_hub *hub);
/* Appends one publication and wakes the receivers. partition NULL: by key, publisher or in turn. */
typedef struct emu_append {
  sd_bytes payload;
  uint32_t message_format;
  const char *publisher;
  emu_partition *partition;
} emu_append;
SD_MUST_CHECK sd_status emu_hub_append(emu_hub *hub, const emu_append *append, uint32_t *ret_events,
                                       sd_error *error);

/* connection.c */
bool emu_connection_accept(void *emulator, sd_net_stream *stream);
extern const sd_net_handler emu_net_handler;
void emu_connection_flush(emu_connection *connection);
void emu_connection_tick(emu_connection *connection);
/* The socket is closed at once, without a word. */
void emu_connection_cut(emu_connection *connection);
void emu_connection_close(emu_connection *connection, const char *condition, const char *description);
/* One turn; true when it should get another one. */
bool emu_connection_work(emu_connection *connection);
void emu_settle(emu_link *link, const sd_amqp_delivery *delivery, const char *condition,
                const char *description);

/* attach.c */
void emu_attach(emu_connection *connection, sd_amqp_link *amqp, const sd_amqp_attach *remote);
void emu_link_detach(emu_link *link, const char *condition, const char *format, ...) SD_PRINTF(3, 4);
void emu_link_free(emu_link *link);
/* format, then TrackingId, SystemTracker and Timestamp as the service writes them. */
void emu_error_text(const sd_emulator *emulator, char *text, size_t size, const char *format, ...)
    SD_PRINTF(4, 5);

/* receiver.c */
/* Where the selector of an attach begins. SD_INVALID with the service's text. */
SD_MUST_CHECK sd_status emu_receiver_start(emu_partition *partition, sd_bytes filter_raw,
                                           uint64_t *ret_position, sd_error *error);
typedef enum emu_turn { EMU_TURN_IDLE, EMU_TURN_MORE } emu_turn;
emu_turn emu_receiver_turn(emu_link *link);

/* request.c */
void emu_request(emu_link *link, const sd_amqp_delivery *delivery);
void emu_replies_turn(emu_link *link);

/* access.c */
/* "202 Accepted" or why not. */
int emu_put_token(emu_connection *connection, sd_bytes audience, sd_bytes token,
                  const char **ret_description);
/* Whether a token that the connection gave covers the path; or, for reading about a hub, anything in the hub.
 */
bool emu_authorised(const emu_connection *connection, const char *path);
bool emu_authorised_for_hub(const emu_connection *connection, const char *hub);
/* Whether this token alone is good for the hub (of a $management request). */
bool emu_token_covers_hub(const sd_emulator *emulator, sd_bytes token, const char *hub);
bool emu_sasl(emu_connection *connection, const sd_amqp_sasl_init *init);
void emu_tokens_release(emu_connection *connection);
/* Detaches what no token covers any more. */
void emu_check_expiry(emu_connection *connection);

#endif
