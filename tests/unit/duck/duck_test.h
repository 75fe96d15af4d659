/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* For tests that need libduckdb: finding it (else the test is skipped), a scratch folder, short statements.
 */
#ifndef SD_TESTS_DUCK_TEST_H
#define SD_TESTS_DUCK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "duck/appender.h"
#include "duck/duck_error.h"
#include "duck/library.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[256];
/* The table that instances of a test use; a file must not be opened through two. NULL: the library's. */
static const sd_duck_api *test_api;

/* True when the test shall be skipped; the reason is printed as TAP. */
static inline bool skip_without_library(void)
{
  const sd_duck_api *api;
  sd_error error;
  if (sd_duck_library_load(NULL, &api, &error) == SD_OK)
    return false;
  printf("1..0 # SKIP %s\n", error.message);
  return true;
}

static inline const sd_duck_api *real_api(void)
{
  const sd_duck_api *api = NULL;
  sd_error error;
  if (sd_duck_library_load(NULL, &api, &error) != SD_OK)
    fail_msg("%s", error.message);
  return api;
}

static inline int make_scratch(void **state)
{
  (void)state;
  /* In memory where there is such a folder: the tests commit thousands of times. */
  const char *folder = getenv("TMPDIR");
  if (!folder || !*folder)
    folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(scratch, sizeof scratch, "%s/streamduck-test-XXXXXX", folder);
  return mkdtemp(scratch) ? 0 : -1;
}

static inline int remove_scratch(void **state)
{
  (void)state;
  DIR *dir = opendir(scratch);
  if (!dir)
    return -1;
  char path[1024];
  for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
    if (entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", scratch, entry->d_name);
    unlink(path);
  }
  closedir(dir);
  return rmdir(scratch);
}

/* The path of a file in the scratch folder. */
static inline const char *scratch_path(const char *name)
{
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", scratch, name);
  return path;
}

static inline void check_ok(sd_status status, const sd_error *error, const char *what)
{
  if (status != SD_OK)
    fail_msg("%s: %s: %s", what, sd_status_name(status), error->message);
}

static inline sd_duck_instance *acquire_local(void)
{
  sd_duck_instance_options options = {.api = test_api};
  sd_duck_instance *instance = NULL;
  sd_error error;
  check_ok(sd_duck_instance_acquire(&options, &instance, &error), &error, "instance");
  return instance;
}

static inline sd_duck_connection *connect_to(sd_duck_instance *instance)
{
  sd_duck_connection_options options = {0};
  sd_duck_connection *connection = NULL;
  sd_error error;
  check_ok(sd_duck_connection_new(instance, &options, &connection, &error), &error, "connection");
  return connection;
}

static inline void run(sd_duck_connection *connection, const char *sql)
{
  sd_error error;
  check_ok(sd_duck_execute(connection, sql, NULL, &error), &error, sql);
}

static inline int64_t number(sd_duck_connection *connection, const char *sql)
{
  int64_t value = INT64_MIN;
  sd_error error;
  check_ok(sd_duck_query_int64(connection, sql, &value, &error), &error, sql);
  return value;
}

#endif
