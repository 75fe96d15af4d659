/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Exporters as objects. */
#include "trace/exporter.h"

#include "base/alloc.h"

sd_status sd_exporter_new(const sd_exporter_vtable *vtable, void *self, const sd_exporter_traits *traits,
                          sd_exporter **ret_exporter, sd_error *error)
{
  if (!vtable || vtable->struct_size < sizeof *vtable || !vtable->free)
    return sd_error_set(error, SD_INVALID, "an exporter needs a vtable of this version with `free`");
  if (traits && traits->struct_size < sizeof *traits)
    return sd_error_set(error, SD_INVALID, "sd_exporter_traits: struct_size is not set");
  sd_exporter *exporter = sd_calloc(1, sizeof *exporter);
  if (!exporter)
    return sd_error_set(error, SD_NOMEM, "no memory for an exporter");
  exporter->vtable = vtable;
  exporter->self = self;
  if (traits)
    exporter->traits = *traits;
  if (!exporter->traits.temporality)
    exporter->traits.temporality = SD_CUMULATIVE;
  *ret_exporter = exporter;
  return SD_OK;
}

void sd_exporter_free(sd_exporter *exporter)
{
  if (!exporter)
    return;
  exporter->vtable->free(exporter->self);
  sd_free(exporter);
}

void *sd_exporter_self(const sd_exporter *exporter)
{
  return exporter->self;
}
