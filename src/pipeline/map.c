/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* sd_pipeline_map and its result. */
#include "base/alloc.h"
#include "base/clock.h"
#include "pipeline/execute.h"
#include "pipeline/hooks.h"

#include <string.h>

struct sd_map_result {
  sd_pipeline *pipeline;
  size_t items, count;
  uint32_t *outputs;
  sd_value *values;  /* output after output */
  sd_error **errors; /* per item; NULL: none */
  uint64_t executed, cached;
};

static bool in_order(const sd_map_options *options, uint32_t *order, const sd_pipeline *pipeline,
                     sd_error *error)
{
  for (size_t i = 0; i < options->map_over_count; i++) {
    order[i] = sd_plan_find_input(&pipeline->plan, options->map_over[i]);
    bool given = false;
    for (size_t j = 0; j < options->input_count; j++)
      given |= strcmp(options->inputs[j].name, options->map_over[i]) == 0;
    if (order[i] == UINT32_MAX || !given) {
      char list[256];
      sd_error_set(
          error, SD_INVALID, "'%s' is mapped over and is %s of pipeline '%s'; its inputs: %s",
          options->map_over[i], order[i] == UINT32_MAX ? "no input" : "not given to an input", pipeline->id,
          sd_names_join(pipeline->plan.free_inputs, pipeline->plan.free_input_count, list, sizeof list));
      return false;
    }
  }
  return true;
}

/* Every required input is a list, a constant, or in each item. */
static sd_status check_items(const sd_map_options *options, const sd_pipeline *pipeline, bool *given,
                             const uint8_t *wanted, sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  sd_status status = SD_OK;
  bool *mine = sd_calloc(plan->input_count, sizeof *mine);
  if (!mine)
    return sd_error_set(error, SD_NOMEM, "out of memory for a map");
  for (size_t item = 0; item < options->item_count && status == SD_OK; item++) {
    sd_value value = options->items[item];
    if (sd_value_kind_of(value) != SD_VALUE_MAP) {
      status = sd_error_set(error, SD_INVALID, "item %zu is no map of inputs", item);
      break;
    }
    memcpy(mine, given, plan->input_count * sizeof *mine);
    for (size_t i = 0; i < sd_value_count(value) && status == SD_OK; i++) {
      uint32_t input;
      status = sd_input_find(pipeline, sd_value_key_at(value, i), &input, error);
      if (status == SD_OK)
        mine[input] = true;
    }
    if (status == SD_OK)
      status = sd_inputs_check(pipeline, mine, wanted, error);
    if (status != SD_OK)
      sd_error_prefix(error, "item %zu", item);
  }
  sd_free(mine);
  return status;
}

static sd_status fill(sd_mapping *map, sd_pipeline *pipeline, const sd_map_options *options,
                      const uint8_t *wanted, sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  bool *given = sd_calloc(plan->input_count, sizeof *given);
  bool *mapped = sd_calloc(plan->input_count, sizeof *mapped);
  const char **names = sd_calloc(plan->input_count, sizeof(char *));
  uint32_t *order = sd_calloc(options->map_over_count, sizeof *order);
  sd_status status = SD_INVALID;
  if (!given || !mapped || !names || !order) {
    status = sd_error_set(error, SD_NOMEM, "out of memory for a map");
    goto done;
  }
  for (size_t i = 0; i < options->input_count; i++) {
    uint32_t input;
    status = sd_input_find(pipeline, options->inputs[i].name, &input, error);
    if (status != SD_OK)
      goto done;
    given[input] = true;
    names[input] = options->inputs[i].name;
    sd_value_release(map->lists[input]);
    map->lists[input] = sd_value_retain(options->inputs[i].value);
  }
  status = SD_INVALID;
  if (options->items) {
    if (options->map_over_count > 0) {
      sd_error_set(error, SD_INVALID, "a map is given map_over or items, not both");
      goto done;
    }
    map->maps = options->items;
    map->items = options->item_count;
    status = options->item_count > SD_MAP_ITEMS_MAX
                 ? sd_error_set(error, SD_LIMIT, "%zu items, at most %d are allowed", options->item_count,
                                SD_MAP_ITEMS_MAX)
                 : check_items(options, pipeline, given, wanted, error);
    goto done;
  }
  if (options->map_over_count == 0) {
    sd_error_set(error, SD_INVALID, "a map of pipeline '%s' needs map_over or items", pipeline->id);
    goto done;
  }
  if (!in_order(options, order, pipeline, error))
    goto done;
  for (size_t i = 0; i < options->map_over_count; i++)
    mapped[order[i]] = true;
  status = sd_inputs_check(pipeline, given, wanted, error);
  if (status == SD_OK)
    status = sd_mapping_measure(map, names, mapped, options->mode, error);
  if (status == SD_OK && options->mode == SD_MAP_PRODUCT)
    status = sd_mapping_multiply(map, order, options->map_over_count, error);
done:
  sd_free(given);
  sd_free(mapped);
  sd_free((void *)(uintptr_t)names);
  sd_free(order);
  return status;
}

