/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Maps from outside and as nodes. Numbers are those of the checklist. */
#include "rig.h"

#include <string.h>

static rig_op DOUBLE = {.factor = 2}, ADD_ONE = {.factor = 1, .addend = 1}, SUM = {.factor = 1},
              PRODUCT = {.factor = 1, .multiply = true};

static sd_map_result *map(sd_pipeline *pipeline, sd_named_value *inputs, size_t count,
                          const char *const *over, size_t over_count, sd_map_mode mode)
{
  sd_map_options options = {.struct_size = sizeof options,
                            .inputs = inputs,
                            .input_count = count,
                            .map_over = over,
                            .map_over_count = over_count,
                            .mode = mode};
  sd_map_result *result = NULL;
  sd_error error;
  if (sd_pipeline_map(pipeline, &options, &result, &error) != SD_OK)
    fail_msg("%s", error.message);
  for (size_t i = 0; i < count; i++)
    sd_value_release(inputs[i].value);
  return result;
}

static sd_value list_of(sd_map_result *result, const char *name)
{
  sd_value list;
  assert_int_equal(sd_map_result_list(result, name, &list, NULL), SD_OK);
  return list;
}

static const char *const X[] = {"x"}, *const XY[] = {"x", "y"};

static void case_2_1_and_2_2_a_chain_over_a_list(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 2, rig_node("double", "x", "doubled", &DOUBLE),
                                       rig_node("add_one", "doubled", "result", &ADD_ONE));
  sd_named_value input = {"x", rig_list(3, 1, 2, 3)};
  sd_map_result *result = map(pipeline, &input, 1, X, 1, SD_MAP_ZIP);
  assert_int_equal(sd_map_result_items(result), 3);
  assert_int_equal(sd_map_result_executed(result), 6);
  sd_value doubled = list_of(result, "doubled"), last = list_of(result, "result");
  rig_assert_list(doubled, 3, 2, 4, 6);
  rig_assert_list(last, 3, 3, 5, 7);
  sd_value_release(doubled);
  sd_value_release(last);
  sd_map_result_free(result);
  sd_pipeline_release(pipeline);
}

static void case_2_4_constants_are_shared_and_2_5_an_empty_list_gives_empty_lists(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("product", "x y", "result", &PRODUCT));
  sd_named_value inputs[] = {{"x", rig_list(3, 1, 2, 3)}, {"y", sd_value_int(10)}};
  sd_map_result *result = map(pipeline, inputs, 2, X, 1, SD_MAP_ZIP);
  sd_value list = list_of(result, "result");
  rig_assert_list(list, 3, 10, 20, 30);
  sd_value_release(list);
  sd_map_result_free(result);
  inputs[0].value = rig_list(0);
  result = map(pipeline, inputs, 2, X, 1, SD_MAP_ZIP);
  list = list_of(result, "result");
  rig_assert_list(list, 0);
  sd_value_release(list);
  sd_map_result_free(result);
  sd_pipeline_release(pipeline);
}

static void case_2_6_to_2_8_zip_and_product(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("product", "x y", "result", &PRODUCT));
  sd_named_value inputs[] = {{"x", rig_list(2, 1, 2)}, {"y", rig_list(3, 10, 20, 30)}};
  sd_map_options options = {
      .struct_size = sizeof options, .inputs = inputs, .input_count = 2, .map_over = XY, .map_over_count = 2};
  sd_map_result *result;
  sd_error error;
  assert_int_equal(sd_pipeline_map(pipeline, &options, &result, &error), SD_INVALID);
  assert_non_null(strstr(error.message, "length"));
  result = map(pipeline, inputs, 2, XY, 2, SD_MAP_PRODUCT);
  sd_value list = list_of(result, "result");
  rig_assert_list(list, 6, 10, 20, 30, 20, 40, 60);
  sd_value_release(list);
  sd_map_result_free(result);
  sd_named_value pairs[] = {{"x", rig_list(2, 1, 2)}, {"y", rig_list(2, 10, 20)}};
  result = map(pipeline, pairs, 2, XY, 2, SD_MAP_ZIP);
  list = list_of(result, "result");
  rig_assert_list(list, 2, 10, 40);
  sd_value_release(list);
  sd_map_result_free(result);
  sd_pipeline_release(pipeline);
}

static void a_list_of_input_sets_wins_over_constants(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("sum", "x y", "result", &SUM));
  sd_value items[2];
  const char *one[] = {"x"}, *both[] = {"x", "y"};
  sd_value first[] = {sd_value_int(1)}, second[] = {sd_value_int(2), sd_value_int(5)};
  assert_int_equal(sd_value_map(one, first, 1, &items[0]), SD_OK);
  assert_int_equal(sd_value_map(both, second, 2, &items[1]), SD_OK);
  sd_named_value constant = {"y", sd_value_int(100)};
  sd_map_options options = {
      .struct_size = sizeof options, .inputs = &constant, .input_count = 1, .items = items, .item_count = 2};
  sd_map_result *result;
  assert_int_equal(sd_pipeline_map(pipeline, &options, &result, NULL), SD_OK);
  sd_value list = list_of(result, "result");
  rig_assert_list(list, 2, 101, 7);
  sd_value_release(list);
  sd_map_result_free(result);
  sd_error error;
  options.input_count = 0;
  assert_int_equal(sd_pipeline_map(pipeline, &options, &result, &error), SD_INVALID);
  assert_non_null(strstr(error.message, "item 0: pipeline 'p' misses inputs: y"));
  sd_value_release(items[0]);
  sd_value_release(items[1]);
  sd_pipeline_release(pipeline);
}

