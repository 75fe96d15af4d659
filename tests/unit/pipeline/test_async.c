/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Nodes completed later by other threads, cancellation, time-outs, retries, threads with one worker. */
#include "rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000 };

/* Calls that wait for somebody to complete them. */
typedef struct waiting {
  pthread_mutex_t lock;
  pthread_cond_t more;
  sd_node_call *calls[MANY];
  unsigned count, most;
  sd_cancel *cancel;
} waiting;

static sd_status defer(void *user, sd_node_call *call, const sd_value *inputs, sd_value *outputs,
                       sd_error *error)
{
  (void)inputs;
  (void)outputs;
  (void)error;
  waiting *w = user;
  sd_node_call_defer(call);
  pthread_mutex_lock(&w->lock);
  w->calls[w->count++] = call;
  pthread_cond_signal(&w->more);
  pthread_mutex_unlock(&w->lock);
  return SD_OK;
}

static sd_node *deferring(waiting *w)
{
  static const char *const OUTPUT = "y";
  sd_node_input input = {.name = "x"};
  sd_node_options options = {.struct_size = sizeof options,
                             .name = "defer",
                             .inputs = &input,
                             .input_count = 1,
                             .outputs = &OUTPUT,
                             .output_count = 1,
                             .function = defer,
                             .user = w};
  sd_node *node;
  assert_int_equal(sd_node_new(&options, &node, NULL), SD_OK);
  return node;
}

static void await(waiting *w, unsigned count)
{
  pthread_mutex_lock(&w->lock);
  while (w->count < count)
    pthread_cond_wait(&w->more, &w->lock);
  pthread_mutex_unlock(&w->lock);
}

/* Waits for all, completes half of them in random order, cancels, completes the others. */
static void *complete_half_then_cancel(void *user)
{
  waiting *w = user;
  await(w, MANY);
  unsigned random = 12345;
  for (unsigned left = MANY; left > 0; left--) {
    if (left == MANY / 2 && w->cancel)
      sd_cancel_now(w->cancel);
    random = random * 1103515245u + 12345u;
    unsigned i = (random >> 8) % left;
    sd_node_call *call = w->calls[i];
    w->calls[i] = w->calls[left - 1];
    sd_value text;
    assert_int_equal(sd_value_string("a text long enough to need memory", 33, &text), SD_OK);
    sd_node_call_complete(call, SD_OK, &text, NULL);
  }
  return NULL;
}

static void a_thousand_nodes_complete_in_random_order(sd_execution execution, uint32_t workers,
                                                      bool cancelled)
{
  waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
  sd_local_backend_options local = {.struct_size = sizeof local,
                                    .node_execution = execution,
                                    .map_execution = SD_ASYNCHRONOUS,
                                    .max_workers = workers};
  sd_aspects aspects = {.given = SD_ASPECT_BACKEND};
  assert_int_equal(sd_local_backend_new(&local, &aspects.backend, NULL), SD_OK);
  sd_pipeline *pipeline = rig_pipeline("p", &aspects, 1, deferring(&w));
  sd_backend_release(aspects.backend);
  sd_value items[MANY] = {{NULL, {0}}}, list;
  assert_int_equal(sd_value_list(items, MANY, &list), SD_OK);
  sd_named_value input = {"x", list};
  const char *over = "x";
  if (cancelled)
    assert_int_equal(sd_cancel_new(&w.cancel), SD_OK);
  sd_map_options options = {.struct_size = sizeof options,
                            .inputs = &input,
                            .input_count = 1,
                            .map_over = &over,
                            .map_over_count = 1,
                            .cancel = w.cancel};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, complete_half_then_cancel, &w), 0);
  sd_map_result *result = NULL;
  sd_status status = sd_pipeline_map(pipeline, &options, &result, NULL);
  pthread_join(thread, NULL);
  if (cancelled) {
    assert_true(status == SD_CANCELLED || status == SD_OK);
  } else {
    assert_int_equal(status, SD_OK);
    assert_int_equal(sd_map_result_executed(result), MANY);
  }
  sd_map_result_free(result);
  sd_cancel_free(w.cancel);
  sd_value_release(list);
  sd_pipeline_release(pipeline);
}

static void a_thousand_complete_on_one_thread(void **state)
{
  (void)state;
  a_thousand_nodes_complete_in_random_order(SD_ASYNCHRONOUS, MANY, false);
  a_thousand_nodes_complete_in_random_order(SD_SEQUENTIAL, MANY, false);
}

static void cancellation_in_the_middle_loses_nothing(void **state)
{
  (void)state;
  for (int i = 0; i < 5; i++)
    a_thousand_nodes_complete_in_random_order(SD_ASYNCHRONOUS, MANY, true);
}

static void a_time_out_gives_up_what_does_not_complete(void **state)
{
  (void)state;
  waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
  sd_aspects aspects = {.given = SD_ASPECT_TIMEOUT, .timeout_ms = 20};
  sd_pipeline *pipeline = rig_pipeline("p", &aspects, 1, deferring(&w));
  sd_named_value input = {"x", sd_value_int(1)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  sd_error error;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, &error), SD_TIMEOUT);
  assert_string_equal(error.message, "node 'defer' of pipeline 'p': not completed in time");
  assert_true(sd_node_call_is_cancelled(w.calls[0]));
  sd_pipeline_release(pipeline);
  sd_value text;
  assert_int_equal(sd_value_string("too late, must not leak", 23, &text), SD_OK);
  sd_node_call_complete(w.calls[0], SD_OK, &text, NULL);
}

