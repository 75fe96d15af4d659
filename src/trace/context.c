/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Contexts: sharing their data, and the current one of each thread. */
#include "trace/context.h"

#include "base/alloc.h"

SD_THREAD_LOCAL sd_context sd_context_of_thread;

sd_status sd_context_data_new(sd_bytes tracestate, sd_bytes baggage, sd_context_data **ret_data)
{
  if (tracestate.len == 0 && baggage.len == 0) {
    *ret_data = NULL;
    return SD_OK;
  }
  sd_context_data *data = sd_alloc(sizeof *data + tracestate.len + 1 + baggage.len + 1);
  if (!data)
    return SD_NOMEM;
  atomic_init(&data->references, 1);
  data->tracestate_len = tracestate.len;
  data->baggage_len = baggage.len;
  if (tracestate.len > 0)
    memcpy(data->text, tracestate.data, tracestate.len);
  data->text[tracestate.len] = '\0';
  if (baggage.len > 0)
    memcpy(data->text + tracestate.len + 1, baggage.data, baggage.len);
  data->text[tracestate.len + 1 + baggage.len] = '\0';
  *ret_data = data;
  return SD_OK;
}

sd_context_data *sd_context_data_retain(sd_context_data *data)
{
  if (data)
    atomic_fetch_add_explicit(&data->references, 1, memory_order_relaxed);
  return data;
}

void sd_context_data_release(sd_context_data *data)
{
  if (data && atomic_fetch_sub_explicit(&data->references, 1, memory_order_acq_rel) == 1)
    sd_free(data);
}

bool sd_context_is_valid(const sd_context *context)
{
  return context && sd_context_has_ids(context);
}

sd_context sd_context_copy(const sd_context *context)
{
  sd_context copy = SD_CONTEXT_NONE;
  if (context) {
    copy = *context;
    sd_context_data_retain(copy.data);
  }
  return copy;
}

void sd_context_release(sd_context *context)
{
  if (!context)
    return;
  sd_context_data_release(context->data);
  *context = (sd_context)SD_CONTEXT_NONE;
}

sd_context sd_context_current(void)
{
  return sd_context_of_thread;
}

sd_context sd_context_attach(const sd_context *context)
{
  sd_context previous = sd_context_of_thread;
  sd_context_of_thread = sd_context_copy(context);
  return previous;
}

void sd_context_restore(sd_context *previous)
{
  sd_context last = sd_context_of_thread;
  sd_context_of_thread = *previous;
  *previous = (sd_context)SD_CONTEXT_NONE;
  sd_context_release(&last);
}

sd_bytes sd_context_tracestate_bytes(const sd_context *context)
{
  const sd_context_data *data = context ? context->data : NULL;
  return data ? sd_bytes_make(data->text, data->tracestate_len) : sd_bytes_make(NULL, 0);
}

sd_bytes sd_context_baggage_bytes(const sd_context *context)
{
  const sd_context_data *data = context ? context->data : NULL;
  return data ? sd_bytes_make(data->text + data->tracestate_len + 1, data->baggage_len)
              : sd_bytes_make(NULL, 0);
}

const char *sd_context_tracestate(const sd_context *context)
{
  const sd_context_data *data = context ? context->data : NULL;
  return data ? data->text : "";
}

const char *sd_context_baggage(const sd_context *context)
{
  const sd_context_data *data = context ? context->data : NULL;
  return data ? data->text + data->tracestate_len + 1 : "";
}
