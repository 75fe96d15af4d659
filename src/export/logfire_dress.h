/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as Logfire reads them: message, template, level, kind and schema as attributes logfire.*, composite
 * values as JSON text, a pending twin for each span that has started but not ended, errors as status and
 * level. One thread at a time.
 */
#ifndef SD_EXPORT_LOGFIRE_DRESS_H
#define SD_EXPORT_LOGFIRE_DRESS_H

#include "base/buf.h"

#include <streamduck/export.h>

enum {
  SD_LOGFIRE_RECORD_MAX = 8 * SD_SPAN_BYTES_MAX, /* one dressed record; longer ones are lost */
  SD_LOGFIRE_PART_RECORDS = 512,                 /* records handed over at once */
  SD_LOGFIRE_PART_BYTES = 4 << 20
};

typedef struct sd_logfire_dress sd_logfire_dress;

SD_MUST_CHECK sd_status sd_logfire_dress_new(sd_logfire_dress **ret_dress);
/* NULL is allowed. */
void sd_logfire_dress_free(sd_logfire_dress *dress);

/* Receives dressed records. Borrowed for the call. */
typedef void sd_logfire_dressed_fn(void *user, const sd_record *records, size_t count);

/* Dresses one batch of scrubbed records and hands it over, in parts where it is large. Logs come first; a
 * span comes once, in the place of its twin when both are there; LogRecords stay as they are. Returns how
 * many records were lost, because they are too long or memory is short. */
size_t sd_logfire_dress_records(sd_logfire_dress *dress, const sd_record *records, size_t count,
                                sd_logfire_dressed_fn *fn, void *user);

#endif
