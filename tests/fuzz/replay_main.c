/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of a folder, so that each compiler replays what was found once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name, uint8_t *bytes)
{
  char path[4096];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path)
    return -1;
  FILE *file = fopen(path, "rb");
  if (!file)
    return -1;
  size_t n = fread(bytes, 1, FILE_MAX, file);
  int failed = ferror(file) || !feof(file);
  fclose(file);
  if (failed) {
    fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path, FILE_MAX);
    return -1;
  }
  LLVMFuzzerTestOneInput(bytes, n);
  return 0;
}

int main(int argc, char **argv)
{
  static uint8_t bytes[FILE_MAX];
  size_t count = 0;
  if (argc != 2) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  DIR *folder = opendir(argv[1]);
  if (!folder) {
    perror(argv[1]);
    return 1;
  }
  int status = 0;
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] == '.')
      continue;
    if (replay(argv[1], entry->d_name, bytes) != 0)
      status = 1;
    count++;
  }
  closedir(folder);
  printf("%zu files\n", count);
  /* An empty corpus means a wrong folder, not a success. */
  return count > 0 ? status : 1;
}
