/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Surviving fork: the child records on its own, and what its parent recorded stays the parent's. */
#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A child of several threads that makes a thread of its own is what is tested here. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
  return "die_after_fork=0";
}

/* ASan's allocator is not made for fork: a lock that another thread holds in it at that moment stays locked
 * in the child. So the parent's thread rests when a test forks, and the test in which threads never rest is
 * left out. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

enum { CHILD_SECONDS = 30 };

/* In the child: ends it with the line that found a fault. */
#define REQUIRE(condition)                                                                                   \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "child: line %d: %s\n", __LINE__, #condition);                                         \
      _exit(1);                                                                                              \
    }                                                                                                        \
  } while (0)

static void assert_child_succeeds(pid_t pid)
{
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    assert_int_equal(errno, EINTR);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* Returns once the telemetry's thread has started and rests; the record of it is in r. */
static void settle(sd_telemetry *telemetry)
{
  sd_span_end(sd_span_start(sd_telemetry_tracer(telemetry, "test", NULL), "settles", NULL));
  flush(telemetry);
}

static pid_t fork_timed(void)
{
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    alarm(CHILD_SECONDS); /* a child that hangs dies by it */
  return pid;
}

static const char *instance_id(const sd_telemetry *telemetry)
{
  size_t count;
  const sd_attribute *attributes = sd_telemetry_resource(telemetry, &count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(attributes[i].key, "service.instance.id") == 0)
      return attributes[i].value.as.string;
  }
  return NULL;
}

static int64_t process_id(const sd_telemetry *telemetry)
{
  size_t count;
  const sd_attribute *attributes = sd_telemetry_resource(telemetry, &count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(attributes[i].key, "process.pid") == 0)
      return attributes[i].value.as.integer;
  }
  return 0;
}

static void the_child_exports_its_own_records_only(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry_options options = {.struct_size = sizeof options, .delay_ms = 3600 * 1000};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  char parents_id[64];
  snprintf(parents_id, sizeof parents_id, "%s", instance_id(telemetry));
  settle(telemetry);
  for (int i = 0; i < 3; i++)
    sd_span_end(sd_span_start(tracer, "parent's", NULL));
  sd_span *open = sd_span_start(tracer, "parent's open", NULL);
  sd_context previous = sd_span_attach(open);
  pid_t pid = fork_timed();
  if (pid == 0) {
    sd_telemetry_stats stats = stats_of(telemetry);
    REQUIRE(r.forks == 1);
    REQUIRE(stats.dropped_fork == 3);
    REQUIRE(stats.records_queued == 0);
    REQUIRE(stats.spans_started == 0);
    REQUIRE(strcmp(instance_id(telemetry), parents_id) != 0);
    REQUIRE(strlen(instance_id(telemetry)) == 36);
    REQUIRE(process_id(telemetry) == getpid());
    sd_span_end(sd_span_start(tracer, "child's", NULL));
    sd_span_end(open); /* the parent ends it too */
    REQUIRE(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, NULL) == SD_OK);
    REQUIRE(r.count == 2);
    REQUIRE(strcmp(r.records[1].name, "child's") == 0);
    sd_context current = sd_context_current();
    REQUIRE(memcmp(r.records[1].trace_id, current.trace_id, SD_TRACE_ID_SIZE) == 0);
    stats = stats_of(telemetry);
    REQUIRE(stats.dropped_fork == 4);
    REQUIRE(stats.spans_started == 1 && stats.spans_live == 0);
    REQUIRE(sd_telemetry_shutdown(telemetry, RECORDER_TIMEOUT_MS, NULL) == SD_OK);
    sd_telemetry_free(telemetry);
    _exit(0);
  }
  assert_child_succeeds(pid);
  sd_context_restore(&previous);
  sd_span_end(open);
  flush(telemetry);
  assert_int_equal(r.count, 5);
  assert_int_equal(stats_of(telemetry).dropped_fork, 0);
  assert_string_equal(instance_id(telemetry), parents_id);
  assert_int_equal(process_id(telemetry), getpid());
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void ids_of_parent_and_child_differ(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry *telemetry = recorder_telemetry(&r, NULL);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  settle(telemetry);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t pid = fork_timed();
  sd_span *span = sd_span_start(tracer, "span", NULL);
  sd_context context = sd_span_context(span);
  if (pid == 0) {
    REQUIRE(write(ends[1], context.trace_id, SD_TRACE_ID_SIZE) == SD_TRACE_ID_SIZE);
    REQUIRE(write(ends[1], context.span_id, SD_SPAN_ID_SIZE) == SD_SPAN_ID_SIZE);
    _exit(0);
  }
  uint8_t ids[SD_TRACE_ID_SIZE + SD_SPAN_ID_SIZE];
  assert_int_equal(read(ends[0], ids, SD_TRACE_ID_SIZE), SD_TRACE_ID_SIZE);
  assert_int_equal(read(ends[0], ids + SD_TRACE_ID_SIZE, SD_SPAN_ID_SIZE), SD_SPAN_ID_SIZE);
  assert_memory_not_equal(ids, context.trace_id, SD_TRACE_ID_SIZE);
  assert_memory_not_equal(ids + SD_TRACE_ID_SIZE, context.span_id, SD_SPAN_ID_SIZE);
  assert_child_succeeds(pid);
  close(ends[0]);
  close(ends[1]);
  sd_span_end(span);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

typedef struct busy {
  sd_tracer *tracer;
  atomic_bool stop;
} busy;

static void *record_all_the_time(void *user)
{
  busy *b = user;
  while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
    sd_context previous;
    sd_span *span = sd_span_start_in(b->tracer, "busy", NULL, &previous);
    sd_span_set_int(span, "n", 1);
    sd_span_set_string(span, "password", "x");
    sd_context_restore(&previous);
    sd_span_end(span);
  }
  return NULL;
}

