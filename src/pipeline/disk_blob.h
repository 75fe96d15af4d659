/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a disk cache as bytes with a check sum: small ones in memory, for their row, large ones in files
 * blobs/ab/<rest of the signature>.<output>.<token>. A token is drawn for each file, so that a file is never
 * written twice. One thread at a time per writer.
 */
#ifndef SD_PIPELINE_DISK_BLOB_H
#define SD_PIPELINE_DISK_BLOB_H

#include "base/buf.h"

#include <streamduck/cache.h>

enum { SD_CHECK_SUM_SIZE = 16 };

/* What a row says of a value. */
typedef struct sd_blob_row {
  uint8_t signature[SD_SIGNATURE_SIZE];
  uint32_t output;
  uint64_t size;                  /* serialized */
  uint64_t token;                 /* of the file; 0: the bytes stand in the row */
  uint8_t sum[SD_CHECK_SUM_SIZE]; /* over signature, output and bytes */
} sd_blob_row;

/* The name below the folder "blobs" of the file of a row. */
enum { SD_BLOB_NAME_SIZE = 112 };
char *sd_blob_name(const sd_blob_row *row, char *dst);
/* The reverse; false: not a blob's name. folder is the first two digits. */
bool sd_blob_parse_name(const char *folder, const char *name, sd_blob_row *ret_row, bool *ret_unfinished);

/* Serializes a value: what is larger than SD_CACHE_INLINE_MAX goes to a file, which is complete, synced and
 * under its final name when this returns. *inlined (initialised by the caller, at least SD_CACHE_INLINE_MAX)
 * has the bytes otherwise. */
SD_MUST_CHECK sd_status sd_blob_write(int blobs, const uint8_t signature[SD_SIGNATURE_SIZE], uint32_t output,
                                      sd_value value, sd_blob_row *ret_row, sd_buf *inlined, sd_error *error);

/* The value of a row whose bytes are at hand. SD_CORRUPT: not what was written. */
SD_MUST_CHECK sd_status sd_blob_read(const sd_blob_row *row, sd_bytes bytes, sd_value *ret_value,
                                     sd_error *error);

/* The value of a row with a file. SD_NOT_FOUND: there is no such file. SD_CORRUPT as above. */
SD_MUST_CHECK sd_status sd_blob_read_file(int blobs, const sd_blob_row *row, sd_value *ret_value,
                                          sd_error *error);

/* A file that is gone already is fine. */
void sd_blob_remove(int blobs, const sd_blob_row *row);

#endif
