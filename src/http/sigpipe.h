/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Keeping SIGPIPE from the program while a library writes to sockets whose peer may be gone (OpenSSL uses
 * write). */
#ifndef SD_HTTP_SIGPIPE_H
#define SD_HTTP_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

typedef struct sd_sigpipe {
  sigset_t mask; /* of the thread before */
  bool was_pending;
} sd_sigpipe;

/* Between the two the calling thread gets no SIGPIPE; one that was raised meanwhile is forgotten. */
void sd_sigpipe_hold(sd_sigpipe *held);
void sd_sigpipe_release(const sd_sigpipe *held);

#endif
