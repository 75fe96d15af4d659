/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Every hook with its place. */
#include "pipeline/hooks.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const char *backend_of(const sd_effective *aspects)
{
  return sd_backend_describe(aspects->backend);
}

sd_event_place sd_hook_place(const sd_frame *frame, uint32_t attempt)
{
  const sd_frame *seen = frame->pipeline->implicit && frame->parent ? frame->parent : frame;
  return (sd_event_place){
      .struct_size = sizeof(sd_event_place),
      .context = frame->run->context,
      .pipeline_id = seen->pipeline->id,
      .pipeline_name = seen->pipeline->name,
      .parent_pipeline_id = seen->depth > 0 && seen->path ? seen->path[seen->depth - 1] : NULL,
      .path = seen->path,
      .depth = seen->depth,
      .total_nodes = seen->plan->count,
      .node_ids = seen->plan->node_names,
      .backend = backend_of(&frame->aspects),
      .map_item = frame->map_item,
      .attempt = attempt,
      .trace = sd_context_current(),
  };
}

static void warn(sd_run_context *context, sd_callback *callback, const char *hook, sd_status status)
{
  if (atomic_exchange(&callback->warned, true) || !context->warn)
    return;
  char text[160];
  snprintf(text, sizeof text,
           "the hook %s of a callback failed (%s); the run goes on, further failures are not told", hook,
           sd_status_text(status));
  context->warn(context->warn_user, text);
}

