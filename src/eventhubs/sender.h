/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends events to a hub in batches (message-format 0x80013700), for the demo, the benchmarks and tests. One
 * connection, one link per target partition (or the hub itself); at most SD_SENDER_UNSETTLED_MAX batches wait
 * for their disposition. Belongs to the loop's thread.
 */
#ifndef SD_EVENTHUBS_SENDER_H
#define SD_EVENTHUBS_SENDER_H

#include "eventhubs/source.h"

enum {
  SD_SENDER_UNSETTLED_MAX = 64,
  SD_SENDER_BATCH_BYTES_MAX = 1024 * 1024 /* also the link's max-message-size */
};

typedef struct sd_eventhubs_sender sd_eventhubs_sender;

typedef struct sd_sender_event {
  sd_bytes body;
  sd_bytes partition_key;      /* empty: none. Events of one batch share the first one's key */
  sd_bytes properties_encoded; /* an encoded AMQP map, or empty */
} sd_sender_event;

typedef struct sd_sender_handler {
  size_t struct_size;
  /* Connected and authorised: send may be called. partition ids as the hub has them. */
  void (*on_ready)(void *owner, const sd_source_partition *partitions, uint32_t count);
  /* There is room again after SD_AGAIN. */
  void (*on_room)(void *owner);
  /* The broker has judged a batch: error NULL when it was accepted. user is what send was given. */
  void (*on_settled)(void *owner, void *user, uint32_t events, const sd_error *error);
  /* The end, once; NULL after stop. Batches not settled by then are not known to be stored. */
  void (*on_closed)(void *owner, const sd_error *error);
} sd_sender_handler;

SD_MUST_CHECK sd_status sd_eventhubs_sender_new(uv_loop_t *loop, const sd_eventhubs_options *options,
                                                const sd_sender_handler *handler, void *owner, sd_log *log,
                                                sd_eventhubs_sender **ret_sender, sd_error *error);
/* Connects. */
SD_MUST_CHECK sd_status sd_eventhubs_sender_start(sd_eventhubs_sender *sender, sd_error *error);
/* Sends events as one batch, to `partition_id` or, when NULL, wherever the broker puts it. SD_AGAIN: too much
 * is under way; SD_LIMIT: larger than the link's max-message-size. Everything is copied. */
SD_MUST_CHECK sd_status sd_eventhubs_sender_send(sd_eventhubs_sender *sender, const char *partition_id,
                                                 const sd_sender_event *events, uint32_t count, void *user,
                                                 sd_error *error);
/* Closes in order; on_closed follows. */
void sd_eventhubs_sender_stop(sd_eventhubs_sender *sender);
/* Before start or after on_closed. */
void sd_eventhubs_sender_free(sd_eventhubs_sender *sender);

#endif
