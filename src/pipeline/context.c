/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The store that callbacks and nodes share, and the switch that cancels runs. */
#include "pipeline/context.h"

#include "base/alloc.h"

#include <string.h>

sd_status sd_cancel_new(sd_cancel **ret_cancel)
{
  sd_cancel *cancel = sd_calloc(1, sizeof *cancel);
  if (!cancel)
    return SD_NOMEM;
  atomic_init(&cancel->references, 1);
  atomic_init(&cancel->now, false);
  *ret_cancel = cancel;
  return SD_OK;
}

void sd_cancel_now(sd_cancel *cancel)
{
  atomic_store(&cancel->now, true);
}

void sd_cancel_free(sd_cancel *cancel)
{
  if (cancel && atomic_fetch_sub_explicit(&cancel->references, 1, memory_order_acq_rel) == 1)
    sd_free(cancel);
}

sd_status sd_run_context_new(sd_cancel *cancel, sd_run_context **ret_context)
{
  sd_run_context *context = sd_calloc(1, sizeof *context);
  if (!context)
    return SD_NOMEM;
  if (pthread_mutex_init(&context->lock, NULL) != 0) {
    sd_free(context);
    return SD_NOMEM;
  }
  if (pthread_mutex_init(&context->hooks, NULL) != 0) {
    pthread_mutex_destroy(&context->lock);
    sd_free(context);
    return SD_NOMEM;
  }
  atomic_init(&context->references, 1);
  atomic_init(&context->stopped, false);
  if (cancel)
    atomic_fetch_add_explicit(&cancel->references, 1, memory_order_relaxed);
  context->cancel = cancel;
  sd_context current = sd_context_current();
  context->trace = sd_context_copy(&current);
  *ret_context = context;
  return SD_OK;
}

sd_run_context *sd_run_context_retain(sd_run_context *context)
{
  atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
  return context;
}

static void free_entries(sd_context_entry *entries, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    sd_free(entries[i].key);
    sd_value_release(entries[i].value);
  }
  sd_free(entries);
}

void sd_run_context_release(sd_run_context *context)
{
  if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
    return;
  free_entries(context->entries, context->entry_count);
  sd_context_release(&context->trace);
  sd_cancel_free(context->cancel);
  pthread_mutex_destroy(&context->hooks);
  pthread_mutex_destroy(&context->lock);
  sd_free(context);
}

/* Takes over value. With the lock. */
static sd_status set_entry(sd_context_entry **entries, size_t *count, const char *key, sd_value value)
{
  for (size_t i = 0; i < *count; i++) {
    if (strcmp((*entries)[i].key, key) != 0)
      continue;
    sd_value old = (*entries)[i].value;
    (*entries)[i].value = value;
    sd_value_release(old);
    return SD_OK;
  }
  sd_status status = SD_LIMIT;
  if (*count < SD_CONTEXT_KEYS_MAX) {
    status = SD_NOMEM;
    char *copy = sd_strdup(key);
    sd_context_entry *more = copy ? sd_realloc(*entries, (*count + 1) * sizeof **entries) : NULL;
    if (more) {
      *entries = more;
      more[(*count)++] = (sd_context_entry){.key = copy, .value = value};
      return SD_OK;
    }
    sd_free(copy);
  }
  sd_value_release(value);
  return status;
}

sd_status sd_run_context_set(sd_run_context *context, const char *key, sd_value value)
{
  pthread_mutex_lock(&context->lock);
  sd_status status = set_entry(&context->entries, &context->entry_count, key, value);
  pthread_mutex_unlock(&context->lock);
  return status;
}

sd_value sd_run_context_get(sd_run_context *context, const char *key)
{
  sd_value value = sd_value_null();
  pthread_mutex_lock(&context->lock);
  for (size_t i = 0; i < context->entry_count; i++)
    if (strcmp(context->entries[i].key, key) == 0)
      value = sd_value_retain(context->entries[i].value);
  pthread_mutex_unlock(&context->lock);
  return value;
}
