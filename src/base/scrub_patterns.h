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

enum {
  SD_SCRUB_BEGIN_LEN = 3, /* bytes of which each secret has more */
  SD_SCRUB_BEGINNINGS = 1024
};

/* What the first three bytes of a pattern may be, by their low five bits, which letters of both cases share:
 * a row for the first two, a bit for the third. Elsewhere sd_scrub_scan_at finds nothing. */
extern const uint32_t sd_scrub_beginnings[SD_SCRUB_BEGINNINGS];

static inline size_t sd_scrub_row(const uint8_t *begin)
{
  return (size_t)(begin[0] & 31) << 5 | (begin[1] & 31);
}

static inline uint32_t sd_scrub_bit(const uint8_t *begin)
{
  return UINT32_C(1) << (begin[2] & 31);
}

/* True at "%41": *ret_byte is the byte that it stands for. */
bool sd_scrub_percent_byte(sd_bytes text, size_t at, uint8_t *ret_byte);

#endif
