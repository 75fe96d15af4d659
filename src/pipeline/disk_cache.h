/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk cache from the inside. The folder has cache.sqlite (rows), blobs/ (pipeline/disk_blob.h) and
 * opening.lock, which processes hold while they open the database.
 *
 * One connection reads, another writes, each behind its lock, so that a hit never waits for this process's
 * transactions. Order of locks: writing, reading, touching. Before a fork both connections are closed:
 * SQLite's idea of its locks must not be copied into a child.
 */
#ifndef SD_PIPELINE_DISK_CACHE_H
#define SD_PIPELINE_DISK_CACHE_H

#include "pipeline/cache.h"
#include "pipeline/disk_store.h"
#include "pipeline/fork.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#define SD_DISK_CACHE_BYTES_DEFAULT ((uint64_t)10 << 30)
#define SD_DISK_SWEEP_INTERVAL_US   ((int64_t)3600 * 1000000)
#define SD_DISK_ORPHAN_AGE_S        ((int64_t)3600)
#define SD_DISK_EVICTED_FRACTION    10 /* a tenth more than necessary goes, so that not every store evicts */

enum {
  SD_DISK_OPEN_WAIT_MS = 10000,
  SD_DISK_FOUND_SLOTS = 64,
  SD_DISK_SWEEP_FILES_MAX = 1 << 20,
  SD_DISK_GONE_MAX = (SD_STORE_EVICT_ENTRIES + 1) * SD_NODE_OUTPUTS_MAX * (int)sizeof(sd_blob_row)
};

typedef struct sd_disk_cache {
  sd_fork_guard fork; /* first */
  char path[PATH_MAX];
  char database[PATH_MAX];
  char description[PATH_MAX + 16];
  int blobs; /* the folder; path lookups begin here */
  uint64_t max_bytes;
  pthread_mutex_t writing;
  pthread_mutex_t reading;
  pthread_mutex_t touching;
  sd_disk_store writer; /* by writing */
  sd_disk_store reader; /* by reading */
  /* First outputs seen by `find`, each for the one `load` that follows: most hits take one transaction. By
   * reading; a slot by the signature's last byte; size 0: empty. */
  sd_found_value found[SD_DISK_FOUND_SLOTS];
  sd_touches touches; /* by touching */
  atomic_uint_fast64_t hits, misses, stores, evictions;
  atomic_int_fast64_t compute_saved_ns;
} sd_disk_cache;

/* NULL: another kind of cache. */
sd_disk_cache *sd_disk_cache_of(sd_cache *cache);

/* Removes files that no row names and that are older than age_s. *ret_removed: how many; what is left over
 * after a failure waits for the next. */
sd_status sd_disk_cache_sweep(sd_disk_cache *cache, int64_t age_s, size_t *ret_removed, sd_error *error);

/* Opens a connection where it is closed; its lock is held. */
SD_MUST_CHECK sd_status sd_disk_cache_ready(sd_disk_cache *cache, sd_disk_store *store, sd_error *error);

#endif
