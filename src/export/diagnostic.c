/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Rate limited messages of network exporters. */
#include "export/diagnostic.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define NS_PER_S UINT64_C(1000000000)

typedef struct trouble {
  uint64_t silent_until_ns; /* 0: nothing was told yet */
  uint64_t lost;            /* not told yet */
  char text[SD_DIAGNOSTIC_TEXT_MAX];
} trouble;

struct sd_diagnostic {
  sd_telemetry_diagnostic_fn *fn;
  void *user;
  sd_scrubber *scrubber;
  pthread_mutex_t lock;
  trouble troubles[SD_TROUBLE_COUNT][SD_UNIT_COUNT];
  uint64_t shown[SD_DIAGNOSTIC_WARNINGS_MAX]; /* hashes of texts */
  size_t shown_count;
  atomic_bool is_silent;
};

sd_status sd_diagnostic_new(sd_telemetry_diagnostic_fn *fn, void *user, sd_diagnostic **ret_diagnostic)
{
  sd_diagnostic *diagnostic = sd_calloc(1, sizeof *diagnostic);
  if (!diagnostic)
    return SD_NOMEM;
  if (sd_scrubber_new(&diagnostic->scrubber) != SD_OK) {
    sd_free(diagnostic);
    return SD_NOMEM;
  }
  diagnostic->fn = fn;
  diagnostic->user = user;
  pthread_mutex_init(&diagnostic->lock, NULL);
  *ret_diagnostic = diagnostic;
  return SD_OK;
}

void sd_diagnostic_free(sd_diagnostic *diagnostic)
{
  if (!diagnostic)
    return;
  pthread_mutex_destroy(&diagnostic->lock);
  sd_scrubber_free(diagnostic->scrubber);
  sd_free(diagnostic);
}

sd_status sd_diagnostic_add_secret(sd_diagnostic *diagnostic, const char *secret)
{
  sd_status status = sd_scrubber_add(diagnostic->scrubber, secret);
  return status == SD_NOMEM ? SD_NOMEM : SD_OK;
}

static const char *describe(sd_export_trouble kind)
{
  switch (kind) {
  case SD_TROUBLE_QUEUE_FULL:
    return "dropped, too many requests wait";
  case SD_TROUBLE_GIVEN_UP:
    return "dropped after retries";
  case SD_TROUBLE_REFUSED:
    return "dropped";
  case SD_TROUBLE_REJECTED:
    return "refused by the receiver";
  case SD_TROUBLE_SHUTDOWN:
    return "dropped at the end";
  case SD_TROUBLE_ANSWER:
  case SD_TROUBLE_SETUP:
  case SD_TROUBLE_COUNT:
    break;
  }
  return "";
}

/* Takes what is to be told out of *t and writes it to dst. Locked. */
static void compose(trouble *t, sd_export_trouble kind, sd_export_unit unit, char *dst, size_t size)
{
  if (t->lost)
    snprintf(dst, size, "telemetry export: %" PRIu64 " %s%s %s: %s", t->lost,
             unit == SD_UNIT_POINTS ? "data point" : "record", t->lost == 1 ? "" : "s", describe(kind),
             t->text);
  else
    snprintf(dst, size, "telemetry export: %s", t->text);
  t->lost = 0;
}

static void tell(sd_diagnostic *diagnostic, char *text, size_t size)
{
  if (!diagnostic->fn || atomic_load(&diagnostic->is_silent))
    return;
  for (char *at = text; *at; at++) {
    if ((unsigned char)*at < ' ' || *at == 0x7f)
      *at = ' ';
  }
  sd_utf8_repair(text, strlen(text));
  sd_scrub_text(diagnostic->scrubber, text, size);
  diagnostic->fn(diagnostic->user, SD_LEVEL_WARN, text);
}

enum { LINE_MAX_BYTES = SD_DIAGNOSTIC_TEXT_MAX + 128 };

void sd_diagnostic_report(sd_diagnostic *diagnostic, sd_export_trouble kind, sd_export_unit unit,
                          uint64_t lost, const char *text)
{
  char line[LINE_MAX_BYTES];
  trouble *t = &diagnostic->troubles[kind][unit];
  uint64_t now = sd_clock_monotonic_ns();
  pthread_mutex_lock(&diagnostic->lock);
  t->lost += lost;
  snprintf(t->text, sizeof t->text, "%s", text);
  bool due = now >= t->silent_until_ns;
  if (due) {
    t->silent_until_ns = now + SD_DIAGNOSTIC_INTERVAL_S * NS_PER_S;
    compose(t, kind, unit, line, sizeof line);
  }
  pthread_mutex_unlock(&diagnostic->lock);
  if (due)
    tell(diagnostic, line, sizeof line);
}

static uint64_t hash_text(const char *text)
{
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash;
}

void sd_diagnostic_warn_once(sd_diagnostic *diagnostic, const char *text)
{
  char line[LINE_MAX_BYTES];
  uint64_t hash = hash_text(text);
  bool is_new = true;
  pthread_mutex_lock(&diagnostic->lock);
  for (size_t i = 0; i < diagnostic->shown_count && is_new; i++)
    is_new = diagnostic->shown[i] != hash;
  is_new = is_new && diagnostic->shown_count < SD_DIAGNOSTIC_WARNINGS_MAX;
  if (is_new)
    diagnostic->shown[diagnostic->shown_count++] = hash;
  pthread_mutex_unlock(&diagnostic->lock);
  if (!is_new)
    return;
  snprintf(line, sizeof line, "%s", text);
  tell(diagnostic, line, sizeof line);
}

void sd_diagnostic_silence(sd_diagnostic *diagnostic)
{
  atomic_store(&diagnostic->is_silent, true);
}

void sd_diagnostic_finish(sd_diagnostic *diagnostic)
{
  for (int i = 0; i < SD_TROUBLE_COUNT * SD_UNIT_COUNT; i++) {
    char line[LINE_MAX_BYTES];
    int kind = i / SD_UNIT_COUNT, unit = i % SD_UNIT_COUNT;
    trouble *t = &diagnostic->troubles[kind][unit];
    pthread_mutex_lock(&diagnostic->lock);
    bool due = t->lost > 0;
    if (due)
      compose(t, (sd_export_trouble)kind, (sd_export_unit)unit, line, sizeof line);
    pthread_mutex_unlock(&diagnostic->lock);
    if (due)
      tell(diagnostic, line, sizeof line);
  }
}

void sd_diagnostic_after_fork(sd_diagnostic *diagnostic)
{
  pthread_mutex_init(&diagnostic->lock, NULL);
  memset(diagnostic->troubles, 0, sizeof diagnostic->troubles);
  diagnostic->shown_count = 0;
}
