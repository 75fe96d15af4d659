/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A partition's log over its segments: opening, appending, retention. */
#include "emulator/log_internal.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 1024 * 1024 };

static emu_segment *newest(emu_log *log)
{
  return &log->segments[log->segment_count - 1];
}

static sd_status add_segment(emu_log *log, const emu_segment *segment)
{
  if (log->segment_count == log->segment_cap) {
    if (log->segment_cap >= SEGMENTS_MAX)
      return SD_LIMIT;
    size_t cap = log->segment_cap ? log->segment_cap * 2 : 4;
    emu_segment *grown = sd_realloc(log->segments, cap * sizeof *grown);
    if (!grown)
      return SD_NOMEM;
    log->segments = grown;
    log->segment_cap = cap;
  }
  log->segments[log->segment_count++] = *segment;
  return SD_OK;
}

static int compare_bases(const void *a, const void *b)
{
  const uint64_t *x = a;
  const uint64_t *y = b;
  return *x < *y ? -1 : *x > *y;
}

/* The positions in the names of the segment files, ascending. */
static sd_status list_bases(const char *dir, uint64_t **ret_bases, size_t *ret_count, sd_error *error)
{
  uint64_t *bases = NULL;
  size_t count = 0;
  size_t cap = 0;
  DIR *folder = opendir(dir);
  if (!folder)
    return sd_error_set_errno(error, SD_IO, errno, "cannot read the folder %s", dir);
  sd_status status = SD_OK;
  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
    int64_t base = 0;
    if (strlen(entry->d_name) != 24 || strcmp(entry->d_name + 20, ".log") != 0 ||
        !sd_bytes_to_int64(sd_bytes_make(entry->d_name, 20), &base) || base < 0)
      continue;
    if (count == cap) {
      cap = cap ? cap * 2 : 16;
      uint64_t *grown = sd_realloc(bases, cap * sizeof *grown);
      if (!grown) {
        status = sd_error_set(error, SD_NOMEM, "cannot list %s", dir);
        break;
      }
      bases = grown;
    }
    bases[count++] = (uint64_t)base;
  }
  (void)closedir(folder);
  if (status != SD_OK) {
    sd_free(bases);
    return status;
  }
  if (count > 0)
    qsort(bases, count, sizeof *bases, compare_bases);
  *ret_bases = bases;
  *ret_count = count;
  return SD_OK;
}

static sd_status open_segments(emu_log *log, sd_error *error)
{
  uint64_t *bases = NULL;
  size_t count = 0;
  sd_status status = list_bases(log->dir, &bases, &count, error);
  for (size_t i = 0; i < count && status == SD_OK; i++) {
    emu_segment segment;
    status = emu_segment_open(log->dir, bases[i], i + 1 == count, &segment, error);
    if (status != SD_OK)
      break;
    const emu_segment *before = log->segment_count ? newest(log) : NULL;
    bool fits = !before || (before->base + before->size == segment.base &&
                            (segment.index_count == 0 || segment.index[0].sequence == log->next_sequence));
    if (!fits)
      status =
          sd_error_set(error, SD_CORRUPT,
                       "%s/%020" PRIu64 ".log does not continue the segment before it; restore the missing "
                       "file, or move the data folder away to begin anew",
                       log->dir, segment.base);
    else if (add_segment(log, &segment) != SD_OK)
      status = sd_error_set(error, SD_NOMEM, "cannot open the log in %s", log->dir);
    if (status != SD_OK) {
      emu_segment_release(&segment);
      break;
    }
    if (segment.index_count > 0) {
      log->next_sequence = segment.last_sequence + 1;
      log->last_enqueued_ms = segment.last_enqueued_ms;
      log->last_position = segment.last_position;
    }
  }
  sd_free(bases);
  return status;
}

