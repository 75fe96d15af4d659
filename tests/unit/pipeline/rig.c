/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Nodes of arithmetic and a log of hooks for the engine's tests. */
#include "rig.h"
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sd_status compute(void *user, sd_node_call *call, const sd_value *inputs, sd_value *outputs,
                         sd_error *error)
{
  (void)call;
  rig_op *op = ((void **)user)[0];
  size_t count = (size_t)(uintptr_t)((void **)user)[1];
  atomic_fetch_add(&op->calls, 1);
  if (atomic_load(&op->failing) > 0) {
    atomic_fetch_sub(&op->failing, 1);
    sd_error_set(error, SD_REMOTE, "told to fail");
    error->retriable = 1;
    return SD_REMOTE;
  }
  int64_t result = op->multiply ? 1 : 0;
  for (size_t i = 0; i < count; i++) {
    int64_t value = 0;
    if (sd_value_kind_of(inputs[i]) == SD_VALUE_LIST)
      for (size_t k = 0; k < sd_value_count(inputs[i]); k++)
        value += sd_value_as_int(sd_value_at(inputs[i], k));
    else
      value = sd_value_as_int(inputs[i]);
    result = op->multiply ? result * value : result + value;
  }
  outputs[0] = sd_value_int(result * op->factor + op->addend);
  return SD_OK;
}

sd_node *rig_node_with(const char *name, const char *inputs, const char *output, rig_op *op,
                       const sd_node_options *more)
{
  sd_node_input list[16] = {0};
  char text[256];
  snprintf(text, sizeof text, "%s", inputs);
  size_t count = 0;
  char *rest = text;
  for (char *word; (word = strsep(&rest, " ")) != NULL;) {
    if (!*word)
      continue;
    assert_in_range(count, 0, 15);
    char *value = strchr(word, '=');
    if (value) {
      *value = '\0';
      list[count].has_default = true;
      list[count].default_value = sd_value_int(strtoll(value + 1, NULL, 10));
    }
    list[count++].name = word;
  }
  void **user = sd_alloc(2 * sizeof(void *));
  assert_non_null(user);
  user[0] = op;
  user[1] = (void *)(uintptr_t)count;
  char code[64];
  snprintf(code, sizeof code, "%lld %lld %d", (long long)op->factor, (long long)op->addend, op->multiply);
  sd_node_options options = {0};
  if (more)
    options = *more;
  options.struct_size = sizeof options;
  options.name = name;
  options.inputs = list;
  options.input_count = count;
  options.outputs = &output;
  options.output_count = 1;
  options.function = compute;
  options.user = user;
  options.free_user = sd_free;
  if (!options.code)
    options.code = code;
  sd_node *node = NULL;
  sd_error error;
  if (sd_node_new(&options, &node, &error) != SD_OK)
    fail_msg("%s", error.message);
  return node;
}

sd_node *rig_node(const char *name, const char *inputs, const char *output, rig_op *op)
{
  return rig_node_with(name, inputs, output, op, NULL);
}

sd_pipeline *rig_pipeline(const char *id, const sd_aspects *aspects, size_t count, ...)
{
  sd_node *nodes[32];
  assert_in_range(count, 1, 32);
  va_list list;
  va_start(list, count);
  for (size_t i = 0; i < count; i++)
    nodes[i] = va_arg(list, sd_node *);
  va_end(list);
  sd_pipeline_options options = {
      .struct_size = sizeof options, .id = id, .nodes = nodes, .node_count = count};
  if (aspects)
    options.aspects = *aspects;
  sd_pipeline *pipeline = NULL;
  sd_error error;
  if (sd_pipeline_new(&options, &pipeline, &error) != SD_OK)
    fail_msg("%s", error.message);
  for (size_t i = 0; i < count; i++)
    sd_node_release(nodes[i]);
  return pipeline;
}

sd_node *rig_as_node(sd_pipeline *pipeline, const sd_as_node_options *options)
{
  sd_node *node = NULL;
  sd_error error;
  if (sd_pipeline_as_node(pipeline, options, &node, &error) != SD_OK)
    fail_msg("%s", error.message);
  sd_pipeline_release(pipeline);
  return node;
}

sd_value rig_list(size_t count, ...)
{
  sd_value items[64];
  assert_in_range(count, 0, 64);
  va_list list;
  va_start(list, count);
  for (size_t i = 0; i < count; i++)
    items[i] = sd_value_int(va_arg(list, int));
  va_end(list);
  sd_value value;
  assert_int_equal(sd_value_list(items, count, &value), SD_OK);
  return value;
}

