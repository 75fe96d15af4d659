/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fork must know of: objects with locks, and with things that must not be shared with a child. Before
 * the fork `hold` is called for each, afterwards `let_go` in parent and child, all by the thread that forks.
 */
#ifndef SD_PIPELINE_FORK_H
#define SD_PIPELINE_FORK_H

#include <streamduck/error.h>

typedef struct sd_fork_guard {
  struct sd_fork_guard *next; /* private */
  void (*hold)(struct sd_fork_guard *guard);
  void (*let_go)(struct sd_fork_guard *guard, bool in_child);
} sd_fork_guard;

/* The guard is borrowed until removed. SD_NOMEM when the handlers could not be registered. Must not be called
 * with a lock held that a guard's `hold` takes. */
SD_MUST_CHECK sd_status sd_fork_guard_add(sd_fork_guard *guard);
void sd_fork_guard_remove(sd_fork_guard *guard);

#endif
