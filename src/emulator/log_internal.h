/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the files of a partition's log share. */
#ifndef SD_EMULATOR_LOG_INTERNAL_H
#define SD_EMULATOR_LOG_INTERNAL_H

#include "emulator/log.h"
#include "emulator/segment.h"

struct emu_log {
  char *dir; /* NULL: in memory */
  uint64_t segment_bytes;
  emu_segment *segments; /* at least one; the last is written to */
  size_t segment_count;
  size_t segment_cap;
  size_t open_index; /* the older segment whose file is open, or SIZE_MAX */
  int64_t next_sequence;
  int64_t last_enqueued_ms;
  uint64_t last_position;
  sd_buf staged;
  size_t staged_begin; /* of the event that is being built */
  int64_t staged_events;
};

#endif
