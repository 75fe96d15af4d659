/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the event decoder: the two ways of decoding, which agree wherever the fast one answers.
 *
 * The fast way takes what nearly all events are made of (header, annotations with symbol keys, application
 * properties of plain ASCII texts, integers and booleans, one data section) and reads each byte once. At
 * anything else it steps back, and the general way decodes the event from the beginning.
 */
#ifndef SD_EVENTHUBS_EVENT_FAST_H
#define SD_EVENTHUBS_EVENT_FAST_H

#include "eventhubs/event.h"

/* False: take the general way; *ret_event is untouched. */
bool sd_event_decode_fast(sd_event_decoder *decoder, sd_bytes payload, sd_event *ret_event);

/* SD_OK, SD_PROTOCOL (malformed, or no sequence number), SD_LIMIT, SD_NOMEM. *ret_event is overwritten in any
 * case. */
SD_MUST_CHECK sd_status sd_event_decode_general(sd_event_decoder *decoder, sd_bytes payload,
                                                sd_event *ret_event);

#endif
