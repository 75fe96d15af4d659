/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values of a disk cache as bytes with a check sum, in memory or in files. */
#include "pipeline/disk_blob.h"

#include "base/alloc.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FILE_BUFFER = 64 * 1024, READ_PIECE_MAX = 1 << 30 };
#define UNFINISHED ".tmp"

/* A state of xxHash wants an address divisible by 64, which gcc's ASan does not give to variables of a
 * function. */
enum { SUM_ALIGNMENT = 64 };
typedef struct check_sum {
  uint8_t space[sizeof(XXH3_state_t) + SUM_ALIGNMENT];
} check_sum;

static XXH3_state_t *state_of(check_sum *sum)
{
  uintptr_t at = (uintptr_t)sum->space;
  return (XXH3_state_t *)(void *)(sum->space + (SUM_ALIGNMENT - at % SUM_ALIGNMENT) % SUM_ALIGNMENT);
}

typedef struct sd_blob_writer {
  int blobs;
  int fd; /* -1: everything fits into memory so far */
  sd_blob_row row;
  sd_buf *inlined;
  uint8_t *buffer; /* FILE_BUFFER, with fd */
  size_t buffered;
  char name[SD_BLOB_NAME_SIZE + sizeof UNFINISHED]; /* of the unfinished file */
  check_sum sum;                                    /* stays where it is */
  sd_error error;                                   /* of the file; code SD_OK: none */
} sd_blob_writer;

char *sd_blob_name(const sd_blob_row *row, char *dst)
{
  char hex[2 * SD_SIGNATURE_SIZE + 1];
  for (size_t i = 0; i < SD_SIGNATURE_SIZE; i++)
    (void)snprintf(hex + 2 * i, 3, "%02x", row->signature[i]);
  (void)snprintf(dst, SD_BLOB_NAME_SIZE, "%.2s/%s.%" PRIu32 ".%016" PRIx64, hex, hex + 2, row->output,
                 row->token);
  return dst;
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sd_blob_parse_name(const char *folder, const char *name, sd_blob_row *ret_row, bool *ret_unfinished)
{
  sd_blob_row row = {.size = 0};
  if (strlen(folder) != 2 || strlen(name) < 2 * (SD_SIGNATURE_SIZE - 1))
    return false;
  for (size_t i = 0; i < SD_SIGNATURE_SIZE; i++) {
    const char *digits = i == 0 ? folder : name + 2 * (i - 1);
    int high = hex_digit(digits[0]);
    int low = hex_digit(digits[1]);
    if (high < 0 || low < 0)
      return false;
    row.signature[i] = (uint8_t)(high * 16 + low);
  }
  int end = 0;
  const char *rest = name + 2 * (SD_SIGNATURE_SIZE - 1);
  if (sscanf(rest, ".%9" SCNu32 ".%16" SCNx64 "%n", &row.output, &row.token, &end) != 2 || end == 0)
    return false;
  *ret_unfinished = strcmp(rest + end, UNFINISHED) == 0;
  if (!*ret_unfinished && rest[end])
    return false;
  *ret_row = row;
  return true;
}

static void begin_sum(check_sum *sum, const sd_blob_row *row)
{
  uint8_t output[4] = {(uint8_t)row->output, (uint8_t)(row->output >> 8), (uint8_t)(row->output >> 16),
                       (uint8_t)(row->output >> 24)};
  XXH3_128bits_reset(state_of(sum));
  XXH3_128bits_update(state_of(sum), row->signature, sizeof row->signature);
  XXH3_128bits_update(state_of(sum), output, sizeof output);
}

static void end_sum(check_sum *sum, uint8_t dst[SD_CHECK_SUM_SIZE])
{
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_of(sum)));
  memcpy(dst, canonical.digest, SD_CHECK_SUM_SIZE);
}

static sd_status file_failed(sd_blob_writer *writer, const char *what)
{
  return sd_error_set_errno(&writer->error, SD_IO, errno, "%s blobs/%s", what, writer->name);
}

static sd_status write_fully(sd_blob_writer *writer, const uint8_t *data, size_t len)
{
  while (len > 0) {
    ssize_t n = write(writer->fd, data, len < READ_PIECE_MAX ? len : READ_PIECE_MAX);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return file_failed(writer, "writing");
    data += n;
    len -= (size_t)n;
  }
  return SD_OK;
}

