/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The sender over a transport that answers as the test says. */
#include "export/sender.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "export/otlp_split.h"
#include "trace/protobuf.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NS_PER_S UINT64_C(1000000000)

enum { SCRIPT_MAX = 16, FAR_S = 60 };

/* Answers by a script, the last step for ever. */
typedef struct fake {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  sd_send_result script[SCRIPT_MAX];
  size_t steps;
  size_t attempts;
  size_t records;   /* of requests that were taken */
  size_t too_large; /* records: from here on a request is too large; 0: never */
  bool holds;       /* an attempt waits until it is cancelled or released */
  bool cancelled;
  bool freed;
  size_t last_len;
} fake;

static sd_status fake_encode(void *self, sd_bytes request, sd_buf *out)
{
  (void)self;
  return sd_buf_append_bytes(out, request);
}

static void fake_send(void *self, sd_bytes body, uint32_t timeout_ms, sd_send_result *result)
{
  fake *f = self;
  size_t records;
  assert_true(timeout_ms > 0);
  assert_int_equal(sd_otlp_count(SD_SIGNAL_TRACES, body, &records), SD_OK);
  pthread_mutex_lock(&f->lock);
  f->last_len = body.len;
  size_t step = f->attempts < f->steps ? f->attempts : f->steps - 1;
  f->attempts++;
  pthread_cond_broadcast(&f->changed);
  while (f->holds && !f->cancelled)
    pthread_cond_wait(&f->changed, &f->lock);
  if (f->cancelled)
    result->outcome = SD_SEND_CANCELLED;
  else if (f->too_large && records >= f->too_large)
    *result = (sd_send_result){.outcome = SD_SEND_SPLIT, .split_depth = 20, .text = "too large"};
  else if (f->steps)
    *result = f->script[step];
  else
    result->outcome = SD_SEND_TAKEN;
  result->answered = true;
  if (result->outcome == SD_SEND_TAKEN)
    f->records += records;
  pthread_mutex_unlock(&f->lock);
}

static void fake_cancel_at(void *self, uint64_t deadline_ns)
{
  fake *f = self;
  assert_int_equal(deadline_ns, 0);
  pthread_mutex_lock(&f->lock);
  f->cancelled = true;
  pthread_cond_broadcast(&f->changed);
  pthread_mutex_unlock(&f->lock);
}

static void fake_after_fork(void *self)
{
  fake *f = self;
  pthread_mutex_init(&f->lock, NULL);
  pthread_cond_init(&f->changed, NULL);
  f->holds = f->cancelled = false;
  f->attempts = f->records = 0;
}

static void fake_free(void *self)
{
  fake *f = self;
  f->freed = true;
}

static const sd_transport_vtable fake_vtable = {.encode = fake_encode,
                                                .send = fake_send,
                                                .cancel_at = fake_cancel_at,
                                                .after_fork = fake_after_fork,
                                                .free = fake_free};

typedef struct fixture {
  fake transport;
  sd_diagnostic *diagnostic;
  sd_sender *sender;
  pthread_mutex_t lock;
  size_t lines;
  char last[2048];
} fixture;

static void on_line(void *user, int level, const char *message)
{
  fixture *f = user;
  (void)level;
  pthread_mutex_lock(&f->lock);
  f->lines++;
  snprintf(f->last, sizeof f->last, "%s", message);
  pthread_mutex_unlock(&f->lock);
}

static void open_fixture(fixture *f, size_t queue_bytes, uint32_t timeout_ms)
{
  *f = (fixture){.lines = 0};
  pthread_mutex_init(&f->lock, NULL);
  pthread_mutex_init(&f->transport.lock, NULL);
  pthread_cond_init(&f->transport.changed, NULL);
  assert_int_equal(sd_diagnostic_new(on_line, f, &f->diagnostic), SD_OK);
  sd_sender_options options = {.signal = SD_SIGNAL_TRACES,
                               .queue_bytes = queue_bytes,
                               .timeout_ms = timeout_ms,
                               .backoff_base_ms = 1,
                               .backoff_cap_ms = 4,
                               .transport = {&fake_vtable, &f->transport},
                               .diagnostic = f->diagnostic};
  assert_int_equal(sd_sender_new(&options, &f->sender), SD_OK);
}

