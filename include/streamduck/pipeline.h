/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelines of functions: nodes wired by the names of their inputs and outputs, nested, mapped, cached,
 * observed.
 *
 * A node is a C callback with named inputs and outputs. A pipeline is a set of nodes; an input called `a` is
 * fed by the node with an output called `a`, otherwise it is an input of the pipeline. A pipeline is itself a
 * node (sd_pipeline_as_node). Write it for one item (sd_pipeline_run), apply it to many (sd_pipeline_map).
 *
 * Nodes and pipelines are immutable and reference counted: `_new` gives the caller one reference, `_retain`
 * another, `_release` gives one up (NULL is allowed). They, and values, may be used by any number of threads
 * at once.
 *
 * Where nodes execute is the backend's matter (<streamduck/backend.h>), what is remembered the cache's
 * (<streamduck/cache.h>), who watches the callbacks'.
 */
#ifndef STREAMDUCK_PIPELINE_H
#define STREAMDUCK_PIPELINE_H

#include <stddef.h>
#include <stdint.h>
#include <streamduck/error.h>
#include <streamduck/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sd_node sd_node;
typedef struct sd_pipeline sd_pipeline;
typedef struct sd_cache sd_cache;
typedef struct sd_backend sd_backend;
typedef struct sd_run_context sd_run_context;
typedef struct sd_node_call sd_node_call;
typedef struct sd_result sd_result;
typedef struct sd_map_result sd_map_result;
typedef struct sd_cancel sd_cancel;

enum {
  SD_PIPELINE_NODES_MAX = 1 << 20, /* of one pipeline, nested ones not counted */
  SD_PIPELINE_DEPTH_MAX = 64,      /* pipelines inside each other */
  SD_NODE_INPUTS_MAX = 256,
  SD_NODE_OUTPUTS_MAX = 256,
  SD_PIPELINE_NAME_MAX = 256, /* bytes of a node's, input's or output's name, with NUL */
  SD_MAP_ITEMS_MAX = 1 << 28,
  SD_SIGNATURE_SIZE = 32,      /* SHA-256 */
  SD_SIGNATURE_TEXT_SIZE = 72, /* "sha256:" and 64 hex digits, NUL */
  SD_VALUE_NESTING_MAX = 64,   /* lists and maps inside each other */
  SD_VALUE_TYPES_MAX = 256     /* opaque types that a process may register */
};

/* ---- Values */

typedef enum sd_value_kind {
  SD_VALUE_NULL = 0,
  SD_VALUE_BOOL = 1,
  SD_VALUE_INT = 2,
  SD_VALUE_DOUBLE = 3,
  SD_VALUE_STRING = 4, /* UTF-8 */
  SD_VALUE_BYTES = 5,
  SD_VALUE_LIST = 6,
  SD_VALUE_MAP = 7, /* text keys, in order of insertion; equal and hashed without regard to order */
  SD_VALUE_OPAQUE = 8
} sd_value_kind;

typedef struct sd_value_type sd_value_type;

/* A handle of 16 bytes, passed by value. null, bool, int and double stand in it; the others hold one
 * reference to something counted. A handle that a function gives you is yours (sd_value_release) unless it
 * says "borrowed". */
typedef struct sd_value {
  const sd_value_type *type; /* private; NULL: null */
  union {
    int64_t integer;
    double number;
    void *object;
  } as; /* private */
} sd_value;

/* Receives bytes in order. Fails to stop. */
typedef sd_status sd_write_fn(void *user, const void *data, size_t len);

/* How a kind of object behaves. Static; must outlive all its values. Any thread. */
struct sd_value_type {
  size_t struct_size;
  const char *name;   /* part of hashes and of the serialized form: do not change it */
  sd_value_kind kind; /* SD_VALUE_OPAQUE for yours */
  void (*retain)(void *object);
  void (*release)(void *object);
  /* Writes bytes that are equal for equal objects and differ for others, whatever the process. NULL: values
   * of this type cannot be hashed, so what depends on them is not cached. */
  sd_status (*hash)(const void *object, sd_write_fn *write, void *user, sd_error *error);
  /* NULL: cannot leave the process. */
  sd_status (*serialize)(const void *object, sd_write_fn *write, void *user, sd_error *error);
  sd_status (*deserialize)(const void *data, size_t len, void **ret_object, sd_error *error);
  /* At most size - 1 bytes and NUL, one line; NULL: "<name>". */
  void (*print)(const void *object, char *dst, size_t size);
  /* About how many bytes of memory it holds, for the memory cache. NULL: as many as it has serialized, or
   * 64. */
  size_t (*memory)(const void *object);
};

