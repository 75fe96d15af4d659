/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: the source and its receivers, one per partition. */
#ifndef SD_EVENTHUBS_SOURCE_INTERNAL_H
#define SD_EVENTHUBS_SOURCE_INTERNAL_H

#include "base/backoff.h"
#include "eventhubs/connection.h"
#include "eventhubs/credit.h"
#include "eventhubs/event.h"
#include "eventhubs/fault.h"

enum {
  SD_RECEIVER_ROW_COST = 96,     /* bytes of memory of a row beside its texts */
  SD_RECEIVER_MALFORMED_MAX = 3, /* deliveries at one position without a sequence number, then it stops */
  SD_RECEIVER_SILENT_MAX = 2     /* refreshes that find a link silent although there are events */
};

typedef enum sd_receiver_state {
  SD_RECEIVER_CLOSED = 0,
  SD_RECEIVER_WAITING,   /* attaches at due_ms, when there is a connection */
  SD_RECEIVER_ATTACHING, /* until deadline_ms */
  SD_RECEIVER_RECEIVING,
  SD_RECEIVER_DETACHING /* we have asked for it; until deadline_ms, then again at due_ms */
} sd_receiver_state;

typedef struct sd_eventhubs_source sd_eventhubs_source;

typedef struct sd_receiver {
  sd_hub_link link; /* first: the link's callbacks find the receiver by it */
  sd_eventhubs_source *source;
  uint32_t index;
  char id[SD_BATCH_PARTITION_ID_MAX];
  sd_receiver_state state;
  bool wanted;          /* the owner has opened it */
  bool paused;          /* the owner had no room: waits for a grant or due_ms */
  bool detached;        /* the link has ended and nobody has reacted yet */
  uint64_t due_ms;      /* when to attach; UINT64_MAX: when there is a new token */
  uint64_t deadline_ms; /* of the broker's answer to attach or detach */
  uint64_t attached_ms;
  /* Where to begin, as the owner said, and what was delivered since. */
  sd_position position; /* its offset points to position_offset */
  char position_offset[SD_EVENTHUBS_OFFSET_MAX];
  int64_t epoch;
  uint32_t opened; /* counts calls of open */
  bool delivered;
  int64_t last_sequence; /* what is not above it is dropped */
  char last_offset[SD_EVENTHUBS_OFFSET_MAX];
  /* For LATEST: what "now" was, so that a reconnect before the first event loses nothing. */
  bool has_latest; /* it has attached since open */
  int64_t latest_sequence;
  uint32_t credit;
  uint32_t low_mark;    /* credit at which it is filled up */
  uint32_t token_round; /* of the source, when the link was attached */
  sd_backoff backoff;
  uint32_t malformed;
  uint64_t events; /* since the link was attached */
  /* Silent stop (eventhubs.md §4.5): state at the last refresh. */
  bool watched;
  uint64_t watched_events;
  int64_t watched_last;
  uint32_t silent;
  sd_error *error; /* why the link ended; NULL: no reason was given */
} sd_receiver;

struct sd_eventhubs_source {
  sd_source base;
  sd_hub_settings settings;
  sd_source_handler handler;
  void *owner;
  sd_hub_connection *connection; /* NULL while away */
  uv_timer_t timer;              /* reconnect */
  bool started;
  bool stopping;
  bool stopped;
  bool halted; /* a trouble that stops was told: nothing happens any more */
  bool known;  /* on_ready was called */
  bool troubled;
  bool refreshing;
  bool refresh_waits; /* the question could not be asked yet */
  bool asked_state;   /* this connection's first answer has the partitions' state */
  bool verify;    /* a link ended: is the hub still the same one? Nothing is attached before that is known */
  bool verifying; /* the question is under way */
  bool attention; /* a receiver's link has ended */
  bool more_warned; /* about partitions that the hub got meanwhile */
  sd_backoff backoff;
  uint64_t ready_ms;
  uint32_t token_round; /* counts tokens in force */
  uint32_t denials;     /* fresh tokens that a refusal made us put, since things last worked */
  bool reauthorizing;
  char incarnation[64];
  sd_receiver *receivers;
  sd_source_partition *partitions; /* as last heard */
  uint32_t count;
  sd_credit credit;
  sd_event_decoder decoder;
  uint64_t turn_events; /* delivered in this turn */
};

/* Receivers. */
void sd_receiver_init(sd_receiver *receiver, sd_eventhubs_source *source, uint32_t index, const char *id);
void sd_receiver_release(sd_receiver *receiver);
void sd_receiver_open(sd_receiver *receiver, const sd_position *position, int64_t epoch);
void sd_receiver_close(sd_receiver *receiver);
/* Attaches now when it is time and there is a connection. */
void sd_receiver_attach_if_due(sd_receiver *receiver, uint64_t now_ms);
/* Detaches in order to attach again at due_ms. */
void sd_receiver_restart(sd_receiver *receiver, uint64_t due_ms);
/* Gives the link the credit that is due. */
void sd_receiver_adjust(sd_receiver *receiver, bool rebalance);
/* The connection is gone: back to waiting. */
void sd_receiver_lost(sd_receiver *receiver);
/* Judges what a refresh says of the partition: a link that is attached and has credit, but delivers nothing
 * although the broker has more, is attached again. */
void sd_receiver_watch(sd_receiver *receiver, const sd_source_partition *state);
/* The filter that resumes the receiver where it stands. */
sd_status sd_receiver_selector(const sd_receiver *receiver, sd_buf *out);

/* The owner's grant, a new link: every receiver's credit anew. */
void sd_source_rebalance(sd_eventhubs_source *source);
/* A receiver's link has attached. */
void sd_source_on_attached(sd_eventhubs_source *source, sd_receiver *receiver);

/* Started, and neither stopping nor halted. */
bool sd_source_is_active(const sd_eventhubs_source *source);
void sd_source_tell(sd_eventhubs_source *source, uint32_t partition, sd_trouble trouble,
                    const sd_error *error);
/* Nothing will get better by itself: everything ends, and the owner is told why, with advice. */
void sd_source_halt(sd_eventhubs_source *source, const sd_error *reason);
/* Tells on_recovered when every open partition receives again. */
void sd_source_check_recovered(sd_eventhubs_source *source);
/* A receiver's link has ended, and the connection has not. */
void sd_source_take_detach(sd_eventhubs_source *source, sd_receiver *receiver);

/* The hub. */
SD_MUST_CHECK sd_status sd_source_make_receivers(sd_eventhubs_source *source, const sd_hub_info *info);
bool sd_source_is_same_hub(const sd_eventhubs_source *source, const sd_hub_info *info);
/* The hub was deleted and made anew: closes all partitions and tells. */
void sd_source_hub_was_recreated(sd_eventhubs_source *source, const char *incarnation);
void sd_source_take_state(sd_eventhubs_source *source, const sd_hub_info *info);
/* Answers a refresh. */
void sd_source_finish_refresh(sd_eventhubs_source *source, const sd_error *error);
/* Ask when a question waits and none is under way; otherwise the next turn does. */
void sd_source_ask_refresh(sd_eventhubs_source *source);
void sd_source_verify_hub(sd_eventhubs_source *source);

/* Tests only, before start. */
void sd_eventhubs_source_set_timing(sd_source *source, const sd_eventhubs_timing *timing);

#endif
