/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The local backend: options, comparison, and a pool of threads that starts with the first work. */
#include "pipeline/backend.h"

#include "base/alloc.h"
#include "pipeline/run.h"

#include <signal.h>
#include <unistd.h>

enum { ASYNCHRONOUS_WORKERS = 100 };

sd_status sd_local_backend_new(const sd_local_backend_options *options, sd_backend **ret_backend,
                               sd_error *error)
{
  static const sd_local_backend_options DEFAULTS = {.struct_size = sizeof DEFAULTS};
  if (!options)
    options = &DEFAULTS;
  if (options->max_workers > SD_BACKEND_WORKERS_MAX)
    return sd_error_set(error, SD_INVALID, "max_workers is %u, at most %d are allowed", options->max_workers,
                        SD_BACKEND_WORKERS_MAX);
  if ((unsigned)options->node_execution > SD_ASYNCHRONOUS ||
      (unsigned)options->map_execution > SD_ASYNCHRONOUS)
    return sd_error_set(error, SD_INVALID, "an execution is SD_SEQUENTIAL, SD_THREADED or SD_ASYNCHRONOUS");
  uint32_t workers = options->max_workers;
  if (workers == 0) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    workers = processors < 1                        ? 1
              : processors > SD_BACKEND_WORKERS_MAX ? SD_BACKEND_WORKERS_MAX
                                                    : (uint32_t)processors;
    if (options->node_execution == SD_ASYNCHRONOUS || options->map_execution == SD_ASYNCHRONOUS)
      workers = ASYNCHRONOUS_WORKERS;
  }
  sd_backend *backend = sd_calloc(1, sizeof *backend);
  pthread_t *threads = sd_calloc(workers, sizeof *threads);
  if (!backend || !threads)
    goto nomem;
  atomic_init(&backend->references, 1);
  backend->node_execution = options->node_execution;
  backend->map_execution = options->map_execution;
  backend->max_workers = workers;
  backend->threads = threads;
  if (pthread_mutex_init(&backend->lock, NULL) != 0)
    goto nomem;
  if (pthread_cond_init(&backend->work, NULL) != 0) {
    pthread_mutex_destroy(&backend->lock);
    goto nomem;
  }
  if (pthread_cond_init(&backend->left, NULL) != 0) {
    pthread_cond_destroy(&backend->work);
    pthread_mutex_destroy(&backend->lock);
    goto nomem;
  }
  *ret_backend = backend;
  return SD_OK;
nomem:
  sd_free(threads);
  sd_free(backend);
  return sd_error_set(error, SD_NOMEM, "out of memory for a backend");
}

sd_backend *sd_backend_retain(sd_backend *backend)
{
  if (backend)
    atomic_fetch_add_explicit(&backend->references, 1, memory_order_relaxed);
  return backend;
}

void sd_backend_release(sd_backend *backend)
{
  if (!backend || atomic_fetch_sub_explicit(&backend->references, 1, memory_order_acq_rel) != 1)
    return;
  pthread_mutex_lock(&backend->lock);
  backend->stop = true;
  pthread_cond_broadcast(&backend->work);
  pthread_mutex_unlock(&backend->lock);
  for (uint32_t i = 0; i < backend->thread_count; i++)
    pthread_join(backend->threads[i], NULL);
  pthread_cond_destroy(&backend->left);
  pthread_cond_destroy(&backend->work);
  pthread_mutex_destroy(&backend->lock);
  sd_free(backend->threads);
  sd_free(backend);
}

const char *sd_backend_describe(const sd_backend *backend)
{
  (void)backend;
  return "Local";
}

bool sd_backend_equal(const sd_backend *a, const sd_backend *b)
{
  return a == b || (a && b && a->node_execution == b->node_execution &&
                    a->map_execution == b->map_execution && a->max_workers == b->max_workers);
}

static void *work(void *user)
{
  sd_backend *backend = user;
  pthread_mutex_lock(&backend->lock);
  for (;;) {
    while (!backend->first && !backend->stop) {
      backend->idle++;
      pthread_cond_wait(&backend->work, &backend->lock);
      backend->idle--;
    }
    if (backend->stop)
      break;
    sd_queue *queue = backend->first;
    queue->users++;
    pthread_mutex_unlock(&backend->lock);
    sd_run *run = queue->run;
    sd_context before = sd_context_attach(&run->context->trace);
    pthread_mutex_lock(&run->lock);
    for (;;) {
      sd_job *job = sd_queue_pop(queue);
      if (!job)
        break;
      pthread_mutex_unlock(&run->lock);
      sd_job_do(job);
      pthread_mutex_lock(&run->lock);
    }
    pthread_mutex_unlock(&run->lock);
    sd_context_restore(&before);
    pthread_mutex_lock(&backend->lock);
    if (--queue->users == 0)
      pthread_cond_broadcast(&backend->left);
  }
  pthread_mutex_unlock(&backend->lock);
  return NULL;
}

void sd_pool_list(sd_backend *backend, sd_queue *queue)
{
  pthread_mutex_lock(&backend->lock);
  if (!queue->listed) {
    queue->listed = true;
    queue->pool_next = NULL;
    if (backend->last)
      backend->last->pool_next = queue;
    else
      backend->first = queue;
    backend->last = queue;
  }
  if (backend->idle > 0) {
    pthread_cond_signal(&backend->work);
  } else if (backend->thread_count + 1 < backend->max_workers) {
    /* Signals are the program's matter. Where no thread can be had the caller works alone. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&backend->threads[backend->thread_count], NULL, work, backend) == 0)
      backend->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_mutex_unlock(&backend->lock);
}

void sd_pool_unlist(sd_backend *backend, sd_queue *queue)
{
  pthread_mutex_lock(&backend->lock);
  if (queue->listed) {
    sd_queue *before = NULL;
    sd_queue **link = &backend->first;
    while (*link != queue) {
      before = *link;
      link = &before->pool_next;
    }
    *link = queue->pool_next;
    if (backend->last == queue)
      backend->last = before;
    queue->listed = false;
  }
  pthread_mutex_unlock(&backend->lock);
}

void sd_pool_leave(sd_backend *backend, sd_queue *queue)
{
  pthread_mutex_lock(&backend->lock);
  while (queue->users > 0)
    pthread_cond_wait(&backend->left, &backend->lock);
  pthread_mutex_unlock(&backend->lock);
}
