/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Surviving fork. Before it every lock that guards something is taken, so that the child finds nothing half
 * changed; exporters look after themselves in after_fork. The records that wait are the parent's, and so are
 * the spans that are open.
 */
#include "trace/fork.h"

#include "trace/span.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static sd_telemetry *all;
static pthread_once_t handlers_once = PTHREAD_ONCE_INIT;
static int handlers_failed;

static void before_fork(void)
{
  pthread_mutex_lock(&list_lock);
  for (sd_telemetry *t = all; t; t = t->next) {
    if (t->registry)
      sd_registry_before_fork(t->registry);
    sd_processor_before_fork(t);
    sd_record_scrubber_before_fork(t->scrubber);
    pthread_mutex_lock(&t->lock);
  }
}

static void in_parent(void)
{
  for (sd_telemetry *t = all; t; t = t->next) {
    pthread_mutex_unlock(&t->lock);
    sd_record_scrubber_after_fork(t->scrubber);
    sd_processor_after_fork_parent(t);
    if (t->registry)
      sd_registry_after_fork_parent(t->registry);
  }
  pthread_mutex_unlock(&list_lock);
}

static void reset_counters(sd_telemetry *t)
{
  memset(t->cells, 0, sizeof t->cells);
  atomic_store(&t->dropped_shutdown, 0);
  atomic_store(&t->dropped_unclean, 0);
}

static void in_child(void)
{
  sd_thread_after_fork();
  for (sd_telemetry *t = all; t; t = t->next) {
    pthread_mutex_unlock(&t->lock);
    sd_record_scrubber_after_fork(t->scrubber);
    reset_counters(t);
    t->dropped_fork = sd_processor_after_fork(t);
    atomic_fetch_add(&t->forks, 1);
    sd_resource_after_fork(&t->resource);
    for (size_t i = 0; i < t->exporter_count; i++) {
      if (t->exporters[i]->vtable->after_fork)
        t->exporters[i]->vtable->after_fork(t->exporters[i]->self);
    }
    if (t->registry)
      sd_registry_after_fork(t->registry);
  }
  pthread_mutex_unlock(&list_lock);
}

static void add_handlers(void)
{
  handlers_failed = pthread_atfork(before_fork, in_parent, in_child);
}

sd_status sd_fork_add(sd_telemetry *telemetry)
{
  pthread_once(&handlers_once, add_handlers);
  if (handlers_failed)
    return SD_NOMEM;
  pthread_mutex_lock(&list_lock);
  telemetry->next = all;
  all = telemetry;
  pthread_mutex_unlock(&list_lock);
  return SD_OK;
}

void sd_fork_remove(sd_telemetry *telemetry)
{
  pthread_mutex_lock(&list_lock);
  sd_telemetry **at = &all;
  while (*at && *at != telemetry)
    at = &(*at)->next;
  if (*at)
    *at = telemetry->next;
  pthread_mutex_unlock(&list_lock);
}
