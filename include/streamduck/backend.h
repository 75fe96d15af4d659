/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Backends: where and how nodes execute. Reference counted, compared by what they are (sd_backend_equal).
 *
 * The engine decides what is ready; a backend executes tasks. A nested pipeline runs on its own effective
 * backend.
 */
#ifndef STREAMDUCK_BACKEND_H
#define STREAMDUCK_BACKEND_H

#include <streamduck/pipeline.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SD_BACKEND_WORKERS_MAX = 1024 };

typedef enum sd_execution {
  SD_SEQUENTIAL = 0, /* one after the other, on the caller's thread */
  SD_THREADED = 1,   /* what is ready runs on a pool of max_workers threads */
  SD_ASYNCHRONOUS =
      2 /* as sequential, but nodes that complete later overlap, at most max_workers at a time */
} sd_execution;

typedef struct sd_local_backend_options {
  size_t struct_size;
  sd_execution node_execution;
  sd_execution map_execution; /* of items */
  uint32_t max_workers;       /* 0: processors; asynchronous: 100 */
} sd_local_backend_options;

/* options may be NULL: sequential. */
SD_API SD_MUST_CHECK sd_status sd_local_backend_new(const sd_local_backend_options *options,
                                                    sd_backend **ret_backend, sd_error *error);

/* ---- Worker processes */

/*
 * Nodes execute in other processes: the program is executed anew (never a fork without exec), calls
 * sd_worker_main before anything else, and looks nodes and pipelines up by the names under which it
 * registered them. Inputs, the trace context and carried data travel serialized over a socket pair; outputs,
 * errors and spans come back. A nested pipeline whose effective backend is this one runs whole in a worker
 * when it is registered.
 */
typedef struct sd_process_backend_options {
  size_t struct_size;
  uint32_t max_workers; /* 0: processors */
  const char *const
      *command; /* argv of a worker, ends with NULL; NULL: this program (/proc/self/exe) without arguments */
  uint32_t start_timeout_ms; /* until a worker says that it is ready; 0: 10 s */
  const char *gpu;           /* shown in telemetry; NULL: none */
} sd_process_backend_options;
SD_API SD_MUST_CHECK sd_status sd_process_backend_new(const sd_process_backend_options *options,
                                                      sd_backend **ret_backend, sd_error *error);

/* So that a worker finds it by its name. The registry keeps a reference. SD_CONFLICT: the name is taken. */
SD_API SD_MUST_CHECK sd_status sd_node_register(sd_node *node, sd_error *error);
SD_API SD_MUST_CHECK sd_status sd_pipeline_register(sd_pipeline *pipeline, sd_error *error);

/* In a process that is a worker: serves until its parent goes and returns true; then the program ends.
 * Otherwise returns false at once. Call it in main after registering. */
SD_API bool sd_worker_main(void);

/* ---- Your own */

/* One execution of a node, or of a nested pipeline as a whole. */
typedef struct sd_task sd_task;

typedef struct sd_backend_vtable {
  size_t struct_size;
  const char *(*describe)(void *self);    /* "Local", "Remote: Modal"; static or owned by self */
  bool (*equal)(void *self, void *other); /* of the same vtable; NULL: the same object only */
  /* Takes the task and sees to it that sd_task_complete or sd_task_run is called for it exactly once, on any
   * thread, perhaps before returning. SD_AGAIN: full; the engine submits it again after the next completion.
   */
  sd_status (*submit)(void *self, sd_task *task);
  /* Tasks that may be submitted at once; 0: any number. */
  uint32_t (*capacity)(void *self);
  void (*free)(void *self);
} sd_backend_vtable;

SD_API SD_MUST_CHECK sd_status sd_backend_new(const sd_backend_vtable *vtable, void *self,
                                              sd_backend **ret_backend, sd_error *error);
SD_API sd_backend *sd_backend_retain(sd_backend *backend);
SD_API void sd_backend_release(sd_backend *backend);
SD_API const char *sd_backend_describe(const sd_backend *backend);
SD_API bool sd_backend_equal(const sd_backend *a, const sd_backend *b);

/* Executes it here and completes it. */
SD_API void sd_task_run(sd_task *task);
/* outputs are taken over (NULL unless SD_OK); error may be NULL with SD_OK. The task is gone. */
SD_API void sd_task_complete(sd_task *task, sd_status status, const sd_value *outputs, const sd_error *error);
SD_API bool sd_task_is_cancelled(const sd_task *task);
SD_API bool sd_task_is_pipeline(const sd_task *task);
SD_API const char *sd_task_name(const sd_task *task);
SD_API size_t sd_task_inputs(const sd_task *task, const sd_named_value **ret_inputs);
SD_API size_t sd_task_outputs(const sd_task *task, const char *const **ret_names);
/* traceparent, tracestate, baggage and the carried data, each as name and text. */
SD_API sd_status sd_task_carrier(const sd_task *task, sd_carrier_set_fn *set, void *carrier);
/* Spans recorded elsewhere, an ExportTraceServiceRequest: they appear in the run's telemetry as they are. */
SD_API sd_status sd_task_hand_back_spans(sd_task *task, const uint8_t *request, size_t len);

#ifdef __cplusplus
}
#endif
#endif
