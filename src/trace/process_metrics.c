/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Processor time, memory, threads and descriptors of the running process (Linux: getrusage and /proc). */
#include "trace/metrics_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PROC_FILE_MAX = 4096, STAT_FIELD_THREADS = 20 /* proc(5), counted from 1 */ };

/* The start of a file as text. False when it cannot be read. */
static bool read_file(const char *path, char *text, size_t size)
{
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  ssize_t len = read(file, text, size - 1);
  close(file);
  if (len <= 0)
    return false;
  text[len] = '\0';
  return true;
}

static double seconds_of(struct timeval time)
{
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void observe_cpu(void *user, sd_instrument *instrument)
{
  (void)user;
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0)
    return;
  sd_attribute mode = sd_attribute_string("cpu.mode", "user");
  sd_point_set_double(sd_instrument_point(instrument, &mode, 1), seconds_of(usage.ru_utime));
  mode = sd_attribute_string("cpu.mode", "system");
  sd_point_set_double(sd_instrument_point(instrument, &mode, 1), seconds_of(usage.ru_stime));
}

/* The index-th number of /proc/self/statm, which counts pages. */
static void observe_pages(sd_instrument *instrument, unsigned index)
{
  char text[PROC_FILE_MAX];
  if (!read_file("/proc/self/statm", text, sizeof text))
    return;
  char *at = text;
  long long pages = 0;
  for (unsigned i = 0; i <= index; i++) {
    char *end;
    pages = strtoll(at, &end, 10);
    if (end == at)
      return;
    at = end;
  }
  sd_point_set(sd_instrument_point(instrument, NULL, 0), pages * sysconf(_SC_PAGESIZE));
}

static void observe_virtual(void *user, sd_instrument *instrument)
{
  (void)user;
  observe_pages(instrument, 0);
}

static void observe_resident(void *user, sd_instrument *instrument)
{
  (void)user;
  observe_pages(instrument, 1);
}

static void observe_threads(void *user, sd_instrument *instrument)
{
  (void)user;
  char text[PROC_FILE_MAX];
  if (!read_file("/proc/self/stat", text, sizeof text))
    return;
  /* The second field is the program's name in parentheses, which may hold anything. */
  const char *at = strrchr(text, ')');
  for (unsigned field = 2; at && field < STAT_FIELD_THREADS; field++)
    at = strchr(at + 1, ' ');
  if (at)
    sd_point_set(sd_instrument_point(instrument, NULL, 0), strtoll(at, NULL, 10));
}

static void observe_descriptors(void *user, sd_instrument *instrument)
{
  (void)user;
  DIR *folder = opendir("/proc/self/fd");
  if (!folder)
    return;
  int64_t count = -1; /* the folder's own */
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL)
    count += entry->d_name[0] != '.';
  closedir(folder);
  sd_point_set(sd_instrument_point(instrument, NULL, 0), count);
}

sd_status sd_process_metrics_register(sd_tracer *tracer, sd_error *error)
{
  static const struct {
    const char *name, *unit, *description;
    sd_instrument_kind kind;
    bool floating;
    sd_observe_fn *observe;
  } metrics[] = {
      {"process.cpu.time", "s", "Total CPU seconds broken down by different CPU modes", SD_COUNTER, true,
       observe_cpu},
      {"process.memory.usage", "By", "The amount of physical memory in use", SD_UP_DOWN_COUNTER, false,
       observe_resident},
      {"process.memory.virtual", "By", "The amount of committed virtual memory", SD_UP_DOWN_COUNTER, false,
       observe_virtual},
      {"process.thread.count", "{thread}", "Process threads count", SD_UP_DOWN_COUNTER, false,
       observe_threads},
      {"process.unix.file_descriptor.count", "{file_descriptor}",
       "Number of UNIX file descriptors in use by the process", SD_UP_DOWN_COUNTER, false,
       observe_descriptors},
  };
  sd_status status = SD_OK;
  for (size_t i = 0; status == SD_OK && i < sizeof metrics / sizeof metrics[0]; i++) {
    sd_instrument *instrument;
    sd_instrument_options options = {.struct_size = sizeof options,
                                     .name = metrics[i].name,
                                     .unit = metrics[i].unit,
                                     .description = metrics[i].description,
                                     .kind = metrics[i].kind,
                                     .floating = metrics[i].floating,
                                     .observe = metrics[i].observe};
    status = sd_instrument_new(tracer, &options, &instrument, error);
  }
  return status;
}