SD_API sd_value sd_value_null(void);
SD_API sd_value sd_value_bool(bool value);
SD_API sd_value sd_value_int(int64_t value);
SD_API sd_value sd_value_double(double value);
/* Copies. All of these set *ret_value to null when they fail: SD_NOMEM; SD_INVALID: not UTF-8. */
SD_API SD_MUST_CHECK sd_status sd_value_string(const char *text, size_t len, sd_value *ret_value);
SD_API SD_MUST_CHECK sd_status sd_value_bytes(const void *data, size_t len, sd_value *ret_value);
/* Takes over the handles in items, also when it fails. SD_LIMIT: nested deeper than SD_VALUE_NESTING_MAX. */
SD_API SD_MUST_CHECK sd_status sd_value_list(const sd_value *items, size_t count, sd_value *ret_value);
/* Keys are copied; SD_CONFLICT for the same key twice, SD_INVALID for one that is not UTF-8, SD_LIMIT as for
 * lists. Takes over the handles in values, also when it fails. */
SD_API SD_MUST_CHECK sd_status sd_value_map(const char *const *keys, const sd_value *values, size_t count,
                                            sd_value *ret_value);
/* Takes over one reference to object. */
SD_API sd_value sd_value_opaque(const sd_value_type *type, void *object);
/* So that deserialize finds the type by its name. SD_CONFLICT: another type has it. Types stay registered. */
SD_API SD_MUST_CHECK sd_status sd_value_type_register(const sd_value_type *type, sd_error *error);

SD_API sd_value sd_value_retain(sd_value value);
SD_API void sd_value_release(sd_value value);

SD_API sd_value_kind sd_value_kind_of(sd_value value);
SD_API bool sd_value_as_bool(sd_value value); /* false for other kinds */
/* Doubles are cut towards zero, at the ends of the range where they pass them, NaN to 0; 0 for other kinds.
 */
SD_API int64_t sd_value_as_int(sd_value value);
SD_API double sd_value_as_double(sd_value value); /* ints are converted; 0 for other kinds */
/* String and bytes; borrowed, NUL terminated; NULL for other kinds. */
SD_API const char *sd_value_data(sd_value value, size_t *ret_len);
SD_API size_t sd_value_count(sd_value value);                     /* of a list or map; 0 otherwise */
SD_API sd_value sd_value_at(sd_value value, size_t index);        /* borrowed; null past the end */
SD_API const char *sd_value_key_at(sd_value value, size_t index); /* borrowed; NULL past the end */
SD_API sd_value sd_value_get(sd_value value, const char *key,
                             bool *ret_found);                           /* borrowed; ret_found may be NULL */
SD_API void *sd_value_object(sd_value value, const sd_value_type *type); /* borrowed; NULL for other types */

/* Same kind and content; ints and doubles differ, 0.0 and -0.0 differ, NaN equals NaN (of the same bits).
 * Opaque ones: the same object, or of one type and alike in what `hash` writes. */
SD_API bool sd_value_equal(sd_value a, sd_value b);
/* SHA-256 over a type-tagged, length-prefixed form: 1 and "1", true and 1, lists and maps never collide.
 * SD_UNSUPPORTED: holds an object that cannot be hashed; the message names where. */
SD_API SD_MUST_CHECK sd_status sd_value_hash(sd_value value, uint8_t digest[SD_SIGNATURE_SIZE],
                                             sd_error *error);
/* A compact form that says what it holds, the same bytes on every machine. Map keys keep their order.
 * SD_UNSUPPORTED: holds an object that cannot leave the process; the message names where. */
SD_API SD_MUST_CHECK sd_status sd_value_serialize(sd_value value, sd_write_fn *write, void *user,
                                                  sd_error *error);
/* Trusts nothing. SD_CORRUPT; SD_NOT_FOUND: an opaque type that is not registered. */
SD_API SD_MUST_CHECK sd_status sd_value_deserialize(const void *data, size_t len, sd_value *ret_value,
                                                    sd_error *error);
