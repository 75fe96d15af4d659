/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The file exporter: each request as one line of OTLP/JSON (OpenTelemetry's file exporter), appended with one
 * write, so that several processes may share a file and nothing waits in this one.
 */
#include "base/alloc.h"
#include "export/otlp_frame.h"
#include "export/otlp_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum { REQUEST_BYTES_MAX = 4 << 20, LINE_BYTES_MAX = 64 << 20, FILE_MODE = 0644 };

/* Used by telemetry's thread; the counters are read by others. */
typedef struct file_exporter {
  int fd;
  bool is_cut; /* the last line was not written to its end */
  sd_buf line;
  sd_otlp_metrics metrics;
  _Atomic uint64_t exported, dropped, calls, bytes;
} file_exporter;

static void add(_Atomic uint64_t *counter, uint64_t n)
{
  atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static bool write_all(int fd, const uint8_t *data, size_t len, size_t *written)
{
  for (*written = 0; *written < len;) {
    ssize_t n = write(fd, data + *written, len - *written);
    if (n > 0)
      *written += (size_t)n;
    else if (n == 0 || errno != EINTR)
      return false;
  }
  return true;
}

/* What was cut (a full disk) ends with the newline in front of the next line: readers lose that one only. */
static bool write_line(file_exporter *file)
{
  size_t written;
  if (file->is_cut && !write_all(file->fd, (const uint8_t *)"\n", 1, &written))
    return false;
  bool is_written = write_all(file->fd, file->line.data, file->line.len, &written);
  file->is_cut = !is_written && written > 0;
  return is_written;
}

static bool export_request(file_exporter *file, int signal, sd_bytes request)
{
  sd_buf_clear(&file->line);
  bool is_written = sd_otlp_to_json(signal, request, &file->line) == SD_OK &&
                    sd_buf_append_byte(&file->line, '\n') == SD_OK && write_line(file);
  add(&file->calls, 1);
  add(&file->bytes, is_written ? file->line.len : 0);
  return is_written;
}

static void write_records(void *self, int signal, sd_bytes request, size_t records)
{
  file_exporter *file = self;
  add(export_request(file, signal, request) ? &file->exported : &file->dropped, records);
}

static void export_records(void *self, const sd_record *records, size_t n)
{
  file_exporter *file = self;
  add(&file->dropped, sd_otlp_frame_all(records, n, REQUEST_BYTES_MAX, write_records, file));
  sd_buf_release(&file->line);
}

static void write_metrics(void *self, sd_bytes request, size_t points)
{
  (void)points; /* statistics count spans and logs */
  (void)export_request(self, SD_SIGNAL_METRICS, request);
}

static void export_metric(void *self, const sd_metric *metric)
{
  file_exporter *file = self;
  if (metric) {
    sd_otlp_metrics_add(&file->metrics, metric);
    return;
  }
  sd_otlp_metrics_end(&file->metrics);
  sd_buf_release(&file->line);
}

/* What the parent's thread held at that moment, a line or a request half made, is left alone. */
static void after_fork(void *self)
{
  file_exporter *file = self;
  sd_buf_init(&file->line, LINE_BYTES_MAX);
  sd_otlp_metrics_init(&file->metrics, REQUEST_BYTES_MAX, write_metrics, file);
  file->is_cut = false;
  file->exported = file->dropped = file->calls = file->bytes = 0;
}

static void add_stats(void *self, sd_telemetry_stats *stats)
{
  const file_exporter *file = self;
  stats->records_exported += get(&file->exported);
  stats->dropped_export += get(&file->dropped);
  stats->export_calls += get(&file->calls);
  stats->bytes_sent += get(&file->bytes);
}

static void free_file(void *self)
{
  file_exporter *file = self;
  close(file->fd);
  sd_buf_release(&file->line);
  sd_otlp_metrics_release(&file->metrics);
  sd_free(file);
}

static const sd_exporter_vtable file_vtable = {
    .struct_size = sizeof file_vtable,
    .export_records = export_records,
    .export_metric = export_metric,
    .after_fork = after_fork,
    .add_stats = add_stats,
    .free = free_file,
};

sd_status sd_file_exporter_new(const char *path, sd_exporter **ret_exporter, sd_error *error)
{
  if (!path || !path[0])
    return sd_error_set(error, SD_INVALID, "the file exporter needs a path");
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
  if (fd < 0)
    return sd_error_set_errno(error, SD_IO, errno, "%s cannot be opened for telemetry", path);
  file_exporter *file = sd_calloc(1, sizeof *file);
  if (!file) {
    close(fd);
    return sd_error_set(error, SD_NOMEM, "no memory for a file exporter");
  }
  file->fd = fd;
  sd_buf_init(&file->line, LINE_BYTES_MAX);
  sd_otlp_metrics_init(&file->metrics, REQUEST_BYTES_MAX, write_metrics, file);
  sd_status status = sd_exporter_new(&file_vtable, file, NULL, ret_exporter, error);
  if (status != SD_OK)
    free_file(file);
  return status;
}
