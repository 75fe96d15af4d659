/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel. Without it no nonce, identifier or jitter is safe, so its absence ends the
 * process. */
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void sd_random_bytes(void *dst, size_t len)
{
  uint8_t *p = dst;
  while (len > 0) {
    ssize_t n = getrandom(p, len, 0);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      abort();
    }
    p += n;
    len -= (size_t)n;
  }
}

uint64_t sd_random_u64(void)
{
  uint64_t value;
  sd_random_bytes(&value, sizeof value);
  return value;
}

uint64_t sd_random_below(uint64_t bound)
{
  if (bound == 0)
    return 0;
  /* The first 2^64 mod bound values are thrown away, so that the rest divides evenly. */
  uint64_t first_fair = (UINT64_MAX - bound + 1) % bound;
  uint64_t value;
  do {
    value = sd_random_u64();
  } while (value < first_fair);
  return value % bound;
}

char *sd_random_uuid(char *dst)
{
  static const char hex[] = "0123456789abcdef";
  uint8_t bytes[16];
  sd_random_bytes(bytes, sizeof bytes);
  bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40); /* version 4 */
  bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80); /* variant of RFC 9562 */
  char *p = dst;
  for (size_t i = 0; i < sizeof bytes; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *p++ = '-';
    *p++ = hex[bytes[i] >> 4];
    *p++ = hex[bytes[i] & 0x0F];
  }
  *p = '\0';
  return dst;
}
