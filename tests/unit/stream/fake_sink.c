/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A database in memory with the control table's protocol, and a sink that writes to it. */
#include "fake_sink.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { COALESCE_MAX = 16 };

static int64_t wall_clock(void *user)
{
  (void)user;
  return sd_clock_unix_us();
}

void fake_db_init(fake_db *db, int64_t lease_us)
{
  memset(db, 0, sizeof *db);
  pthread_mutex_init(&db->lock, NULL);
  db->unix_us = wall_clock;
  db->lease_us = lease_us;
}

void fake_db_release(fake_db *db)
{
  for (size_t i = 0; i < db->key_count; i++)
    sd_free(db->keys[i].rows);
  pthread_mutex_destroy(&db->lock);
  memset(db, 0, sizeof *db);
}

fake_key *fake_db_find(fake_db *db, const char *table, const char *partition_id)
{
  for (size_t i = 0; i < db->key_count; i++) {
    if (strcmp(db->keys[i].table, table) == 0 && strcmp(db->keys[i].partition_id, partition_id) == 0)
      return &db->keys[i];
  }
  return NULL;
}

static fake_key *find_or_insert(fake_db *db, const char *table, const char *partition_id)
{
  fake_key *key = fake_db_find(db, table, partition_id);
  if (key)
    return key;
  assert(db->key_count < FAKE_DB_KEYS_MAX);
  key = &db->keys[db->key_count++];
  memset(key, 0, sizeof *key);
  snprintf(key->table, sizeof key->table, "%s", table);
  snprintf(key->partition_id, sizeof key->partition_id, "%s", partition_id);
  key->sequence = -1;
  return key;
}

static void add_row(fake_key *key, int64_t sequence)
{
  if (key->row_count == key->row_capacity) {
    key->row_capacity = key->row_capacity ? key->row_capacity * 2 : 256;
    key->rows = sd_realloc(key->rows, key->row_capacity * sizeof *key->rows);
    assert(key->rows);
  }
  key->rows[key->row_count++] = sequence;
  key->sequence = sequence;
  snprintf(key->offset, sizeof key->offset, "%" PRId64, sequence * 10);
}

void fake_db_steal(fake_db *db, const char *table, const char *partition_id, int64_t rows, int64_t last,
                   int64_t lease_us)
{
  pthread_mutex_lock(&db->lock);
  fake_key *key = find_or_insert(db, table, partition_id);
  key->epoch++;
  snprintf(key->owner, sizeof key->owner, "somebody else");
  key->lease_until_us = db->unix_us(db->user) + lease_us;
  for (int64_t i = 0; i < rows && key->sequence < last; i++)
    add_row(key, key->sequence + 1);
  pthread_mutex_unlock(&db->lock);
}

void fake_db_put(fake_db *db, const char *table, const char *partition_id, int64_t sequence,
                 const char *incarnation)
{
  fake_key *key = find_or_insert(db, table, partition_id);
  key->epoch = 1;
  for (int64_t i = 0; i <= sequence; i++)
    add_row(key, i);
  snprintf(key->incarnation, sizeof key->incarnation, "%s", incarnation);
}

bool fake_db_is_complete(fake_db *db, const char *table, uint32_t partitions, const int64_t *last)
{
  bool complete = true;
  for (uint32_t i = 0; i < partitions; i++) {
    char id[16];
    snprintf(id, sizeof id, "%u", i);
    fake_key *key = fake_db_find(db, table, id);
    size_t count = key ? key->row_count : 0;
    if ((int64_t)count != last[i] + 1) {
      printf("# partition %u: %zu rows, %" PRId64 " expected\n", i, count, last[i] + 1);
      complete = false;
    }
    for (size_t row = 0; row < count; row++) {
      if (key->rows[row] == (int64_t)row)
        continue;
      printf("# partition %u: row %zu has sequence number %" PRId64 "\n", i, row, key->rows[row]);
      complete = false;
      break;
    }
  }
  return complete;
}

size_t fake_db_rows(fake_db *db)
{
  size_t rows = 0;
  pthread_mutex_lock(&db->lock);
  for (size_t i = 0; i < db->key_count; i++)
    rows += db->keys[i].row_count;
  pthread_mutex_unlock(&db->lock);
  return rows;
}

sd_error fake_duck_error(int type, const char *message)
{
  sd_error error;
  sd_error_set(&error, SD_DATABASE, "%s", message);
  error.source = SD_SOURCE_DUCKDB;
  error.source_code = type;
  return error;
}

