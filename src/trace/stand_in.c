/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Weak definitions of what metrics and scrubbing will define: no metrics, nothing scrubbed. */
#include "trace/registry.h"
#include "trace/scrub_record.h"

#define WEAK __attribute__((weak))

static char nothing;

WEAK sd_registry *sd_registry_new(sd_telemetry *telemetry)
{
  (void)telemetry;
  return (sd_registry *)(void *)&nothing;
}

WEAK void sd_registry_free(sd_registry *registry)
{
  (void)registry;
}

WEAK void sd_registry_export(sd_registry *registry, sd_exporter *exporter)
{
  (void)registry;
  (void)exporter;
}

WEAK void sd_registry_before_fork(sd_registry *registry)
{
  (void)registry;
}

WEAK void sd_registry_after_fork_parent(sd_registry *registry)
{
  (void)registry;
}

WEAK void sd_registry_after_fork(sd_registry *registry)
{
  (void)registry;
}

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
