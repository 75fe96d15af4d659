/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* For tests of the sink: a sink on a scratch file, ops sent and awaited, batches made of short descriptions.
 */
#ifndef SD_TESTS_SINK_TEST_H
#define SD_TESTS_SINK_TEST_H

#include "base/alloc.h"
#include "base/clock.h"
#include "duck/duck_test.h"
#include "sink/sink.h"

enum {
  TEST_PARTITIONS = 8,
  TEST_BATCH_BYTES = 64 << 20,
  TEST_TIME_US = 1700000000 /* + sequence number: enqueued_time in ms steps */
};

typedef struct fixture {
  sd_sink *sink;
  sd_queue *replies;
  sd_target target;
  uint64_t generation;
  sd_claim claims[TEST_PARTITIONS];
  uint32_t claim_count;
} fixture;

static inline sd_target test_target(void)
{
  return (sd_target){
      .ns = "ns.example.org",
      .hub = "hub",
      .consumer_group = "$default",
      .schema = "main",
      .table = "events",
      .transaction_bytes = 48 << 20,
  };
}

static inline void fixture_init(fixture *f)
{
  memset(f, 0, sizeof *f);
  f->target = test_target();
  f->generation = 1;
  assert_int_equal(sd_queue_new(SD_SINK_QUEUE_MAX, NULL, NULL, &f->replies), SD_OK);
}

static inline void fixture_start(fixture *f, const char *path, const sd_duck_sink_options *more)
{
  sd_duck_sink_options options = more ? *more : (sd_duck_sink_options){0};
  options.struct_size = sizeof options;
  options.database = path;
  options.api = test_api;
  sd_error error;
  check_ok(sd_duck_sink_new(&options, &f->sink, &error), &error, "sink");
}

static inline void fixture_stop(fixture *f)
{
  if (f->sink)
    f->sink->vtable->free(f->sink, false);
  f->sink = NULL;
}

static inline void fixture_end(fixture *f)
{
  fixture_stop(f);
  sd_queue_free(f->replies);
  f->replies = NULL;
}

static inline void prepare(fixture *f, sd_sink_op *op, sd_sink_op_type type)
{
  op->op.type = type;
  op->target = &f->target;
  op->generation = f->generation;
  op->reply_to = f->replies;
}

static inline void send_op(fixture *f, sd_sink_op *op)
{
  assert_int_equal(f->sink->vtable->submit(f->sink, op), SD_OK);
}

static inline sd_sink_op *await(fixture *f)
{
  sd_op *op = sd_queue_pop(f->replies, 60000);
  assert_non_null(op);
  return (sd_sink_op *)op;
}

static inline sd_error open_tables(fixture *f, bool *ret_created)
{
  sd_sink_open op = {0};
  prepare(f, &op.base, SD_SINK_OPEN);
  send_op(f, &op.base);
  assert_ptr_equal(await(f), &op.base);
  if (ret_created)
    *ret_created = op.created_table;
  return op.base.error;
}

/* Partitions "0" … count-1. */
static inline sd_error claim_some(fixture *f, uint32_t count, bool forced, sd_sink_op_type type)
{
  sd_sink_claim op = {0};
  prepare(f, &op.base, type);
  op.incarnation = "made-once";
  op.forced = forced;
  op.count = count;
  op.claims = f->claims;
  f->claim_count = count;
  for (uint32_t i = 0; i < count; i++)
    snprintf(f->claims[i].partition_id, sizeof f->claims[i].partition_id, "%u", i);
  send_op(f, &op.base);
  assert_ptr_equal(await(f), &op.base);
  return op.base.error;
}

