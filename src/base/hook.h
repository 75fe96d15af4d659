/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Test builds (-Dtest_hooks=true) share one byte with a test that kills this process: the phase that the
 * writer is in. The file that $STREAMDUCK_TEST_PHASE_FILE names (at least 1 byte) is mapped at the first use.
 * Where that file's second byte equals the phase just entered, the process raises SIGKILL against itself, so
 * that the kill falls inside the phase. Without test_hooks everything here is nothing.
 */
#ifndef SD_BASE_HOOK_H
#define SD_BASE_HOOK_H

typedef enum sd_phase {
  SD_PHASE_NONE = 0,
  SD_PHASE_RECEIVING = 1,     /* I/O thread, an event was put into a batch */
  SD_PHASE_APPENDING = 2,     /* writer, between two chunks */
  SD_PHASE_BEFORE_COMMIT = 3, /* writer, after the last statement */
  SD_PHASE_AFTER_COMMIT = 4   /* writer, COMMIT has returned */
} sd_phase;

#ifdef SD_TEST_HOOKS
void sd_phase_enter(sd_phase phase);
#else
static inline void sd_phase_enter(sd_phase phase)
{
  (void)phase;
}
#endif

#endif