static void close_fixture(fixture *f)
{
  assert_int_equal(sd_sender_stop(f->sender, sd_clock_monotonic_ns() + FAR_S * NS_PER_S), SD_OK);
  sd_sender_free(f->sender);
  assert_true(f->transport.freed);
  sd_diagnostic_free(f->diagnostic);
}

static void step(fixture *f, sd_send_result result)
{
  f->transport.script[f->transport.steps++] = result;
}

/* An ExportTraceServiceRequest with that many spans named "s". */
static size_t make_request(size_t spans, uint8_t *dst)
{
  uint8_t scope[4096], *at = scope;
  for (size_t i = 0; i < spans; i++)
    at = sd_pb_put_bytes(at, 2, "\x2a\x01s", 3);
  uint8_t resource[4200];
  uint8_t *end = sd_pb_put_bytes(resource, 2, scope, (size_t)(at - scope));
  return (size_t)(sd_pb_put_bytes(dst, 1, resource, (size_t)(end - resource)) - dst);
}

static size_t put(fixture *f, size_t spans)
{
  uint8_t request[4400];
  size_t len = make_request(spans, request);
  sd_sender_put(f->sender, sd_bytes_make(request, len), spans);
  return len;
}

static void flush(fixture *f)
{
  assert_int_equal(sd_sender_flush(f->sender, sd_clock_monotonic_ns() + FAR_S * NS_PER_S), SD_OK);
}

static sd_telemetry_stats stats_of(const fixture *f)
{
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_sender_add_stats(f->sender, &stats);
  return stats;
}

static void wait_for_attempts(fixture *f, size_t attempts)
{
  pthread_mutex_lock(&f->transport.lock);
  while (f->transport.attempts < attempts)
    pthread_cond_wait(&f->transport.changed, &f->transport.lock);
  pthread_mutex_unlock(&f->transport.lock);
}

static void what_is_taken_is_counted(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 10000);
  size_t bytes = put(&f, 3) + put(&f, 4);
  flush(&f);
  sd_telemetry_stats stats = stats_of(&f);
  assert_int_equal(stats.records_exported, 7);
  assert_int_equal(stats.export_calls, 2);
  assert_int_equal(stats.export_retries, 0);
  assert_int_equal(stats.dropped_export, 0);
  assert_int_equal(stats.bytes_sent, bytes);
  assert_int_equal(f.lines, 0);
  close_fixture(&f);
}

static void a_request_is_tried_until_it_is_taken(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 60000);
  for (int i = 0; i < 5; i++)
    step(&f, (sd_send_result){.outcome = SD_SEND_AGAIN, .text = "busy"});
  step(&f, (sd_send_result){.outcome = SD_SEND_TAKEN});
  put(&f, 2);
  flush(&f);
  sd_telemetry_stats stats = stats_of(&f);
  assert_int_equal(f.transport.attempts, 6);
  assert_int_equal(stats.records_exported, 2);
  assert_int_equal(stats.export_calls, 6);
  assert_int_equal(stats.export_retries, 5);
  close_fixture(&f);
}

static void a_refused_request_is_tried_once_and_told(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 60000);
  step(&f, (sd_send_result){.outcome = SD_SEND_REFUSED, .text = "http://h answered 400: no"});
  put(&f, 2);
  flush(&f);
  assert_int_equal(f.transport.attempts, 1);
  assert_int_equal(stats_of(&f).dropped_export, 2);
  assert_string_equal(f.last, "telemetry export: 2 records dropped: http://h answered 400: no");
  close_fixture(&f);
}