static fake_sink *cast(sd_sink *sink)
{
  return (fake_sink *)sink;
}

/* The failure ordered for this op, if any. */
static bool take_failure(fake_sink *sink, int type, sd_error *ret_error, fake_outcome *ret_outcome)
{
  bool fails = false;
  pthread_mutex_lock(&sink->lock);
  sink->seen[type]++;
  if (sink->failure.type == type && sink->failure.count > 0) {
    sink->failure.count--;
    *ret_error = sink->failure.error;
    *ret_outcome = sink->failure.outcome;
    fails = true;
  }
  pthread_mutex_unlock(&sink->lock);
  return fails;
}

static uint32_t mapping_slot(fake_sink *sink, const void *mapping)
{
  uint32_t i = 0;
  while (sink->mapping[i].mapping && sink->mapping[i].mapping != mapping)
    i++;
  assert(i < sizeof sink->mapping / sizeof sink->mapping[0] - 1);
  if (!sink->mapping[i].mapping)
    memcpy(&sink->mapping[i].mapping, &mapping, sizeof mapping);
  return i;
}

static void do_claims(fake_sink *sink, sd_sink_claim *op)
{
  fake_db *db = sink->db;
  int64_t now = db->unix_us(db->user);
  for (uint32_t i = 0; i < op->count; i++) {
    sd_claim *claim = &op->claims[i];
    bool fresh = !fake_db_find(db, op->base.target->table, claim->partition_id);
    fake_key *key = find_or_insert(db, op->base.target->table, claim->partition_id);
    bool free_to_take = op->forced || strcmp(key->owner, sink->owner) == 0 || key->lease_until_us < now;
    claim->claimed = free_to_take;
    if (!free_to_take) {
      snprintf(claim->held_by, sizeof claim->held_by, "%s", key->owner);
      claim->held_until_us = key->lease_until_us;
      continue;
    }
    key->epoch++;
    snprintf(key->owner, sizeof key->owner, "%s", sink->owner);
    key->lease_until_us = now + db->lease_us;
    if (claim->reset) {
      key->sequence = -1;
      key->offset[0] = '\0';
      key->row_count = 0;
    }
    if (fresh || claim->reset)
      snprintf(key->incarnation, sizeof key->incarnation, "%s", op->incarnation);
    claim->epoch = key->epoch;
    claim->checkpoint.found = !fresh;
    claim->checkpoint.sequence_number = key->sequence;
    claim->checkpoint.enqueued_us = key->sequence * 1000000;
    memcpy(claim->checkpoint.offset, key->offset, sizeof key->offset);
    memcpy(claim->checkpoint.incarnation, key->incarnation, sizeof key->incarnation);
  }
}

static bool is_mine(const fake_sink *sink, const fake_key *key, int64_t epoch)
{
  return key && key->epoch == epoch && strcmp(key->owner, sink->owner) == 0;
}

static void do_renew(fake_sink *sink, sd_sink_claim *op)
{
  for (uint32_t i = 0; i < op->count; i++) {
    fake_key *key = fake_db_find(sink->db, op->base.target->table, op->claims[i].partition_id);
    op->claims[i].claimed = is_mine(sink, key, op->claims[i].epoch);
    if (op->claims[i].claimed)
      key->lease_until_us = sink->db->unix_us(sink->db->user) + sink->db->lease_us;
  }
}

static void do_release(fake_sink *sink, sd_sink_claim *op)
{
  for (uint32_t i = 0; i < op->count; i++) {
    fake_key *key = fake_db_find(sink->db, op->base.target->table, op->claims[i].partition_id);
    if (is_mine(sink, key, op->claims[i].epoch)) {
      key->lease_until_us = 0;
      key->owner[0] = '\0';
    }
  }
}

