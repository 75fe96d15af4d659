/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* When the telemetry's thread works and for whom it is waited. */
#include "base/alloc.h"
#include "base/clock.h"
#include "trace/span.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
#define NEVER     UINT64_MAX
/* Far enough for any timed wait, near enough for a time_t. */
#define LONG_WAIT_NS (UINT64_C(3600) * 1000 * NS_PER_MS)

static void init_conditions(sd_processor *processor)
{
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&processor->wake, &attr);
  pthread_cond_init(&processor->done, &attr);
  pthread_condattr_destroy(&attr);
}

/* False at the deadline. */
static bool wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns)
{
  uint64_t now = sd_clock_monotonic_ns();
  if (now >= deadline_ns)
    return false;
  if (deadline_ns - now > LONG_WAIT_NS)
    deadline_ns = now + LONG_WAIT_NS;
  struct timespec until = {
      .tv_sec = (time_t)(deadline_ns / (1000 * NS_PER_MS)),
      .tv_nsec = (long)(deadline_ns % (1000 * NS_PER_MS)),
  };
  pthread_cond_timedwait(cond, mutex, &until);
  return true;
}

static void set_state(sd_telemetry *telemetry, sd_ring_state state)
{
  atomic_store_explicit(&telemetry->ring.state, state, memory_order_seq_cst);
}

static sd_ring_state get_state(const sd_telemetry *telemetry)
{
  return (sd_ring_state)atomic_load_explicit(&telemetry->ring.state, memory_order_relaxed);
}

/* ---- The thread
 * --------------------------------------------------------------------------------------------- */

static bool has_metrics(const sd_telemetry *telemetry)
{
  for (size_t i = 0; i < telemetry->exporter_count; i++) {
    if (telemetry->exporters[i]->vtable->export_metric)
      return telemetry->registry != NULL;
  }
  return false;
}

/* When there is something to do, as far as it is known now. */
static uint64_t next_due(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  uint64_t due = has_metrics(telemetry) ? processor->metrics_due_ns : NEVER;
  uint64_t look = NEVER;
  if (processor->is_batch_due)
    look = processor->looked_ns + SD_PROCESSOR_INTERVAL_NS;
  else if (get_state(telemetry) == SD_RING_WATCHED || processor->tail.record_count > 0)
    look = processor->looked_ns + processor->delay_ns;
  return look < due ? look : due;
}

static void wait_for_work(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  while (!processor->must_stop && !processor->is_urgent && processor->flush_asked == processor->flush_done) {
    if (!wait_until(&processor->wake, &processor->mutex, next_due(telemetry)))
      return;
  }
}

/* Once nothing came for a whole delay the ring is no longer watched: its next record wakes the thread. */
static void fall_asleep(sd_telemetry *telemetry)
{
  if (get_state(telemetry) == SD_RING_CLOSED)
    return;
  set_state(telemetry, SD_RING_ASLEEP);
  if (!sd_ring_is_empty(&telemetry->ring))
    set_state(telemetry, SD_RING_WATCHED);
}

static void export_metrics(sd_telemetry *telemetry)
{
  for (size_t i = 0; i < telemetry->exporter_count; i++) {
    sd_exporter *exporter = telemetry->exporters[i];
    if (exporter->vtable->export_metric && sd_processor_enter(telemetry, exporter)) {
      sd_registry_export(telemetry->registry, exporter);
      sd_processor_leave(telemetry);
    }
  }
}

/* Each kind is told at most once in SD_PROCESSOR_REPORT_S. */
static bool may_report(sd_processor_report *report, uint64_t total, uint64_t now, uint64_t *ret_new)
{
  if (total == report->total ||
      (report->told_ns && now - report->told_ns < SD_PROCESSOR_REPORT_S * 1000 * NS_PER_MS))
    return false;
  *ret_new = total - report->total;
  report->total = total;
  report->told_ns = now;
  return true;
}

static void report_drops(sd_telemetry *telemetry, uint64_t now)
{
  sd_processor *processor = &telemetry->processor;
  uint64_t dropped;
  if (may_report(&processor->dropped_records, sd_ring_dropped(&telemetry->ring), now, &dropped))
    sd_telemetry_report(telemetry, SD_LEVEL_WARN,
                        "telemetry: %llu records were dropped, because records came faster than the "
                        "exporters take them: raise ring_bytes (%zu), or record less",
                        (unsigned long long)dropped,
                        telemetry->ring.block_count * telemetry->ring.block_bytes);
  uint64_t attributes = 0;
  for (size_t i = 0; i < SD_THREAD_SLOTS; i++)
    attributes += atomic_load_explicit(&telemetry->cells[i].dropped_attributes, memory_order_relaxed);
  if (may_report(&processor->dropped_attributes, attributes, now, &dropped))
    sd_telemetry_report(telemetry, SD_LEVEL_WARN,
                        "telemetry: %llu attributes were dropped: past the limits of spans, or without a key",
                        (unsigned long long)dropped);
}