static void the_time_out_ends_the_attempts(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 100);
  step(&f, (sd_send_result){.outcome = SD_SEND_AGAIN, .text = "busy"});
  put(&f, 2);
  flush(&f);
  assert_true(f.transport.attempts > 5);
  assert_int_equal(stats_of(&f).dropped_export, 2);
  assert_non_null(strstr(f.last, "dropped after retries: busy"));
  close_fixture(&f);
}

static void a_longer_silence_than_the_time_out_is_not_waited_for_and_kept_by_the_next(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 100);
  step(&f, (sd_send_result){.outcome = SD_SEND_AGAIN, .delay_ms = 400, .text = "busy"});
  step(&f, (sd_send_result){.outcome = SD_SEND_TAKEN});
  uint64_t began = sd_clock_monotonic_ns();
  put(&f, 1);
  put(&f, 2);
  flush(&f);
  assert_int_equal(f.transport.attempts, 2);
  assert_int_equal(stats_of(&f).dropped_export, 1);
  assert_int_equal(stats_of(&f).records_exported, 2);
  assert_true(sd_clock_monotonic_ns() - began >= 400 * (NS_PER_S / 1000));
  close_fixture(&f);
}

static void a_full_queue_drops_the_newest_and_never_waits(void **state)
{
  (void)state;
  fixture f;
  uint8_t request[4400];
  size_t len = make_request(10, request);
  open_fixture(&f, 3 * len, 60000);
  f.transport.holds = true;
  put(&f, 10); /* on its way, and still counted in the queue */
  wait_for_attempts(&f, 1);
  put(&f, 10);
  put(&f, 10);
  assert_int_equal(stats_of(&f).dropped_export, 0);
  put(&f, 10);
  put(&f, 10);
  assert_int_equal(stats_of(&f).dropped_export, 20);
  assert_int_equal(f.lines, 1);
  pthread_mutex_lock(&f.transport.lock);
  f.transport.holds = false;
  pthread_cond_broadcast(&f.transport.changed);
  pthread_mutex_unlock(&f.transport.lock);
  flush(&f);
  assert_int_equal(stats_of(&f).records_exported, 30);
  put(&f, 10);
  flush(&f);
  assert_int_equal(stats_of(&f).records_exported, 40);
  close_fixture(&f);
}

static void a_request_that_is_too_large_is_halved_until_it_fits(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 60000);
  f.transport.too_large = 3;
  put(&f, 9);
  flush(&f);
  assert_int_equal(f.transport.records, 9);
  assert_int_equal(stats_of(&f).records_exported, 9);
  assert_int_equal(stats_of(&f).dropped_export, 0);
  /* A single record cannot be halved. */
  f.transport.too_large = 1;
  f.transport.attempts = 0;
  put(&f, 4);
  flush(&f);
  assert_int_equal(f.transport.attempts, 7);
  assert_int_equal(stats_of(&f).dropped_export, 4);
  close_fixture(&f);
}

static void a_transport_says_how_often_to_halve(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 60000);
  step(&f, (sd_send_result){.outcome = SD_SEND_SPLIT, .split_depth = 1, .text = "exhausted"});
  put(&f, 8);
  flush(&f);
  assert_int_equal(f.transport.attempts, 3);
  assert_int_equal(stats_of(&f).dropped_export, 8);
  close_fixture(&f);
}

static void a_partial_success_is_counted_told_and_not_repeated(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 60000);
  step(&f, (sd_send_result){.outcome = SD_SEND_TAKEN, .rejected = 2, .text = "too old"});
  step(&f, (sd_send_result){.outcome = SD_SEND_TAKEN, .rejected = 99, .text = "too old"});
  step(&f, (sd_send_result){.outcome = SD_SEND_TAKEN, .text = "only a warning", .warning = "Logfire: hi"});
  put(&f, 5);
  flush(&f);
  assert_int_equal(stats_of(&f).records_exported, 3);
  assert_int_equal(stats_of(&f).dropped_export, 2);
  assert_string_equal(f.last, "telemetry export: 2 records refused by the receiver: too old");
  put(&f, 5);
  flush(&f);
  assert_int_equal(stats_of(&f).dropped_export, 7);
  assert_int_equal(f.lines, 1);
  put(&f, 5);
  flush(&f);
  assert_int_equal(stats_of(&f).records_exported, 8);
  assert_int_equal(f.lines, 3);
  assert_int_equal(f.transport.attempts, 3);
  close_fixture(&f);
}

