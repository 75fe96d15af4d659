/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A pipeline as a node of another: which names it shows outside, and what is mapped. */
#include "base/alloc.h"
#include "pipeline/pipeline.h"

#include <string.h>

static sd_status unknown(const sd_pipeline *pipeline, const char *what, const char *name,
                         const char *const *names, size_t count, sd_error *error)
{
  char list[256];
  return sd_error_set(error, SD_NOT_FOUND, "pipeline '%s' as a node: %s '%s' does not exist; there are: %s",
                      pipeline->id, what, name, sd_names_join(names, count, list, sizeof list));
}

static bool has_name(const char *const *names, size_t count, const char *name)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0)
      return true;
  return false;
}

static sd_status check_mappings(const sd_pipeline *pipeline, const sd_as_node_options *options,
                                sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  for (size_t i = 0; i < options->input_mapping_count; i++) {
    const sd_name_mapping *mapping = &options->input_mapping[i];
    if (!has_name(plan->free_inputs, plan->free_input_count, mapping->to))
      return unknown(pipeline, "the input", mapping->to, plan->free_inputs, plan->free_input_count, error);
    for (size_t j = 0; j < i; j++)
      if (strcmp(options->input_mapping[j].to, mapping->to) == 0)
        return sd_error_set(error, SD_CONFLICT, "pipeline '%s' as a node: the input '%s' is mapped twice",
                            pipeline->id, mapping->to);
  }
  for (size_t i = 0; i < options->output_mapping_count; i++) {
    const sd_name_mapping *mapping = &options->output_mapping[i];
    if (sd_plan_find_output(plan, mapping->from) == UINT32_MAX)
      return unknown(pipeline, "the output", mapping->from, plan->sorted_outputs, plan->output_count, error);
  }
  return SD_OK;
}

/* The name under which an inner input is seen outside. */
static const char *outer_name(const sd_as_node_options *options, const char *inner)
{
  for (size_t i = 0; i < options->input_mapping_count; i++)
    if (strcmp(options->input_mapping[i].to, inner) == 0)
      return options->input_mapping[i].from;
  return inner;
}

sd_status sd_pipeline_as_node(sd_pipeline *pipeline, const sd_as_node_options *options, sd_node **ret_node,
                              sd_error *error)
{
  static const sd_as_node_options DEFAULTS = {.struct_size = sizeof DEFAULTS};
  if (!options)
    options = &DEFAULTS;
  const sd_plan *plan = &pipeline->plan;
  sd_status status = check_mappings(pipeline, options, error);
  if (status != SD_OK)
    return status;
  size_t outputs = options->output_mapping_count ? options->output_mapping_count : plan->output_count;
  sd_node_input *inputs = sd_calloc(plan->free_input_count, sizeof *inputs);
  const char **input_names = sd_calloc(plan->free_input_count, sizeof(char *));
  const char **output_names = sd_calloc(outputs, sizeof(char *));
  sd_node *node = NULL;
  sd_node_options made = {.struct_size = sizeof made,
                          .name = options->name ? options->name : pipeline->id,
                          .inputs = inputs,
                          .input_count = plan->free_input_count,
                          .outputs = output_names,
                          .output_count = outputs,
                          .cache = options->cache};
  if (!inputs || !input_names || !output_names)
    goto nomem;
  for (uint32_t i = 0; i < plan->free_input_count; i++) {
    const sd_plan_input *inner = &plan->inputs[sd_plan_find_input(plan, plan->free_inputs[i])];
    inputs[i] = (sd_node_input){.name = outer_name(options, inner->name), .has_default = !inner->required};
    if (inputs[i].has_default)
      inputs[i].default_value = sd_value_absent();
    input_names[i] = inputs[i].name;
    if (has_name(input_names, i, inputs[i].name)) {
      status = sd_error_set(error, SD_CONFLICT, "pipeline '%s' as a node: two inputs are called '%s'",
                            pipeline->id, inputs[i].name);
      goto done;
    }
  }
  for (size_t k = 0; k < outputs; k++) {
    output_names[k] = options->output_mapping_count ? options->output_mapping[k].to : plan->output_names[k];
    /* Without a mapping the plan has seen to it that they differ. */
    if (options->output_mapping_count && has_name(output_names, k, output_names[k])) {
      status = sd_error_set(error, SD_CONFLICT, "pipeline '%s' as a node: two outputs are called '%s'",
                            pipeline->id, output_names[k]);
      goto done;
    }
  }
  for (size_t i = 0; i < options->map_over_count; i++) {
    if (!has_name(input_names, plan->free_input_count, options->map_over[i])) {
      status = unknown(pipeline, "the input to map over", options->map_over[i], input_names,
                       plan->free_input_count, error);
      goto done;
    }
  }
  node = sd_node_make(&made);
  if (!node)
    goto nomem;
  node->pipeline = sd_pipeline_retain(pipeline);
  node->map_mode = options->map_mode;
  node->hides_outputs = options->output_mapping_count > 0;
  node->inner_inputs = sd_calloc(plan->free_input_count, sizeof(uint32_t));
  node->inner_outputs = sd_calloc(outputs, sizeof(uint32_t));
  if (!node->inner_inputs || !node->inner_outputs)
    goto nomem;
  if (options->map_over_count > 0) {
    node->mapped = sd_calloc(plan->free_input_count, sizeof(bool));
    node->mapped_order = sd_calloc(options->map_over_count, sizeof(uint32_t));
    if (!node->mapped || !node->mapped_order)
      goto nomem;
  }
  for (uint32_t i = 0; i < plan->free_input_count; i++) {
    node->inner_inputs[i] = sd_plan_find_input(plan, plan->free_inputs[i]);
  }
  for (size_t m = 0; m < options->map_over_count; m++) {
    uint32_t i = 0;
    while (strcmp(inputs[i].name, options->map_over[m]) != 0)
      i++;
    if (!node->mapped[i])
      node->mapped_order[node->mapped_count++] = i;
    node->mapped[i] = true;
  }
  for (size_t k = 0; k < outputs; k++)
    node->inner_outputs[k] = options->output_mapping_count
                                 ? sd_plan_find_output(plan, options->output_mapping[k].from)
                                 : (uint32_t)k;
  *ret_node = node;
  node = NULL;
  goto done;
nomem:
  status = sd_error_set(error, SD_NOMEM, "out of memory for a node");
done:
  sd_node_release(node);
  sd_free(inputs);
  sd_free((void *)(uintptr_t)input_names);
  sd_free((void *)(uintptr_t)output_names);
  return status;
}
