/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Landing batches: range by range, each in its transaction. A range that the target refuses is halved until
 * the bad row stands alone; it goes to the dead letters, all others land. Since every range moves its
 * checkpoints itself, stopping between two ranges loses and doubles nothing.
 */
#include "base/clock.h"
#include "sink/landing.h"
#include "sink/spans.h"

enum { REFUSALS_LOGGED_MAX = 3 /* of one landing; each is in the dead letters with its reason */ };

/* How the landing goes on after a failure; limits of what it tries. */
typedef struct land_progress {
  uint32_t max_live; /* rows of the next range */
  int conflicts;     /* in a row */
  int refusals;
  bool reopened;
} land_progress;

static void grow(land_progress *progress)
{
  progress->max_live = progress->max_live > SD_SINK_ROWS_MAX / 2 ? SD_SINK_ROWS_MAX : progress->max_live * 2;
  progress->conflicts = 0;
  progress->reopened = false;
}

/* DuckDB handles 2048 rows of a column at once, however few a transaction has: large bodies need a higher
 * limit, smaller transactions do not help. *ret_raised: there was room up to the maximum. */
static sd_status give_more_memory(sd_duck_sink *sink, bool *ret_raised, sd_error *error)
{
  sd_error ignored; /* SD_LIMIT; the shortage itself is what the caller goes on with */
  uint32_t limit_mb = 0;
  sd_sink_leave(sink);
  *ret_raised = sd_duck_instance_raise_memory(sink->instance, &limit_mb, &ignored) == SD_OK;
  if (*ret_raised)
    sd_log_info(sink->log, "sink", "%s: DuckDB's memory limit is now %u MiB, which bodies of this size need",
                sink->database_name, (unsigned)limit_mb);
  return sd_sink_enter(sink, error);
}

/* What a failed transaction asks for; SD_OK: try again as `progress` now says. */
static sd_status react(sd_landing *landing, land_progress *progress, sd_error *error)
{
  sd_plan *plan = &landing->plan;
  sd_sink_spans_note(landing->mapping, "transaction failed", error);
  if (landing->stage == SD_STAGE_ROWS && sd_duck_error_is_data(error)) {
    if (plan->live > 1) {
      progress->max_live = plan->live / 2;
      return SD_OK;
    }
    if (progress->refusals++ < REFUSALS_LOGGED_MAX)
      sd_log_warning(landing->sink->log, "sink", "%s.%s refused a row, which goes to the dead letters: %s",
                     landing->mapping->target.schema, landing->mapping->target.table, error->message);
    return sd_plan_refuse(plan, error->message) == SD_OK ? SD_OK : error->code;
  }
  if (sd_duck_error_is_memory(error)) {
    sd_error why;
    bool raised = false;
    sd_status status = give_more_memory(landing->sink, &raised, &why);
    if (status == SD_OK && raised && error->fatal)
      status = sd_sink_reopen(landing->sink, &why);
    if (status != SD_OK) {
      *error = why;
      return status;
    }
    if (raised)
      return SD_OK;
    if (plan->live > 1) {
      progress->max_live = plan->live / 2;
      return SD_OK;
    }
  }
  if (error->fatal && error->code != SD_CORRUPT && !progress->reopened) {
    progress->reopened = true;
    return sd_sink_reopen(landing->sink, error);
  }
  return error->code;
}

static void mirror(sd_landing *landing)
{
  sd_legacy_point points[64];
  uint32_t count = 0;
  if (landing->mapping->legacy_off)
    return;
  for (uint32_t i = 0; i < landing->plan.partition_count; i++) {
    const sd_plan_partition *partition = &landing->plan.partitions[i];
    if (partition->rows > 0)
      points[count++] = (sd_legacy_point){partition->id, partition->cursor, partition->last_offset};
    if (count == sizeof points / sizeof *points || (count > 0 && i + 1 == landing->plan.partition_count)) {
      sd_legacy_mirror(landing->sink, landing->mapping, points, count);
      count = 0;
    }
  }
}

