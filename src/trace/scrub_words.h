/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that announce a secret, in keys and texts, as Logfire's SDKs look for them: without regard to case,
 * with one separator (". _ -", a space) or none inside of two words. Any thread once it is made.
 */
#ifndef SD_TRACE_SCRUB_WORDS_H
#define SD_TRACE_SCRUB_WORDS_H

#include "base/bytes.h"

#include <streamduck/error.h>

enum {
  SD_SCRUB_EXTRA_MAX = 64,     /* words beside the built-in ones */
  SD_SCRUB_EXTRA_MAX_LEN = 256 /* bytes of one */
};

typedef struct sd_scrub_words {
  /* What the first three bytes of a word may be, by their low five bits, which letters of both cases share: a
   * row for the first two, a bit for the third. */
  uint32_t beginnings[1024];
  char **extra;
  size_t extra_count;
} sd_scrub_words;

/* extra: further words, ends with NULL; NULL: none. They are copied. SD_INVALID for an empty one, SD_LIMIT.
 */
SD_MUST_CHECK sd_status sd_scrub_words_init(sd_scrub_words *words, const char *const *extra, sd_error *error);
void sd_scrub_words_release(sd_scrub_words *words);

/* The first word in the text, as it stands there. */
bool sd_scrub_words_find(const sd_scrub_words *words, sd_bytes text, sd_bytes *ret_match);

/* True for keys that are known to hold no secret though they or their values may look like one. */
bool sd_scrub_key_is_safe(sd_bytes key);

#endif
