/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The characters of header fields (RFC 9110): white space, tokens, lists, and percent-encoding (RFC 3986
 * §2.1) in them. */
#ifndef SD_TRACE_HEADER_TEXT_H
#define SD_TRACE_HEADER_TEXT_H

#include "base/bytes.h"

/* Without spaces and tabs at both ends (OWS). */
sd_bytes sd_header_trim(sd_bytes text);

/* Takes the part of *rest before the next separator, trimmed. False when nothing is left; a text without
 * separator is one part, an empty text is none. */
bool sd_header_next(sd_bytes *rest, char separator, sd_bytes *ret_part);

/* True for a token: not empty, visible ASCII without delimiters. */
bool sd_header_is_token(sd_bytes text);

/* True for "%41" at `at`: *ret_byte is what it stands for. */
bool sd_percent_decode_at(sd_bytes text, size_t at, uint8_t *ret_byte);

#endif
