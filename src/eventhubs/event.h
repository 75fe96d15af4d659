/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns one received AMQP message into an sd_event (eventhubs.md §4.2).
 *
 * The common event, one data section and few properties, is viewed in place; everything else is put together
 * in scratch buffers that are used again for the next event.
 */
#ifndef SD_EVENTHUBS_EVENT_H
#define SD_EVENTHUBS_EVENT_H

#include "base/buf.h"
#include "batch/batch.h"

enum {
  SD_EVENTHUBS_OFFSET_MAX = 256,              /* bytes of an offset, with NUL */
  SD_EVENTHUBS_SCRATCH_MAX = 64 * 1024 * 1024 /* a body or a JSON text that is put together */
};

typedef struct sd_event_decoder {
  sd_buf body;
  sd_buf properties;
  sd_buf system_properties;
  char offset[24]; /* an offset that came as a number */
} sd_event_decoder;

void sd_event_decoder_init(sd_event_decoder *decoder);
void sd_event_decoder_release(sd_event_decoder *decoder);

/* Views in *ret_event are good until the next call and while payload lives.
 *
 * body: a data section's bytes (several: one after the other), the text or bytes of an amqp-value, or the
 * JSON of any other value and of sequences. properties: the application properties as a JSON object, empty
 * when there are none. system_properties: the message's properties under their AMQP names and the
 * annotations, but for the three that have a field of their own; empty when there are none.
 *
 * A message that is malformed behind a readable sequence number becomes an event with `dead` set and the
 * whole payload as body. SD_PROTOCOL when there is no sequence number; SD_NOMEM. */
SD_MUST_CHECK sd_status sd_event_decode(sd_event_decoder *decoder, sd_bytes payload, sd_event *ret_event);

#endif
