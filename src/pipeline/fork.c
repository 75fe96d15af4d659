/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The list of what a fork must know of, and the process's fork handlers. */
#include "pipeline/fork.h"

#include <pthread.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static sd_fork_guard *all;
static pthread_once_t handlers_once = PTHREAD_ONCE_INIT;
static int handlers_failed;

static void before_fork(void)
{
  pthread_mutex_lock(&list_lock);
  for (sd_fork_guard *guard = all; guard; guard = guard->next)
    guard->hold(guard);
}

static void in_parent(void)
{
  for (sd_fork_guard *guard = all; guard; guard = guard->next)
    guard->let_go(guard, false);
  pthread_mutex_unlock(&list_lock);
}

static void in_child(void)
{
  for (sd_fork_guard *guard = all; guard; guard = guard->next)
    guard->let_go(guard, true);
  pthread_mutex_init(&list_lock, NULL);
}

static void add_handlers(void)
{
  handlers_failed = pthread_atfork(before_fork, in_parent, in_child);
}

sd_status sd_fork_guard_add(sd_fork_guard *guard)
{
  pthread_once(&handlers_once, add_handlers);
  if (handlers_failed)
    return SD_NOMEM;
  pthread_mutex_lock(&list_lock);
  guard->next = all;
  all = guard;
  pthread_mutex_unlock(&list_lock);
  return SD_OK;
}

void sd_fork_guard_remove(sd_fork_guard *guard)
{
  pthread_mutex_lock(&list_lock);
  sd_fork_guard **at = &all;
  while (*at && *at != guard)
    at = &(*at)->next;
  if (*at)
    *at = guard->next;
  pthread_mutex_unlock(&list_lock);
}
