/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Which mappings write to one database: local files by their real path, MotherDuck by token and name. */
#ifndef SD_STREAM_DATABASE_H
#define SD_STREAM_DATABASE_H

#include <streamduck/stream.h>

/* A text that is equal for two mappings exactly when they write to one database; sd_free. NULL when memory is
 * short. The file need not exist, and is not opened: closing a database file would drop DuckDB's lock. */
char *sd_database_key(const sd_stream_mapping *mapping);

#endif
