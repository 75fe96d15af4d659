/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The disk cache (pipeline/disk_cache.h): rows in SQLite, large values in files. */
#include "pipeline/disk_cache.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void remove_files(const sd_disk_cache *cache, const sd_buf *gone)
{
  for (size_t at = 0; at + sizeof(sd_blob_row) <= gone->len; at += sizeof(sd_blob_row)) {
    sd_blob_row row;
    memcpy(&row, gone->data + at, sizeof row);
    sd_blob_remove(cache->blobs, &row);
  }
}

/* ---- Opening */

/* Processes open one after the other: turning a new database to WAL suffers nobody else in it. */
static int lock_opening(const sd_disk_cache *cache, sd_error *error)
{
  int fd = openat(cache->blobs, "../opening.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    sd_error_set_errno(error, SD_IO, errno, "opening %.300s/opening.lock", cache->path);
    return -1;
  }
  uint64_t until = sd_clock_monotonic_ms() + SD_DISK_OPEN_WAIT_MS;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if ((errno != EWOULDBLOCK && errno != EINTR) || sd_clock_monotonic_ms() >= until) {
      sd_error_set_errno(error, errno == EWOULDBLOCK ? SD_TIMEOUT : SD_IO, errno,
                         "another process is opening the cache %.300s", cache->path);
      (void)close(fd);
      return -1;
    }
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return fd;
}

sd_status sd_disk_cache_ready(sd_disk_cache *cache, sd_disk_store *store, sd_error *error)
{
  if (store->db)
    return SD_OK;
  sd_error local;
  sd_error_clear(&local);
  int lock = lock_opening(cache, &local);
  if (lock < 0) {
    if (error)
      *error = local;
    return local.code;
  }
  sd_status status = sd_disk_store_open(store, error);
  (void)close(lock);
  return status;
}

