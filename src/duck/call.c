/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Watched calls into DuckDB, and the watchdog thread. */
#include "duck/call.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "duck/duck_error.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

enum { WATCHDOG_TICK_MS = 100 };

struct sd_duck_watchdog {
  pthread_mutex_t lock; /* of the list, `parked` and `stop`; taken before a call's lock */
  pthread_cond_t wake;
  pthread_t thread;
  sd_duck_call *calls;
  bool stop;
  atomic_bool parked;  /* no call ran at the last look: the thread waits to be woken */
  atomic_uint running; /* calls between begin and end */
};

/* One look at one call, with the watchdog's lock held. */
static void look_at(sd_duck_call *call, uint64_t now)
{
  bool tell_interrupted = false;
  bool tell_hung = false;
  pthread_mutex_lock(&call->lock);
  if (call->deadline_ms != 0 && call->handle) {
    if (atomic_load(&call->cancelled)) {
      call->api->interrupt(call->handle);
    } else if (now >= call->deadline_ms) {
      /* Again and again: an interrupt that comes between two steps of DuckDB can be lost. */
      call->api->interrupt(call->handle);
      tell_interrupted = call->interrupted_ms == 0;
      if (tell_interrupted)
        call->interrupted_ms = now;
      atomic_store(&call->timed_out, true);
      tell_hung = now >= call->interrupted_ms + call->grace_ms && !atomic_exchange(&call->hung, true);
    }
  }
  pthread_mutex_unlock(&call->lock);
  if (tell_interrupted)
    sd_log_warning(call->log, "duck", "a database call was interrupted after %" PRIu64 " ms", call->max_ms);
  if (tell_hung)
    sd_log_error(call->log, "duck",
                 "a database call has not ended %" PRIu64
                 " ms after it was interrupted: it hangs. Restart the "
                 "program; nothing that was committed is lost",
                 call->grace_ms);
}

static void *watch(void *argument)
{
  sd_duck_watchdog *watchdog = argument;
  pthread_mutex_lock(&watchdog->lock);
  while (!watchdog->stop) {
    if (atomic_load(&watchdog->running) == 0) {
      atomic_store(&watchdog->parked, true);
      while (!watchdog->stop && atomic_load(&watchdog->running) == 0)
        pthread_cond_wait(&watchdog->wake, &watchdog->lock);
      atomic_store(&watchdog->parked, false);
      continue;
    }
    uint64_t now = sd_clock_monotonic_ms();
    for (sd_duck_call *call = watchdog->calls; call; call = call->next)
      look_at(call, now);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WATCHDOG_TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
      until.tv_sec++;
      until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &until);
  }
  pthread_mutex_unlock(&watchdog->lock);
  return NULL;
}

sd_status sd_duck_watchdog_new(sd_duck_watchdog **ret_watchdog, sd_error *error)
{
  sd_duck_watchdog *watchdog = sd_calloc(1, sizeof *watchdog);
  if (!watchdog)
    return sd_error_set(error, SD_NOMEM, "no memory for the database's watchdog");
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&watchdog->lock, NULL);
  pthread_cond_init(&watchdog->wake, &attr);
  pthread_condattr_destroy(&attr);
  int rc = pthread_create(&watchdog->thread, NULL, watch, watchdog);
  if (rc != 0) {
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    sd_free(watchdog);
    return sd_error_set_errno(error, SD_NOMEM, rc, "starting the database's watchdog thread");
  }
  *ret_watchdog = watchdog;
  return SD_OK;
}

void sd_duck_watchdog_free(sd_duck_watchdog *watchdog)
{
  if (!watchdog)
    return;
  pthread_mutex_lock(&watchdog->lock);
  watchdog->stop = true;
  pthread_cond_signal(&watchdog->wake);
  pthread_mutex_unlock(&watchdog->lock);
  pthread_join(watchdog->thread, NULL);
  pthread_cond_destroy(&watchdog->wake);
  pthread_mutex_destroy(&watchdog->lock);
  sd_free(watchdog);
}

