/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Frames: made, filled, driven, ended; and the way up when something below has ended. */
#include "base/alloc.h"
#include "base/clock.h"
#include "pipeline/hooks.h"

#include <stdio.h>
#include <string.h>

/* From the outputs that are wanted back to what they need. */
static void mark_needed(sd_frame *frame, const uint8_t *wanted)
{
  const sd_plan *plan = frame->plan;
  for (uint32_t k = 0; k < plan->output_count; k++)
    frame->wanted[plan->first_output + k] = wanted[k];
  for (uint32_t r = plan->count; r-- > 0;) {
    const sd_record *record = &plan->records[r];
    for (uint32_t k = 0; k < record->output_count; k++)
      frame->needed[r] |= frame->wanted[record->output_slot + k];
    for (uint32_t i = 0; frame->needed[r] && i < record->input_count; i++)
      frame->wanted[plan->input_slots[record->inputs + i]] = 1;
  }
}

static bool make_path(sd_frame *frame)
{
  const sd_frame *parent = frame->parent;
  bool hidden = frame->pipeline->implicit && parent;
  frame->depth = !parent ? 0 : parent->depth + !hidden;
  if (frame->aspects.callback_count == 0)
    return true;
  frame->path = sd_calloc((size_t)frame->depth + 1, sizeof(char *));
  if (!frame->path)
    return false;
  uint32_t i = frame->depth + 1;
  for (const sd_frame *f = frame; f; f = f->parent)
    if (!(f->pipeline->implicit && f->parent))
      frame->path[--i] = f->pipeline->id;
  return true;
}

sd_status sd_frame_new(sd_run *run, const sd_pipeline *pipeline, const sd_effective *aspects,
                       sd_frame *parent, const uint8_t *wanted, sd_frame **ret_frame)
{
  const sd_plan *plan = &pipeline->plan;
  sd_execution execution = aspects->backend ? aspects->backend->node_execution : SD_SEQUENTIAL;
  bool caching = aspects->cache || plan->has_always;
  bool simple = plan->simple && !caching && aspects->callback_count == 0 && execution == SD_SEQUENTIAL;
  size_t slots = plan->slot_count * sizeof(sd_value);
  size_t cells = simple ? 0 : plan->count * sizeof(sd_cell);
  size_t sources = caching ? plan->slot_count * sizeof(sd_source) : 0;
  size_t marks = wanted ? (size_t)plan->count + plan->slot_count : 0;
  size_t head = (sizeof(sd_frame) + 15) & ~(size_t)15;
  char *memory = sd_calloc(1, head + slots + cells + sources + marks);
  if (!memory)
    return SD_NOMEM;
  sd_frame *frame = (sd_frame *)(void *)memory;
  frame->run = run;
  frame->pipeline = pipeline;
  frame->plan = plan;
  frame->aspects = *aspects;
  frame->parent = parent;
  frame->map_item = parent ? parent->map_item : -1;
  frame->deadline_ns = parent ? parent->deadline_ns : 0;
  frame->concurrent = execution != SD_SEQUENTIAL;
  frame->simple = simple;
  frame->caching = caching;
  frame->slots = (sd_value *)(void *)(memory + head);
  if (!simple)
    frame->cells = (sd_cell *)(void *)(memory + head + slots);
  if (caching)
    frame->sources = (sd_source *)(void *)(memory + head + slots + cells);
  if (wanted) {
    frame->needed = (uint8_t *)memory + head + slots + cells + sources;
    frame->wanted = frame->needed + plan->count;
    mark_needed(frame, wanted);
  }
  for (uint32_t i = 0; i < plan->first_output; i++)
    frame->slots[i] = sd_value_absent();
  if (!make_path(frame)) {
    sd_frame_free(frame);
    return SD_NOMEM;
  }
  *ret_frame = frame;
  return SD_OK;
}

void sd_frame_free(sd_frame *frame)
{
  if (!frame)
    return;
  for (uint32_t i = 0; i < frame->plan->slot_count; i++)
    sd_value_release(frame->slots[i]);
  sd_free((void *)(uintptr_t)frame->path);
  sd_free(frame->call);
  sd_free(frame);
}

void sd_frame_give(sd_frame *frame, uint32_t input, sd_value value, const sd_source *source)
{
  const sd_plan_input *in = &frame->plan->inputs[input];
  for (uint32_t i = in->fill; i < in->fill + in->fill_count; i++) {
    sd_value before = frame->slots[i];
    frame->slots[i] = sd_value_retain(value);
    sd_value_release(before);
    if (frame->sources)
      frame->sources[i] = source ? *source : (sd_source){0};
  }
}

void sd_frame_open(sd_frame *frame)
{
  for (uint32_t i = 0; i < frame->plan->first_output; i++)
    if (sd_value_is_absent(frame->slots[i]))
      frame->slots[i] = sd_value_retain(frame->plan->fills[i].fallback);
  if (!sd_hooked_as_pipeline(frame))
    return;
  frame->start_ns = (int64_t)sd_clock_monotonic_ns();
  sd_hook_pipeline_start(frame);
}

