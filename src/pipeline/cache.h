/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Caches as the engine uses them: the vtable behind an sd_cache, built-in or the user's. Any thread. */
#ifndef SD_PIPELINE_CACHE_H
#define SD_PIPELINE_CACHE_H

#include <streamduck/cache.h>

/* What only built-in caches can; NULL for those of users. */
typedef struct sd_cache_builtin {
  sd_status (*get_stats)(void *self, sd_cache_stats *ret_stats, sd_error *error);
  sd_status (*clear)(void *self, sd_error *error);
} sd_cache_builtin;

/* As sd_cache_new; self stays the caller's when it fails. */
SD_MUST_CHECK sd_status sd_cache_make(const sd_cache_vtable *vtable, const sd_cache_builtin *builtin,
                                      void *self, sd_cache **ret_cache, sd_error *error);

/* The vtable's functions; errors name the cache. */
const char *sd_cache_describe(const sd_cache *cache);
SD_MUST_CHECK sd_status sd_cache_find(sd_cache *cache, const uint8_t signature[SD_SIGNATURE_SIZE],
                                      sd_cache_entry *ret_entry, sd_error *error);
SD_MUST_CHECK sd_status sd_cache_load(sd_cache *cache, const uint8_t signature[SD_SIGNATURE_SIZE],
                                      uint32_t output, sd_value *ret_value, sd_error *error);
SD_MUST_CHECK sd_status sd_cache_store(sd_cache *cache, const uint8_t signature[SD_SIGNATURE_SIZE],
                                       const sd_value *outputs, uint32_t count, int64_t compute_ns,
                                       sd_error *error);

/* The object behind a cache with exactly this vtable function `free`; NULL otherwise. */
void *sd_cache_self(const sd_cache *cache, void (*free)(void *self));

#endif
