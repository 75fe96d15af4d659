/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Hooks: their order, places, inheritance, and what happens when one fails. */
#include "rig.h"

#include <string.h>

static rig_op DOUBLE = {.factor = 2}, ADD_ONE = {.factor = 1, .addend = 1};

static sd_aspects with_log(sd_callback **callback, rig_log *log)
{
  *callback = rig_callback(log);
  return (sd_aspects){.given = SD_ASPECT_CALLBACKS, .callbacks = callback, .callback_count = 1};
}

static void assert_log(const rig_log *log, const char *const *lines, size_t count)
{
  for (size_t i = 0; i < log->count && i < count; i++)
    assert_string_equal(log->lines[i], lines[i]);
  assert_int_equal(log->count, count);
}

static void case_4_1_and_4_2_start_and_end_in_order(void **state)
{
  (void)state;
  rig_log log = {.count = 0};
  sd_callback *callback;
  sd_aspects aspects = with_log(&callback, &log);
  sd_pipeline *pipeline = rig_pipeline("test_pipeline", &aspects, 2, rig_node("double", "x", "a", &DOUBLE),
                                       rig_node("add", "a", "b", &ADD_ONE));
  sd_result_free(rig_run(pipeline, 5));
  static const char *const LINES[] = {"pipeline_start test_pipeline 0 inputs 1",
                                      "node_start double test_pipeline",
                                      "node_end double cache 0",
                                      "node_start add test_pipeline",
                                      "node_end add cache 0",
                                      "pipeline_end test_pipeline 0 outputs 2"};
  assert_log(&log, LINES, 6);
  sd_pipeline_release(pipeline);
  sd_callback_release(callback);
}

static void case_4_7_and_4_8_nested_order_depths_and_paths(void **state)
{
  (void)state;
  rig_log log = {.count = 0};
  sd_callback *callback;
  sd_aspects aspects = with_log(&callback, &log);
  sd_pipeline *inner = rig_pipeline("inner", NULL, 1, rig_node("double", "a", "b", &DOUBLE));
  sd_pipeline *middle =
      rig_pipeline("middle", NULL, 2, rig_node("add", "x", "a", &ADD_ONE), rig_as_node(inner, NULL));
  sd_pipeline *outer = rig_pipeline("outer", &aspects, 1, rig_as_node(middle, NULL));
  sd_result_free(rig_run(outer, 5));
  static const char *const LINES[] = {"pipeline_start outer 0 inputs 1",
                                      "nested_start outer middle 0",
                                      "pipeline_start middle 1 inputs 1",
                                      "node_start add outer/middle",
                                      "node_end add cache 0",
                                      "nested_start middle inner 1",
                                      "pipeline_start inner 2 inputs 1",
                                      "node_start double outer/middle/inner",
                                      "node_end double cache 0",
                                      "pipeline_end inner 2 outputs 1",
                                      "nested_end middle inner 1",
                                      "pipeline_end middle 1 outputs 2",
                                      "nested_end outer middle 0",
                                      "pipeline_end outer 0 outputs 2"};
  assert_log(&log, LINES, 14);
  sd_pipeline_release(outer);
  sd_callback_release(callback);
}

static void case_4_12_and_4_13_own_callbacks_or_none(void **state)
{
  (void)state;
  rig_log outer_log = {.count = 0}, inner_log = {.count = 0};
  sd_callback *outer_callback, *inner_callback;
  sd_aspects outer = with_log(&outer_callback, &outer_log), inner = with_log(&inner_callback, &inner_log),
             silent = {.given = SD_ASPECT_CALLBACKS};
  sd_pipeline *pipeline = rig_pipeline(
      "outer", &outer, 2, rig_as_node(rig_pipeline("own", &inner, 1, rig_node("a", "x", "a", &DOUBLE)), NULL),
      rig_as_node(rig_pipeline("silent", &silent, 1, rig_node("b", "x", "b", &DOUBLE)), NULL));
  sd_result_free(rig_run(pipeline, 1));
  assert_int_equal(rig_count(&outer_log, "node_"), 0);
  assert_int_equal(rig_count(&outer_log, "nested_start"), 2);
  assert_int_equal(inner_log.count, 4);
  assert_true(rig_has(&inner_log, "node_start a outer/own"));
  sd_pipeline_release(pipeline);
  sd_callback_release(outer_callback);
  sd_callback_release(inner_callback);
}

static void count_warning(void *user, const char *message)
{
  assert_non_null(strstr(message, "the hook on_"));
  (*(unsigned *)user)++;
}