/* One batch inside the transaction: fence, mask, rows. */
static void do_write(fake_sink *sink, sd_sink_write *op)
{
  fake_db *db = sink->db;
  const sd_batch *batch = op->batch;
  fake_key *keys[SD_BATCH_PARTITIONS_MAX];
  op->fenced_count = 0;
  for (uint32_t i = 0; i < batch->partition_count; i++) {
    keys[i] = fake_db_find(db, op->base.target->table, batch->partitions[i].partition_id);
    if (is_mine(sink, keys[i], batch->partitions[i].epoch)) {
      keys[i]->lease_until_us = db->unix_us(db->user) + db->lease_us;
    } else {
      keys[i] = NULL;
      op->fenced[op->fenced_count++] = (uint16_t)i;
    }
  }
  for (const sd_batch_segment *segment = batch->first; segment; segment = segment->next) {
    for (uint32_t row = 0; row < segment->rows; row++) {
      fake_key *key = keys[segment->partition[row]];
      if (!key || segment->sequence_number[row] <= key->sequence) {
        op->rows_masked++;
        continue;
      }
      char body[64];
      int len =
          snprintf(body, sizeof body, "%s:%" PRId64, batch->partitions[segment->partition[row]].partition_id,
                   segment->sequence_number[row]);
      assert(segment->body_len[row] >= (uint32_t)len && memcmp(segment->data[row], body, (size_t)len) == 0);
      add_row(key, segment->sequence_number[row]);
      op->rows_landed++;
    }
  }
}

static void apply(fake_sink *sink, sd_sink_op *op)
{
  pthread_mutex_lock(&sink->db->lock);
  switch ((sd_sink_op_type)op->op.type) {
  case SD_SINK_OPEN:
    ((sd_sink_open *)op)->created_table = sink->db->key_count == 0;
    break;
  case SD_SINK_CLAIM:
    do_claims(sink, (sd_sink_claim *)op);
    break;
  case SD_SINK_RENEW:
    do_renew(sink, (sd_sink_claim *)op);
    break;
  case SD_SINK_RELEASE:
    do_release(sink, (sd_sink_claim *)op);
    break;
  case SD_SINK_WRITE:
    do_write(sink, (sd_sink_write *)op);
    break;
  }
  pthread_mutex_unlock(&sink->db->lock);
}

static void reply(sd_sink_op *op)
{
  sd_status status = sd_queue_push_always(op->reply_to, &op->op);
  assert(status == SD_OK);
  (void)status;
}

static void cancel(sd_sink_op *op)
{
  sd_error_set(&op->error, SD_CANCELLED, "cancelled");
  reply(op);
}

static bool is_aborting(fake_sink *sink)
{
  pthread_mutex_lock(&sink->lock);
  bool aborting = sink->aborting;
  pthread_mutex_unlock(&sink->lock);
  return aborting;
}

/* Writes of one mapping that follow each other, as one transaction. */
static void work_writes(fake_sink *sink, sd_sink_op *first)
{
  sd_sink_op *ops[COALESCE_MAX] = {first};
  uint32_t count = 1;
  uint32_t slot = mapping_slot(sink, first->user);
  uint32_t most = sink->coalesce < 1 ? 1 : sink->coalesce < COALESCE_MAX ? sink->coalesce : COALESCE_MAX;
  for (sd_op *next = sd_queue_peek(sink->queue); next && count < most; next = sd_queue_peek(sink->queue)) {
    sd_sink_op *op = (sd_sink_op *)next;
    if (next->type != SD_SINK_WRITE || op->user != first->user || op->generation != first->generation)
      break;
    ops[count++] = (sd_sink_op *)sd_queue_pop(sink->queue, 0);
  }
  if (sink->mapping[slot].failed >= first->generation) {
    for (uint32_t i = 0; i < count; i++)
      cancel(ops[i]);
    return;
  }
  assert(sink->mapping[slot].attached == first->generation);
  pthread_mutex_lock(&sink->lock);
  sink->transaction_bytes = first->target->transaction_bytes;
  pthread_mutex_unlock(&sink->lock);
  sd_error error;
  fake_outcome outcome = FAKE_ANSWER_LOST;
  bool fails = take_failure(sink, SD_SINK_WRITE, &error, &outcome);
  for (uint32_t i = 0; i < count && outcome == FAKE_ANSWER_LOST; i++)
    apply(sink, ops[i]);
  if (fails)
    sink->mapping[slot].failed = first->generation;
  for (uint32_t i = 0; i < count; i++) {
    sd_sink_write *write = (sd_sink_write *)ops[i];
    write->coalesced = count;
    write->committed_us = sd_clock_unix_us();
    if (!fails) {
      reply(ops[i]);
    } else if (i == 0) {
      ops[i]->error = error;
      reply(ops[i]);
    } else {
      cancel(ops[i]);
    }
  }
}

