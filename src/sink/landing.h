/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to sink. A landing: what write.c, transaction.c, append.c, dead_letters.c, fence.c and recover.c
 * share while batches of one mapping go into the database.
 */
#ifndef SD_SINK_LANDING_H
#define SD_SINK_LANDING_H

#include "base/random.h"
#include "sink/plan.h"

/* What a transaction came to. */
typedef enum sd_landing_outcome {
  SD_LANDING_COMMITTED,
  SD_LANDING_AGAIN, /* nothing landed; what is stored was read anew, or somebody was faster: run it again */
  SD_LANDING_FAILED /* nothing landed; the error says why */
} sd_landing_outcome;

/* Where a transaction failed. */
typedef enum sd_landing_stage {
  SD_STAGE_FENCE,
  SD_STAGE_PREPARE, /* the target's appender */
  SD_STAGE_ROWS,    /* the target's rows: only here a row can be at fault */
  SD_STAGE_CHECK,   /* whether they are there */
  SD_STAGE_DEAD_LETTERS,
  SD_STAGE_COMMIT
} sd_landing_stage;

typedef struct sd_landing {
  sd_duck_sink *sink;
  sd_sink_mapping *mapping;
  sd_plan plan;
  sd_duck_appender *events;       /* NULL until needed and after each failure */
  sd_duck_appender *dead_letters; /* as above */
  int64_t time_us;                /* of the transaction: its rows' ingestion_timestamp */
  char batch_id[SD_UUID_TEXT_SIZE];
  sd_landing_stage stage;
  uint64_t transaction_ns; /* of the newest committed one */
  uint64_t commit_ns;
} sd_landing;

/* transaction.c: one transaction over the plan's range. Entered before and, unless it failed, after. */
sd_landing_outcome sd_landing_transact(sd_landing *landing, sd_error *error);
/* Before the connection's handle may change, and after an error. */
void sd_landing_drop_appenders(sd_landing *landing);

/* fence.c: moves the checkpoints of the range's partitions where epoch and stored sequence number are as the
 * plan has them. *ret_held: all of them were. */
SD_MUST_CHECK sd_status sd_landing_fence(sd_landing *landing, bool *ret_held, sd_error *error);
/* Reads the control rows: marks what is lost, takes over what is stored. Outside a transaction. */
SD_MUST_CHECK sd_status sd_landing_refresh(sd_landing *landing, sd_error *error);

/* append.c, dead_letters.c: write the range's rows and check that they are there. */
SD_MUST_CHECK sd_status sd_landing_append_events(sd_landing *landing, sd_error *error);
SD_MUST_CHECK sd_status sd_landing_append_dead_letters(sd_landing *landing, sd_error *error);
/* SD_CORRUPT when the table does not hold `expected` rows with the transaction's time in `column`. */
SD_MUST_CHECK sd_status sd_landing_count(sd_landing *landing, const char *table, const char *column,
                                         duckdb_type type, uint64_t expected, sd_error *error);

/* recover.c: COMMIT gave an error; did it happen? Makes a new connection and reads the rows. An error: it
 * could not be found out. */
SD_MUST_CHECK sd_status sd_landing_recover(sd_landing *landing, bool *ret_committed, sd_error *error);

#endif