/* OPEN and CLAIM, both must succeed. */
static inline void begin_mapping(fixture *f, uint32_t partitions)
{
  sd_error error = open_tables(f, NULL);
  check_ok(error.code, &error, "open");
  error = claim_some(f, partitions, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim");
}

static inline sd_batch *new_batch(void)
{
  sd_batch *batch = NULL;
  assert_int_equal(sd_batch_new(TEST_PARTITIONS, TEST_BATCH_BYTES, &batch), SD_OK);
  return batch;
}

static inline void add_event(fixture *f, sd_batch *batch, uint32_t partition, int64_t sequence,
                             const void *body, size_t len)
{
  char id[16];
  char offset[32];
  snprintf(id, sizeof id, "%u", partition);
  snprintf(offset, sizeof offset, "o%lld", (long long)sequence);
  sd_event event = {
      .body = sd_bytes_make(body, len),
      .sequence_number = sequence,
      .offset = sd_bytes_of(offset),
      .enqueued_us = (TEST_TIME_US + sequence) * INT64_C(1000000),
      .properties = sd_bytes_of("{\"k\":1}"),
      .system_properties = sd_bytes_of(""),
  };
  sd_status status =
      sd_batch_append(batch, partition, id, f->claims[partition].epoch, &event, f->target.body_is_blob);
  assert_int_equal(status, SD_OK);
}

/* Events first..last with the body "p:s". */
static inline sd_batch *batch_of(fixture *f, uint32_t partition, int64_t first, int64_t last)
{
  sd_batch *batch = new_batch();
  for (int64_t sequence = first; sequence <= last; sequence++) {
    char body[64];
    int len = snprintf(body, sizeof body, "%u:%lld", partition, (long long)sequence);
    add_event(f, batch, partition, sequence, body, (size_t)len);
  }
  return batch;
}

static inline sd_sink_write *new_write(fixture *f, sd_batch *batch)
{
  sd_sink_write *op = sd_calloc(1, sizeof *op);
  assert_non_null(op);
  prepare(f, &op->base, SD_SINK_WRITE);
  op->batch = batch;
  return op;
}

static inline void free_write(sd_sink_write *op)
{
  sd_batch_free(op->batch);
  sd_free(op);
}

/* Sends the batch and awaits it; the op is the caller's. */
static inline sd_sink_write *write_batch(fixture *f, sd_batch *batch)
{
  sd_sink_write *op = new_write(f, batch);
  send_op(f, &op->base);
  assert_ptr_equal(await(f), &op->base);
  return op;
}

/* Sends the batch, which must land wholly. */
static inline void land_batch(fixture *f, sd_batch *batch)
{
  uint32_t rows = batch->rows;
  sd_sink_write *op = write_batch(f, batch);
  check_ok(op->base.error.code, &op->base.error, "write");
  assert_int_equal(op->rows_landed + op->rows_dead, rows);
  free_write(op);
}

/* The test's own look at the database, through the same instance as the sink's. */
typedef struct look {
  sd_duck_instance *instance;
  sd_duck_database *database;
  sd_duck_connection *connection;
} look;

static inline look look_at_path(const char *path)
{
  look l = {0};
  sd_error error;
  l.instance = acquire_local();
  check_ok(sd_duck_database_attach(l.instance, path, false, &l.database, &error), &error, "attach");
  l.connection = connect_to(l.instance);
  check_ok(sd_duck_connection_enter(l.connection, l.database, &error), &error, "enter");
  char sql[300];
  snprintf(sql, sizeof sql, "USE %s", sd_duck_database_alias(l.database));
  run(l.connection, sql);
  return l;
}

static inline void look_away(look *l)
{
  run(l->connection, "USE memory");
  sd_duck_connection_leave(l->connection);
  sd_duck_connection_free(l->connection);
  sd_duck_database_detach(l->database);
  sd_duck_instance_release(l->instance);
  memset(l, 0, sizeof *l);
}

/* One number out of the database, with a look of its own. */
static inline int64_t ask(const char *path, const char *sql)
{
  look l = look_at_path(path);
  int64_t value = number(l.connection, sql);
  look_away(&l);
  return value;
}

static inline void tell(const char *path, const char *sql)
{
  look l = look_at_path(path);
  run(l.connection, sql);
  look_away(&l);
}

/* Rows of the target are exactly 0..last of the partition, each once, and the checkpoint is the last. */
static inline void check_landed(const char *path, uint32_t partition, int64_t last)
{
  char sql[512];
  look l = look_at_path(path);
  snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE partition_id = '%u'", partition);
  assert_int_equal(number(l.connection, sql), last + 1);
  snprintf(sql, sizeof sql, "SELECT count(DISTINCT sequence_number) FROM events WHERE partition_id = '%u'",
           partition);
  assert_int_equal(number(l.connection, sql), last + 1);
  snprintf(sql, sizeof sql,
           "SELECT coalesce(max(sequence_number), -1) FROM _streamduck_checkpoints WHERE partition_id = '%u'",
           partition);
  assert_int_equal(number(l.connection, sql), last);
  snprintf(sql, sizeof sql,
           "SELECT count(*) FROM events WHERE partition_id = '%u' AND event_body <> '%u:' || sequence_number",
           partition, partition);
  assert_int_equal(number(l.connection, sql), 0);
  look_away(&l);
}

#endif
