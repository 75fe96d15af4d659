/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The process's metrics: compared with what the process does. */
#include "metrics_rig.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static sd_telemetry *telemetry;
static sd_metric_reader *reader;
static seen all;

static int begin(void **state)
{
  (void)state;
  telemetry = rig_telemetry(NULL);
  reader = rig_reader(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  assert_int_equal(sd_process_metrics_register(rig_tracer(telemetry), NULL), SD_OK);
  return 0;
}

static int end(void **state)
{
  (void)state;
  sd_telemetry_free(telemetry);
  return 0;
}

static double user_seconds(void)
{
  struct rusage usage;
  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static void processor_time_lies_between_two_readings(void **state)
{
  (void)state;
  double before = user_seconds();
  rig_collect(reader, &all);
  double after = user_seconds();
  double told = rig_find(&all, "process.cpu.time", "cpu.mode=user")->value.number;
  assert_true(told >= before && told <= after);
  assert_true(rig_find(&all, "process.cpu.time", "cpu.mode=system")->value.number >= 0);
  assert_int_equal(rig_find(&all, "process.cpu.time", "cpu.mode=user")->kind, SD_COUNTER);
}

static void memory_is_whole_pages(void **state)
{
  (void)state;
  long page = sysconf(_SC_PAGESIZE);
  rig_collect(reader, &all);
  int64_t resident = rig_find(&all, "process.memory.usage", "")->value.integer;
  int64_t committed = rig_find(&all, "process.memory.virtual", "")->value.integer;
  assert_true(resident > 0 && resident % page == 0);
  assert_true(committed >= resident && committed % page == 0);
}

static void open_descriptors_are_counted(void **state)
{
  (void)state;
  rig_collect(reader, &all);
  int64_t before = rig_find(&all, "process.unix.file_descriptor.count", "")->value.integer;
  int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  rig_collect(reader, &all);
  assert_int_equal(rig_find(&all, "process.unix.file_descriptor.count", "")->value.integer, before + 1);
  close(file);
}

typedef struct gates {
  pthread_barrier_t ready; /* the thread runs */
  pthread_barrier_t end;   /* both threads may end */
} gates;

static void *wait_at(void *user)
{
  gates *g = user;
  pthread_barrier_wait(&g->ready);
  pthread_barrier_wait(&g->end);
  return NULL;
}

static int64_t threads_with_one_more(gates *g, pthread_t *thread)
{
  assert_int_equal(pthread_create(thread, NULL, wait_at, g), 0);
  pthread_barrier_wait(&g->ready);
  rig_collect(reader, &all);
  return rig_find(&all, "process.thread.count", "")->value.integer;
}

/* From one to two: a sanitizer adds a thread of its own with the first one. */
static void threads_are_counted(void **state)
{
  (void)state;
  gates g;
  pthread_t threads[2];
  assert_int_equal(pthread_barrier_init(&g.ready, NULL, 2), 0);
  assert_int_equal(pthread_barrier_init(&g.end, NULL, 3), 0);
  int64_t first = threads_with_one_more(&g, &threads[0]);
  int64_t second = threads_with_one_more(&g, &threads[1]);
  assert_true(first >= 2);
  assert_int_equal(second, first + 1);
  pthread_barrier_wait(&g.end);
  assert_int_equal(pthread_join(threads[0], NULL), 0);
  assert_int_equal(pthread_join(threads[1], NULL), 0);
  pthread_barrier_destroy(&g.ready);
  pthread_barrier_destroy(&g.end);
}

static void without_a_tracer_nothing_happens(void **state)
{
  (void)state;
  assert_int_equal(sd_process_metrics_register(NULL, NULL), SD_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(processor_time_lies_between_two_readings, begin, end),
      cmocka_unit_test_setup_teardown(memory_is_whole_pages, begin, end),
      cmocka_unit_test_setup_teardown(open_descriptors_are_counted, begin, end),
      cmocka_unit_test_setup_teardown(threads_are_counted, begin, end),
      cmocka_unit_test(without_a_tracer_nothing_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