sd_result *rig_run(sd_pipeline *pipeline, int64_t x)
{
  sd_named_value input = {"x", sd_value_int(x)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result = NULL;
  sd_error error;
  if (sd_pipeline_run(pipeline, &options, &result, &error) != SD_OK)
    fail_msg("%s", error.message);
  return result;
}

int64_t rig_int(sd_result *result, const char *name)
{
  sd_value value;
  sd_error error;
  if (sd_result_get(result, name, &value, &error) != SD_OK)
    fail_msg("%s", error.message);
  assert_int_equal(sd_value_kind_of(value), SD_VALUE_INT);
  return sd_value_as_int(value);
}

void rig_assert_list(sd_value list, size_t count, ...)
{
  assert_int_equal(sd_value_kind_of(list), SD_VALUE_LIST);
  assert_int_equal(sd_value_count(list), count);
  va_list values;
  va_start(values, count);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(sd_value_as_int(sd_value_at(list, i)), va_arg(values, int));
  va_end(values);
}

/* ---- The log of hooks */

static sd_status SD_PRINTF(2, 3) note(void *self, const char *format, ...)
{
  rig_log *log = self;
  assert_in_range(log->count, 0, 127);
  va_list args;
  va_start(args, format);
  vsnprintf(log->lines[log->count++], sizeof log->lines[0], format, args);
  va_end(args);
  return log->fail ? SD_INTERNAL : SD_OK;
}

static sd_status pipeline_start(void *self, const sd_event_place *place, const sd_named_value *inputs,
                                size_t count)
{
  (void)inputs;
  return note(self, "pipeline_start %s %zu inputs %zu", place->pipeline_id, place->depth, count);
}

static sd_status pipeline_end(void *self, const sd_event_place *place, const sd_named_value *outputs,
                              size_t count, int64_t duration_ns, const sd_error *error)
{
  (void)outputs;
  assert_true(duration_ns >= 0);
  return note(self, "pipeline_end %s %zu outputs %zu%s", place->pipeline_id, place->depth, count,
              error ? " bad" : "");
}

static sd_status node_start(void *self, const sd_event_place *place, const char *node,
                            const sd_named_value *inputs, size_t count)
{
  (void)inputs;
  (void)count;
  char path[64] = "";
  size_t used = 0;
  for (size_t i = 0; i <= place->depth && used < sizeof path; i++)
    used += (size_t)snprintf(path + used, sizeof path - used, "%s%s", i > 0 ? "/" : "", place->path[i]);
  return note(self, "node_start %s %s", node, path);
}

static sd_status node_end(void *self, const sd_event_place *place, const char *node,
                          const sd_named_value *outputs, size_t count, int64_t duration_ns,
                          const sd_cache_event *cache)
{
  (void)place;
  (void)outputs;
  assert_true(duration_ns >= 0);
  assert_true(count > 0);
  return note(self, "node_end %s cache %d", node, cache->status);
}

static sd_status node_cached(void *self, const sd_event_place *place, const char *node,
                             const sd_cache_event *cache)
{
  (void)place;
  assert_int_equal(strncmp(cache->signature, "sha256:", 7), 0);
  return note(self, "node_cached %s", node);
}

static sd_status on_error(void *self, const sd_event_place *place, const char *node,
                          const sd_named_value *inputs, size_t count, const sd_error *error, bool will_retry)
{
  (void)inputs;
  (void)count;
  return note(self, "error %s attempt %u %s%s", node, place->attempt, sd_status_name(error->code),
              will_retry ? " again" : "");
}

static sd_status nested_start(void *self, const sd_event_place *place, const char *child)
{
  return note(self, "nested_start %s %s %zu", place->pipeline_id, child, place->depth);
}

static sd_status nested_end(void *self, const sd_event_place *place, const char *child, int64_t duration_ns,
                            const sd_error *error)
{
  (void)error;
  assert_true(duration_ns >= 0);
  return note(self, "nested_end %s %s %zu", place->pipeline_id, child, place->depth);
}

static sd_status map_start(void *self, const sd_event_place *place, const char *node, size_t items)
{
  (void)place;
  return note(self, "map_start %s %zu", node, items);
}

static sd_status item_start(void *self, const sd_event_place *place, const char *node, size_t index)
{
  assert_int_equal(place->map_item, index);
  return note(self, "item_start %s %zu", node, index);
}

static sd_status item_end(void *self, const sd_event_place *place, const char *node, size_t index,
                          int64_t duration_ns, const sd_error *error)
{
  (void)place;
  assert_true(duration_ns >= 0);
  return note(self, "item_end %s %zu%s", node, index, error ? " bad" : "");
}

static sd_status item_cached(void *self, const sd_event_place *place, const char *node, size_t index,
                             const char *signature)
{
  (void)place;
  assert_int_equal(strncmp(signature, "sha256:", 7), 0);
  return note(self, "item_cached %s %zu", node, index);
}

static sd_status map_end(void *self, const sd_event_place *place, const char *node, int64_t duration_ns,
                         size_t failed, size_t cached)
{
  (void)place;
  assert_true(duration_ns >= 0);
  return note(self, "map_end %s failed %zu cached %zu", node, failed, cached);
}

static const sd_callback_vtable LOG_HOOKS = {
    .struct_size = sizeof LOG_HOOKS,
    .on_pipeline_start = pipeline_start,
    .on_pipeline_end = pipeline_end,
    .on_node_start = node_start,
    .on_node_end = node_end,
    .on_node_cached = node_cached,
    .on_error = on_error,
    .on_nested_pipeline_start = nested_start,
    .on_nested_pipeline_end = nested_end,
    .on_map_start = map_start,
    .on_map_item_start = item_start,
    .on_map_item_end = item_end,
    .on_map_item_cached = item_cached,
    .on_map_end = map_end,
};

sd_callback *rig_callback(rig_log *log)
{
  sd_callback *callback = NULL;
  assert_int_equal(sd_callback_new(&LOG_HOOKS, log, &callback, NULL), SD_OK);
  return callback;
}

bool rig_has(const rig_log *log, const char *line)
{
  for (size_t i = 0; i < log->count; i++)
    if (strcmp(log->lines[i], line) == 0)
      return true;
  return false;
}

size_t rig_count(const rig_log *log, const char *prefix)
{
  size_t count = 0;
  for (size_t i = 0; i < log->count; i++)
    count += strncmp(log->lines[i], prefix, strlen(prefix)) == 0;
  return count;
}
