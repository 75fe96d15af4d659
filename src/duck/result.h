/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The rows of a finished statement, all of them in memory, with typed access. One thread at a time. */
#ifndef SD_DUCK_RESULT_H
#define SD_DUCK_RESULT_H

#include "base/bytes.h"
#include "duck/duck_api.h"

#include <streamduck/error.h>

typedef struct sd_duck_result sd_duck_result;

enum { SD_DUCK_RESULT_CHUNKS_MAX = 1u << 20 /* of 2048 rows */ };

/* Takes the rows over from a successful duckdb_result and destroys it, also on failure. */
SD_MUST_CHECK sd_status sd_duck_result_take(const sd_duck_api *api, duckdb_result *raw,
                                            sd_duck_result **ret_result);
/* NULL is allowed. */
void sd_duck_result_free(sd_duck_result *result);

uint64_t sd_duck_result_rows(const sd_duck_result *result);
uint32_t sd_duck_result_columns(const sd_duck_result *result);
/* Good until free. */
const char *sd_duck_result_column_name(const sd_duck_result *result, uint32_t column);
duckdb_type sd_duck_result_column_type(const sd_duck_result *result, uint32_t column);

/* A cell outside the result, of another kind than asked for, or NULL: false (an empty view with data NULL for
 * text). Integers: BOOLEAN, the integer types up to BIGINT, and UBIGINT where it fits, TIMESTAMP and
 * TIMESTAMPTZ (microseconds). */
bool sd_duck_result_int64(const sd_duck_result *result, uint64_t row, uint32_t column, int64_t *ret_value);
/* DOUBLE, FLOAT, and integers. */
bool sd_duck_result_double(const sd_duck_result *result, uint64_t row, uint32_t column, double *ret_value);
/* VARCHAR (JSON too) and BLOB; the view is good until free and has no NUL behind it. */
sd_bytes sd_duck_result_text(const sd_duck_result *result, uint64_t row, uint32_t column);
bool sd_duck_result_is_null(const sd_duck_result *result, uint64_t row, uint32_t column);

#endif
