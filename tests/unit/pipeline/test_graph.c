/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Construction: what is refused and how it is named, order, size. */
#include "base/alloc.h"
#include "base/clock.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rig_op OP = {.factor = 1};

static sd_status make(sd_node **nodes, size_t count, sd_error *error, sd_pipeline **ret_pipeline)
{
  sd_pipeline_options options = {
      .struct_size = sizeof options, .id = "p", .nodes = nodes, .node_count = count};
  sd_status status = sd_pipeline_new(&options, ret_pipeline, error);
  for (size_t i = 0; i < count; i++)
    sd_node_release(nodes[i]);
  return status;
}

static void an_output_of_two_nodes_names_both(void **state)
{
  (void)state;
  sd_node *nodes[] = {rig_node("first", "x", "same", &OP), rig_node("second", "x", "same", &OP)};
  sd_error error;
  sd_pipeline *pipeline;
  assert_int_equal(make(nodes, 2, &error, &pipeline), SD_CONFLICT);
  assert_non_null(strstr(error.message, "'same' is made by node 'first' and by node 'second'"));
}

static void a_cycle_is_printed_with_its_path(void **state)
{
  (void)state;
  sd_node *nodes[] = {rig_node("a", "vc", "va", &OP), rig_node("b", "va", "vb", &OP),
                      rig_node("c", "vb", "vc", &OP), rig_node("behind", "vc", "vd", &OP)};
  sd_error error;
  sd_pipeline *pipeline;
  assert_int_equal(make(nodes, 4, &error, &pipeline), SD_INVALID);
  assert_non_null(strstr(error.message, "cycle: a -> b -> c -> a"));
  sd_node *own = rig_node("own", "v", "v", &OP);
  assert_int_equal(make(&own, 1, &error, &pipeline), SD_INVALID);
  assert_non_null(strstr(error.message, "cycle: own -> own"));
}

static void ties_are_broken_by_declaration(void **state)
{
  (void)state;
  sd_node *nodes[] = {rig_node("late", "vb", "vl", &OP), rig_node("z", "x", "vz", &OP),
                      rig_node("b", "x", "vb", &OP), rig_node("a", "x", "va", &OP)};
  sd_pipeline *pipeline;
  assert_int_equal(make(nodes, 4, NULL, &pipeline), SD_OK);
  static const char *const ORDER[] = {"z", "b", "late", "a"};
  assert_int_equal(sd_pipeline_node_count(pipeline), 4);
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(sd_node_name(sd_pipeline_node_at(pipeline, i)), ORDER[i]);
  assert_null(sd_pipeline_node_at(pipeline, 4));
  sd_pipeline_release(pipeline);
}

static void unknown_names_of_mappings_are_named(void **state)
{
  (void)state;
  sd_pipeline *pipeline = rig_pipeline("inner", NULL, 1, rig_node("a", "x y", "va", &OP));
  const sd_name_mapping wrong = {"outer", "nonsense"}, from = {"nonsense", "outer"};
  const char *over[] = {"nonsense"};
  sd_as_node_options in = {.struct_size = sizeof in, .input_mapping = &wrong, .input_mapping_count = 1},
                     out = {.struct_size = sizeof out, .output_mapping = &from, .output_mapping_count = 1},
                     map = {.struct_size = sizeof map, .map_over = over, .map_over_count = 1};
  sd_node *node;
  sd_error error;
  assert_int_equal(sd_pipeline_as_node(pipeline, &in, &node, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "the input 'nonsense' does not exist; there are: x, y"));
  assert_int_equal(sd_pipeline_as_node(pipeline, &out, &node, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "the output 'nonsense' does not exist; there are: va"));
  assert_int_equal(sd_pipeline_as_node(pipeline, &map, &node, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "'nonsense' does not exist; there are: x, y"));
  sd_pipeline_release(pipeline);
}

static void a_node_is_checked(void **state)
{
  (void)state;
  sd_error error;
  sd_node *node;
  sd_node_options options = {.struct_size = sizeof options, .name = "n"};
  assert_int_equal(sd_node_new(&options, &node, &error), SD_INVALID);
  const char *outputs[] = {"a", "a"};
  options.function = (sd_node_fn *)(uintptr_t)1;
  assert_int_equal(sd_node_new(&options, &node, &error), SD_INVALID);
  assert_string_equal(error.message, "node 'n' has no outputs");
  options.outputs = outputs;
  options.output_count = 2;
  assert_int_equal(sd_node_new(&options, &node, &error), SD_INVALID);
  assert_string_equal(error.message, "node 'n' has the output 'a' twice");
}

