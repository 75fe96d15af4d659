/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Maps: a pipeline applied to many items, with as many open at a time as the backend has workers. */
#include "base/alloc.h"
#include "base/clock.h"
#include "pipeline/hooks.h"

#include <string.h>

sd_status sd_mapping_new(sd_run *run, const sd_pipeline *pipeline, sd_mapping **ret_map)
{
  size_t inputs = pipeline->plan.input_count;
  sd_mapping *map = sd_calloc(1, sizeof *map);
  if (!map)
    return SD_NOMEM;
  map->run = run;
  map->pipeline = pipeline;
  map->lists = sd_calloc(inputs, sizeof *map->lists);
  map->strides = sd_calloc(inputs, sizeof *map->strides);
  map->sources = sd_calloc(inputs, sizeof *map->sources);
  if (!map->lists || !map->strides || !map->sources) {
    sd_free(map->lists);
    map->lists = NULL;
    sd_mapping_free(map);
    return SD_NOMEM;
  }
  for (size_t i = 0; i < inputs; i++)
    map->lists[i] = sd_value_absent();
  *ret_map = map;
  return SD_OK;
}

void sd_mapping_free(sd_mapping *map)
{
  if (!map)
    return;
  for (uint32_t i = 0; map->lists && i < map->pipeline->plan.input_count; i++)
    sd_value_release(map->lists[i]);
  for (size_t i = 0; map->values && i < map->items * map->output_count; i++)
    sd_value_release(map->values[i]);
  for (size_t i = 0; map->errors && i < map->items; i++)
    sd_free(map->errors[i]);
  sd_free(map->lists);
  sd_free(map->strides);
  sd_free(map->sources);
  sd_free(map->values);
  sd_free(map->value_sources);
  sd_free(map->errors);
  sd_free(map->jobs);
  sd_free(map->spare);
  sd_free(map->own_wanted);
  sd_free(map);
}

sd_status sd_mapping_measure(sd_mapping *map, const char *const *names, const bool *mapped, sd_map_mode mode,
                             sd_error *error)
{
  const sd_plan *plan = &map->pipeline->plan;
  const char *first = NULL;
  size_t items = 0;
  for (uint32_t n = 0; n < plan->input_count; n++) {
    if (!mapped[n])
      continue;
    size_t len = sd_value_count(map->lists[n]);
    if (sd_value_kind_of(map->lists[n]) != SD_VALUE_LIST)
      return sd_error_set(error, SD_INVALID, "'%s' is mapped over and must be a list", names[n]);
    if (mode == SD_MAP_ZIP) {
      if (first && len != items)
        return sd_error_set(
            error, SD_INVALID,
            "lists that are mapped together must have one length: '%s' has length %zu, '%s' has %zu", first,
            items, names[n], len);
      first = names[n];
      items = len;
      map->strides[n] = 1;
    }
  }
  if (items > SD_MAP_ITEMS_MAX)
    return sd_error_set(error, SD_LIMIT, "%zu items, at most %d are allowed", items, SD_MAP_ITEMS_MAX);
  map->items = items;
  return SD_OK;
}

sd_status sd_mapping_multiply(sd_mapping *map, const uint32_t *order, size_t count, sd_error *error)
{
  size_t items = 1;
  for (size_t i = count; i-- > 0;) {
    size_t len = sd_value_count(map->lists[order[i]]);
    if (len > 0 && items > SD_MAP_ITEMS_MAX / len)
      return sd_error_set(error, SD_LIMIT, "the product has more than %d items", SD_MAP_ITEMS_MAX);
    map->strides[order[i]] = items > 0 ? items : 1;
    items *= len;
  }
  map->items = items;
  return SD_OK;
}

