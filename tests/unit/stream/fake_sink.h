/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A database in memory with the control table's protocol (streaming.md §5.3: epochs, fence, checkpoint in the
 * rows' transaction), and a sink that writes to it, for tests of the stream room. The sink has a thread, or
 * works only when it is stepped. Failures are ordered from outside; any thread.
 */
#ifndef TESTS_STREAM_FAKE_SINK_H
#define TESTS_STREAM_FAKE_SINK_H

#include "batch/sink.h"

#include <pthread.h>

enum { FAKE_DB_KEYS_MAX = 256 };

/* A partition's control row and what has landed of it. */
typedef struct fake_key {
  char table[64];
  char partition_id[SD_BATCH_PARTITION_ID_MAX];
  int64_t epoch;
  int64_t sequence;
  char offset[SD_SINK_OFFSET_MAX];
  char incarnation[64];
  char owner[64];
  int64_t lease_until_us;
  int64_t *rows; /* sequence numbers in the order of landing */
  size_t row_count, row_capacity;
} fake_key;

typedef struct fake_db {
  pthread_mutex_t lock;
  fake_key keys[FAKE_DB_KEYS_MAX];
  size_t key_count;
  int64_t (*unix_us)(void *user);
  void *user;
  int64_t lease_us;
} fake_db;

void fake_db_init(fake_db *db, int64_t lease_us);
void fake_db_release(fake_db *db);
/* NULL when there is no such row. With the lock held, or when nobody else works. */
fake_key *fake_db_find(fake_db *db, const char *table, const char *partition_id);
/* Another instance claims the partition, lands `rows` further rows and holds the lease for lease_us. */
void fake_db_steal(fake_db *db, const char *table, const char *partition_id, int64_t rows, int64_t last,
                   int64_t lease_us);
/* Makes the row as an earlier run left it. */
void fake_db_put(fake_db *db, const char *table, const char *partition_id, int64_t sequence,
                 const char *incarnation);
/* Rows 0..last, each once, in order. Prints what is wrong. */
bool fake_db_is_complete(fake_db *db, const char *table, uint32_t partitions, const int64_t *last);
size_t fake_db_rows(fake_db *db);

typedef enum fake_outcome {
  FAKE_NOT_DONE = 0,   /* the op fails and nothing has changed */
  FAKE_ANSWER_LOST = 1 /* the op has its effect and is reported as failed */
} fake_outcome;

typedef struct fake_sink {
  sd_sink base; /* first member */
  fake_db *db;
  char owner[64];
  sd_queue *queue;
  pthread_t thread;
  bool threaded;
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t changed;
  struct {
    int type; /* sd_sink_op_type; 0: none */
    uint32_t count;
    sd_error error;
    fake_outcome outcome;
  } failure;
  bool stalled;
  bool aborting;
  uint32_t refuse;          /* so many submits are answered with SD_AGAIN */
  uint32_t coalesce;        /* most batches in one transaction */
  uint32_t seen[8];         /* ops by type */
  uint32_t depth_max;       /* most ops queued at once */
  size_t transaction_bytes; /* of the last WRITE's target */
  struct {
    void *mapping;
    uint64_t failed;   /* generation whose WRITEs are cancelled */
    uint64_t attached; /* generation that has claimed */
  } mapping[16];
} fake_sink;

fake_sink *fake_sink_new(fake_db *db, const char *owner, bool threaded);
/* The next `count` ops of the type fail. */
void fake_sink_fail(fake_sink *sink, sd_sink_op_type type, uint32_t count, const sd_error *error,
                    fake_outcome outcome);
void fake_sink_stall(fake_sink *sink, bool stalled);
uint32_t fake_sink_seen(fake_sink *sink, sd_sink_op_type type);
/* Not threaded: works one op off (more when writes coalesce); false: there was none. */
bool fake_sink_step(fake_sink *sink);

/* A DuckDB error of a type. */
sd_error fake_duck_error(int type, const char *message);

#endif