sd_status emu_log_open(const char *dir, uint64_t segment_bytes, emu_log **ret_log, sd_error *error)
{
  emu_log *log = sd_calloc(1, sizeof *log);
  if (!log)
    return sd_error_set(error, SD_NOMEM, "cannot open a partition's log");
  sd_buf_init(&log->staged, EMU_LOG_STAGED_MAX);
  log->open_index = SIZE_MAX;
  log->segment_bytes = segment_bytes ? segment_bytes
                       : dir         ? EMU_LOG_SEGMENT_BYTES
                                     : EMU_LOG_MEMORY_SEGMENT_BYTES;
  sd_status status = SD_OK;
  if (dir) {
    log->dir = sd_strdup(dir);
    if (!log->dir)
      status = sd_error_set(error, SD_NOMEM, "cannot open the log in %s", dir);
    else if (mkdir(dir, 0755) != 0 && errno != EEXIST)
      status = sd_error_set_errno(error, SD_IO, errno, "cannot make the folder %s", dir);
    else
      status = open_segments(log, error);
  }
  if (status == SD_OK && log->segment_count == 0) {
    emu_segment segment;
    status = emu_segment_create(dir, 0, &segment, error);
    if (status == SD_OK && add_segment(log, &segment) != SD_OK) {
      emu_segment_release(&segment);
      status = sd_error_set(error, SD_NOMEM, "cannot open a partition's log");
    }
  }
  if (status != SD_OK) {
    emu_log_close(log);
    return status;
  }
  *ret_log = log;
  return SD_OK;
}

void emu_log_close(emu_log *log)
{
  if (!log)
    return;
  for (size_t i = 0; i < log->segment_count; i++)
    emu_segment_release(&log->segments[i]);
  sd_free(log->segments);
  sd_free(log->dir);
  sd_buf_release(&log->staged);
  sd_free(log);
}

/* ---- appending ---- */

sd_status emu_log_begin_event(emu_log *log, int64_t *ret_sequence, uint64_t *ret_position,
                              sd_buf **ret_payload)
{
  static const emu_record_header blank = {0};
  size_t begin = log->staged.len;
  sd_status status = sd_buf_append(&log->staged, &blank, sizeof blank);
  if (status != SD_OK)
    return status;
  log->staged_begin = begin;
  *ret_sequence = log->next_sequence + log->staged_events;
  *ret_position = emu_log_end_position(log) + begin;
  *ret_payload = &log->staged;
  return SD_OK;
}

sd_status emu_log_end_event(emu_log *log, int64_t enqueued_ms, uint32_t head_size)
{
  static const uint8_t zeros[8] = {0};
  size_t size = log->staged.len - log->staged_begin - sizeof(emu_record_header);
  if (size > EMU_LOG_RECORD_MAX - sizeof(emu_record_header) - 8)
    return SD_LIMIT;
  (void)sd_buf_append(&log->staged, zeros, (8 - size % 8) % 8);
  if (sd_buf_status(&log->staged) != SD_OK)
    return sd_buf_status(&log->staged);
  emu_record_header header = {.sequence = log->next_sequence + log->staged_events,
                              .enqueued_ms = enqueued_ms,
                              .size = (uint32_t)size,
                              .head_size = head_size};
  uint8_t *at = log->staged.data + log->staged_begin;
  header.checksum = emu_record_checksum(&header, at + sizeof header);
  memcpy(at, &header, sizeof header);
  log->staged_events++;
  return SD_OK;
}

void emu_log_cancel(emu_log *log)
{
  sd_buf_clear(&log->staged);
  log->staged_events = 0;
}

/* The newest segment is full: a new one. */
static sd_status roll(emu_log *log, sd_error *error)
{
  emu_segment segment;
  sd_status status = emu_segment_create(log->dir, emu_log_end_position(log), &segment, error);
  if (status != SD_OK)
    return status;
  if (add_segment(log, &segment) != SD_OK) {
    emu_segment_release(&segment);
    return sd_error_set(error, SD_NOMEM, "cannot begin a segment of the log");
  }
  emu_segment *full = &log->segments[log->segment_count - 2];
  if (log->dir) {
    emu_segment_save_index(log->dir, full);
    (void)close(full->fd);
    full->fd = -1;
  }
  return SD_OK;
}

