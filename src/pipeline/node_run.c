/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One node: called, called again, completed later by somebody else, given up. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "pipeline/hooks.h"

#include <string.h>

enum { RETRY_DELAY_MAX_MS = 30000 };

static sd_node_call *new_call(sd_frame *frame, uint32_t record)
{
  sd_node_call *call = sd_calloc(1, sizeof *call);
  if (!call)
    return NULL;
  atomic_init(&call->state, 0);
  call->frame = frame;
  call->record = record;
  call->attempt = 1;
  call->context = frame->run->context;
  return call;
}

static void free_call(sd_node_call *call)
{
  if (call->deferred)
    sd_run_context_release(call->context);
  sd_free(call->outputs);
  sd_free(call->stand_in);
  sd_free(call);
}

static void drop_outputs(sd_value *outputs, uint32_t count)
{
  for (uint32_t k = 0; k < count; k++) {
    sd_value_release(outputs[k]);
    outputs[k] = sd_value_null();
  }
}

static void fail_no_memory(sd_frame *frame, uint32_t record)
{
  sd_error error;
  sd_error_set(&error, SD_NOMEM, "out of memory");
  sd_frame_fail(frame, frame->plan->node_names[record], SD_NOMEM, &error);
}

/* True when the run or this part of it must not go on; the frame has failed then. */
static bool stop_here(sd_frame *frame, uint32_t record)
{
  sd_status status = sd_run_check(frame->run, frame->deadline_ns);
  if (status == SD_OK && frame->concurrent && sd_frame_stopped(frame))
    status = SD_CANCELLED;
  if (status == SD_OK && frame->map &&
      atomic_load_explicit(&frame->map->status, memory_order_relaxed) != SD_OK)
    status = SD_CANCELLED;
  if (status == SD_OK)
    return false;
  sd_error error;
  sd_error_set(&error, status, "%s",
               status == SD_TIMEOUT ? "not started: the pipeline's time is over" : "not started: cancelled");
  sd_frame_fail(frame, frame->plan->node_names[record], status, &error);
  return true;
}

/* ---- After a call */

static uint32_t retry_delay_ms(const sd_retry_policy *retry, uint32_t attempt)
{
  uint64_t max = retry->delay_max_ms ? retry->delay_max_ms : RETRY_DELAY_MAX_MS;
  uint64_t delay = retry->first_delay_ms;
  for (uint32_t i = 1; i < attempt && delay < max; i++)
    delay *= 2;
  if (delay > max)
    delay = max;
  return (uint32_t)sd_random_below(delay + 1);
}

static bool worth_another(const sd_node_call *call, const sd_error *error)
{
  const sd_retry_policy *retry = &call->frame->plan->records[call->record].node->options.retry;
  if (call->attempt >= retry->attempts || sd_run_check(call->frame->run, call->frame->deadline_ns) != SD_OK)
    return false;
  return retry->retry_if ? retry->retry_if(retry->user, error) : error->retriable;
}

static void wait_for_retry(sd_node_call *call)
{
  sd_frame *frame = call->frame;
  sd_run *run = frame->run;
  const sd_record *record = &frame->plan->records[call->record];
  call->due_ns = (int64_t)sd_clock_monotonic_ns() +
                 (int64_t)retry_delay_ms(&record->node->options.retry, call->attempt) * 1000000;
  call->attempt++;
  call->job = (sd_job){.kind = SD_JOB_RETRY, .object = call};
  pthread_mutex_lock(&run->lock);
  sd_node_call **link = &run->retries;
  while (*link && (*link)->due_ns <= call->due_ns)
    link = &(*link)->next;
  call->next = *link;
  *link = call;
  if (run->waiting)
    pthread_cond_signal(&run->wake);
  pthread_mutex_unlock(&run->lock);
}

bool sd_call_over(sd_node_call *call, sd_status status, const sd_error *error)
{
  sd_frame *frame = call->frame;
  const sd_record *record = &frame->plan->records[call->record];
  sd_cell *cell = frame->cells ? &frame->cells[call->record] : NULL;
  bool hooked = sd_hooked(frame);
  if (status == SD_OK) {
    frame->executed++;
    sd_cache_event event = {.status = SD_CACHE_OFF, .signature = ""};
    char text[SD_SIGNATURE_TEXT_SIZE];
    int64_t duration = cell && cell->start_ns ? (int64_t)sd_clock_monotonic_ns() - cell->start_ns : 0;
    if (cell && cell->is_signed) {
      event.signature = sd_signature_text(cell->signature, text);
      sd_cache_keep(frame, call->record, duration, &event);
    }
    if (hooked && !frame->pipeline->implicit)
      sd_hook_node_end(frame, call->record, call->attempt, duration, &event);
    free_call(call);
    return true;
  }
  sd_error said = {.code = SD_OK};
  if (error)
    said = *error;
  if (said.code == SD_OK)
    sd_error_set(&said, status, "%s", sd_status_text(status));
  bool again = worth_another(call, &said);
  if (hooked)
    sd_hook_error(frame, call->record, call->attempt, &said, again);
  if (again) {
    wait_for_retry(call);
    return false;
  }
  sd_frame_fail(frame, record->node->options.name, status, &said);
  free_call(call);
  return true;
}