static void case_4_3_and_a_failing_callback_is_warned_about_once_and_disturbs_nobody(void **state)
{
  (void)state;
  rig_log bad = {.fail = true}, good = {.count = 0};
  sd_callback *callbacks[2] = {rig_callback(&bad), rig_callback(&good)};
  sd_aspects aspects = {.given = SD_ASPECT_CALLBACKS, .callbacks = callbacks, .callback_count = 2};
  sd_pipeline *pipeline = rig_pipeline("p", &aspects, 1, rig_node("a", "x", "a", &DOUBLE));
  unsigned warnings = 0;
  sd_named_value input = {"x", sd_value_int(4)};
  sd_run_options options = {.struct_size = sizeof options,
                            .inputs = &input,
                            .input_count = 1,
                            .warn = count_warning,
                            .warn_user = &warnings};
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
  assert_int_equal(rig_int(result, "a"), 8);
  assert_int_equal(warnings, 1);
  assert_int_equal(bad.count, 4);
  assert_int_equal(good.count, 4);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
  sd_callback_release(callbacks[0]);
  sd_callback_release(callbacks[1]);
}

static void case_4_6_a_failing_node_is_told_once(void **state)
{
  (void)state;
  rig_op op = {.factor = 1, .failing = 1};
  rig_log log = {.count = 0};
  sd_callback *callback;
  sd_aspects aspects = with_log(&callback, &log);
  sd_pipeline *pipeline = rig_pipeline("p", &aspects, 1, rig_node("a", "x", "a", &op));
  sd_named_value input = {"x", sd_value_int(4)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_REMOTE);
  static const char *const LINES[] = {"pipeline_start p 0 inputs 1", "node_start a p",
                                      "error a attempt 1 SD_REMOTE", "pipeline_end p 0 outputs 0 bad"};
  assert_log(&log, LINES, 4);
  sd_pipeline_release(pipeline);
  sd_callback_release(callback);
}

/* ---- The store, and metadata */

static sd_status put(void *self, const sd_event_place *place, const char *node, const sd_named_value *inputs,
                     size_t count)
{
  (void)self;
  (void)node;
  (void)inputs;
  (void)count;
  return sd_run_context_set(place->context, "key", sd_value_int(42));
}

static sd_status get(void *self, const sd_event_place *place, const char *node, const sd_named_value *inputs,
                     size_t count)
{
  (void)node;
  (void)inputs;
  (void)count;
  assert_int_equal(sd_value_as_int(sd_run_context_get(place->context, "key")), 42);
  assert_int_equal(sd_value_kind_of(sd_run_context_get(place->context, "other")), SD_VALUE_NULL);
  assert_int_equal(place->total_nodes, 3);
  assert_string_equal(place->node_ids[0], "a");
  assert_string_equal(place->node_ids[2], "c");
  assert_null(place->parent_pipeline_id);
  assert_string_equal(place->backend, "Local");
  (*(unsigned *)self)++;
  return SD_OK;
}

static void case_4_4_and_4_15_the_store_is_shared_and_metadata_stands(void **state)
{
  (void)state;
  static const sd_callback_vtable PUT = {.struct_size = sizeof PUT, .on_node_start = put},
                                  GET = {.struct_size = sizeof GET, .on_node_start = get};
  unsigned seen = 0;
  sd_callback *callbacks[2];
  assert_int_equal(sd_callback_new(&PUT, NULL, &callbacks[0], NULL), SD_OK);
  assert_int_equal(sd_callback_new(&GET, &seen, &callbacks[1], NULL), SD_OK);
  sd_aspects aspects = {.given = SD_ASPECT_CALLBACKS, .callbacks = callbacks, .callback_count = 2};
  sd_pipeline *pipeline =
      rig_pipeline("p", &aspects, 3, rig_node("a", "x", "va", &DOUBLE), rig_node("b", "va", "vb", &DOUBLE),
                   rig_node("c", "vb", "vc", &DOUBLE));
  sd_result_free(rig_run(pipeline, 1));
  assert_int_equal(seen, 3);
  sd_pipeline_release(pipeline);
  sd_callback_release(callbacks[0]);
  sd_callback_release(callbacks[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(case_4_1_and_4_2_start_and_end_in_order),
      cmocka_unit_test(case_4_7_and_4_8_nested_order_depths_and_paths),
      cmocka_unit_test(case_4_12_and_4_13_own_callbacks_or_none),
      cmocka_unit_test(case_4_3_and_a_failing_callback_is_warned_about_once_and_disturbs_nobody),
      cmocka_unit_test(case_4_6_a_failing_node_is_told_once),
      cmocka_unit_test(case_4_4_and_4_15_the_store_is_shared_and_metadata_stands),
  };
  return cmocka_run_group_tests_name("pipeline/callbacks", tests, NULL, NULL);
}
