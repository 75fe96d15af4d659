/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Runs: values, selection, what is checked before, errors. Numbers are those of the checklist. */
#include "rig.h"

#include <string.h>

static rig_op DOUBLE = {.factor = 2}, TRIPLE = {.factor = 3}, ADD_ONE = {.factor = 1, .addend = 1},
              SUM = {.factor = 1}, PRODUCT = {.factor = 1, .multiply = true};

static void case_1_1_one_node(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("add_one", "x", "result", &ADD_ONE));
  sd_result *result = rig_run(pipeline, 5);
  assert_int_equal(sd_result_count(result), 1);
  assert_int_equal(rig_int(result, "result"), 6);
  assert_int_equal(sd_result_executed(result), 1);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
}

static void case_1_2_and_1_3_chains(void **state)
{
  (void)state;
  sd_pipeline *pipeline =
      rig_pipeline("p", NULL, 3, rig_node("square", "incremented incremented2", "result", &PRODUCT),
                   rig_node("copy", "incremented", "incremented2", &SUM),
                   rig_node("add_one", "x", "incremented", &ADD_ONE));
  sd_result *result = rig_run(pipeline, 10);
  assert_int_equal(rig_int(result, "incremented"), 11);
  assert_int_equal(rig_int(result, "result"), 121);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
}

static sd_pipeline *diamond(void)
{
  return rig_pipeline("diamond", NULL, 3, rig_node("double", "x", "doubled", &DOUBLE),
                      rig_node("triple", "x", "tripled", &TRIPLE),
                      rig_node("sum", "doubled tripled", "result", &SUM));
}

static void case_1_4_a_diamond(void **state)
{
  (void)state;
  sd_pipeline *pipeline = diamond();
  sd_result *result = rig_run(pipeline, 5);
  assert_int_equal(rig_int(result, "doubled"), 10);
  assert_int_equal(rig_int(result, "tripled"), 15);
  assert_int_equal(rig_int(result, "result"), 25);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
}

static void case_1_5_two_inputs(void **state)
{
  (void)state;
  sd_pipeline *pipeline =
      rig_pipeline("p", NULL, 3, rig_node("sum", "x y", "s", &SUM), rig_node("product", "x y", "p", &PRODUCT),
                   rig_node("both", "s p", "result", &SUM));
  sd_named_value inputs[] = {{"x", sd_value_int(5)}, {"y", sd_value_int(3)}};
  sd_run_options options = {.struct_size = sizeof options, .inputs = inputs, .input_count = 2};
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
  assert_int_equal(rig_int(result, "s"), 8);
  assert_int_equal(rig_int(result, "p"), 15);
  assert_int_equal(rig_int(result, "result"), 23);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
}

static void selected_outputs_execute_only_their_ancestors(void **state)
{
  (void)state;
  rig_op left = {.factor = 2}, right = {.factor = 3};
  sd_pipeline *pipeline =
      rig_pipeline("p", NULL, 2, rig_node("left", "x", "l", &left), rig_node("right", "y", "r", &right));
  sd_named_value input = {"x", sd_value_int(2)};
  const char *names[] = {"l"};
  sd_run_options options = {
      .struct_size = sizeof options, .inputs = &input, .input_count = 1, .outputs = names, .output_count = 1};
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
  assert_int_equal(sd_result_count(result), 1);
  assert_int_equal(rig_int(result, "l"), 4);
  assert_int_equal(atomic_load(&right.calls), 0);
  sd_result_free(result);
  sd_error error;
  names[0] = "z";
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "'z'; it has: l, r"));
  assert_int_equal(atomic_load(&left.calls), 1);
  sd_pipeline_release(pipeline);
}

static void inputs_are_checked_before_any_node_runs(void **state)
{
  (void)state;
  rig_op op = {.factor = 1};
  sd_pipeline *pipeline =
      rig_pipeline("p", NULL, 2, rig_node("a", "x", "a", &op), rig_node("b", "y k=7", "b", &op));
  sd_named_value inputs[] = {{"x", sd_value_int(1)}, {"nonsense", sd_value_int(1)}};
  sd_run_options options = {.struct_size = sizeof options, .inputs = inputs, .input_count = 1};
  sd_result *result;
  sd_error error;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, &error), SD_INVALID);
  assert_string_equal(error.message, "pipeline 'p' misses inputs: y; it requires: x, y");
  options.input_count = 2;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, &error), SD_INVALID);
  assert_string_equal(error.message, "pipeline 'p' has no input 'nonsense'; it has: k, x, y");
  assert_int_equal(atomic_load(&op.calls), 0);
  sd_pipeline_release(pipeline);
}