sd_status sd_duck_call_init(sd_duck_call *call)
{
  if (pthread_mutex_init(&call->lock, NULL) != 0)
    return SD_NOMEM;
  call->handle = NULL;
  call->deadline_ms = 0;
  call->interrupted_ms = 0;
  atomic_init(&call->timed_out, false);
  atomic_init(&call->cancelled, false);
  atomic_init(&call->hung, false);
  pthread_mutex_lock(&call->watchdog->lock);
  call->next = call->watchdog->calls;
  call->watchdog->calls = call;
  pthread_mutex_unlock(&call->watchdog->lock);
  return SD_OK;
}

void sd_duck_call_release(sd_duck_call *call)
{
  pthread_mutex_lock(&call->watchdog->lock);
  sd_duck_call **at = &call->watchdog->calls;
  while (*at != call)
    at = &(*at)->next;
  *at = call->next;
  pthread_mutex_unlock(&call->watchdog->lock);
  sd_duck_call_set_handle(call, NULL);
  pthread_mutex_destroy(&call->lock);
}

void sd_duck_call_set_handle(sd_duck_call *call, duckdb_connection handle)
{
  pthread_mutex_lock(&call->lock);
  duckdb_connection old = call->handle;
  call->handle = handle;
  pthread_mutex_unlock(&call->lock);
  if (old)
    call->api->disconnect(&old);
}

sd_status sd_duck_call_begin(sd_duck_call *call, sd_error *error)
{
  if (atomic_load(&call->cancelled))
    return sd_error_set(error, SD_CANCELLED, "the database's thread is being stopped");
  pthread_mutex_lock(&call->lock);
  call->deadline_ms = sd_clock_monotonic_ms() + call->max_ms;
  call->interrupted_ms = 0;
  atomic_store(&call->timed_out, false);
  pthread_mutex_unlock(&call->lock);
  atomic_fetch_add(&call->watchdog->running, 1);
  if (atomic_load(&call->watchdog->parked)) {
    pthread_mutex_lock(&call->watchdog->lock);
    pthread_cond_signal(&call->watchdog->wake);
    pthread_mutex_unlock(&call->watchdog->lock);
  }
  return SD_OK;
}

void sd_duck_call_end(sd_duck_call *call)
{
  atomic_fetch_sub(&call->watchdog->running, 1);
  pthread_mutex_lock(&call->lock);
  call->deadline_ms = 0;
  pthread_mutex_unlock(&call->lock);
  atomic_store(&call->hung, false);
}

sd_status sd_duck_call_failed(sd_duck_call *call, duckdb_error_type type, const char *text, sd_error *error)
{
  sd_status code = sd_duck_error_set(error, type, text, call->scrubber);
  if (atomic_load(&call->cancelled)) {
    code = sd_error_set(error, SD_CANCELLED, "the database's thread is being stopped");
  } else if (atomic_load(&call->timed_out) && type == DUCKDB_ERROR_INTERRUPT) {
    code = sd_error_set(error, SD_TIMEOUT, "the database did not answer within %" PRIu64 " s",
                        call->max_ms / 1000);
    if (error)
      error->retriable = true;
  }
  return code;
}

sd_status sd_duck_call_query(sd_duck_call *call, const char *sql, duckdb_result *ret_result, sd_error *error)
{
  duckdb_result result;
  memset(&result, 0, sizeof result);
  sd_status status = sd_duck_call_begin(call, error);
  if (status != SD_OK)
    return status;
  duckdb_state state = call->api->query(call->handle, sql, &result);
  sd_duck_call_end(call);
  if (state != DuckDBSuccess) {
    status = sd_duck_call_failed(call, call->api->result_error_type(&result),
                                 call->api->result_error(&result), error);
    call->api->destroy_result(&result);
    return status;
  }
  *ret_result = result;
  return SD_OK;
}

void sd_duck_call_interrupt(sd_duck_call *call)
{
  pthread_mutex_lock(&call->lock);
  if (call->handle && call->deadline_ms != 0)
    call->api->interrupt(call->handle);
  pthread_mutex_unlock(&call->lock);
}

void sd_duck_call_cancel(sd_duck_call *call)
{
  atomic_store(&call->cancelled, true);
  sd_duck_call_interrupt(call);
}
