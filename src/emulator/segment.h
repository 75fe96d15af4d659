/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to the log: records as bytes, and one segment with its sparse index. */
#ifndef SD_EMULATOR_SEGMENT_H
#define SD_EMULATOR_SEGMENT_H

#include "emulator/log.h"

enum { EMU_PATH_MAX = 4096 };

/* As stored. The payload follows, padded with zeros to a multiple of 8. */
typedef struct emu_record_header {
  uint64_t checksum; /* of the rest of the header and the payload, without padding */
  int64_t sequence;
  int64_t enqueued_ms;
  uint32_t size; /* of the payload */
  uint32_t head_size;
} emu_record_header;

static inline uint64_t emu_record_stored_size(uint32_t payload_size)
{
  return sizeof(emu_record_header) + (((uint64_t)payload_size + 7) & ~(uint64_t)7);
}

uint64_t emu_checksum(const void *data, size_t len, uint64_t seed);
uint64_t emu_record_checksum(const emu_record_header *header, const uint8_t *payload);

typedef struct emu_index_entry {
  uint64_t position;
  int64_t sequence;
  int64_t enqueued_ms;
} emu_index_entry;

typedef struct emu_segment {
  uint64_t base; /* position of its first byte */
  uint64_t size;
  int fd; /* -1: closed; memory's stays open */
  emu_index_entry *index;
  size_t index_count;
  size_t index_cap;
  /* Of the last record; sequence -1 when there is none. */
  int64_t last_sequence;
  int64_t last_enqueued_ms;
  uint64_t last_position;
} emu_segment;

void emu_segment_release(emu_segment *segment);
SD_MUST_CHECK sd_status emu_segment_create(const char *dir, uint64_t base, emu_segment *ret_segment,
                                           sd_error *error);
/* Opens an existing file; `newest` says that its tail may be torn (it is cut). A segment that is not the
 * newest takes its index from the file beside it, or reads everything and writes that file. */
SD_MUST_CHECK sd_status emu_segment_open(const char *dir, uint64_t base, bool newest,
                                         emu_segment *ret_segment, sd_error *error);
/* Notes a record that stands at `position`. */
SD_MUST_CHECK sd_status emu_segment_note(emu_segment *segment, uint64_t position, int64_t sequence,
                                         int64_t enqueued_ms);
/* Room for that many more notes, so that they cannot fail. */
SD_MUST_CHECK sd_status emu_segment_reserve(emu_segment *segment, size_t entries);
SD_MUST_CHECK sd_status emu_segment_append(emu_segment *segment, sd_bytes bytes, sd_error *error);
/* Reads up to len bytes at `position`; less only at the segment's end. */
SD_MUST_CHECK sd_status emu_segment_read(const char *dir, emu_segment *segment, uint64_t position,
                                         uint8_t *to, size_t len, size_t *ret_len, sd_error *error);
/* Writes the index beside the segment; failing is no loss, the next start makes it again. */
void emu_segment_save_index(const char *dir, const emu_segment *segment);

#endif
