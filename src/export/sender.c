/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Queue and thread of one signal's network export. */
#include "export/sender.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "export/otlp_split.h"
#include "export/retry.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

enum {
  STACK_BYTES = 512 * 1024, /* libcurl, OpenSSL and the resolver work on it */
  BODY_FACTOR = 8,          /* a body is at most so many times its request (JSON) … */
  BODY_EXTRA = 64 * 1024    /* … and this */
};

typedef struct request {
  struct request *next;
  size_t records;
  size_t len;
  uint8_t data[];
} request;

struct sd_sender {
  sd_sender_options options;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* on CLOCK_MONOTONIC: anything below */
  request *head, *tail;   /* waiting */
  request *in_flight;
  size_t bytes; /* of requests waiting and in flight */
  uint64_t put_count, done_count;
  pthread_t thread;
  bool started; /* there is a thread to join */
  bool stopping;
  bool ended;               /* the thread has nothing more to do with the sender */
  uint64_t throttled_until; /* the peer wants silence until then; the thread's own */
  _Atomic uint64_t exported, dropped_export, dropped_shutdown, dropped_fork, calls, retries, bytes_sent;
};

static void init_locks(sd_sender *sender)
{
  pthread_condattr_t attributes;
  pthread_mutex_init(&sender->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&sender->changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

sd_status sd_sender_new(const sd_sender_options *options, sd_sender **ret_sender)
{
  sd_sender *sender = sd_calloc(1, sizeof *sender);
  if (!sender)
    return SD_NOMEM;
  sender->options = *options;
  if (!sender->options.backoff_base_ms)
    sender->options.backoff_base_ms = SD_RETRY_BASE_MS;
  if (!sender->options.backoff_cap_ms)
    sender->options.backoff_cap_ms = SD_RETRY_CAP_MS;
  init_locks(sender);
  *ret_sender = sender;
  return SD_OK;
}

/* Frees what waits; returns its number of records. */
static size_t empty_queue(sd_sender *sender)
{
  size_t records = 0;
  for (request *r = sender->head; r;) {
    request *next = r->next;
    records += r->records;
    sender->bytes -= r->len;
    sd_free(r);
    r = next;
  }
  sender->head = sender->tail = NULL;
  return records;
}

void sd_sender_free(sd_sender *sender)
{
  if (!sender)
    return;
  empty_queue(sender);
  sender->options.transport.vtable->free(sender->options.transport.self);
  pthread_cond_destroy(&sender->changed);
  pthread_mutex_destroy(&sender->lock);
  sd_free(sender);
}

/* Locked. False when deadline_ns (CLOCK_MONOTONIC) has passed. */
static bool wait_until(sd_sender *sender, uint64_t deadline_ns)
{
  struct timespec at = {.tv_sec = (time_t)(deadline_ns / NS_PER_S),
                        .tv_nsec = (long)(deadline_ns % NS_PER_S)};
  return pthread_cond_timedwait(&sender->changed, &sender->lock, &at) == 0 ||
         sd_clock_monotonic_ns() < deadline_ns;
}

/* ---- Losses --------------------------------------------------------------------------------------------
 */

/* Points of metrics are no records of sd_telemetry_stats. */
static bool counts_records(const sd_sender *sender)
{
  return sender->options.signal != SD_SIGNAL_METRICS;
}

static void add_records(sd_sender *sender, _Atomic uint64_t *counter, uint64_t records)
{
  if (counts_records(sender))
    atomic_fetch_add_explicit(counter, records, memory_order_relaxed);
}

void sd_sender_drop(sd_sender *sender, sd_export_trouble trouble, size_t records, const char *text)
{
  add_records(sender, trouble == SD_TROUBLE_SHUTDOWN ? &sender->dropped_shutdown : &sender->dropped_export,
              records);
  sd_diagnostic_report(sender->options.diagnostic, trouble,
                       counts_records(sender) ? SD_UNIT_RECORDS : SD_UNIT_POINTS, records, text);
}

/* ---- The thread ----------------------------------------------------------------------------------------
 */

/* False when the sender stops meanwhile. */
static bool sleep_until(sd_sender *sender, uint64_t at_ns)
{
  pthread_mutex_lock(&sender->lock);
  while (!sender->stopping && sd_clock_monotonic_ns() < at_ns)
    wait_until(sender, at_ns);
  bool go_on = !sender->stopping;
  pthread_mutex_unlock(&sender->lock);
  return go_on;
}

static void drop_at_end(sd_sender *sender, size_t records)
{
  sd_sender_drop(sender, SD_TROUBLE_SHUTDOWN, records, "the time for the last exports was over");
}

/* Sends a body until that has an end. */
static void attempt(sd_sender *sender, sd_bytes body, size_t records, sd_send_result *result)
{
  const sd_transport *transport = &sender->options.transport;
  sd_retry retry;
  sd_retry_init(&retry, sd_clock_monotonic_ns(), sender->options.timeout_ms, sender->options.backoff_base_ms,
                sender->options.backoff_cap_ms);
  for (bool again = false;; again = true) {
    uint64_t now = sd_clock_monotonic_ns();
    if (now >= retry.deadline_ns)
      now = retry.deadline_ns - 1;
    atomic_fetch_add(&sender->calls, 1);
    if (again)
      atomic_fetch_add(&sender->retries, 1);
    *result = (sd_send_result){.outcome = SD_SEND_REFUSED};
    transport->vtable->send(transport->self, body, (uint32_t)((retry.deadline_ns - now) / NS_PER_MS) + 1,
                            result);
    if (result->answered)
      atomic_fetch_add(&sender->bytes_sent, body.len);
    if (result->warning[0])
      sd_diagnostic_warn_once(sender->options.diagnostic, result->warning);
    if (result->outcome != SD_SEND_AGAIN)
      return;
    now = sd_clock_monotonic_ns();
    if (result->delay_ms) {
      uint32_t silence_ms =
          result->delay_ms < SD_RETRY_THROTTLE_MAX_MS ? result->delay_ms : SD_RETRY_THROTTLE_MAX_MS;
      sender->throttled_until = now + silence_ms * NS_PER_MS;
    }
    uint64_t at;
    if (!sd_retry_next(&retry, now, result->delay_ms, &at)) {
      sd_sender_drop(sender, SD_TROUBLE_GIVEN_UP, records, result->text);
      return;
    }
    if (!sleep_until(sender, at)) {
      result->outcome = SD_SEND_CANCELLED;
      return;
    }
  }
}

static void deliver(sd_sender *sender, sd_bytes message, size_t records, unsigned depth);

/* A request that the peer finds too large goes again in two halves. */
static void split(sd_sender *sender, sd_bytes message, size_t records, unsigned depth, const char *text)
{
  sd_buf first, second;
  sd_buf_init(&first, message.len + BODY_EXTRA);
  sd_buf_init(&second, message.len + BODY_EXTRA);
  if (sd_otlp_split(sender->options.signal, message, &first, &second) == SD_OK) {
    size_t count;
    if (sd_otlp_count(sender->options.signal, sd_buf_bytes(&first), &count) != SD_OK || count > records)
      count = records / 2;
    deliver(sender, sd_buf_bytes(&first), count, depth + 1);
    sd_buf_release(&first);
    deliver(sender, sd_buf_bytes(&second), records - count, depth + 1);
  } else {
    sd_sender_drop(sender, SD_TROUBLE_REFUSED, records, text);
  }
  sd_buf_release(&first);
  sd_buf_release(&second);
}

static void account(sd_sender *sender, size_t records, const sd_send_result *result)
{
  uint64_t rejected = result->rejected < records ? result->rejected : records;
  add_records(sender, &sender->exported, records - rejected);
  if (rejected)
    sd_sender_drop(sender, SD_TROUBLE_REJECTED, rejected, result->text);
  else if (result->text[0])
    sd_diagnostic_report(sender->options.diagnostic, SD_TROUBLE_ANSWER, SD_UNIT_RECORDS, 0, result->text);
}

static void deliver(sd_sender *sender, sd_bytes message, size_t records, unsigned depth)
{
  const sd_transport *transport = &sender->options.transport;
  sd_send_result result;
  sd_buf body;
  if (!sleep_until(sender, sender->throttled_until)) {
    drop_at_end(sender, records);
    return;
  }
  sd_buf_init(&body, message.len * BODY_FACTOR + BODY_EXTRA);
  sd_status status = transport->vtable->encode(transport->self, message, &body);
  if (status != SD_OK) {
    sd_buf_release(&body);
    sd_sender_drop(sender, SD_TROUBLE_REFUSED, records, sd_status_text(status));
    return;
  }
  attempt(sender, sd_buf_bytes(&body), records, &result);
  sd_buf_release(&body);
  switch (result.outcome) {
  case SD_SEND_TAKEN:
    account(sender, records, &result);
    break;
  case SD_SEND_AGAIN: /* given up and counted */
    break;
  case SD_SEND_SPLIT:
    if (depth < result.split_depth && depth < SD_SENDER_SPLIT_DEPTH_MAX)
      split(sender, message, records, depth, result.text);
    else
      sd_sender_drop(sender, SD_TROUBLE_REFUSED, records, result.text);
    break;
  case SD_SEND_REFUSED:
    sd_sender_drop(sender, SD_TROUBLE_REFUSED, records, result.text);
    break;
  case SD_SEND_CANCELLED:
    drop_at_end(sender, records);
    break;
  }
}

static void *run(void *user)
{
  sd_sender *sender = user;
  pthread_mutex_lock(&sender->lock);
  for (;;) {
    while (!sender->head && !sender->stopping)
      pthread_cond_wait(&sender->changed, &sender->lock);
    if (sender->stopping)
      break;
    request *r = sender->head;
    sender->head = r->next;
    if (!sender->head)
      sender->tail = NULL;
    sender->in_flight = r;
    pthread_mutex_unlock(&sender->lock);
    deliver(sender, sd_bytes_make(r->data, r->len), r->records, 0);
    pthread_mutex_lock(&sender->lock);
    sender->in_flight = NULL;
    sender->bytes -= r->len;
    sender->done_count++;
    pthread_cond_broadcast(&sender->changed);
    sd_free(r);
  }
  sender->ended = true;
  pthread_cond_broadcast(&sender->changed);
  pthread_mutex_unlock(&sender->lock);
  return NULL;
}

/* Locked. Signals are for the program's own threads. */
static bool start(sd_sender *sender)
{
  sigset_t all, before;
  pthread_attr_t attributes;
  char name[16];
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  sender->started = pthread_create(&sender->thread, &attributes, run, sender) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (sender->started) {
    snprintf(name, sizeof name, "sd-otlp-%s",
             sender->options.signal == SD_SIGNAL_TRACES    ? "traces"
             : sender->options.signal == SD_SIGNAL_METRICS ? "metrics"
                                                           : "logs");
    pthread_setname_np(sender->thread, name);
  }
  return sender->started;
}

/* ---- The callers' side ---------------------------------------------------------------------------------
 */

void sd_sender_put(sd_sender *sender, sd_bytes message, size_t records)
{
  request *r = sd_alloc(sizeof *r + message.len);
  const char *problem = NULL;
  if (r) {
    *r = (request){.records = records, .len = message.len};
    memcpy(r->data, message.data, message.len);
  }
  pthread_mutex_lock(&sender->lock);
  if (sender->stopping)
    problem = "the exporter has stopped";
  else if (!r)
    problem = "out of memory";
  else if (sender->bytes + message.len > sender->options.queue_bytes)
    problem = "the receiver is slow or away";
  else if (!sender->started && !start(sender))
    problem = "no thread could be started";
  if (!problem) {
    if (sender->tail)
      sender->tail->next = r;
    else
      sender->head = r;
    sender->tail = r;
    sender->bytes += message.len;
    sender->put_count++;
    pthread_cond_broadcast(&sender->changed);
  }
  pthread_mutex_unlock(&sender->lock);
  if (problem) {
    sd_free(r);
    sd_sender_drop(sender, SD_TROUBLE_QUEUE_FULL, records, problem);
  }
}

sd_status sd_sender_flush(sd_sender *sender, uint64_t deadline_ns)
{
  sd_status status = SD_OK;
  pthread_mutex_lock(&sender->lock);
  uint64_t target = sender->put_count;
  while (sender->done_count < target && status == SD_OK) {
    if (sender->stopping || !wait_until(sender, deadline_ns))
      status = SD_TIMEOUT;
  }
  pthread_mutex_unlock(&sender->lock);
  return status;
}

void sd_sender_cancel(sd_sender *sender)
{
  pthread_mutex_lock(&sender->lock);
  sender->stopping = true;
  pthread_cond_broadcast(&sender->changed);
  pthread_mutex_unlock(&sender->lock);
  sender->options.transport.vtable->cancel_at(sender->options.transport.self, 0);
}

sd_status sd_sender_stop(sd_sender *sender, uint64_t deadline_ns)
{
  sd_sender_cancel(sender);
  uint64_t now = sd_clock_monotonic_ns();
  uint64_t until = (deadline_ns > now ? deadline_ns : now) + SD_SENDER_STOP_GRACE_MS * NS_PER_MS;
  pthread_mutex_lock(&sender->lock);
  bool in_time = true;
  while (sender->started && !sender->ended && in_time)
    in_time = wait_until(sender, until);
  size_t records = empty_queue(sender);
  if (!in_time && sender->in_flight)
    records += sender->in_flight->records;
  bool joinable = sender->started && in_time;
  if (sender->started && !in_time)
    pthread_detach(sender->thread);
  sender->started = false;
  pthread_mutex_unlock(&sender->lock);
  if (joinable)
    pthread_join(sender->thread, NULL);
  if (records)
    drop_at_end(sender, records);
  return in_time ? SD_OK : SD_TIMEOUT;
}

void sd_sender_after_fork(sd_sender *sender)
{
  /* The thread exists in the parent only. Where it, or the one that puts, held the lock at the fork the list
   * may be half changed: its memory is then given up. */
  bool consistent = pthread_mutex_trylock(&sender->lock) == 0;
  uint64_t records = consistent ? empty_queue(sender) : 0;
  if (consistent && sender->in_flight) {
    records += sender->in_flight->records;
    sd_free(sender->in_flight);
  }
  init_locks(sender);
  sender->head = sender->tail = sender->in_flight = NULL;
  sender->bytes = 0;
  sender->put_count = sender->done_count = 0;
  sender->started = sender->ended = false;
  sender->throttled_until = 0;
  sender->exported = sender->dropped_export = sender->dropped_shutdown = 0;
  sender->calls = sender->retries = sender->bytes_sent = 0;
  sender->dropped_fork = counts_records(sender) ? records : 0;
  sender->options.transport.vtable->after_fork(sender->options.transport.self);
}

void sd_sender_add_stats(const sd_sender *sender, sd_telemetry_stats *stats)
{
  stats->records_exported += sender->exported;
  stats->dropped_export += sender->dropped_export;
  stats->dropped_shutdown += sender->dropped_shutdown;
  stats->dropped_fork += sender->dropped_fork;
  stats->export_calls += sender->calls;
  stats->export_retries += sender->retries;
  stats->bytes_sent += sender->bytes_sent;
}