static sd_status make_folders(sd_disk_cache *cache, const char *path, sd_error *error)
{
  size_t len = strlen(path);
  if (len == 0 || len + sizeof "/cache.sqlite" > sizeof cache->path)
    return sd_error_set(error, SD_INVALID, "a disk cache needs a path of 1 to %zu bytes",
                        sizeof cache->path - sizeof "/cache.sqlite");
  memcpy(cache->path, path, len + 1);
  (void)snprintf(cache->description, sizeof cache->description, "DiskCache: %s", path);
  if (mkdir(cache->path, 0700) != 0 && errno != EEXIST)
    return sd_error_set_errno(error, SD_IO, errno, "making the folder %.300s", path);
  int folder = open(cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return sd_error_set_errno(error, SD_IO, errno, "opening the folder %.300s", path);
  (void)mkdirat(folder, "blobs", 0700);
  cache->blobs = openat(folder, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int opened = errno;
  (void)close(folder);
  if (cache->blobs < 0)
    return sd_error_set_errno(error, SD_IO, opened, "opening the folder %.300s/blobs", path);
  memcpy(cache->database, path, len);
  memcpy(cache->database + len, "/cache.sqlite", sizeof "/cache.sqlite");
  cache->writer.path = cache->reader.path = cache->database;
  return SD_OK;
}

/* ---- Times of use */

/* What waits is taken and written; the writer's lock is held. Losing them loses an order, no value. */
static void write_touches(sd_disk_cache *cache)
{
  sd_touches *taken = sd_alloc(sizeof *taken);
  if (!taken)
    return;
  pthread_mutex_lock(&cache->touching);
  *taken = cache->touches;
  memset(&cache->touches, 0, sizeof cache->touches);
  pthread_mutex_unlock(&cache->touching);
  if (taken->count > 0 && sd_disk_cache_ready(cache, &cache->writer, NULL) == SD_OK)
    sd_disk_store_touch(&cache->writer, taken, NULL);
  sd_free(taken);
}

static void touch(sd_disk_cache *cache, const uint8_t *signature)
{
  int64_t now = sd_clock_unix_us();
  pthread_mutex_lock(&cache->touching);
  bool full = sd_touches_add(&cache->touches, signature, now);
  pthread_mutex_unlock(&cache->touching);
  /* Whoever holds the writer will write them. */
  if (full && pthread_mutex_trylock(&cache->writing) == 0) {
    write_touches(cache);
    pthread_mutex_unlock(&cache->writing);
  }
}

/* ---- The vtable */

static sd_found_value *found_slot(sd_disk_cache *cache, const uint8_t *signature)
{
  return &cache->found[signature[SD_SIGNATURE_SIZE - 1] % SD_DISK_FOUND_SLOTS];
}

static const char *disk_describe(void *self)
{
  return ((sd_disk_cache *)self)->description;
}

static sd_status disk_find(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], sd_cache_entry *ret_entry,
                           sd_error *error)
{
  sd_disk_cache *cache = self;
  pthread_mutex_lock(&cache->reading);
  sd_status status = sd_disk_cache_ready(cache, &cache->reader, error);
  if (status == SD_OK)
    status = sd_disk_store_find(&cache->reader, signature, ret_entry, found_slot(cache, signature), error);
  pthread_mutex_unlock(&cache->reading);
  if (status == SD_OK) {
    touch(cache, signature);
    atomic_fetch_add_explicit(&cache->hits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cache->compute_saved_ns, ret_entry->compute_ns, memory_order_relaxed);
  } else if (status == SD_NOT_FOUND) {
    atomic_fetch_add_explicit(&cache->misses, 1, memory_order_relaxed);
  }
  return status;
}

/* The value of a row cannot be had: its entry goes, unless the row has changed meanwhile. */
static sd_status give_up(sd_disk_cache *cache, const sd_blob_row *row, sd_status why, sd_error *error)
{
  sd_buf gone;
  sd_buf_init(&gone, SD_DISK_GONE_MAX);
  pthread_mutex_lock(&cache->writing);
  sd_status status = sd_disk_cache_ready(cache, &cache->writer, NULL);
  if (status == SD_OK)
    status = sd_disk_store_drop(&cache->writer, row, &gone, NULL);
  pthread_mutex_unlock(&cache->writing);
  if (status == SD_OK)
    remove_files(cache, &gone);
  sd_buf_release(&gone);
  /* A missing file whose row is gone too was evicted; with its row it is damage. */
  if (why == SD_NOT_FOUND && status != SD_NOT_FOUND) {
    why = SD_CORRUPT;
    if (error)
      error->code = SD_CORRUPT;
  }
  return why;
}

/* Looks up a value's row, where find has not brought it already. */
static sd_status look_up(sd_disk_cache *cache, const uint8_t *signature, uint32_t output,
                         sd_found_value *ret_value, sd_error *error)
{
  sd_status status = SD_OK;
  pthread_mutex_lock(&cache->reading);
  sd_found_value *found = found_slot(cache, signature);
  if (output == 0 && found->row.size > 0 && memcmp(found->row.signature, signature, SD_SIGNATURE_SIZE) == 0) {
    ret_value->row = found->row;
    if (found->row.token == 0)
      memcpy(ret_value->bytes, found->bytes, found->row.size);
    memset(&found->row, 0, sizeof found->row);
  } else {
    status = sd_disk_cache_ready(cache, &cache->reader, error);
    if (status == SD_OK)
      status = sd_disk_store_value(&cache->reader, signature, output, ret_value, error);
  }
  pthread_mutex_unlock(&cache->reading);
  return status;
}

static sd_status disk_load(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], uint32_t output,
                           sd_value *ret_value, sd_error *error)
{
  sd_disk_cache *cache = self;
  sd_found_value it;
  sd_status status = look_up(cache, signature, output, &it, error);
  if (status == SD_NOT_FOUND)
    return sd_error_set(error, SD_NOT_FOUND, "the entry has no output %u, or is not there any more", output);
  if (status != SD_OK)
    return status;
  status = it.row.token == 0 ? sd_blob_read(&it.row, sd_bytes_make(it.bytes, it.row.size), ret_value, error)
                             : sd_blob_read_file(cache->blobs, &it.row, ret_value, error);
  return status == SD_CORRUPT || status == SD_NOT_FOUND ? give_up(cache, &it.row, status, error) : status;
}

/* Evicts down to below the limit; the writer's lock is held. */
static sd_status make_room(sd_disk_cache *cache, uint64_t max_bytes, sd_buf *gone, sd_error *error)
{
  uint32_t evicted = SD_STORE_EVICT_ENTRIES;
  sd_status status = SD_OK;
  while (status == SD_OK && evicted == SD_STORE_EVICT_ENTRIES) {
    evicted = 0;
    status = sd_disk_store_evict(&cache->writer, max_bytes, gone, &evicted, error);
    if (status != SD_OK)
      break;
    remove_files(cache, gone);
    sd_buf_clear(gone);
    atomic_fetch_add_explicit(&cache->evictions, evicted, memory_order_relaxed);
  }
  return status;
}

