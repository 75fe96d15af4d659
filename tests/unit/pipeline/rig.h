/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What tests of the engine share: nodes of arithmetic in one line, runs that check one number, a log of
 * hooks. */
#ifndef TEST_PIPELINE_RIG_H
#define TEST_PIPELINE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamduck/backend.h>
#include <streamduck/cache.h>
#include <streamduck/pipeline.h>

/* A node that computes in integers: output = sum of inputs * factor + addend; counts its calls. */
typedef struct rig_op {
  int64_t factor, addend;
  bool multiply; /* product of the inputs instead of the sum */
  atomic_uint calls;
  atomic_uint failing; /* as many calls fail first */
} rig_op;

/* inputs: "x y"; a leading '?' would be a default: "k=5". output: one name. */
sd_node *rig_node(const char *name, const char *inputs, const char *output, rig_op *op);
sd_node *rig_node_with(const char *name, const char *inputs, const char *output, rig_op *op,
                       const sd_node_options *more);
/* Takes over the nodes. */
sd_pipeline *rig_pipeline(const char *id, const sd_aspects *aspects, size_t count, ...);
/* Takes over the pipeline. */
sd_node *rig_as_node(sd_pipeline *pipeline, const sd_as_node_options *options);
sd_value rig_list(size_t count, ...); /* of ints (int) */

/* Runs with one int input "x". */
sd_result *rig_run(sd_pipeline *pipeline, int64_t x);
int64_t rig_int(sd_result *result, const char *name);
/* "[2,3]" of a result or of anything. */
void rig_assert_list(sd_value list, size_t count, ...);

/* Hooks as text: "node_start a", one after the other, in a callback to be released. */
typedef struct rig_log {
  char lines[128][96];
  size_t count;
  bool fail; /* every hook fails */
} rig_log;
sd_callback *rig_callback(rig_log *log);
bool rig_has(const rig_log *log, const char *line);
size_t rig_count(const rig_log *log, const char *prefix);

#endif
