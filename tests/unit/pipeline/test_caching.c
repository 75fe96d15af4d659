/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The cache in runs, nested pipelines and maps. Numbers are those of the checklist. */
#include "rig.h"

#include <string.h>

static uint64_t runs_of(sd_pipeline *pipeline, int64_t x, uint64_t *ret_cached)
{
  sd_result *result = rig_run(pipeline, x);
  uint64_t executed = sd_result_executed(result);
  *ret_cached = sd_result_cached(result);
  sd_result_free(result);
  return executed;
}

static sd_aspects with_cache(void)
{
  sd_aspects aspects = {.given = SD_ASPECT_CACHE};
  assert_int_equal(sd_memory_cache_new(0, &aspects.cache, NULL), SD_OK);
  return aspects;
}

static void case_3_1_and_3_2_the_same_input_is_not_computed_again(void **state)
{
  (void)state;
  rig_op a = {.factor = 2}, b = {.factor = 1, .addend = 1};
  sd_aspects aspects = with_cache();
  sd_pipeline *pipeline =
      rig_pipeline("p", &aspects, 2, rig_node("a", "x", "a", &a), rig_node("b", "a", "b", &b));
  sd_cache_release(aspects.cache);
  uint64_t cached;
  assert_int_equal(runs_of(pipeline, 5, &cached), 2);
  assert_int_equal(cached, 0);
  assert_int_equal(runs_of(pipeline, 5, &cached), 0);
  assert_int_equal(cached, 2);
  assert_int_equal(runs_of(pipeline, 6, &cached), 2);
  sd_result *result = rig_run(pipeline, 5);
  assert_int_equal(rig_int(result, "b"), 11);
  sd_result_free(result);
  assert_int_equal(atomic_load(&a.calls), 2);
  sd_pipeline_release(pipeline);
}

static void case_3_8_what_is_behind_a_node_that_is_never_cached_can_hit(void **state)
{
  (void)state;
  rig_op a = {.factor = 0, .addend = 4}, b = {.factor = 1};
  sd_node_options never = {.cache = SD_CACHE_NEVER};
  sd_aspects aspects = with_cache();
  sd_pipeline *pipeline =
      rig_pipeline("p", &aspects, 2, rig_node_with("a", "x", "a", &a, &never), rig_node("b", "a", "b", &b));
  sd_cache_release(aspects.cache);
  uint64_t cached;
  assert_int_equal(runs_of(pipeline, 5, &cached), 2);
  assert_int_equal(runs_of(pipeline, 6, &cached), 1);
  assert_int_equal(cached, 1);
  assert_int_equal(atomic_load(&a.calls), 2);
  assert_int_equal(atomic_load(&b.calls), 1);
  sd_pipeline_release(pipeline);
}

static void case_5_15_an_inner_cache_that_is_off_stays_off(void **state)
{
  (void)state;
  rig_op a = {.factor = 2}, b = {.factor = 1};
  sd_aspects aspects = with_cache(), off = {.given = SD_ASPECT_CACHE};
  sd_pipeline *pipeline = rig_pipeline(
      "outer", &aspects, 2, rig_as_node(rig_pipeline("inner", &off, 1, rig_node("a", "x", "a", &a)), NULL),
      rig_node("b", "a", "b", &b));
  sd_cache_release(aspects.cache);
  uint64_t cached;
  assert_int_equal(runs_of(pipeline, 5, &cached), 2);
  assert_int_equal(runs_of(pipeline, 5, &cached), 1);
  assert_int_equal(cached, 1);
  assert_int_equal(atomic_load(&a.calls), 2);
  sd_pipeline_release(pipeline);
}

