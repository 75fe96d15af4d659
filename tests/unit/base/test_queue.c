/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The op queue, with threads. */
#include "base/alloc.h"
#include "base/queue.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SENDERS = 4, OPS_PER_SENDER = 20000, CAPACITY = 64 };

typedef struct numbered_op {
  sd_op op;
  int number;
} numbered_op;

static void count_wake(void *user)
{
  atomic_fetch_add((atomic_int *)user, 1);
}

static void ops_come_out_in_the_order_they_went_in(void **state)
{
  (void)state;
  sd_queue *queue;
  assert_int_equal(sd_queue_new(10, NULL, NULL, &queue), SD_OK);
  numbered_op ops[10];
  for (int i = 0; i < 10; i++) {
    ops[i].op.type = i;
    assert_int_equal(sd_queue_push(queue, &ops[i].op), SD_OK);
  }
  assert_int_equal(sd_queue_length(queue), 10);
  for (int i = 0; i < 10; i++) {
    assert_ptr_equal(sd_queue_peek(queue), &ops[i].op);
    assert_ptr_equal(sd_queue_pop(queue, 0), &ops[i].op);
    assert_null(ops[i].op.next);
  }
  assert_null(sd_queue_peek(queue));
  assert_null(sd_queue_pop(queue, 0));
  assert_int_equal(sd_queue_push(queue, &ops[3].op), SD_OK);
  assert_ptr_equal(sd_queue_pop(queue, UINT32_MAX), &ops[3].op);
  sd_queue_free(queue);
}

static void a_full_queue_says_again_but_takes_what_must_pass(void **state)
{
  (void)state;
  sd_queue *queue;
  sd_op ops[4] = {{0}};
  assert_int_equal(sd_queue_new(2, NULL, NULL, &queue), SD_OK);
  assert_int_equal(sd_queue_push(queue, &ops[0]), SD_OK);
  assert_int_equal(sd_queue_push(queue, &ops[1]), SD_OK);
  assert_int_equal(sd_queue_push(queue, &ops[2]), SD_AGAIN);
  assert_int_equal(sd_queue_push_always(queue, &ops[3]), SD_OK);
  assert_int_equal(sd_queue_length(queue), 3);
  assert_ptr_equal(sd_queue_pop(queue, 0), &ops[0]);
  assert_int_equal(sd_queue_push(queue, &ops[2]), SD_AGAIN);
  assert_ptr_equal(sd_queue_pop(queue, 0), &ops[1]);
  assert_int_equal(sd_queue_push(queue, &ops[2]), SD_OK);
  assert_ptr_equal(sd_queue_pop(queue, 0), &ops[3]);
  assert_ptr_equal(sd_queue_pop(queue, 0), &ops[2]);
  sd_queue_free(queue);
}

static void a_closed_queue_takes_nothing_and_gives_what_it_has(void **state)
{
  (void)state;
  sd_queue *queue;
  sd_op ops[2] = {{0}};
  assert_int_equal(sd_queue_new(2, NULL, NULL, &queue), SD_OK);
  assert_int_equal(sd_queue_push(queue, &ops[0]), SD_OK);
  sd_queue_close(queue);
  sd_queue_close(queue);
  assert_int_equal(sd_queue_push(queue, &ops[1]), SD_CLOSED);
  assert_int_equal(sd_queue_push_always(queue, &ops[1]), SD_CLOSED);
  assert_ptr_equal(sd_queue_pop(queue, UINT32_MAX), &ops[0]);
  assert_null(sd_queue_pop(queue, UINT32_MAX));
  sd_queue_free(queue);
}

static void only_the_first_op_of_an_empty_queue_and_the_close_wake(void **state)
{
  (void)state;
  atomic_int wakes = 0;
  sd_queue *queue;
  sd_op ops[3] = {{0}};
  assert_int_equal(sd_queue_new(2, count_wake, &wakes, &queue), SD_OK);
  assert_int_equal(sd_queue_push(queue, &ops[0]), SD_OK);
  assert_int_equal(wakes, 1);
  assert_int_equal(sd_queue_push(queue, &ops[1]), SD_OK);
  assert_int_equal(sd_queue_push(queue, &ops[2]), SD_AGAIN);
  assert_int_equal(wakes, 1);
  assert_non_null(sd_queue_pop(queue, 0));
  assert_non_null(sd_queue_pop(queue, 0));
  assert_int_equal(sd_queue_push_always(queue, &ops[2]), SD_OK);
  assert_int_equal(wakes, 2);
  sd_queue_close(queue);
  assert_int_equal(wakes, 3);
  sd_queue_close(queue);
  assert_int_equal(sd_queue_push(queue, &ops[0]), SD_CLOSED);
  assert_int_equal(wakes, 3);
  sd_queue_free(queue);
}

