/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The scrubber: registered secrets, and the pass that hides them and the known patterns. */
#include "base/scrub.h"

#include "base/alloc.h"
#include "base/scrub_patterns.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
  PREFIX_LEN = 4, /* bytes of a secret that choose its bucket; at most SD_SCRUB_SECRET_MIN_LEN */
  BUCKETS = 1024
};

/* Entries are only ever added, in front of their bucket, and freed with the scrubber: readers need no lock.
 */
typedef struct secret {
  struct secret *next;
  size_t len;
  uint8_t value[]; /* a NUL behind it */
} secret;

struct sd_scrubber {
  pthread_mutex_t adding;
  _Atomic size_t count;                             /* changed under `adding` */
  _Atomic uint32_t beginnings[SD_SCRUB_BEGINNINGS]; /* of the patterns and secrets */
  _Atomic(secret *) buckets[BUCKETS];
};

static const char MASK[] = "***";

sd_status sd_scrubber_new(sd_scrubber **ret_scrubber)
{
  sd_scrubber *scrubber = sd_calloc(1, sizeof *scrubber);
  if (!scrubber)
    return SD_NOMEM;
  if (pthread_mutex_init(&scrubber->adding, NULL) != 0) {
    sd_free(scrubber);
    return SD_NOMEM;
  }
  atomic_init(&scrubber->count, 0);
  for (size_t i = 0; i < SD_SCRUB_BEGINNINGS; i++)
    atomic_init(&scrubber->beginnings[i], sd_scrub_beginnings[i]);
  for (size_t i = 0; i < BUCKETS; i++)
    atomic_init(&scrubber->buckets[i], NULL);
  *ret_scrubber = scrubber;
  return SD_OK;
}

void sd_scrubber_free(sd_scrubber *scrubber)
{
  if (!scrubber)
    return;
  for (size_t i = 0; i < BUCKETS; i++) {
    for (secret *s = atomic_load(&scrubber->buckets[i]); s;) {
      secret *next = s->next;
      explicit_bzero(s->value, s->len);
      sd_free(s);
      s = next;
    }
  }
  pthread_mutex_destroy(&scrubber->adding);
  sd_free(scrubber);
}

/* A form-encoded text has '+' for a space, so both count as the same here. */
static size_t bucket_of(const uint8_t prefix[PREFIX_LEN])
{
  uint32_t word = 0;
  for (size_t i = 0; i < PREFIX_LEN; i++)
    word = word << 8 | (prefix[i] == ' ' ? '+' : prefix[i]);
  return (word * UINT32_C(2654435761)) >> 22;
}

/* Lets sd_scrub_finds stop at texts that begin like this one, with '+' for each space too. */
static void admit(sd_scrubber *scrubber, const uint8_t *begin)
{
  for (unsigned forms = 0; forms < 1u << SD_SCRUB_BEGIN_LEN; forms++) {
    uint8_t form[SD_SCRUB_BEGIN_LEN];
    for (unsigned i = 0; i < SD_SCRUB_BEGIN_LEN; i++)
      form[i] = begin[i] == ' ' && forms >> i & 1 ? '+' : begin[i];
    atomic_fetch_or_explicit(&scrubber->beginnings[sd_scrub_row(form)], sd_scrub_bit(form),
                             memory_order_release);
  }
}

static bool is_known(const secret *s, sd_bytes value)
{
  for (; s; s = s->next) {
    if (sd_bytes_equal(sd_bytes_make(s->value, s->len), value))
      return true;
  }
  return false;
}

