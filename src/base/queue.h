/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded op queue by which threads talk: first in, first out, many senders, one receiver.
 *
 * An op is any struct that begins with sd_op; the queue links it and never copies or frees it. Ownership
 * moves to the queue when push succeeds and to the receiver when pop returns it.
 */
#ifndef SD_BASE_QUEUE_H
#define SD_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamduck/error.h>

typedef struct sd_op {
  struct sd_op *next; /* private while queued */
  int type;           /* the enum of the queue's owner; each enumerator names sender and receiver */
} sd_op;

typedef struct sd_queue sd_queue;

/* Called after a push made an empty queue non-empty, by the pushing thread, without the queue's lock; it must
 * be callable from any thread (uv_async_send is). NULL: the receiver waits in sd_queue_pop. */
typedef void sd_queue_wake_fn(void *user);

/* capacity: most ops queued at once (>= 1). */
SD_MUST_CHECK sd_status sd_queue_new(size_t capacity, sd_queue_wake_fn *wake, void *wake_user,
                                     sd_queue **ret_queue);
/* The queue must be empty or its ops not owned by anyone; it does not free ops. NULL is allowed. */
void sd_queue_free(sd_queue *queue);

/* SD_AGAIN when full, SD_CLOSED after close: the op stays the caller's. Any thread, never waits. */
SD_MUST_CHECK sd_status sd_queue_push(sd_queue *queue, sd_op *op);
/* As push, but passes the capacity: for replies and stop requests of which the design allows a bounded
 * number. */
SD_MUST_CHECK sd_status sd_queue_push_always(sd_queue *queue, sd_op *op);

/* The next op, or NULL after timeout_ms (0: at once; UINT32_MAX: wait for ever) or when closed and empty.
 * Receiver thread only. */
sd_op *sd_queue_pop(sd_queue *queue, uint32_t timeout_ms);

/* The next op without taking it, NULL when empty; good until the receiver pops. Receiver thread only. */
sd_op *sd_queue_peek(sd_queue *queue);

/* No more pushes; what is queued can still be popped; wakes the receiver. Any thread. */
void sd_queue_close(sd_queue *queue);

size_t sd_queue_length(sd_queue *queue);

#endif
