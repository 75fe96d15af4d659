/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Pipelines as objects: making, binding, asking. */
#include "pipeline/pipeline.h"

#include "base/alloc.h"
#include "pipeline/backend.h"
#include "pipeline/callback.h"

#include <stdio.h>
#include <streamduck/backend.h>
#include <streamduck/cache.h>
#include <string.h>

static void release_aspects(sd_aspects *aspects)
{
  sd_backend_release(aspects->backend);
  sd_cache_release(aspects->cache);
  for (size_t i = 0; aspects->callbacks && i < aspects->callback_count; i++)
    sd_callback_release(aspects->callbacks[i]);
  sd_free((void *)(uintptr_t)aspects->callbacks);
}

static void free_pipeline(sd_pipeline *pipeline)
{
  sd_plan_release(&pipeline->plan);
  release_aspects(&pipeline->aspects);
  sd_free(pipeline->id);
  sd_free(pipeline->name);
  sd_free(pipeline);
}

static bool copy_aspects(sd_aspects *to, const sd_aspects *from)
{
  *to = (sd_aspects){.given = from->given, .timeout_ms = from->timeout_ms};
  if (from->given & SD_ASPECT_CALLBACKS) {
    sd_callback **callbacks = sd_calloc(from->callback_count, sizeof(sd_callback *));
    if (!callbacks)
      return false;
    for (size_t i = 0; i < from->callback_count; i++)
      callbacks[i] = sd_callback_retain(from->callbacks[i]);
    to->callbacks = callbacks;
    to->callback_count = from->callback_count;
  }
  if (from->given & SD_ASPECT_BACKEND)
    to->backend = sd_backend_retain(from->backend);
  if (from->given & SD_ASPECT_CACHE)
    to->cache = sd_cache_retain(from->cache);
  return true;
}

static sd_status make(const sd_pipeline_options *options, const sd_named_value *bound, size_t bound_count,
                      bool implicit, sd_pipeline **ret_pipeline, sd_error *error)
{
  static atomic_ullong numbers;
  sd_pipeline *pipeline = sd_calloc(1, sizeof *pipeline);
  char number[40];
  const char *id = options->id ? options->id : options->name;
  sd_status status;
  if (!pipeline)
    goto nomem;
  atomic_init(&pipeline->references, 1);
  atomic_init(&pipeline->structure_state, 0);
  pipeline->implicit = implicit;
  if (!id) {
    snprintf(number, sizeof number, "pipeline-%llu", atomic_fetch_add(&numbers, 1) + 1);
    id = number;
  }
  if (!*id || strlen(id) >= SD_PIPELINE_NAME_MAX) {
    sd_error_set(error, SD_INVALID, "a pipeline's id has 1 to %d bytes", SD_PIPELINE_NAME_MAX - 1);
    free_pipeline(pipeline);
    return SD_INVALID;
  }
  pipeline->id = sd_strdup(id);
  pipeline->name = sd_strdup(options->name ? options->name : id);
  if (!pipeline->id || !pipeline->name || !copy_aspects(&pipeline->aspects, &options->aspects))
    goto nomem;
  status = sd_plan_build(&pipeline->plan, options->nodes, options->node_count, bound, bound_count, error);
  if (status == SD_OK && pipeline->plan.depth > SD_PIPELINE_DEPTH_MAX)
    status = sd_error_set(error, SD_LIMIT, "%u pipelines stand inside each other, at most %d may",
                          pipeline->plan.depth, SD_PIPELINE_DEPTH_MAX);
  if (status != SD_OK) {
    sd_error_prefix(error, "pipeline '%s'", pipeline->id);
    free_pipeline(pipeline);
    return status;
  }
  *ret_pipeline = pipeline;
  return SD_OK;
nomem:
  if (pipeline)
    free_pipeline(pipeline);
  return sd_error_set(error, SD_NOMEM, "out of memory for a pipeline");
}

sd_status sd_pipeline_new(const sd_pipeline_options *options, sd_pipeline **ret_pipeline, sd_error *error)
{
  return make(options, NULL, 0, false, ret_pipeline, error);
}

sd_status sd_pipeline_make_implicit(const sd_pipeline_options *options, sd_pipeline **ret_pipeline,
                                    sd_error *error)
{
  return make(options, NULL, 0, true, ret_pipeline, error);
}

sd_pipeline *sd_pipeline_retain(sd_pipeline *pipeline)
{
  if (pipeline)
    atomic_fetch_add_explicit(&pipeline->references, 1, memory_order_relaxed);
  return pipeline;
}

void sd_pipeline_release(sd_pipeline *pipeline)
{
  if (pipeline && atomic_fetch_sub_explicit(&pipeline->references, 1, memory_order_acq_rel) == 1)
    free_pipeline(pipeline);
}

const char *sd_pipeline_id(const sd_pipeline *pipeline)
{
  return pipeline->id;
}

const char *sd_pipeline_name(const sd_pipeline *pipeline)
{
  return pipeline->name;
}

size_t sd_pipeline_inputs(const sd_pipeline *pipeline, const char *const **ret_names)
{
  if (ret_names)
    *ret_names = pipeline->plan.free_inputs;
  return pipeline->plan.free_input_count;
}

size_t sd_pipeline_outputs(const sd_pipeline *pipeline, const char *const **ret_names)
{
  if (ret_names)
    *ret_names = pipeline->plan.sorted_outputs;
  return pipeline->plan.output_count;
}

size_t sd_pipeline_node_count(const sd_pipeline *pipeline)
{
  return pipeline->plan.count;
}

const sd_node *sd_pipeline_node_at(const sd_pipeline *pipeline, size_t index)
{
  return index < pipeline->plan.count ? pipeline->plan.records[index].node : NULL;
}

sd_status sd_pipeline_bind(const sd_pipeline *pipeline, const sd_named_value *values, size_t count,
                           sd_pipeline **ret_pipeline, sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  for (size_t i = 0; i < count; i++) {
    if (sd_plan_find_input(plan, values[i].name) == UINT32_MAX) {
      char names[256];
      return sd_error_set(error, SD_NOT_FOUND, "pipeline '%s' has no input '%s' to bind; it has: %s",
                          pipeline->id, values[i].name,
                          sd_names_join(plan->free_inputs, plan->free_input_count, names, sizeof names));
    }
  }
  sd_node **nodes = sd_calloc(plan->count, sizeof(sd_node *));
  sd_named_value *bound = sd_calloc(plan->bound_count + count, sizeof *bound);
  sd_pipeline_options options = {.id = pipeline->id,
                                 .name = pipeline->name,
                                 .nodes = nodes,
                                 .node_count = plan->count,
                                 .aspects = pipeline->aspects};
  size_t all = 0;
  sd_status status;
  if (!nodes || !bound) {
    status = sd_error_set(error, SD_NOMEM, "out of memory for a pipeline");
    goto done;
  }
  for (uint32_t i = 0; i < plan->count; i++)
    nodes[i] = plan->records[i].node;
  /* Later ones win over those bound before. */
  for (size_t i = 0; i < count + plan->bound_count; i++) {
    const sd_named_value *value = i < count ? &values[count - 1 - i] : &plan->bound[i - count];
    bool known = false;
    for (size_t j = 0; j < all; j++)
      known |= strcmp(bound[j].name, value->name) == 0;
    if (!known)
      bound[all++] = *value;
  }
  status = make(&options, bound, all, pipeline->implicit, ret_pipeline, error);
done:
  sd_free(nodes);
  sd_free(bound);
  return status;
}
