/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's folder and its lock. */
#include "cli/demo_folder.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_US = 50 * 1000 };

static sd_status make_folder(const char *folder, sd_error *error)
{
  char path[SD_DEMO_FOLDER_MAX];
  int len = snprintf(path, sizeof path, "%s", folder);
  if (len <= 0 || len >= (int)sizeof path)
    return sd_error_set(error, SD_INVALID, "the folder's path is empty or too long");
  for (int i = 1; i <= len; i++) {
    if (path[i] != '/' && path[i] != '\0')
      continue;
    char end = path[i];
    path[i] = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
      return sd_error_set_errno(error, SD_IO, errno, "cannot make the folder %s", path);
    path[i] = end;
  }
  return SD_OK;
}

sd_status sd_demo_folder_lock(const char *folder, const volatile sig_atomic_t *interrupts, int *ret_lock,
                              sd_error *error)
{
  sd_status status = make_folder(folder, error);
  if (status != SD_OK)
    return status;
  char path[SD_DEMO_FOLDER_MAX + 16];
  snprintf(path, sizeof path, "%s/.lock", folder);
  int lock = open(path, O_RDWR | O_CREAT, 0666); /* without O_CLOEXEC: meant to be inherited */
  if (lock < 0)
    return sd_error_set_errno(error, SD_IO, errno, "cannot open %s", path);
  uint64_t until = sd_clock_monotonic_ms() + SD_DEMO_FOLDER_LOCK_MS;
  while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (*interrupts)
      status = sd_error_set(error, SD_CANCELLED, "interrupted");
    else if (sd_clock_monotonic_ms() > until)
      status = sd_error_set(error, SD_CONFLICT, "another demo is working in %s", folder);
    if (status != SD_OK) {
      close(lock);
      return status;
    }
    usleep(STEP_US);
  }
  *ret_lock = lock;
  return SD_OK;
}
