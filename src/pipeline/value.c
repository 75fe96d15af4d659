/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values: the ready kinds, reference counts, access. */
#include "pipeline/value.h"

#include "base/alloc.h"

#include <stdlib.h>

/* ---- Counted kinds */

static void retain_counted(void *object)
{
  atomic_size_t *references = object;
  atomic_fetch_add_explicit(references, 1, memory_order_relaxed);
}

static bool is_last(atomic_size_t *references)
{
  return atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
}

static void release_text(void *object)
{
  sd_text_object *text = object;
  if (is_last(&text->references))
    sd_free(text);
}

static void release_all(const sd_value *items, size_t count)
{
  for (size_t i = 0; i < count; i++)
    sd_value_release(items[i]);
}

/* Recursion ends: a list is never nested deeper than SD_VALUE_NESTING_MAX. */
static void release_list(void *object)
{
  sd_list_object *list = object;
  if (!is_last(&list->references))
    return;
  release_all(list->items, list->count);
  sd_free(list);
}

static void release_map(void *object)
{
  sd_map_object *map = object;
  if (!is_last(&map->references))
    return;
  release_all(map->values, map->count);
  sd_free(map);
}

#define PLAIN(text, its_kind)                                                                                \
  {                                                                                                          \
    .struct_size = sizeof(sd_value_type), .name = (text), .kind = (its_kind)                                 \
  }
#define COUNTED(text, its_kind, its_release)                                                                 \
  {                                                                                                          \
    .struct_size = sizeof(sd_value_type), .name = (text), .kind = (its_kind), .retain = retain_counted,      \
    .release = (its_release)                                                                                 \
  }

const sd_value_type sd_bool_type = PLAIN("bool", SD_VALUE_BOOL);
const sd_value_type sd_int_type = PLAIN("int", SD_VALUE_INT);
const sd_value_type sd_double_type = PLAIN("double", SD_VALUE_DOUBLE);
const sd_value_type sd_string_type = COUNTED("string", SD_VALUE_STRING, release_text);
const sd_value_type sd_bytes_type = COUNTED("bytes", SD_VALUE_BYTES, release_text);
const sd_value_type sd_list_type = COUNTED("list", SD_VALUE_LIST, release_list);
const sd_value_type sd_map_type = COUNTED("map", SD_VALUE_MAP, release_map);

/* ---- Making */

sd_value sd_value_null(void)
{
  return (sd_value){.type = NULL};
}

sd_value sd_value_bool(bool value)
{
  return (sd_value){.type = &sd_bool_type, .as.integer = value};
}

sd_value sd_value_int(int64_t value)
{
  return (sd_value){.type = &sd_int_type, .as.integer = value};
}

sd_value sd_value_double(double value)
{
  return (sd_value){.type = &sd_double_type, .as.number = value};
}

sd_value sd_value_opaque(const sd_value_type *type, void *object)
{
  return (sd_value){.type = type, .as.object = object};
}

static sd_status make_text(const sd_value_type *type, const void *data, size_t len, sd_value *ret_value)
{
  *ret_value = sd_value_null();
  if (len > PTRDIFF_MAX - sizeof(sd_text_object) - 1)
    return SD_NOMEM;
  sd_text_object *text = sd_alloc(sizeof *text + len + 1);
  if (!text)
    return SD_NOMEM;
  atomic_init(&text->references, 1);
  text->len = len;
  if (len > 0)
    memcpy(text->data, data, len);
  text->data[len] = '\0';
  *ret_value = (sd_value){.type = type, .as.object = text};
  return SD_OK;
}

sd_status sd_value_string(const char *text, size_t len, sd_value *ret_value)
{
  if (!sd_utf8_valid((const uint8_t *)text, len)) {
    *ret_value = sd_value_null();
    return SD_INVALID;
  }
  return make_text(&sd_string_type, text, len, ret_value);
}

sd_status sd_value_bytes(const void *data, size_t len, sd_value *ret_value)
{
  return make_text(&sd_bytes_type, data, len, ret_value);
}