static void case_3_3_items_are_cached_each_by_itself(void **state)
{
  (void)state;
  rig_op a = {.factor = 2}, b = {.factor = 1, .addend = 1};
  rig_log log = {.count = 0};
  sd_callback *callback = rig_callback(&log);
  sd_aspects aspects = with_cache();
  aspects.given |= SD_ASPECT_CALLBACKS;
  aspects.callbacks = &callback;
  aspects.callback_count = 1;
  sd_pipeline *pipeline =
      rig_pipeline("p", &aspects, 2, rig_node("a", "x", "a", &a), rig_node("b", "a", "b", &b));
  sd_cache_release(aspects.cache);
  const char *over[] = {"x"};
  static const int LISTS[3][3] = {{1, 2, 3}, {1, 2, 3}, {2, 3, 4}};
  static const unsigned CALLS[3] = {3, 3, 4};
  for (int i = 0; i < 3; i++) {
    log.count = 0;
    sd_named_value input = {"x", rig_list(3, LISTS[i][0], LISTS[i][1], LISTS[i][2])};
    sd_map_options options = {.struct_size = sizeof options,
                              .inputs = &input,
                              .input_count = 1,
                              .map_over = over,
                              .map_over_count = 1};
    sd_map_result *result;
    assert_int_equal(sd_pipeline_map(pipeline, &options, &result, NULL), SD_OK);
    sd_value list;
    assert_int_equal(sd_map_result_list(result, "b", &list, NULL), SD_OK);
    rig_assert_list(list, 3, 2 * LISTS[i][0] + 1, 2 * LISTS[i][1] + 1, 2 * LISTS[i][2] + 1);
    sd_value_release(list);
    sd_map_result_free(result);
    sd_value_release(input.value);
    assert_int_equal(atomic_load(&a.calls), CALLS[i]);
    assert_int_equal(atomic_load(&b.calls), CALLS[i]);
  }
  assert_int_equal(rig_count(&log, "item_cached p"), 2);
  assert_int_equal(rig_count(&log, "item_start p"), 1);
  assert_true(rig_has(&log, "map_end p failed 0 cached 2"));
  sd_pipeline_release(pipeline);
  sd_callback_release(callback);
}

static void case_3_4_a_summary_of_a_map_is_cached_by_its_items(void **state)
{
  (void)state;
  rig_op a = {.factor = 2}, b = {.factor = 1, .addend = 1}, sum = {.factor = 1};
  const char *over[] = {"x"};
  sd_as_node_options as_node = {.struct_size = sizeof as_node, .map_over = over, .map_over_count = 1};
  sd_aspects aspects = with_cache();
  sd_pipeline *pipeline = rig_pipeline(
      "outer", &aspects, 2,
      rig_as_node(rig_pipeline("inner", NULL, 2, rig_node("a", "x", "a", &a), rig_node("b", "a", "b", &b)),
                  &as_node),
      rig_node("sum", "b", "sum", &sum));
  sd_cache_release(aspects.cache);
  static const int LISTS[4][3] = {{1, 2, 3}, {1, 2, 3}, {2, 3, 4}, {3, 2, 1}};
  static const uint64_t EXECUTED[4] = {7, 0, 3, 1}, CACHED[4] = {0, 7, 4, 6};
  for (int i = 0; i < 4; i++) {
    sd_named_value input = {"x", rig_list(3, LISTS[i][0], LISTS[i][1], LISTS[i][2])};
    sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
    sd_result *result;
    assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
    assert_int_equal(sd_result_executed(result), EXECUTED[i]);
    assert_int_equal(sd_result_cached(result), CACHED[i]);
    assert_int_equal(rig_int(result, "sum"), 2 * (LISTS[i][0] + LISTS[i][1] + LISTS[i][2]) + 3);
    sd_result_free(result);
    sd_value_release(input.value);
  }
  sd_pipeline_release(pipeline);
}

static void case_4_5_an_explicit_wish_uses_the_processes_cache(void **state)
{
  (void)state;
  rig_op a = {.factor = 7};
  rig_log log = {.count = 0};
  sd_callback *callback = rig_callback(&log);
  sd_aspects aspects = {.given = SD_ASPECT_CALLBACKS, .callbacks = &callback, .callback_count = 1};
  sd_node_options always = {.cache = SD_CACHE_ALWAYS};
  sd_pipeline *pipeline = rig_pipeline("p", &aspects, 1, rig_node_with("case_4_5", "x", "a", &a, &always));
  sd_result_free(rig_run(pipeline, 3));
  assert_true(rig_has(&log, "node_end case_4_5 cache 3"));
  log.count = 0;
  sd_result_free(rig_run(pipeline, 3));
  assert_true(rig_has(&log, "node_cached case_4_5"));
  assert_int_equal(rig_count(&log, "node_start"), 0);
  assert_int_equal(atomic_load(&a.calls), 1);
  sd_pipeline_release(pipeline);
  sd_callback_release(callback);
}

static void a_pipeline_cached_as_a_whole_does_not_ask_its_nodes(void **state)
{
  (void)state;
  rig_op a = {.factor = 2}, b = {.factor = 3};
  sd_as_node_options whole = {.struct_size = sizeof whole, .cache = SD_CACHE_ALWAYS};
  sd_aspects aspects = with_cache(), off = {.given = SD_ASPECT_CACHE};
  sd_pipeline *pipeline = rig_pipeline(
      "outer", &aspects, 1,
      rig_as_node(rig_pipeline("inner", &off, 2, rig_node("a", "x", "a", &a), rig_node("b", "a", "b", &b)),
                  &whole));
  sd_cache_release(aspects.cache);
  uint64_t cached;
  assert_int_equal(runs_of(pipeline, 5, &cached), 2);
  assert_int_equal(runs_of(pipeline, 5, &cached), 0);
  assert_int_equal(cached, 1);
  sd_result *result = rig_run(pipeline, 5);
  assert_int_equal(rig_int(result, "b"), 30);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
}

