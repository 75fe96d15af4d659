/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The writer thread: takes ops, lets mappings take turns, coalesces waiting batches, answers. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/hook.h"
#include "sink/spans.h"

_Static_assert(SD_SINK_ROWS_MAX % SD_DUCK_ROW_GROUP_ROWS == 0, "the largest transaction is whole row groups");

/* Gives an op back to its mapping. The thread does not touch it afterwards. */
static void answer(sd_duck_sink *sink, sd_sink_op *op)
{
  atomic_fetch_sub(&sink->in_flight, 1);
  /* A closed reply queue: its owner does not wait for answers any more. */
  if (sd_queue_push_always(op->reply_to, &op->op) != SD_OK)
    sd_log_debug(sink->log, "sink", "%s: nobody waits for an answer", sink->database_name);
}

static void answer_cancelled(sd_duck_sink *sink, sd_sink_op *op, const char *why)
{
  sd_error_set(&op->error, SD_CANCELLED, "%s", why);
  answer(sink, op);
}

/* Puts an op behind those of its mapping. */
static void enqueue(sd_duck_sink *sink, sd_sink_op *op)
{
  sd_sink_mapping *mapping = NULL;
  sd_status status = sd_sink_find_mapping(sink, op->target, &mapping);
  if (status != SD_OK) {
    sd_error_set(&op->error, status, "no room for another mapping on %s", sink->database_name);
    answer(sink, op);
    return;
  }
  op->op.next = NULL;
  *mapping->end = &op->op;
  mapping->end = &op->op.next;
}

static sd_sink_op *first_op(sd_sink_mapping *mapping)
{
  return mapping->first;
}

static sd_sink_op *take_op(sd_sink_mapping *mapping)
{
  sd_sink_op *op = mapping->first;
  mapping->first = (sd_sink_op *)(void *)op->op.next;
  if (!mapping->first)
    mapping->end = (sd_op **)(void *)&mapping->first;
  op->op.next = NULL;
  return op;
}

/* The mapping whose turn it is: the next one with work behind the one served last. */
static sd_sink_mapping *next_mapping(sd_duck_sink *sink)
{
  sd_sink_mapping *start = sink->served ? sink->served->next : NULL;
  for (sd_sink_mapping *mapping = start; mapping; mapping = mapping->next) {
    if (first_op(mapping))
      return mapping;
  }
  for (sd_sink_mapping *mapping = sink->mappings; mapping && mapping != start; mapping = mapping->next) {
    if (first_op(mapping))
      return mapping;
  }
  return NULL;
}

static bool is_stale(const sd_sink_mapping *mapping, const sd_sink_op *op)
{
  return op->op.type == SD_SINK_WRITE &&
         ((mapping->has_failed && op->generation <= mapping->failed_generation) ||
          op->generation < mapping->claim_generation);
}

static void note_failure(sd_sink_mapping *mapping, uint64_t generation)
{
  if (!mapping->has_failed || generation > mapping->failed_generation)
    mapping->failed_generation = generation;
  mapping->has_failed = true;
}

/* OPEN, CLAIM, RENEW, RELEASE. Entered. */
static sd_status run_once(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_op *op, sd_error *error)
{
  if (op->op.type != SD_SINK_OPEN && !mapping->tables_ready)
    return sd_error_set(error, SD_STATE, "the mapping has not been opened");
  switch ((sd_sink_op_type)op->op.type) {
  case SD_SINK_OPEN:
    return sd_sink_open_tables(sink, mapping, &((sd_sink_open *)op)->created_table, error);
  case SD_SINK_CLAIM:
    return sd_sink_claim_partitions(sink, mapping, (sd_sink_claim *)op, error);
  case SD_SINK_RENEW:
    return sd_sink_renew_leases(sink, mapping, (sd_sink_claim *)op, error);
  case SD_SINK_RELEASE:
    return sd_sink_release_partitions(sink, mapping, (sd_sink_claim *)op, error);
  case SD_SINK_WRITE:
    break;
  }
  return sd_error_set(error, SD_INVALID, "unknown op %d", op->op.type);
}

static void run_op(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_op *op)
{
  sd_error error;
  sd_error_clear(&error);
  int64_t start_unix_ns = sink->tracer ? sd_clock_unix_ns() : 0;
  sd_status status = sd_sink_enter(sink, &error);
  if (status == SD_OK) {
    status = run_once(sink, mapping, op, &error);
    if (status != SD_OK && error.fatal && status != SD_CORRUPT && sd_sink_reopen(sink, &error) == SD_OK)
      status = run_once(sink, mapping, op, &error);
  }
  sd_sink_leave(sink);
  if (status == SD_OK)
    sd_error_clear(&error);
  op->error = error;
  if (op->op.type == SD_SINK_CLAIM && status == SD_OK && op->generation > mapping->claim_generation)
    mapping->claim_generation = op->generation;
  if (status != SD_OK)
    note_failure(mapping, op->generation);
  if (op->op.type == SD_SINK_OPEN)
    sd_sink_spans_opened(sink, mapping, op, start_unix_ns);
  answer(sink, op);
}

