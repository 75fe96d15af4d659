/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One segment of a partition's log. */
#include "emulator/segment.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCAN_SIZE = 1024 * 1024 + EMU_LOG_RECORD_MAX, INDEX_ENTRIES_MAX = 1024 * 1024 };

static const uint64_t index_magic = 0x3178646e69647473u; /* "stdindx1" */

typedef struct index_head {
  uint64_t magic;
  uint64_t checksum; /* of what follows it and all entries */
  uint64_t size;
  uint64_t count;
  int64_t last_sequence;
  int64_t last_enqueued_ms;
  uint64_t last_position;
} index_head;

uint64_t emu_checksum(const void *data, size_t len, uint64_t seed)
{
  const uint8_t *at = data;
  uint64_t h = seed ^ (0x9e3779b97f4a7c15u * (uint64_t)len);
  uint64_t word = 0;
  for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
    memcpy(&word, at, sizeof word);
    h = (h ^ word) * 0x9fb21c651e98df25u;
    h ^= h >> 32;
  }
  if (len > 0) {
    word = 0;
    memcpy(&word, at, len);
    h = (h ^ word) * 0x9fb21c651e98df25u;
    h ^= h >> 32;
  }
  return h;
}

uint64_t emu_record_checksum(const emu_record_header *header, const uint8_t *payload)
{
  const uint8_t *rest = (const uint8_t *)header + sizeof header->checksum;
  uint64_t h = emu_checksum(rest, sizeof *header - sizeof header->checksum, 0x5d);
  return emu_checksum(payload, header->size, h);
}

static bool path_of(const char *dir, uint64_t base, const char *suffix, char *path)
{
  int n = snprintf(path, EMU_PATH_MAX, "%s/%020" PRIu64 "%s", dir, base, suffix);
  return n > 0 && n < EMU_PATH_MAX;
}

void emu_segment_release(emu_segment *segment)
{
  if (segment->fd >= 0)
    (void)close(segment->fd);
  sd_free(segment->index);
  memset(segment, 0, sizeof *segment);
  segment->fd = -1;
}

static void segment_clear(emu_segment *segment, uint64_t base)
{
  memset(segment, 0, sizeof *segment);
  segment->base = base;
  segment->fd = -1;
  segment->last_sequence = -1;
}

sd_status emu_segment_create(const char *dir, uint64_t base, emu_segment *ret_segment, sd_error *error)
{
  emu_segment segment;
  segment_clear(&segment, base);
  if (!dir) {
    segment.fd = memfd_create("streamduck-emulator", MFD_CLOEXEC);
    if (segment.fd < 0)
      return sd_error_set_errno(error, SD_IO, errno, "cannot take memory for a partition's log");
  } else {
    char path[EMU_PATH_MAX];
    if (!path_of(dir, base, ".log", path))
      return sd_error_set(error, SD_LIMIT, "the data folder's path %.200s… is too long", dir);
    segment.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (segment.fd < 0)
      return sd_error_set_errno(error, SD_IO, errno, "cannot create %s", path);
  }
  *ret_segment = segment;
  return SD_OK;
}

sd_status emu_segment_reserve(emu_segment *segment, size_t entries)
{
  if (segment->index_cap - segment->index_count >= entries)
    return SD_OK;
  size_t cap = segment->index_cap + (segment->index_cap > entries ? segment->index_cap : entries) + 16;
  emu_index_entry *grown = sd_realloc(segment->index, cap * sizeof *grown);
  if (!grown)
    return SD_NOMEM;
  segment->index = grown;
  segment->index_cap = cap;
  return SD_OK;
}

sd_status emu_segment_note(emu_segment *segment, uint64_t position, int64_t sequence, int64_t enqueued_ms)
{
  if (segment->index_count == 0 ||
      position - segment->index[segment->index_count - 1].position >= EMU_LOG_INDEX_STEP) {
    if (emu_segment_reserve(segment, 1) != SD_OK)
      return SD_NOMEM;
    segment->index[segment->index_count++] = (emu_index_entry){position, sequence, enqueued_ms};
  }
  segment->last_sequence = sequence;
  segment->last_enqueued_ms = enqueued_ms;
  segment->last_position = position;
  return SD_OK;
}

