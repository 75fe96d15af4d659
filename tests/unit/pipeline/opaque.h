/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Opaque values for tests: a counted text, in types that can do everything or nothing. */
#ifndef TEST_PIPELINE_OPAQUE_H
#define TEST_PIPELINE_OPAQUE_H

#include <streamduck/pipeline.h>

extern const sd_value_type box_type;    /* "test/box": everything; writes in pieces of 7 bytes */
extern const sd_value_type other_type;  /* "test/other": as box, with another name */
extern const sd_value_type closed_type; /* "test/closed": cannot be hashed, serialized or printed */

/* Objects that are alive. */
extern int box_count;

sd_value box_new(const sd_value_type *type, const char *text);
const char *box_text(sd_value value, const sd_value_type *type);

/* A random value of at most `depth` lists and maps inside each other; opaque ones are boxes. */
sd_value random_value(uint64_t *random, int depth);
uint64_t random_next(uint64_t *random);

/* From STREAMDUCK_TEST_SEED, else drawn; printed. */
uint64_t random_seed(void);

#endif
