/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Nodes from the inside. Immutable after construction, apart from what is remembered about their code. */
#ifndef SD_PIPELINE_NODE_H
#define SD_PIPELINE_NODE_H

#include <stdatomic.h>
#include <streamduck/pipeline.h>

struct sd_node {
  atomic_size_t references;
  sd_node_options options; /* all that it points to belongs to the node */

  /* A pipeline as a node; NULL for a function. A function over items is a pipeline of one node as well. */
  sd_pipeline *pipeline;
  uint32_t *inner_inputs;  /* per input: index among the pipeline's inputs */
  uint32_t *inner_outputs; /* per output: index among the pipeline's outputs */
  bool *mapped;            /* per input; NULL: not a map */
  uint32_t *mapped_order;  /* inputs mapped over, as they were named */
  size_t mapped_count;
  sd_map_mode map_mode;
  bool hides_outputs; /* some outputs of the pipeline are not seen outside */

  atomic_int code_state; /* 0: not computed, 1: is being, 2: code_digest stands */
  uint8_t code_digest[SD_SIGNATURE_SIZE];
};

/* Stands in for "not given": an input with a default that the node itself supplies. Never reaches users. */
extern const sd_value_type sd_absent_type;

static inline bool sd_value_is_absent(sd_value value)
{
  return value.type == &sd_absent_type;
}

static inline sd_value sd_value_absent(void)
{
  return (sd_value){.type = &sd_absent_type, .as = {.object = NULL}};
}

#endif