/* Bytes of the rows themselves, as DuckDB gets them: the columns' own arrays are left out. */
static uint64_t payload_bytes(const sd_batch *batch)
{
  uint64_t segments = 0;
  for (const sd_batch_segment *segment = batch->first; segment; segment = segment->next)
    segments += sizeof *segment;
  uint64_t used = sd_arena_used(&batch->arena);
  return used > segments ? used - segments : 0;
}

/* True when the batch of `op` may go into the same transaction. */
static bool may_join(const sd_sink_mapping *mapping, const sd_sink_op *op, uint64_t generation, uint64_t rows,
                     uint64_t bytes)
{
  if (op->op.type != SD_SINK_WRITE || op->generation != generation)
    return false;
  const sd_batch *batch = ((const sd_sink_write *)op)->batch;
  return rows + batch->rows <= SD_SINK_ROWS_MAX &&
         bytes + payload_bytes(batch) <= mapping->target.transaction_bytes;
}

static void fail_writes(sd_sink_write *const *ops, uint32_t count, const sd_error *error)
{
  for (uint32_t i = 0; i < count; i++) {
    if (i == 0)
      ops[i]->base.error = *error;
    else
      sd_error_set(&ops[i]->base.error, SD_CANCELLED, "an earlier batch of the mapping failed");
  }
}

/* How many WRITEs the next transaction takes: the first and, with a backlog, those behind it. Those that make
 * whole row groups do not take along a part of one: checkpoints would join it with others and write it again.
 */
static uint32_t count_writes(const sd_sink_mapping *mapping)
{
  const sd_sink_op *op = mapping->first;
  uint64_t generation = op->generation;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint32_t count = 0;
  uint32_t whole = 0;
  do {
    const sd_batch *batch = ((const sd_sink_write *)op)->batch;
    rows += batch->rows;
    bytes += payload_bytes(batch);
    count++;
    if (rows % SD_DUCK_ROW_GROUP_ROWS == 0)
      whole = count;
    op = (const sd_sink_op *)(const void *)op->op.next;
  } while (op && count < SD_SINK_COALESCE_MAX && may_join(mapping, op, generation, rows, bytes));
  return whole > 0 ? whole : count;
}

static void run_writes(sd_duck_sink *sink, sd_sink_mapping *mapping)
{
  sd_sink_write *ops[SD_SINK_COALESCE_MAX];
  uint32_t count = count_writes(mapping);
  uint64_t generation = first_op(mapping)->generation;
  for (uint32_t i = 0; i < count; i++)
    ops[i] = (sd_sink_write *)take_op(mapping);

  sd_error error;
  sd_error_clear(&error);
  sd_sink_spans spans;
  sd_sink_spans_begin(sink, mapping, ops, count, &spans);
  if (!mapping->tables_ready)
    sd_error_set(&error, SD_STATE, "the mapping has not been opened");
  else if (sd_sink_enter(sink, &error) == SD_OK)
    sd_sink_write_batches(sink, mapping, ops, count);
  sd_sink_leave(sink);
  if (error.code != SD_OK)
    fail_writes(ops, count, &error);
  sd_sink_spans_end(sink, mapping, ops, count, &spans);
  for (uint32_t i = 0; i < count; i++) {
    if (ops[i]->base.error.code != SD_OK)
      note_failure(mapping, generation);
    answer(sink, &ops[i]->base);
  }
  sd_phase_enter(SD_PHASE_NONE);
}

static void take_turn(sd_duck_sink *sink, sd_sink_mapping *mapping)
{
  sink->served = mapping;
  sd_sink_op *op = first_op(mapping);
  if (is_stale(mapping, op))
    answer_cancelled(sink, take_op(mapping),
                     "an earlier op of the mapping failed, or it has claimed anew since");
  else if (op->op.type == SD_SINK_WRITE)
    run_writes(sink, mapping);
  else
    run_op(sink, mapping, take_op(mapping));
}

static void cancel_everything(sd_duck_sink *sink)
{
  /* In order: what a mapping has in its list came before what is still in the queue. */
  for (sd_op *op = sd_queue_pop(sink->queue, 0); op; op = sd_queue_pop(sink->queue, 0))
    enqueue(sink, (sd_sink_op *)op);
  for (sd_sink_mapping *mapping = sink->mappings; mapping; mapping = mapping->next) {
    while (first_op(mapping))
      answer_cancelled(sink, take_op(mapping), "the sink is being stopped");
  }
}

void *sd_sink_writer(void *argument)
{
  sd_duck_sink *sink = argument;
  while (!atomic_load(&sink->stopping)) {
    /* All that has come, so that turns are fair and batches can be coalesced. */
    sd_sink_mapping *mapping = NULL;
    for (sd_op *op = sd_queue_pop(sink->queue, 0); op; op = sd_queue_pop(sink->queue, 0))
      enqueue(sink, (sd_sink_op *)op);
    mapping = next_mapping(sink);
    if (mapping) {
      take_turn(sink, mapping);
      sd_sink_checkpoint_when_due(sink);
      continue;
    }
    sd_op *op = sd_queue_pop(sink->queue, UINT32_MAX);
    if (op)
      enqueue(sink, (sd_sink_op *)op);
  }
  cancel_everything(sink);
  sd_sink_close_database(sink);
  pthread_mutex_lock(&sink->lock);
  sink->has_ended = true;
  pthread_cond_signal(&sink->ended);
  pthread_mutex_unlock(&sink->lock);
  return NULL;
}
