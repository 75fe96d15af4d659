/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a sender published to records as receivers get them (eventhubs.md §5): a single message, or a
 * batch whose data sections hold one message each. Body, properties and application-properties stay as the
 * sender encoded them; the annotations are made anew; section descriptors become small ulongs, which pyamqp
 * needs.
 */
#ifndef SD_EMULATOR_PUBLICATION_H
#define SD_EMULATOR_PUBLICATION_H

#include "emulator/log.h"

enum { EMU_PUBLICATION_MAX = 1048576 /* bytes of one delivery (eventhubs.md §5) */ };

typedef struct emu_publication {
  sd_bytes payload;
  uint32_t message_format;
  const char *publisher; /* of hub/publishers/<name>, else NULL */
  uint64_t offset_base;  /* an event's offset is this plus its position, as decimal text */
  int64_t now_ms;        /* enqueued time of all its events */
} emu_publication;

/* The partition key of the envelope, else of the first event; empty when there is none. */
sd_bytes emu_publication_key(const emu_publication *publication);

/* Stages all events into the log; the caller commits. SD_PROTOCOL when a message is malformed, with the text
 * for the sender; SD_INVALID when the batch holds no event. On failure nothing stays staged. */
SD_MUST_CHECK sd_status emu_publication_stage(const emu_publication *publication, emu_log *log,
                                              uint32_t *ret_events, sd_error *error);

/* A stable hash: the same key always gives the same partition of `count`. */
uint32_t emu_partition_of_key(sd_bytes key, uint32_t count);

#endif
