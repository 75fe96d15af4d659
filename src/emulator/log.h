/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of one partition: records appended to segments, read by position.
 *
 * A record is a header and a payload: one message as it is sent to receivers. A position counts bytes from
 * the log's begin over all segments. Segments are files `<20 digits of the position>.log`, or, without a
 * folder, memory that the kernel holds (memfd). A committed record survives the end of the process in any
 * way; a torn tail is cut when the log is opened (each record carries its length and checksum). Nothing is
 * synced to the disk, so a power failure may lose the newest records.
 *
 * For look-ups by sequence number and time every EMU_LOG_INDEX_STEP bytes have an entry in memory; a full
 * segment's entries are kept beside it (`.index`), so that opening reads only the newest segment.
 * Numbers are stored in the machine's byte order. One thread.
 */
#ifndef SD_EMULATOR_LOG_H
#define SD_EMULATOR_LOG_H

#include "base/buf.h"

enum {
  EMU_LOG_SEGMENT_BYTES = 64 * 1024 * 1024,       /* a segment ends at the first commit above this */
  EMU_LOG_MEMORY_SEGMENT_BYTES = 4 * 1024 * 1024, /* the same without a folder: what is dropped at once */
  EMU_LOG_INDEX_STEP = 64 * 1024,
  EMU_LOG_RECORD_MAX = 4 * 1024 * 1024, /* a record with its header */
  EMU_LOG_STAGED_MAX = 64 * 1024 * 1024 /* records of one publication */
};

typedef struct emu_log emu_log;

typedef struct emu_record {
  int64_t sequence;
  int64_t enqueued_ms;
  uint64_t position;
  sd_bytes payload;
  uint32_t head_size; /* bytes of the payload's header section: delivery annotations go behind it */
} emu_record;

/* Memory for reading, shared by all logs of a thread. */
typedef struct emu_log_space {
  uint8_t *data;
  size_t size;
} emu_log_space;
void emu_log_space_release(emu_log_space *space);

/* dir NULL: in memory. The folder is made when it is missing. SD_CORRUPT names the file. segment_bytes 0: the
 * default. */
SD_MUST_CHECK sd_status emu_log_open(const char *dir, uint64_t segment_bytes, emu_log **ret_log,
                                     sd_error *error);
void emu_log_close(emu_log *log);
/* Closes it and removes its files. */
void emu_log_destroy(emu_log *log);

/* Appending: begin_event, fill the buffer behind its present end, end_event, …, then commit or cancel all. */
SD_MUST_CHECK sd_status emu_log_begin_event(emu_log *log, int64_t *ret_sequence, uint64_t *ret_position,
                                            sd_buf **ret_payload);
/* head_size as in emu_record. SD_LIMIT or SD_NOMEM when it did not fit. */
SD_MUST_CHECK sd_status emu_log_end_event(emu_log *log, int64_t enqueued_ms, uint32_t head_size);
SD_MUST_CHECK sd_status emu_log_commit(emu_log *log, sd_error *error);
void emu_log_cancel(emu_log *log);

/* Complete records from `position` on (a record's, or the end), as many as one read brings; empty at the end.
 * Good until the next use of the space. A position that was dropped reads from the begin. */
SD_MUST_CHECK sd_status emu_log_read(emu_log *log, uint64_t position, emu_log_space *space,
                                     uint64_t *ret_position, sd_bytes *ret_records, sd_error *error);
/* Takes the first record off; false when there is none. */
bool emu_log_next(sd_bytes *records, uint64_t *position, emu_record *ret_record);

uint64_t emu_log_begin_position(const emu_log *log);
uint64_t emu_log_end_position(const emu_log *log);
uint64_t emu_log_last_position(const emu_log *log); /* of the last record; meaningless when there was none */
int64_t emu_log_begin_sequence(const emu_log *log);
int64_t emu_log_next_sequence(const emu_log *log);
int64_t emu_log_last_enqueued_ms(const emu_log *log); /* 0 when nothing was ever written */
uint64_t emu_log_held_bytes(const emu_log *log);

/* Position of the first record with sequence >= `sequence`, position >= `at`, time >= `enqueued_ms`; the end
 * when there is none. */
SD_MUST_CHECK sd_status emu_log_find_sequence(emu_log *log, int64_t sequence, emu_log_space *space,
                                              uint64_t *ret_position, sd_error *error);
SD_MUST_CHECK sd_status emu_log_find_position(emu_log *log, uint64_t at, emu_log_space *space,
                                              uint64_t *ret_position, sd_error *error);
SD_MUST_CHECK sd_status emu_log_find_time(emu_log *log, int64_t enqueued_ms, emu_log_space *space,
                                          uint64_t *ret_position, sd_error *error);

/* Retention: the time of the first record of the oldest segment when there is a newer segment (then true),
 * and giving that segment up. */
bool emu_log_droppable(const emu_log *log, int64_t *ret_oldest_ms);
void emu_log_drop_oldest(emu_log *log);

#endif
