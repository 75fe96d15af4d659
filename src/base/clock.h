/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Clocks. Durations and deadlines use the monotonic clock only; the wall clock is for stamps that people
 * read. */
#ifndef SD_BASE_CLOCK_H
#define SD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t sd_clock_monotonic_ns(void);
uint64_t sd_clock_monotonic_ms(void);
/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t sd_clock_unix_us(void);
/* The same in nanoseconds, as spans have it. */
int64_t sd_clock_unix_ns(void);

#define SD_CLOCK_ISO8601_SIZE 32
/* "2026-11-22T17:40:00.123456Z" of microseconds since 1970 (years 0001 to 9999, else "invalid"); the fraction
 * is left out when it is 0. Returns dst, which has SD_CLOCK_ISO8601_SIZE bytes. */
char *sd_clock_iso8601(int64_t unix_us, char *dst);
/* The reverse: RFC 3339 with 'Z' or a numeric offset, fraction of up to 9 digits cut to microseconds.
 * SD_INVALID otherwise, as int32_t to keep this header free of others. */
int32_t sd_clock_parse_iso8601(const char *text, int64_t *ret_unix_us);

#endif
