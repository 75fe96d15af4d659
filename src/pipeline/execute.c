/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* sd_pipeline_run and its result. */
#include "pipeline/execute.h"
#include "base/alloc.h"

#include <string.h>

struct sd_result {
  sd_pipeline *pipeline;
  size_t count;
  uint32_t *outputs; /* of the plan */
  sd_value *values;
  uint64_t executed, cached;
  /* So that a value which the cache has lost can be made again. */
  sd_named_value *inputs;
  size_t input_count;
  sd_aspects aspects;
  bool has_aspects;
};

sd_status sd_outputs_select(const sd_pipeline *pipeline, const char *const *names, size_t count,
                            uint32_t **ret_outputs, size_t *ret_count, uint8_t **ret_wanted, sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  size_t all = names ? count : plan->output_count;
  uint32_t *outputs = sd_calloc(all, sizeof *outputs);
  uint8_t *wanted = names ? sd_calloc(plan->output_count, 1) : NULL;
  if (!outputs || (names && !wanted)) {
    sd_free(outputs);
    sd_free(wanted);
    return sd_error_set(error, SD_NOMEM, "out of memory for a run");
  }
  for (size_t i = 0; i < all; i++) {
    outputs[i] = names ? sd_plan_find_output(plan, names[i]) : (uint32_t)i;
    if (outputs[i] == UINT32_MAX) {
      char list[256];
      sd_error_set(error, SD_NOT_FOUND, "pipeline '%s' has no output '%s'; it has: %s", pipeline->id,
                   names[i], sd_names_join(plan->sorted_outputs, plan->output_count, list, sizeof list));
      sd_free(outputs);
      sd_free(wanted);
      return SD_NOT_FOUND;
    }
    if (wanted)
      wanted[outputs[i]] = 1;
  }
  *ret_outputs = outputs;
  *ret_count = all;
  *ret_wanted = wanted;
  return SD_OK;
}

/* Only what the outputs need is required. */
sd_status sd_inputs_check(const sd_pipeline *pipeline, const bool *given, const uint8_t *wanted,
                          sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  uint8_t *marks = NULL; /* per slot */
  if (wanted) {
    marks = sd_calloc(plan->slot_count, 1);
    if (!marks)
      return sd_error_set(error, SD_NOMEM, "out of memory for a run");
    memcpy(marks + plan->first_output, wanted, plan->output_count);
    for (uint32_t r = plan->count; r-- > 0;) {
      const sd_record *record = &plan->records[r];
      bool needed = false;
      for (uint32_t k = 0; k < record->output_count; k++)
        needed |= marks[record->output_slot + k];
      for (uint32_t i = 0; needed && i < record->input_count; i++)
        marks[plan->input_slots[record->inputs + i]] = 1;
    }
  }
  const char **missing = sd_calloc(plan->input_count, sizeof(char *));
  const char **required = sd_calloc(plan->input_count, sizeof(char *));
  size_t missing_count = 0, required_count = 0;
  sd_status status = SD_OK;
  if (!missing || !required)
    status = sd_error_set(error, SD_NOMEM, "out of memory for a run");
  for (uint32_t i = 0; status == SD_OK && i < plan->input_count; i++) {
    const sd_plan_input *input = &plan->inputs[i];
    if (!input->required || (marks && !marks[input->fill]))
      continue;
    required[required_count++] = input->name;
    if (!given[i])
      missing[missing_count++] = input->name;
  }
  if (missing_count > 0) {
    char first[160], second[160];
    status = sd_error_set(error, SD_INVALID, "pipeline '%s' misses inputs: %s; it requires: %s", pipeline->id,
                          sd_names_join(missing, missing_count, first, sizeof first),
                          sd_names_join(required, required_count, second, sizeof second));
  }
  sd_free((void *)(uintptr_t)missing);
  sd_free((void *)(uintptr_t)required);
  sd_free(marks);
  return status;
}

sd_status sd_input_find(const sd_pipeline *pipeline, const char *name, uint32_t *ret_input, sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  uint32_t input = sd_plan_find_input(plan, name);
  if (input == UINT32_MAX) {
    char list[256];
    return sd_error_set(error, SD_INVALID, "pipeline '%s' has no input '%s'; it has: %s", pipeline->id, name,
                        sd_names_join(plan->free_inputs, plan->free_input_count, list, sizeof list));
  }
  *ret_input = input;
  return SD_OK;
}

