/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk cache's rows in SQLite: one connection with its prepared statements. The only file that knows SQLite
 * is disk_store.c. One thread at a time. Opened by the first use, and again after sd_disk_store_close.
 */
#ifndef SD_PIPELINE_DISK_STORE_H
#define SD_PIPELINE_DISK_STORE_H

#include "base/buf.h"
#include "pipeline/disk_blob.h"
#include "pipeline/disk_touch.h"

enum {
  SD_STORE_STATEMENTS = 24,
  SD_STORE_BUSY_MS = 10000,    /* how long another process's transaction is waited for */
  SD_STORE_EVICT_ENTRIES = 256 /* entries that one transaction removes */
};

typedef struct sd_disk_store {
  void *db; /* sqlite3; NULL: not open */
  void *statements[SD_STORE_STATEMENTS];
  const char *path; /* of the database; borrowed */
} sd_disk_store;

/* Opens the database; makes or checks its tables. SD_UNSUPPORTED: another version's. */
SD_MUST_CHECK sd_status sd_disk_store_open(sd_disk_store *store, sd_error *error);
/* Leaves the log for the next one that opens it: quick, also in front of a fork. */
void sd_disk_store_close(sd_disk_store *store);

/* A value's row; the bytes too where they stand in it. */
typedef struct sd_found_value {
  sd_blob_row row;
  uint8_t bytes[SD_CACHE_INLINE_MAX]; /* row.size of them where row.token is 0 */
} sd_found_value;

/* The entry, and by the same look the row of its first output (of signature 0 when there is none). */
SD_MUST_CHECK sd_status sd_disk_store_find(sd_disk_store *store, const uint8_t signature[SD_SIGNATURE_SIZE],
                                           sd_cache_entry *ret_entry, sd_found_value *ret_first,
                                           sd_error *error);

SD_MUST_CHECK sd_status sd_disk_store_value(sd_disk_store *store, const uint8_t signature[SD_SIGNATURE_SIZE],
                                            uint32_t output, sd_found_value *ret_value, sd_error *error);

typedef struct sd_store_value {
  sd_blob_row row;
  sd_bytes inlined; /* where row.token is 0 */
} sd_store_value;

/* One transaction: the entry replaces an older one. Rows whose files nobody needs any more are appended to
 * *gone (sd_blob_row after sd_blob_row); remove the files after success only. */
SD_MUST_CHECK sd_status sd_disk_store_put(sd_disk_store *store, const uint8_t signature[SD_SIGNATURE_SIZE],
                                          const sd_cache_entry *entry, const sd_store_value *values,
                                          int64_t now_us, sd_buf *gone, sd_error *error);

/* One transaction: least recently used entries go until at most max_bytes are left, or
 * SD_STORE_EVICT_ENTRIES are gone. *ret_evicted: how many; fewer than the maximum: done. */
SD_MUST_CHECK sd_status sd_disk_store_evict(sd_disk_store *store, uint64_t max_bytes, sd_buf *gone,
                                            uint32_t *ret_evicted, sd_error *error);

/* Removes the entry of a value that turned out to be damaged, if it is still the same. */
SD_MUST_CHECK sd_status sd_disk_store_drop(sd_disk_store *store, const sd_blob_row *row, sd_buf *gone,
                                           sd_error *error);

/* Writes the times of use that wait and empties *touches. */
sd_status sd_disk_store_touch(sd_disk_store *store, sd_touches *touches, sd_error *error);

SD_MUST_CHECK sd_status sd_disk_store_total(sd_disk_store *store, uint64_t *ret_entries, uint64_t *ret_bytes,
                                            sd_error *error);

/* Is there a row for this file? */
SD_MUST_CHECK sd_status sd_disk_store_has_file(sd_disk_store *store, const sd_blob_row *row, bool *ret_has,
                                               sd_error *error);

/* True for one caller per interval, among all processes: the time of sweeping orphans has come. */
SD_MUST_CHECK sd_status sd_disk_store_claim_sweep(sd_disk_store *store, int64_t now_us, int64_t interval_us,
                                                  bool *ret_claimed, sd_error *error);

#endif
