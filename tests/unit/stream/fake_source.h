/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker in memory and a source that reads it, for tests of the stream room. Event n of a partition has
 * sequence number n, offset "10n", enqueued time n seconds and body "<partition>:<n>". The source works only
 * when it is stepped, or by a timer of a loop. One thread.
 */
#ifndef TESTS_STREAM_FAKE_SOURCE_H
#define TESTS_STREAM_FAKE_SOURCE_H

#include "batch/source.h"

#include <uv.h>

enum { FAKE_PARTITIONS_MAX = 64 };

typedef struct fake_broker {
  uint32_t partitions;
  char incarnation[64];
  int64_t begin[FAKE_PARTITIONS_MAX]; /* oldest event kept */
  int64_t last[FAKE_PARTITIONS_MAX];  /* -1: none */
  size_t body_bytes;                  /* bodies are filled up to so many; 0: as short as they are */
  const char *trace_property; /* of every event, holds a traceparent of its own; NULL: no properties */
} fake_broker;

void fake_broker_init(fake_broker *broker, uint32_t partitions, int64_t events_each);

typedef struct fake_source fake_source;

struct fake_source {
  sd_source base; /* first member */
  fake_broker *broker;
  const sd_source_handler *handler;
  void *owner;
  struct {
    bool open;
    bool waits; /* was told SD_AGAIN; goes on after the next grant */
    int64_t next;
    int64_t epoch;
  } partition[FAKE_PARTITIONS_MAX];
  bool start_asked, refresh_asked, stop_asked;
  bool working;  /* between on_ready and stop */
  bool away;     /* disconnected */
  bool unusable; /* refresh answers with an error */
  bool silent;   /* the broker does not answer a stop; an abort does not ask it */
  size_t credit; /* bytes */
  uint32_t turn;
  /* what tests look at */
  uint32_t opens, closes, refreshes, refused, grants;
  size_t last_grant;
  uint64_t delivered;
  sd_position_kind last_position[FAKE_PARTITIONS_MAX];
  int64_t last_position_sequence[FAKE_PARTITIONS_MAX]; /* the first sequence number asked for */
  sd_error start_error;                                /* code SD_OK: start succeeds */
  /* by a loop */
  uv_timer_t timer;
  bool has_timer;
  uint32_t events_per_tick;
};

fake_source *fake_source_new(fake_broker *broker, const sd_source_handler *handler, void *owner);
/* Steps itself every millisecond, with so many events at most. */
void fake_source_run_by(fake_source *source, uv_loop_t *loop, uint32_t events_per_tick);

/* Answers what was asked, then delivers up to `events`. */
void fake_source_step(fake_source *source, uint32_t events);

/* The connection breaks; every open partition will be delivered again from `again` events back. */
void fake_source_disconnect(fake_source *source, uint32_t again);
void fake_source_reconnect(fake_source *source);
/* Another reader takes the partition at the broker. */
void fake_source_steal(fake_source *source, uint32_t partition);
void fake_source_refuse_offset(fake_source *source, uint32_t partition);
/* The hub is deleted and made anew with so many events in each partition. */
void fake_source_recreate(fake_source *source, int64_t events_each);
void fake_source_halt(fake_source *source, const char *message);

#endif
