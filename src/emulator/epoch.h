/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Who may read a partition in a consumer group: epochs, stealing, at most five without (eventhubs.md §4.4).
 */
#ifndef SD_EMULATOR_EPOCH_H
#define SD_EMULATOR_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamduck/error.h>

enum {
  EMU_RECEIVERS_MAX = 5,      /* without epoch, per consumer group and partition */
  EMU_RECEIVER_NAME_MAX = 128 /* with NUL; a longer one is cut in messages */
};

typedef struct emu_claim {
  bool has_epoch;
  int64_t epoch;
  char name[EMU_RECEIVER_NAME_MAX]; /* "nil" when the peer gave none */
  void *owner;                      /* the receiver; NULL: a claim of the control channel */
} emu_claim;

/* The present readers of one partition in one group. */
typedef struct emu_claims {
  emu_claim at[EMU_RECEIVERS_MAX];
  unsigned count;
} emu_claims;

/* What a new receiver means to the present ones. */
typedef enum emu_verdict {
  EMU_ADMIT, /* beside the others */
  EMU_STEAL, /* all present ones go, each with emu_claims_stolen_text */
  EMU_REFUSE /* *error holds condition and text for the newcomer */
} emu_verdict;

emu_verdict emu_claims_judge(const emu_claims *claims, const emu_claim *newcomer, sd_error *error);

/* Why `present` must go. */
void emu_claims_stolen_text(const emu_claim *present, const emu_claim *newcomer, char *text, size_t size);

/* After ADMIT, or STEAL when the present ones were removed. */
void emu_claims_add(emu_claims *claims, const emu_claim *newcomer);
void emu_claims_remove(emu_claims *claims, const void *owner);

#endif