#define CALL_HOOKS(frame_context, list, list_count, hook, ...)                                               \
  do {                                                                                                       \
    pthread_mutex_lock(&(frame_context)->hooks);                                                             \
    for (size_t c_ = 0; c_ < (list_count); c_++) {                                                           \
      sd_callback *callback_ = (list)[c_];                                                                   \
      if (!SD_CALLBACK_HAS(callback_, hook))                                                                 \
        continue;                                                                                            \
      sd_status failed_ = callback_->vtable->hook(callback_->self, __VA_ARGS__);                             \
      if (failed_ != SD_OK)                                                                                  \
        warn((frame_context), callback_, #hook, failed_);                                                    \
    }                                                                                                        \
    pthread_mutex_unlock(&(frame_context)->hooks);                                                           \
  } while (0)

#define CALL_FRAME_HOOKS(frame, hook, ...)                                                                   \
  CALL_HOOKS((frame)->run->context, (frame)->aspects.callbacks, (frame)->aspects.callback_count, hook,       \
             __VA_ARGS__)

void sd_hook_pipeline_start(sd_frame *frame)
{
  const sd_plan *plan = frame->plan;
  sd_event_place place = sd_hook_place(frame, 0);
  sd_named_value *inputs = sd_calloc(plan->input_count, sizeof *inputs);
  size_t count = 0;
  for (uint32_t i = 0; inputs && i < plan->input_count; i++) {
    sd_value value = frame->slots[plan->inputs[i].fill];
    if (!sd_value_is_absent(value))
      inputs[count++] = (sd_named_value){.name = plan->inputs[i].name, .value = value};
  }
  CALL_FRAME_HOOKS(frame, on_pipeline_start, &place, inputs, count);
  sd_free(inputs);
}

void sd_hook_pipeline_end(sd_frame *frame)
{
  const sd_plan *plan = frame->plan;
  sd_event_place place = sd_hook_place(frame, 0);
  int64_t duration = (int64_t)sd_clock_monotonic_ns() - frame->start_ns;
  bool failed = sd_frame_failed(frame);
  sd_named_value *outputs = failed ? NULL : sd_calloc(plan->output_count, sizeof *outputs);
  size_t count = 0;
  for (uint32_t k = 0; outputs && k < plan->output_count; k++)
    if (!frame->wanted || frame->wanted[plan->first_output + k])
      outputs[count++] =
          (sd_named_value){.name = plan->output_names[k], .value = frame->slots[plan->first_output + k]};
  CALL_FRAME_HOOKS(frame, on_pipeline_end, &place, outputs, count, duration, failed ? &frame->error : NULL);
  sd_free(outputs);
}

static size_t name_inputs(const sd_record *record, const sd_value *values, sd_named_value *named)
{
  for (uint32_t i = 0; i < record->input_count; i++)
    named[i] = (sd_named_value){.name = record->node->options.inputs[i].name, .value = values[i]};
  return record->input_count;
}

static sd_event_place node_place(sd_frame *frame, uint32_t record, uint32_t attempt)
{
  sd_event_place place = sd_hook_place(frame, attempt);
  place.gpu = frame->plan->records[record].node->options.gpu;
  return place;
}

void sd_hook_node_start(sd_frame *frame, uint32_t record, const sd_value *inputs)
{
  const sd_record *r = &frame->plan->records[record];
  sd_named_value named[SD_NODE_INPUTS_MAX];
  sd_event_place place = node_place(frame, record, 1);
  CALL_FRAME_HOOKS(frame, on_node_start, &place, r->node->options.name, named, name_inputs(r, inputs, named));
}

void sd_hook_node_end(sd_frame *frame, uint32_t record, uint32_t attempt, int64_t duration_ns,
                      const sd_cache_event *cache)
{
  const sd_record *r = &frame->plan->records[record];
  sd_named_value named[SD_NODE_OUTPUTS_MAX];
  for (uint32_t k = 0; k < r->output_count; k++)
    named[k] =
        (sd_named_value){.name = r->node->options.outputs[k], .value = frame->slots[r->output_slot + k]};
  sd_event_place place = node_place(frame, record, attempt);
  CALL_FRAME_HOOKS(frame, on_node_end, &place, r->node->options.name, named, r->output_count, duration_ns,
                   cache);
}

void sd_hook_node_cached(sd_frame *frame, uint32_t record, const sd_cache_event *cache)
{
  sd_event_place place = node_place(frame, record, 0);
  CALL_FRAME_HOOKS(frame, on_node_cached, &place, frame->plan->records[record].node->options.name, cache);
}

void sd_hook_error(sd_frame *frame, uint32_t record, uint32_t attempt, const sd_error *error, bool will_retry)
{
  const sd_record *r = &frame->plan->records[record];
  sd_value values[SD_NODE_INPUTS_MAX];
  sd_named_value named[SD_NODE_INPUTS_MAX];
  for (uint32_t i = 0; i < r->input_count; i++)
    if (sd_lazy_force(frame->slots[frame->plan->input_slots[r->inputs + i]], &values[i], NULL) != SD_OK)
      values[i] = sd_value_null();
  sd_event_place place = node_place(frame, record, attempt);
  CALL_FRAME_HOOKS(frame, on_error, &place, r->node->options.name, named, name_inputs(r, values, named),
                   error, will_retry);
}

void sd_hook_nested_start(sd_frame *frame, const char *child)
{
  sd_event_place place = sd_hook_place(frame, 0);
  CALL_FRAME_HOOKS(frame, on_nested_pipeline_start, &place, child);
}

void sd_hook_nested_end(sd_frame *frame, const char *child, int64_t duration_ns, const sd_error *error)
{
  sd_event_place place = sd_hook_place(frame, 0);
  CALL_FRAME_HOOKS(frame, on_nested_pipeline_end, &place, child, duration_ns, error);
}

void sd_hook_map(sd_mapping *map, sd_map_event event, size_t item, int64_t duration_ns, const sd_error *error,
                 const char *signature)
{
  const sd_effective *aspects = map->frame ? &map->frame->aspects : &map->aspects;
  if (aspects->callback_count == 0)
    return;
  sd_event_place place;
  const char *path[1] = {map->pipeline->id};
  if (map->frame) {
    place = sd_hook_place(map->frame, 0);
  } else {
    place = (sd_event_place){.struct_size = sizeof place,
                             .context = map->run->context,
                             .pipeline_id = map->pipeline->id,
                             .pipeline_name = map->pipeline->name,
                             .path = path,
                             .total_nodes = map->pipeline->plan.count,
                             .node_ids = map->pipeline->plan.node_names,
                             .backend = backend_of(aspects),
                             .map_item = -1,
                             .trace = sd_context_current()};
  }
  if (event != SD_MAP_STARTS && event != SD_MAP_ENDS)
    place.map_item = (int64_t)item;
  sd_run_context *context = map->run->context;
  switch (event) {
  case SD_MAP_STARTS:
    CALL_HOOKS(context, aspects->callbacks, aspects->callback_count, on_map_start, &place, map->name,
               map->items);
    break;
  case SD_ITEM_STARTS:
    CALL_HOOKS(context, aspects->callbacks, aspects->callback_count, on_map_item_start, &place, map->name,
               item);
    break;
  case SD_ITEM_ENDS:
    CALL_HOOKS(context, aspects->callbacks, aspects->callback_count, on_map_item_end, &place, map->name, item,
               duration_ns, error);
    break;
  case SD_ITEM_CACHED:
    CALL_HOOKS(context, aspects->callbacks, aspects->callback_count, on_map_item_cached, &place, map->name,
               item, signature);
    break;
  case SD_MAP_ENDS:
    CALL_HOOKS(context, aspects->callbacks, aspects->callback_count, on_map_end, &place, map->name,
               duration_ns, map->failed, map->cached_items);
    break;
  }
}
