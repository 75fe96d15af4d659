/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Which mappings write to one database. */
#include "stream/database.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { KEY_MAX = 64 * 1024 };

static char *finish(sd_buf *key)
{
  char *text = sd_buf_status(key) == SD_OK ? sd_buf_take_text(key) : NULL;
  sd_buf_release(key);
  return text;
}

/* The folder's real path and the file's name; the path itself where there is no such folder. */
static void append_future_path(sd_buf *key, const char *path)
{
  char folder[PATH_MAX];
  char real[PATH_MAX];
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  size_t len = slash ? (size_t)(slash - path) : 1;
  if (len >= sizeof folder) {
    sd_buf_append_text(key, path);
    return;
  }
  memcpy(folder, slash ? path : ".", len);
  folder[len] = '\0';
  if (realpath(len > 0 ? folder : "/", real))
    sd_buf_appendf(key, "%s/%s", real, name);
  else
    sd_buf_append_text(key, path);
}

static char *file_key(const char *path)
{
  sd_buf key;
  sd_buf_init(&key, KEY_MAX);
  struct stat info;
  /* By device and inode, so that hard links are one file too. */
  if (stat(path, &info) == 0) {
    sd_buf_appendf(&key, "inode %ju %ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
  } else {
    sd_buf_append_text(&key, "file ");
    append_future_path(&key, path);
  }
  return finish(&key);
}

char *sd_database_key(const sd_stream_mapping *mapping)
{
  if (!mapping->motherduck)
    return file_key(mapping->database);
  sd_buf key;
  sd_buf_init(&key, KEY_MAX);
  sd_buf_appendf(&key, "md %s %s", mapping->database, mapping->motherduck_token);
  return finish(&key);
}
