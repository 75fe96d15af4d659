/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A run from the inside.
 *
 * A frame is one execution of a pipeline; a nested pipeline is a frame below another, an item of a map one
 * below the map. Nobody ever waits for a frame: when something below it ends, the thread on which that
 * happens goes on with the frame. So a pool of one thread is enough for any nesting, and asynchronous nodes
 * need none.
 *
 * - A sequential frame has one thread at a time, which goes through its nodes until one of them is not
 * finished.
 * - A concurrent frame (threaded, asynchronous) puts the nodes that are ready into a queue.
 * - Queues are worked on by the caller's thread, and those of a pool by its threads as well.
 *
 * `lock` guards queues, pending calls and the counts of concurrent frames and maps; it is never held while a
 * node, a hook or a cache is called.
 */
#ifndef SD_PIPELINE_RUN_H
#define SD_PIPELINE_RUN_H

#include "pipeline/backend.h"
#include "pipeline/context.h"
#include "pipeline/pipeline.h"
#include "pipeline/signature.h"

#include <pthread.h>
#include <streamduck/backend.h>
#include <streamduck/cache.h>

typedef struct sd_run sd_run;
typedef struct sd_frame sd_frame;
typedef struct sd_mapping sd_mapping;

/* Aspects after inheritance; all borrowed. */
typedef struct sd_effective {
  sd_backend *backend; /* NULL: local, sequential */
  sd_cache *cache;
  sd_callback *const *callbacks;
  size_t callback_count;
} sd_effective;

/* Where a slot's value comes from, as far as signatures are concerned. */
typedef struct sd_source {
  bool upstream;   /* digest is the signature of the computation that makes it, else the value counts */
  bool has_digest; /* digest is the value's */
  uint32_t output;
  uint8_t digest[SD_SIGNATURE_SIZE];
} sd_source;

/* Something to do, in a queue. */
typedef enum sd_job_kind { SD_JOB_NODE, SD_JOB_PULL, SD_JOB_CALL, SD_JOB_RETRY } sd_job_kind;

typedef struct sd_job {
  struct sd_job *next;
  sd_job_kind kind;
  bool counted; /* among the queue's running ones */
  uint32_t record;
  void *object; /* frame, map or call */
} sd_job;

typedef struct sd_queue {
  struct sd_queue *next;
  sd_run *run;
  sd_backend *backend; /* NULL: the caller's own */
  bool pooled;
  sd_job *head, *tail;
  uint32_t running, limit; /* counted nodes; limit 0: any number */
  /* Guarded by the pool's lock: */
  struct sd_queue *pool_next;
  bool listed;
  uint32_t users;
} sd_queue;

/* What a frame knows of one node. */
typedef struct sd_cell {
  sd_job job;
  uint32_t waits_for;
  bool is_signed;
  bool asked; /* the cache was asked and had nothing */
  int64_t start_ns;
  uint8_t signature[SD_SIGNATURE_SIZE];
} sd_cell;

struct sd_frame {
  sd_run *run;
  const sd_pipeline *pipeline;
  const sd_plan *plan;
  sd_effective aspects;
  sd_frame *parent; /* frame that it stands in, also for an item; NULL at the top */
  sd_mapping *map;  /* whose item it is */
  uint32_t record;  /* of the parent */
  size_t item;
  int64_t map_item;  /* within the innermost map; -1: none */
  const char **path; /* ids, root first; NULL without callbacks */
  uint32_t depth;
  int64_t deadline_ns; /* 0: none */
  int64_t start_ns;
  sd_queue *queue;
  bool concurrent;
  bool simple;  /* nothing but calls */
  bool caching; /* sources stand */
  uint32_t position;
  uint32_t remaining, busy; /* concurrent */
  uint8_t *needed;          /* per record; NULL: all */
  uint8_t *wanted;          /* per slot; NULL: all */
  sd_value *slots;
  sd_source *sources;
  sd_cell *cells;
  sd_node_call *call; /* for the next call of a simple frame */
  atomic_uint_fast64_t executed, cached;
  atomic_int status; /* of the first failure */
  sd_error error;
};

