/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The one scrubber: takes secrets out of any text before it is printed, logged, stored or sent.
 *
 * Two rules apply: exact values that were registered (every configured secret, also in its percent-encoded
 * form), and patterns of well-known secrets: `motherduck_token=…`, SharedAccessKey=…, SharedAccessSignature
 * and sig=…, AccountKey=…, `Bearer …`, api-key headers, JSON web tokens, sk-… and pylf_… keys, user:password@
 * in URLs. A secret becomes `***`.
 */
#ifndef SD_BASE_SCRUB_H
#define SD_BASE_SCRUB_H

#include "base/buf.h"

typedef struct sd_scrubber sd_scrubber;

enum {
  SD_SCRUB_SECRETS_MAX = 1024,   /* registered values */
  SD_SCRUB_SECRET_MIN_LEN = 6,   /* a shorter value would wipe out ordinary text; it is refused */
  SD_SCRUB_SECRET_MAX_LEN = 8192 /* bytes of one value */
};

SD_MUST_CHECK sd_status sd_scrubber_new(sd_scrubber **ret_scrubber);
void sd_scrubber_free(sd_scrubber *scrubber);

/* Copies the value. A value already known is fine. SD_INVALID when shorter than the minimum, SD_LIMIT when
 * too long or too many. Any thread. */
sd_status sd_scrubber_add(sd_scrubber *scrubber, const char *secret);

/* Calls call with each value that was registered, in no order; what is added meanwhile may be left out. Any
 * thread. */
typedef void sd_scrubber_secret_fn(void *user, const char *secret);
void sd_scrubber_each(const sd_scrubber *scrubber, sd_scrubber_secret_fn *call, void *user);

/* Appends the cleaned text to out. scrubber may be NULL: the patterns still apply. When memory is short,
 * nothing of the text is appended. Any thread. */
sd_status sd_scrub(const sd_scrubber *scrubber, sd_bytes text, sd_buf *out);

/* Which rules apply, as a sum. */
enum { SD_SCRUB_REGISTERED = 1, SD_SCRUB_PATTERNS = 2, SD_SCRUB_ALL = 3 };

/* sd_scrub by some of the rules. */
sd_status sd_scrub_by(const sd_scrubber *scrubber, int rules, sd_bytes text, sd_buf *out);

/* True when sd_scrub_by would hide something (also what is "***" already). Fast where it would not. Any
 * thread. */
bool sd_scrub_finds(const sd_scrubber *scrubber, int rules, sd_bytes text);

/* True when the patterns know this as the name of a secret, as they would with `=value` behind it. Any
 * thread. */
bool sd_scrub_names_secret(sd_bytes key);

/* Cleans a message in place; a longer result is cut to size. Any thread. */
void sd_scrub_text(const sd_scrubber *scrubber, char *text, size_t size);

#endif