sd_status emu_segment_append(emu_segment *segment, sd_bytes bytes, sd_error *error)
{
  size_t done = 0;
  while (done < bytes.len) {
    ssize_t n = pwrite(segment->fd, bytes.data + done, bytes.len - done, (off_t)(segment->size + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      int code = n < 0 ? errno : ENOSPC;
      /* Half a publication is none. If even this fails, its checksums, or its sequence numbers, give it away.
       */
      (void)!ftruncate(segment->fd, (off_t)segment->size);
      return sd_error_set_errno(error, SD_IO, code, "cannot write %zu bytes to the log", bytes.len);
    }
    done += (size_t)n;
  }
  segment->size += bytes.len;
  return SD_OK;
}

static sd_status ensure_open(const char *dir, emu_segment *segment, sd_error *error)
{
  if (segment->fd >= 0)
    return SD_OK;
  char path[EMU_PATH_MAX];
  if (!path_of(dir, segment->base, ".log", path))
    return sd_error_set(error, SD_LIMIT, "the data folder's path is too long");
  segment->fd = open(path, O_RDWR | O_CLOEXEC);
  if (segment->fd < 0)
    return sd_error_set_errno(error, SD_IO, errno, "cannot open %s", path);
  return SD_OK;
}

sd_status emu_segment_read(const char *dir, emu_segment *segment, uint64_t position, uint8_t *to, size_t len,
                           size_t *ret_len, sd_error *error)
{
  sd_status status = ensure_open(dir, segment, error);
  if (status != SD_OK)
    return status;
  uint64_t left = segment->base + segment->size - position;
  if (len > left)
    len = (size_t)left;
  size_t done = 0;
  while (done < len) {
    ssize_t n = pread(segment->fd, to + done, len - done, (off_t)(position - segment->base + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return sd_error_set_errno(error, SD_IO, n < 0 ? errno : EIO, "cannot read the log at %" PRIu64,
                                position);
    done += (size_t)n;
  }
  *ret_len = len;
  return SD_OK;
}

/* Walks all records and notes them; *ret_size is where the good ones end. */
static sd_status scan(const char *dir, emu_segment *segment, uint64_t *ret_size, sd_error *error)
{
  uint8_t *space = sd_alloc(SCAN_SIZE);
  if (!space)
    return sd_error_set(error, SD_NOMEM, "cannot check the log");
  sd_status status = SD_OK;
  uint64_t at = 0;
  bool good = true;
  while (good && at < segment->size && status == SD_OK) {
    size_t len = 0;
    status = emu_segment_read(dir, segment, segment->base + at, space, SCAN_SIZE, &len, error);
    size_t used = 0;
    while (status == SD_OK && len - used >= sizeof(emu_record_header)) {
      emu_record_header header;
      memcpy(&header, space + used, sizeof header);
      uint64_t size = emu_record_stored_size(header.size);
      if (size > EMU_LOG_RECORD_MAX || header.head_size > header.size ||
          (segment->last_sequence >= 0 && header.sequence != segment->last_sequence + 1)) {
        good = false;
        break;
      }
      if (size > len - used)
        break;
      if (emu_record_checksum(&header, space + used + sizeof header) != header.checksum) {
        good = false;
        break;
      }
      status = emu_segment_note(segment, segment->base + at + used, header.sequence, header.enqueued_ms);
      used += (size_t)size;
    }
    if (used == 0)
      good = false; /* a torn record at the end */
    at += used;
  }
  sd_free(space);
  if (status == SD_NOMEM)
    sd_error_set(error, SD_NOMEM, "cannot keep the index of the log");
  if (status == SD_OK)
    *ret_size = at;
  return status;
}

static bool load_index(const char *dir, emu_segment *segment)
{
  char path[EMU_PATH_MAX];
  if (!path_of(dir, segment->base, ".index", path))
    return false;
  FILE *file = fopen(path, "re");
  if (!file)
    return false;
  index_head head;
  emu_index_entry *entries = NULL;
  bool good = fread(&head, sizeof head, 1, file) == 1 && head.magic == index_magic &&
              head.size == segment->size && head.count > 0 && head.count <= INDEX_ENTRIES_MAX;
  if (good) {
    entries = sd_calloc((size_t)head.count, sizeof *entries);
    good = entries && fread(entries, sizeof *entries, (size_t)head.count, file) == head.count;
  }
  (void)fclose(file);
  if (good) {
    uint64_t sum = emu_checksum(&head.size, sizeof head - offsetof(index_head, size), 0x1d);
    sum = emu_checksum(entries, (size_t)head.count * sizeof *entries, sum);
    good = sum == head.checksum && entries[0].position == segment->base;
  }
  if (!good) {
    sd_free(entries);
    return false;
  }
  segment->index = entries;
  segment->index_count = segment->index_cap = (size_t)head.count;
  segment->last_sequence = head.last_sequence;
  segment->last_enqueued_ms = head.last_enqueued_ms;
  segment->last_position = head.last_position;
  return true;
}

void emu_segment_save_index(const char *dir, const emu_segment *segment)
{
  char path[EMU_PATH_MAX];
  if (!dir || !path_of(dir, segment->base, ".index", path))
    return;
  index_head head = {.magic = index_magic,
                     .size = segment->size,
                     .count = segment->index_count,
                     .last_sequence = segment->last_sequence,
                     .last_enqueued_ms = segment->last_enqueued_ms,
                     .last_position = segment->last_position};
  head.checksum = emu_checksum(&head.size, sizeof head - offsetof(index_head, size), 0x1d);
  head.checksum = emu_checksum(segment->index, segment->index_count * sizeof *segment->index, head.checksum);
  FILE *file = fopen(path, "we");
  if (!file)
    return;
  (void)fwrite(&head, sizeof head, 1, file);
  (void)fwrite(segment->index, sizeof *segment->index, segment->index_count, file);
  (void)fclose(file);
}

sd_status emu_segment_open(const char *dir, uint64_t base, bool newest, emu_segment *ret_segment,
                           sd_error *error)
{
  emu_segment segment;
  struct stat info;
  uint64_t good = 0;
  segment_clear(&segment, base);
  sd_status status = ensure_open(dir, &segment, error);
  if (status != SD_OK)
    return status;
  if (fstat(segment.fd, &info) != 0) {
    status = sd_error_set_errno(error, SD_IO, errno, "cannot look at %s/%020" PRIu64 ".log", dir, base);
    goto out;
  }
  segment.size = (uint64_t)info.st_size;
  if (!newest && load_index(dir, &segment))
    goto out;
  status = scan(dir, &segment, &good, error);
  if (status != SD_OK)
    goto out;
  if (good < segment.size && !newest) {
    status = sd_error_set(error, SD_CORRUPT,
                          "%s/%020" PRIu64 ".log is damaged at byte %" PRIu64
                          "; restore it, or move the data folder away to begin anew",
                          dir, base, good);
    goto out;
  }
  if (good < segment.size && ftruncate(segment.fd, (off_t)good) != 0) {
    status = sd_error_set_errno(error, SD_IO, errno, "cannot cut the torn end of %s/%020" PRIu64 ".log", dir,
                                base);
    goto out;
  }
  segment.size = good;
  if (!newest)
    emu_segment_save_index(dir, &segment);
out:
  if (status != SD_OK) {
    emu_segment_release(&segment);
    return status;
  }
  if (!newest) { /* opened again when it is read */
    (void)close(segment.fd);
    segment.fd = -1;
  }
  *ret_segment = segment;
  return SD_OK;
}
