/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What an sd_exporter is inside; export.h documents the interface. */
#ifndef SD_TRACE_EXPORTER_H
#define SD_TRACE_EXPORTER_H

#include <streamduck/export.h>

struct sd_exporter {
  const sd_exporter_vtable *vtable;
  void *self;
  sd_exporter_traits traits;
};

#endif