sd_effective sd_aspects_of_run(const sd_pipeline *pipeline, const sd_aspects *instead)
{
  static const sd_effective NOTHING = {0};
  sd_effective effective = sd_aspects_resolve(&NOTHING, &pipeline->aspects);
  return instead ? sd_aspects_resolve(&effective, instead) : effective;
}

sd_aspects sd_timeout_of_run(const sd_pipeline *pipeline, const sd_aspects *instead)
{
  return instead && instead->given & SD_ASPECT_TIMEOUT ? *instead : pipeline->aspects;
}

static sd_status keep_inputs(sd_result *result, const sd_run_options *options)
{
  result->inputs = sd_calloc(options->input_count, sizeof *result->inputs);
  if (!result->inputs)
    return SD_NOMEM;
  for (size_t i = 0; i < options->input_count; i++) {
    result->inputs[i].name = sd_strdup(options->inputs[i].name);
    if (!result->inputs[i].name)
      return SD_NOMEM;
    result->inputs[i].value = sd_value_retain(options->inputs[i].value);
    result->input_count++;
  }
  if (options->aspects) {
    result->aspects = *options->aspects;
    result->aspects.callbacks = NULL;
    result->aspects.callback_count = 0;
    result->aspects.backend = NULL;
    result->aspects.given &= SD_ASPECT_CACHE;
    result->aspects.cache = sd_cache_retain(result->aspects.given ? options->aspects->cache : NULL);
  }
  return SD_OK;
}

/* One attempt. *ret_again: it failed because the cache has lost what it had promised. */
static sd_status attempt(sd_pipeline *pipeline, const sd_run_options *options, const uint8_t *wanted,
                         bool eager, sd_result *result, bool *ret_again, sd_error *error)
{
  static const sd_run_options NO_OPTIONS = {.struct_size = sizeof NO_OPTIONS};
  if (!options)
    options = &NO_OPTIONS;
  const sd_plan *plan = &pipeline->plan;
  sd_run run;
  sd_frame *frame = NULL;
  bool *given = NULL;
  sd_effective aspects = sd_aspects_of_run(pipeline, options->aspects);
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
  if ((given = sd_calloc(plan->input_count, sizeof *given)) == NULL ||
      sd_frame_new(&run, pipeline, &aspects, NULL, wanted, &frame) != SD_OK ||
      sd_queue_for(&run, NULL, aspects.backend,
                   aspects.backend ? aspects.backend->node_execution : SD_SEQUENTIAL,
                   &frame->queue) != SD_OK) {
    status = sd_error_set(error, SD_NOMEM, "out of memory for a run of pipeline '%s'", pipeline->id);
    goto done;
  }
  for (size_t i = 0; i < options->input_count; i++) {
    uint32_t input;
    status = sd_input_find(pipeline, options->inputs[i].name, &input, error);
    if (status != SD_OK)
      goto done;
    given[input] = true;
    sd_frame_give(frame, input, options->inputs[i].value, NULL);
  }
  status = sd_inputs_check(pipeline, given, wanted, error);
  if (status != SD_OK)
    goto done;
  frame->deadline_ns = sd_deadline_of(0, &timeout);
  sd_frame_open(frame);
  if (!sd_frame_start(frame))
    sd_run_drive(&run);
  sd_frame_close(frame);
  status = atomic_load(&frame->status);
  *ret_again = atomic_load(&run.restart);
  if (status != SD_OK) {
    *error = frame->error;
    goto done;
  }
  for (size_t i = 0; i < result->count; i++)
    result->values[i] = sd_value_retain(frame->slots[plan->first_output + result->outputs[i]]);
  result->executed = frame->executed;
  result->cached = frame->cached;
done:
  sd_free(given);
  /* Threads may still be on their way out of the frame. */
  sd_run_quiesce(&run);
  sd_frame_free(frame);
  sd_run_release(&run);
  return status;
}

