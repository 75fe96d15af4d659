/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of computations: pure functions from code, version, environment and inputs to 32 bytes.
 *
 * An sd_signer is one hashing context, used for one signature after the other. A signature is begun, fed in
 * the node's order of inputs, and ended; what failed on the way fails the end. One thread at a time per
 * signer. Everything enters with its type and length, so that no two computations look alike.
 *
 * - A function's code enters by sd_signer_code, once per node, not per run.
 * - An input is a value (given from outside, bound, a default, or the output of a node that is never cached),
 *   or an upstream node's signature and the index of its output; then the value is neither read nor hashed.
 * - An item of a map is signed as if it were run alone: by its content, whatever map and mode it stands in.
 * - A mapped node is signed by its items' signatures in their order (SD_SIGN_ITEMS).
 * - A pipeline as a node has for its code everything that it consists of (SD_SIGN_STRUCTURE).
 */
#ifndef SD_PIPELINE_SIGNATURE_H
#define SD_PIPELINE_SIGNATURE_H

#include "base/bytes.h"

#include <streamduck/pipeline.h>

/* Remembers signatures by the whole text that would be hashed, found through XXH3-128, compared byte by byte.
 * Any thread; never waits (a thread that finds its part in use computes the signature). Holds no values. */
typedef struct sd_signature_memo sd_signature_memo;

enum {
  SD_SIGNATURE_MEMO_ENTRIES = 4096, /* newer ones replace older ones */
  SD_SIGNATURE_MEMO_TEXT_MAX = 448  /* bytes; what is longer is always hashed */
};

SD_MUST_CHECK sd_status sd_signature_memo_new(sd_signature_memo **ret_memo);
void sd_signature_memo_free(sd_signature_memo *memo);

typedef struct sd_signer sd_signer;

/* memo is borrowed; NULL: none. */
SD_MUST_CHECK sd_status sd_signer_new(sd_signature_memo *memo, sd_signer **ret_signer);
void sd_signer_free(sd_signer *signer);

/* What is signed. Different kinds never give the same signature. */
typedef enum sd_sign_kind {
  SD_SIGN_CODE = 1,     /* private: sd_signer_code */
  SD_SIGN_NODE = 2,     /* one execution of a node or of a pipeline as a node */
  SD_SIGN_ITEMS = 3,    /* a mapped node: its items, in order */
  SD_SIGN_STRUCTURE = 4 /* a pipeline: nodes, wiring, bound values */
} sd_sign_kind;

/* The code of one function node: name, code (may be empty), version (may be empty), names of its inputs and
 * outputs in order. */
SD_MUST_CHECK sd_status sd_signer_code(sd_signer *signer, const sd_node_options *options,
                                       uint8_t ret_code[SD_SIGNATURE_SIZE]);

void sd_signer_begin(sd_signer *signer, sd_sign_kind kind);

/* SD_SIGN_NODE: first the code's digest (or the pipeline's structure) and the environment salt. */
void sd_signer_computation(sd_signer *signer, const uint8_t code[SD_SIGNATURE_SIZE], sd_bytes environment);

/* An input by its value. digest: sd_value_hash of it where you have it already (a constant of many items);
 * NULL: computed here. Small values enter as they are, so the digest of those is not even looked at. */
void sd_signer_value(sd_signer *signer, const char *input, sd_value value, const uint8_t *digest);

/* True when sd_signer_value makes use of a digest, so that keeping one pays. */
bool sd_signer_wants_digest(sd_value value);

/* An input by the computation that it comes from. */
void sd_signer_upstream(sd_signer *signer, const char *input, const uint8_t signature[SD_SIGNATURE_SIZE],
                        uint32_t output);

/* SD_SIGN_ITEMS: the next item's signature. SD_SIGN_STRUCTURE: a node's code digest. */
void sd_signer_part(sd_signer *signer, const uint8_t signature[SD_SIGNATURE_SIZE]);

/* Any text or number that matters: a mapping's names, a mode, an index. */
void sd_signer_text(sd_signer *signer, sd_bytes text);
void sd_signer_number(sd_signer *signer, uint64_t number);

/* SD_UNSUPPORTED: an input cannot be hashed; the message names it and where. SD_NOMEM. What was begun is
 * forgotten in any case. */
SD_MUST_CHECK sd_status sd_signer_end(sd_signer *signer, uint8_t ret_signature[SD_SIGNATURE_SIZE],
                                      sd_error *error);

#endif
