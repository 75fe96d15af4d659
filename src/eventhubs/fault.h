/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What an error of the broker or the network asks for (eventhubs.md §4.5). */
#ifndef SD_EVENTHUBS_FAULT_H
#define SD_EVENTHUBS_FAULT_H

#include "eventhubs/timing.h"

#include <streamduck/error.h>

typedef enum sd_fault {
  SD_FAULT_RETRY = 0,      /* transient, and everything unknown */
  SD_FAULT_QUIET,          /* the service tidied up an idle link or connection: retry without a word */
  SD_FAULT_TIMEOUT,        /* the service timed out: retry after a moment */
  SD_FAULT_BUSY,           /* throttled: retry after a while */
  SD_FAULT_QUOTA,          /* a quota is used up: retry after a long while */
  SD_FAULT_UNAUTHORIZED,   /* one fresh token, then stop */
  SD_FAULT_PARTITION_LOST, /* taken by another receiver */
  SD_FAULT_OFFSET_LOST,    /* the position does not exist (any more) */
  SD_FAULT_STOP            /* stays so until somebody changes something */
} sd_fault;

sd_fault sd_fault_of(const sd_error *error);

/* The least wait before a retry that the fault asks for. */
uint32_t sd_fault_wait_ms(sd_fault fault, const sd_eventhubs_timing *timing);

/* The names that an advice mentions. */
typedef struct sd_fault_names {
  const char *host;
  const char *hub;
  const char *consumer_group; /* NULL: a sender */
} sd_fault_names;

/* Puts in front of the message of an error that stops what somebody can do about it. Other faults keep their
 * message. */
void sd_fault_advise(sd_error *error, const sd_fault_names *names);

#endif