void sd_frame_close(sd_frame *frame)
{
  if (sd_hooked_as_pipeline(frame))
    sd_hook_pipeline_end(frame);
}

void sd_frame_fail_as(sd_frame *frame, sd_status status, const sd_error *error)
{
  pthread_mutex_lock(&frame->run->lock);
  if (!sd_frame_failed(frame)) {
    frame->error = *error;
    atomic_store(&frame->status, status);
  }
  pthread_mutex_unlock(&frame->run->lock);
}

void sd_frame_fail(sd_frame *frame, const char *node, sd_status status, const sd_error *error)
{
  char path[200];
  size_t end = sizeof path - 1;
  path[end] = '\0';
  for (const sd_frame *f = frame; f; f = f->parent) {
    char part[SD_PIPELINE_NAME_MAX + 32];
    int len = f->map ? snprintf(part, sizeof part, "%s[%zu]", f->pipeline->id, f->item)
                     : snprintf(part, sizeof part, "%s", f->pipeline->id);
    if (len < 0 || (size_t)len + 5 > end)
      break;
    if (path[end] != '\0')
      path[--end] = '/';
    end -= (size_t)len;
    memcpy(path + end, part, (size_t)len);
  }
  sd_error named = *error;
  if (named.code == SD_OK)
    sd_error_set(&named, status, "%s", sd_status_text(status));
  sd_error_prefix(&named, "node '%s' of pipeline '%s'", node, path + end);
  sd_frame_fail_as(frame, status, &named);
}

bool sd_frame_stopped(const sd_frame *frame)
{
  for (const sd_frame *f = frame; f; f = f->parent) {
    if (sd_frame_failed(f))
      return true;
    if (f->map && atomic_load_explicit(&f->map->status, memory_order_relaxed) != SD_OK)
      return true;
  }
  return false;
}

static bool advance(sd_frame *frame)
{
  if (frame->simple)
    return sd_frame_run_simple(frame);
  while (frame->position < frame->plan->count && !sd_frame_failed(frame)) {
    uint32_t r = frame->position++;
    if (frame->needed && !frame->needed[r])
      continue;
    if (!sd_node_begin(frame, r))
      return false;
  }
  return true;
}

/* With the lock. */
static void push_node(sd_frame *frame, uint32_t record)
{
  sd_cell *cell = &frame->cells[record];
  cell->job = (sd_job){.kind = SD_JOB_NODE,
                       .object = frame,
                       .record = record,
                       .counted = frame->queue->limit > 0 && !frame->plan->records[record].node->pipeline};
  frame->busy++;
  sd_queue_push(frame->queue, &cell->job);
}

static bool spread(sd_frame *frame)
{
  const sd_plan *plan = frame->plan;
  pthread_mutex_lock(&frame->run->lock);
  for (uint32_t r = 0; r < plan->count; r++) {
    frame->cells[r].waits_for = plan->records[r].waits_for;
    frame->remaining += !frame->needed || frame->needed[r];
  }
  bool none = frame->remaining == 0;
  for (uint32_t r = 0; r < plan->count; r++)
    if (plan->records[r].waits_for == 0 && (!frame->needed || frame->needed[r]))
      push_node(frame, r);
  pthread_mutex_unlock(&frame->run->lock);
  return none;
}

/* A node of a concurrent frame has ended; true: the frame has. */
static bool count_off(sd_frame *frame, uint32_t record)
{
  const sd_plan *plan = frame->plan;
  const sd_record *r = &plan->records[record];
  pthread_mutex_lock(&frame->run->lock);
  frame->busy--;
  frame->remaining--;
  if (frame->cells[record].job.counted) {
    frame->queue->running--;
    if (frame->run->waiting)
      pthread_cond_signal(&frame->run->wake);
  }
  if (!sd_frame_failed(frame)) {
    for (uint32_t i = r->next; i < r->next + r->next_count; i++) {
      uint32_t next = plan->successors[i];
      if (--frame->cells[next].waits_for == 0 && (!frame->needed || frame->needed[next]))
        push_node(frame, next);
    }
  }
  bool ended = frame->busy == 0;
  pthread_mutex_unlock(&frame->run->lock);
  return ended;
}

bool sd_frame_start(sd_frame *frame)
{
  return frame->concurrent ? spread(frame) : advance(frame);
}

/* ---- A nested pipeline */