sd_status sd_scrubber_add(sd_scrubber *scrubber, const char *secret_text)
{
  sd_bytes value = sd_bytes_of(secret_text);
  if (value.len < SD_SCRUB_SECRET_MIN_LEN)
    return SD_INVALID;
  if (value.len > SD_SCRUB_SECRET_MAX_LEN)
    return SD_LIMIT;
  _Atomic(secret *) *bucket = &scrubber->buckets[bucket_of(value.data)];
  secret *added;
  sd_status status = SD_OK;

  pthread_mutex_lock(&scrubber->adding);
  secret *first = atomic_load_explicit(bucket, memory_order_relaxed);
  if (is_known(first, value))
    goto done;
  if (atomic_load_explicit(&scrubber->count, memory_order_relaxed) >= SD_SCRUB_SECRETS_MAX) {
    status = SD_LIMIT;
    goto done;
  }
  added = sd_alloc(sizeof *added + value.len + 1);
  if (!added) {
    status = SD_NOMEM;
    goto done;
  }
  added->next = first;
  added->len = value.len;
  memcpy(added->value, value.data, value.len);
  added->value[value.len] = '\0';
  atomic_store_explicit(bucket, added, memory_order_release);
  admit(scrubber, value.data);
  atomic_fetch_add_explicit(&scrubber->count, 1, memory_order_release);
done:
  pthread_mutex_unlock(&scrubber->adding);
  return status;
}

void sd_scrubber_each(const sd_scrubber *scrubber, sd_scrubber_secret_fn *call, void *user)
{
  for (size_t i = 0; i < BUCKETS; i++) {
    const secret *s = atomic_load_explicit(&scrubber->buckets[i], memory_order_acquire);
    for (; s; s = s->next)
      call(user, (const char *)s->value);
  }
}

/* The next byte of the text as percent-decoding gives it; *at moves behind it. */
static uint8_t decode_next(sd_bytes text, size_t *at)
{
  uint8_t byte;
  if (sd_scrub_percent_byte(text, *at, &byte)) {
    *at += 3;
    return byte;
  }
  return text.data[(*at)++];
}

static size_t match_raw(const secret *s, sd_bytes text, size_t at)
{
  return text.len - at >= s->len && memcmp(text.data + at, s->value, s->len) == 0 ? at + s->len : at;
}

/* Encoders differ in what they encode, so any mixture counts. */
static size_t match_encoded(const secret *s, sd_bytes text, size_t at)
{
  size_t end = at;
  for (size_t i = 0; i < s->len; i++) {
    if (end >= text.len)
      return at;
    bool plus = text.data[end] == '+';
    uint8_t byte = decode_next(text, &end);
    if (byte != s->value[i] && !(plus && s->value[i] == ' '))
      return at;
  }
  return end;
}

/* The end of the longest registered secret that begins at `at`, plain or percent-encoded; `at` when none
 * does. */
static size_t match_secret(const sd_scrubber *scrubber, sd_bytes text, size_t at)
{
  if (text.len - at < PREFIX_LEN)
    return at;
  size_t longest = at;
  size_t raw_bucket = bucket_of(text.data + at);
  const secret *s = atomic_load_explicit(&scrubber->buckets[raw_bucket], memory_order_acquire);
  for (; s; s = s->next) {
    size_t end = match_raw(s, text, at);
    if (end == at)
      end = match_encoded(s, text, at);
    if (end > longest)
      longest = end;
  }
  if (!memchr(text.data + at, '%', PREFIX_LEN))
    return longest;
  uint8_t prefix[PREFIX_LEN];
  size_t next = at;
  for (size_t i = 0; i < PREFIX_LEN; i++) {
    if (next >= text.len)
      return longest;
    prefix[i] = decode_next(text, &next);
  }
  size_t bucket = bucket_of(prefix);
  if (bucket == raw_bucket)
    return longest;
  for (s = atomic_load_explicit(&scrubber->buckets[bucket], memory_order_acquire); s; s = s->next) {
    size_t end = match_encoded(s, text, at);
    if (end > longest)
      longest = end;
  }
  return longest;
}

/* ---- Finding, without writing
 * ---------------------------------------------------------------------------- */

