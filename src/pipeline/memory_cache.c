/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory cache: a hash table and a list in the order of use. Entries are counted, so that values are
 * retained and released outside the lock: what an opaque value does there is its owner's affair.
 */
#include "base/alloc.h"
#include "pipeline/cache.h"
#include "pipeline/fork.h"
#include "pipeline/value.h"

#include <pthread.h>

#define MEMORY_CACHE_BYTES_DEFAULT ((size_t)256 << 20)

enum { BUCKETS_FIRST = 256, BUCKETS_MAX = 1 << 24 };

typedef struct sd_memory_entry {
  struct sd_memory_entry *next;  /* in its bucket */
  struct sd_memory_entry *newer; /* in the order of use */
  struct sd_memory_entry *older;
  atomic_size_t references; /* the table's and those of loads under way */
  size_t bytes;
  int64_t compute_ns;
  uint32_t count;
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value outputs[];
} sd_memory_entry;

typedef struct sd_memory_cache {
  sd_fork_guard fork; /* first */
  pthread_mutex_t lock;
  sd_memory_entry **buckets;
  size_t bucket_count; /* a power of two */
  sd_memory_entry *newest;
  sd_memory_entry *oldest;
  size_t max_bytes;
  sd_cache_stats stats;
} sd_memory_cache;

static void drop_entry(sd_memory_entry *entry)
{
  if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
    return;
  for (uint32_t i = 0; i < entry->count; i++)
    sd_value_release(entry->outputs[i]);
  sd_free(entry);
}

/* Signatures are uniform already. */
static sd_memory_entry **bucket_of(const sd_memory_cache *cache, const uint8_t *signature)
{
  uint64_t hash;
  memcpy(&hash, signature, sizeof hash);
  return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static sd_memory_entry *lookup(const sd_memory_cache *cache, const uint8_t *signature)
{
  sd_memory_entry *entry = *bucket_of(cache, signature);
  while (entry && memcmp(entry->signature, signature, SD_SIGNATURE_SIZE) != 0)
    entry = entry->next;
  return entry;
}

static void unlink_use(sd_memory_cache *cache, sd_memory_entry *entry)
{
  if (entry->newer)
    entry->newer->older = entry->older;
  else
    cache->newest = entry->older;
  if (entry->older)
    entry->older->newer = entry->newer;
  else
    cache->oldest = entry->newer;
}

static void link_newest(sd_memory_cache *cache, sd_memory_entry *entry)
{
  entry->newer = NULL;
  entry->older = cache->newest;
  if (cache->newest)
    cache->newest->newer = entry;
  else
    cache->oldest = entry;
  cache->newest = entry;
}

/* Takes the entry out of the table; it is put in front of *gone, linked by `next`. */
static void take_out(sd_memory_cache *cache, sd_memory_entry *entry, sd_memory_entry **gone)
{
  sd_memory_entry **at = bucket_of(cache, entry->signature);
  while (*at != entry)
    at = &(*at)->next;
  *at = entry->next;
  unlink_use(cache, entry);
  cache->stats.entries--;
  cache->stats.bytes -= entry->bytes;
  entry->next = *gone;
  *gone = entry;
}

static void drop_all(sd_memory_entry *gone)
{
  while (gone) {
    sd_memory_entry *next = gone->next;
    drop_entry(gone);
    gone = next;
  }
}

/* Without memory the chains become longer, nothing else. */
static void grow(sd_memory_cache *cache)
{
  if (cache->stats.entries < cache->bucket_count || cache->bucket_count >= BUCKETS_MAX)
    return;
  sd_memory_entry **old = cache->buckets;
  size_t old_count = cache->bucket_count;
  sd_memory_entry **buckets = sd_calloc(old_count * 2, sizeof(sd_memory_entry *));
  if (!buckets)
    return;
  cache->buckets = buckets;
  cache->bucket_count = old_count * 2;
  for (size_t i = 0; i < old_count; i++) {
    sd_memory_entry *entry = old[i];
    while (entry) {
      sd_memory_entry *next = entry->next;
      sd_memory_entry **bucket = bucket_of(cache, entry->signature);
      entry->next = *bucket;
      *bucket = entry;
      entry = next;
    }
  }
  sd_free(old);
}

/* ---- The vtable */

static const char *memory_describe(void *self)
{
  (void)self;
  return "MemoryCache";
}

static sd_status memory_find(void *self, const uint8_t signature[SD_SIGNATURE_SIZE],
                             sd_cache_entry *ret_entry, sd_error *error)
{
  sd_memory_cache *cache = self;
  sd_status status = SD_OK;
  (void)error; /* an entry that is not there is no error worth a message */
  pthread_mutex_lock(&cache->lock);
  sd_memory_entry *entry = lookup(cache, signature);
  if (entry) {
    if (entry != cache->newest) {
      unlink_use(cache, entry);
      link_newest(cache, entry);
    }
    cache->stats.hits++;
    cache->stats.compute_saved_ns += entry->compute_ns;
    *ret_entry = (sd_cache_entry){
        .output_count = entry->count, .compute_ns = entry->compute_ns, .bytes = entry->bytes};
  } else {
    cache->stats.misses++;
    status = SD_NOT_FOUND;
  }
  pthread_mutex_unlock(&cache->lock);
  return status;
}

static sd_status memory_load(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], uint32_t output,
                             sd_value *ret_value, sd_error *error)
{
  sd_memory_cache *cache = self;
  pthread_mutex_lock(&cache->lock);
  sd_memory_entry *entry = lookup(cache, signature);
  if (entry)
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
  pthread_mutex_unlock(&cache->lock);
  if (!entry)
    return sd_error_set(error, SD_NOT_FOUND, "the entry is not there any more");
  sd_status status = SD_OK;
  if (output < entry->count)
    *ret_value = sd_value_retain(entry->outputs[output]);
  else
    status =
        sd_error_set(error, SD_NOT_FOUND, "the entry has %u outputs, not number %u", entry->count, output);
  drop_entry(entry);
  return status;
}