static void work(sd_telemetry *telemetry, bool is_flush, bool is_last)
{
  sd_processor *processor = &telemetry->processor;
  uint64_t now = sd_clock_monotonic_ns();
  uint64_t taken = atomic_load_explicit(&telemetry->ring.taken, memory_order_relaxed);
  sd_batch_process(telemetry, is_last);
  if (taken == atomic_load_explicit(&telemetry->ring.taken, memory_order_relaxed))
    fall_asleep(telemetry);
  if (has_metrics(telemetry) && (is_flush || now >= processor->metrics_due_ns)) {
    export_metrics(telemetry);
    if (!is_flush)
      processor->metrics_due_ns = now + processor->metric_interval_ns;
  }
  report_drops(telemetry, now);
}

static void *run(void *user)
{
  sd_telemetry *telemetry = user;
  sd_processor *processor = &telemetry->processor;
  bool is_orphan;
  pthread_mutex_lock(&processor->mutex);
  for (;;) {
    wait_for_work(telemetry);
    uint64_t flush = processor->flush_asked;
    bool is_flush = flush != processor->flush_done;
    bool is_last = processor->must_stop;
    processor->is_batch_due = false;
    processor->is_urgent = false;
    pthread_mutex_unlock(&processor->mutex);
    if (is_last)
      set_state(telemetry, SD_RING_CLOSED);
    work(telemetry, is_flush || is_last, is_last);
    pthread_mutex_lock(&processor->mutex);
    processor->looked_ns = sd_clock_monotonic_ns();
    processor->flush_done = flush;
    processor->is_finished = is_last;
    is_orphan = processor->is_orphan;
    pthread_cond_broadcast(&processor->done);
    if (is_last)
      break;
  }
  pthread_mutex_unlock(&processor->mutex);
  if (is_orphan)
    sd_telemetry_destroy(telemetry);
  return NULL;
}

bool sd_processor_start(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  if (processor->is_started)
    return true;
  uint64_t now = sd_clock_monotonic_ns();
  if (now < processor->retry_ns)
    return false;
  /* The program's signals are not this thread's. */
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&processor->thread, NULL, run, telemetry);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed) {
    processor->retry_ns = now + SD_PROCESSOR_RETRY_NS;
    return false;
  }
  pthread_setname_np(processor->thread, "sd-telemetry");
  processor->is_started = true;
  processor->looked_ns = now;
  processor->metrics_due_ns = now + processor->metric_interval_ns;
  return true;
}

void sd_processor_notice(sd_telemetry *telemetry, sd_ring_result result)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  if (sd_processor_start(telemetry)) {
    if (get_state(telemetry) == SD_RING_ASLEEP) {
      processor->looked_ns = sd_clock_monotonic_ns();
      set_state(telemetry, SD_RING_WATCHED);
    }
    if (result == SD_RING_URGE)
      processor->is_urgent = true;
    else if (atomic_load_explicit(&telemetry->ring.noted, memory_order_relaxed) >= telemetry->ring.edge)
      processor->is_batch_due = true;
    pthread_cond_signal(&processor->wake);
  }
  pthread_mutex_unlock(&processor->mutex);
}

/* ---- Those who wait for it
 * ---------------------------------------------------------------------------------- */

bool sd_processor_enter(sd_telemetry *telemetry, const sd_exporter *exporter)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  bool may = !processor->is_cancelled;
  processor->exporting = may ? exporter : NULL;
  pthread_mutex_unlock(&processor->mutex);
  return may;
}

void sd_processor_leave(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  processor->exporting = NULL;
  pthread_mutex_unlock(&processor->mutex);
}

bool sd_processor_is_self(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  bool is_self = processor->is_started && pthread_equal(processor->thread, pthread_self());
  pthread_mutex_unlock(&processor->mutex);
  return is_self;
}

sd_status sd_processor_flush(sd_telemetry *telemetry, uint64_t deadline_ns)
{
  sd_processor *processor = &telemetry->processor;
  sd_status status = SD_OK;
  pthread_mutex_lock(&processor->mutex);
  bool has_work = processor->is_started || !sd_ring_is_empty(&telemetry->ring) || has_metrics(telemetry);
  if (has_work && !processor->is_finished) {
    uint64_t ticket = ++processor->flush_asked;
    processor->retry_ns = 0;
    if (!sd_processor_start(telemetry))
      status = SD_NOMEM;
    pthread_cond_signal(&processor->wake);
    while (status == SD_OK && processor->flush_done < ticket && !processor->is_finished) {
      if (!wait_until(&processor->done, &processor->mutex, deadline_ns))
        status = SD_TIMEOUT;
    }
  }
  pthread_mutex_unlock(&processor->mutex);
  return status;
}

sd_status sd_processor_stop(sd_telemetry *telemetry, uint64_t deadline_ns)
{
  sd_processor *processor = &telemetry->processor;
  sd_status status = SD_OK;
  pthread_mutex_lock(&processor->mutex);
  processor->must_stop = true;
  processor->retry_ns = 0;
  bool has_work = processor->is_started || !sd_ring_is_empty(&telemetry->ring) || has_metrics(telemetry);
  if (!has_work || !sd_processor_start(telemetry)) {
    set_state(telemetry, SD_RING_CLOSED);
    status = has_work ? SD_NOMEM : SD_OK;
  } else {
    pthread_cond_signal(&processor->wake);
    while (!processor->is_finished && status == SD_OK) {
      if (!wait_until(&processor->done, &processor->mutex, deadline_ns))
        status = SD_TIMEOUT;
    }
    if (status != SD_OK)
      set_state(telemetry, SD_RING_CLOSED);
    processor->is_cancelled = true;
  }
  pthread_mutex_unlock(&processor->mutex);
  return status;
}