bool sd_scrub_finds(const sd_scrubber *scrubber, int rules, sd_bytes text)
{
  sd_scrub_scan scan;
  sd_scrub_span pattern;
  bool has_secrets = scrubber && rules & SD_SCRUB_REGISTERED &&
                     atomic_load_explicit(&scrubber->count, memory_order_acquire) > 0;
  /* A secret that is percent-encoded may begin like anything. */
  bool is_encoded = has_secrets && text.len > 0 && memchr(text.data, '%', text.len);
  sd_scrub_scan_init(&scan, text);
  for (size_t i = 0; i + SD_SCRUB_BEGIN_LEN < text.len; i++) {
    size_t row = sd_scrub_row(text.data + i);
    uint32_t bits = has_secrets ? atomic_load_explicit(&scrubber->beginnings[row], memory_order_relaxed)
                                : sd_scrub_beginnings[row];
    if (!(bits & sd_scrub_bit(text.data + i)) && !is_encoded)
      continue;
    if (rules & SD_SCRUB_PATTERNS && sd_scrub_scan_at(&scan, i, &pattern))
      return true;
    if (has_secrets && match_secret(scrubber, text, i) > i)
      return true;
  }
  return false;
}

/* ---- Hiding
 * ---------------------------------------------------------------------------------------------- */

sd_status sd_scrub(const sd_scrubber *scrubber, sd_bytes text, sd_buf *out)
{
  return sd_scrub_by(scrubber, SD_SCRUB_ALL, text, out);
}

sd_status sd_scrub_by(const sd_scrubber *scrubber, int rules, sd_bytes text, sd_buf *out)
{
  size_t old_len = out->len;
  sd_scrub_scan scan;
  sd_scrub_scan_init(&scan, text);
  sd_scrub_span pattern = {0, 0}; /* the last one found; patterns are looked for again from its end */
  size_t secret_end = 0;
  size_t plain_from = 0;
  bool hiding = false;
  sd_status status = SD_OK;

  /* Secrets may overlap each other and the patterns: every byte that belongs to any of them is hidden. */
  for (size_t i = 0; i < text.len && status == SD_OK; i++) {
    if (i >= pattern.to && !(rules & SD_SCRUB_PATTERNS && sd_scrub_scan_at(&scan, i, &pattern)))
      pattern.from = pattern.to = i;
    if (scrubber && rules & SD_SCRUB_REGISTERED) {
      size_t end = match_secret(scrubber, text, i);
      if (end > i && end > secret_end)
        secret_end = end;
    }
    bool hide = i < secret_end || (i >= pattern.from && i < pattern.to);
    if (hide && !hiding) {
      status = sd_buf_append(out, text.data + plain_from, i - plain_from);
      if (status == SD_OK)
        status = sd_buf_append_text(out, MASK);
    } else if (!hide && hiding) {
      plain_from = i;
    }
    hiding = hide;
  }
  if (status == SD_OK && !hiding && text.len > plain_from)
    status = sd_buf_append(out, text.data + plain_from, text.len - plain_from);
  if (status != SD_OK)
    sd_buf_truncate(out, old_len);
  return status;
}

void sd_scrub_text(const sd_scrubber *scrubber, char *text, size_t size)
{
  if (size == 0)
    return;
  sd_bytes input = sd_bytes_make(text, strnlen(text, size));
  sd_buf clean;
  /* The shortest secret by pattern has one byte, so that a text grows to three times its length at most. */
  sd_buf_init(&clean, input.len < SIZE_MAX / 4 ? input.len * 3 + sizeof MASK : SIZE_MAX);
  if (sd_scrub(scrubber, input, &clean) == SD_OK) {
    size_t len = sd_utf8_cut(clean.data, clean.len, size - 1);
    if (len > 0)
      memcpy(text, clean.data, len);
    text[len] = '\0';
  } else {
    /* What could not be cleaned must not be shown. */
    sd_bytes_to_text(sd_bytes_of("(text withheld: out of memory)"), text, size);
  }
  sd_buf_release(&clean);
}