/* How deep a container of these is. */
static uint32_t depth_of(const sd_value *items, size_t count)
{
  uint32_t deepest = 0;
  for (size_t i = 0; i < count; i++) {
    sd_value_kind kind = sd_value_kind_of(items[i]);
    uint32_t depth = 0;
    if (kind == SD_VALUE_LIST)
      depth = sd_value_list_object(items[i])->depth;
    else if (kind == SD_VALUE_MAP)
      depth = sd_value_map_object(items[i])->depth;
    if (depth > deepest)
      deepest = depth;
  }
  return deepest + 1;
}

sd_status sd_value_list(const sd_value *items, size_t count, sd_value *ret_value)
{
  sd_status status = SD_OK;
  sd_list_object *list = NULL;
  uint32_t depth = depth_of(items, count);
  if (depth > SD_VALUE_NESTING_MAX)
    status = SD_LIMIT;
  else if (count <= (PTRDIFF_MAX - sizeof *list) / sizeof *items)
    list = sd_alloc(sizeof *list + count * sizeof *items);
  if (!list) {
    release_all(items, count);
    *ret_value = sd_value_null();
    return status == SD_OK ? SD_NOMEM : status;
  }
  atomic_init(&list->references, 1);
  list->count = count;
  list->depth = depth;
  if (count > 0)
    memcpy(list->items, items, count * sizeof *items);
  *ret_value = (sd_value){.type = &sd_list_type, .as.object = list};
  return SD_OK;
}

static int compare_keys(const void *a, const void *b, void *user)
{
  const char *const *keys = user;
  return strcmp(keys[*(const uint32_t *)a], keys[*(const uint32_t *)b]);
}

/* Fills in keys and order. SD_CONFLICT: a key twice. */
static sd_status place_keys(sd_map_object *map, const sd_bytes *keys, uint32_t *order, char *space)
{
  bool is_sorted = true;
  for (size_t i = 0; i < map->count; i++) {
    map->keys[i] = space;
    if (keys[i].len > 0)
      memcpy(space, keys[i].data, keys[i].len);
    space[keys[i].len] = '\0';
    space += keys[i].len + 1;
    order[i] = (uint32_t)i;
    is_sorted = is_sorted && (i == 0 || strcmp(map->keys[i - 1], map->keys[i]) <= 0);
  }
  if (!is_sorted)
    qsort_r(order, map->count, sizeof *order, compare_keys, map->keys);
  for (size_t i = 1; i < map->count; i++) {
    if (strcmp(map->keys[order[i - 1]], map->keys[order[i]]) == 0)
      return SD_CONFLICT;
  }
  return SD_OK;
}

sd_status sd_value_map_of(const sd_bytes *keys, const sd_value *values, size_t count, sd_value *ret_value)
{
  sd_status status = SD_OK;
  sd_map_object *map = NULL;
  size_t text = 0;
  for (size_t i = 0; i < count && status == SD_OK; i++) {
    if (!sd_utf8_valid(keys[i].data, keys[i].len) ||
        (keys[i].len > 0 && memchr(keys[i].data, 0, keys[i].len)))
      status = SD_INVALID;
    else if (__builtin_add_overflow(text, keys[i].len + 1, &text) || text > PTRDIFF_MAX / 2)
      status = SD_NOMEM;
  }
  uint32_t depth = depth_of(values, count);
  if (status == SD_OK && (depth > SD_VALUE_NESTING_MAX || count > SD_MAP_KEYS_MAX))
    status = SD_LIMIT;
  if (status == SD_OK) {
    size_t head = sizeof *map + count * sizeof *values;
    size_t order = head + count * sizeof *map->keys;
    size_t space = order + count * sizeof(uint32_t);
    map = sd_alloc(space + text);
    if (!map) {
      status = SD_NOMEM;
    } else {
      uint8_t *memory = (uint8_t *)map;
      atomic_init(&map->references, 1);
      map->count = count;
      map->depth = depth;
      map->keys = (const char **)(void *)(memory + head);
      map->order = (uint32_t *)(void *)(memory + order);
      status = place_keys(map, keys, (uint32_t *)(void *)(memory + order), (char *)memory + space);
    }
  }
  if (status != SD_OK) {
    sd_free(map);
    release_all(values, count);
    *ret_value = sd_value_null();
    return status;
  }
  if (count > 0)
    memcpy(map->values, values, count * sizeof *values);
  *ret_value = (sd_value){.type = &sd_map_type, .as.object = map};
  return SD_OK;
}