/* ---- A cache that loses what it has promised */

static sd_status lost_find(void *self, const uint8_t *signature, sd_cache_entry *entry, sd_error *error)
{
  (void)self;
  (void)signature;
  (void)error;
  *entry = (sd_cache_entry){.output_count = 1, .bytes = 1 << 20};
  return SD_OK;
}

static sd_status lost_load(void *self, const uint8_t *signature, uint32_t output, sd_value *ret_value,
                           sd_error *error)
{
  (void)signature;
  (void)output;
  (void)ret_value;
  (*(unsigned *)self)++;
  return sd_error_set(error, SD_NOT_FOUND, "evicted");
}

static sd_status lost_store(void *self, const uint8_t *signature, const sd_value *outputs, uint32_t count,
                            int64_t compute_ns, sd_error *error)
{
  (void)self;
  (void)signature;
  (void)outputs;
  (void)count;
  (void)compute_ns;
  return sd_error_set(error, SD_IO, "full");
}

static const char *lost_describe(void *self)
{
  (void)self;
  return "Lost";
}

static void lost_free(void *self)
{
  (void)self;
}

static void count_warning(void *user, const char *message)
{
  assert_non_null(strstr(message, "was not stored"));
  (*(unsigned *)user)++;
}

static void what_a_cache_has_lost_is_computed_and_a_full_one_only_warns(void **state)
{
  (void)state;
  static const sd_cache_vtable LOST = {sizeof LOST, lost_describe, lost_find,
                                       lost_load,   lost_store,    lost_free};
  unsigned loads = 0, warnings = 0;
  rig_op a = {.factor = 2}, b = {.factor = 3};
  sd_aspects aspects = {.given = SD_ASPECT_CACHE};
  assert_int_equal(sd_cache_new(&LOST, &loads, &aspects.cache, NULL), SD_OK);
  sd_node_options never = {.cache = SD_CACHE_NEVER};
  sd_pipeline *pipeline =
      rig_pipeline("p", &aspects, 2, rig_node("a", "x", "a", &a), rig_node_with("b", "a", "b", &b, &never));
  sd_cache_release(aspects.cache);
  sd_named_value input = {"x", sd_value_int(5)};
  sd_run_options options = {.struct_size = sizeof options,
                            .inputs = &input,
                            .input_count = 1,
                            .warn = count_warning,
                            .warn_user = &warnings};
  sd_result *result;
  sd_error error;
  if (sd_pipeline_run(pipeline, &options, &result, &error) != SD_OK)
    fail_msg("%s", error.message);
  assert_int_equal(rig_int(result, "b"), 30);
  assert_int_equal(atomic_load(&a.calls), 1);
  assert_int_equal(warnings, 1);
  assert_true(loads >= 1);
  sd_result_free(result);
  /* Nobody needs a: its promise is only broken when it is read, and then it is made. */
  const char *name = "a";
  options.outputs = &name;
  options.output_count = 1;
  assert_int_equal(sd_pipeline_run(pipeline, &options, &result, NULL), SD_OK);
  assert_int_equal(atomic_load(&a.calls), 1);
  assert_int_equal(rig_int(result, "a"), 10);
  assert_int_equal(atomic_load(&a.calls), 2);
  sd_result_free(result);
  sd_pipeline_release(pipeline);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(case_3_1_and_3_2_the_same_input_is_not_computed_again),
      cmocka_unit_test(case_3_8_what_is_behind_a_node_that_is_never_cached_can_hit),
      cmocka_unit_test(case_5_15_an_inner_cache_that_is_off_stays_off),
      cmocka_unit_test(case_3_3_items_are_cached_each_by_itself),
      cmocka_unit_test(case_3_4_a_summary_of_a_map_is_cached_by_its_items),
      cmocka_unit_test(case_4_5_an_explicit_wish_uses_the_processes_cache),
      cmocka_unit_test(a_pipeline_cached_as_a_whole_does_not_ask_its_nodes),
      cmocka_unit_test(what_a_cache_has_lost_is_computed_and_a_full_one_only_warns),
  };
  return cmocka_run_group_tests_name("pipeline/caching", tests, NULL, NULL);
}
