/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Asks $management for the hub and its partitions (eventhubs.md §3). */
#ifndef SD_EVENTHUBS_INQUIRY_H
#define SD_EVENTHUBS_INQUIRY_H

#include "eventhubs/rpc.h"

typedef struct sd_hub_inquiry {
  const sd_hub_settings *settings;
  sd_hub_connection *connection;
  sd_hub_rpc *rpc;
  sd_hub_info_fn *answer; /* NULL: none is under way */
  void *owner;
  bool with_partitions;
  sd_buf token; /* some services check the request's token instead of the connection's */
  char incarnation[64];
  sd_source_partition *partitions;
  uint32_t count;
  uint32_t asked;       /* partitions asked for so far */
  uint32_t known;       /* answered */
  uint32_t outstanding; /* calls without an answer yet, also of an inquiry that failed meanwhile */
} sd_hub_inquiry;

void sd_hub_inquiry_init(sd_hub_inquiry *inquiry, sd_hub_connection *connection, sd_hub_rpc *rpc);
void sd_hub_inquiry_release(sd_hub_inquiry *inquiry);

/* SD_STATE while one is under way. The answer never comes from inside. Without with_partitions only the ids
 * of the partitions are known. */
SD_MUST_CHECK sd_status sd_hub_inquiry_start(sd_hub_inquiry *inquiry, bool with_partitions,
                                             sd_hub_info_fn *answer, void *owner);

#endif
