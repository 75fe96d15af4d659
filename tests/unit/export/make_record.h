/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Records for tests of exporters, written field by field. */
#ifndef SD_TEST_MAKE_RECORD_H
#define SD_TEST_MAKE_RECORD_H

#include "trace/value.h"

#include <streamduck/export.h>

typedef struct made_record {
  sd_record record; /* ready to hand over after each change */
  sd_buf otlp;
} made_record;

/* A span with an id of eight times this byte in one trace; parent 0: a root. Times in microseconds. */
void make_span(made_record *made, uint8_t id, uint8_t parent, const char *name, int64_t start_us,
               int64_t end_us);
/* A log: message is its template and name. */
void make_log(made_record *made, uint8_t id, uint8_t parent, int level, const char *message, int64_t at_us);
/* The same span as it was when it started. */
void make_pending(made_record *made, uint8_t id, uint8_t parent, const char *name, int64_t start_us);

void add_attribute(made_record *made, const char *key, sd_any value);
void add_event(made_record *made, const char *name, const sd_attribute *attributes, size_t count);
void set_status(made_record *made, sd_span_status status, const char *description);
void release_record(made_record *made);

#endif