sd_status emu_log_commit(emu_log *log, sd_error *error)
{
  sd_status status = sd_buf_status(&log->staged);
  if (status != SD_OK)
    sd_error_set(error, status, "a publication is larger than the log takes");
  emu_segment *segment = newest(log);
  if (status == SD_OK && segment->size >= log->segment_bytes) {
    status = roll(log, error);
    segment = newest(log);
  }
  if (status == SD_OK && emu_segment_reserve(segment, log->staged.len / EMU_LOG_INDEX_STEP + 2) != SD_OK)
    status = sd_error_set(error, SD_NOMEM, "cannot keep the index of the log");
  uint64_t base = emu_log_end_position(log);
  if (status == SD_OK)
    status = emu_segment_append(segment, sd_buf_bytes(&log->staged), error);
  if (status == SD_OK) {
    for (size_t at = 0; at < log->staged.len;) {
      emu_record_header header;
      memcpy(&header, log->staged.data + at, sizeof header);
      (void)!emu_segment_note(segment, base + at, header.sequence, header.enqueued_ms); /* has room */
      at += (size_t)emu_record_stored_size(header.size);
    }
    if (log->staged_events > 0) {
      log->last_enqueued_ms = segment->last_enqueued_ms;
      log->last_position = segment->last_position;
      log->next_sequence += log->staged_events;
    }
  }
  emu_log_cancel(log);
  return status;
}

/* ---- state ---- */

uint64_t emu_log_begin_position(const emu_log *log)
{
  return log->segments[0].base;
}

uint64_t emu_log_end_position(const emu_log *log)
{
  const emu_segment *last = &log->segments[log->segment_count - 1];
  return last->base + last->size;
}

uint64_t emu_log_last_position(const emu_log *log)
{
  return log->last_position;
}

int64_t emu_log_begin_sequence(const emu_log *log)
{
  const emu_segment *first = &log->segments[0];
  return first->index_count > 0 ? first->index[0].sequence : log->next_sequence;
}

int64_t emu_log_next_sequence(const emu_log *log)
{
  return log->next_sequence;
}

int64_t emu_log_last_enqueued_ms(const emu_log *log)
{
  return log->last_enqueued_ms;
}

uint64_t emu_log_held_bytes(const emu_log *log)
{
  return emu_log_end_position(log) - emu_log_begin_position(log);
}

/* ---- retention ---- */

bool emu_log_droppable(const emu_log *log, int64_t *ret_oldest_ms)
{
  if (log->segment_count < 2 || log->segments[0].index_count == 0)
    return false;
  *ret_oldest_ms = log->segments[0].index[0].enqueued_ms;
  return true;
}

static void remove_files(const emu_log *log, uint64_t base)
{
  static const char *const suffixes[] = {".index", ".log"};
  char path[EMU_PATH_MAX];
  for (size_t i = 0; log->dir && i < 2; i++) {
    int n = snprintf(path, sizeof path, "%s/%020" PRIu64 "%s", log->dir, base, suffixes[i]);
    if (n > 0 && n < (int)sizeof path)
      (void)unlink(path);
  }
}

void emu_log_drop_oldest(emu_log *log)
{
  if (log->segment_count < 2)
    return;
  remove_files(log, log->segments[0].base);
  emu_segment_release(&log->segments[0]);
  memmove(log->segments, log->segments + 1, --log->segment_count * sizeof *log->segments);
  if (log->open_index != SIZE_MAX)
    log->open_index = log->open_index > 0 ? log->open_index - 1 : SIZE_MAX;
}

void emu_log_destroy(emu_log *log)
{
  if (!log)
    return;
  for (size_t i = 0; i < log->segment_count; i++)
    remove_files(log, log->segments[i].base);
  if (log->dir)
    (void)rmdir(log->dir);
  emu_log_close(log);
}