/* JSON-like, one line, cut with "…" at size; always NUL terminated. Returns dst. */
SD_API char *sd_value_print(sd_value value, char *dst, size_t size);
/* "list of 3", "string of 12 bytes", "int": for telemetry that must not show values. Returns dst. */
SD_API char *sd_value_describe(sd_value value, char *dst, size_t size);

typedef struct sd_named_value {
  const char *name;
  sd_value value;
} sd_named_value;

/* ---- Nodes */

/* Inputs in the order of the node's declaration, borrowed for the call (an asynchronous node retains what it
 * keeps); outputs in the order of theirs, all null on entry, taken over by the engine when SD_OK is returned
 * (and released when not). The thread's current trace context is that of the caller of run. An error's code
 * and message reach the caller of run unchanged, with the node's and pipelines' names in front of the
 * message. */
typedef sd_status sd_node_fn(void *user, sd_node_call *call, const sd_value *inputs, sd_value *outputs,
                             sd_error *error);

typedef struct sd_node_input {
  const char *name;
  bool has_default;
  sd_value default_value; /* borrowed; retained by the node */
} sd_node_input;

typedef enum sd_cache_policy {
  SD_CACHE_DEFAULT = 0, /* where a cache is configured */
  SD_CACHE_ALWAYS = 1,  /* also where none is: in the process's memory cache */
  SD_CACHE_NEVER = 2    /* always executed, never stored; what is behind it keys on its output's hash */
} sd_cache_policy;

/* Which errors are worth another attempt. */
typedef bool sd_retry_if_fn(void *user, const sd_error *error);

typedef struct sd_retry_policy {
  uint32_t attempts;        /* all together; 0 and 1: no retry */
  uint32_t first_delay_ms;  /* then doubled, full jitter */
  uint32_t delay_max_ms;    /* 0: 30 s */
  sd_retry_if_fn *retry_if; /* NULL: where error.retriable is set */
  void *user;
} sd_retry_policy;

typedef struct sd_node_options {
  size_t struct_size;
  const char *name; /* node id of callbacks and messages; worker processes look it up */
  const sd_node_input *inputs;
  size_t input_count;
  const char *const *outputs; /* at least one */
  size_t output_count;
  sd_node_fn *function;
  void *user;
  void (*free_user)(void *user); /* with the node's last reference; NULL: none */
  /* Identity of the code for signatures: change it when the function changes. NULL: the name alone. */
  const char *code;
  size_t code_len;     /* 0: strlen */
  const char *version; /* salt; NULL: none */
  sd_cache_policy cache;
  sd_retry_policy retry;
  bool map_items;  /* the first input takes a list and the function is applied to each element; outputs are
                      lists */
  const char *gpu; /* shown in telemetry; NULL: none */
} sd_node_options;

/* SD_INVALID names what is wrong: no outputs, a name empty, too long or twice. */
SD_API SD_MUST_CHECK sd_status sd_node_new(const sd_node_options *options, sd_node **ret_node,
                                           sd_error *error);
SD_API sd_node *sd_node_retain(sd_node *node);
SD_API void sd_node_release(sd_node *node);
SD_API const char *sd_node_name(const sd_node *node);

/* Within the function: */

/* The node completes later: the function returns SD_OK without outputs, and exactly one sd_node_call_complete
 * follows, from any thread, also before the function has returned. */
SD_API void sd_node_call_defer(sd_node_call *call);
/* outputs as the function's (taken over; NULL when status is not SD_OK). error may be NULL with SD_OK. */
SD_API void sd_node_call_complete(sd_node_call *call, sd_status status, const sd_value *outputs,
                                  const sd_error *error);
/* True when the result will not be used (cancelled, timed out, another item failed): end soon. Any thread, as
 * long as the call is not complete. */
SD_API bool sd_node_call_is_cancelled(const sd_node_call *call);
SD_API uint32_t sd_node_call_attempt(const sd_node_call *call); /* 1 … */
SD_API sd_run_context *sd_node_call_context(const sd_node_call *call);

/* ---- Callbacks */

/* One per run at the top: a store that all callbacks share, and where in the nesting something happens.
 * Functions on it may be called within hooks and nodes only. */

