/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Bodies of test events, made from their number alone, so that sender, test and benchmark agree on them. */
#ifndef SD_TESTS_EVENT_BODY_H
#define SD_TESTS_EVENT_BODY_H

#include "base/buf.h"

typedef enum event_body_kind {
  EVENT_BODY_PAD, /* {"i":<i>,"pad":"<8 hex digits, repeated and cut>"}: SQL can compute it again */
  EVENT_BODY_TEXT /* {"i":<i>,"device":…,"value":…,"text":"<random letters>"}: compresses as real events do */
} event_body_kind;

/* Appends the body of event i with `size` bytes, or as short as it can be; its length. */
size_t event_body_put(sd_buf *out, event_body_kind kind, uint64_t i, size_t size);

/* "pad" or "text"; false: neither. */
bool event_body_kind_of(const char *name, event_body_kind *ret_kind);

#endif
