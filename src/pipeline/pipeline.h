/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Pipelines from the inside: the plan and the aspects that were given. Immutable after construction. */
#ifndef SD_PIPELINE_PIPELINE_H
#define SD_PIPELINE_PIPELINE_H

#include "pipeline/plan.h"

struct sd_pipeline {
  atomic_size_t references;
  char *id;
  char *name;
  bool implicit; /* of one function over items: callbacks hear of the map, not of it */
  sd_plan plan;
  sd_aspects aspects;         /* retained */
  atomic_int structure_state; /* as sd_node.code_state */
  uint8_t structure[SD_SIGNATURE_SIZE];
};

/* As sd_pipeline_new, not seen by callbacks as a pipeline. */
SD_MUST_CHECK sd_status sd_pipeline_make_implicit(const sd_pipeline_options *options,
                                                  sd_pipeline **ret_pipeline, sd_error *error);

/* A node with copies of everything but user data's owner (free_user is NULL). NULL: no memory. */
sd_node *sd_node_make(const sd_node_options *options);

#endif