sd_status sd_mapping_lay(sd_mapping *map, const sd_aspects *own, const sd_effective *outer)
{
  const sd_plan *plan = &map->pipeline->plan;
  sd_execution execution = outer->backend ? outer->backend->map_execution : SD_SEQUENTIAL;
  sd_status status =
      sd_queue_for(map->run, map->frame ? map->frame->queue : NULL, outer->backend, execution, &map->queue);
  if (status != SD_OK)
    return status;
  map->concurrent = execution != SD_SEQUENTIAL;
  map->pulls = map->concurrent ? outer->backend->max_workers : 1;
  if (map->pulls > map->items)
    map->pulls = (uint32_t)map->items;
  map->caching = map->aspects.cache || plan->has_always;
  map->deadline_ns = sd_deadline_of(map->frame ? map->frame->deadline_ns : 0, own);
  size_t cells = map->items * map->output_count;
  map->values = sd_calloc(cells, sizeof *map->values);
  map->value_sources = map->caching ? sd_calloc(cells, sizeof *map->value_sources) : NULL;
  map->errors = map->on_error == SD_ON_ERROR_CONTINUE ? sd_calloc(map->items, sizeof(sd_error *)) : NULL;
  map->jobs = map->concurrent ? sd_calloc(map->pulls, sizeof *map->jobs) : NULL;
  if (!map->values || (map->caching && !map->value_sources) ||
      (map->on_error == SD_ON_ERROR_CONTINUE && !map->errors) || (map->concurrent && !map->jobs))
    return SD_NOMEM;
  for (uint32_t i = 0; map->caching && i < plan->input_count; i++)
    if (map->strides[i] == 0 && !sd_value_is_absent(map->lists[i]) && map->lists[i].type != &sd_lazy_type)
      sd_source_digest(map->lists[i], &map->sources[i]);
  return SD_OK;
}

bool sd_mapping_start(sd_mapping *map)
{
  map->start_ns = (int64_t)sd_clock_monotonic_ns();
  sd_hook_map(map, SD_MAP_STARTS, 0, 0, NULL, NULL);
  if (map->items == 0)
    return true;
  map->open = map->pulls;
  if (!map->concurrent)
    return sd_mapping_pull(map);
  pthread_mutex_lock(&map->run->lock);
  for (uint32_t i = 0; i < map->pulls; i++) {
    map->jobs[i] = (sd_job){.kind = SD_JOB_PULL, .object = map};
    sd_queue_push(map->queue, &map->jobs[i]);
  }
  pthread_mutex_unlock(&map->run->lock);
  return false;
}

/* The item's own error, or the map's. */
static void item_failed(sd_mapping *map, size_t item, sd_status status, const sd_error *error)
{
  bool all = map->on_error == SD_ON_ERROR_RAISE || status == SD_CANCELLED ||
             sd_run_check(map->run, map->deadline_ns) != SD_OK;
  sd_error *copy = NULL;
  if (!all) {
    copy = sd_alloc(sizeof *copy);
    if (copy)
      *copy = *error;
    all = !copy;
  }
  pthread_mutex_lock(&map->run->lock);
  map->failed++;
  if (copy)
    map->errors[item] = copy;
  /* Of several the one with the smallest index counts, unless it was only told to stop. */
  sd_status before = atomic_load(&map->status);
  if (all &&
      (before == SD_OK || (status != SD_CANCELLED && (item < map->failed_item || before == SD_CANCELLED)))) {
    map->error = *error;
    map->failed_item = item;
    atomic_store(&map->status, status);
  }
  pthread_mutex_unlock(&map->run->lock);
}

static void give_item(sd_mapping *map, sd_frame *frame, size_t item)
{
  const sd_plan *plan = &map->pipeline->plan;
  for (uint32_t i = 0; i < plan->input_count; i++) {
    bool found = false;
    if (map->maps) {
      sd_value value = sd_value_get(map->maps[item], plan->inputs[i].name, &found);
      if (found)
        sd_frame_give(frame, i, value, NULL);
    }
    if (found || sd_value_is_absent(map->lists[i]))
      continue;
    if (map->strides[i] == 0)
      sd_frame_give(frame, i, map->lists[i], &map->sources[i]);
    else
      sd_frame_give(frame, i,
                    sd_value_at(map->lists[i], item / map->strides[i] % sd_value_count(map->lists[i])), NULL);
  }
}

static sd_status open_item(sd_mapping *map, size_t item, sd_frame **ret_frame)
{
  sd_frame *frame;
  sd_queue *queue;
  const sd_effective *aspects = &map->aspects;
  sd_status status =
      sd_queue_for(map->run, map->queue, aspects->backend,
                   aspects->backend ? aspects->backend->node_execution : SD_SEQUENTIAL, &queue);
  if (status == SD_OK)
    status = sd_frame_new(map->run, map->pipeline, aspects, map->frame, map->wanted, &frame);
  if (status != SD_OK)
    return status;
  frame->queue = queue;
  frame->map = map;
  frame->record = map->record;
  frame->item = item;
  frame->map_item = (int64_t)item;
  if (frame->simple && map->spare) {
    frame->call = map->spare;
    frame->call->frame = frame;
    map->spare = NULL;
  }
  frame->deadline_ns = map->deadline_ns;
  give_item(map, frame, item);
  *ret_frame = frame;
  return SD_OK;
}

