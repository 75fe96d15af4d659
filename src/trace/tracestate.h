/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * tracestate of W3C Trace Context level 2 (§3.3): reading it, keeping it within bounds. Members are opaque: a
 * list is kept as the text that is sent on.
 */
#ifndef SD_TRACE_TRACESTATE_H
#define SD_TRACE_TRACESTATE_H

#include "base/buf.h"

#include <streamduck/trace.h>

enum {
  SD_TRACESTATE_KEY_MAX = 256,
  SD_TRACESTATE_VALUE_MAX = 256,
  SD_TRACESTATE_LONG_MEMBER = 128, /* bytes; longer ones go first when the list must shrink */
  SD_TRACESTATE_INPUT_MAX =
      SD_TRACESTATE_MEMBERS_MAX * (SD_TRACESTATE_KEY_MAX + 1 + SD_TRACESTATE_VALUE_MAX + 1)
};

typedef struct sd_tracestate {
  sd_buf list;    /* members joined by ',' */
  size_t members; /* read so far, those left out for their key included */
} sd_tracestate;

void sd_tracestate_init(sd_tracestate *state);
void sd_tracestate_release(sd_tracestate *state);

/* Adds the members of one header value; several values are one list, in order. Of members with the same key
 * the first, which is the most recent, is kept. SD_INVALID: the whole list must be given up. */
SD_MUST_CHECK sd_status sd_tracestate_add(sd_tracestate *state, sd_bytes header);

/* Takes members out until the list has at most SD_TRACESTATE_BYTES_MAX bytes (§3.3.1.5): the long ones first,
 * then from the right. */
void sd_tracestate_shrink(sd_tracestate *state);

#endif
