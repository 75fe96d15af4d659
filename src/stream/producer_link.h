/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The trace in which an event was produced, as Azure's SDKs write it into application properties. */
#ifndef SD_STREAM_PRODUCER_LINK_H
#define SD_STREAM_PRODUCER_LINK_H

#include "base/bytes.h"

#include <streamduck/trace.h>

/* properties: an event's application properties as JSON. The property traceparent counts, else Diagnostic-Id.
 * False where neither is there or well formed. */
bool sd_producer_link_find(sd_bytes properties, sd_context *ret_context);

#endif