static sd_status execute(sd_pipeline *pipeline, const sd_run_options *options, bool eager,
                         sd_result **ret_result, sd_error *error)
{
  sd_result *result = sd_calloc(1, sizeof *result);
  uint8_t *wanted = NULL;
  bool lazy = false, again = false;
  if (!result)
    return sd_error_set(error, SD_NOMEM, "out of memory for a run");
  result->pipeline = sd_pipeline_retain(pipeline);
  sd_status status =
      sd_outputs_select(pipeline, options ? options->outputs : NULL, options ? options->output_count : 0,
                        &result->outputs, &result->count, &wanted, error);
  if (status != SD_OK)
    goto done;
  result->values = sd_calloc(result->count, sizeof *result->values);
  if (!result->values) {
    status = sd_error_set(error, SD_NOMEM, "out of memory for a run");
    goto done;
  }
  status = attempt(pipeline, options, wanted, eager, result, &again, error);
  if (status != SD_OK && again && !eager)
    status = attempt(pipeline, options, wanted, true, result, &again, error);
  for (size_t i = 0; status == SD_OK && i < result->count; i++)
    lazy |= result->values[i].type == &sd_lazy_type;
  if (lazy && options && keep_inputs(result, options) != SD_OK)
    status = sd_error_set(error, SD_NOMEM, "out of memory for a result");
  if (status == SD_OK) {
    *ret_result = result;
    result = NULL;
  }
done:
  sd_free(wanted);
  sd_result_free(result);
  return status;
}

sd_status sd_pipeline_run(sd_pipeline *pipeline, const sd_run_options *options, sd_result **ret_result,
                          sd_error *error)
{
  return execute(pipeline, options, false, ret_result, error);
}

size_t sd_result_count(const sd_result *result)
{
  return result->count;
}

const char *sd_result_name(const sd_result *result, size_t index)
{
  return index < result->count ? result->pipeline->plan.output_names[result->outputs[index]] : NULL;
}

sd_status sd_result_at(sd_result *result, size_t index, sd_value *ret_value, sd_error *error)
{
  if (index >= result->count)
    return sd_error_set(error, SD_NOT_FOUND, "result %zu of %zu", index, result->count);
  sd_value value;
  sd_status status = sd_lazy_force(result->values[index], &value, error);
  if (status == SD_OK) {
    *ret_value = sd_value_retain(value);
    return SD_OK;
  }
  if (status != SD_NOT_FOUND && status != SD_CORRUPT)
    return status;
  /* It was there and has gone since: made again. */
  const char *name = sd_result_name(result, index);
  sd_result *again;
  sd_run_options options = {.struct_size = sizeof options,
                            .inputs = result->inputs,
                            .input_count = result->input_count,
                            .outputs = &name,
                            .output_count = 1,
                            .aspects = &result->aspects};
  status = execute(result->pipeline, &options, true, &again, error);
  if (status != SD_OK)
    return status;
  status = sd_lazy_force(again->values[0], &value, error);
  if (status == SD_OK)
    *ret_value = sd_value_retain(value);
  sd_result_free(again);
  return status;
}

sd_status sd_result_get(sd_result *result, const char *name, sd_value *ret_value, sd_error *error)
{
  for (size_t i = 0; i < result->count; i++)
    if (strcmp(sd_result_name(result, i), name) == 0)
      return sd_result_at(result, i, ret_value, error);
  return sd_error_set(error, SD_NOT_FOUND, "the result has no output '%s'", name);
}

uint64_t sd_result_executed(const sd_result *result)
{
  return result->executed;
}

uint64_t sd_result_cached(const sd_result *result)
{
  return result->cached;
}

void sd_result_free(sd_result *result)
{
  if (!result)
    return;
  for (size_t i = 0; result->values && i < result->count; i++)
    sd_value_release(result->values[i]);
  for (size_t i = 0; i < result->input_count; i++) {
    sd_free((char *)(uintptr_t)result->inputs[i].name);
    sd_value_release(result->inputs[i].value);
  }
  sd_cache_release(result->aspects.cache);
  sd_free(result->inputs);
  sd_free(result->values);
  sd_free(result->outputs);
  sd_pipeline_release(result->pipeline);
  sd_free(result);
}
