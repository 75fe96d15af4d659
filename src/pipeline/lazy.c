/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values that stand in a cache and are read when somebody needs them, once. They never reach users. */
#include "base/alloc.h"
#include "pipeline/cache.h"
#include "pipeline/run.h"

#include <string.h>

typedef struct lazy {
  atomic_size_t references;
  pthread_mutex_t lock;
  bool loaded;
  sd_value value;
  sd_cache *cache; /* NULL: a list */
  uint8_t signature[SD_SIGNATURE_SIZE];
  uint32_t output;
  sd_value *items;
  size_t count;
} lazy;

static void retain(void *object)
{
  atomic_fetch_add_explicit(&((lazy *)object)->references, 1, memory_order_relaxed);
}

static void release(void *object)
{
  lazy *l = object;
  if (atomic_fetch_sub_explicit(&l->references, 1, memory_order_acq_rel) != 1)
    return;
  sd_value_release(l->value);
  for (size_t i = 0; i < l->count; i++)
    sd_value_release(l->items[i]);
  sd_free(l->items);
  sd_cache_release(l->cache);
  pthread_mutex_destroy(&l->lock);
  sd_free(l);
}

const sd_value_type sd_lazy_type = {
    .struct_size = sizeof sd_lazy_type,
    .name = "cached",
    .kind = SD_VALUE_OPAQUE,
    .retain = retain,
    .release = release,
};

static lazy *make(void)
{
  lazy *l = sd_calloc(1, sizeof *l);
  if (!l)
    return NULL;
  atomic_init(&l->references, 1);
  if (pthread_mutex_init(&l->lock, NULL) == 0)
    return l;
  sd_free(l);
  return NULL;
}

sd_status sd_lazy_new(sd_cache *cache, const uint8_t *signature, uint32_t output, sd_value *ret_value)
{
  lazy *l = make();
  if (!l)
    return SD_NOMEM;
  l->cache = sd_cache_retain(cache);
  memcpy(l->signature, signature, SD_SIGNATURE_SIZE);
  l->output = output;
  *ret_value = sd_value_opaque(&sd_lazy_type, l);
  return SD_OK;
}

sd_status sd_lazy_list(const sd_value *items, size_t count, sd_value *ret_value)
{
  bool any = false;
  for (size_t i = 0; i < count; i++)
    any |= items[i].type == &sd_lazy_type;
  if (!any)
    return sd_value_list(items, count, ret_value);
  lazy *l = make();
  sd_value *copy = sd_calloc(count, sizeof *copy);
  if (!l || !copy) {
    for (size_t i = 0; i < count; i++)
      sd_value_release(items[i]);
    if (l)
      release(l);
    sd_free(copy);
    return SD_NOMEM;
  }
  memcpy(copy, items, count * sizeof *copy);
  l->items = copy;
  l->count = count;
  *ret_value = sd_value_opaque(&sd_lazy_type, l);
  return SD_OK;
}

static sd_status load_list(lazy *l, sd_value *ret_value, sd_error *error)
{
  sd_value *items = sd_calloc(l->count, sizeof *items);
  if (!items)
    return sd_error_set(error, SD_NOMEM, "out of memory for a list of %zu", l->count);
  for (size_t i = 0; i < l->count; i++) {
    sd_value item;
    sd_status status = sd_lazy_force(l->items[i], &item, error);
    if (status != SD_OK) {
      while (i-- > 0)
        sd_value_release(items[i]);
      sd_free(items);
      return status;
    }
    items[i] = sd_value_retain(item);
  }
  sd_status status = sd_value_list(items, l->count, ret_value);
  sd_free(items);
  return status == SD_OK ? SD_OK : sd_error_set(error, status, "a list of %zu from a cache", l->count);
}

sd_status sd_lazy_force(sd_value value, sd_value *ret_value, sd_error *error)
{
  if (value.type != &sd_lazy_type) {
    *ret_value = value;
    return SD_OK;
  }
  lazy *l = value.as.object;
  sd_status status = SD_OK;
  pthread_mutex_lock(&l->lock);
  if (!l->loaded) {
    status = l->cache ? sd_cache_load(l->cache, l->signature, l->output, &l->value, error)
                      : load_list(l, &l->value, error);
    l->loaded = status == SD_OK;
  }
  if (status == SD_OK)
    *ret_value = l->value;
  pthread_mutex_unlock(&l->lock);
  return status;
}