static void a_cancelled_run_does_not_begin(void **state)
{
  (void)state;
  rig_op op = {.factor = 1};
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("a", "x", "a", &op));
  sd_named_value input = {"x", sd_value_int(1)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  assert_int_equal(sd_cancel_new(&options.cancel), SD_OK);
  sd_cancel_now(options.cancel);
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_CANCELLED);
  assert_int_equal(atomic_load(&op.calls), 0);
  sd_cancel_free(options.cancel);
  sd_pipeline_release(pipeline);
}

static void a_retriable_error_is_tried_again(void **state)
{
  (void)state;
  rig_op op = {.factor = 2, .failing = 2};
  rig_log log = {.count = 0};
  sd_callback *callback = rig_callback(&log);
  sd_aspects aspects = {.given = SD_ASPECT_CALLBACKS, .callbacks = &callback, .callback_count = 1};
  sd_node_options more = {.retry = {.attempts = 3, .first_delay_ms = 1, .delay_max_ms = 2}};
  sd_pipeline *pipeline = rig_pipeline("p", &aspects, 1, rig_node_with("a", "x", "a", &op, &more));
  sd_result *result = rig_run(pipeline, 4);
  assert_int_equal(rig_int(result, "a"), 8);
  assert_int_equal(sd_result_executed(result), 1);
  sd_result_free(result);
  assert_int_equal(atomic_load(&op.calls), 3);
  assert_true(rig_has(&log, "error a attempt 1 SD_REMOTE again"));
  assert_true(rig_has(&log, "error a attempt 2 SD_REMOTE again"));
  assert_int_equal(rig_count(&log, "node_start"), 1);
  atomic_store(&op.failing, 3);
  sd_named_value input = {"x", sd_value_int(1)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_REMOTE);
  assert_int_equal(atomic_load(&op.calls), 6);
  assert_true(rig_has(&log, "error a attempt 3 SD_REMOTE"));
  sd_pipeline_release(pipeline);
  sd_callback_release(callback);
}

/* ---- Two threads meet: only possible when both run at the same time. */

static pthread_barrier_t meeting;

static sd_status meet(void *user, sd_node_call *call, const sd_value *inputs, sd_value *outputs,
                      sd_error *error)
{
  (void)user;
  (void)call;
  (void)error;
  pthread_barrier_wait(&meeting);
  outputs[0] = sd_value_retain(inputs[0]);
  return SD_OK;
}

static void case_8_1_threads_overlap(void **state)
{
  (void)state;
  assert_int_equal(pthread_barrier_init(&meeting, NULL, 3), 0);
  sd_node *nodes[3];
  static const char *const NAMES[3] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++) {
    sd_node_input input = {.name = "x"};
    sd_node_options options = {.struct_size = sizeof options,
                               .name = NAMES[i],
                               .inputs = &input,
                               .input_count = 1,
                               .outputs = &NAMES[i],
                               .output_count = 1,
                               .function = meet};
    assert_int_equal(sd_node_new(&options, &nodes[i], NULL), SD_OK);
  }
  sd_local_backend_options local = {
      .struct_size = sizeof local, .node_execution = SD_THREADED, .max_workers = 3};
  sd_aspects aspects = {.given = SD_ASPECT_BACKEND};
  assert_int_equal(sd_local_backend_new(&local, &aspects.backend, NULL), SD_OK);
  sd_pipeline *pipeline = rig_pipeline("p", &aspects, 3, nodes[0], nodes[1], nodes[2]);
  sd_backend_release(aspects.backend);
  sd_result *result = rig_run(pipeline, 9);
  assert_int_equal(rig_int(result, "c"), 9);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
  pthread_barrier_destroy(&meeting);
}

static void one_worker_is_enough_for_any_nesting(void **state)
{
  (void)state;
  rig_op op = {.factor = 1, .addend = 1};
  sd_local_backend_options local = {.struct_size = sizeof local,
                                    .node_execution = SD_THREADED,
                                    .map_execution = SD_THREADED,
                                    .max_workers = 1};
  sd_aspects aspects = {.given = SD_ASPECT_BACKEND};
  assert_int_equal(sd_local_backend_new(&local, &aspects.backend, NULL), SD_OK);
  sd_pipeline *pipeline = rig_pipeline("p0", &aspects, 1, rig_node("n0", "x", "v0", &op));
  for (int depth = 1; depth < 20; depth++)
    pipeline = rig_pipeline("p", &aspects, 1, rig_as_node(pipeline, NULL));
  sd_result *result = rig_run(pipeline, 1);
  assert_int_equal(rig_int(result, "v0"), 2);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
  sd_backend_release(aspects.backend);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thousand_complete_on_one_thread),
      cmocka_unit_test(cancellation_in_the_middle_loses_nothing),
      cmocka_unit_test(a_time_out_gives_up_what_does_not_complete),
      cmocka_unit_test(a_cancelled_run_does_not_begin),
      cmocka_unit_test(a_retriable_error_is_tried_again),
      cmocka_unit_test(case_8_1_threads_overlap),
      cmocka_unit_test(one_worker_is_enough_for_any_nesting),
  };
  return cmocka_run_group_tests_name("pipeline/async", tests, NULL, NULL);
}
