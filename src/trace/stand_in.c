/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Weak definitions of what scrubbing will define: nothing is scrubbed. */
#include "trace/scrub_record.h"

#define WEAK __attribute__((weak))

WEAK sd_status sd_record_scrubber_new(const sd_telemetry_options *options, sd_record_scrubber **ret_scrubber,
                                      sd_error *error)
{
  (void)options;
  (void)error;
  *ret_scrubber = NULL;
  return SD_OK;
}

WEAK void sd_record_scrubber_free(sd_record_scrubber *scrubber)
{
  (void)scrubber;
}

WEAK sd_status sd_record_scrubber_add(sd_record_scrubber *scrubber, const char *secret)
{
  (void)scrubber;
  (void)secret;
  return SD_OK;
}

WEAK sd_status sd_record_scrub(sd_record_scrubber *scrubber, const sd_record *in, sd_buf *scratch,
                               sd_record *out)
{
  (void)scrubber;
  (void)scratch;
  *out = *in;
  return SD_OK;
}

WEAK void sd_record_scrubber_before_fork(sd_record_scrubber *scrubber)
{
  (void)scrubber;
}

WEAK void sd_record_scrubber_after_fork(sd_record_scrubber *scrubber)
{
  (void)scrubber;
}
