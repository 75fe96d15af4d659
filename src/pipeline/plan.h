/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline compiled: nodes in order of execution, wired by numbers of slots.
 *
 * Slots hold one value each: those filled from outside first, then the outputs of all nodes in order of
 * execution, so that output k of the plan is slot first_output + k.
 */
#ifndef SD_PIPELINE_PLAN_H
#define SD_PIPELINE_PLAN_H

#include "pipeline/node.h"

/* One node of the plan. */
typedef struct sd_record {
  sd_node *node; /* retained by the plan */
  sd_node_fn *function;
  void *user;
  uint32_t inputs; /* offset into input_slots */
  uint32_t input_count;
  uint32_t output_slot; /* the first of its outputs */
  uint32_t output_count;
  uint32_t next;       /* offset into successors */
  uint32_t next_count; /* edges: a successor stands there once per input that it takes from here */
  uint32_t waits_for;  /* inputs that other nodes make */
  bool simple;         /* a function without a policy of its own */
} sd_record;

typedef struct sd_plan_input {
  const char *name; /* borrowed from a node */
  uint32_t fill;    /* the first of its fills */
  uint32_t fill_count;
  bool required;
  bool bound;
} sd_plan_input;

/* A slot filled from outside. An input has several where its consumers have different defaults. */
typedef struct sd_fill {
  sd_value fallback; /* borrowed; absent: the value must be given, or the nested pipeline has a default */
} sd_fill;

typedef struct sd_plan {
  sd_record *records;
  uint32_t count;
  uint32_t *input_slots;
  uint32_t *successors;
  uint32_t slot_count;
  uint32_t first_output; /* as many fills stand in front of it */
  uint32_t output_count;
  const char **output_names; /* in order of execution; borrowed */
  uint32_t *producers;       /* per output: index of its record */
  uint32_t *output_order;    /* outputs sorted by name */
  sd_plan_input *inputs;     /* sorted by name */
  uint32_t input_count;
  sd_fill *fills;
  sd_named_value *bound; /* owned */
  uint32_t bound_count;
  const char **node_names;     /* in order of execution */
  const char **free_inputs;    /* sorted names without the bound ones */
  const char **sorted_outputs; /* sorted names */
  uint32_t free_input_count;
  bool simple;     /* all nodes are */
  bool has_always; /* some node asks for a cache also where none is */
  uint32_t depth;  /* 1: nothing nested */
} sd_plan;

/* Retains nodes and values. Linear but for two sorts. */
SD_MUST_CHECK sd_status sd_plan_build(sd_plan *plan, sd_node *const *nodes, size_t count,
                                      const sd_named_value *bound, size_t bound_count, sd_error *error);
void sd_plan_release(sd_plan *plan);

/* Index by name; UINT32_MAX: none. */
uint32_t sd_plan_find_input(const sd_plan *plan, const char *name);
uint32_t sd_plan_find_output(const sd_plan *plan, const char *name);

/* "a, b, c" of names, cut where dst ends. Returns dst. */
char *sd_names_join(const char *const *names, size_t count, char *dst, size_t size);

#endif
