/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Nodes of functions: what is checked and copied when they are made. */
#include "pipeline/node.h"

#include "base/alloc.h"
#include "pipeline/pipeline.h"

#include <string.h>

static void absent_keep(void *object)
{
  (void)object;
}

const sd_value_type sd_absent_type = {
    .struct_size = sizeof sd_absent_type,
    .name = "streamduck.absent",
    .kind = SD_VALUE_OPAQUE,
    .retain = absent_keep,
    .release = absent_keep,
};

static sd_status check_name(const char *name, const char *what, const char *node, sd_error *error)
{
  if (!name || !*name)
    return sd_error_set(error, SD_INVALID, "node '%s': %s without a name", node, what);
  if (strlen(name) >= SD_PIPELINE_NAME_MAX)
    return sd_error_set(error, SD_INVALID, "node '%s': the name of %s has %zu bytes, at most %d are allowed",
                        node, what, strlen(name), SD_PIPELINE_NAME_MAX - 1);
  return SD_OK;
}

static sd_status check(const sd_node_options *options, sd_error *error)
{
  sd_status status = check_name(options->name, "a node", options->name ? options->name : "", error);
  if (status != SD_OK)
    return status;
  const char *name = options->name;
  if (!options->function)
    return sd_error_set(error, SD_INVALID, "node '%s' has no function", name);
  if (options->output_count == 0)
    return sd_error_set(error, SD_INVALID, "node '%s' has no outputs", name);
  if (options->output_count > SD_NODE_OUTPUTS_MAX || options->input_count > SD_NODE_INPUTS_MAX)
    return sd_error_set(error, SD_INVALID, "node '%s' has %zu inputs and %zu outputs; at most %d of each",
                        name, options->input_count, options->output_count, SD_NODE_INPUTS_MAX);
  if (options->map_items && options->input_count == 0)
    return sd_error_set(error, SD_INVALID, "node '%s' works on items and has no input that brings them",
                        name);
  for (size_t i = 0; i < options->input_count; i++) {
    status = check_name(options->inputs[i].name, "an input", name, error);
    if (status != SD_OK)
      return status;
    for (size_t j = 0; j < i; j++)
      if (strcmp(options->inputs[i].name, options->inputs[j].name) == 0)
        return sd_error_set(error, SD_INVALID, "node '%s' has the input '%s' twice", name,
                            options->inputs[i].name);
  }
  for (size_t i = 0; i < options->output_count; i++) {
    status = check_name(options->outputs[i], "an output", name, error);
    if (status != SD_OK)
      return status;
    for (size_t j = 0; j < i; j++)
      if (strcmp(options->outputs[i], options->outputs[j]) == 0)
        return sd_error_set(error, SD_INVALID, "node '%s' has the output '%s' twice", name,
                            options->outputs[i]);
  }
  return SD_OK;
}

/* Copies text into *dst; NULL stays NULL. */
static bool copy_text(const char **dst, const char *text)
{
  *dst = text ? sd_strdup(text) : NULL;
  return !text || *dst;
}

static void free_node(sd_node *node)
{
  sd_node_options *options = &node->options;
  for (size_t i = 0; options->inputs && i < options->input_count; i++) {
    sd_value_release(options->inputs[i].default_value);
    sd_free((char *)(uintptr_t)options->inputs[i].name);
  }
  for (size_t i = 0; options->outputs && i < options->output_count; i++)
    sd_free((char *)(uintptr_t)options->outputs[i]);
  sd_free((void *)(uintptr_t)options->inputs);
  sd_free((void *)(uintptr_t)options->outputs);
  sd_free((char *)(uintptr_t)options->name);
  sd_free((char *)(uintptr_t)options->code);
  sd_free((char *)(uintptr_t)options->version);
  sd_free((char *)(uintptr_t)options->gpu);
  sd_pipeline_release(node->pipeline);
  sd_free(node->inner_inputs);
  sd_free(node->inner_outputs);
  sd_free(node->mapped);
  sd_free(node->mapped_order);
  sd_free(node);
}

