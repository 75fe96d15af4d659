/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Pipelines inside pipelines: names, maps, aspects. Numbers are those of the checklist. */
#include "rig.h"

#include <string.h>

static rig_op DOUBLE = {.factor = 2}, ADD_ONE = {.factor = 1, .addend = 1}, SUM = {.factor = 1};

static sd_pipeline *double_and_add(const char *id)
{
  return rig_pipeline(id, NULL, 2, rig_node("double", "x", "doubled", &DOUBLE),
                      rig_node("add_one", "doubled", "incremented", &ADD_ONE));
}

static void case_5_1_and_5_3_all_levels_give_their_outputs(void **state)
{
  (void)state;
  sd_pipeline *middle = rig_pipeline("middle", NULL, 1, rig_as_node(double_and_add("inner"), NULL));
  sd_pipeline *outer = rig_pipeline("outer", NULL, 2, rig_as_node(middle, NULL),
                                    rig_node("sum", "incremented doubled", "result", &SUM));
  sd_result *result = rig_run(outer, 5);
  assert_int_equal(sd_result_count(result), 3);
  assert_int_equal(rig_int(result, "doubled"), 10);
  assert_int_equal(rig_int(result, "incremented"), 11);
  assert_int_equal(rig_int(result, "result"), 21);
  sd_result_free(result);
  sd_pipeline_release(outer);
}