/* Every child, whatever moment of its parent's threads it copied, records, exports and ends. */
static void forking_while_threads_record_leaves_no_lock_behind(void **state)
{
  (void)state;
  if (HAS_ASAN)
    skip();
  recorder r;
  recorder_init(&r);
  r.only_counts = true;
  sd_telemetry_options options = {.struct_size = sizeof options,
                                  .delay_ms = 1,
                                  .ring_bytes = 512 * 1024,
                                  .tail = {.enabled = true, .background_ratio = 1}};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  busy b = {.tracer = sd_telemetry_tracer(telemetry, "test", NULL)};
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, record_all_the_time, &b), 0);
  recorder_wait_count(&r, 1);
  for (int i = 0; i < 25; i++) {
    pid_t pid = fork_timed();
    if (pid == 0) {
      size_t before = r.count;
      sd_tracer *other = sd_telemetry_tracer(telemetry, "child", NULL);
      for (int n = 0; n < 100; n++)
        sd_span_end(sd_span_start(other, "child's", NULL));
      REQUIRE(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, NULL) == SD_OK);
      REQUIRE(r.count == before + 100);
      sd_telemetry_free(telemetry);
      _exit(0);
    }
    assert_child_succeeds(pid);
  }
  atomic_store(&b.stop, true);
  for (size_t i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  flush(telemetry);
  sd_telemetry_stats stats = stats_of(telemetry);
  assert_true(stats.records_exported <= stats.spans_started);
  assert_true(stats.records_exported + stats.dropped_queue_full >= stats.spans_started);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void a_fork_while_an_exporter_blocks_goes_through(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry_options options = {.struct_size = sizeof options, .delay_ms = 1, .batch_records = 1};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  recorder_hold(&r);
  sd_span_end(sd_span_start(tracer, "held", NULL));
  recorder_wait_inside(&r);
  sd_span_end(sd_span_start(tracer, "waits", NULL));
  pid_t pid = fork_timed();
  if (pid == 0) {
    size_t before = r.count;
    sd_span_end(sd_span_start(tracer, "child's", NULL));
    REQUIRE(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, NULL) == SD_OK);
    REQUIRE(r.count == before + 1);
    sd_telemetry_free(telemetry);
    _exit(0);
  }
  assert_child_succeeds(pid);
  recorder_let_go(&r);
  flush(telemetry);
  assert_int_equal(r.count, 2);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void a_child_that_records_nothing_starts_no_thread(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry *telemetry = recorder_telemetry(&r, NULL);
  settle(telemetry);
  pid_t pid = fork_timed();
  if (pid == 0) {
    sd_telemetry_free(telemetry);
    REQUIRE(r.count == 1 && r.frees == 1);
    _exit(0);
  }
  assert_child_succeeds(pid);
  flush(telemetry);
  assert_int_equal(r.count, 1);
  sd_telemetry_free(telemetry);
  /* no handler touches what is gone */
  pid = fork_timed();
  if (pid == 0)
    _exit(0);
  assert_child_succeeds(pid);
  recorder_release(&r);
}

static void a_grandchild_is_a_child_too(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry *telemetry = recorder_telemetry(&r, NULL);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  pid_t pid = fork_timed();
  if (pid == 0) {
    sd_span_end(sd_span_start(tracer, "child's", NULL));
    REQUIRE(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, NULL) == SD_OK);
    pid_t inner = fork();
    if (inner == 0) {
      alarm(CHILD_SECONDS);
      sd_span_end(sd_span_start(tracer, "grandchild's", NULL));
      REQUIRE(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, NULL) == SD_OK);
      REQUIRE(count_named(&r, "grandchild's") == 1);
      REQUIRE(stats_of(telemetry).spans_started == 1);
      _exit(0);
    }
    int status = 1;
    REQUIRE(waitpid(inner, &status, 0) == inner && status == 0);
    REQUIRE(sd_telemetry_flush(telemetry, RECORDER_TIMEOUT_MS, NULL) == SD_OK);
    REQUIRE(r.count == 1);
    _exit(0);
  }
  assert_child_succeeds(pid);
  sd_telemetry_free(telemetry);
  assert_int_equal(r.count, 0);
  recorder_release(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_child_exports_its_own_records_only),
      cmocka_unit_test(ids_of_parent_and_child_differ),
      cmocka_unit_test(forking_while_threads_record_leaves_no_lock_behind),
      cmocka_unit_test(a_fork_while_an_exporter_blocks_goes_through),
      cmocka_unit_test(a_child_that_records_nothing_starts_no_thread),
      cmocka_unit_test(a_grandchild_is_a_child_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