/* Rows, once the files are in place. */
static sd_status store_rows(sd_disk_cache *cache, const uint8_t *signature, const sd_cache_entry *entry,
                            const sd_store_value *values, sd_error *error)
{
  sd_buf gone;
  uint64_t entries = 0;
  uint64_t bytes = 0;
  sd_buf_init(&gone, SD_DISK_GONE_MAX);
  pthread_mutex_lock(&cache->writing);
  sd_status status = sd_disk_cache_ready(cache, &cache->writer, error);
  if (status == SD_OK)
    status = sd_disk_store_put(&cache->writer, signature, entry, values, sd_clock_unix_us(), &gone, error);
  if (status == SD_OK) {
    remove_files(cache, &gone);
    sd_buf_clear(&gone);
    /* The entry stands; what fails now is tried again by the next store. */
    if (sd_disk_store_total(&cache->writer, &entries, &bytes, NULL) == SD_OK && bytes > cache->max_bytes) {
      write_touches(cache);
      (void)make_room(cache, cache->max_bytes - cache->max_bytes / SD_DISK_EVICTED_FRACTION, &gone, NULL);
    }
  }
  pthread_mutex_unlock(&cache->writing);
  sd_buf_release(&gone);
  return status;
}

static sd_status disk_store(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], const sd_value *outputs,
                            uint32_t count, int64_t compute_ns, sd_error *error)
{
  sd_disk_cache *cache = self;
  if (count > SD_NODE_OUTPUTS_MAX)
    return sd_error_set(error, SD_LIMIT, "an entry of %u outputs, the limit is %d", count,
                        SD_NODE_OUTPUTS_MAX);
  sd_store_value *values = sd_calloc(count, sizeof *values);
  sd_buf *inlined = values ? sd_calloc(count, sizeof *inlined) : NULL;
  if (!inlined) {
    sd_free(values);
    return sd_error_set(error, SD_NOMEM, "no memory for an entry of %u outputs", count);
  }
  sd_cache_entry entry = {.output_count = count, .compute_ns = compute_ns};
  sd_status status = SD_OK;
  for (uint32_t i = 0; i < count && status == SD_OK; i++) {
    sd_buf_init(&inlined[i], SD_CACHE_INLINE_MAX);
    status = sd_blob_write(cache->blobs, signature, i, outputs[i], &values[i].row, &inlined[i], error);
    values[i].inlined = sd_buf_bytes(&inlined[i]);
    entry.bytes += values[i].row.size;
    if (status != SD_OK)
      sd_error_prefix(error, "output %u", i);
  }
  if (status == SD_OK && entry.bytes > cache->max_bytes - cache->max_bytes / SD_DISK_EVICTED_FRACTION)
    status = sd_error_set(error, SD_LIMIT, "an entry of %llu bytes does not fit into %llu bytes",
                          (unsigned long long)entry.bytes, (unsigned long long)cache->max_bytes);
  if (status == SD_OK)
    status = store_rows(cache, signature, &entry, values, error);
  for (uint32_t i = 0; i < count; i++) {
    if (status != SD_OK)
      sd_blob_remove(cache->blobs, &values[i].row);
    sd_buf_release(&inlined[i]);
  }
  sd_free(inlined);
  sd_free(values);
  if (status == SD_OK)
    atomic_fetch_add_explicit(&cache->stores, 1, memory_order_relaxed);
  return status;
}

static sd_status disk_clear(void *self, sd_error *error)
{
  sd_disk_cache *cache = self;
  sd_buf gone;
  sd_buf_init(&gone, SD_DISK_GONE_MAX);
  uint64_t evictions = atomic_load(&cache->evictions);
  pthread_mutex_lock(&cache->writing);
  sd_status status = sd_disk_cache_ready(cache, &cache->writer, error);
  if (status == SD_OK)
    status = make_room(cache, 0, &gone, error);
  pthread_mutex_unlock(&cache->writing);
  atomic_store(&cache->evictions, evictions);
  sd_buf_release(&gone);
  return status;
}

static sd_status disk_stats(void *self, sd_cache_stats *ret_stats, sd_error *error)
{
  sd_disk_cache *cache = self;
  sd_cache_stats stats = {.struct_size = sizeof stats};
  pthread_mutex_lock(&cache->reading);
  sd_status status = sd_disk_cache_ready(cache, &cache->reader, error);
  if (status == SD_OK)
    status = sd_disk_store_total(&cache->reader, &stats.entries, &stats.bytes, error);
  pthread_mutex_unlock(&cache->reading);
  if (status != SD_OK)
    return status;
  stats.hits = atomic_load(&cache->hits);
  stats.misses = atomic_load(&cache->misses);
  stats.stores = atomic_load(&cache->stores);
  stats.evictions = atomic_load(&cache->evictions);
  stats.compute_saved_ns = atomic_load(&cache->compute_saved_ns);
  *ret_stats = stats;
  return SD_OK;
}

