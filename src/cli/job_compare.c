/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Mappings that get into each other's way, and files that are not as a job needs them. */
#include "cli/job_mapping.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of a path into dst, "." when it names none; returns the name in it. */
static const char *split_path(const char *path, char *folder, size_t size)
{
  const char *slash = strrchr(path, '/');
  if (!slash) {
    snprintf(folder, size, ".");
    return path;
  }
  size_t len = slash == path ? 1 : (size_t)(slash - path);
  sd_bytes_to_text(sd_bytes_make(path, len), folder, size);
  return slash + 1;
}

static bool same_file(const char *a, const char *b)
{
  char folder_a[PATH_MAX], folder_b[PATH_MAX];
  const char *name_a = split_path(a, folder_a, sizeof folder_a);
  const char *name_b = split_path(b, folder_b, sizeof folder_b);
  struct stat stat_a, stat_b;
  if (strcmp(a, b) == 0)
    return true;
  if (stat(a, &stat_a) == 0 && stat(b, &stat_b) == 0)
    return stat_a.st_dev == stat_b.st_dev && stat_a.st_ino == stat_b.st_ino;
  return strcmp(name_a, name_b) == 0 && stat(folder_a, &stat_a) == 0 && stat(folder_b, &stat_b) == 0 &&
         stat_a.st_dev == stat_b.st_dev && stat_a.st_ino == stat_b.st_ino;
}

static bool same_source(const sd_stream_mapping *a, const sd_stream_mapping *b)
{
  return strcasecmp(a->host, b->host) == 0 && strcasecmp(a->hub, b->hub) == 0 &&
         strcasecmp(a->consumer_group, b->consumer_group) == 0;
}

/* DuckDB compares names without case. */
static bool same_target(const sd_stream_mapping *a, const sd_stream_mapping *b)
{
  if (a->motherduck != b->motherduck || strcasecmp(a->schema, b->schema) != 0 ||
      strcasecmp(a->table, b->table) != 0)
    return false;
  return a->motherduck ? strcasecmp(a->database, b->database) == 0 : same_file(a->database, b->database);
}

static void compare(sd_job *job, sd_job_mapping *a, sd_job_mapping *b)
{
  const sd_stream_mapping *x = &a->stream, *y = &b->stream;
  char variable[SD_OPTION_NAME_MAX];
  if (!same_source(x, y))
    return;
  if (same_target(x, y)) {
    snprintf(variable, sizeof variable, "EVENTHUBNAME_%d", b->number);
    sd_problems_add(
        &job->problems, SD_PROBLEM_ERROR, variable,
        "mappings %d and %d are the same: both read %.100s on %.100s with consumer group %.100s into "
        "%.200s %.100s.%.100s; remove one or change its hub, group or table",
        a->number, b->number, x->hub, x->host, x->consumer_group, x->database, x->schema, x->table);
    b->complete = false;
    return;
  }
  if (x->port != y->port)
    return;
  snprintf(variable, sizeof variable, "EVENTHUBNAME_%d_CONSUMER_GROUP", b->number);
  sd_problems_add(
      &job->problems, SD_PROBLEM_WARNING, variable,
      "mappings %d and %d read %.200s with the same consumer group %.200s and will take its partitions "
      "from each other: give one of them a consumer group of its own",
      a->number, b->number, x->hub, x->consumer_group);
}

void sd_job_mapping_compare(sd_job *job)
{
  for (size_t i = 0; i < job->mapping_count; i++) {
    for (size_t j = i + 1; j < job->mapping_count; j++) {
      if (job->mappings[i].complete && job->mappings[j].complete)
        compare(job, &job->mappings[i], &job->mappings[j]);
    }
  }
}

static void check_database_file(sd_job *job, int number, const char *path)
{
  char variable[SD_OPTION_NAME_MAX], folder[PATH_MAX];
  struct stat info;
  snprintf(variable, sizeof variable, "MOTHERDUCK_%d_DATABASE", number);
  split_path(path, folder, sizeof folder);
  if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) {
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, variable,
                    "%s: there is no folder %.300s; make it: mkdir -p '%.300s'", variable, folder, folder);
    return;
  }
  /* DuckDB makes its log beside the file, so the folder counts even when the file is there. */
  if (access(folder, W_OK | X_OK) != 0)
    sd_problems_add(
        &job->problems, SD_PROBLEM_ERROR, variable,
        "%s: the folder %.300s is not writable by this user; change its permissions or choose another",
        variable, folder);
  if (stat(path, &info) != 0)
    return;
  if (!S_ISREG(info.st_mode))
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, variable,
                    "%s: %.300s is not a file; choose another name", variable, path);
  else if (access(path, R_OK | W_OK) != 0)
    sd_problems_add(&job->problems, SD_PROBLEM_ERROR, variable,
                    "%s: %.300s is not readable and writable by this user; change its permissions", variable,
                    path);
}

static void check_readable(sd_job *job, const char *variable, const char *path, const char *what)
{
  sd_error error;
  if (access(path, R_OK) == 0)
    return;
  sd_error_set_errno(&error, SD_CONFIG, errno, "%s: %s %.200s cannot be read", variable, what, path);
  sd_problems_add(&job->problems, SD_PROBLEM_ERROR, variable, "%s; correct the path", error.message);
}

/* Opening a DuckDB file otherwise than through DuckDB is harmless only before this process has it open;
 * access and stat do not open it. */
void sd_job_check_files(sd_job *job)
{
  for (size_t i = 0; i < job->mapping_count; i++) {
    const sd_stream_mapping *stream = &job->mappings[i].stream;
    if (stream->database && !stream->motherduck)
      check_database_file(job, job->mappings[i].number, stream->database);
    if (stream->ca_file)
      check_readable(job, "EVENTHUB_CA_FILE", stream->ca_file, "the certificates' file");
  }
  const char *library = sd_settings_text(job->settings, "STREAMDUCK_LIBDUCKDB", 0);
  if (library)
    check_readable(job, "STREAMDUCK_LIBDUCKDB", library, "the library");
  const char *extension = sd_settings_text(job->settings, "STREAMDUCK_MOTHERDUCK_EXTENSION", 0);
  if (extension)
    check_readable(job, "STREAMDUCK_MOTHERDUCK_EXTENSION", extension, "the extension");
}
