/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Backends: how nodes execute. Reference counted, compared by what they are (sd_backend_equal).
 *
 * A nested pipeline runs on its own effective backend. No thread ever waits for a nested pipeline or a map,
 * so that one worker is enough for any nesting. The threads of a backend start with the first work, are
 * shared by all runs that use it, and end with its last reference.
 */
#ifndef STREAMDUCK_BACKEND_H
#define STREAMDUCK_BACKEND_H

#include <streamduck/pipeline.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SD_BACKEND_WORKERS_MAX = 1024 };

typedef enum sd_execution {
  SD_SEQUENTIAL = 0, /* one after the other, on the caller's thread */
  SD_THREADED = 1,   /* what is ready runs on max_workers threads, of which the caller's is one; nodes that
                        complete later occupy none */
  SD_ASYNCHRONOUS =
      2 /* as sequential, but nodes that complete later overlap, at most max_workers at a time */
} sd_execution;

typedef struct sd_local_backend_options {
  size_t struct_size;
  sd_execution node_execution;
  sd_execution map_execution; /* of items */
  uint32_t max_workers;       /* 0: processors; asynchronous: 100 */
} sd_local_backend_options;

/* options may be NULL: sequential. */
SD_API SD_MUST_CHECK sd_status sd_local_backend_new(const sd_local_backend_options *options,
                                                    sd_backend **ret_backend, sd_error *error);

SD_API sd_backend *sd_backend_retain(sd_backend *backend);
SD_API void sd_backend_release(sd_backend *backend);
SD_API const char *sd_backend_describe(const sd_backend *backend);
SD_API bool sd_backend_equal(const sd_backend *a, const sd_backend *b);

#ifdef __cplusplus
}
#endif
#endif
