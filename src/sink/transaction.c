/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One transaction of a landing: fence, rows, dead letters, COMMIT. */
#include "base/clock.h"
#include "base/hook.h"
#include "sink/landing.h"
#include "sink/spans.h"

void sd_landing_drop_appenders(sd_landing *landing)
{
  sd_duck_appender_free(landing->events);
  landing->events = NULL;
  sd_duck_appender_free(landing->dead_letters);
  landing->dead_letters = NULL;
}

/* A time for this transaction alone, also when the clock was set back. */
static int64_t next_time(sd_duck_sink *sink)
{
  int64_t now = sd_clock_unix_us();
  sink->last_time_us = now > sink->last_time_us ? now : sink->last_time_us + 1;
  return sink->last_time_us;
}

/* After BEGIN, before COMMIT. */
static sd_status run_statements(sd_landing *landing, bool *ret_held, sd_error *error)
{
  landing->stage = SD_STAGE_FENCE;
  sd_status status = sd_landing_fence(landing, ret_held, error);
  if (status != SD_OK || !*ret_held)
    return status;
  landing->stage = SD_STAGE_PREPARE;
  if (landing->plan.live > 0)
    status = sd_landing_append_events(landing, error);
  if (status != SD_OK)
    return status;
  landing->stage = SD_STAGE_DEAD_LETTERS;
  if (landing->plan.dead > 0)
    status = sd_landing_append_dead_letters(landing, error);
  return status;
}

static sd_landing_outcome commit(sd_landing *landing, uint64_t began_ns, sd_error *error)
{
  landing->stage = SD_STAGE_COMMIT;
  sd_phase_enter(SD_PHASE_BEFORE_COMMIT);
  uint64_t before = sd_clock_monotonic_ns();
  sd_status status = sd_duck_execute(landing->sink->connection, "COMMIT", NULL, error);
  uint64_t after = sd_clock_monotonic_ns();
  bool committed = status == SD_OK;
  if (!committed) {
    sd_error unknown;
    sd_landing_drop_appenders(landing);
    if (sd_landing_recover(landing, &committed, &unknown) != SD_OK) {
      if (error) {
        *error = unknown;
        sd_error_prefix(error, "COMMIT failed and what became of it could not be read");
      }
      return SD_LANDING_FAILED;
    }
    sd_sink_spans_note(
        landing->mapping,
        committed ? "COMMIT gave an error, and happened" : "COMMIT gave an error, and did not happen", error);
    sd_log_warning(
        landing->sink->log, "sink", "%s: COMMIT gave an error; reading the checkpoints shows that it %s: %s",
        landing->sink->database_name, committed ? "happened" : "did not happen", error ? error->message : "");
  }
  if (!committed)
    return error && sd_duck_error_is_conflict(error) ? SD_LANDING_AGAIN : SD_LANDING_FAILED;
  sd_phase_enter(SD_PHASE_AFTER_COMMIT);
  landing->transaction_ns = after - began_ns;
  landing->commit_ns = after - before;
  return SD_LANDING_COMMITTED;
}

sd_landing_outcome sd_landing_transact(sd_landing *landing, sd_error *error)
{
  sd_duck_sink *sink = landing->sink;
  uint64_t began_ns = sd_clock_monotonic_ns();
  bool held = false;
  landing->time_us = next_time(sink);
  sd_random_uuid(landing->batch_id);
  landing->stage = SD_STAGE_FENCE;
  sd_status status = sd_duck_execute(sink->connection, "BEGIN TRANSACTION", NULL, error);
  if (status == SD_OK)
    status = run_statements(landing, &held, error);
  if (status == SD_OK && held)
    return commit(landing, began_ns, error);

  /* After a failed statement COMMIT would report success and land nothing. */
  sd_landing_drop_appenders(landing);
  sd_sink_rollback(sink);
  bool conflict = status != SD_OK && error && sd_duck_error_is_conflict(error);
  if (status != SD_OK && !conflict)
    return SD_LANDING_FAILED;
  status = sd_landing_refresh(landing, error);
  return status == SD_OK ? SD_LANDING_AGAIN : SD_LANDING_FAILED;
}