static void a_wait_ends_with_its_time(void **state)
{
  (void)state;
  sd_queue *queue;
  assert_int_equal(sd_queue_new(1, NULL, NULL, &queue), SD_OK);
  assert_null(sd_queue_pop(queue, 1));
  assert_null(sd_queue_pop(queue, 20));
  sd_queue_free(queue);
}

static void a_capacity_of_nothing_is_refused(void **state)
{
  (void)state;
  sd_queue *queue = NULL;
  assert_int_equal(sd_queue_new(0, NULL, NULL, &queue), SD_INVALID);
  assert_null(queue);
  sd_queue_free(NULL);
}

typedef struct sender {
  pthread_t thread;
  sd_queue *queue;
  int id;
  numbered_op *ops;
} sender;

static void *send_all(void *arg)
{
  sender *self = arg;
  for (int i = 0; i < OPS_PER_SENDER; i++) {
    self->ops[i].op.type = self->id;
    self->ops[i].number = i;
    sd_status status;
    while ((status = sd_queue_push(self->queue, &self->ops[i].op)) == SD_AGAIN)
      sched_yield();
    if (status != SD_OK)
      return self;
  }
  return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
  (void)state;
  sd_queue *queue;
  sender senders[SENDERS];
  int next[SENDERS] = {0};
  assert_int_equal(sd_queue_new(CAPACITY, NULL, NULL, &queue), SD_OK);
  for (int i = 0; i < SENDERS; i++) {
    senders[i] = (sender){.queue = queue, .id = i, .ops = sd_calloc(OPS_PER_SENDER, sizeof(numbered_op))};
    assert_non_null(senders[i].ops);
    assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
  }
  for (int n = 0; n < SENDERS * OPS_PER_SENDER; n++) {
    sd_op *op = sd_queue_pop(queue, UINT32_MAX);
    assert_non_null(op);
    assert_int_equal(((numbered_op *)op)->number, next[op->type]);
    next[op->type]++;
    assert_true(sd_queue_length(queue) <= CAPACITY);
  }
  for (int i = 0; i < SENDERS; i++) {
    void *failed;
    pthread_join(senders[i].thread, &failed);
    assert_null(failed);
    sd_free(senders[i].ops);
  }
  assert_null(sd_queue_pop(queue, 0));
  sd_queue_free(queue);
}

typedef struct receiver {
  sd_queue *queue;
  size_t count;
} receiver;

static void *receive_all(void *arg)
{
  receiver *self = arg;
  while (sd_queue_pop(self->queue, UINT32_MAX))
    self->count++;
  return NULL;
}

static void close_ends_a_wait_for_ever(void **state)
{
  (void)state;
  sd_queue *queue;
  sd_op ops[100] = {{0}};
  assert_int_equal(sd_queue_new(100, NULL, NULL, &queue), SD_OK);
  receiver self = {queue, 0};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, receive_all, &self), 0);
  for (int i = 0; i < 100; i++)
    assert_int_equal(sd_queue_push(queue, &ops[i]), SD_OK);
  sd_queue_close(queue);
  pthread_join(thread, NULL);
  assert_int_equal(self.count, 100);
  sd_queue_free(queue);
}

static void a_failed_allocation_makes_no_queue(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    sd_queue *queue = NULL;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_queue_new(1, NULL, NULL, &queue);
    sd_alloc_fail_nth(0);
    if (status == SD_OK) {
      sd_queue_free(queue);
      assert_true(nth > 1);
      break;
    }
    assert_int_equal(status, SD_NOMEM);
    assert_null(queue);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ops_come_out_in_the_order_they_went_in),
      cmocka_unit_test(a_full_queue_says_again_but_takes_what_must_pass),
      cmocka_unit_test(a_closed_queue_takes_nothing_and_gives_what_it_has),
      cmocka_unit_test(only_the_first_op_of_an_empty_queue_and_the_close_wake),
      cmocka_unit_test(a_wait_ends_with_its_time),
      cmocka_unit_test(a_capacity_of_nothing_is_refused),
      cmocka_unit_test(many_senders_lose_nothing_and_keep_their_order),
      cmocka_unit_test(close_ends_a_wait_for_ever),
      cmocka_unit_test(a_failed_allocation_makes_no_queue),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