/* One range. SD_OK: it is committed, or there is something else to try. */
static sd_status land_range(sd_landing *landing, land_progress *progress, sd_error *error)
{
  sd_plan *plan = &landing->plan;
  sd_plan_scan(plan, progress->max_live);
  if (plan->live == 0 && plan->dead == 0) {
    sd_plan_advance(plan, landing->mapping);
    return SD_OK;
  }
  sd_landing_outcome outcome = sd_landing_transact(landing, error);
  if (outcome == SD_LANDING_COMMITTED) {
    mirror(landing);
    sd_plan_advance(plan, landing->mapping);
    grow(progress);
    return SD_OK;
  }
  if (outcome == SD_LANDING_AGAIN) {
    sd_sink_spans_note(landing->mapping, "the checkpoints had changed, run again", NULL);
    if (++progress->conflicts <= SD_SINK_CONFLICT_TRIES)
      return SD_OK;
    sd_error_set(error, SD_CONFLICT, "another process changes the checkpoints of %s in %s all the time",
                 landing->mapping->target.hub, landing->sink->database_name);
    error->retriable = true;
    return SD_CONFLICT;
  }
  return react(landing, progress, error);
}

static sd_status land(sd_landing *landing, sd_error *error)
{
  sd_plan *plan = &landing->plan;
  land_progress progress = {.max_live = SD_SINK_ROWS_MAX};
  sd_status status = SD_OK;
  for (uint32_t i = 0; i < plan->partition_count && status == SD_OK; i++) {
    if (!plan->partitions[i].known) {
      status = sd_landing_refresh(landing, error);
      break;
    }
  }
  while (status == SD_OK && plan->from < plan->rows) {
    if (atomic_load(&landing->sink->aborting))
      return sd_error_set(error, SD_CANCELLED, "the sink is being stopped");
    status = land_range(landing, &progress, error);
  }
  return status;
}

/* Fills the out fields of all ops: those whose rows are all committed succeeded, the next failed. */
static void settle(sd_landing *landing, const sd_error *error)
{
  const sd_plan *plan = &landing->plan;
  bool failed = false;
  for (uint32_t i = 0; i < plan->batch_count; i++) {
    const sd_plan_batch *batch = &plan->batches[i];
    sd_sink_write *op = batch->op;
    if (error->code != SD_OK && batch->end > plan->from) {
      if (failed)
        sd_error_set(&op->base.error, SD_CANCELLED, "an earlier batch of the mapping failed");
      else
        op->base.error = *error;
      failed = true;
      continue;
    }
    for (uint32_t p = 0; p < batch->batch->partition_count; p++) {
      if (plan->partitions[batch->partitions[p]].lost)
        op->fenced[op->fenced_count++] = (uint16_t)p;
    }
    op->coalesced = plan->batch_count;
    op->transaction_ns = landing->transaction_ns;
    op->commit_ns = landing->commit_ns;
    op->committed_us = sd_clock_unix_us();
  }
}

void sd_sink_write_batches(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_write *const *ops,
                           uint32_t count)
{
  sd_landing landing = {.sink = sink, .mapping = mapping};
  sd_error error;
  sd_error_clear(&error);
  for (uint32_t i = 0; i < count; i++) {
    sd_error_clear(&ops[i]->base.error);
    ops[i]->rows_landed = 0;
    ops[i]->rows_dead = 0;
    ops[i]->rows_masked = 0;
    ops[i]->fenced_count = 0;
  }
  sd_status status = sd_plan_init(&landing.plan, mapping, ops, count);
  if (status != SD_OK) {
    for (uint32_t i = 0; i < count; i++) {
      sd_error_set(&ops[i]->base.error, i == 0 ? status : SD_CANCELLED, "no memory to land a batch of %s",
                   mapping->target.hub);
      ops[i]->base.error.retriable = true;
    }
    return;
  }
  status = land(&landing, &error);
  if (status == SD_OK)
    sd_error_clear(&error); /* of attempts that were made good */
  else
    sd_error_prefix(&error, "writing to %s.%s in %s", mapping->target.schema, mapping->target.table,
                    sink->database_name);
  sd_landing_drop_appenders(&landing);
  settle(&landing, &error);
  sd_plan_release(&landing.plan);
}
