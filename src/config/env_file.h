/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The `.env` format: NAME=VALUE lines as python-dotenv reads them, without evaluating anything.
 *
 *   # comment            export NAME=VALUE      NAME = VALUE   # a comment after a space
 *   NAME='as it is, \' and \\ excepted'         NAME="with \n \r \t \" \\ \$; may span lines"
 *
 * LF, CR LF and CR end a line; a byte order mark at the beginning is skipped. `$NAME` and `${NAME}` stay
 * text.
 */
#ifndef SD_CONFIG_ENV_FILE_H
#define SD_CONFIG_ENV_FILE_H

#include "base/buf.h"

enum {
  SD_ENV_FILE_MAX = 1024 * 1024, /* bytes of a file */
  SD_ENV_VALUE_MAX = 16 * 1024,  /* bytes of a value */
  SD_ENV_NAME_MAX = 128          /* bytes of a name with NUL */
};

typedef struct sd_env_handler {
  /* One variable; both texts are good for the call. line counts from 1. */
  void (*entry)(void *user, unsigned line, const char *name, const char *value);
  /* A line that is not understood; reading goes on behind it. The message quotes no value. */
  void (*problem)(void *user, unsigned line, const char *message);
} sd_env_handler;

/* SD_NOMEM is the only failure. */
SD_MUST_CHECK sd_status sd_env_parse(sd_bytes text, const sd_env_handler *handler, void *user);

/* Reads a whole file of at most SD_ENV_FILE_MAX bytes into out. SD_NOT_FOUND when there is none; SD_CONFIG
 * when it is too long, SD_IO otherwise; the message names the path. */
SD_MUST_CHECK sd_status sd_env_read_file(const char *path, sd_buf *out, sd_error *error);

#endif