static void stopping_cancels_and_counts_what_was_not_sent(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 60000);
  f.transport.holds = true;
  put(&f, 1);
  put(&f, 2);
  put(&f, 3);
  wait_for_attempts(&f, 1);
  assert_int_equal(sd_sender_flush(f.sender, sd_clock_monotonic_ns() + NS_PER_S / 50), SD_TIMEOUT);
  assert_int_equal(sd_sender_stop(f.sender, 0), SD_OK);
  assert_int_equal(stats_of(&f).dropped_shutdown, 6);
  put(&f, 4);
  assert_int_equal(stats_of(&f).dropped_export, 4);
  close_fixture(&f);
}

static void stopping_ends_a_wait_between_attempts(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 300000);
  step(&f, (sd_send_result){.outcome = SD_SEND_AGAIN, .delay_ms = 200000, .text = "busy"});
  put(&f, 1);
  wait_for_attempts(&f, 1);
  assert_int_equal(sd_sender_stop(f.sender, 0), SD_OK);
  assert_int_equal(stats_of(&f).dropped_shutdown, 1);
  close_fixture(&f);
}

static void a_sender_without_requests_has_no_thread(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, 1 << 20, 300000);
  flush(&f);
  close_fixture(&f);
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#endif

static void a_child_begins_anew(void **state)
{
  (void)state;
#ifdef UNDER_TSAN
  skip(); /* it allows no thread in the child of a process with threads */
#endif
  fixture f;
  open_fixture(&f, 1 << 20, 60000);
  f.transport.holds = true;
  put(&f, 1);
  wait_for_attempts(&f, 1);
  put(&f, 2);
  pid_t child = fork();
  if (child == 0) {
    sd_sender_after_fork(f.sender);
    put(&f, 4);
    bool good = sd_sender_flush(f.sender, sd_clock_monotonic_ns() + FAR_S * NS_PER_S) == SD_OK;
    sd_telemetry_stats stats = stats_of(&f);
    good = good && stats.dropped_fork == 3 && stats.records_exported == 4 && stats.export_calls == 1;
    good = good && sd_sender_stop(f.sender, 0) == SD_OK;
    _exit(good ? 0 : 1);
  }
  int code;
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_int_equal(code, 0);
  pthread_mutex_lock(&f.transport.lock);
  f.transport.holds = false;
  pthread_cond_broadcast(&f.transport.changed);
  pthread_mutex_unlock(&f.transport.lock);
  flush(&f);
  assert_int_equal(stats_of(&f).records_exported, 3);
  close_fixture(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_taken_is_counted),
      cmocka_unit_test(a_request_is_tried_until_it_is_taken),
      cmocka_unit_test(a_refused_request_is_tried_once_and_told),
      cmocka_unit_test(the_time_out_ends_the_attempts),
      cmocka_unit_test(a_longer_silence_than_the_time_out_is_not_waited_for_and_kept_by_the_next),
      cmocka_unit_test(a_full_queue_drops_the_newest_and_never_waits),
      cmocka_unit_test(a_request_that_is_too_large_is_halved_until_it_fits),
      cmocka_unit_test(a_transport_says_how_often_to_halve),
      cmocka_unit_test(a_partial_success_is_counted_told_and_not_repeated),
      cmocka_unit_test(stopping_cancels_and_counts_what_was_not_sent),
      cmocka_unit_test(stopping_ends_a_wait_between_attempts),
      cmocka_unit_test(a_sender_without_requests_has_no_thread),
      cmocka_unit_test(a_child_begins_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
