/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A carrier for tests: a list of headers, matched without case. */
#ifndef SD_TEST_TRACE_CARRIER_H
#define SD_TEST_TRACE_CARRIER_H

#include <stdio.h>
#include <streamduck/trace.h>
#include <strings.h>

/* The members of sd_context in front of its padding. */
#define CONTEXT_IDS_SIZE (offsetof(sd_context, remote) + 1)

enum { CARRIER_MAX = 16, CARRIER_VALUE_MAX = 20000 };

typedef struct carrier {
  struct {
    char name[32];
    char value[CARRIER_VALUE_MAX];
  } headers[CARRIER_MAX];
  size_t count;
  size_t refuse_at; /* the set that fails, counted from 1; 0: none */
} carrier;

static inline sd_status carrier_set(void *self, const char *name, const char *value)
{
  carrier *c = self;
  if (c->refuse_at == c->count + 1)
    return SD_CLOSED;
  if (c->count == CARRIER_MAX)
    return SD_LIMIT;
  snprintf(c->headers[c->count].name, sizeof c->headers[0].name, "%s", name);
  snprintf(c->headers[c->count].value, sizeof c->headers[0].value, "%s", value);
  c->count++;
  return SD_OK;
}

static inline const char *carrier_get(void *self, const char *name, size_t index)
{
  carrier *c = self;
  for (size_t i = 0; i < c->count; i++) {
    if (strcasecmp(c->headers[i].name, name) == 0 && index-- == 0)
      return c->headers[i].value;
  }
  return NULL;
}

#endif
