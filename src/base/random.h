/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel (getrandom). Any thread. */
#ifndef SD_BASE_RANDOM_H
#define SD_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void sd_random_bytes(void *dst, size_t len);
uint64_t sd_random_u64(void);
/* Uniform in [0, bound); 0 when bound is 0. */
uint64_t sd_random_below(uint64_t bound);

#define SD_UUID_TEXT_SIZE 37
/* A version 4 UUID as text with NUL (RFC 9562 §5.4). Returns dst, which has SD_UUID_TEXT_SIZE bytes. */
char *sd_random_uuid(char *dst);

#endif