static void each_allocation_of_build_and_run_may_fail(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    /* What the rig itself needs is made before. */
    rig_op op = {.factor = 1};
    sd_aspects aspects = {.given = SD_ASPECT_CACHE};
    assert_int_equal(sd_memory_cache_new(0, &aspects.cache, NULL), SD_OK);
    sd_pipeline *inner =
        rig_pipeline("inner", NULL, 2, rig_node("a", "x k=3", "va", &op), rig_node("b", "va", "vb", &op));
    sd_value list = rig_list(2, 1, 2);
    sd_node *nodes[2] = {NULL, NULL};
    sd_pipeline *pipeline = NULL;
    sd_result *result = NULL;
    const char *over = "x";
    sd_as_node_options as_node = {.struct_size = sizeof as_node, .map_over = &over, .map_over_count = 1};
    sd_named_value input = {"x", list};
    sd_run_options run = {.struct_size = sizeof run, .inputs = &input, .input_count = 1};
    sd_node *last = rig_node("last", "vb", "end", &op);
    sd_error error;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_pipeline_as_node(inner, &as_node, &nodes[0], &error);
    nodes[1] = last;
    sd_pipeline_options options = {
        .struct_size = sizeof options, .nodes = nodes, .node_count = 2, .aspects = aspects};
    if (status == SD_OK)
      status = sd_pipeline_new(&options, &pipeline, &error);
    if (status == SD_OK)
      status = sd_pipeline_run(pipeline, &run, &result, &error);
    uint64_t calls = sd_alloc_calls();
    sd_alloc_fail_nth(0);
    if (status == SD_OK)
      assert_int_equal(rig_int(result, "end"), 9);
    else
      assert_int_equal(status, SD_NOMEM);
    sd_result_free(result);
    sd_pipeline_release(pipeline);
    sd_node_release(nodes[0]);
    sd_node_release(last);
    sd_pipeline_release(inner);
    sd_value_release(list);
    sd_cache_release(aspects.cache);
    if (calls < nth)
      break;
  }
}

static void building_is_linear(void **state)
{
  (void)state;
  /* Ten times as many nodes may take sixty times as long at most (memory is slower than caches): a quadratic
   * way takes a hundred. */
  double times[2] = {0, 0};
  static const size_t SIZES[2] = {10000, 100000};
  for (int s = 0; s < 2; s++) {
    sd_node **nodes = sd_calloc(SIZES[s], sizeof(sd_node *));
    assert_non_null(nodes);
    for (size_t i = 0; i < SIZES[s]; i++) {
      char name[24], in[24], out[24];
      snprintf(name, sizeof name, "n%zu", i);
      snprintf(in, sizeof in, "v%zu", i + 1);
      snprintf(out, sizeof out, "v%zu", i); /* declared against the flow */
      nodes[i] = rig_node(name, in, out, &OP);
    }
    sd_pipeline *pipeline;
    uint64_t begin = sd_clock_monotonic_ns();
    sd_pipeline_options options = {.struct_size = sizeof options, .nodes = nodes, .node_count = SIZES[s]};
    assert_int_equal(sd_pipeline_new(&options, &pipeline, NULL), SD_OK);
    times[s] = (double)(sd_clock_monotonic_ns() - begin);
    for (size_t i = 0; i < SIZES[s]; i++)
      sd_node_release(nodes[i]);
    sd_free(nodes);
    sd_pipeline_release(pipeline);
  }
  assert_true(times[1] < 60 * times[0]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_output_of_two_nodes_names_both),
      cmocka_unit_test(a_cycle_is_printed_with_its_path),
      cmocka_unit_test(ties_are_broken_by_declaration),
      cmocka_unit_test(unknown_names_of_mappings_are_named),
      cmocka_unit_test(a_node_is_checked),
      cmocka_unit_test(each_allocation_of_build_and_run_may_fail),
      cmocka_unit_test(building_is_linear),
  };
  return cmocka_run_group_tests_name("pipeline/graph", tests, NULL, NULL);
}
