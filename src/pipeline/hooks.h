/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Calling hooks: the place is filled in, one hook runs at a time, one that fails is warned about once. */
#ifndef SD_PIPELINE_HOOKS_H
#define SD_PIPELINE_HOOKS_H

#include "pipeline/callback.h"
#include "pipeline/run.h"

static inline bool sd_hooked(const sd_frame *frame)
{
  return frame->aspects.callback_count > 0;
}

static inline bool sd_hooked_as_pipeline(const sd_frame *frame)
{
  return frame->aspects.callback_count > 0 && !frame->pipeline->implicit;
}

sd_event_place sd_hook_place(const sd_frame *frame, uint32_t attempt);

void sd_hook_pipeline_start(sd_frame *frame);
void sd_hook_pipeline_end(sd_frame *frame);
/* inputs: values of the node's inputs. */
void sd_hook_node_start(sd_frame *frame, uint32_t record, const sd_value *inputs);
void sd_hook_node_end(sd_frame *frame, uint32_t record, uint32_t attempt, int64_t duration_ns,
                      const sd_cache_event *cache);
void sd_hook_node_cached(sd_frame *frame, uint32_t record, const sd_cache_event *cache);
void sd_hook_error(sd_frame *frame, uint32_t record, uint32_t attempt, const sd_error *error,
                   bool will_retry);
void sd_hook_nested_start(sd_frame *frame, const char *child);
void sd_hook_nested_end(sd_frame *frame, const char *child, int64_t duration_ns, const sd_error *error);

/* Of a map: what is around it, and where its items stand. */
typedef enum sd_map_event {
  SD_MAP_STARTS,
  SD_ITEM_STARTS,
  SD_ITEM_ENDS,
  SD_ITEM_CACHED,
  SD_MAP_ENDS
} sd_map_event;
void sd_hook_map(sd_mapping *map, sd_map_event event, size_t item, int64_t duration_ns, const sd_error *error,
                 const char *signature);

#endif
