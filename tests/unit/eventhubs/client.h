/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The owner of a source in tests: checks order and content of what it is given and counts the rest. */
#ifndef SD_TEST_CLIENT_H
#define SD_TEST_CLIENT_H

#include "eventhubs/source_internal.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct client {
  uv_loop_t loop;
  server server;
  uv_timer_t guard; /* ends a test that hangs */
  sd_source *source;
  /* script */
  bool open_on_ready; /* every partition, at `from` */
  sd_position from;
  int64_t epoch;
  size_t grant; /* at ready, and again after each turn unless hold_grant */
  bool hold_grant;
  uint32_t refuse_at; /* the n-th on_event answers SD_AGAIN (and does not count); 0: none */
  bool stop_on_event;
  /* what it saw */
  bool ready;
  uint32_t count;
  char incarnation[64];
  sd_source_partition partitions[SERVER_PARTITIONS_MAX];
  uint64_t events;
  uint64_t calls; /* of on_event, refused ones included */
  uint64_t bytes;
  int64_t next[SERVER_PARTITIONS_MAX]; /* expected sequence number; -1: any */
  char last_offset[SERVER_PARTITIONS_MAX][SD_EVENTHUBS_OFFSET_MAX];
  uint32_t troubles[4]; /* by kind */
  uint32_t last_trouble_partition;
  sd_error last_error;
  uint32_t recovered;
  uint32_t refreshed;
  bool refresh_failed;
  bool stopped;
} client;

/* A source on a scripted server with short waits; nothing is started. 0 partitions: neither server nor
 * source. */
void client_init(client *c, uint32_t partitions);
void client_new_source(client *c);
void client_start(client *c);
/* Stops the source if it runs, frees everything and checks that no handle is left. */
void client_release(client *c);

sd_eventhubs_timing client_timing(void);

/* Runs the loop until the condition holds; fails the test after ten seconds. */
#define run_until(c, condition)                                                                              \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      client_turn(c, #condition);                                                                            \
  } while (0)
void client_turn(client *c, const char *waiting_for);

#endif
