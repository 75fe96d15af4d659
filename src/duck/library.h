/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds libduckdb, loads it and fills the table of its functions. A library that was loaded stays until the
 * process ends: it holds threads and C++ state that cannot be unloaded safely.
 */
#ifndef SD_DUCK_LIBRARY_H
#define SD_DUCK_LIBRARY_H

#include "duck/duck_api.h"

#include <streamduck/error.h>

enum { SD_DUCK_PATH_MAX = 4096 /* bytes of a path, with NUL */ };

/* The functions of libduckdb. Where it looks: `path` alone when it is not NULL or "" (--libduckdb); else
 * $STREAMDUCK_LIBDUCKDB alone when set; else libduckdb.so beside the program, in ../lib and in lib of the
 * program's folder, then by the default names of the system's loader. A process has one libduckdb: once
 * loaded, a later call gives the same table, and SD_STATE when it names another file. SD_NOT_FOUND: no
 * library (the message says where it looked and what to do); SD_UNSUPPORTED: functions are missing (all are
 * named) or the version is not 1.5.x or 2.x. Any thread. */
SD_MUST_CHECK sd_status sd_duck_library_load(const char *path, const sd_duck_api **ret_api, sd_error *error);

/* MotherDuck accepts no client newer than 1.5.x: SD_UNSUPPORTED for a library of another version. */
SD_MUST_CHECK sd_status sd_duck_library_check_motherduck(const sd_duck_api *api, sd_error *error);

/* Checks a version text such as "v1.5.5". */
SD_MUST_CHECK sd_status sd_duck_version_check(const char *version, bool motherduck, sd_error *error);

#endif