static void nested_over(sd_frame *frame, uint32_t record, sd_frame *child)
{
  const sd_record *r = &frame->plan->records[record];
  sd_frame_close(child);
  sd_status status = atomic_load(&child->status);
  if (sd_hooked(frame) && !child->pipeline->implicit)
    sd_hook_nested_end(frame, child->pipeline->id,
                       (int64_t)sd_clock_monotonic_ns() - frame->cells[record].start_ns,
                       status == SD_OK ? NULL : &child->error);
  frame->executed += child->executed;
  frame->cached += child->cached;
  if (status != SD_OK) {
    sd_frame_fail_as(frame, status, &child->error);
  } else {
    for (uint32_t k = 0; k < r->output_count; k++) {
      uint32_t from = child->plan->first_output + r->node->inner_outputs[k];
      sd_value value = sd_value_retain(child->slots[from]);
      frame->slots[r->output_slot + k] = value;
      if (frame->sources && child->sources && r->node->options.cache != SD_CACHE_NEVER)
        frame->sources[r->output_slot + k] = child->sources[from];
    }
    if (r->node->options.cache == SD_CACHE_ALWAYS)
      sd_cache_keep(frame, record, (int64_t)sd_clock_monotonic_ns() - frame->cells[record].start_ns, NULL);
  }
  sd_frame_free(child);
}

static bool begin_nested(sd_frame *frame, uint32_t record)
{
  const sd_record *r = &frame->plan->records[record];
  const sd_node *node = r->node;
  if (node->options.cache == SD_CACHE_ALWAYS && sd_cache_lookup(frame, record))
    return true;
  const sd_pipeline *pipeline = node->pipeline;
  sd_effective aspects = sd_aspects_resolve(&frame->aspects, &pipeline->aspects);
  if (node->options.cache == SD_CACHE_NEVER)
    aspects.cache = NULL;
  sd_frame *child = NULL;
  uint8_t *wanted = NULL;
  sd_error error;
  sd_status status = SD_NOMEM;
  sd_queue *queue;
  if (node->hides_outputs || (frame->wanted && node->options.cache != SD_CACHE_ALWAYS)) {
    wanted = sd_calloc(pipeline->plan.output_count, 1);
    if (!wanted)
      goto fail;
    for (uint32_t k = 0; k < r->output_count; k++)
      wanted[node->inner_outputs[k]] |=
          !frame->wanted || node->options.cache == SD_CACHE_ALWAYS || frame->wanted[r->output_slot + k];
  }
  status = sd_queue_for(frame->run, frame->queue, aspects.backend,
                        aspects.backend ? aspects.backend->node_execution : SD_SEQUENTIAL, &queue);
  if (status == SD_OK)
    status = sd_frame_new(frame->run, pipeline, &aspects, frame, wanted, &child);
  sd_free(wanted);
  if (status != SD_OK)
    goto fail;
  child->record = record;
  child->queue = queue;
  child->deadline_ns = sd_deadline_of(frame->deadline_ns, &pipeline->aspects);
  for (uint32_t i = 0; i < r->input_count; i++) {
    uint32_t slot = frame->plan->input_slots[r->inputs + i];
    sd_frame_give(child, node->inner_inputs[i], frame->slots[slot],
                  frame->sources ? &frame->sources[slot] : NULL);
  }
  if (sd_hooked(frame) || node->options.cache == SD_CACHE_ALWAYS) {
    frame->cells[record].start_ns = (int64_t)sd_clock_monotonic_ns();
    if (sd_hooked(frame) && !pipeline->implicit)
      sd_hook_nested_start(frame, pipeline->id);
  }
  sd_frame_open(child);
  if (!sd_frame_start(child))
    return false;
  nested_over(frame, record, child);
  return true;
fail:
  sd_error_set(&error, status, "no memory for the nested pipeline");
  sd_frame_fail(frame, node->options.name, status, &error);
  return true;
}

bool sd_node_begin_pipeline(sd_frame *frame, uint32_t record)
{
  return frame->plan->records[record].node->mapped ? sd_mapping_begin(frame, record)
                                                   : begin_nested(frame, record);
}

/* ---- The way up */

/* The frame has ended; true: so has the node *ret_record of *ret_frame. */
static bool frame_over(sd_frame *frame, sd_frame **ret_frame, uint32_t *ret_record)
{
  sd_mapping *map = frame->map;
  if (map) {
    sd_mapping_item_over(map, frame);
    if (!sd_mapping_pull(map))
      return false;
    *ret_frame = map->frame;
    *ret_record = map->record;
    if (!map->frame)
      sd_run_over(map->run);
    else
      sd_mapping_finish(map);
    return *ret_frame != NULL;
  }
  if (!frame->parent) {
    sd_run_over(frame->run);
    return false;
  }
  *ret_frame = frame->parent;
  *ret_record = frame->record;
  nested_over(frame->parent, frame->record, frame);
  return true;
}

void sd_node_over(sd_frame *frame, uint32_t record)
{
  for (;;) {
    if (frame->concurrent ? !count_off(frame, record) : !advance(frame))
      return;
    if (!frame_over(frame, &frame, &record))
      return;
  }
}

void sd_mapping_over(sd_mapping *map)
{
  if (!map->frame) {
    sd_run_over(map->run);
    return;
  }
  sd_frame *frame = map->frame;
  uint32_t record = map->record;
  sd_mapping_finish(map);
  sd_node_over(frame, record);
}