static void defaults_are_used_and_each_consumer_has_its_own(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 3, rig_node("a", "x k=10", "a", &SUM),
                                       rig_node("b", "x k=20", "b", &SUM), rig_node("c", "x m=1", "c", &SUM));
  sd_result *result = rig_run(pipeline, 1);
  assert_int_equal(rig_int(result, "a"), 11);
  assert_int_equal(rig_int(result, "b"), 21);
  assert_int_equal(rig_int(result, "c"), 2);
  sd_result_free(result);
  sd_named_value inputs[] = {{"x", sd_value_int(1)}, {"k", sd_value_int(5)}};
  sd_run_options options = {.struct_size = sizeof options, .inputs = inputs, .input_count = 2};
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
  assert_int_equal(rig_int(result, "a"), 6);
  assert_int_equal(rig_int(result, "b"), 6);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
}

static void bound_inputs_need_not_be_given(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("a", "x y", "a", &SUM));
  sd_named_value value = {"y", sd_value_int(30)}, unknown = {"z", sd_value_int(1)};
  sd_pipeline *bound = NULL;
  sd_error error;
  assert_int_equal(sd_pipeline_bind(pipeline, &unknown, 1, &bound, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "'z' to bind; it has: x, y"));
  assert_int_equal(sd_pipeline_bind(pipeline, &value, 1, &bound, NULL), SD_OK);
  sd_pipeline_release(pipeline);
  const char *const *names;
  assert_int_equal(sd_pipeline_inputs(bound, &names), 1);
  assert_string_equal(names[0], "x");
  sd_result *result = rig_run(bound, 1);
  assert_int_equal(rig_int(result, "a"), 31);
  sd_result_free(result);
  sd_pipeline_release(bound);
}

static void an_error_keeps_its_code_and_names_node_and_pipelines(void **state)
{
  (void)state;
  rig_op op = {.factor = 1, .failing = 1};
  sd_pipeline *pipeline = rig_pipeline(
      "outer", NULL, 1, rig_as_node(rig_pipeline("inner", NULL, 1, rig_node("broken", "x", "a", &op)), NULL));
  sd_named_value input = {"x", sd_value_int(1)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  sd_error error;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, &error), SD_REMOTE);
  assert_int_equal(error.code, SD_REMOTE);
  assert_int_equal(error.retriable, 1);
  assert_string_equal(error.message, "node 'broken' of pipeline 'outer/inner': told to fail");
  sd_pipeline_release(pipeline);
}

static sd_status not_now(void *user, sd_node_call *call, const sd_value *inputs, sd_value *outputs,
                         sd_error *error)
{
  (void)call;
  (void)inputs;
  outputs[0] = sd_value_int(1); /* of no use: it fails */
  (*(unsigned *)user)++;
  return sd_error_set(error, SD_AGAIN, "not now");
}

static void a_nodes_own_again_is_an_error_like_others(void **state)
{
  (void)state;
  unsigned calls = 0;
  const char *output = "a";
  sd_node_options node_options = {.struct_size = sizeof node_options,
                                  .name = "n",
                                  .outputs = &output,
                                  .output_count = 1,
                                  .function = not_now,
                                  .user = &calls};
  sd_node *node;
  assert_int_equal(sd_node_new(&node_options, &node, NULL), SD_OK);
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, node);
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, NULL, &result, NULL), SD_AGAIN);
  assert_int_equal(calls, 1);
  sd_pipeline_release(pipeline);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(case_1_1_one_node),
      cmocka_unit_test(case_1_2_and_1_3_chains),
      cmocka_unit_test(case_1_4_a_diamond),
      cmocka_unit_test(case_1_5_two_inputs),
      cmocka_unit_test(selected_outputs_execute_only_their_ancestors),
      cmocka_unit_test(inputs_are_checked_before_any_node_runs),
      cmocka_unit_test(defaults_are_used_and_each_consumer_has_its_own),
      cmocka_unit_test(bound_inputs_need_not_be_given),
      cmocka_unit_test(an_error_keeps_its_code_and_names_node_and_pipelines),
      cmocka_unit_test(a_nodes_own_again_is_an_error_like_others),
  };
  return cmocka_run_group_tests_name("pipeline/run", tests, NULL, NULL);
}