bool sd_processor_enter_flush(sd_telemetry *telemetry, uint64_t deadline_ns)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  while (processor->is_flushing && wait_until(&processor->done, &processor->mutex, deadline_ns))
    continue;
  bool entered = !processor->is_flushing;
  processor->is_flushing = true;
  pthread_mutex_unlock(&processor->mutex);
  return entered;
}

void sd_processor_leave_flush(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  processor->is_flushing = false;
  pthread_cond_broadcast(&processor->done);
  pthread_mutex_unlock(&processor->mutex);
}

const sd_exporter *sd_processor_stuck(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  const sd_exporter *stuck = processor->exporting;
  pthread_mutex_unlock(&processor->mutex);
  return stuck;
}

bool sd_processor_join(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->mutex);
  bool is_gone = !processor->is_started || processor->is_finished;
  bool must_join = processor->is_started && processor->is_finished;
  pthread_t thread = processor->thread;
  if (!is_gone) {
    processor->is_orphan = true;
    pthread_detach(thread);
  }
  pthread_mutex_unlock(&processor->mutex);
  if (must_join)
    pthread_join(thread, NULL);
  return is_gone;
}

/* ---- Life
 * --------------------------------------------------------------------------------------------------- */

sd_status sd_processor_init(sd_telemetry *telemetry, const sd_telemetry_options *options, sd_error *error)
{
  sd_processor *processor = &telemetry->processor;
  uint32_t batch = options->batch_records ? options->batch_records : SD_TELEMETRY_BATCH_DEFAULT;
  processor->batch = batch < SD_PROCESSOR_BATCH_MAX ? batch : SD_PROCESSOR_BATCH_MAX;
  processor->delay_ns = (options->delay_ms ? options->delay_ms : SD_TELEMETRY_DELAY_DEFAULT_MS) * NS_PER_MS;
  processor->metric_interval_ns =
      (options->metric_interval_ms ? options->metric_interval_ms : SD_TELEMETRY_METRICS_DEFAULT_MS) *
      NS_PER_MS;
  processor->records = sd_calloc(processor->batch, sizeof *processor->records);
  processor->chosen = sd_calloc(processor->batch, sizeof *processor->chosen);
  sd_buf_init(&processor->scratch, SD_PROCESSOR_SCRATCH_MAX);
  sd_arena_init(&processor->scrubbed, SD_SPAN_BYTES_MAX, SD_PROCESSOR_SCRUBBED_MAX);
  pthread_mutex_init(&processor->mutex, NULL);
  pthread_mutex_init(&processor->busy, NULL);
  init_conditions(processor);
  if (!processor->records || !processor->chosen)
    return sd_error_set(error, SD_NOMEM, "no memory for batches of %u records", processor->batch);
  return sd_tail_init(&processor->tail, &options->tail, sd_batch_emit, telemetry, error);
}

void sd_processor_release(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  sd_tail_release(&processor->tail);
  sd_buf_release(&processor->scratch);
  sd_arena_release(&processor->scrubbed);
  sd_free(processor->records);
  sd_free(processor->chosen);
  pthread_cond_destroy(&processor->wake);
  pthread_cond_destroy(&processor->done);
  pthread_mutex_destroy(&processor->mutex);
  pthread_mutex_destroy(&processor->busy);
}

void sd_processor_before_fork(sd_telemetry *telemetry)
{
  pthread_mutex_lock(&telemetry->processor.busy);
  pthread_mutex_lock(&telemetry->processor.mutex);
}

void sd_processor_after_fork_parent(sd_telemetry *telemetry)
{
  pthread_mutex_unlock(&telemetry->processor.mutex);
  pthread_mutex_unlock(&telemetry->processor.busy);
}

uint64_t sd_processor_after_fork(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  /* Those who waited on these do not exist here. */
  init_conditions(processor);
  processor->is_started = false;
  processor->is_batch_due = false;
  processor->is_urgent = false;
  processor->retry_ns = 0;
  processor->flush_done = processor->flush_asked;
  processor->exporting = NULL;
  processor->is_flushing = false;
  processor->count = 0;
  processor->pending_count = 0;
  memset(&processor->dropped_records, 0, sizeof processor->dropped_records);
  memset(&processor->dropped_attributes, 0, sizeof processor->dropped_attributes);
  uint64_t lost = sd_tail_after_fork(&processor->tail);
  lost += sd_ring_after_fork(&telemetry->ring);
  if (get_state(telemetry) != SD_RING_CLOSED)
    set_state(telemetry, SD_RING_ASLEEP);
  sd_processor_after_fork_parent(telemetry);
  return lost;
}
