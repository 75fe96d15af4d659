/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to sink: the sink's state, and what its files offer each other. Writer thread unless stated. */
#ifndef SD_SINK_SINK_PRIVATE_H
#define SD_SINK_SINK_PRIVATE_H

#include "base/log.h"
#include "batch/sink.h"
#include "duck/appender.h"
#include "duck/duck_error.h"
#include "sink/sink.h"

#include <pthread.h>
#include <stdatomic.h>

#define SD_CONTROL_TABLE "_streamduck_checkpoints"
#define SD_GUARD_TABLE   "_streamduck_guard"
#define SD_DEAD_TABLE    "_streamduck_dead_letters"

enum {
  SD_SINK_SQL_MAX = 4 * 1024 * 1024, /* bytes of a statement; 2048 partitions take 0.5 MB */
  SD_SINK_CONFLICT_TRIES = 10,       /* a transaction that met a concurrent change is run again so often */
  SD_SINK_EVENT_COLUMNS = 7,
  SD_SINK_DEAD_COLUMNS = 12,
  SD_SINK_REASON_MAX = 512 /* bytes of a dead letter's reason, with NUL */
};

/* What this process knows of a control row that it has claimed. */
typedef struct sd_sink_partition {
  char id[SD_BATCH_PARTITION_ID_MAX];
  int64_t epoch;
  int64_t sequence_number; /* stored; -1: none */
} sd_sink_partition;

/* A row of the original's table, as import reads it. */
typedef struct sd_legacy_row {
  char partition_id[SD_BATCH_PARTITION_ID_MAX];
  char offset[SD_SINK_OFFSET_MAX];
  int64_t sequence_number; /* -1: unknown */
} sd_legacy_row;

/* A mapping: one target with its key. */
typedef struct sd_sink_mapping {
  struct sd_sink_mapping *next;
  sd_target target; /* strings owned */
  char *key_target; /* the key's `target`: the table's name, lower case */
  bool tables_ready;
  char *columns[SD_SINK_EVENT_COLUMNS]; /* the target's names for ours: appenders compare them exactly */
  duckdb_type enqueued_type;            /* TIMESTAMPTZ; TIMESTAMP in a table of the original */
  duckdb_type ingested_type;
  sd_sink_partition *partitions;
  uint32_t partition_count;
  uint32_t partition_capacity;
  /* The original's table. */
  bool legacy_off;              /* not configured, or out of reach */
  bool legacy_read;             /* legacy_rows are filled */
  sd_duck_database *legacy_own; /* attached for it; NULL: it lies in the sink's own database */
  char *legacy_catalog;         /* NULL until attached */
  sd_legacy_row *legacy_rows;
  uint32_t legacy_count;
  bool legacy_mirror_ready;
  uint64_t legacy_warned_ms;
  /* Ops that wait for their turn. */
  sd_sink_op *first;
  sd_op **end;
  bool has_failed;
  uint64_t failed_generation; /* WRITEs up to this one are answered with SD_CANCELLED */
  uint64_t claim_generation;  /* newest CLAIM seen */
  /* Telemetry (spans.h). */
  bool tables_made;   /* the last OPEN had something to make */
  bool opened_untold; /* and its span has not been made yet */
  int64_t opened_from_ns;
  int64_t opened_until_ns;
  uint64_t total_messages;
  uint64_t total_batches;
  sd_span *landing_span; /* of the landing under way */
} sd_sink_mapping;

typedef struct sd_duck_sink {
  sd_sink base;
  /* Set by new, constant. */
  char *database_name;
  char *token;
  char *extension;
  char *libduckdb;
  char owner[SD_SINK_OWNER_MAX];
  bool motherduck;
  bool respect_leases;
  bool query_appender;
  uint32_t lease_seconds;
  uint32_t call_max_ms;
  sd_log *log;
  const sd_scrubber *scrubber;
  const sd_duck_api *api;
  sd_tracer *tracer; /* NULL: no spans */
  /* Between threads. */
  sd_queue *queue;
  pthread_t thread;
  atomic_uint in_flight; /* ops submitted and not answered */
  atomic_bool stopping;
  atomic_bool aborting;
  pthread_mutex_t lock; /* of the next three */
  pthread_cond_t ended; /* the thread has ended, by the monotonic clock */
  bool has_ended;
  sd_duck_connection *shared_connection; /* the connection below, for interrupting */
  /* Writer thread. */
  sd_duck_instance *instance; /* NULL until opened */
  sd_duck_database *database;
  sd_duck_connection *connection;
  bool entered;
  const char *catalog; /* the database's name in SQL */
  sd_sink_mapping *mappings;
  uint32_t mapping_count;
  sd_sink_mapping *served; /* whose turn was last */
  bool checkpoint_due;     /* tables were made */
  int64_t last_time_us;    /* of the newest transaction: they never repeat */
} sd_duck_sink;

/* database.c */

