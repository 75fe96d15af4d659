/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The only way to the heap for streamduck's own code (malloc and friends are banned elsewhere), so that tests
 * can make the n-th allocation fail. Any thread. All return NULL when memory is short; a size of 0
 * allocates 1.
 */
#ifndef SD_BASE_ALLOC_H
#define SD_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

void *sd_alloc(size_t size);
/* Zeroed; NULL also when count * size overflows. */
void *sd_calloc(size_t count, size_t size);
/* On failure NULL is returned and `memory` is untouched. */
void *sd_realloc(void *memory, size_t size);
/* NULL is allowed. */
void sd_free(void *memory);
char *sd_strdup(const char *text);
char *sd_strndup(const char *text, size_t len);

/* Tests only: the nth allocation from now on (1 = the next) of this process fails, later ones succeed again;
 * 0 switches it off. sd_alloc_calls counts allocations since the last sd_alloc_fail_nth. */
void sd_alloc_fail_nth(uint64_t nth);
uint64_t sd_alloc_calls(void);

#endif