/* Takes over value. Any thread. */
SD_API SD_MUST_CHECK sd_status sd_run_context_set(sd_run_context *context, const char *key, sd_value value);
/* A new reference; null when there is none. Any thread. */
SD_API sd_value sd_run_context_get(sd_run_context *context, const char *key);
/* Where a hook is called from; borrowed for the call. */
typedef struct sd_event_place {
  size_t struct_size;
  sd_run_context *context;
  const char *pipeline_id; /* current */
  const char *pipeline_name;
  const char *parent_pipeline_id; /* NULL at the root */
  const char *const *path;        /* pipeline ids, root first */
  size_t depth;                   /* 0: root; path has depth + 1 entries */
  size_t total_nodes;             /* of the current pipeline */
  const char *const *node_ids;    /* in order of execution */
  const char *backend;            /* as it describes itself: "Local", "Remote: processes" */
  const char *gpu;                /* of the node; NULL: none */
  int64_t map_item;               /* index within the innermost map; -1: none */
  uint32_t attempt;               /* of the node */
  sd_context trace;               /* of the span that encloses what the hook tells; borrowed */
} sd_event_place;

typedef enum sd_cache_status {
  SD_CACHE_OFF = 0,
  SD_CACHE_HIT = 1,
  SD_CACHE_MISS = 2,
  SD_CACHE_WRITE = 3
} sd_cache_status;

/* What is known of caching when a node ends or is taken from the cache. */
typedef struct sd_cache_event {
  sd_cache_status status;   /* hit; miss: looked for and not stored (failed, or cannot be serialized); write:
                               looked for,   executed and stored; off: not looked for */
  const char *signature;    /* "sha256:…"; "" when there is none */
  int64_t duration_ns;      /* of the retrieval or the storing */
  int64_t compute_saved_ns; /* hit: what the execution took when it was stored; else 0 */
} sd_cache_event;

/* Hooks; each may be NULL. Called by the thread on which the thing happens; for one run never two at a time.
 * A hook that fails is warned about once and the run goes on. inputs and outputs are borrowed. */
typedef struct sd_callback_vtable {
  size_t struct_size;
  sd_status (*on_pipeline_start)(void *self, const sd_event_place *place, const sd_named_value *inputs,
                                 size_t count);
  sd_status (*on_pipeline_end)(void *self, const sd_event_place *place, const sd_named_value *outputs,
                               size_t count, int64_t duration_ns, const sd_error *error /* NULL: good */);
  sd_status (*on_node_start)(void *self, const sd_event_place *place, const char *node_id,
                             const sd_named_value *inputs, size_t count);
  sd_status (*on_node_end)(void *self, const sd_event_place *place, const char *node_id,
                           const sd_named_value *outputs, size_t count, int64_t duration_ns,
                           const sd_cache_event *cache);
  sd_status (*on_node_cached)(void *self, const sd_event_place *place, const char *node_id,
                              const sd_cache_event *cache);
  sd_status (*on_error)(void *self, const sd_event_place *place, const char *node_id,
                        const sd_named_value *inputs, size_t count, const sd_error *error, bool will_retry);
  sd_status (*on_nested_pipeline_start)(void *self, const sd_event_place *place,
                                        const char *child_pipeline_id);
  sd_status (*on_nested_pipeline_end)(void *self, const sd_event_place *place, const char *child_pipeline_id,
                                      int64_t duration_ns, const sd_error *error);
  sd_status (*on_map_start)(void *self, const sd_event_place *place, const char *node_id, size_t total_items);
  sd_status (*on_map_item_start)(void *self, const sd_event_place *place, const char *node_id, size_t index);
  sd_status (*on_map_item_end)(void *self, const sd_event_place *place, const char *node_id, size_t index,
                               int64_t duration_ns, const sd_error *error);
  sd_status (*on_map_item_cached)(void *self, const sd_event_place *place, const char *node_id, size_t index,
                                  const char *signature);
  sd_status (*on_map_end)(void *self, const sd_event_place *place, const char *node_id, int64_t duration_ns,
                          size_t failed, size_t cached);
  void (*free)(void *self);
} sd_callback_vtable;

typedef struct sd_callback sd_callback;

/* One reference for the caller; self is freed with the last one. vtable must outlive it. */
SD_API SD_MUST_CHECK sd_status sd_callback_new(const sd_callback_vtable *vtable, void *self,
                                               sd_callback **ret_callback, sd_error *error);
SD_API sd_callback *sd_callback_retain(sd_callback *callback);
SD_API void sd_callback_release(sd_callback *callback);

/* ---- Pipelines */

