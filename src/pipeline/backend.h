/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The local backend from the inside: how it executes, and the threads that it shares among runs. */
#ifndef SD_PIPELINE_BACKEND_H
#define SD_PIPELINE_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <streamduck/backend.h>

struct sd_queue;

struct sd_backend {
  atomic_size_t references;
  sd_execution node_execution;
  sd_execution map_execution;
  uint32_t max_workers;
  /* The pool: at most max_workers - 1 threads, since the caller of a run is one as well. */
  pthread_mutex_t lock;
  pthread_cond_t work; /* a queue was listed, or `stop` */
  pthread_cond_t left; /* a thread has left a queue */
  struct sd_queue *first, *last;
  pthread_t *threads;
  uint32_t thread_count, idle;
  bool stop;
};

/* The queue has work: threads come. With the run's lock. */
void sd_pool_list(sd_backend *backend, struct sd_queue *queue);
/* It has none. With the run's lock. */
void sd_pool_unlist(sd_backend *backend, struct sd_queue *queue);
/* Waits until no thread is at the queue any more. */
void sd_pool_leave(sd_backend *backend, struct sd_queue *queue);

#endif