/* The function has returned and said that somebody else completes the call. */
static bool call_deferred(sd_node_call *call)
{
  sd_frame *frame = call->frame;
  sd_run *run = frame->run;
  const sd_record *record = &frame->plan->records[call->record];
  pthread_mutex_lock(&run->lock);
  unsigned before = atomic_fetch_or(&call->state, SD_CALL_RETURNED);
  if (!(before & SD_CALL_COMPLETED)) {
    call->linked = true;
    call->prev = NULL;
    call->next = run->pending;
    if (run->pending)
      run->pending->prev = call;
    run->pending = call;
  }
  pthread_mutex_unlock(&run->lock);
  if (!(before & SD_CALL_COMPLETED))
    return false;
  if (call->status == SD_OK)
    memcpy(&frame->slots[record->output_slot], call->outputs, record->output_count * sizeof(sd_value));
  return sd_call_over(call, call->status, &call->error);
}

static bool call_function(sd_node_call *call, const sd_value *args)
{
  sd_frame *frame = call->frame;
  const sd_record *record = &frame->plan->records[call->record];
  sd_value *outputs = &frame->slots[record->output_slot];
  sd_error error = {.code = SD_OK};
  sd_status status = record->function(record->user, call, args, outputs, &error);
  if (call->deferred && status == SD_OK)
    return call_deferred(call);
  if (status != SD_OK)
    drop_outputs(outputs, record->output_count);
  return sd_call_over(call, status, &error);
}

bool sd_call_try(sd_node_call *call)
{
  sd_frame *frame = call->frame;
  const sd_record *record = &frame->plan->records[call->record];
  sd_value args[SD_NODE_INPUTS_MAX];
  if (call->deferred) {
    sd_run_context_release(call->context);
    call->deferred = false;
  }
  atomic_store(&call->state, 0);
  sd_free(call->outputs);
  sd_free(call->stand_in);
  call->outputs = NULL;
  call->stand_in = NULL;
  if (stop_here(frame, call->record)) {
    free_call(call);
    return true;
  }
  for (uint32_t i = 0; i < record->input_count; i++) {
    sd_error error;
    sd_status status =
        sd_lazy_force(frame->slots[frame->plan->input_slots[record->inputs + i]], &args[i], &error);
    if (status == SD_OK)
      continue;
    /* What the cache promised is gone or broken: everything begins anew and trusts only what it has read. */
    if (status == SD_NOT_FOUND || status == SD_CORRUPT)
      atomic_store(&frame->run->restart, true);
    sd_frame_fail(frame, record->node->options.name, status, &error);
    free_call(call);
    return true;
  }
  sd_cell *cell = &frame->cells[call->record];
  if (sd_hooked(frame) || cell->is_signed) {
    if (call->attempt == 1 && sd_hooked(frame) && !frame->pipeline->implicit)
      sd_hook_node_start(frame, call->record, args);
    cell->start_ns = (int64_t)sd_clock_monotonic_ns();
  }
  return call_function(call, args);
}

bool sd_node_begin(sd_frame *frame, uint32_t record)
{
  if (stop_here(frame, record))
    return true;
  const sd_node *node = frame->plan->records[record].node;
  if (node->pipeline)
    return sd_node_begin_pipeline(frame, record);
  if (frame->caching && sd_node_cache(frame, node) && !frame->cells[record].asked &&
      sd_cache_lookup(frame, record))
    return true;
  sd_node_call *call = new_call(frame, record);
  if (!call) {
    fail_no_memory(frame, record);
    return true;
  }
  return sd_call_try(call);
}

/* ---- The short way: functions, one after the other, and nothing else */

bool sd_frame_run_simple(sd_frame *frame)
{
  const sd_plan *plan = frame->plan;
  sd_value args[SD_NODE_INPUTS_MAX];
  sd_error error = {.code = SD_OK};
  sd_cancel *cancel = frame->run->context->cancel;
  uint32_t executed = 0;
  bool check = cancel || frame->deadline_ns || frame->map;
  while (frame->position < plan->count && !sd_frame_failed(frame)) {
    uint32_t r = frame->position++;
    if (frame->needed && !frame->needed[r])
      continue;
    if (check && stop_here(frame, r))
      break;
    if (!frame->call && !(frame->call = new_call(frame, r))) {
      fail_no_memory(frame, r);
      break;
    }
    const sd_record *record = &plan->records[r];
    const uint32_t *slots = &plan->input_slots[record->inputs];
    for (uint32_t i = 0; i < record->input_count; i++) {
      args[i] = frame->slots[slots[i]];
      if (__builtin_expect(args[i].type == &sd_lazy_type, 0)) {
        sd_status status = sd_lazy_force(args[i], &args[i], &error);
        if (status == SD_OK)
          continue;
        if (status == SD_NOT_FOUND || status == SD_CORRUPT)
          atomic_store(&frame->run->restart, true);
        sd_frame_fail(frame, record->node->options.name, status, &error);
        goto done;
      }
    }
    sd_node_call *call = frame->call;
    call->record = r;
    sd_value *outputs = &frame->slots[record->output_slot];
    sd_status status = record->function(record->user, call, args, outputs, &error);
    if (__builtin_expect(call->deferred, 0)) {
      frame->call = NULL;
      frame->executed += executed;
      executed = 0;
      if (status == SD_OK) {
        if (!call_deferred(call))
          return false;
        continue;
      }
      free_call(call);
    }
    if (__builtin_expect(status != SD_OK, 0)) {
      drop_outputs(outputs, record->output_count);
      sd_frame_fail(frame, record->node->options.name, status, &error);
      break;
    }
    executed++;
  }
done:
  frame->executed += executed;
  return true;
}

