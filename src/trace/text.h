/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Text as protobuf takes it: well-formed UTF-8, cut to a number of characters. What belongs to no character
 * becomes U+FFFD, one for each maximal part of a character that is cut short (Unicode, chapter 3.9). */
#ifndef SD_TRACE_TEXT_H
#define SD_TRACE_TEXT_H

#include "base/bytes.h"

/* Bytes of the text once it is repaired and cut; max_characters 0: not cut. */
size_t sd_text_size(sd_bytes text, uint32_t max_characters);

/* Writes it to `at`, which has sd_text_size bytes. Returns the end. */
uint8_t *sd_text_put(sd_bytes text, uint32_t max_characters, uint8_t *at);

#endif
