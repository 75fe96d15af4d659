/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Whether recording at a level is worth any preparation. */
#include "trace/telemetry.h"

bool sd_tracer_enabled(const sd_tracer *tracer, int level)
{
  if (!tracer)
    return false;
  const sd_telemetry *telemetry = tracer->telemetry;
  return atomic_load_explicit(&telemetry->is_recording, memory_order_relaxed) &&
         (level == SD_LEVEL_NONE || level >= telemetry->min_level);
}
