/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The .env parser takes any bytes. */
#include "config/env_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_entry(void *user, unsigned line, const char *name, const char *value)
{
  size_t *seen = user;
  if (line == 0 || !name[0] || strlen(name) >= SD_ENV_NAME_MAX || strlen(value) > SD_ENV_VALUE_MAX)
    __builtin_trap();
  (*seen)++;
}

static void on_problem(void *user, unsigned line, const char *message)
{
  size_t *seen = user;
  if (line == 0 || !message[0])
    __builtin_trap();
  (*seen)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const sd_env_handler handler = {on_entry, on_problem};
  size_t seen = 0;
  if (sd_env_parse(sd_bytes_make(data, size), &handler, &seen) != SD_OK || seen > size)
    __builtin_trap();
  return 0;
}
