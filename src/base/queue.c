/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The bounded op queue: a singly linked list under one lock. */
#include "base/queue.h"

#include "base/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct sd_queue {
  pthread_mutex_t lock;
  pthread_cond_t filled; /* by the monotonic clock */
  sd_op *first;
  sd_op **end; /* where the next op is linked */
  size_t length;
  size_t capacity;
  bool closed;
  sd_queue_wake_fn *wake;
  void *wake_user;
};

static int init_monotonic_cond(pthread_cond_t *cond)
{
  pthread_condattr_t attr;
  int rc = pthread_condattr_init(&attr);
  if (rc != 0)
    return rc;
  rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  if (rc == 0)
    rc = pthread_cond_init(cond, &attr);
  pthread_condattr_destroy(&attr);
  return rc;
}

sd_status sd_queue_new(size_t capacity, sd_queue_wake_fn *wake, void *wake_user, sd_queue **ret_queue)
{
  if (capacity == 0)
    return SD_INVALID;
  sd_queue *queue = sd_calloc(1, sizeof *queue);
  if (!queue)
    return SD_NOMEM;
  if (pthread_mutex_init(&queue->lock, NULL) != 0)
    goto free_queue;
  if (init_monotonic_cond(&queue->filled) != 0)
    goto destroy_lock;
  queue->end = &queue->first;
  queue->capacity = capacity;
  queue->wake = wake;
  queue->wake_user = wake_user;
  *ret_queue = queue;
  return SD_OK;

destroy_lock:
  pthread_mutex_destroy(&queue->lock);
free_queue:
  sd_free(queue);
  return SD_NOMEM;
}

void sd_queue_free(sd_queue *queue)
{
  if (!queue)
    return;
  pthread_cond_destroy(&queue->filled);
  pthread_mutex_destroy(&queue->lock);
  sd_free(queue);
}

static sd_status push(sd_queue *queue, sd_op *op, bool always)
{
  sd_status status = SD_OK;
  bool was_empty = false;
  /* Once the lock is open the receiver may take the op and free the queue: nothing of it is touched after
   * that. */
  sd_queue_wake_fn *wake = queue->wake;
  void *wake_user = queue->wake_user;

  pthread_mutex_lock(&queue->lock);
  if (queue->closed) {
    status = SD_CLOSED;
  } else if (!always && queue->length >= queue->capacity) {
    status = SD_AGAIN;
  } else {
    was_empty = queue->length == 0;
    op->next = NULL;
    *queue->end = op;
    queue->end = &op->next;
    queue->length++;
    if (was_empty)
      pthread_cond_signal(&queue->filled);
  }
  pthread_mutex_unlock(&queue->lock);

  if (was_empty && wake)
    wake(wake_user);
  return status;
}

sd_status sd_queue_push(sd_queue *queue, sd_op *op)
{
  return push(queue, op, false);
}

sd_status sd_queue_push_always(sd_queue *queue, sd_op *op)
{
  return push(queue, op, true);
}

static struct timespec deadline_after(uint32_t timeout_ms)
{
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_sec += timeout_ms / 1000;
  deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
  if (deadline.tv_nsec >= 1000000000) {
    deadline.tv_sec++;
    deadline.tv_nsec -= 1000000000;
  }
  return deadline;
}

/* With the lock held: until there is an op, the queue is closed or the time is over. */
static void wait_filled(sd_queue *queue, uint32_t timeout_ms)
{
  if (timeout_ms == 0 || queue->first || queue->closed)
    return;
  struct timespec deadline = deadline_after(timeout_ms);
  int rc = 0;
  while (!queue->first && !queue->closed && rc == 0) {
    if (timeout_ms == UINT32_MAX)
      rc = pthread_cond_wait(&queue->filled, &queue->lock);
    else
      rc = pthread_cond_timedwait(&queue->filled, &queue->lock, &deadline);
  }
}

sd_op *sd_queue_pop(sd_queue *queue, uint32_t timeout_ms)
{
  pthread_mutex_lock(&queue->lock);
  wait_filled(queue, timeout_ms);
  sd_op *op = queue->first;
  if (op) {
    queue->first = op->next;
    if (!queue->first)
      queue->end = &queue->first;
    queue->length--;
    op->next = NULL;
  }
  pthread_mutex_unlock(&queue->lock);
  return op;
}

sd_op *sd_queue_peek(sd_queue *queue)
{
  pthread_mutex_lock(&queue->lock);
  sd_op *op = queue->first;
  pthread_mutex_unlock(&queue->lock);
  return op;
}

void sd_queue_close(sd_queue *queue)
{
  sd_queue_wake_fn *wake = queue->wake;
  void *wake_user = queue->wake_user;
  pthread_mutex_lock(&queue->lock);
  bool was_open = !queue->closed;
  queue->closed = true;
  pthread_cond_signal(&queue->filled);
  pthread_mutex_unlock(&queue->lock);
  if (was_open && wake)
    wake(wake_user);
}

size_t sd_queue_length(sd_queue *queue)
{
  pthread_mutex_lock(&queue->lock);
  size_t length = queue->length;
  pthread_mutex_unlock(&queue->lock);
  return length;
}