static sd_status attempt(sd_pipeline *pipeline, const sd_map_options *options, const uint8_t *wanted,
                         bool eager, sd_map_result *result, bool *ret_again, sd_error *error)
{
  sd_run run;
  sd_mapping *map = NULL;
  sd_error ignored;
  sd_aspects timeout = sd_timeout_of_run(pipeline, options->aspects);
  if (!error)
    error = &ignored;
  sd_status status = sd_run_init(&run, options->cancel, error);
  if (status != SD_OK)
    return status;
  run.eager = eager;
  run.context->warn = options->warn;
  run.context->warn_user = options->warn_user;
  if (sd_mapping_new(&run, pipeline, &map) != SD_OK) {
    status = sd_error_set(error, SD_NOMEM, "out of memory for a map");
    goto done;
  }
  map->name = pipeline->id;
  map->on_error = options->on_error;
  map->outputs = result->outputs;
  map->output_count = result->count;
  map->wanted = wanted;
  map->aspects = sd_aspects_of_run(pipeline, options->aspects);
  status = fill(map, pipeline, options, wanted, error);
  if (status != SD_OK)
    goto done;
  if (sd_mapping_lay(map, &timeout, &map->aspects) != SD_OK) {
    status = sd_error_set(error, SD_NOMEM, "out of memory for a map of %zu items", map->items);
    goto done;
  }
  if (!sd_mapping_start(map))
    sd_run_drive(&run);
  sd_run_quiesce(&run);
  sd_hook_map(map, SD_MAP_ENDS, 0, (int64_t)sd_clock_monotonic_ns() - map->start_ns, NULL, NULL);
  status = atomic_load(&map->status);
  *ret_again = atomic_load(&run.restart);
  if (status != SD_OK) {
    *error = map->error;
    goto done;
  }
  for (size_t i = 0; status == SD_OK && i < map->items * map->output_count; i++) {
    sd_value value;
    status = sd_lazy_force(map->values[i], &value, error);
    if (status == SD_OK && map->values[i].type == &sd_lazy_type) {
      sd_value loaded = sd_value_retain(value);
      sd_value_release(map->values[i]);
      map->values[i] = loaded;
    }
  }
  if (status != SD_OK) {
    *ret_again = status == SD_NOT_FOUND || status == SD_CORRUPT;
    goto done;
  }
  result->items = map->items;
  result->values = map->values;
  result->errors = map->errors;
  result->executed = map->executed;
  result->cached = map->cached;
  map->values = NULL;
  map->errors = NULL;
done:
  sd_run_quiesce(&run);
  sd_mapping_free(map);
  sd_run_release(&run);
  return status;
}

sd_status sd_pipeline_map(sd_pipeline *pipeline, const sd_map_options *options, sd_map_result **ret_result,
                          sd_error *error)
{
  sd_map_result *result = sd_calloc(1, sizeof *result);
  uint8_t *wanted = NULL;
  bool again = false;
  if (!result)
    return sd_error_set(error, SD_NOMEM, "out of memory for a map");
  result->pipeline = sd_pipeline_retain(pipeline);
  sd_status status = sd_outputs_select(pipeline, options->outputs, options->output_count, &result->outputs,
                                       &result->count, &wanted, error);
  if (status == SD_OK)
    status = attempt(pipeline, options, wanted, false, result, &again, error);
  if (status != SD_OK && again)
    status = attempt(pipeline, options, wanted, true, result, &again, error);
  sd_free(wanted);
  if (status == SD_OK)
    *ret_result = result;
  else
    sd_map_result_free(result);
  return status;
}

size_t sd_map_result_items(const sd_map_result *result)
{
  return result->items;
}

size_t sd_map_result_count(const sd_map_result *result)
{
  return result->count;
}

const char *sd_map_result_name(const sd_map_result *result, size_t output)
{
  return output < result->count ? result->pipeline->plan.output_names[result->outputs[output]] : NULL;
}

sd_status sd_map_result_at(sd_map_result *result, size_t output, size_t item, sd_value *ret_value,
                           sd_error *error)
{
  if (output >= result->count || item >= result->items)
    return sd_error_set(error, SD_NOT_FOUND, "output %zu of %zu, item %zu of %zu", output, result->count,
                        item, result->items);
  *ret_value = sd_value_retain(result->values[output * result->items + item]);
  return SD_OK;
}

sd_status sd_map_result_list(sd_map_result *result, const char *name, sd_value *ret_value, sd_error *error)
{
  for (size_t k = 0; k < result->count; k++) {
    if (strcmp(sd_map_result_name(result, k), name) != 0)
      continue;
    sd_value *items = &result->values[k * result->items];
    for (size_t i = 0; i < result->items; i++)
      sd_value_retain(items[i]);
    sd_status status = sd_value_list(items, result->items, ret_value);
    return status == SD_OK ? SD_OK : sd_error_set(error, status, "a list of %zu items", result->items);
  }
  return sd_error_set(error, SD_NOT_FOUND, "the result has no output '%s'", name);
}

const sd_error *sd_map_result_error(const sd_map_result *result, size_t item)
{
  return result->errors && item < result->items ? result->errors[item] : NULL;
}

uint64_t sd_map_result_executed(const sd_map_result *result)
{
  return result->executed;
}

uint64_t sd_map_result_cached(const sd_map_result *result)
{
  return result->cached;
}

void sd_map_result_free(sd_map_result *result)
{
  if (!result)
    return;
  for (size_t i = 0; result->values && i < result->items * result->count; i++)
    sd_value_release(result->values[i]);
  for (size_t i = 0; result->errors && i < result->items; i++)
    sd_free(result->errors[i]);
  sd_free(result->values);
  sd_free(result->errors);
  sd_free(result->outputs);
  sd_pipeline_release(result->pipeline);
  sd_free(result);
}
