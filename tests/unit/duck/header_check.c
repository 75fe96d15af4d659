/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled against a real duckdb.h (meson option duckdb_header): fails to compile where a prototype, a number
 * or a layout in duck/duck_api.h differs from it. There is nothing to run.
 */
#define SD_DUCK_REAL_HEADER
#include "duck/duck_api.h"

#define SD_CHECK_NUMBER(name, number) _Static_assert((int)(name) == (number), #name " differs");
SD_DUCK_TYPE_MAP(SD_CHECK_NUMBER)
SD_DUCK_ERROR_MAP(SD_CHECK_NUMBER)
SD_CHECK_NUMBER(DuckDBSuccess, 0)
SD_CHECK_NUMBER(DuckDBError, 1)

/* Our own declarations have these layouts; test_library.c checks the same numbers on them. */
_Static_assert(sizeof(idx_t) == 8, "idx_t differs");
_Static_assert(sizeof(duckdb_result) == 48, "duckdb_result differs");
_Static_assert(offsetof(duckdb_result, internal_data) == 40, "duckdb_result differs");
_Static_assert(sizeof(duckdb_string_t) == 16, "duckdb_string_t differs");
_Static_assert(offsetof(duckdb_string_t, value.pointer.ptr) == 8, "duckdb_string_t differs");
_Static_assert(offsetof(duckdb_string_t, value.inlined.inlined) == 4, "duckdb_string_t differs");

/* An incompatible pointer is an error here: the target is built with -Werror=incompatible-pointer-types. */
const sd_duck_api sd_duck_header_check;
#define SD_CHECK_PROTOTYPE(type, name, parameters) .name = duckdb_##name,
const sd_duck_api sd_duck_header_check = {SD_DUCK_API_MAP(SD_CHECK_PROTOTYPE)};