struct sd_node_call {
  sd_job job;
  sd_frame *frame;
  uint32_t record;
  uint32_t attempt;
  bool deferred;
  bool linked; /* in the run's list of pending ones */
  atomic_uint state;
  sd_run_context *context;
  sd_node_call *next, *prev; /* pending, or waiting for another attempt */
  int64_t due_ns;
  /* Set with `deferred`: */
  int64_t deadline_ns;
  uint32_t output_count;
  sd_node_call *stand_in; /* ends in its place when it is given up */
  sd_status status;
  sd_value *outputs;
  sd_error error;
};

enum { SD_CALL_RETURNED = 1, SD_CALL_COMPLETED = 2, SD_CALL_ABANDONED = 4 };

/* A map under way. */
struct sd_mapping {
  sd_run *run;
  sd_frame *frame; /* in which the node stands; NULL: at the top */
  uint32_t record;
  const sd_pipeline *pipeline;
  const char *name;
  sd_effective aspects; /* of the items */
  int64_t deadline_ns;
  sd_queue *queue;
  bool concurrent;
  bool caching;
  sd_on_error on_error;
  size_t items, next, open;
  uint32_t pulls; /* as many items at a time */
  sd_job *jobs;
  sd_node_call *spare; /* of the item before, for a simple one */
  /* Per input of the pipeline: */
  sd_value *lists; /* what is given: the list, or the same for all; absent: not given */
  size_t *strides; /* 0: the same for all; an item's index is item / stride % length */
  sd_source *sources;
  const sd_value *maps;    /* instead of lists: a map value per item */
  const uint8_t *wanted;   /* per output of the plan; NULL: all */
  uint8_t *own_wanted;     /* the same, where the map frees it */
  const uint32_t *outputs; /* of the plan, per output of the map */
  size_t output_count;
  sd_value *values; /* output after output */
  sd_source *value_sources;
  sd_error **errors; /* per item; NULL: none */
  size_t failed, cached_items;
  atomic_uint_fast64_t executed, cached;
  int64_t start_ns;
  size_t failed_item;
  atomic_int status;
  sd_error error;
};

struct sd_run {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool waiting;
  bool done;
  bool has_lock;
  bool eager; /* hits are loaded at once */
  atomic_bool restart;
  sd_run_context *context;
  sd_queue caller;
  sd_queue *queues;
  sd_node_call *pending;
  sd_node_call *retries;
  sd_signature_memo *memo;
  sd_signer *signers[8]; /* free ones */
  uint32_t signer_count;
};

/* ---- run.c: what all share */

SD_MUST_CHECK sd_status sd_run_init(sd_run *run, sd_cancel *cancel, sd_error *error);
void sd_run_release(sd_run *run);
/* Waits until no thread of a pool is in the run any more. */
void sd_run_quiesce(sd_run *run);
/* Works until `done`. */
void sd_run_drive(sd_run *run);
/* SD_OK, SD_CANCELLED, SD_TIMEOUT, or SD_AGAIN when the run begins anew. */
sd_status sd_run_check(const sd_run *run, int64_t deadline_ns);
sd_effective sd_aspects_resolve(const sd_effective *parent, const sd_aspects *own);
int64_t sd_deadline_of(int64_t parent_ns, const sd_aspects *own);

/* ---- queue.c */

/* The queue for a frame or map below `from` (NULL: the caller's). *ret_queue is the same one for sequential.
 */
SD_MUST_CHECK sd_status sd_queue_for(sd_run *run, sd_queue *from, sd_backend *backend, sd_execution execution,
                                     sd_queue **ret_queue);
/* With the lock. */
void sd_queue_push(sd_queue *queue, sd_job *job);
sd_job *sd_queue_pop(sd_queue *queue);
void sd_job_do(sd_job *job);
/* The top has ended. */
void sd_run_over(sd_run *run);

/* ---- frame.c */

/* wanted: per output of the plan, copied; NULL: all. */
SD_MUST_CHECK sd_status sd_frame_new(sd_run *run, const sd_pipeline *pipeline, const sd_effective *aspects,
                                     sd_frame *parent, const uint8_t *wanted, sd_frame **ret_frame);
