/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sets of attributes as keys of metric points: sorted, each key once (the last one given counts), comparable
 * as bytes. */
#ifndef SD_TRACE_ATTRIBUTE_SET_H
#define SD_TRACE_ATTRIBUTE_SET_H

#include "base/arena.h"
#include "trace/value.h"

enum {
  SD_ATTRIBUTE_SET_MAX = 128,          /* attributes of one set; more are left out */
  SD_ATTRIBUTE_SET_STACK_BYTES = 1024, /* of an encoded set that needs no memory from the heap */
};

typedef struct sd_attribute_set {
  const sd_attribute *members[SD_ATTRIBUTE_SET_MAX]; /* borrowed */
  size_t count;
  uint8_t *key; /* the members as OTLP's KeyValue, each with its length */
  size_t key_len;
  uint64_t hash;
  uint8_t stack[SD_ATTRIBUTE_SET_STACK_BYTES]; /* private: where a short key stands */
} sd_attribute_set;

/* Borrows attributes. SD_NOMEM for a long set. Release *set. */
SD_MUST_CHECK sd_status sd_attribute_set_init(sd_attribute_set *set, const sd_attribute *attributes,
                                              size_t count);
void sd_attribute_set_release(sd_attribute_set *set);

/* Copies the members and all that they point to. NULL when the arena is exhausted. */
const sd_attribute *sd_attribute_set_copy(const sd_attribute_set *set, sd_arena *arena);

#endif
