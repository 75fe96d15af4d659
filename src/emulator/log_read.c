/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Reading a partition's log: records from a position on, and the position of a sequence number or time. */
#include "emulator/log_internal.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024 /* of one read while no record is larger */ };

void emu_log_space_release(emu_log_space *space)
{
  sd_free(space->data);
  space->data = NULL;
  space->size = 0;
}

/* ---- reading ---- */

/* The segment that holds the position, which lies between begin and end. */
static emu_segment *segment_at(emu_log *log, uint64_t position, size_t *ret_index)
{
  size_t low = 0;
  size_t high = log->segment_count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (log->segments[middle].base <= position)
      low = middle;
    else
      high = middle;
  }
  *ret_index = low;
  return &log->segments[low];
}

static sd_status space_reserve(emu_log_space *space, size_t size)
{
  if (space->size >= size)
    return SD_OK;
  uint8_t *grown = sd_realloc(space->data, size);
  if (!grown)
    return SD_NOMEM;
  space->data = grown;
  space->size = size;
  return SD_OK;
}

/* One older segment's file is open at a time. */
static void keep_one_open(emu_log *log, size_t index)
{
  if (!log->dir || index == log->segment_count - 1 || log->open_index == index)
    return;
  if (log->open_index < log->segment_count - 1 && log->segments[log->open_index].fd >= 0) {
    (void)close(log->segments[log->open_index].fd);
    log->segments[log->open_index].fd = -1;
  }
  log->open_index = index;
}

sd_status emu_log_read(emu_log *log, uint64_t position, emu_log_space *space, uint64_t *ret_position,
                       sd_bytes *ret_records, sd_error *error)
{
  if (position < emu_log_begin_position(log))
    position = emu_log_begin_position(log);
  if (position >= emu_log_end_position(log)) {
    *ret_position = emu_log_end_position(log);
    *ret_records = sd_bytes_make(NULL, 0);
    return SD_OK;
  }
  size_t index = 0;
  emu_segment *segment = segment_at(log, position, &index);
  keep_one_open(log, index);
  if (space_reserve(space, READ_SIZE) != SD_OK)
    return sd_error_set(error, SD_NOMEM, "cannot read the log");
  size_t len = 0;
  sd_status status = emu_segment_read(log->dir, segment, position, space->data, READ_SIZE, &len, error);
  emu_record_header header;
  if (status == SD_OK && len >= sizeof header) {
    memcpy(&header, space->data, sizeof header);
    uint64_t size = emu_record_stored_size(header.size);
    if (size > len && size <= EMU_LOG_RECORD_MAX) { /* a large record alone */
      if (space_reserve(space, (size_t)size) != SD_OK)
        return sd_error_set(error, SD_NOMEM, "cannot read the log");
      status = emu_segment_read(log->dir, segment, position, space->data, (size_t)size, &len, error);
    }
  }
  if (status != SD_OK)
    return status;
  *ret_position = position;
  *ret_records = sd_bytes_make(space->data, len);
  return SD_OK;
}

bool emu_log_next(sd_bytes *records, uint64_t *position, emu_record *ret_record)
{
  emu_record_header header;
  if (records->len < sizeof header)
    return false;
  memcpy(&header, records->data, sizeof header);
  uint64_t size = emu_record_stored_size(header.size);
  if (size > records->len)
    return false;
  ret_record->sequence = header.sequence;
  ret_record->enqueued_ms = header.enqueued_ms;
  ret_record->position = *position;
  ret_record->payload = sd_bytes_make(records->data + sizeof header, header.size);
  ret_record->head_size = header.head_size;
  records->data += size;
  records->len -= (size_t)size;
  *position += size;
  return true;
}

/* ---- look-up ---- */

typedef enum sought { BY_SEQUENCE, BY_POSITION, BY_TIME } sought;

static bool is_before(sought by, uint64_t position, int64_t sequence, int64_t enqueued_ms, int64_t value)
{
  switch (by) {
  case BY_SEQUENCE:
    return sequence < value;
  case BY_POSITION:
    return position < (uint64_t)value;
  case BY_TIME:
    break;
  }
  return enqueued_ms < value;
}

static bool entry_is_before(sought by, const emu_index_entry *entry, int64_t value)
{
  return is_before(by, entry->position, entry->sequence, entry->enqueued_ms, value);
}

/* The last entry of the index that stands before the value, over all segments; NULL: none. */
static const emu_index_entry *entry_before(const emu_log *log, sought by, int64_t value)
{
  const emu_segment *in = NULL;
  size_t low = 0;
  size_t high = log->segment_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const emu_segment *segment = &log->segments[middle];
    if (segment->index_count > 0 && entry_is_before(by, &segment->index[0], value)) {
      in = segment;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (!in)
    return NULL;
  low = 0;
  high = in->index_count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (entry_is_before(by, &in->index[middle], value))
      low = middle;
    else
      high = middle;
  }
  return &in->index[low];
}

static sd_status find(emu_log *log, sought by, int64_t value, emu_log_space *space, uint64_t *ret_position,
                      sd_error *error)
{
  const emu_index_entry *entry = entry_before(log, by, value);
  uint64_t at = entry ? entry->position : emu_log_begin_position(log);
  while (at < emu_log_end_position(log)) {
    sd_bytes records;
    sd_status status = emu_log_read(log, at, space, &at, &records, error);
    if (status != SD_OK)
      return status;
    emu_record record;
    uint64_t next = at;
    while (emu_log_next(&records, &next, &record)) {
      if (!is_before(by, record.position, record.sequence, record.enqueued_ms, value)) {
        *ret_position = record.position;
        return SD_OK;
      }
    }
    if (next == at)
      return sd_error_set(error, SD_CORRUPT, "the log is damaged at %" PRIu64, at);
    at = next;
  }
  *ret_position = emu_log_end_position(log);
  return SD_OK;
}

sd_status emu_log_find_sequence(emu_log *log, int64_t sequence, emu_log_space *space, uint64_t *ret_position,
                                sd_error *error)
{
  return find(log, BY_SEQUENCE, sequence, space, ret_position, error);
}

sd_status emu_log_find_position(emu_log *log, uint64_t at, emu_log_space *space, uint64_t *ret_position,
                                sd_error *error)
{
  return find(log, BY_POSITION, at > INT64_MAX ? INT64_MAX : (int64_t)at, space, ret_position, error);
}

sd_status emu_log_find_time(emu_log *log, int64_t enqueued_ms, emu_log_space *space, uint64_t *ret_position,
                            sd_error *error)
{
  return find(log, BY_TIME, enqueued_ms, space, ret_position, error);
}