static void keep_outputs(sd_mapping *map, sd_frame *frame)
{
  for (size_t k = 0; k < map->output_count; k++) {
    uint32_t slot = frame->plan->first_output + map->outputs[k];
    size_t to = k * map->items + frame->item;
    map->values[to] = sd_value_retain(frame->slots[slot]);
    if (map->value_sources && frame->sources)
      map->value_sources[to] = frame->sources[slot];
  }
}

/* Somebody is told of the items. */
static bool is_heard(const sd_mapping *map)
{
  return (map->frame ? map->frame->aspects.callback_count : map->aspects.callback_count) > 0;
}

void sd_mapping_item_over(sd_mapping *map, sd_frame *frame)
{
  sd_frame_close(frame);
  sd_status status = atomic_load(&frame->status);
  if (status == SD_OK)
    keep_outputs(map, frame);
  else
    item_failed(map, frame->item, status, &frame->error);
  if (is_heard(map))
    sd_hook_map(map, SD_ITEM_ENDS, frame->item, (int64_t)sd_clock_monotonic_ns() - frame->start_ns,
                status == SD_OK ? NULL : &frame->error, NULL);
  map->executed += frame->executed;
  map->cached += frame->cached;
  if (!map->concurrent && frame->call && !map->spare) {
    map->spare = frame->call; /* for the next item */
    frame->call = NULL;
  }
  sd_frame_free(frame);
}

bool sd_mapping_pull(sd_mapping *map)
{
  for (;;) {
    if (map->concurrent)
      pthread_mutex_lock(&map->run->lock);
    bool stop = map->next == map->items || atomic_load(&map->status) != SD_OK;
    size_t item = map->next;
    bool last = false;
    if (stop)
      last = --map->open == 0;
    else
      map->next++;
    if (map->concurrent)
      pthread_mutex_unlock(&map->run->lock);
    if (stop)
      return last;
    sd_error error;
    sd_status status = sd_run_check(map->run, map->deadline_ns);
    sd_frame *frame = NULL;
    if (status == SD_OK)
      status = open_item(map, item, &frame);
    if (status != SD_OK) {
      sd_error_set(&error, status, "item %zu was not begun: %s", item, sd_status_text(status));
      item_failed(map, item, status, &error);
      sd_frame_free(frame);
      continue;
    }
    for (uint32_t i = 0; i < frame->plan->first_output; i++)
      if (sd_value_is_absent(frame->slots[i]))
        frame->slots[i] = sd_value_retain(frame->plan->fills[i].fallback);
    if (sd_cache_lookup_all(frame)) {
      char text[SD_SIGNATURE_TEXT_SIZE];
      uint32_t final = frame->plan->producers[map->outputs[map->output_count - 1]];
      keep_outputs(map, frame);
      map->cached += frame->cached;
      pthread_mutex_lock(&map->run->lock);
      map->cached_items++;
      pthread_mutex_unlock(&map->run->lock);
      sd_hook_map(map, SD_ITEM_CACHED, item, 0, NULL, sd_signature_text(frame->cells[final].signature, text));
      sd_frame_free(frame);
      continue;
    }
    if (is_heard(map)) {
      sd_hook_map(map, SD_ITEM_STARTS, item, 0, NULL, NULL);
      frame->start_ns = (int64_t)sd_clock_monotonic_ns();
    }
    sd_frame_open(frame);
    if (!sd_frame_start(frame))
      return false;
    sd_mapping_item_over(map, frame);
  }
}

/* ---- A mapped node */

static sd_status fill_node(sd_mapping *map, sd_frame *frame, const sd_record *r, sd_error *error)
{
  const sd_node *node = r->node;
  const sd_plan *plan = &map->pipeline->plan;
  const char **names = sd_calloc(plan->input_count, sizeof(char *));
  bool *mapped = sd_calloc(plan->input_count, sizeof(bool));
  sd_status status = names && mapped ? SD_OK : SD_NOMEM;
  if (status != SD_OK)
    sd_error_set(error, status, "out of memory for a map");
  for (uint32_t i = 0; i < r->input_count && status == SD_OK; i++) {
    uint32_t slot = frame->plan->input_slots[r->inputs + i], inner = node->inner_inputs[i];
    sd_value value = frame->slots[slot];
    if (node->mapped[i]) {
      status = sd_lazy_force(value, &value, error);
      if (status == SD_NOT_FOUND || status == SD_CORRUPT)
        atomic_store(&map->run->restart, true);
      if (status != SD_OK)
        break;
    } else if (frame->sources) {
      map->sources[inner] = frame->sources[slot];
    }
    map->lists[inner] = sd_value_retain(value);
    names[inner] = node->options.inputs[i].name;
    mapped[inner] = node->mapped[i];
  }
  if (status == SD_OK)
    status = sd_mapping_measure(map, names, mapped, node->map_mode, error);
  if (status == SD_OK && node->map_mode == SD_MAP_PRODUCT) {
    uint32_t order[SD_NODE_INPUTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < node->mapped_count; i++)
      order[count++] = node->inner_inputs[node->mapped_order[i]];
    status = sd_mapping_multiply(map, order, count, error);
  }
  sd_free((void *)(uintptr_t)names);
  sd_free(mapped);
  return status;
}

