/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Where a receiver begins: the selector filter of its attach (eventhubs.md §4.1). */
#ifndef SD_EMULATOR_SELECTOR_H
#define SD_EMULATOR_SELECTOR_H

#include "base/bytes.h"

#include <streamduck/error.h>

typedef enum emu_start {
  EMU_START_EARLIEST,
  EMU_START_LATEST,
  EMU_START_OFFSET,
  EMU_START_SEQUENCE,
  EMU_START_TIME
} emu_start;

typedef struct emu_selector {
  emu_start start;
  bool inclusive;  /* '>=' instead of '>' */
  sd_bytes offset; /* EMU_START_OFFSET: text of the expression */
  int64_t number;  /* a sequence number, or milliseconds since 1970 */
} emu_selector;

/* filter_raw: the encoded filter map of a source; empty or without a selector means from the start.
 * SD_INVALID with a message for the peer when it is not understood. Views point into filter_raw. */
SD_MUST_CHECK sd_status emu_selector_from_filter(sd_bytes filter_raw, emu_selector *ret_selector,
                                                 sd_error *error);

/* The expression itself: amqp.annotation.x-opt-<offset|sequence-number|enqueued-time> <op> '<value>'. */
SD_MUST_CHECK sd_status emu_selector_parse(sd_bytes text, emu_selector *ret_selector, sd_error *error);

#endif
