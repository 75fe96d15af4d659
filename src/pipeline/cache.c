/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The cache object: a vtable and what it works on, counted. */
#include "pipeline/cache.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

struct sd_cache {
  atomic_size_t references;
  sd_cache_vtable vtable;
  const sd_cache_builtin *builtin; /* NULL: a user's */
  void *self;
};

sd_status sd_cache_make(const sd_cache_vtable *vtable, const sd_cache_builtin *builtin, void *self,
                        sd_cache **ret_cache, sd_error *error)
{
  sd_cache *cache = sd_calloc(1, sizeof *cache);
  if (!cache)
    return sd_error_set(error, SD_NOMEM, "no memory for a cache");
  atomic_init(&cache->references, 1);
  size_t size = vtable->struct_size < sizeof *vtable ? vtable->struct_size : sizeof *vtable;
  memcpy(&cache->vtable, vtable, size);
  cache->builtin = builtin;
  cache->self = self;
  *ret_cache = cache;
  return SD_OK;
}

sd_status sd_cache_new(const sd_cache_vtable *vtable, void *self, sd_cache **ret_cache, sd_error *error)
{
  if (!vtable || vtable->struct_size < offsetof(sd_cache_vtable, store) + sizeof vtable->store ||
      !vtable->find || !vtable->load || !vtable->store)
    return sd_error_set(error, SD_INVALID, "a cache needs struct_size, find, load and store in its vtable");
  return sd_cache_make(vtable, NULL, self, ret_cache, error);
}

sd_cache *sd_cache_retain(sd_cache *cache)
{
  if (cache)
    atomic_fetch_add_explicit(&cache->references, 1, memory_order_relaxed);
  return cache;
}

void sd_cache_release(sd_cache *cache)
{
  if (!cache || atomic_fetch_sub_explicit(&cache->references, 1, memory_order_acq_rel) != 1)
    return;
  if (cache->vtable.free)
    cache->vtable.free(cache->self);
  sd_free(cache);
}

const char *sd_cache_describe(const sd_cache *cache)
{
  const char *text = cache->vtable.describe ? cache->vtable.describe(cache->self) : NULL;
  return text ? text : "Cache";
}

/* A user's cache may fail without a word. */
static sd_status explain(const sd_cache *cache, sd_status status, const char *what, sd_error *error)
{
  if (status == SD_OK || !error)
    return status;
  if (error->code == SD_OK)
    return sd_error_set(error, status, "%s: %s: %s", sd_cache_describe(cache), what, sd_status_text(status));
  sd_error_prefix(error, "%s", sd_cache_describe(cache));
  return status;
}

sd_status sd_cache_find(sd_cache *cache, const uint8_t signature[SD_SIGNATURE_SIZE],
                        sd_cache_entry *ret_entry, sd_error *error)
{
  if (error)
    error->code = SD_OK;
  sd_status status = cache->vtable.find(cache->self, signature, ret_entry, error);
  return status == SD_OK || status == SD_NOT_FOUND ? status : explain(cache, status, "find", error);
}

sd_status sd_cache_load(sd_cache *cache, const uint8_t signature[SD_SIGNATURE_SIZE], uint32_t output,
                        sd_value *ret_value, sd_error *error)
{
  if (error)
    error->code = SD_OK;
  return explain(cache, cache->vtable.load(cache->self, signature, output, ret_value, error), "load", error);
}

sd_status sd_cache_store(sd_cache *cache, const uint8_t signature[SD_SIGNATURE_SIZE], const sd_value *outputs,
                         uint32_t count, int64_t compute_ns, sd_error *error)
{
  if (error)
    error->code = SD_OK;
  return explain(cache, cache->vtable.store(cache->self, signature, outputs, count, compute_ns, error),
                 "store", error);
}

sd_status sd_cache_get_stats(sd_cache *cache, sd_cache_stats *ret_stats, sd_error *error)
{
  if (!cache->builtin)
    return sd_error_set(error, SD_UNSUPPORTED, "%s: a cache of one's own has no statistics here",
                        sd_cache_describe(cache));
  sd_cache_stats stats = {.struct_size = sizeof stats};
  size_t size = ret_stats->struct_size < sizeof stats ? ret_stats->struct_size : sizeof stats;
  sd_status status = cache->builtin->get_stats(cache->self, &stats, error);
  if (status != SD_OK)
    return explain(cache, status, "statistics", error);
  stats.struct_size = size;
  memcpy(ret_stats, &stats, size);
  return SD_OK;
}

sd_status sd_cache_clear(sd_cache *cache, sd_error *error)
{
  if (!cache->builtin)
    return sd_error_set(error, SD_UNSUPPORTED, "%s: a cache of one's own is cleared by its owner",
                        sd_cache_describe(cache));
  return explain(cache, cache->builtin->clear(cache->self, error), "clear", error);
}

void *sd_cache_self(const sd_cache *cache, void (*free)(void *self))
{
  return cache && cache->vtable.free == free ? cache->self : NULL;
}
