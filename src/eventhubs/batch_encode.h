/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: the batch format of a publication (eventhubs.md §5), and the sender's test seam. */
#ifndef SD_EVENTHUBS_BATCH_ENCODE_H
#define SD_EVENTHUBS_BATCH_ENCODE_H

#include "eventhubs/sender.h"
#include "eventhubs/timing.h"

/* Appends an envelope (header and partition key of the first event, when it has one) and each event as an
 * encoded message in a data section. SD_LIMIT, SD_NOMEM. */
SD_MUST_CHECK sd_status sd_eventhubs_encode_batch(sd_buf *out, const sd_sender_event *events, uint32_t count);

/* Tests only, before start. */
void sd_eventhubs_sender_set_timing(sd_eventhubs_sender *sender, const sd_eventhubs_timing *timing);

#endif
