/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network exporter tells about itself: one line a minute per kind of trouble, with the number of
 * records that it cost, and the rest at the end. Header values and well-known secrets never appear.
 */
#ifndef SD_EXPORT_DIAGNOSTIC_H
#define SD_EXPORT_DIAGNOSTIC_H

#include "base/scrub.h"

#include <streamduck/trace.h>

typedef enum sd_export_trouble {
  SD_TROUBLE_QUEUE_FULL = 0, /* records dropped before they were sent */
  SD_TROUBLE_GIVEN_UP = 1,   /* dropped after retries */
  SD_TROUBLE_REFUSED = 2,    /* dropped at once */
  SD_TROUBLE_REJECTED = 3,   /* by a partial success */
  SD_TROUBLE_SHUTDOWN = 4,   /* dropped at the end */
  SD_TROUBLE_ANSWER = 5,     /* nothing lost: an answer that cannot be read, a warning in it */
  SD_TROUBLE_SETUP = 6,      /* nothing lost: something about this machine */
  SD_TROUBLE_COUNT = 7
} sd_export_trouble;

typedef enum sd_export_unit { SD_UNIT_RECORDS = 0, SD_UNIT_POINTS = 1, SD_UNIT_COUNT = 2 } sd_export_unit;

enum {
  SD_DIAGNOSTIC_INTERVAL_S = 60,
  SD_DIAGNOSTIC_TEXT_MAX = 1024,
  SD_DIAGNOSTIC_WARNINGS_MAX = 16 /* different texts that are shown once */
};

typedef struct sd_diagnostic sd_diagnostic;

/* fn may be NULL. SD_NOMEM. */
SD_MUST_CHECK sd_status sd_diagnostic_new(sd_telemetry_diagnostic_fn *fn, void *user,
                                          sd_diagnostic **ret_diagnostic);
void sd_diagnostic_free(sd_diagnostic *diagnostic);

/* A text that must not be shown; one that is too short to be a secret is left alone. SD_NOMEM. Before other
 * threads use the diagnostic. */
SD_MUST_CHECK sd_status sd_diagnostic_add_secret(sd_diagnostic *diagnostic, const char *secret);

/* `lost` records or metrics' points (0: none) for the reason in text. Any thread. */
void sd_diagnostic_report(sd_diagnostic *diagnostic, sd_export_trouble trouble, sd_export_unit unit,
                          uint64_t lost, const char *text);
/* Shows a text the first time it comes. Any thread. */
void sd_diagnostic_warn_once(sd_diagnostic *diagnostic, const char *text);
/* Tells nothing any more. Any thread. */
void sd_diagnostic_silence(sd_diagnostic *diagnostic);
/* Tells of losses that were counted but not told yet. */
void sd_diagnostic_finish(sd_diagnostic *diagnostic);
/* In a child process: nothing has been told yet. */
void sd_diagnostic_after_fork(sd_diagnostic *diagnostic);

#endif