/* Begins a turn: opens the database where that is needed and enters its connection. */
SD_MUST_CHECK sd_status sd_sink_enter(sd_duck_sink *sink, sd_error *error);
void sd_sink_leave(sd_duck_sink *sink);
/* Opens the DuckDB instance anew (error.fatal); in and after it as after enter. No appender may be left. */
SD_MUST_CHECK sd_status sd_sink_reopen(sd_duck_sink *sink, sd_error *error);
void sd_sink_close_database(sd_duck_sink *sink);
/* ROLLBACK; where even that fails the connection is made anew. */
void sd_sink_rollback(sd_duck_sink *sink);
/* BEGIN … COMMIT around statements that claim, renew or define: `body` runs again after a conflict. */
typedef sd_status sd_sink_body_fn(sd_duck_sink *sink, sd_sink_mapping *mapping, void *user, sd_error *error);
SD_MUST_CHECK sd_status sd_sink_in_transaction(sd_duck_sink *sink, sd_sink_mapping *mapping,
                                               sd_sink_body_fn *body, void *user, sd_error *error);

/* sink.c: a sink without its thread, for work that is done at once (control_read.c). */
SD_MUST_CHECK sd_status sd_sink_make(const sd_duck_sink_options *options, sd_duck_sink **ret_sink,
                                     sd_error *error);
void sd_sink_unmake(sd_duck_sink *sink);

/* writer.c: the thread. */
void *sd_sink_writer(void *sink);

/* mapping.c */

SD_MUST_CHECK sd_status sd_sink_find_mapping(sd_duck_sink *sink, const sd_target *target,
                                             sd_sink_mapping **ret_mapping);
void sd_sink_free_mappings(sd_duck_sink *sink);
/* NULL when the partition was not claimed with this epoch. */
sd_sink_partition *sd_sink_find_partition(sd_sink_mapping *mapping, const char *id, int64_t epoch);
SD_MUST_CHECK sd_status sd_sink_keep_partition(sd_sink_mapping *mapping, const char *id, int64_t epoch,
                                               int64_t sequence_number);
/* Appends catalog.schema.table of a table beside the target. */
void sd_sink_append_table(sd_buf *sql, const sd_duck_sink *sink, const sd_sink_mapping *mapping,
                          const char *table);
/* Appends the condition on the key columns of `c`. */
void sd_sink_append_key(sd_buf *sql, const sd_sink_mapping *mapping);

/* tables.c */

/* Makes what is missing and checks what is there. */
SD_MUST_CHECK sd_status sd_sink_open_tables(sd_duck_sink *sink, sd_sink_mapping *mapping, bool *ret_created,
                                            sd_error *error);

/* control.c, lease.c */

SD_MUST_CHECK sd_status sd_sink_claim_partitions(sd_duck_sink *sink, sd_sink_mapping *mapping,
                                                 sd_sink_claim *op, sd_error *error);
SD_MUST_CHECK sd_status sd_sink_renew_leases(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_claim *op,
                                             sd_error *error);
SD_MUST_CHECK sd_status sd_sink_release_partitions(sd_duck_sink *sink, sd_sink_mapping *mapping,
                                                   sd_sink_claim *op, sd_error *error);

/* Columns of sd_sink_read_rows. */
enum {
  SD_ROW_PARTITION = 0,
  SD_ROW_EPOCH,
  SD_ROW_OFFSET,
  SD_ROW_SEQUENCE,
  SD_ROW_ENQUEUED,
  SD_ROW_INCARNATION,
  SD_ROW_OWNER,
  SD_ROW_LEASE,
  SD_ROW_LEASE_OVER,
  SD_ROW_BATCH_ID
};
/* All control rows of the mapping's key. SD_CORRUPT (fatal) when a partition has two. */
SD_MUST_CHECK sd_status sd_sink_read_rows(sd_duck_sink *sink, const sd_sink_mapping *mapping,
                                          sd_duck_result **ret_rows, sd_error *error);
/* The partition's row in it, -1: none. */
int64_t sd_sink_row_of(const sd_duck_result *rows, const char *partition_id);

/* write.c: lands the batches of the ops (1 to SD_SINK_COALESCE_MAX, one generation) and fills the ops' out
 * fields: each gets its error code; after the first that failed all are SD_CANCELLED. */
void sd_sink_write_batches(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_write *const *ops,
                           uint32_t count);

/* checkpoint_policy.c: between transactions, not entered. */
void sd_sink_checkpoint_when_due(sd_duck_sink *sink);
/* The WAL's size in bytes, 0 when there is none. */
uint64_t sd_sink_wal_bytes(const sd_duck_sink *sink);

/* legacy.c */

/* Reads the original's newest row of each partition into the mapping, once. A table that is not there is
 * fine; one that cannot be read is an error. */
SD_MUST_CHECK sd_status sd_legacy_read(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_error *error);

typedef struct sd_legacy_point {
  const char *partition_id;
  int64_t sequence_number;
  sd_bytes offset;
} sd_legacy_point;
/* Writes checkpoints in the original's layout; on failure it warns. Entered, outside a transaction. */
void sd_legacy_mirror(sd_duck_sink *sink, sd_sink_mapping *mapping, const sd_legacy_point *points,
                      uint32_t count);
void sd_legacy_close(sd_sink_mapping *mapping);

#endif