/* ---- What the function and others may do with a call */

void sd_node_call_defer(sd_node_call *call)
{
  if (call->deferred)
    return;
  /* From here on the call stands alone: it may outlive frame and run. */
  sd_run_context_retain(call->context);
  call->deferred = true;
  call->deadline_ns = call->frame->deadline_ns;
  call->output_count = call->frame->plan->records[call->record].output_count;
  call->stand_in = new_call(call->frame, call->record);
}

/* With the run's lock. */
static void unlink_call(sd_run *run, sd_node_call *call)
{
  if (call->prev)
    call->prev->next = call->next;
  else
    run->pending = call->next;
  if (call->next)
    call->next->prev = call->prev;
  call->linked = false;
}

/* Like the state, `outputs` belongs to the completing thread until COMPLETED is set. */
static void keep_result(sd_node_call *call, uint32_t count, sd_status status, const sd_value *outputs,
                        const sd_error *error)
{
  call->status = status;
  sd_error_clear(&call->error);
  if (status != SD_OK) {
    if (error)
      call->error = *error;
    return;
  }
  sd_value *copy = sd_alloc(count * sizeof *copy);
  if (copy) {
    memcpy(copy, outputs, count * sizeof *copy);
    call->outputs = copy;
    return;
  }
  for (uint32_t k = 0; k < count; k++)
    sd_value_release(outputs[k]);
  call->status = sd_error_set(&call->error, SD_NOMEM, "out of memory for the outputs");
}

void sd_node_call_complete(sd_node_call *call, sd_status status, const sd_value *outputs,
                           const sd_error *error)
{
  keep_result(call, call->output_count, status, outputs, error);
  unsigned before = atomic_fetch_or(&call->state, SD_CALL_COMPLETED);
  if (before & SD_CALL_ABANDONED) {
    for (uint32_t k = 0; call->outputs && k < call->output_count; k++)
      sd_value_release(call->outputs[k]);
    free_call(call);
    return;
  }
  if (!(before & SD_CALL_RETURNED))
    return; /* the thread that called the function goes on with it */
  sd_queue *queue = call->frame->queue;
  sd_run *run = queue->run;
  pthread_mutex_lock(&run->lock);
  unlink_call(run, call);
  call->job = (sd_job){.kind = SD_JOB_CALL, .object = call};
  sd_queue_push(queue, &call->job);
  pthread_mutex_unlock(&run->lock);
}

bool sd_node_call_is_cancelled(const sd_node_call *call)
{
  const sd_run_context *context = call->context;
  if (atomic_load(&call->state) & SD_CALL_ABANDONED || atomic_load(&context->stopped) ||
      sd_run_context_cancelled(context))
    return true;
  int64_t deadline_ns = call->deferred ? call->deadline_ns : call->frame->deadline_ns;
  return deadline_ns && (int64_t)sd_clock_monotonic_ns() >= deadline_ns;
}

uint32_t sd_node_call_attempt(const sd_node_call *call)
{
  return call->attempt;
}

sd_run_context *sd_node_call_context(const sd_node_call *call)
{
  return call->context;
}

/* Gives up calls whose results nobody wants any more; they are over with an error. With the lock. */
void sd_calls_reap(sd_run *run, int64_t now_ns)
{
  sd_node_call *next;
  for (sd_node_call *call = run->pending; call; call = next) {
    next = call->next;
    sd_status status = SD_OK;
    if (sd_run_context_cancelled(run->context) || sd_frame_stopped(call->frame))
      status = SD_CANCELLED;
    else if (call->deadline_ns && now_ns >= call->deadline_ns)
      status = SD_TIMEOUT;
    if (status == SD_OK || !call->stand_in)
      continue;
    if (atomic_fetch_or(&call->state, SD_CALL_ABANDONED) & SD_CALL_COMPLETED)
      continue; /* its result is about to be queued */
    unlink_call(run, call);
    /* The call itself now belongs to whoever completes it: another stands in for it. */
    sd_frame *frame = call->frame;
    sd_node_call *stand_in = call->stand_in;
    stand_in->attempt = call->attempt;
    stand_in->status =
        sd_error_set(&stand_in->error, status, "%s",
                     status == SD_TIMEOUT ? "not completed in time" : "cancelled before it was completed");
    stand_in->job = (sd_job){.kind = SD_JOB_CALL, .object = stand_in};
    call->stand_in = NULL;
    sd_queue_push(frame->queue, &stand_in->job);
  }
}
