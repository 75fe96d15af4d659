/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches of node results, keyed by the signature of the computation: SHA-256 over code, environment, direct
 * inputs and the signatures of upstream nodes, never over results (but behind nodes that are never cached).
 *
 * A cache is reference counted and used by any number of threads, a disk cache by any number of processes at
 * once.
 */
#ifndef STREAMDUCK_CACHE_H
#define STREAMDUCK_CACHE_H

#include <streamduck/pipeline.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  SD_CACHE_INLINE_MAX = 4096 /* bytes of a value that stands in its row; a larger one is a file */
};

/* Results of one node under one signature. */
typedef struct sd_cache_entry {
  uint32_t output_count;
  int64_t compute_ns; /* what the execution took */
  uint64_t bytes;     /* serialized, all outputs */
} sd_cache_entry;

/* Your own cache. Any thread, concurrently. */
typedef struct sd_cache_vtable {
  size_t struct_size;
  const char *(*describe)(void *self); /* "DiskCache: /tmp/x", "MemoryCache"; static or owned by self */
  /* Is there an entry? Reads no values. SD_NOT_FOUND: no. */
  sd_status (*find)(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], sd_cache_entry *ret_entry,
                    sd_error *error);
  /* One output. SD_NOT_FOUND: evicted meanwhile. SD_CORRUPT: unreadable; the engine executes the node and
   * stores anew. */
  sd_status (*load)(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], uint32_t output,
                    sd_value *ret_value, sd_error *error);
  /* All outputs or nothing. A failure is warned about and does not fail the run. */
  sd_status (*store)(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], const sd_value *outputs,
                     uint32_t count, int64_t compute_ns, sd_error *error);
  void (*free)(void *self);
} sd_cache_vtable;

SD_API SD_MUST_CHECK sd_status sd_cache_new(const sd_cache_vtable *vtable, void *self, sd_cache **ret_cache,
                                            sd_error *error);
SD_API sd_cache *sd_cache_retain(sd_cache *cache);
SD_API void sd_cache_release(sd_cache *cache);

/* Keeps values themselves, nothing serialized; least recently used go first. 0: 256 MiB, counted by the
 * values' own estimate (opaque ones by their serialized size, or 64 bytes). */
SD_API SD_MUST_CHECK sd_status sd_memory_cache_new(size_t max_bytes, sd_cache **ret_cache, sd_error *error);

typedef struct sd_disk_cache_options {
  size_t struct_size;
  const char *path;   /* folder; made when missing (0700) */
  uint64_t max_bytes; /* least recently used entries go when it is passed; 0: 10 GiB */
} sd_disk_cache_options;
/* SQLite for signatures and small values, files for large ones (written under another name, synced, renamed,
 * then the row). A killed process leaves at most a file without a row, which is removed later. */
SD_API SD_MUST_CHECK sd_status sd_disk_cache_new(const sd_disk_cache_options *options, sd_cache **ret_cache,
                                                 sd_error *error);

typedef struct sd_cache_stats {
  size_t struct_size;
  uint64_t entries, bytes, hits, misses, stores, evictions;
  int64_t compute_saved_ns;
} sd_cache_stats;
/* hits … since this object was made; entries and bytes of the whole cache. SD_UNSUPPORTED for a cache of your
 * own. */
SD_API SD_MUST_CHECK sd_status sd_cache_get_stats(sd_cache *cache, sd_cache_stats *ret_stats,
                                                  sd_error *error);
/* Removes every entry. SD_UNSUPPORTED as above. */
SD_API SD_MUST_CHECK sd_status sd_cache_clear(sd_cache *cache, sd_error *error);

/* "sha256:…" into dst of SD_SIGNATURE_TEXT_SIZE bytes. Returns dst. */
SD_API char *sd_signature_text(const uint8_t signature[SD_SIGNATURE_SIZE], char *dst);

#ifdef __cplusplus
}
#endif
#endif
