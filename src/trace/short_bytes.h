/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Reading and copying short runs of bytes without a call or a loop, never outside of them. */
#ifndef SD_TRACE_SHORT_BYTES_H
#define SD_TRACE_SHORT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SD_HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t sd_load64(const uint8_t *p)
{
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

static inline uint32_t sd_load32(const uint8_t *p)
{
  uint32_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

/* Returns the end. Two copies that may overlap instead of many. */
static inline uint8_t *sd_put_short(uint8_t *at, const void *from, size_t len)
{
  const uint8_t *p = from;
  if (len > 32) {
    memcpy(at, p, len);
  } else if (len >= 16) {
    memcpy(at, p, 16);
    memcpy(at + len - 16, p + len - 16, 16);
  } else if (len >= 8) {
    memcpy(at, p, 8);
    memcpy(at + len - 8, p + len - 8, 8);
  } else if (len >= 4) {
    memcpy(at, p, 4);
    memcpy(at + len - 4, p + len - 4, 4);
  } else if (len > 0) {
    at[0] = p[0];
    at[len / 2] = p[len / 2];
    at[len - 1] = p[len - 1];
  }
  return at + len;
}

static inline bool sd_is_ascii(const uint8_t *p, size_t len)
{
  uint64_t all = 0;
  if (len >= 8) {
    all = sd_load64(p + len - 8);
    for (size_t i = 0; i + 8 < len; i += 8)
      all |= sd_load64(p + i);
  } else if (len >= 4) {
    all = sd_load32(p) | sd_load32(p + len - 4);
  } else if (len > 0) {
    all = (uint64_t)(p[0] | p[len / 2] | p[len - 1]);
  }
  return (all & SD_HIGH_BITS) == 0;
}

/* A number that equal texts share and others hardly ever do: of the length, the first and the last bytes. len
 * >= 1. */
static inline uint32_t sd_print_of(const uint8_t *p, size_t len)
{
  uint64_t first;
  uint64_t last;
  if (len >= 8) {
    first = sd_load64(p);
    last = sd_load64(p + len - 8);
  } else if (len >= 4) {
    first = sd_load32(p);
    last = sd_load32(p + len - 4);
  } else {
    first = p[0];
    last = (uint64_t)p[len / 2] << 8 | p[len - 1];
  }
  uint64_t mixed = (first ^ (last << 29 | last >> 35) ^ len) * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(mixed >> 32);
}

#endif