/* What was kept in memory so far becomes the beginning of a file. */
static sd_status spill(sd_blob_writer *writer)
{
  while (writer->row.token == 0)
    writer->row.token = sd_random_u64();
  writer->buffer = sd_alloc(FILE_BUFFER);
  if (!writer->buffer)
    return SD_NOMEM;
  size_t len = strlen(sd_blob_name(&writer->row, writer->name));
  (void)snprintf(writer->name + len, sizeof writer->name - len, "%s", UNFINISHED);
  writer->fd = openat(writer->blobs, writer->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (writer->fd < 0 && errno == ENOENT) {
    char folder[3] = {writer->name[0], writer->name[1], '\0'};
    (void)mkdirat(writer->blobs, folder, 0700);
    writer->fd = openat(writer->blobs, writer->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  }
  if (writer->fd < 0)
    return file_failed(writer, "creating");
  memcpy(writer->buffer, writer->inlined->data, writer->inlined->len);
  writer->buffered = writer->inlined->len;
  sd_buf_clear(writer->inlined);
  return SD_OK;
}

static sd_status write_value(void *user, const void *data, size_t len)
{
  sd_blob_writer *writer = user;
  XXH3_128bits_update(state_of(&writer->sum), data, len);
  writer->row.size += len;
  if (writer->fd < 0) {
    if (len <= SD_CACHE_INLINE_MAX - writer->inlined->len)
      return sd_buf_append(writer->inlined, data, len);
    sd_status status = spill(writer);
    if (status != SD_OK)
      return status;
  }
  if (len > FILE_BUFFER - writer->buffered) {
    sd_status status = write_fully(writer, writer->buffer, writer->buffered);
    writer->buffered = 0;
    if (status != SD_OK || len > FILE_BUFFER)
      return status == SD_OK ? write_fully(writer, data, len) : status;
  }
  memcpy(writer->buffer + writer->buffered, data, len);
  writer->buffered += len;
  return SD_OK;
}

/* Synced before it gets its name: a file under its final name is whole, whenever the machine stopped. */
static sd_status finish_file(sd_blob_writer *writer)
{
  char name[SD_BLOB_NAME_SIZE];
  sd_status status = write_fully(writer, writer->buffer, writer->buffered);
  if (status != SD_OK)
    return status;
  if (fsync(writer->fd) != 0)
    return file_failed(writer, "syncing");
  int closed = close(writer->fd);
  writer->fd = -1;
  if (closed != 0)
    return file_failed(writer, "closing");
  if (renameat(writer->blobs, writer->name, writer->blobs, sd_blob_name(&writer->row, name)) != 0)
    return file_failed(writer, "renaming");
  return SD_OK;
}

sd_status sd_blob_write(int blobs, const uint8_t signature[SD_SIGNATURE_SIZE], uint32_t output,
                        sd_value value, sd_blob_row *ret_row, sd_buf *inlined, sd_error *error)
{
  sd_blob_writer writer = {.blobs = blobs, .fd = -1, .inlined = inlined};
  writer.row.output = output;
  memcpy(writer.row.signature, signature, SD_SIGNATURE_SIZE);
  sd_buf_clear(inlined);
  begin_sum(&writer.sum, &writer.row);
  sd_status status = sd_value_serialize(value, write_value, &writer, error);
  if (status == SD_OK && writer.fd >= 0)
    status = finish_file(&writer);
  if (status != SD_OK && writer.error.code != SD_OK && error)
    *error = writer.error;
  if (status == SD_OK) {
    end_sum(&writer.sum, writer.row.sum);
    *ret_row = writer.row;
  } else if (writer.name[0]) {
    (void)unlinkat(blobs, writer.name, 0);
  }
  if (writer.fd >= 0)
    (void)close(writer.fd);
  sd_free(writer.buffer);
  return status;
}

sd_status sd_blob_read(const sd_blob_row *row, sd_bytes bytes, sd_value *ret_value, sd_error *error)
{
  check_sum sum;
  uint8_t digest[SD_CHECK_SUM_SIZE];
  begin_sum(&sum, row);
  XXH3_128bits_update(state_of(&sum), bytes.data, bytes.len);
  end_sum(&sum, digest);
  if (bytes.len != row->size || memcmp(digest, row->sum, sizeof digest) != 0)
    return sd_error_set(error, SD_CORRUPT, "a stored value of %zu bytes is not what was written", bytes.len);
  sd_status status = sd_value_deserialize(bytes.data, bytes.len, ret_value, error);
  if (status == SD_NOT_FOUND && error)
    error->code = SD_UNSUPPORTED;
  return status == SD_NOT_FOUND ? SD_UNSUPPORTED : status;
}

static sd_status read_fully(int fd, uint8_t *dst, size_t size, size_t *ret_len)
{
  size_t len = 0;
  while (len < size) {
    ssize_t n = read(fd, dst + len, size - len < READ_PIECE_MAX ? size - len : READ_PIECE_MAX);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return SD_IO;
    if (n == 0)
      break;
    len += (size_t)n;
  }
  *ret_len = len;
  return SD_OK;
}

sd_status sd_blob_read_file(int blobs, const sd_blob_row *row, sd_value *ret_value, sd_error *error)
{
  char name[SD_BLOB_NAME_SIZE];
  struct stat stat;
  uint8_t *data = NULL;
  size_t len = 0;
  sd_status status = SD_OK;
  int fd = openat(blobs, sd_blob_name(row, name), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return sd_error_set_errno(error, errno == ENOENT ? SD_NOT_FOUND : SD_IO, errno, "opening blobs/%s", name);
  if (fstat(fd, &stat) != 0) {
    status = sd_error_set_errno(error, SD_IO, errno, "reading blobs/%s", name);
    goto done;
  }
  if (stat.st_size < 0 || (uint64_t)stat.st_size != row->size) {
    status = sd_error_set(error, SD_CORRUPT, "blobs/%s has %lld bytes, its row says %" PRIu64, name,
                          (long long)stat.st_size, row->size);
    goto done;
  }
  data = sd_alloc(row->size);
  if (!data) {
    status =
        sd_error_set(error, SD_NOMEM, "no memory for the %" PRIu64 " bytes of blobs/%s", row->size, name);
    goto done;
  }
  status = read_fully(fd, data, row->size, &len);
  if (status != SD_OK)
    sd_error_set_errno(error, status, errno, "reading blobs/%s", name);
  else
    status = sd_blob_read(row, sd_bytes_make(data, len), ret_value, error);
done:
  sd_free(data);
  (void)close(fd);
  return status;
}

void sd_blob_remove(int blobs, const sd_blob_row *row)
{
  char name[SD_BLOB_NAME_SIZE];
  if (row->token != 0)
    (void)unlinkat(blobs, sd_blob_name(row, name), 0);
}