sd_node *sd_node_make(const sd_node_options *from)
{
  sd_node *node = sd_calloc(1, sizeof *node);
  if (!node)
    return NULL;
  atomic_init(&node->references, 1);
  atomic_init(&node->code_state, 0);
  sd_node_options *to = &node->options;
  *to = *from;
  to->free_user = NULL; /* only a node that was made frees its user data */
  sd_node_input *inputs = sd_calloc(from->input_count, sizeof *inputs);
  const char **outputs = sd_calloc(from->output_count, sizeof *outputs);
  to->inputs = inputs;
  to->outputs = outputs;
  to->name = NULL;
  to->code = NULL;
  to->version = NULL;
  to->gpu = NULL;
  if (!inputs || !outputs)
    goto fail;
  if (!copy_text(&to->name, from->name) || !copy_text(&to->version, from->version) ||
      !copy_text(&to->gpu, from->gpu))
    goto fail;
  if (from->code) {
    to->code_len = from->code_len ? from->code_len : strlen(from->code);
    char *code = sd_alloc(to->code_len + 1);
    if (!code)
      goto fail;
    memcpy(code, from->code, to->code_len);
    code[to->code_len] = '\0';
    to->code = code;
  }
  for (size_t i = 0; i < from->input_count; i++) {
    if (!copy_text(&inputs[i].name, from->inputs[i].name))
      goto fail;
    inputs[i].has_default = from->inputs[i].has_default;
    if (inputs[i].has_default)
      inputs[i].default_value = sd_value_retain(from->inputs[i].default_value);
  }
  for (size_t i = 0; i < from->output_count; i++)
    if (!copy_text(&outputs[i], from->outputs[i]))
      goto fail;
  return node;
fail:
  free_node(node);
  return NULL;
}

/* A function over items is the pipeline of the function alone, mapped over its first input. */
static sd_status make_mapped(const sd_node_options *options, sd_node *function, sd_node **ret_node,
                             sd_error *error)
{
  sd_pipeline *pipeline = NULL;
  sd_pipeline_options whole = {
      .struct_size = sizeof whole, .id = options->name, .nodes = &function, .node_count = 1};
  sd_status status = sd_pipeline_make_implicit(&whole, &pipeline, error);
  if (status != SD_OK)
    return status;
  sd_as_node_options as_node = {.struct_size = sizeof as_node,
                                .name = options->name,
                                .map_over = &options->inputs[0].name,
                                .map_over_count = 1};
  status = sd_pipeline_as_node(pipeline, &as_node, ret_node, error);
  sd_pipeline_release(pipeline);
  return status;
}

sd_status sd_node_new(const sd_node_options *options, sd_node **ret_node, sd_error *error)
{
  sd_status status = check(options, error);
  if (status != SD_OK)
    return status;
  sd_node *node = sd_node_make(options);
  if (!node)
    return sd_error_set(error, SD_NOMEM, "out of memory for node '%s'", options->name);
  if (options->map_items) {
    node->options.map_items = false;
    sd_node *mapped;
    status = make_mapped(options, node, &mapped, error);
    if (status != SD_OK) {
      sd_node_release(node);
      return status;
    }
    node->options.free_user = options->free_user;
    sd_node_release(node); /* the pipeline keeps it */
    node = mapped;
  } else {
    node->options.free_user = options->free_user;
  }
  *ret_node = node;
  return SD_OK;
}

sd_node *sd_node_retain(sd_node *node)
{
  if (node)
    atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
  return node;
}

void sd_node_release(sd_node *node)
{
  if (!node || atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel) != 1)
    return;
  if (node->options.free_user)
    node->options.free_user(node->options.user);
  free_node(node);
}

const char *sd_node_name(const sd_node *node)
{
  return node->options.name;
}
