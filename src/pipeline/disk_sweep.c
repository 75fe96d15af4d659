/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Files that killed processes left in a disk cache. */
#include "pipeline/disk_cache.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct sd_sweep {
  sd_disk_cache *cache;
  int64_t before_s; /* files changed later may be somebody's work */
  size_t looked_at;
  size_t removed;
} sd_sweep;

/* A file that no row names; *ret_orphan. A young one is not asked about. */
static sd_status judge(sd_sweep *sweep, int folder_fd, const char *folder, const char *name, bool *ret_orphan,
                       sd_error *error)
{
  sd_blob_row row;
  bool unfinished;
  bool has = false;
  struct stat stat;
  *ret_orphan = false;
  if (!sd_blob_parse_name(folder, name, &row, &unfinished))
    return SD_OK;
  if (fstatat(folder_fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 || stat.st_mtime >= sweep->before_s)
    return SD_OK;
  sd_status status = SD_OK;
  if (!unfinished) {
    pthread_mutex_lock(&sweep->cache->reading);
    status = sd_disk_cache_ready(sweep->cache, &sweep->cache->reader, error);
    if (status == SD_OK)
      status = sd_disk_store_has_file(&sweep->cache->reader, &row, &has, error);
    pthread_mutex_unlock(&sweep->cache->reading);
  }
  *ret_orphan = status == SD_OK && !has;
  return status;
}

static sd_status sweep_folder(sd_sweep *sweep, const char *folder, sd_error *error)
{
  int fd = openat(sweep->cache->blobs, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return SD_OK; /* not made yet */
  DIR *dir = fdopendir(fd);
  if (!dir) {
    (void)close(fd);
    return sd_error_set(error, SD_NOMEM, "no memory to read blobs/%s", folder);
  }
  sd_status status = SD_OK;
  const struct dirent *file;
  while (status == SD_OK && sweep->looked_at < SD_DISK_SWEEP_FILES_MAX && (file = readdir(dir))) {
    bool orphan = false;
    sweep->looked_at++;
    status = judge(sweep, fd, folder, file->d_name, &orphan, error);
    if (orphan && unlinkat(fd, file->d_name, 0) == 0)
      sweep->removed++;
  }
  (void)closedir(dir);
  return status;
}

sd_status sd_disk_cache_sweep(sd_disk_cache *cache, int64_t age_s, size_t *ret_removed, sd_error *error)
{
  sd_sweep sweep = {.cache = cache, .before_s = sd_clock_unix_us() / 1000000 - age_s};
  sd_status status = SD_OK;
  for (unsigned i = 0; i < 256 && status == SD_OK; i++) {
    char folder[3];
    (void)snprintf(folder, sizeof folder, "%02x", i);
    status = sweep_folder(&sweep, folder, error);
  }
  if (status == SD_OK)
    *ret_removed = sweep.removed;
  return status;
}
