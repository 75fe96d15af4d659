/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Logging: format, scrub, cut, and hand over under one lock. */
#include "base/log.h"

#include "base/alloc.h"

#include <pthread.h>

/* A message is formatted whole and cut only when it is scrubbed, because a secret that is cut in two is not
 * recognised. A longer one than this is not shown at all. */
enum { FORMAT_MAX = 256 * 1024 };

struct sd_log {
  pthread_mutex_t writing;
  sd_log_level level;
  const sd_scrubber *scrubber;
  sd_log_fn *write;
  void *user;
};

sd_status sd_log_new(sd_log_level level, const sd_scrubber *scrubber, sd_log_fn *write, void *user,
                     sd_log **ret_log)
{
  if (!write)
    return SD_INVALID;
  sd_log *log = sd_calloc(1, sizeof *log);
  if (!log)
    return SD_NOMEM;
  if (pthread_mutex_init(&log->writing, NULL) != 0) {
    sd_free(log);
    return SD_NOMEM;
  }
  log->level = level;
  log->scrubber = scrubber;
  log->write = write;
  log->user = user;
  *ret_log = log;
  return SD_OK;
}

void sd_log_free(sd_log *log)
{
  if (!log)
    return;
  pthread_mutex_destroy(&log->writing);
  sd_free(log);
}

bool sd_log_enabled(const sd_log *log, sd_log_level level)
{
  return log && level >= log->level;
}

/* One line, printable on a terminal. */
static void make_line(sd_buf *message)
{
  sd_buf_truncate(message, sd_utf8_cut(message->data, message->len, SD_LOG_MESSAGE_MAX));
  for (size_t i = 0; i < message->len; i++) {
    if (message->data[i] < 0x20 || message->data[i] == 0x7F)
      message->data[i] = ' ';
  }
  sd_utf8_repair((char *)message->data, message->len);
}

static sd_status SD_PRINTF(3, 0)
    format_clean(const sd_scrubber *scrubber, sd_buf *clean, const char *format, va_list args)
{
  sd_buf raw;
  sd_buf_init(&raw, FORMAT_MAX);
  sd_status status = sd_buf_vappendf(&raw, format, args);
  if (status == SD_OK)
    status = sd_scrub(scrubber, sd_buf_bytes(&raw), clean);
  if (status == SD_OK)
    make_line(clean);
  sd_buf_release(&raw);
  return status;
}

void sd_log_write(sd_log *log, sd_log_level level, const char *subsystem, const char *format, ...)
{
  if (!sd_log_enabled(log, level))
    return;
  sd_buf clean;
  sd_buf_init(&clean, (size_t)FORMAT_MAX * 3);
  va_list args;
  va_start(args, format);
  sd_status status = format_clean(log->scrubber, &clean, format, args);
  va_end(args);
  const char *message = sd_buf_text(&clean);
  if (status == SD_NOMEM)
    message = "(message withheld: out of memory)";
  else if (status != SD_OK)
    message = "(message withheld: it is too long)";

  pthread_mutex_lock(&log->writing);
  log->write(log->user, level, subsystem, message);
  pthread_mutex_unlock(&log->writing);
  sd_buf_release(&clean);
}

const char *sd_log_level_name(sd_log_level level)
{
  switch (level) {
  case SD_LOG_DEBUG:
    return "debug";
  case SD_LOG_INFO:
    return "info";
  case SD_LOG_WARNING:
    return "warning";
  case SD_LOG_ERROR:
    return "error";
  }
  return "?";
}