/* Aspects that a pipeline inherits from the one that it is nested in, each by itself: not given: the
 * parent's; given: its own, here and below, also when it is "off" (NULL, no callbacks, 0). At the root not
 * given is off (backend: local, sequential). */
enum { SD_ASPECT_BACKEND = 1, SD_ASPECT_CACHE = 2, SD_ASPECT_CALLBACKS = 4, SD_ASPECT_TIMEOUT = 16 };

typedef struct sd_aspects {
  unsigned given; /* SD_ASPECT_… */
  sd_backend *backend;
  sd_cache *cache;
  sd_callback *const *callbacks;
  size_t callback_count;
  uint32_t timeout_ms; /* of a run of this pipeline; 0: none */
} sd_aspects;

typedef struct sd_pipeline_options {
  size_t struct_size;
  const char *id;        /* NULL: name, else "pipeline-<n>" */
  const char *name;      /* NULL: id */
  sd_node *const *nodes; /* retained; their order has no meaning but breaks ties */
  size_t node_count;
  sd_aspects aspects; /* retained */
} sd_pipeline_options;

/* Checks and plans, linear in nodes and edges. SD_CONFLICT: an output of two nodes (both are named).
 * SD_INVALID: a cycle (its path: "a -> b -> a"). */
SD_API SD_MUST_CHECK sd_status sd_pipeline_new(const sd_pipeline_options *options, sd_pipeline **ret_pipeline,
                                               sd_error *error);
SD_API sd_pipeline *sd_pipeline_retain(sd_pipeline *pipeline);
SD_API void sd_pipeline_release(sd_pipeline *pipeline);

SD_API const char *sd_pipeline_id(const sd_pipeline *pipeline);
SD_API const char *sd_pipeline_name(const sd_pipeline *pipeline);
/* Sorted names, borrowed. Inputs with a default count as inputs; bound ones do not. */
SD_API size_t sd_pipeline_inputs(const sd_pipeline *pipeline, const char *const **ret_names);
SD_API size_t sd_pipeline_outputs(const sd_pipeline *pipeline, const char *const **ret_names);
/* Nodes in order of execution; borrowed. */
SD_API size_t sd_pipeline_node_count(const sd_pipeline *pipeline);
SD_API const sd_node *sd_pipeline_node_at(const sd_pipeline *pipeline, size_t index);

/* A copy in which some inputs have fixed values (retained). SD_NOT_FOUND names an unknown one and what there
 * is. */
SD_API SD_MUST_CHECK sd_status sd_pipeline_bind(const sd_pipeline *pipeline, const sd_named_value *values,
                                                size_t count, sd_pipeline **ret_pipeline, sd_error *error);

typedef enum sd_map_mode { SD_MAP_ZIP = 0, SD_MAP_PRODUCT = 1 } sd_map_mode;

typedef struct sd_name_mapping {
  const char *from;
  const char *to;
} sd_name_mapping;

typedef struct sd_as_node_options {
  size_t struct_size;
  const char *name;                     /* NULL: the pipeline's id */
  const sd_name_mapping *input_mapping; /* from outside, to inside */
  size_t input_mapping_count;
  const sd_name_mapping
      *output_mapping; /* from inside, to outside; where there is any, only these are seen outside */
  size_t output_mapping_count;
  const char *const *map_over; /* outer names that take lists; outputs are lists */
  size_t map_over_count;
  sd_map_mode map_mode;
  /* Default: the pipeline's nodes are cached, each by itself, and items of maps too. Always (not mapped): all
   * its results under one signature; on a hit nothing inside is asked. Never: nothing inside is cached. */
  sd_cache_policy cache;
} sd_as_node_options;

/* The pipeline as a node of another. options may be NULL. SD_NOT_FOUND names an unknown name in the mappings
 * or map_over. */
SD_API SD_MUST_CHECK sd_status sd_pipeline_as_node(sd_pipeline *pipeline, const sd_as_node_options *options,
                                                   sd_node **ret_node, sd_error *error);

/* ---- Running */

SD_API SD_MUST_CHECK sd_status sd_cancel_new(sd_cancel **ret_cancel);
/* Any thread and signal handlers. Runs that have it end with SD_CANCELLED: at once where they wait for nodes
 * that complete later (within 10 ms), otherwise when the functions under way have returned. What is finished
 * stays cached. */