static sd_memory_entry *make_entry(const uint8_t *signature, const sd_value *outputs, uint32_t count,
                                   int64_t compute_ns)
{
  sd_memory_entry *entry = sd_alloc(sizeof *entry + count * sizeof *outputs);
  if (!entry)
    return NULL;
  memset(entry, 0, sizeof *entry);
  atomic_init(&entry->references, 1);
  entry->bytes = sizeof *entry + count * sizeof *outputs;
  entry->compute_ns = compute_ns;
  entry->count = count;
  memcpy(entry->signature, signature, SD_SIGNATURE_SIZE);
  for (uint32_t i = 0; i < count; i++) {
    entry->outputs[i] = sd_value_retain(outputs[i]);
    entry->bytes += sd_value_memory(outputs[i]);
  }
  return entry;
}

static sd_status memory_store(void *self, const uint8_t signature[SD_SIGNATURE_SIZE], const sd_value *outputs,
                              uint32_t count, int64_t compute_ns, sd_error *error)
{
  sd_memory_cache *cache = self;
  sd_memory_entry *gone = NULL;
  sd_memory_entry *entry = make_entry(signature, outputs, count, compute_ns);
  if (!entry)
    return sd_error_set(error, SD_NOMEM, "no memory for an entry of %u outputs", count);
  if (entry->bytes > cache->max_bytes) {
    sd_status status = sd_error_set(error, SD_LIMIT, "an entry of %zu bytes does not fit into %zu bytes",
                                    entry->bytes, cache->max_bytes);
    drop_entry(entry);
    return status;
  }
  pthread_mutex_lock(&cache->lock);
  sd_memory_entry *old = lookup(cache, signature);
  if (old)
    take_out(cache, old, &gone);
  while (cache->oldest && cache->stats.bytes + entry->bytes > cache->max_bytes) {
    take_out(cache, cache->oldest, &gone);
    cache->stats.evictions++;
  }
  grow(cache);
  sd_memory_entry **bucket = bucket_of(cache, signature);
  entry->next = *bucket;
  *bucket = entry;
  link_newest(cache, entry);
  cache->stats.entries++;
  cache->stats.bytes += entry->bytes;
  cache->stats.stores++;
  pthread_mutex_unlock(&cache->lock);
  drop_all(gone);
  return SD_OK;
}

static sd_status memory_clear(void *self, sd_error *error)
{
  sd_memory_cache *cache = self;
  sd_memory_entry *gone = NULL;
  (void)error;
  pthread_mutex_lock(&cache->lock);
  while (cache->oldest)
    take_out(cache, cache->oldest, &gone);
  pthread_mutex_unlock(&cache->lock);
  drop_all(gone);
  return SD_OK;
}

static sd_status memory_stats(void *self, sd_cache_stats *ret_stats, sd_error *error)
{
  sd_memory_cache *cache = self;
  (void)error;
  pthread_mutex_lock(&cache->lock);
  *ret_stats = cache->stats;
  pthread_mutex_unlock(&cache->lock);
  return SD_OK;
}

static void memory_free(void *self)
{
  sd_memory_cache *cache = self;
  sd_fork_guard_remove(&cache->fork);
  (void)memory_clear(cache, NULL);
  pthread_mutex_destroy(&cache->lock);
  sd_free(cache->buckets);
  sd_free(cache);
}

static void memory_hold(sd_fork_guard *guard)
{
  pthread_mutex_lock(&((sd_memory_cache *)guard)->lock);
}

static void memory_let_go(sd_fork_guard *guard, bool in_child)
{
  sd_memory_cache *cache = (sd_memory_cache *)guard;
  if (in_child)
    pthread_mutex_init(&cache->lock, NULL);
  else
    pthread_mutex_unlock(&cache->lock);
}

static const sd_cache_vtable memory_vtable = {
    .struct_size = sizeof memory_vtable,
    .describe = memory_describe,
    .find = memory_find,
    .load = memory_load,
    .store = memory_store,
    .free = memory_free,
};
static const sd_cache_builtin memory_builtin = {.get_stats = memory_stats, .clear = memory_clear};

sd_status sd_memory_cache_new(size_t max_bytes, sd_cache **ret_cache, sd_error *error)
{
  sd_memory_cache *cache = sd_calloc(1, sizeof *cache);
  sd_memory_entry **buckets = cache ? sd_calloc(BUCKETS_FIRST, sizeof(sd_memory_entry *)) : NULL;
  if (!buckets) {
    sd_free(cache);
    return sd_error_set(error, SD_NOMEM, "no memory for a memory cache");
  }
  cache->buckets = buckets;
  cache->bucket_count = BUCKETS_FIRST;
  cache->max_bytes = max_bytes ? max_bytes : MEMORY_CACHE_BYTES_DEFAULT;
  cache->fork.hold = memory_hold;
  cache->fork.let_go = memory_let_go;
  pthread_mutex_init(&cache->lock, NULL);
  if (sd_fork_guard_add(&cache->fork) != SD_OK) {
    pthread_mutex_destroy(&cache->lock);
    sd_free(buckets);
    sd_free(cache);
    return sd_error_set(error, SD_NOMEM, "no memory for a memory cache");
  }
  sd_status status = sd_cache_make(&memory_vtable, &memory_builtin, cache, ret_cache, error);
  if (status != SD_OK)
    memory_free(cache);
  return status;
}
