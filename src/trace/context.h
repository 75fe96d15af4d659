/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What travels with a context besides its ids: made once, never changed, shared by reference count. */
#ifndef SD_TRACE_CONTEXT_H
#define SD_TRACE_CONTEXT_H

#include "base/bytes.h"
#include "trace/tls.h"

#include <stdatomic.h>
#include <streamduck/trace.h>

struct sd_context_data {
  atomic_uint references;
  size_t tracestate_len;
  size_t baggage_len;
  char text[]; /* tracestate, NUL, baggage, NUL; both as they are sent */
};

/* The thread's current context: read it with sd_context_current where a call does not matter. */
extern SD_THREAD_LOCAL sd_context sd_context_of_thread;

/* sd_context_is_valid of a context that is not NULL. */
static inline bool sd_context_has_ids(const sd_context *context)
{
  uint64_t words[3];
  memcpy(words, context->trace_id, SD_TRACE_ID_SIZE);
  memcpy(words + 2, context->span_id, SD_SPAN_ID_SIZE);
  return (words[0] | words[1]) != 0 && words[2] != 0;
}

/* *ret_data has one reference; NULL when both are empty. */
SD_MUST_CHECK sd_status sd_context_data_new(sd_bytes tracestate, sd_bytes baggage,
                                            sd_context_data **ret_data);
/* NULL is allowed. Returns data. */
sd_context_data *sd_context_data_retain(sd_context_data *data);
void sd_context_data_release(sd_context_data *data);

/* Views into the context's data, empty when there is none. */
sd_bytes sd_context_tracestate_bytes(const sd_context *context);
sd_bytes sd_context_baggage_bytes(const sd_context *context);

#endif