static void work(fake_sink *sink, sd_sink_op *op)
{
  if (is_aborting(sink)) {
    cancel(op);
    return;
  }
  if (op->op.type == SD_SINK_WRITE) {
    work_writes(sink, op);
    return;
  }
  uint32_t slot = mapping_slot(sink, op->user);
  sd_error error;
  fake_outcome outcome = FAKE_ANSWER_LOST;
  bool fails = take_failure(sink, op->op.type, &error, &outcome);
  if (outcome == FAKE_ANSWER_LOST)
    apply(sink, op);
  if (fails) {
    op->error = error;
    sink->mapping[slot].failed = op->generation;
  } else if (op->op.type == SD_SINK_CLAIM) {
    sink->mapping[slot].attached = op->generation;
  }
  reply(op);
}

static void wait_while_stalled(fake_sink *sink)
{
  pthread_mutex_lock(&sink->lock);
  while (sink->stalled && !sink->aborting)
    pthread_cond_wait(&sink->changed, &sink->lock);
  pthread_mutex_unlock(&sink->lock);
}

static void *run(void *user)
{
  fake_sink *sink = user;
  for (sd_op *op = sd_queue_pop(sink->queue, UINT32_MAX); op; op = sd_queue_pop(sink->queue, UINT32_MAX)) {
    wait_while_stalled(sink);
    work(sink, (sd_sink_op *)op);
  }
  return NULL;
}

static sd_status sink_submit(sd_sink *base, sd_sink_op *op)
{
  fake_sink *sink = cast(base);
  pthread_mutex_lock(&sink->lock);
  bool refused = sink->refuse > 0;
  sink->refuse -= refused;
  uint32_t depth = (uint32_t)sd_queue_length(sink->queue) + 1;
  if (depth > sink->depth_max)
    sink->depth_max = depth;
  pthread_mutex_unlock(&sink->lock);
  return refused ? SD_AGAIN : sd_queue_push(sink->queue, &op->op);
}

static void sink_free(sd_sink *base, bool abort)
{
  fake_sink *sink = cast(base);
  pthread_mutex_lock(&sink->lock);
  sink->aborting = abort;
  sink->stalled = false;
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->lock);
  sd_queue_close(sink->queue);
  if (sink->threaded)
    pthread_join(sink->thread, NULL);
  for (sd_op *op = sd_queue_pop(sink->queue, 0); op; op = sd_queue_pop(sink->queue, 0))
    cancel((sd_sink_op *)op);
  sd_queue_free(sink->queue);
  pthread_cond_destroy(&sink->changed);
  pthread_mutex_destroy(&sink->lock);
  sd_free(sink);
}

static const sd_sink_vtable vtable = {
    .struct_size = sizeof(sd_sink_vtable), .submit = sink_submit, .free = sink_free};

fake_sink *fake_sink_new(fake_db *db, const char *owner, bool threaded)
{
  fake_sink *sink = sd_calloc(1, sizeof *sink);
  assert(sink);
  sink->base.vtable = &vtable;
  sink->db = db;
  snprintf(sink->owner, sizeof sink->owner, "%s", owner);
  pthread_mutex_init(&sink->lock, NULL);
  pthread_cond_init(&sink->changed, NULL);
  sd_status status = sd_queue_new(SD_SINK_QUEUE_MAX, NULL, NULL, &sink->queue);
  assert(status == SD_OK);
  (void)status;
  sink->threaded = threaded;
  if (threaded)
    pthread_create(&sink->thread, NULL, run, sink);
  return sink;
}

void fake_sink_fail(fake_sink *sink, sd_sink_op_type type, uint32_t count, const sd_error *error,
                    fake_outcome outcome)
{
  pthread_mutex_lock(&sink->lock);
  sink->failure.type = (int)type;
  sink->failure.count = count;
  sink->failure.error = *error;
  sink->failure.outcome = outcome;
  pthread_mutex_unlock(&sink->lock);
}

void fake_sink_stall(fake_sink *sink, bool stalled)
{
  pthread_mutex_lock(&sink->lock);
  sink->stalled = stalled;
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->lock);
}

uint32_t fake_sink_seen(fake_sink *sink, sd_sink_op_type type)
{
  pthread_mutex_lock(&sink->lock);
  uint32_t seen = sink->seen[type];
  pthread_mutex_unlock(&sink->lock);
  return seen;
}

bool fake_sink_step(fake_sink *sink)
{
  if (sink->stalled)
    return false;
  sd_op *op = sd_queue_pop(sink->queue, 0);
  if (!op)
    return false;
  work(sink, (sd_sink_op *)op);
  return true;
}
