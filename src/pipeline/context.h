/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What all frames of one run share and what may outlive it with a node that completes too late. */
#ifndef SD_PIPELINE_CONTEXT_H
#define SD_PIPELINE_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>
#include <streamduck/pipeline.h>

struct sd_cancel {
  atomic_size_t references;
  atomic_bool now;
};

enum { SD_CONTEXT_KEYS_MAX = 4096 /* of the store */ };

typedef struct sd_context_entry {
  char *key;
  sd_value value;
} sd_context_entry;

struct sd_run_context {
  atomic_size_t references;
  atomic_bool stopped; /* nobody wants results any more */
  sd_cancel *cancel;   /* own reference; NULL: none */
  sd_context trace;    /* own reference: current where the run began */
  sd_warn_fn *warn;
  void *warn_user;
  pthread_mutex_t lock;  /* the store */
  pthread_mutex_t hooks; /* one at a time */
  sd_context_entry *entries;
  size_t entry_count;
};

SD_MUST_CHECK sd_status sd_run_context_new(sd_cancel *cancel, sd_run_context **ret_context);
sd_run_context *sd_run_context_retain(sd_run_context *context);
void sd_run_context_release(sd_run_context *context);

static inline bool sd_run_context_cancelled(const sd_run_context *context)
{
  return context->cancel && atomic_load_explicit(&context->cancel->now, memory_order_relaxed);
}

#endif
