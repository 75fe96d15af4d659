/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's folder: made, and held by one demo at a time. */
#ifndef SD_CLI_DEMO_FOLDER_H
#define SD_CLI_DEMO_FOLDER_H

#include <signal.h>
#include <streamduck/error.h>

enum {
  SD_DEMO_FOLDER_MAX = 4096,     /* bytes of its path, with NUL */
  SD_DEMO_FOLDER_LOCK_MS = 15000 /* for the children of a killed demo to end */
};

/* Makes the folder and all above it, and locks it. Child processes inherit the lock, so that the folder is
 * free only when the last one has ended, also when the demo itself was killed; closing *ret_lock gives it up.
 * SD_CONFLICT: another demo works there; SD_CANCELLED when *interrupts becomes other than 0. */
SD_MUST_CHECK sd_status sd_demo_folder_lock(const char *folder, const volatile sig_atomic_t *interrupts,
                                            int *ret_lock, sd_error *error);

#endif
