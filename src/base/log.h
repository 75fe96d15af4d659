/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging: rooms write to an sd_log that their owner hands them, never to stderr. Every message passes the
 * scrubber. A function either logs an error or returns it, never both.
 */
#ifndef SD_BASE_LOG_H
#define SD_BASE_LOG_H

#include "base/scrub.h"

typedef enum sd_log_level {
  SD_LOG_DEBUG = 0,
  SD_LOG_INFO = 1,
  SD_LOG_WARNING = 2,
  SD_LOG_ERROR = 3
} sd_log_level;

enum { SD_LOG_MESSAGE_MAX = 4096 /* bytes of one message; the rest is cut */ };

/* Receives one scrubbed message without a newline. Any thread; calls for one log are serialised, so that it
 * must not write to that log itself. Control characters have become spaces, malformed UTF-8 '?'. */
typedef void sd_log_fn(void *user, sd_log_level level, const char *subsystem, const char *message);

typedef struct sd_log sd_log;

/* scrubber is borrowed and may be NULL. */
SD_MUST_CHECK sd_status sd_log_new(sd_log_level level, const sd_scrubber *scrubber, sd_log_fn *write,
                                   void *user, sd_log **ret_log);
void sd_log_free(sd_log *log);

bool sd_log_enabled(const sd_log *log, sd_log_level level);

/* log may be NULL: nothing happens. subsystem is the room's name, a static string. Any thread. */
void sd_log_write(sd_log *log, sd_log_level level, const char *subsystem, const char *format, ...)
    SD_PRINTF(4, 5);

#define sd_log_debug(log, ...)   sd_log_write(log, SD_LOG_DEBUG, __VA_ARGS__)
#define sd_log_info(log, ...)    sd_log_write(log, SD_LOG_INFO, __VA_ARGS__)
#define sd_log_warning(log, ...) sd_log_write(log, SD_LOG_WARNING, __VA_ARGS__)
#define sd_log_error(log, ...)   sd_log_write(log, SD_LOG_ERROR, __VA_ARGS__)

const char *sd_log_level_name(sd_log_level level);

#endif
