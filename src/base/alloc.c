/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The heap behind a counter that lets tests fail the n-th allocation. The only file that calls malloc. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t alloc_calls;
static atomic_uint_fast64_t alloc_fail_at;

/* Counts one allocation of `size` bytes; true when it shall not be made. */
static int refuse(size_t size)
{
  uint64_t call = atomic_fetch_add_explicit(&alloc_calls, 1, memory_order_relaxed) + 1;
  return call == atomic_load_explicit(&alloc_fail_at, memory_order_relaxed) || size > PTRDIFF_MAX;
}

void *sd_alloc(size_t size)
{
  return refuse(size) ? NULL : malloc(size ? size : 1);
}

void *sd_calloc(size_t count, size_t size)
{
  size_t total;
  if (__builtin_mul_overflow(count, size, &total))
    total = SIZE_MAX;
  return refuse(total) ? NULL : calloc(1, total ? total : 1);
}

void *sd_realloc(void *memory, size_t size)
{
  return refuse(size) ? NULL : realloc(memory, size ? size : 1);
}

void sd_free(void *memory)
{
  free(memory);
}

char *sd_strdup(const char *text)
{
  return sd_strndup(text, strlen(text));
}

char *sd_strndup(const char *text, size_t len)
{
  len = strnlen(text, len);
  char *copy = sd_alloc(len + 1);
  if (!copy)
    return NULL;
  memcpy(copy, text, len);
  copy[len] = '\0';
  return copy;
}

void sd_alloc_fail_nth(uint64_t nth)
{
  atomic_store(&alloc_calls, 0);
  atomic_store(&alloc_fail_at, nth);
}

uint64_t sd_alloc_calls(void)
{
  return atomic_load(&alloc_calls);
}
