/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The memo of signatures, as signers use it (pipeline/signature.h says what it is). */
#ifndef SD_PIPELINE_SIGNATURE_MEMO_H
#define SD_PIPELINE_SIGNATURE_MEMO_H

#include "pipeline/signature.h"

typedef struct sd_memo_key {
  uint64_t high;
  uint64_t low;
} sd_memo_key;

/* Writes *ret_signature where the text is known; always *ret_key, for sd_memo_add. */
bool sd_memo_find(sd_signature_memo *memo, sd_bytes text, sd_memo_key *ret_key, uint8_t *ret_signature);

/* May forget another text, or do nothing. */
void sd_memo_add(sd_signature_memo *memo, sd_bytes text, const sd_memo_key *key,
                 const uint8_t signature[SD_SIGNATURE_SIZE]);

#endif