SD_API void sd_cancel_now(sd_cancel *cancel);
SD_API void sd_cancel_free(sd_cancel *cancel); /* after the runs that have it */

/* What goes wrong beside the run: a hook failed, a result could not be stored. One sentence; one call at a
 * time. */
typedef void sd_warn_fn(void *user, const char *message);

typedef struct sd_run_options {
  size_t struct_size;
  const sd_named_value *inputs; /* borrowed until the run has ended */
  size_t input_count;
  const char *const *outputs; /* which ones; NULL: all. Only what they need is executed */
  size_t output_count;
  sd_cancel *cancel;         /* NULL: none */
  const sd_aspects *aspects; /* in place of the pipeline's; NULL: none */
  sd_warn_fn *warn;          /* NULL: not told */
  void *warn_user;
} sd_run_options;

/* Waits until done. Nodes that complete later and are not complete when time or cancellation ends the run are
 * given up: what completes them afterwards is released. Where the cache loses during the run what it had
 * promised, the run begins anew. Checked before any node runs: SD_NOT_FOUND for an output that does not exist
 * (names those that do), SD_INVALID for missing inputs (names them and what is required) and unknown ones.
 * SD_TIMEOUT, SD_CANCELLED; else the failing node's error. */
SD_API SD_MUST_CHECK sd_status sd_pipeline_run(sd_pipeline *pipeline, const sd_run_options *options,
                                               sd_result **ret_result, sd_error *error);

/* Results in the order of execution (or of selection). */
SD_API size_t sd_result_count(const sd_result *result);
SD_API const char *sd_result_name(const sd_result *result, size_t index);
/* A new reference. Reads it now where it comes from a cache and nobody needed it before. */
SD_API SD_MUST_CHECK sd_status sd_result_at(sd_result *result, size_t index, sd_value *ret_value,
                                            sd_error *error);
SD_API SD_MUST_CHECK sd_status sd_result_get(sd_result *result, const char *name, sd_value *ret_value,
                                             sd_error *error);
/* Nodes executed and taken from the cache, nested ones too. */
SD_API uint64_t sd_result_executed(const sd_result *result);
SD_API uint64_t sd_result_cached(const sd_result *result);
SD_API void sd_result_free(sd_result *result);

typedef enum sd_on_error { SD_ON_ERROR_RAISE = 0, SD_ON_ERROR_CONTINUE = 1 } sd_on_error;

typedef struct sd_map_options {
  size_t struct_size;
  const sd_named_value *inputs; /* lists for those in map_over, constants for all others */
  size_t input_count;
  const char *const *map_over;
  size_t map_over_count;
  sd_map_mode mode;
  /* Instead of map_over: one map value per item (its names win over `inputs`). */
  const sd_value *items;
  size_t item_count;
  sd_on_error on_error;
  const char *const *outputs; /* NULL: all */
  size_t output_count;
  sd_cancel *cancel;
  const sd_aspects *aspects;
  sd_warn_fn *warn; /* NULL: not told */
  void *warn_user;
} sd_map_options;

/* zip: lists of one length (SD_INVALID "… length …"); product: the last name varies fastest. */
SD_API SD_MUST_CHECK sd_status sd_pipeline_map(sd_pipeline *pipeline, const sd_map_options *options,
                                               sd_map_result **ret_result, sd_error *error);

SD_API size_t sd_map_result_items(const sd_map_result *result);
SD_API size_t sd_map_result_count(const sd_map_result *result); /* of outputs */
SD_API const char *sd_map_result_name(const sd_map_result *result, size_t output);
/* A new reference; null for an item that failed. */
SD_API SD_MUST_CHECK sd_status sd_map_result_at(sd_map_result *result, size_t output, size_t item,
                                                sd_value *ret_value, sd_error *error);
/* All items of one output as a list value; failed ones are null. */
SD_API SD_MUST_CHECK sd_status sd_map_result_list(sd_map_result *result, const char *name,
                                                  sd_value *ret_value, sd_error *error);
/* NULL: the item succeeded. Borrowed. */
SD_API const sd_error *sd_map_result_error(const sd_map_result *result, size_t item);
SD_API uint64_t sd_map_result_executed(const sd_map_result *result);
SD_API uint64_t sd_map_result_cached(const sd_map_result *result);
SD_API void sd_map_result_free(sd_map_result *result);

#ifdef __cplusplus
}
#endif
#endif