static void failed_items_stand_beside_good_ones_or_end_the_map(void **state)
{
  (void)state;
  rig_op op = {.factor = 1, .failing = 1};
  sd_pipeline *pipeline = rig_pipeline("p", NULL, 1, rig_node("n", "x", "result", &op));
  sd_named_value input = {"x", rig_list(3, 1, 2, 3)};
  sd_map_options options = {.struct_size = sizeof options,
                            .inputs = &input,
                            .input_count = 1,
                            .map_over = X,
                            .map_over_count = 1,
                            .on_error = SD_ON_ERROR_CONTINUE};
  sd_map_result *result;
  sd_error error;
  assert_int_equal(sd_pipeline_map(pipeline, &options, &result, &error), SD_OK);
  assert_string_equal(sd_map_result_error(result, 0)->message, "node 'n' of pipeline 'p[0]': told to fail");
  assert_null(sd_map_result_error(result, 1));
  sd_value value;
  assert_int_equal(sd_map_result_at(result, 0, 0, &value, NULL), SD_OK);
  assert_int_equal(sd_value_kind_of(value), SD_VALUE_NULL);
  assert_int_equal(sd_map_result_at(result, 0, 2, &value, NULL), SD_OK);
  assert_int_equal(sd_value_as_int(value), 3);
  sd_map_result_free(result);
  atomic_store(&op.failing, 1);
  atomic_store(&op.calls, 0);
  options.on_error = SD_ON_ERROR_RAISE;
  assert_int_equal(sd_pipeline_map(pipeline, &options, &result, &error), SD_REMOTE);
  assert_int_equal(atomic_load(&op.calls), 1);
  sd_value_release(input.value);
  sd_pipeline_release(pipeline);
}

static void case_5_8_a_mapped_pipeline_takes_and_gives_lists(void **state)
{
  (void)state;
  const sd_name_mapping in[] = {{"items", "x"}}, out[] = {{"result", "results"}};
  const char *over[] = {"items"};
  sd_as_node_options as_node = {.struct_size = sizeof as_node,
                                .input_mapping = in,
                                .input_mapping_count = 1,
                                .output_mapping = out,
                                .output_mapping_count = 1,
                                .map_over = over,
                                .map_over_count = 1};
  sd_pipeline *pipeline =
      rig_pipeline("outer", NULL, 2,
                   rig_as_node(rig_pipeline("inner", NULL, 2, rig_node("double", "x", "hidden", &DOUBLE),
                                            rig_node("add_one", "hidden", "result", &ADD_ONE)),
                               &as_node),
                   rig_node("total", "results", "total", &SUM));
  sd_named_value input = {"items", rig_list(3, 1, 2, 3)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
  assert_int_equal(sd_result_count(result), 2);
  assert_int_equal(rig_int(result, "total"), 15);
  sd_value list;
  assert_int_equal(sd_result_get(result, "results", &list, NULL), SD_OK);
  rig_assert_list(list, 3, 3, 5, 7);
  sd_value_release(list);
  sd_result_free(result);
  sd_value_release(input.value);
  sd_pipeline_release(pipeline);
}

static void case_4_9_a_node_over_items(void **state)
{
  (void)state;
  rig_log log = {.count = 0};
  sd_callback *callback = rig_callback(&log);
  sd_aspects aspects = {.given = SD_ASPECT_CALLBACKS, .callbacks = &callback, .callback_count = 1};
  sd_node_options more = {.map_items = true};
  sd_pipeline *pipeline =
      rig_pipeline("p", &aspects, 1, rig_node_with("add", "x", "result", &ADD_ONE, &more));
  sd_named_value input = {"x", rig_list(3, 2, 3, 4)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
  sd_value list;
  assert_int_equal(sd_result_get(result, "result", &list, NULL), SD_OK);
  rig_assert_list(list, 3, 3, 4, 5);
  static const char *const EXPECTED[] = {"pipeline_start p 0 inputs 1",
                                         "map_start add 3",
                                         "item_start add 0",
                                         "item_end add 0",
                                         "item_start add 1",
                                         "item_end add 1",
                                         "item_start add 2",
                                         "item_end add 2",
                                         "map_end add failed 0 cached 0",
                                         "pipeline_end p 0 outputs 1"};
  assert_int_equal(log.count, sizeof EXPECTED / sizeof *EXPECTED);
  for (size_t i = 0; i < log.count; i++)
    assert_string_equal(log.lines[i], EXPECTED[i]);
  sd_value_release(list);
  sd_value_release(input.value);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
  sd_callback_release(callback);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(case_2_1_and_2_2_a_chain_over_a_list),
      cmocka_unit_test(case_2_4_constants_are_shared_and_2_5_an_empty_list_gives_empty_lists),
      cmocka_unit_test(case_2_6_to_2_8_zip_and_product),
      cmocka_unit_test(a_list_of_input_sets_wins_over_constants),
      cmocka_unit_test(failed_items_stand_beside_good_ones_or_end_the_map),
      cmocka_unit_test(case_5_8_a_mapped_pipeline_takes_and_gives_lists),
      cmocka_unit_test(case_4_9_a_node_over_items),
  };
  return cmocka_run_group_tests_name("pipeline/map", tests, NULL, NULL);
}