void sd_frame_free(sd_frame *frame);
void sd_frame_give(sd_frame *frame, uint32_t input, sd_value value, const sd_source *source);
/* After all was given: defaults, hooks. */
void sd_frame_open(sd_frame *frame);
/* Goes on with it; true: it has ended. False: it may be gone. */
bool sd_frame_start(sd_frame *frame);
/* After it has ended, before its results are used. */
void sd_frame_close(sd_frame *frame);
/* The node has ended on this thread: goes on with the frame and with those above. */
void sd_node_over(sd_frame *frame, uint32_t record);
/* The map has ended. */
void sd_mapping_over(sd_mapping *map);
/* Remembers the first failure; the message gets the node's and pipelines' names. */
void sd_frame_fail(sd_frame *frame, const char *node, sd_status status, const sd_error *error);
void sd_frame_fail_as(sd_frame *frame, sd_status status, const sd_error *error);
static inline bool sd_frame_failed(const sd_frame *frame)
{
  return atomic_load_explicit(&frame->status, memory_order_relaxed) != SD_OK;
}
bool sd_frame_stopped(const sd_frame *frame);

/* ---- node_run.c */

bool sd_node_begin_pipeline(sd_frame *frame, uint32_t record);
/* True: it has ended, well or not. */
bool sd_node_begin(sd_frame *frame, uint32_t record);
bool sd_call_over(sd_node_call *call, sd_status status, const sd_error *error);
bool sd_call_try(sd_node_call *call);
bool sd_frame_run_simple(sd_frame *frame);
void sd_calls_reap(sd_run *run, int64_t now_ns);

/* ---- mapping.c */

bool sd_mapping_begin(sd_frame *frame, uint32_t record);
SD_MUST_CHECK sd_status sd_mapping_new(sd_run *run, const sd_pipeline *pipeline, sd_mapping **ret_map);
void sd_mapping_free(sd_mapping *map);
/* Checks the lists; for zip also how many items they make. names and mapped: per input of the pipeline. */
SD_MUST_CHECK sd_status sd_mapping_measure(sd_mapping *map, const char *const *names, const bool *mapped,
                                           sd_map_mode mode, sd_error *error);
/* The product of the inputs in order, of which the last varies fastest. */
SD_MUST_CHECK sd_status sd_mapping_multiply(sd_mapping *map, const uint32_t *order, size_t count,
                                            sd_error *error);
SD_MUST_CHECK sd_status sd_mapping_lay(sd_mapping *map, const sd_aspects *own, const sd_effective *outer);
bool sd_mapping_start(sd_mapping *map);
bool sd_mapping_pull(sd_mapping *map);
void sd_mapping_item_over(sd_mapping *map, sd_frame *frame);
void sd_mapping_finish(sd_mapping *map);

/* ---- caching.c */

sd_cache *sd_node_cache(const sd_frame *frame, const sd_node *node);
/* Signs the node and asks the cache; true: a hit, its outputs stand. */
bool sd_cache_lookup(sd_frame *frame, uint32_t record);
/* All nodes at once, nothing executed; true: every one is a hit. */
bool sd_cache_lookup_all(sd_frame *frame);
void sd_cache_keep(sd_frame *frame, uint32_t record, int64_t compute_ns, sd_cache_event *event);
bool sd_cache_sign_items(sd_run *run, const sd_source *sources, size_t count, sd_source *ret_source);
bool sd_node_sign(sd_frame *frame, uint32_t record, uint8_t *ret_signature, sd_error *error);
void sd_source_digest(sd_value value, sd_source *source);

/* ---- lazy.c: values that stand in a cache and are read when they are needed */

extern const sd_value_type sd_lazy_type;
SD_MUST_CHECK sd_status sd_lazy_new(sd_cache *cache, const uint8_t *signature, uint32_t output,
                                    sd_value *ret_value);
/* A list; takes over items, also when it fails. Lazy only where an item is. */
SD_MUST_CHECK sd_status sd_lazy_list(const sd_value *items, size_t count, sd_value *ret_value);
/* Borrowed from value. */
SD_MUST_CHECK sd_status sd_lazy_force(sd_value value, sd_value *ret_value, sd_error *error);

#endif
