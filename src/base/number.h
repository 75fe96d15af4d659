/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text that a machine reads, the same in every locale. Any thread. */
#ifndef SD_BASE_NUMBER_H
#define SD_BASE_NUMBER_H

#include <stddef.h>

enum { SD_DOUBLE_TEXT_SIZE = 32 };

/* The shortest of %.15g … %.17g that reads back as the same double, with '.' as the decimal point, into dst
 * of SD_DOUBLE_TEXT_SIZE bytes; "NaN", "Infinity", "-Infinity" for the others. Returns the length. */
size_t sd_double_to_text(double value, char *dst);

#endif
