/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* SIGPIPE per thread. */
#include "http/sigpipe.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static bool is_pending(void)
{
  sigset_t pending;
  sigemptyset(&pending);
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

void sd_sigpipe_hold(sd_sigpipe *held)
{
  sigset_t sigpipe;
  held->was_pending = is_pending();
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &sigpipe, &held->mask);
}

void sd_sigpipe_release(const sd_sigpipe *held)
{
  const struct timespec at_once = {0, 0};
  sigset_t sigpipe;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  if (!held->was_pending && is_pending()) {
    while (sigtimedwait(&sigpipe, NULL, &at_once) < 0 && errno == EINTR)
      continue;
  }
  pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}
