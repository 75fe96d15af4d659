/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Link credit from free memory: how many events may be under way so that they fit (design §3.3).
 *
 * Pure arithmetic, no I/O. Free bytes are divided by the running mean of what an event costs and split evenly
 * over the open partitions. Events under way never exceed what fits, with one exception: where there is room
 * for fewer events than partitions, each may still send one, so that many partitions and large events cannot
 * lock each other out. The session's window (sd_credit_window) is the hard cap in any case.
 */
#ifndef SD_EVENTHUBS_CREDIT_H
#define SD_EVENTHUBS_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  SD_CREDIT_MAX = 5000,        /* events under way per partition */
  SD_CREDIT_EVENT_FIRST = 1024 /* bytes that an event is taken to cost before one was seen */
};

typedef struct sd_credit {
  size_t free_bytes;    /* of the last grant, less what arrived since */
  uint64_t mean_x16;    /* running mean of an event's cost in sixteenths of a byte */
  uint64_t outstanding; /* events under way: the sum of all links' credit */
  uint32_t partitions;  /* that share */
  bool untouched;       /* nothing has arrived since the last grant */
} sd_credit;

void sd_credit_init(sd_credit *credit);

/* What is free now. */
void sd_credit_grant(sd_credit *credit, size_t free_bytes);

/* One event of `cost` bytes has arrived; the link's credit is told to sd_credit_changed. */
void sd_credit_arrived(sd_credit *credit, size_t cost);

/* The credit that a link should have when it has `current` now. `rebalance`: the grant is new, so that the
 * share also falls; otherwise it is only filled up again once half is used. */
uint32_t sd_credit_for_link(const sd_credit *credit, uint32_t current, bool rebalance);

/* A link's credit changed from `before` to `after` (also to 0 when it is gone). */
void sd_credit_changed(sd_credit *credit, uint32_t before, uint32_t after);

/* Transfer frames of at most max_frame_size bytes that fit into the free bytes beside `unfinished` bytes of
 * events of which the first frames have come. Where these alone fill a grant of which nothing has been used,
 * one frame at a time: otherwise an event larger than the grant would never be through. */
uint32_t sd_credit_window(const sd_credit *credit, uint32_t max_frame_size, size_t unfinished);

#endif
