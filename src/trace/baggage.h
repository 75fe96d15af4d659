/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* W3C Baggage: reading the header within its limits. A list is kept as the text that is sent on. */
#ifndef SD_TRACE_BAGGAGE_H
#define SD_TRACE_BAGGAGE_H

#include "base/buf.h"

#include <streamduck/trace.h>

typedef struct sd_baggage {
  sd_buf list; /* members joined by ',', properties by ';', without white space, values as they came */
  size_t members;
} sd_baggage;

void sd_baggage_init(sd_baggage *baggage);
void sd_baggage_release(sd_baggage *baggage);

/* Adds the members of one header value; several values are one list, in order. A malformed member, and one
 * that would pass SD_BAGGAGE_MEMBERS_MAX or SD_BAGGAGE_BYTES_MAX, is left out whole. SD_NOMEM is the only
 * failure. */
SD_MUST_CHECK sd_status sd_baggage_add(sd_baggage *baggage, sd_bytes header);

#endif
