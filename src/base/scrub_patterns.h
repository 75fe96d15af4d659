/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to scrub.c: finds well-known kinds of secrets by their form. One scan goes once over one text from
 * its start to its end; what it remembers of the text keeps the whole scan linear.
 */
#ifndef SD_BASE_SCRUB_PATTERNS_H
#define SD_BASE_SCRUB_PATTERNS_H

#include "base/bytes.h"

/* A part of the text: [from, to). */
typedef struct sd_scrub_span {
  size_t from;
  size_t to;
} sd_scrub_span;

typedef struct sd_scrub_scan {
  sd_bytes text;
  sd_scrub_span segments[3]; /* private: the parts of a JSON web token last looked at */
  sd_scrub_span word;        /* private: the word last searched for an '@' */
  size_t word_last_at;       /* private: where that '@' is, else word.to */
} sd_scrub_scan;

void sd_scrub_scan_init(sd_scrub_scan *scan, sd_bytes text);

/* Whether a secret is announced by, or begins at, byte `at`; *ret_secret (not empty, may begin later) is what
 * must be hidden. Call it with rising positions and go on at ret_secret->to. */
bool sd_scrub_scan_at(sd_scrub_scan *scan, size_t at, sd_scrub_span *ret_secret);

/* For the low five bits of a byte: the low five bits of those behind it with which a secret may begin.
 * Letters of both cases share them. */
extern const uint32_t sd_scrub_second_bytes[32];

/* Whether sd_scrub_scan_at can find anything at a byte with this one behind it; for most it cannot. */
static inline bool sd_scrub_may_begin(uint8_t first, uint8_t second)
{
  return sd_scrub_second_bytes[first & 31] >> (second & 31) & 1;
}

/* True at "%41": *ret_byte is the byte that it stands for. */
bool sd_scrub_percent_byte(sd_bytes text, size_t at, uint8_t *ret_byte);

#endif
