/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Running instances, as seen in the state directory: each has a Unix socket `<pid>-<random>.sock` (mode 0600)
 * and a lock file of the same name, locked as long as the process lives. A lock that can be taken belongs to
 * a dead instance, whose two files are then removed; nothing else ever is.
 */
#ifndef SD_CLI_INSTANCE_H
#define SD_CLI_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <streamduck/error.h>

enum {
  SD_INSTANCE_NAME_MAX = 64,
  SD_INSTANCE_PATH_MAX = 108, /* of a socket, with NUL: the kernel's limit */
  SD_INSTANCES_MAX = 256
};

typedef struct sd_instance {
  int directory_fd;
  int lock_fd;
  int listen_fd; /* -1 once taken over */
  char name[SD_INSTANCE_NAME_MAX];
} sd_instance;

/* Makes the directory (mode 0700) and this process's socket, which listens. */
SD_MUST_CHECK sd_status sd_instance_register(const char *directory, sd_instance *ret_instance,
                                             sd_error *error);
/* Removes both files. */
void sd_instance_unregister(sd_instance *instance);

/* A path by which a live instance's socket can be reached; good for the call. */
typedef void sd_instance_fn(void *user, const char *socket_path);
/* Calls for each live instance and removes the files of dead ones. A missing directory has no instances. */
SD_MUST_CHECK sd_status sd_instance_each(const char *directory, sd_instance_fn *call, void *user,
                                         sd_error *error);

#endif