enum { KEYS_ON_STACK = 32 };

sd_status sd_value_map(const char *const *keys, const sd_value *values, size_t count, sd_value *ret_value)
{
  sd_bytes few[KEYS_ON_STACK] = {{NULL, 0}};
  sd_bytes *views = few;
  if (count > KEYS_ON_STACK) {
    views = count <= SD_MAP_KEYS_MAX ? sd_alloc(count * sizeof *views) : NULL;
    if (!views) {
      release_all(values, count);
      *ret_value = sd_value_null();
      return count <= SD_MAP_KEYS_MAX ? SD_NOMEM : SD_LIMIT;
    }
  }
  for (size_t i = 0; i < count; i++)
    views[i] = sd_bytes_of(keys[i]);
  sd_status status = sd_value_map_of(views, values, count, ret_value);
  if (views != few)
    sd_free(views);
  return status;
}

/* ---- References */

sd_value sd_value_retain(sd_value value)
{
  if (value.type && value.type->retain)
    value.type->retain(value.as.object);
  return value;
}

void sd_value_release(sd_value value)
{
  if (value.type && value.type->release)
    value.type->release(value.as.object);
}

/* ---- Access */

sd_value_kind sd_value_kind_of(sd_value value)
{
  return value.type ? value.type->kind : SD_VALUE_NULL;
}

bool sd_value_as_bool(sd_value value)
{
  return sd_value_kind_of(value) == SD_VALUE_BOOL && value.as.integer != 0;
}

int64_t sd_value_as_int(sd_value value)
{
  if (sd_value_kind_of(value) == SD_VALUE_INT)
    return value.as.integer;
  if (sd_value_kind_of(value) != SD_VALUE_DOUBLE || value.as.number != value.as.number)
    return 0;
  if (value.as.number >= 9223372036854775808.0)
    return INT64_MAX;
  return value.as.number < -9223372036854775808.0 ? INT64_MIN : (int64_t)value.as.number;
}

double sd_value_as_double(sd_value value)
{
  if (sd_value_kind_of(value) == SD_VALUE_DOUBLE)
    return value.as.number;
  return sd_value_kind_of(value) == SD_VALUE_INT ? (double)value.as.integer : 0;
}

const char *sd_value_data(sd_value value, size_t *ret_len)
{
  sd_value_kind kind = sd_value_kind_of(value);
  bool is_text = kind == SD_VALUE_STRING || kind == SD_VALUE_BYTES;
  if (ret_len)
    *ret_len = is_text ? sd_value_text_object(value)->len : 0;
  return is_text ? sd_value_text_object(value)->data : NULL;
}

size_t sd_value_count(sd_value value)
{
  if (sd_value_kind_of(value) == SD_VALUE_LIST)
    return sd_value_list_object(value)->count;
  return sd_value_kind_of(value) == SD_VALUE_MAP ? sd_value_map_object(value)->count : 0;
}

sd_value sd_value_at(sd_value value, size_t index)
{
  if (index >= sd_value_count(value))
    return sd_value_null();
  return sd_value_kind_of(value) == SD_VALUE_LIST ? sd_value_list_object(value)->items[index]
                                                  : sd_value_map_object(value)->values[index];
}

const char *sd_value_key_at(sd_value value, size_t index)
{
  if (sd_value_kind_of(value) != SD_VALUE_MAP || index >= sd_value_count(value))
    return NULL;
  return sd_value_map_object(value)->keys[index];
}

sd_value sd_value_get(sd_value value, const char *key, bool *ret_found)
{
  if (ret_found)
    *ret_found = false;
  if (sd_value_kind_of(value) != SD_VALUE_MAP)
    return sd_value_null();
  const sd_map_object *map = sd_value_map_object(value);
  size_t low = 0;
  size_t high = map->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int difference = strcmp(key, map->keys[map->order[middle]]);
    if (difference == 0) {
      if (ret_found)
        *ret_found = true;
      return map->values[map->order[middle]];
    }
    if (difference < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return sd_value_null();
}

void *sd_value_object(sd_value value, const sd_value_type *type)
{
  return type && value.type == type && type->kind == SD_VALUE_OPAQUE ? value.as.object : NULL;
}