static void release(sd_disk_cache *cache)
{
  sd_disk_store_close(&cache->reader);
  sd_disk_store_close(&cache->writer);
  if (cache->blobs >= 0)
    (void)close(cache->blobs);
  pthread_mutex_destroy(&cache->writing);
  pthread_mutex_destroy(&cache->reading);
  pthread_mutex_destroy(&cache->touching);
  sd_free(cache);
}

static void disk_free(void *self)
{
  sd_disk_cache *cache = self;
  sd_fork_guard_remove(&cache->fork);
  write_touches(cache);
  release(cache);
}

/* ---- Fork */

static void disk_hold(sd_fork_guard *guard)
{
  sd_disk_cache *cache = (sd_disk_cache *)guard;
  pthread_mutex_lock(&cache->writing);
  pthread_mutex_lock(&cache->reading);
  pthread_mutex_lock(&cache->touching);
  sd_disk_store_close(&cache->writer);
  sd_disk_store_close(&cache->reader);
}

static void disk_let_go(sd_fork_guard *guard, bool in_child)
{
  sd_disk_cache *cache = (sd_disk_cache *)guard;
  if (in_child) {
    memset(&cache->touches, 0, sizeof cache->touches);
    pthread_mutex_init(&cache->touching, NULL);
    pthread_mutex_init(&cache->reading, NULL);
    pthread_mutex_init(&cache->writing, NULL);
  } else {
    pthread_mutex_unlock(&cache->touching);
    pthread_mutex_unlock(&cache->reading);
    pthread_mutex_unlock(&cache->writing);
  }
}

static const sd_cache_vtable disk_vtable = {
    .struct_size = sizeof disk_vtable,
    .describe = disk_describe,
    .find = disk_find,
    .load = disk_load,
    .store = disk_store,
    .free = disk_free,
};
static const sd_cache_builtin disk_builtin = {.get_stats = disk_stats, .clear = disk_clear};

sd_disk_cache *sd_disk_cache_of(sd_cache *cache)
{
  return sd_cache_self(cache, disk_free);
}

/* Once an interval, by whoever opens the cache then. What it cannot do waits for the next. */
static void sweep_when_due(sd_disk_cache *cache)
{
  bool claimed = false;
  size_t removed;
  if (sd_disk_store_claim_sweep(&cache->writer, sd_clock_unix_us(), SD_DISK_SWEEP_INTERVAL_US, &claimed,
                                NULL) == SD_OK &&
      claimed)
    sd_disk_cache_sweep(cache, SD_DISK_ORPHAN_AGE_S, &removed, NULL);
}

sd_status sd_disk_cache_new(const sd_disk_cache_options *options, sd_cache **ret_cache, sd_error *error)
{
  if (!options || options->struct_size < sizeof *options || !options->path)
    return sd_error_set(error, SD_INVALID, "a disk cache needs struct_size and a path in its options");
  sd_disk_cache *cache = sd_calloc(1, sizeof *cache);
  if (!cache)
    return sd_error_set(error, SD_NOMEM, "no memory for a disk cache");
  cache->blobs = -1;
  cache->max_bytes = options->max_bytes ? options->max_bytes : SD_DISK_CACHE_BYTES_DEFAULT;
  cache->fork.hold = disk_hold;
  cache->fork.let_go = disk_let_go;
  pthread_mutex_init(&cache->writing, NULL);
  pthread_mutex_init(&cache->reading, NULL);
  pthread_mutex_init(&cache->touching, NULL);
  sd_status status = make_folders(cache, options->path, error);
  if (status == SD_OK)
    status = sd_disk_cache_ready(cache, &cache->writer, error);
  if (status == SD_OK) {
    sweep_when_due(cache);
    status = sd_fork_guard_add(&cache->fork);
    if (status != SD_OK)
      sd_error_set(error, status, "no memory for a disk cache");
  }
  if (status != SD_OK) {
    release(cache);
    return status;
  }
  status = sd_cache_make(&disk_vtable, &disk_builtin, cache, ret_cache, error);
  if (status != SD_OK)
    disk_free(cache);
  return status;
}
