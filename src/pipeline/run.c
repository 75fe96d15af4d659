/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The caller's thread in a run: works, waits, notices cancellation, time-outs and retries that are due. */
#include "pipeline/run.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <time.h>

enum { CANCEL_NOTICED_MS = 10 }; /* a signal handler can wake nobody: it is looked for */

sd_status sd_run_init(sd_run *run, sd_cancel *cancel, sd_error *error)
{
  *run = (sd_run){.caller = {.run = run}};
  atomic_init(&run->restart, false);
  pthread_condattr_t monotonic;
  int failed;
  if (sd_run_context_new(cancel, &run->context) != SD_OK)
    goto nomem;
  if (pthread_mutex_init(&run->lock, NULL) != 0)
    goto nomem;
  if (pthread_condattr_init(&monotonic) != 0) {
    pthread_mutex_destroy(&run->lock);
    goto nomem;
  }
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  failed = pthread_cond_init(&run->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  if (failed) {
    pthread_mutex_destroy(&run->lock);
    goto nomem;
  }
  run->has_lock = true;
  return SD_OK;
nomem:
  sd_run_context_release(run->context);
  run->context = NULL;
  return sd_error_set(error, SD_NOMEM, "out of memory for a run");
}

void sd_run_quiesce(sd_run *run)
{
  for (sd_queue *queue = run->queues; queue; queue = queue->next) {
    if (!queue->pooled)
      continue;
    pthread_mutex_lock(&run->lock);
    sd_pool_unlist(queue->backend, queue);
    pthread_mutex_unlock(&run->lock);
    sd_pool_leave(queue->backend, queue);
  }
}

void sd_run_release(sd_run *run)
{
  if (!run->has_lock)
    return;
  atomic_store(&run->context->stopped, true);
  sd_run_quiesce(run);
  while (run->queues) {
    sd_queue *queue = run->queues;
    run->queues = queue->next;
    sd_free(queue);
  }
  while (run->signer_count > 0)
    sd_signer_free(run->signers[--run->signer_count]);
  pthread_cond_destroy(&run->wake);
  pthread_mutex_destroy(&run->lock);
  sd_run_context_release(run->context);
}

void sd_run_over(sd_run *run)
{
  pthread_mutex_lock(&run->lock);
  run->done = true;
  if (run->waiting)
    pthread_cond_signal(&run->wake);
  pthread_mutex_unlock(&run->lock);
}

sd_status sd_run_check(const sd_run *run, int64_t deadline_ns)
{
  if (sd_run_context_cancelled(run->context))
    return SD_CANCELLED;
  if (atomic_load_explicit(&run->restart, memory_order_relaxed))
    return SD_AGAIN;
  if (deadline_ns && (int64_t)sd_clock_monotonic_ns() >= deadline_ns)
    return SD_TIMEOUT;
  return SD_OK;
}

/* Retries whose time has come, or that nobody wants. With the lock. Returns when to look again; 0: never. */
static int64_t look_around(sd_run *run)
{
  if (!run->retries && !run->pending)
    return 0;
  int64_t now = (int64_t)sd_clock_monotonic_ns();
  int64_t wake = 0;
  for (sd_node_call **link = &run->retries; *link;) {
    sd_node_call *call = *link;
    int64_t due = call->due_ns;
    if (call->frame->deadline_ns && call->frame->deadline_ns < due)
      due = call->frame->deadline_ns;
    if (due <= now || sd_run_check(run, 0) != SD_OK || sd_frame_stopped(call->frame)) {
      *link = call->next;
      sd_queue_push(call->frame->queue, &call->job);
      continue;
    }
    if (wake == 0 || due < wake)
      wake = due;
    link = &call->next;
  }
  sd_calls_reap(run, now);
  for (sd_node_call *call = run->pending; call; call = call->next)
    if (call->deadline_ns && (wake == 0 || call->deadline_ns < wake))
      wake = call->deadline_ns;
  return wake;
}

/* With the lock. */
static sd_job *next_job(sd_run *run)
{
  sd_job *job = sd_queue_pop(&run->caller);
  for (sd_queue *queue = run->queues; queue && !job; queue = queue->next)
    job = sd_queue_pop(queue);
  return job;
}

void sd_run_drive(sd_run *run)
{
  int64_t looked = 0;
  pthread_mutex_lock(&run->lock);
  while (!run->done) {
    sd_job *job = next_job(run);
    int64_t wake = 0;
    if (!job) {
      wake = look_around(run);
      job = next_job(run);
    } else if (run->retries || run->pending) {
      /* Also while there is always something to do. */
      int64_t now = (int64_t)sd_clock_monotonic_ns();
      if (now - looked > CANCEL_NOTICED_MS * 1000000) {
        looked = now;
        (void)look_around(run);
      }
    }
    if (job) {
      pthread_mutex_unlock(&run->lock);
      sd_job_do(job);
      pthread_mutex_lock(&run->lock);
      continue;
    }
    run->waiting = true;
    if (run->context->cancel) {
      int64_t soon = (int64_t)sd_clock_monotonic_ns() + CANCEL_NOTICED_MS * 1000000;
      if (wake == 0 || wake > soon)
        wake = soon;
    }
    if (wake == 0) {
      pthread_cond_wait(&run->wake, &run->lock);
    } else {
      struct timespec until = {.tv_sec = wake / 1000000000, .tv_nsec = wake % 1000000000};
      pthread_cond_timedwait(&run->wake, &run->lock, &until);
    }
    run->waiting = false;
  }
  pthread_mutex_unlock(&run->lock);
}

sd_effective sd_aspects_resolve(const sd_effective *parent, const sd_aspects *own)
{
  sd_effective effective = *parent;
  if (own->given & SD_ASPECT_BACKEND)
    effective.backend = own->backend;
  if (own->given & SD_ASPECT_CACHE)
    effective.cache = own->cache;
  if (own->given & SD_ASPECT_CALLBACKS) {
    effective.callbacks = own->callbacks;
    effective.callback_count = own->callback_count;
  }
  return effective;
}

int64_t sd_deadline_of(int64_t parent_ns, const sd_aspects *own)
{
  if (!(own->given & SD_ASPECT_TIMEOUT) || own->timeout_ms == 0)
    return parent_ns;
  int64_t mine = (int64_t)sd_clock_monotonic_ns() + (int64_t)own->timeout_ms * 1000000;
  return parent_ns && parent_ns < mine ? parent_ns : mine;
}