static void case_5_5_to_5_7_inputs_and_outputs_are_renamed(void **state)
{
  (void)state;
  const sd_name_mapping in = {"document", "x"}, out = {"incremented", "answer"};
  sd_as_node_options as_node = {.struct_size = sizeof as_node,
                                .input_mapping = &in,
                                .input_mapping_count = 1,
                                .output_mapping = &out,
                                .output_mapping_count = 1};
  sd_pipeline *outer = rig_pipeline("outer", NULL, 1, rig_as_node(double_and_add("inner"), &as_node));
  const char *const *names;
  assert_int_equal(sd_pipeline_inputs(outer, &names), 1);
  assert_string_equal(names[0], "document");
  assert_int_equal(sd_pipeline_outputs(outer, &names), 1);
  assert_string_equal(names[0], "answer");
  sd_named_value input = {"document", sd_value_int(5)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  sd_value value;
  assert_int_equal(sd_pipeline_run(outer, &options, &result, NULL), SD_OK);
  assert_int_equal(rig_int(result, "answer"), 11);
  assert_int_equal(sd_result_get(result, "incremented", &value, NULL), SD_NOT_FOUND);
  sd_result_free(result);
  sd_pipeline_release(outer);
}

static void case_5_10_equal_names_coexist_by_mapping(void **state)
{
  (void)state;
  const sd_name_mapping out[2] = {{"doubled", "first"}, {"doubled", "second"}};
  sd_as_node_options options[2];
  for (int i = 0; i < 2; i++)
    options[i] = (sd_as_node_options){
        .struct_size = sizeof options[i], .output_mapping = &out[i], .output_mapping_count = 1};
  sd_pipeline *outer = rig_pipeline("outer", NULL, 3, rig_as_node(double_and_add("a"), &options[0]),
                                    rig_as_node(double_and_add("b"), &options[1]),
                                    rig_node("sum", "first second", "result", &SUM));
  sd_result *result = rig_run(outer, 5);
  assert_int_equal(rig_int(result, "result"), 20);
  /* What is hidden and not needed is not executed. */
  assert_int_equal(sd_result_executed(result), 3);
  sd_result_free(result);
  sd_pipeline_release(outer);
}

static void one_pipeline_may_stand_in_two_and_run_on_its_own(void **state)
{
  (void)state;
  sd_pipeline *inner = double_and_add("inner");
  sd_pipeline *first = rig_pipeline("first", NULL, 1, rig_as_node(sd_pipeline_retain(inner), NULL));
  sd_pipeline *second = rig_pipeline("second", NULL, 1, rig_as_node(sd_pipeline_retain(inner), NULL));
  sd_pipeline *all[3] = {inner, first, second};
  for (int i = 0; i < 3; i++) {
    sd_result *result = rig_run(all[i], i);
    assert_int_equal(rig_int(result, "incremented"), 2 * i + 1);
    sd_result_free(result);
    sd_pipeline_release(all[i]);
  }
}

static void a_default_inside_needs_nothing_from_outside(void **state)
{
  (void)state;
  sd_pipeline *inner = rig_pipeline("inner", NULL, 1, rig_node("sum", "x k=10", "sum", &SUM));
  sd_pipeline *outer = rig_pipeline("outer", NULL, 1, rig_as_node(inner, NULL));
  sd_result *result = rig_run(outer, 1);
  assert_int_equal(rig_int(result, "sum"), 11);
  sd_result_free(result);
  sd_named_value inputs[] = {{"x", sd_value_int(1)}, {"k", sd_value_int(2)}};
  sd_run_options options = {.struct_size = sizeof options, .inputs = inputs, .input_count = 2};
  assert_int_equal(sd_pipeline_run(outer, &options, &result, NULL), SD_OK);
  assert_int_equal(rig_int(result, "sum"), 3);
  sd_result_free(result);
  sd_pipeline_release(outer);
}

static void case_5_9_mapped_inside_with_a_cache_computes_only_what_is_new(void **state)
{
  (void)state;
  rig_op op = {.factor = 3};
  const char *over = "x";
  sd_as_node_options as_node = {.struct_size = sizeof as_node, .map_over = &over, .map_over_count = 1};
  sd_aspects aspects = {.given = SD_ASPECT_CACHE};
  assert_int_equal(sd_memory_cache_new(0, &aspects.cache, NULL), SD_OK);
  sd_pipeline *outer =
      rig_pipeline("outer", &aspects, 1,
                   rig_as_node(rig_pipeline("inner", NULL, 1, rig_node("n", "x", "y", &op)), &as_node));
  sd_cache_release(aspects.cache);
  for (int first = 1; first <= 2; first++) {
    sd_named_value input = {"x", rig_list(3, first, first + 1, first + 2)};
    sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
    sd_result *result;
    assert_int_equal(sd_pipeline_run(outer, &options, &result, NULL), SD_OK);
    assert_int_equal(sd_result_executed(result), first == 1 ? 3 : 1);
    sd_value list;
    assert_int_equal(sd_result_get(result, "y", &list, NULL), SD_OK);
    rig_assert_list(list, 3, 3 * first, 3 * first + 3, 3 * first + 6);
    sd_value_release(list);
    sd_value_release(input.value);
    sd_result_free(result);
  }
  sd_pipeline_release(outer);
}

static void case_5_13_backends_compare_by_what_they_are(void **state)
{
  (void)state;
  sd_local_backend_options options = {
      .struct_size = sizeof options, .node_execution = SD_THREADED, .max_workers = 4};
  sd_backend *a, *b, *c;
  sd_error error;
  assert_int_equal(sd_local_backend_new(&options, &a, NULL), SD_OK);
  assert_int_equal(sd_local_backend_new(&options, &b, NULL), SD_OK);
  assert_int_equal(sd_local_backend_new(NULL, &c, NULL), SD_OK);
  assert_true(sd_backend_equal(a, b));
  assert_false(sd_backend_equal(a, c));
  sd_backend_release(a);
  sd_backend_release(b);
  sd_backend_release(c);
  options.max_workers = SD_BACKEND_WORKERS_MAX + 1;
  assert_int_equal(sd_local_backend_new(&options, &a, &error), SD_INVALID);
}

static void case_5_14_a_time_out_of_the_parent_ends_what_is_inside(void **state)
{
  (void)state;
  rig_op op = {.factor = 1, .failing = UINT32_MAX};
  sd_node_options more = {.retry = {.attempts = UINT32_MAX, .first_delay_ms = 1, .delay_max_ms = 1}};
  sd_aspects aspects = {.given = SD_ASPECT_TIMEOUT, .timeout_ms = 20}, off = {.given = SD_ASPECT_TIMEOUT};
  sd_pipeline *outer = rig_pipeline(
      "outer", &aspects, 1,
      rig_as_node(rig_pipeline("inner", &off, 1, rig_node_with("n", "x", "y", &op, &more)), NULL));
  sd_named_value input = {"x", sd_value_int(1)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  sd_error error;
  sd_status status = sd_pipeline_run(outer, &options, &result, &error);
  /* The attempt under way when the time is over may still tell its own error. */
  assert_true(status == SD_TIMEOUT || status == SD_REMOTE);
  assert_non_null(strstr(error.message, "of pipeline 'outer/inner'"));
  sd_pipeline_release(outer);
}

static void more_levels_than_allowed_are_refused(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("n", "x", "y", &SUM));
  for (int depth = 1; depth < SD_PIPELINE_DEPTH_MAX; depth++)
    pipeline = rig_pipeline("p", NULL, 1, rig_as_node(pipeline, NULL));
  sd_result *result = rig_run(pipeline, 3);
  assert_int_equal(rig_int(result, "y"), 3);
  sd_result_free(result);
  sd_node *node = rig_as_node(pipeline, NULL);
  sd_pipeline_options options = {.struct_size = sizeof options, .nodes = &node, .node_count = 1};
  sd_error error;
  assert_int_equal(sd_pipeline_new(&options, &pipeline, &error), SD_LIMIT);
  sd_node_release(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(case_5_1_and_5_3_all_levels_give_their_outputs),
      cmocka_unit_test(case_5_5_to_5_7_inputs_and_outputs_are_renamed),
      cmocka_unit_test(case_5_10_equal_names_coexist_by_mapping),
      cmocka_unit_test(one_pipeline_may_stand_in_two_and_run_on_its_own),
      cmocka_unit_test(a_default_inside_needs_nothing_from_outside),
      cmocka_unit_test(case_5_9_mapped_inside_with_a_cache_computes_only_what_is_new),
      cmocka_unit_test(case_5_13_backends_compare_by_what_they_are),
      cmocka_unit_test(case_5_14_a_time_out_of_the_parent_ends_what_is_inside),
      cmocka_unit_test(more_levels_than_allowed_are_refused),
  };
  return cmocka_run_group_tests_name("pipeline/nested", tests, NULL, NULL);
}
