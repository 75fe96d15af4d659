/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * DuckDB's errors as sd_error: source SD_SOURCE_DUCKDB, source_code the duckdb_error_type, and the rule table
 * of what an error asks for. `retriable`: the same statement may succeed later. `fatal`: the DuckDB instance
 * must be opened anew first (then it is retriable too).
 */
#ifndef SD_DUCK_DUCK_ERROR_H
#define SD_DUCK_DUCK_ERROR_H

#include "base/scrub.h"
#include "duck/duck_api.h"

#include <streamduck/error.h>

/* Fills *error (may be NULL) from DuckDB's type and text and returns its code. The text loses what DuckDB
 * quotes of the data (`Input: "…"`, `Could not convert string '…'`, `Duplicate key "…"`), the statement
 * behind it (`LINE 1: …`), and secrets (scrubber may be NULL); advice is added where we know the cause. */
sd_status sd_duck_error_set(sd_error *error, duckdb_error_type type, const char *text,
                            const sd_scrubber *scrubber);

/* The row is at fault: constraint, conversion, out of range, invalid input. */
bool sd_duck_error_is_data(const sd_error *error);
/* Somebody else changed the same thing: roll back, read again, try again. */
bool sd_duck_error_is_conflict(const sd_error *error);
/* DuckDB is short of memory (not we): try with fewer rows. */
bool sd_duck_error_is_memory(const sd_error *error);

/* Takes quoted data and the statement out of a message, in place. */
void sd_duck_scrub_data(char *message);

/* What to do about a text that DuckDB or MotherDuck is known to give, or NULL. *ret_code, when it becomes
 * something other than SD_OK, overrides the rule by type; *ret_retriable then says whether waiting helps. */
const char *sd_duck_advice(const char *text, sd_status *ret_code, bool *ret_retriable);

#endif