bool sd_mapping_begin(sd_frame *frame, uint32_t record)
{
  const sd_record *r = &frame->plan->records[record];
  const sd_node *node = r->node;
  sd_mapping *map = NULL;
  sd_error error;
  sd_status status = sd_mapping_new(frame->run, node->pipeline, &map);
  if (status != SD_OK) {
    sd_error_set(&error, status, "out of memory for a map");
    goto fail;
  }
  map->frame = frame;
  map->record = record;
  map->name = node->options.name;
  map->outputs = node->inner_outputs;
  map->output_count = r->output_count;
  map->aspects = sd_aspects_resolve(&frame->aspects, &node->pipeline->aspects);
  if (node->options.cache == SD_CACHE_NEVER)
    map->aspects.cache = NULL;
  status = fill_node(map, frame, r, &error);
  if (status != SD_OK)
    goto fail;
  if (node->hides_outputs || frame->wanted) {
    uint8_t *wanted = sd_calloc(node->pipeline->plan.output_count, 1);
    if (!wanted) {
      status = sd_error_set(&error, SD_NOMEM, "out of memory for a map");
      goto fail;
    }
    for (uint32_t k = 0; k < r->output_count; k++)
      wanted[node->inner_outputs[k]] |= !frame->wanted || frame->wanted[r->output_slot + k];
    map->wanted = wanted;
    map->own_wanted = wanted;
  }
  status = sd_mapping_lay(map, &node->pipeline->aspects, &map->aspects);
  if (status != SD_OK) {
    sd_error_set(&error, status, "out of memory for a map of %zu items", map->items);
    goto fail;
  }
  frame->cells[record].start_ns = (int64_t)sd_clock_monotonic_ns();
  if (sd_hooked(frame) && !node->pipeline->implicit)
    sd_hook_nested_start(frame, node->pipeline->id);
  if (!sd_mapping_start(map))
    return false;
  sd_mapping_finish(map);
  return true;
fail:
  sd_mapping_free(map);
  sd_frame_fail(frame, node->options.name, status, &error);
  return true;
}

void sd_mapping_finish(sd_mapping *map)
{
  sd_frame *frame = map->frame;
  const sd_record *r = &frame->plan->records[map->record];
  sd_status status = atomic_load(&map->status);
  int64_t duration = (int64_t)sd_clock_monotonic_ns() - map->start_ns;
  sd_hook_map(map, SD_MAP_ENDS, 0, duration, NULL, NULL);
  if (sd_hooked(frame) && !map->pipeline->implicit)
    sd_hook_nested_end(frame, map->pipeline->id, duration, status == SD_OK ? NULL : &map->error);
  frame->executed += map->executed;
  frame->cached += map->cached;
  for (uint32_t k = 0; status == SD_OK && k < r->output_count; k++) {
    sd_value *items = map->values ? map->values + k * map->items : NULL;
    if (frame->sources && map->value_sources && r->node->options.cache != SD_CACHE_NEVER)
      (void)sd_cache_sign_items(map->run, map->value_sources + k * map->items, map->items,
                                &frame->sources[r->output_slot + k]);
    status = sd_lazy_list(items, map->items, &frame->slots[r->output_slot + k]);
    if (map->items > 0) /* taken over */
      memset(items, 0, map->items * sizeof *items);
    if (status != SD_OK) {
      sd_error error;
      sd_error_set(&error, status, "the results of a map of %zu items", map->items);
      sd_frame_fail(frame, r->node->options.name, status, &error);
    }
  }
  if (atomic_load(&map->status) != SD_OK)
    sd_frame_fail_as(frame, atomic_load(&map->status), &map->error);
  sd_mapping_free(map);
}
