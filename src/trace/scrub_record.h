/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes secrets out of finished records: registered texts and the patterns of secrets in attribute values,
 * values whose key names a secret, in attributes, events, links, log bodies and JSON text inside strings.
 * What was found is listed in the attribute logfire.scrubbed.
 *
 * Adding secrets: any thread. Scrubbing: the telemetry's thread.
 */
#ifndef SD_TRACE_SCRUB_RECORD_H
#define SD_TRACE_SCRUB_RECORD_H

#include "base/buf.h"

#include <streamduck/export.h>

typedef struct sd_record_scrubber sd_record_scrubber;

/* Takes scrub_off, scrub_patterns, scrub_callback and scrub_user from options; the patterns are copied. With
 * scrub_off only registered secrets are replaced. */
SD_MUST_CHECK sd_status sd_record_scrubber_new(const sd_telemetry_options *options,
                                               sd_record_scrubber **ret_scrubber, sd_error *error);
/* NULL is allowed. */
void sd_record_scrubber_free(sd_record_scrubber *scrubber);

/* As sd_telemetry_add_secret. */
sd_status sd_record_scrubber_add(sd_record_scrubber *scrubber, const char *secret);

/* Makes *out the record to send. Where nothing was found *out is *in, without a copy; otherwise the message
 * written anew stands in scratch (empty when given), and *out borrows from it and from *in. SD_NOMEM,
 * SD_LIMIT (of scratch), SD_INVALID (no OTLP message): the record must not be sent. */
SD_MUST_CHECK sd_status sd_record_scrub(sd_record_scrubber *scrubber, const sd_record *in, sd_buf *scratch,
                                        sd_record *out);

/* fork: the locks are taken before it, so that no other thread is inside while the process is copied, and
 * given back in the parent and in the child. */
void sd_record_scrubber_before_fork(sd_record_scrubber *scrubber);
void sd_record_scrubber_after_fork(sd_record_scrubber *scrubber);

#endif
