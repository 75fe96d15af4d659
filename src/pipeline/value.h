/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Values from the inside: what counted kinds look like in memory, and the canonical form that hashes and
 * signatures are made of. <streamduck/pipeline.h> says what values are.
 */
#ifndef SD_PIPELINE_VALUE_H
#define SD_PIPELINE_VALUE_H

#include "base/bytes.h"

#include <stdatomic.h>
#include <streamduck/pipeline.h>

/* The types of the ready kinds; null has none. */
extern const sd_value_type sd_bool_type;
extern const sd_value_type sd_int_type;
extern const sd_value_type sd_double_type;
extern const sd_value_type sd_string_type;
extern const sd_value_type sd_bytes_type;
extern const sd_value_type sd_list_type;
extern const sd_value_type sd_map_type;

/* String and bytes. */
typedef struct sd_text_object {
  atomic_size_t references;
  size_t len;
  char data[]; /* and a NUL */
} sd_text_object;

typedef struct sd_list_object {
  atomic_size_t references;
  size_t count;
  uint32_t depth; /* 1: holds no list or map */
  sd_value items[];
} sd_list_object;

/* One piece of memory; keys, order and the keys' bytes stand behind the values. */
typedef struct sd_map_object {
  atomic_size_t references;
  size_t count;
  uint32_t depth;
  const char **keys;     /* in order of insertion */
  const uint32_t *order; /* indexes into keys, sorted by the keys' bytes */
  sd_value values[];     /* in order of insertion */
} sd_map_object;

enum { SD_MAP_KEYS_MAX = INT32_MAX };

static inline const sd_text_object *sd_value_text_object(sd_value value)
{
  return value.as.object;
}

static inline const sd_list_object *sd_value_list_object(sd_value value)
{
  return value.as.object;
}

static inline const sd_map_object *sd_value_map_object(sd_value value)
{
  return value.as.object;
}

/* What comes behind struct_size may be missing in a type of an older program. */
#define SD_VALUE_TYPE_HAS(type, member)                                                                      \
  ((type)->struct_size >= offsetof(sd_value_type, member) + sizeof((type)->member) && (type)->member)

/* As sd_value_map, with keys that need not end with a NUL but must hold none. Takes over the handles. */
SD_MUST_CHECK sd_status sd_value_map_of(const sd_bytes *keys, const sd_value *values, size_t count,
                                        sd_value *ret_value);

/* Writes the canonical form: equal values give equal bytes, others differ, and no form is the beginning of
 * another. Opaque values enter by the digest of what they write. */
SD_MUST_CHECK sd_status sd_value_canonical(sd_value value, sd_write_fn *write, void *user, sd_error *error);

/* Registered types, by name; NULL: none. */
const sd_value_type *sd_value_type_find(sd_bytes name);

/* About how much memory the value holds beside its handle. */
size_t sd_value_memory(sd_value value);

#endif
