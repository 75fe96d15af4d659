/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Back-pressure: how much memory a mapping may hold, and when its source is told how much is free.
 *
 * A mapping's share is what all mappings may hold together divided by their number, at most
 * SD_STREAM_MAPPING_MEMORY_MAX. Free is the share less what its open, queued and in-flight batches hold, less
 * a reserve for blocks that are begun but not full. Pure; the loop's thread.
 */
#ifndef SD_STREAM_MEMORY_H
#define SD_STREAM_MEMORY_H

#include "batch/batch.h"

enum {
  SD_MEMORY_SHARE_MIN = 4 * 1024 * 1024, /* two events of the service's largest size and their blocks */
  /* What one append can take beside the event's own bytes: a segment, a block, the partition table. */
  SD_MEMORY_RESERVE = 6 * SD_BATCH_ARENA_BLOCK,
  SD_MEMORY_TRANSACTION_MAX = 48 * 1024 * 1024,
  SD_MEMORY_TRANSACTION_MIN = 1024 * 1024
};

/* A mapping's share in bytes. total 0 is the default total, which grows where it would give less than
 * SD_MEMORY_SHARE_MIN each; another total that would is refused with SD_CONFIG. */
SD_MUST_CHECK sd_status sd_memory_share(size_t total, size_t mapping_count, size_t *ret_share,
                                        sd_error *error);

/* Bytes of one transaction: min(48 MB, half the share). */
size_t sd_memory_transaction(size_t share);

typedef struct sd_memory {
  size_t share;
  size_t granted;  /* what the source was told last */
  size_t received; /* bytes that came since then: they have used up as much of the grant */
  bool told;       /* the source has been told anything at all */
} sd_memory;

void sd_memory_init(sd_memory *memory, size_t share);

/* Free bytes while batches hold `held`. */
size_t sd_memory_free(const sd_memory *memory, size_t held);

/* Whether the source should be told anew: when the free memory or what is left of the last grant has moved by
 * a sixteenth of the share, or there is none, or some again. On true *ret_free is noted as told. */
bool sd_memory_regrant(sd_memory *memory, size_t held, size_t *ret_free);

#endif
