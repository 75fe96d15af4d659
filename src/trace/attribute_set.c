/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sorting, encoding and copying sets of attributes. */
#include "trace/attribute_set.h"

#include "base/alloc.h"

static uint64_t hash_of(const uint8_t *data, size_t len)
{
  uint64_t hash = 0x9E3779B97F4A7C15u ^ len;
  while (len > 0) {
    uint64_t word = 0;
    size_t n = len < sizeof word ? len : sizeof word;
    memcpy(&word, data, n);
    hash = (hash ^ word) * 0xFF51AFD7ED558CCDu;
    hash ^= hash >> 32;
    data += n;
    len -= n;
  }
  return hash;
}

/* Where key belongs among the sorted members; *ret_found when it is there. */
static size_t find_place(const sd_attribute_set *set, const char *key, bool *ret_found)
{
  size_t at = set->count;
  int order = 1;
  while (at > 0 && (order = strcmp(set->members[at - 1]->key, key)) > 0)
    at--;
  *ret_found = at > 0 && order == 0;
  return *ret_found ? at - 1 : at;
}

static void insert(sd_attribute_set *set, const sd_attribute *attribute)
{
  bool found;
  size_t at = find_place(set, attribute->key, &found);
  if (!found) {
    if (set->count == SD_ATTRIBUTE_SET_MAX)
      return;
    memmove(&set->members[at + 1], &set->members[at], (set->count - at) * sizeof set->members[0]);
    set->count++;
  }
  set->members[at] = attribute;
}

sd_status sd_attribute_set_init(sd_attribute_set *set, const sd_attribute *attributes, size_t count)
{
  size_t sizes[SD_ATTRIBUTE_SET_MAX];
  set->count = 0;
  for (size_t i = 0; i < count; i++) {
    if (attributes[i].key && attributes[i].key[0] != '\0')
      insert(set, &attributes[i]);
  }
  size_t len = 0;
  for (size_t i = 0; i < set->count; i++) {
    sizes[i] = sd_attribute_size(set->members[i], 0);
    len += sd_pb_varint_size(sizes[i]) + sizes[i];
  }
  set->key = len <= sizeof set->stack ? set->stack : sd_alloc(len);
  if (!set->key)
    return SD_NOMEM;
  uint8_t *at = set->key;
  for (size_t i = 0; i < set->count; i++)
    at = sd_attribute_encode(set->members[i], 0, sd_pb_put_varint(at, sizes[i]));
  set->key_len = len;
  set->hash = hash_of(set->key, len);
  return SD_OK;
}

void sd_attribute_set_release(sd_attribute_set *set)
{
  if (set->key != set->stack)
    sd_free(set->key);
  set->key = NULL;
}

static bool copy_attribute(const sd_attribute *from, sd_attribute *to, unsigned depth, sd_arena *arena);

/* False when the arena is exhausted. Deeper values than SD_VALUE_DEPTH_MAX become null, as when they are
 * encoded. */
static bool copy_any(const sd_any *from, sd_any *to, unsigned depth, sd_arena *arena)
{
  *to = *from;
  switch (from->type) {
  case SD_ANY_STRING:
  case SD_ANY_BYTES:
    to->len = from->as.bytes ? from->len : 0;
    to->as.bytes = sd_arena_copy(arena, from->as.bytes ? from->as.bytes : "", to->len);
    return to->as.bytes != NULL;
  case SD_ANY_ARRAY: {
    if (depth >= SD_VALUE_DEPTH_MAX)
      break;
    sd_any *members = sd_arena_alloc(arena, from->len * sizeof *members, _Alignof(sd_any));
    for (size_t i = 0; members && i < from->len; i++) {
      if (!copy_any(&from->as.array[i], &members[i], depth + 1, arena))
        return false;
    }
    to->as.array = members;
    return members != NULL;
  }
  case SD_ANY_MAP: {
    if (depth >= SD_VALUE_DEPTH_MAX)
      break;
    sd_attribute *members = sd_arena_alloc(arena, from->len * sizeof *members, _Alignof(sd_attribute));
    for (size_t i = 0; members && i < from->len; i++) {
      if (!copy_attribute(&from->as.map[i], &members[i], depth + 1, arena))
        return false;
    }
    to->as.map = members;
    return members != NULL;
  }
  case SD_ANY_NULL:
  case SD_ANY_BOOL:
  case SD_ANY_INT:
  case SD_ANY_DOUBLE:
    return true;
  }
  *to = sd_any_null();
  return true;
}

static bool copy_attribute(const sd_attribute *from, sd_attribute *to, unsigned depth, sd_arena *arena)
{
  const char *key = from->key ? from->key : "";
  to->key = sd_arena_copy(arena, key, strlen(key));
  return to->key && copy_any(&from->value, &to->value, depth, arena);
}

const sd_attribute *sd_attribute_set_copy(const sd_attribute_set *set, sd_arena *arena)
{
  sd_attribute *copies = sd_arena_alloc(arena, set->count * sizeof *copies, _Alignof(sd_attribute));
  for (size_t i = 0; copies && i < set->count; i++) {
    if (!copy_attribute(set->members[i], &copies[i], 0, arena))
      return NULL;
  }
  return copies;
}
